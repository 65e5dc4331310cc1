//! Most hosts of a service are silent, and the nodes are restarted one after the other.

use std::sync::Arc;
use std::time::Duration;

use discovery_bench::fleet::Fleet;
use discovery_bench::{Result, now};
use discovery_testkit::proxy::Proxy;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::fault::{Fault, Outcome, Scale};
use crate::herd::{Herd, register};
use crate::launch::{Launch, Node};
use crate::lists::Addresses;
use crate::lookout::Lookout;
use crate::note;
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "forty-of-fifty-silent",
    mark: "every node lists the same 25, no second halving",
    run: |scale| Box::pin(run(scale)),
};

const SERVICE: &str = "web";
const HOSTS: u32 = 50;
const SILENT: u32 = 40;
const LISTED: usize = 25;
const NODES: usize = 3;

/// A node that is stopped or killed and started again, and those who look at its lists.
struct Restarted {
    folder: Arc<TempDir>,
    node: Node,
    lookout: Lookout,
}

async fn run(scale: Scale) -> Result<Outcome> {
    let ttl = Duration::from_secs(scale.pick(10, 60));
    let (store, fleet) = (
        Store::start().await?,
        Fleet::of([(SERVICE.to_owned(), HOSTS)]),
    );
    let proxy = store.proxy().await?;
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(Restarted::start(Arc::new(TempDir::new()?), &proxy, ttl).await?);
    }
    let herd = Herd::beating(&fleet, ttl / 4, nodes[0].node.target);
    herd.silence(0..SILENT, true);
    register(nodes[0].node.target, &fleet).await?;
    for node in &nodes {
        node.lookout
            .sees("25 hosts", |list| list.len() == LISTED)
            .await?;
    }
    let halved = now();
    note("the guard holds; the nodes are restarted");
    let mut seen: Vec<(Instant, Addresses)> = nodes
        .iter()
        .filter_map(|node| node.lookout.seen().pop())
        .collect();
    let rounds = scale.pick(1, 2);
    for round in 0..rounds {
        for turn in 0..NODES {
            // The hosts that live turn to another node meanwhile.
            herd.turn_to(nodes[(turn + 1) % NODES].node.target);
            let restarted = nodes.remove(turn);
            seen.extend(
                restarted
                    .lookout
                    .seen()
                    .into_iter()
                    .filter(|(at, _)| *at > halved),
            );
            let kill = (round + turn) % 2 == 1;
            nodes.insert(turn, restarted.again(&proxy, ttl, kill).await?);
            sleep(Duration::from_secs(2)).await;
        }
    }
    for node in &nodes {
        seen.extend(
            node.lookout
                .seen()
                .into_iter()
                .filter(|(at, _)| *at > halved),
        );
    }
    Ok(judge(&seen, ttl, halved, rounds))
}

fn judge(seen: &[(Instant, Addresses)], ttl: Duration, halved: Instant, rounds: usize) -> Outcome {
    let mut outcome = Outcome::of(format!(
        "40 of 50 hosts silent, {NODES} nodes on one table each restarted {rounds} times, by SIGTERM and by kill -9, \
         within {:.0} s, HOST_TTL {} s",
        halved.elapsed().as_secs_f64(),
        ttl.as_secs()
    ));
    let mut lists: Vec<&Addresses> = seen.iter().map(|(_, list)| list).collect();
    lists.sort();
    lists.dedup();
    let sizes: Vec<usize> = lists.iter().map(|list| list.len()).collect();
    outcome.hold(
        sizes == [LISTED],
        format!("lists of these sizes were seen: {sizes:?}"),
    );
    outcome.hold(
        seen.len() >= NODES * (rounds + 1),
        format!("by {} lives of nodes", NODES * (rounds + 1)),
    );
    outcome
}

impl Restarted {
    async fn start(folder: Arc<TempDir>, proxy: &Proxy, ttl: Duration) -> Result<Self> {
        let seconds = ttl.as_secs().to_string();
        let node = Launch::inside(&folder, &[("HOST_TTL", &seconds)])?
            .behind(proxy)
            .ready()
            .await?;
        let lookout = Lookout::at(node.target, SERVICE);
        Ok(Self {
            folder,
            node,
            lookout,
        })
    }

    /// Ends it and starts it again, and waits for its first list.
    async fn again(self, proxy: &Proxy, ttl: Duration, kill: bool) -> Result<Self> {
        let Self {
            folder,
            node,
            lookout,
        } = self;
        drop(lookout);
        if kill {
            node.signal(Signal::KILL)?;
            drop(node);
        } else {
            node.stop().await?;
        }
        let started = Self::start(folder, proxy, ttl).await?;
        started.lookout.sees("a list", |_| true).await?;
        Ok(started)
    }
}
