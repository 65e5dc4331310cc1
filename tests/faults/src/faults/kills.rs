//! A node is killed again and again while it writes.

use std::sync::Arc;
use std::time::Duration;

use discovery_bench::fleet::Fleet;
use discovery_bench::pace::register;
use discovery_bench::{Result, now};
use futures_util::future::try_join_all;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::fault::{Fault, Outcome, Scale, millis};
use crate::launch::{Launch, Node};
use crate::note;
use crate::store::Store;
use crate::writer::{Writer, pace};

pub(crate) const FAULT: Fault = Fault {
    name: "kills",
    mark: "0 acknowledged writes lost; InFile ready < 2 s with 100,000 hosts",
    run: |scale| Box::pin(run(scale)),
};

const WRITES_A_SECOND: u64 = 2000;
const WRITERS: u64 = 16;
const HOSTS: u32 = 100_000;
const SOON: Duration = Duration::from_secs(2);
/// Nobody expires meanwhile, and what is checked is the store's work alone.
const SETTINGS: [(&str, &str); 2] = [("HOST_TTL", "86400"), ("HISTORY_EVENTS", "0")];

async fn run(scale: Scale) -> Result<Outcome> {
    let rounds = scale.pick(20, 200);
    let mut outcome = Outcome::of(format!(
        "{rounds} kills each, {} ms to 1 s after the node was ready, during {WRITES_A_SECOND} writes/s",
        50
    ));
    let folder = Arc::new(TempDir::new()?);
    let file = || Ok(Launch::inside(&folder, &SETTINGS)?.with("BACKEND_STORAGE", "InFile"));
    note(&format!("registers {HOSTS} hosts"));
    let first = file()?.ready().await?;
    register(first.target, &Fleet::zipf(HOSTS)).await?;
    drop(first);
    outcome.add("InFile", killed(rounds, Some(HOSTS), file).await?);

    let store = Store::start().await?;
    let proxy = store.proxy().await?;
    let table = || Ok(Launch::new(&SETTINGS)?.behind(&proxy));
    outcome.add("DynamoDB", killed(rounds, None, table).await?);
    Ok(outcome)
}

async fn killed(
    rounds: u32,
    hosts: Option<u32>,
    launch: impl Fn() -> Result<Launch>,
) -> Result<Outcome> {
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|writer| Writer::of(format!("writer-{writer}")))
        .collect();
    let (mut lost, mut slowest) = (Vec::new(), Duration::ZERO);
    for round in 0..=rounds {
        let start = now();
        let node = launch()?.ready().await?;
        slowest = slowest.max(start.elapsed());
        for writer in &writers {
            lost.extend(writer.lost(node.target).await?);
        }
        if round < rounds {
            writers = write_until_killed(node, writers, round).await?;
        }
        if round % 20 == 19 {
            note(&format!("{} of {rounds} kills", round + 1));
        }
    }
    let requests: u64 = writers.iter().map(|writer| writer.requests).sum();
    let mut outcome = Outcome::default();
    let first = lost
        .first()
        .map_or(String::new(), |first| format!(" ({first})"));
    outcome.hold(
        lost.is_empty() && requests > u64::from(rounds) * WRITERS,
        format!(
            "{} of {requests} acknowledged writes lost{first}",
            lost.len()
        ),
    );
    if hosts.is_some() {
        outcome.hold(
            slowest < SOON,
            format!("ready after {} at most", millis(slowest)),
        );
    }
    Ok(outcome)
}

async fn write_until_killed(node: Node, writers: Vec<Writer>, round: u32) -> Result<Vec<Writer>> {
    let (target, pace) = (node.target, pace(WRITES_A_SECOND, Duration::from_mins(1)));
    let writing = writers
        .into_iter()
        .zip(0..)
        .map(|(writer, first)| tokio::spawn(writer.write(target, pace, first, WRITERS)));
    let writing: Vec<_> = writing.collect();
    // Spread over the second, and the same in every run.
    sleep(Duration::from_millis(50 + u64::from(round) * 377 % 950)).await;
    node.signal(Signal::KILL)?;
    let written = try_join_all(writing).await?;
    drop(node);
    written.into_iter().collect()
}
