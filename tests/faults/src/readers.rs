//! Readers who know what every list has to hold, and note each answer that is late, refused or wrong.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::pace::Pace;
use discovery_bench::tally::Tally;
use discovery_bench::zipf::Zipf;
use discovery_bench::{Result, now};
use tokio::task::JoinSet;

use crate::lists::Addresses;

/// How many connections the readers share.
const CONNECTIONS: u64 = 8;

/// Readers of every list of a fleet, the large ones more often; they read until this is dropped.
pub(crate) struct Readers {
    shared: Arc<Shared>,
    _reading: JoinSet<()>,
}

struct Shared {
    target: Target,
    fleet: Fleet,
    expected: Vec<Addresses>,
    turns: AtomicU64,
    seen: Mutex<Seen>,
}

/// What the readers were answered.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    /// Answers that were current as far as the node knew, and those that were said to be old.
    pub(crate) current: Tally,
    pub(crate) old: Tally,
    /// Answers that held other hosts than the fleet has, and the first of them.
    pub(crate) wrong: u64,
    pub(crate) first_wrong: Option<String>,
    /// The longest that any answer took.
    pub(crate) longest: Duration,
    /// Requests that were not answered 200.
    pub(crate) failed: u64,
    pub(crate) first_failed: Option<String>,
}

impl Readers {
    /// Reads so many lists a second; every one has to hold all hosts of the service.
    pub(crate) fn of(fleet: &Fleet, target: Target, a_second: f64) -> Self {
        let services = 0..fleet.services().len();
        let all = |rank| {
            fleet
                .hosts_of(rank)
                .map(|host| fleet.host(host).ip().into())
        };
        let shared = Arc::new(Shared {
            target,
            fleet: fleet.clone(),
            expected: services.map(|rank| all(rank).collect()).collect(),
            turns: AtomicU64::new(0),
            seen: Mutex::default(),
        });
        let pace = Pace::new(a_second, Duration::from_hours(24));
        let mut reading = JoinSet::new();
        for connection in 0..CONNECTIONS {
            reading.spawn(Arc::clone(&shared).read(connection, pace));
        }
        Self {
            shared,
            _reading: reading,
        }
    }

    /// What was answered since this was last asked.
    pub(crate) fn seen(&self) -> Seen {
        std::mem::take(&mut *self.shared.seen())
    }
}

impl Seen {
    /// How many answers there were.
    pub(crate) fn answers(&self) -> u64 {
        self.current.succeeded() + self.old.succeeded()
    }

    /// Adds what was answered later.
    pub(crate) fn add(&mut self, later: &Self) {
        self.current.add(&later.current);
        self.old.add(&later.old);
        self.wrong += later.wrong;
        self.failed += later.failed;
        self.longest = self.longest.max(later.longest);
        self.first_wrong = self
            .first_wrong
            .take()
            .or_else(|| later.first_wrong.clone());
        self.first_failed = self
            .first_failed
            .take()
            .or_else(|| later.first_failed.clone());
    }
}

impl Shared {
    async fn read(self: Arc<Self>, first: u64, pace: Pace) {
        let popular = Zipf::new(u32::try_from(self.expected.len()).unwrap_or(u32::MAX));
        let (mut random, mut turn) = (fastrand::Rng::with_seed(first), first);
        let mut connection = None;
        while pace.turn(turn).await.is_some() {
            let rank = popular.pick(&mut random);
            if let Err(error) = self.read_once(rank, &mut connection).await {
                connection = None;
                self.failed(format!("no answer: {error}"));
            }
            self.turns.fetch_add(1, Relaxed);
            turn += CONNECTIONS;
        }
    }

    async fn read_once(&self, rank: usize, kept: &mut Option<Connection>) -> Result<()> {
        let service = self.fleet.service(rank);
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(self.target).await?,
        };
        let sent = now();
        let reply = connection.send(&get(&list_path(service))).await?;
        let took = sent.elapsed();
        let is_old = reply.header("cache-status").is_some();
        if reply.status == 200 {
            let listed = crate::lists::addresses(reply.body)?;
            self.answered(
                took,
                is_old,
                (listed != self.expected[rank]).then(|| self.wrong(rank, &listed)),
            );
        } else {
            let body = String::from_utf8_lossy(reply.body);
            self.failed(format!("{service} was answered {}: {body}", reply.status));
        }
        *kept = Some(connection);
        Ok(())
    }

    fn answered(&self, took: Duration, is_old: bool, wrong: Option<String>) {
        let mut seen = self.seen();
        let tally = if is_old {
            &mut seen.old
        } else {
            &mut seen.current
        };
        tally.answered(200, took);
        seen.longest = seen.longest.max(took);
        seen.wrong += u64::from(wrong.is_some());
        seen.first_wrong = seen.first_wrong.take().or(wrong);
    }

    fn failed(&self, how: String) {
        let mut seen = self.seen();
        seen.failed += 1;
        seen.first_failed.get_or_insert(how);
    }

    fn wrong(&self, rank: usize, listed: &Addresses) -> String {
        let (service, expected) = (self.fleet.service(rank), &self.expected[rank]);
        let lacks = expected.difference(listed).count();
        let more = listed.difference(expected).count();
        format!(
            "the list of {service} lacked {lacks} of {} hosts and had {more} others",
            expected.len()
        )
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
