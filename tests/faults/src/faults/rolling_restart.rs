//! Two nodes on one table are replaced one after the other while they are called.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use discovery_bench::client::Target;
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::pace::{Pace, register};
use discovery_bench::{Result, now};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::Client;
use crate::fault::{Fault, Outcome, Scale};
use crate::launch::{Launch, Node};
use crate::note;
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "rolling-restart",
    mark: "0 failed calls of clients that try the other node",
    run: |scale| Box::pin(run(scale)),
};

const CLIENTS: u64 = 64;
const HOSTS: u32 = 1000;
/// How long a client tries before its call has failed: longer than the kernel takes to try a connection a third time.
const PATIENCE: Duration = Duration::from_secs(10);
/// One call in so many is a heartbeat.
const HEARTBEATS: u64 = 10;

/// Where the nodes are at the moment, and what came of all calls.
struct Calls {
    targets: Mutex<[Target; 2]>,
    done: AtomicU64,
    again: AtomicU64,
    longest_ms: AtomicU64,
    failed: AtomicU64,
    first_failed: OnceLock<String>,
}

async fn run(scale: Scale) -> Result<Outcome> {
    let a_second = scale.pick(500.0, 5000.0);
    let (restarts, between) = (scale.pick(4, 20), Duration::from_secs(2));
    let lasting = Duration::from_secs(scale.pick(30, 120));
    let store = Store::start().await?;
    let proxy = store.proxy().await?;
    let launch = || {
        Ok::<_, discovery_bench::Error>(Launch::new(&[("CACHE_TYPE", "simple")])?.behind(&proxy))
    };
    let mut nodes = [launch()?.ready().await?, launch()?.ready().await?];
    let fleet = Fleet::of([("web".to_owned(), HOSTS)]);
    register(nodes[0].target, &fleet).await?;
    let calls = Arc::new(Calls {
        targets: Mutex::new([nodes[0].target, nodes[1].target]),
        done: AtomicU64::new(0),
        again: AtomicU64::new(0),
        longest_ms: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        first_failed: OnceLock::new(),
    });
    let pace = Pace::new(a_second, lasting);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(call(Arc::clone(&calls), fleet.clone(), pace, client));
    }
    let mut restarted = 0;
    for restart in 0..restarts {
        sleep(between).await;
        let one = restart % 2;
        let node = launch()?.ready().await?;
        calls.targets()[one] = node.target;
        let old: Node = std::mem::replace(&mut nodes[one], node);
        old.stop().await?;
        restarted += 1;
        note(&format!(
            "{restarted} restarts, {} calls",
            calls.done.load(Relaxed)
        ));
    }
    clients.join_all().await;
    let [done, again, failed] =
        [&calls.done, &calls.again, &calls.failed].map(|count| count.load(Relaxed));
    let how = calls.first_failed.get();
    let how = how.map_or(String::new(), |how| format!(" ({how})"));
    let mut outcome = Outcome::of(format!(
        "{a_second} calls/s over {CLIENTS} connections for {} s, a tenth of them heartbeats, on two nodes on one table; \
         {restarted} restarts by SIGTERM",
        lasting.as_secs()
    ));
    outcome.hold(
        failed == 0 && done > 0,
        format!("{failed} of {} calls failed{how}", done + failed),
    );
    let longest = calls.longest_ms.load(Relaxed);
    outcome.measured.push(format!(
        "{again} needed another attempt, the longest {longest} ms"
    ));
    Ok(outcome)
}

impl Calls {
    fn targets(&self) -> std::sync::MutexGuard<'_, [Target; 2]> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn call(calls: Arc<Calls>, fleet: Fleet, pace: Pace, first: u64) {
    let (mut number, mut client) = (first, None);
    while pace.turn(number).await.is_some() {
        let host = u32::try_from(number % u64::from(HOSTS)).expect("there are fewer than that");
        let request = if number.is_multiple_of(HEARTBEATS) {
            fleet.host(host).check_in()
        } else {
            get(&list_path("web"))
        };
        let start = now();
        let answered = insist(&calls, &mut client, &request).await;
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        calls.longest_ms.fetch_max(took, Relaxed);
        match answered {
            Ok(()) => calls.done.fetch_add(1, Relaxed),
            Err(how) => {
                calls.first_failed.get_or_init(|| how.to_string());
                calls.failed.fetch_add(1, Relaxed)
            }
        };
        number += CLIENTS;
    }
}

/// Asks one node and then the other until there is a success; an error is how the last attempt failed.
async fn insist(calls: &Calls, client: &mut Option<(usize, Client)>, request: &[u8]) -> Result<()> {
    let start = now();
    loop {
        let (at, mut asked) = client.take().unwrap_or_else(|| {
            let at = usize::from(calls.again.load(Relaxed) % 2 == 1);
            (at, Client::of(calls.targets()[at]))
        });
        let Err(failed) = asked.insist(request).await else {
            *client = Some((at, asked));
            return Ok(());
        };
        calls.again.fetch_add(1, Relaxed);
        let other = 1 - at;
        *client = Some((other, Client::of(calls.targets()[other])));
        if start.elapsed() > PATIENCE {
            return Err(failed);
        }
        sleep(Duration::from_millis(10)).await;
    }
}
