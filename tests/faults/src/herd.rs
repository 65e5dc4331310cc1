//! Hosts that beat as hosts do: each at its interval, whether or not the last beat was answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::Fleet;
use discovery_bench::{Result, now};
use futures_util::future::try_join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::launch;

/// How long a host waits for an answer: as long as the store may take, and a little.
const PATIENCE: Duration = Duration::from_secs(6);
/// Beats that are due within this time are sent together.
const STEP: Duration = Duration::from_millis(10);

/// How many hosts register at a time.
const CONNECTIONS: u32 = 16;

/// A fleet that beats until this is dropped.
pub(crate) struct Herd {
    shared: Arc<Shared>,
    beating: JoinHandle<()>,
}

struct Shared {
    fleet: Fleet,
    interval: Duration,
    target: Mutex<Target>,
    start: Instant,
    hosts: Vec<State>,
    idle: Mutex<Vec<(Target, Connection)>>,
    acknowledged: AtomicU64,
    refused: AtomicU64,
}

/// One host.
#[derive(Default)]
struct State {
    silent: AtomicBool,
    /// When it sent the last check-in that was acknowledged, in microseconds since the herd began, plus one.
    acknowledged: AtomicU64,
}

impl Herd {
    /// Has every host of a fleet beat once an interval, evenly spread.
    pub(crate) fn beating(fleet: &Fleet, interval: Duration, target: Target) -> Self {
        let shared = Arc::new(Shared {
            hosts: (0..fleet.hosts()).map(|_| State::default()).collect(),
            fleet: fleet.clone(),
            interval,
            target: Mutex::new(target),
            start: now(),
            idle: Mutex::default(),
            acknowledged: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let beating = tokio::spawn(Arc::clone(&shared).beat());
        Self { shared, beating }
    }

    /// Has the hosts beat at another node from now on.
    pub(crate) fn turn_to(&self, target: Target) {
        *lock(&self.shared.target) = target;
    }

    /// Has some hosts fall silent, or beat again.
    pub(crate) fn silence(&self, hosts: impl IntoIterator<Item = u32>, silent: bool) {
        for host in hosts {
            self.shared.hosts[host as usize]
                .silent
                .store(silent, Relaxed);
        }
    }

    /// How many check-ins were acknowledged, and how many were not, since this was last asked.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let Shared {
            acknowledged,
            refused,
            ..
        } = &*self.shared;
        (acknowledged.swap(0, Relaxed), refused.swap(0, Relaxed))
    }

    /// When the last check-in of any of these hosts was sent that was acknowledged.
    pub(crate) fn last(&self, hosts: impl IntoIterator<Item = u32>) -> Instant {
        let sent = hosts
            .into_iter()
            .map(|host| self.shared.hosts[host as usize].acknowledged.load(Relaxed));
        self.shared.start + Duration::from_micros(sent.max().unwrap_or(0))
    }

    /// How many hosts have had no check-in acknowledged that was sent after that moment.
    pub(crate) fn behind(&self, moment: Instant) -> usize {
        let since = micros(moment - self.shared.start);
        let hosts = self.shared.hosts.iter();
        hosts
            .filter(|host| host.acknowledged.load(Relaxed) <= since)
            .count()
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

impl Shared {
    async fn beat(self: Arc<Self>) {
        let between = self.interval / self.fleet.hosts();
        for number in 0_u32.. {
            let turn = self.start + between * number;
            if turn > now() {
                sleep_until(turn + STEP).await;
            }
            let host = number % self.fleet.hosts();
            if !self.hosts[host as usize].silent.load(Relaxed) {
                tokio::spawn(Arc::clone(&self).check_in(host));
            }
        }
    }

    async fn check_in(self: Arc<Self>, host: u32) {
        let sent = now();
        let answered = timeout(PATIENCE, self.send(host)).await;
        if matches!(answered, Ok(Ok(true))) {
            self.acknowledged.fetch_add(1, Relaxed);
            let moment = micros(sent - self.start) + 1;
            self.hosts[host as usize]
                .acknowledged
                .fetch_max(moment, Relaxed);
        } else {
            self.refused.fetch_add(1, Relaxed);
        }
    }

    async fn send(&self, host: u32) -> Result<bool> {
        let target = *lock(&self.target);
        let idle = lock(&self.idle).pop().filter(|(of, _)| *of == target);
        let mut connection = match idle {
            Some((_, connection)) => connection,
            None => Connection::open(target).await?,
        };
        let reply = connection.send(&self.fleet.host(host).check_in()).await?;
        let acknowledged = reply.status == 200;
        lock(&self.idle).push((target, connection));
        Ok(acknowledged)
    }
}

/// Has every host of a fleet check in, again where it is refused: the store of a busy machine may be slow.
pub(crate) async fn register(target: Target, fleet: &Fleet) -> Result<()> {
    let deadline = now() + launch::PATIENCE;
    let connections = (0..CONNECTIONS).map(|first| async move {
        let mut connection = Connection::open(target).await?;
        for host in (first..fleet.hosts()).step_by(CONNECTIONS as usize) {
            let check_in = fleet.host(host).check_in();
            while let refused @ 201.. = connection.send(&check_in).await?.status {
                if now() > deadline {
                    return Err(format!("a host can't be registered: {refused}").into());
                }
            }
        }
        Ok::<_, discovery_bench::Error>(())
    });
    try_join_all(connections).await.map(drop)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
