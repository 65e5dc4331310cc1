//! The nodes that share a table with this one: they are told what it changes, and it takes in what they change
//! (liveness rule 16).

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::ServiceName;
use discovery_dynamodb::{Announcer, DynamoDbHostRepository, Listener, News};
use discovery_local::{Cached, HeldBack};
use discovery_xds::{Origin, Xds};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::background::{Trouble, every};

/// The pause between two announcements, and between two looks at those of others.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a stop waits for the last announcement.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// The ways to and from the other nodes.
pub(crate) struct OtherNodes {
    pub(crate) table: Arc<DynamoDbHostRepository>,
    /// The lists that are read again when another node has changed them.
    pub(crate) cached: Cached,
    /// The heartbeats that are held back while nobody has changed their hosts.
    pub(crate) held_back: Option<Arc<HeldBack>>,
}

/// Who takes in what the others have changed.
struct Hearers {
    cached: Cached,
    xds: Arc<Xds>,
    /// For whom it takes some time, where heartbeats are held back.
    held_back: Option<mpsc::UnboundedSender<News>>,
}

/// Tells the other nodes what this one changes, until the end.
pub(crate) struct Telling {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Telling {
    /// Tells them what was changed last.
    pub(crate) async fn end(self) {
        // Where nobody hears it, the task has ended.
        let _ = self.stop.send(());
        if timeout(LAST_PATIENCE, self.ended).await.is_err() {
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
            table,
            cached,
            held_back,
        } = self;
        let (announcer, listener) = table.other_nodes();
        let held_back = held_back.map(|held_back| {
            let (news, heard) = mpsc::unbounded_channel();
            tasks.spawn(keep_looking_again(held_back, heard));
            news
        });
        let hearers = Hearers {
            cached,
            xds: Arc::clone(xds),
            held_back,
        };
        tasks.spawn(keep_listening(table, listener, hearers));
        let ((stop, stopped), (end, ended)) = (oneshot::channel(), oneshot::channel());
        tasks.spawn(async move {
            keep_announcing(announcer, changes, stopped).await;
            // Nobody waits for it while the node runs.
            let _ = end.send(());
        });
        Telling { stop, ended }
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

/// Takes in what other nodes have changed, from when the table is there.
async fn keep_listening(
    table: Arc<DynamoDbHostRepository>,
    mut listener: Listener,
    hearers: Hearers,
) {
    let mut trouble = Trouble::of("the other nodes' announcements can't be read");
    let mut ticks = every(PAUSE);
    loop {
        ticks.tick().await;
        let news = match table.check_table().await {
            Ok(()) => listener.news().await,
            Err(error) => Err(error),
        };
        trouble.note(&news);
        if let Ok(news) = news {
            hearers.take_in(news);
        }
    }
}

impl Hearers {
    fn take_in(&self, news: News) {
        if news.incomplete {
            self.cached.anything_changed_elsewhere();
            self.xds.missed_changes();
        }
        self.cached.changed_elsewhere(&news.services);
        for service in &news.services {
            self.xds.changed(service, Origin::Elsewhere);
        }
        if let Some(held_back) = &self.held_back {
            // An error says that the node ends.
            let _ = held_back.send(news);
        }
    }
}

/// Has what others have changed looked at before more heartbeats of it are held back; what is heard meanwhile is looked
/// at together.
async fn keep_looking_again(held_back: Arc<HeldBack>, mut heard: mpsc::UnboundedReceiver<News>) {
    while let Some(mut news) = heard.recv().await {
        while let Ok(more) = heard.try_recv() {
            news.services.extend(more.services);
            news.incomplete |= more.incomplete;
        }
        if news.incomplete {
            held_back.anything_changed_elsewhere().await;
        } else {
            held_back.changed_elsewhere(&news.services).await;
        }
    }
}
