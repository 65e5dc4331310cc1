//! The nodes that share a table with this one: they are told what it changes, and it takes in what they change
//! (liveness rule 16).

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::ServiceName;
use discovery_dynamodb::{Announcer, Listener, News};
use discovery_local::Cached;
use discovery_xds::{Origin, Xds};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::background::{Trouble, every};

/// The pause between two announcements, and between two looks at those of others.
const PAUSE: Duration = Duration::from_secs(1);

/// The ways to and from the other nodes.
pub(crate) struct OtherNodes {
    pub(crate) announcer: Announcer,
    pub(crate) listener: Listener,
    /// The lists that are read again when another node has changed them.
    pub(crate) cached: Cached,
}

impl OtherNodes {
    /// Starts to tell them, and to listen.
    pub(crate) fn join(
        self,
        tasks: &mut JoinSet<()>,
        xds: &Arc<Xds>,
        changes: Receiver<ServiceName>,
    ) {
        let Self {
            announcer,
            listener,
            cached,
        } = self;
        tasks.spawn(keep_announcing(announcer, changes));
        tasks.spawn(keep_listening(listener, cached, Arc::clone(xds)));
    }
}

/// Announces changes: the first at once, and those that come within a second of it together.
async fn keep_announcing(mut announcer: Announcer, mut changes: Receiver<ServiceName>) {
    let mut trouble = Trouble::of("changes can't be announced to the other nodes");
    loop {
        match changes.recv().await {
            Ok(service) => announcer.changed(service),
            Err(RecvError::Lagged(_)) => announcer.missed(),
            Err(RecvError::Closed) => return,
        }
        loop {
            gather(&mut announcer, &mut changes);
            let outcome = announcer.announce().await;
            trouble.note(&outcome);
            sleep(PAUSE).await;
            if outcome.is_ok() {
                break;
            }
        }
    }
}

/// Takes in the changes that are there already.
fn gather(announcer: &mut Announcer, changes: &mut Receiver<ServiceName>) {
    loop {
        match changes.try_recv() {
            Ok(service) => announcer.changed(service),
            Err(TryRecvError::Lagged(_)) => announcer.missed(),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}

/// Takes in what other nodes have changed.
async fn keep_listening(mut listener: Listener, cached: Cached, xds: Arc<Xds>) {
    let mut trouble = Trouble::of("the other nodes' announcements can't be read");
    let mut ticks = every(PAUSE);
    loop {
        ticks.tick().await;
        let news = listener.news().await;
        trouble.note(&news);
        if let Ok(news) = news {
            take_in(&news, &cached, &xds);
        }
    }
}

fn take_in(news: &News, cached: &Cached, xds: &Xds) {
    if news.incomplete {
        cached.anything_changed_elsewhere();
        xds.missed_changes();
    }
    cached.changed_elsewhere(&news.services);
    for service in &news.services {
        xds.changed(service, Origin::Elsewhere);
    }
}
