//! The store answers reads that are up to two seconds old, as DynamoDB may.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::{get, list_path};
use discovery_bench::{Result, now};
use discovery_testkit::proxy::Fault as Broken;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fault::{Fault, Outcome, Scale};
use crate::launch::Launch;
use crate::requests::{self, Host, SERVICE};
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "stale-reads",
    mark: "a node shows its own acknowledged writes at once, none flickers, with both settings of the cache",
    run: |scale| Box::pin(run(scale)),
};

const LAG: Duration = Duration::from_secs(2);
const WRITERS: u8 = 8;
const READERS: usize = 4;

async fn run(scale: Scale) -> Result<Outcome> {
    let lasting = Duration::from_secs(scale.pick(15, 180));
    let mut outcome = Outcome::of(format!(
        "{WRITERS} hosts that register, are weighed and deleted on one node for {} s while every read that may be stale \
         is up to 2 s old, {READERS} readers of the service and of its repo, CACHE_TYPE null and simple",
        lasting.as_secs()
    ));
    let (null, simple) =
        tokio::try_join!(try_cache("null", lasting), try_cache("simple", lasting))?;
    outcome.add("null", null);
    outcome.add("simple", simple);
    Ok(outcome)
}

async fn try_cache(cache: &str, lasting: Duration) -> Result<Outcome> {
    let store = Store::start().await?;
    let proxy = store.proxy().await?;
    let settings = [("CACHE_TYPE", cache), ("CACHE_TTL", "1")];
    let node = Launch::new(&settings)?.behind(&proxy).ready().await?;
    proxy.set_fault(Broken::Stale(LAG));
    let (seen, until) = (Arc::new(Seen::default()), now() + lasting);
    let mut tasks = JoinSet::new();
    for host in 0..WRITERS {
        tasks.spawn(write(Arc::clone(&seen), node.target, host, until));
    }
    for reader in 0..READERS {
        let path = if reader % 2 == 0 {
            list_path(SERVICE)
        } else {
            requests::repo_path()
        };
        tasks.spawn(read(Arc::clone(&seen), node.target, path, until));
    }
    let mut counts = [0_u64; 2];
    while let Some(done) = tasks.join_next().await {
        let done = done??;
        counts = [counts[0] + done[0], counts[1] + done[1]];
    }
    let mut outcome = Outcome::default();
    let wrong = seen.wrong.lock().unwrap_or_else(PoisonError::into_inner);
    let first = wrong
        .first()
        .map(|first| format!(", the first: {first}"))
        .unwrap_or_default();
    let [writes, reads] = counts;
    let told = format!(
        "{} of {reads} lists lacked or undid one of {writes} writes{first}",
        wrong.len()
    );
    outcome.hold(wrong.is_empty() && writes > 0 && reads > 0, told);
    let stale = proxy.count("Query");
    outcome.hold(stale > 0, format!("{stale} reads of the store"));
    Ok(outcome)
}

/// What is known of every host: its writes are numbered, and the number is its weight.
#[derive(Default)]
struct Seen {
    hosts: [Mutex<Known>; WRITERS as usize],
    wrong: Mutex<Vec<String>>,
}

/// What a write leaves of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left(Option<u32>);

/// The writes of one host: what the last acknowledged one left, and what the one under way would leave.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    acknowledged: Option<u32>,
    sent: Option<Left>,
    /// How many writes were begun.
    begun: u64,
}

impl Known {
    /// Whether a list that was asked for when `self` was known, and answered when `later` was, may show that.
    fn allows(self, later: Self, shown: Option<u32>) -> bool {
        // With more writes than one in between, anything may have been seen.
        later.begun > self.begun + 1
            || [self.acknowledged, later.acknowledged].contains(&shown)
            || [self.sent, later.sent].contains(&Some(Left(shown)))
    }
}

impl Seen {
    fn of(&self, host: u8) -> std::sync::MutexGuard<'_, Known> {
        self.hosts[usize::from(host)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Known> {
        (0..WRITERS).map(|host| *self.of(host)).collect()
    }

    fn judge(&self, before: &[Known], body: &[u8], path: &str) -> Result<()> {
        let shown = requests::weights(body)?;
        for (host, (before, after)) in before.iter().zip(self.all()).enumerate() {
            let shown = shown.get(&Host(u8::try_from(host)?).ip()).copied();
            if !before.allows(after, shown) {
                let wrong = format!(
                    "{path} showed {shown:?} of host {host} between {before:?} and {after:?}"
                );
                self.wrong
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(wrong);
            }
        }
        Ok(())
    }
}

/// Registers, weighs and deletes a host in turn, and looks at the list after each.
async fn write(seen: Arc<Seen>, target: Target, host: u8, until: Instant) -> Result<[u64; 2]> {
    let (mut connection, mut number) = (Connection::open(target).await?, 0);
    let path = list_path(SERVICE);
    while now() < until {
        number += 1;
        let weight = number % 100 + 1;
        let left = (number % 5 != 0).then_some(weight);
        {
            let mut known = seen.of(host);
            known.sent = Some(Left(left));
            known.begun += 1;
        }
        let request = match number % 5 {
            0 => Host(host).delete(),
            1 => Host(host).check_in(weight),
            _ if number % 2 == 0 => Host(host).check_in(weight),
            _ => Host(host).weigh(weight),
        };
        let status = connection.send(&request).await?.status;
        if !matches!(status, 200 | 204) {
            return Err(format!("write {number} of host {host} was answered {status}").into());
        }
        {
            let mut known = seen.of(host);
            known.acknowledged = left;
            known.sent = None;
        }
        let before = seen.all();
        let reply = connection.send(&get(&path)).await?;
        seen.judge(&before, reply.body, &path)?;
    }
    Ok([number.into(), number.into()])
}

/// Reads a list again and again.
async fn read(seen: Arc<Seen>, target: Target, path: String, until: Instant) -> Result<[u64; 2]> {
    let (mut connection, mut reads) = (Connection::open(target).await?, 0);
    while now() < until {
        let before = seen.all();
        let reply = connection.send(&get(&path)).await?;
        seen.judge(&before, reply.body, &path)?;
        reads += 1;
    }
    Ok([0, reads])
}
