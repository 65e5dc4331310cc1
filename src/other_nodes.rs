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
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::background::{Trouble, every};

/// The pause between two announcements, and between two looks at those of others.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a stop waits for the last announcement.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// The ways to and from the other nodes.
pub(crate) struct OtherNodes {
    pub(crate) announcer: Announcer,
    pub(crate) listener: Listener,
    /// The lists that are read again when another node has changed them.
    pub(crate) cached: Cached,
}

/// Tells the other nodes what this one changes, until the end.
pub(crate) struct Telling {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Telling {
    /// Tells them what was changed last.
    pub(crate) async fn end(self) {
        // Where nobody hears it, the task has ended.
        let _ = self.stop.send(());
        if timeout(LAST_PATIENCE, self.task).await.is_err() {
            warn!("stopped without telling the other nodes of the last changes");
        }
    }
}

impl OtherNodes {
    /// Starts to tell them, and to listen.
    pub(crate) fn join(
        self,
        tasks: &mut JoinSet<()>,
        xds: &Arc<Xds>,
        changes: Receiver<ServiceName>,
    ) -> Telling {
        let Self {
            announcer,
            listener,
            cached,
        } = self;
        tasks.spawn(keep_listening(listener, cached, Arc::clone(xds)));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keep_announcing(announcer, changes, stopped));
        Telling { task, stop }
    }
}

/// Announces changes until it is stopped, and then those that came before.
async fn keep_announcing(
    mut announcer: Announcer,
    mut changes: Receiver<ServiceName>,
    stopped: oneshot::Receiver<()>,
) {
    let mut trouble = Trouble::of("changes can't be announced to the other nodes");
    tokio::select! {
        () = announce(&mut announcer, &mut changes, &mut trouble) => {}
        _ = stopped => {}
    }
    gather(&mut announcer, &mut changes);
    if announcer.owes() {
        trouble.note(&announcer.announce().await);
    }
}

/// Announces changes: the first at once, and those that come within a second of it together.
async fn announce(
    announcer: &mut Announcer,
    changes: &mut Receiver<ServiceName>,
    trouble: &mut Trouble,
) {
    loop {
        match changes.recv().await {
            Ok(service) => announcer.changed(service),
            Err(RecvError::Lagged(_)) => announcer.missed(),
            Err(RecvError::Closed) => return,
        }
        while announcer.owes() {
            gather(announcer, changes);
            trouble.note(&announcer.announce().await);
            sleep(PAUSE).await;
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
