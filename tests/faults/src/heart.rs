//! Hosts that beat in the background, and a reader that counts how many are missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use discovery_bench::client::Target;
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::{Result, now};
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until};

use crate::client::Client;
use crate::lists::addresses;

/// A service whose hosts all check in every second.
pub(crate) struct Hearts {
    target: Target,
    fleet: Fleet,
    beating: JoinHandle<()>,
    reading: JoinHandle<()>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    resting: AtomicBool,
    beats: AtomicU64,
    reads: AtomicU64,
    missing: AtomicU64,
}

const SERVICE: &str = "beating";

impl Hearts {
    /// Lets so many hosts beat from now on, and reads their list ten times a second.
    pub(crate) async fn start(target: Target, hosts: u32) -> Result<Self> {
        let fleet = Fleet::of([(SERVICE.to_owned(), hosts)]);
        let seen = Arc::new(Seen::default());
        let mut client = Client::of(target);
        for host in 0..hosts {
            client.insist(&fleet.host(host).check_in()).await?;
        }
        Ok(Self {
            beating: tokio::spawn(beat(target, fleet.clone(), Arc::clone(&seen))),
            reading: tokio::spawn(read(target, hosts, Arc::clone(&seen))),
            target,
            fleet,
            seen,
        })
    }

    /// Nobody beats or reads from now on, or again.
    pub(crate) fn rest(&self, resting: bool) {
        self.seen.resting.store(resting, Relaxed);
    }

    /// Reads the list once, also while nobody beats or reads.
    pub(crate) async fn look(&self) -> Result<()> {
        look(&mut Client::of(self.target), self.hosts(), &self.seen).await
    }

    /// How many hosts there are.
    pub(crate) fn hosts(&self) -> u32 {
        self.fleet.hosts()
    }

    /// Stops, and tells how often a host was missing, of how many reads and after how many beats.
    pub(crate) fn missing(self) -> (u64, u64, u64) {
        let Seen {
            beats,
            reads,
            missing,
            ..
        } = &*self.seen;
        (
            missing.load(Relaxed),
            reads.load(Relaxed),
            beats.load(Relaxed),
        )
    }
}

impl Drop for Hearts {
    fn drop(&mut self) {
        self.beating.abort();
        self.reading.abort();
    }
}

async fn beat(target: Target, fleet: Fleet, seen: Arc<Seen>) {
    let (mut client, mut next) = (Client::of(target), now());
    loop {
        for host in 0..fleet.hosts() {
            while seen.resting.load(Relaxed) {
                sleep(Duration::from_millis(20)).await;
            }
            // What matters is whether it is listed.
            if client.insist(&fleet.host(host).check_in()).await.is_ok() {
                seen.beats.fetch_add(1, Relaxed);
            }
        }
        next = now().max(next + Duration::from_secs(1));
        sleep_until(next).await;
    }
}

async fn read(target: Target, hosts: u32, seen: Arc<Seen>) {
    let mut client = Client::of(target);
    loop {
        if !seen.resting.load(Relaxed) {
            // A request that gets no answer misses nobody.
            let _ = look(&mut client, hosts, &seen).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn look(client: &mut Client, hosts: u32, seen: &Seen) -> Result<()> {
    let answer = client.ask(&get(&list_path(SERVICE))).await?;
    let listed = addresses(&answer.body).map_or(0, |listed| listed.len() as u64);
    seen.reads.fetch_add(1, Relaxed);
    let missing = u64::from(hosts).saturating_sub(listed);
    seen.missing.fetch_add(missing, Relaxed);
    Ok(())
}
