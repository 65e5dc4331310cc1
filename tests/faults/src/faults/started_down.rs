//! A node starts while its store is down.

use std::sync::Arc;
use std::time::Duration;

use discovery_bench::client::Connection;
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::{Result, now};
use discovery_testkit::proxy::{Fault as Broken, Proxy};
use futures_util::future::try_join_all;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::fault::{Fault, Outcome, Scale};
use crate::herd::register;
use crate::launch::{Launch, Node, PATIENCE};
use crate::lists::{self, Addresses};
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "started-while-down",
    mark: "the lists it saved with their age, or not ready; never 200 with an empty list",
    run: |scale| Box::pin(run(scale)),
};

async fn run(scale: Scale) -> Result<Outcome> {
    let kinds = [
        ("refuses", Broken::Refuse),
        ("hangs", Broken::Hang),
        ("throttles", Broken::THROTTLE),
        ("answers 500", Broken::SERVER_ERROR),
    ];
    let hosts = scale.pick(300, 20_000);
    let mut outcome = Outcome::of(format!(
        "{hosts} hosts; the store refuses, hangs, throttles, answers 500; a node that never ran, one that was stopped, \
         one whose saved lists are 25 h old"
    ));
    let parts = kinds.map(|(name, kind)| async move {
        Ok::<_, discovery_bench::Error>((name, start(hosts, kind).await?))
    });
    for (name, part) in try_join_all(parts).await? {
        outcome.add(name, part);
    }
    Ok(outcome)
}

async fn start(hosts: u32, kind: Broken) -> Result<Outcome> {
    let (store, fleet) = (Store::start().await?, Fleet::zipf(hosts));
    let (proxy, folder) = (store.proxy().await?, Arc::new(TempDir::new()?));
    let before = Launch::inside(&folder, &[])?.behind(&proxy).ready().await?;
    register(before.target, &fleet).await?;
    let lists = read_all(&before, &fleet).await?;
    before.stop().await?;
    proxy.set_fault(kind);
    let mut outcome = Outcome::default();
    try_first(&mut outcome, &proxy, &fleet).await?;
    try_old(&mut outcome, &proxy, &fleet, &folder).await?;
    try_saved(&mut outcome, &proxy, &fleet, &folder, &lists).await?;
    Ok(outcome)
}

async fn read_all(node: &Node, fleet: &Fleet) -> Result<Vec<Addresses>> {
    let (mut connection, mut all) = (Connection::open(node.target).await?, Vec::new());
    for service in fleet.services() {
        all.push(lists::read(&mut connection, service).await?);
    }
    Ok(all)
}

/// A node that has nothing saved.
async fn try_first(outcome: &mut Outcome, proxy: &Proxy, fleet: &Fleet) -> Result<()> {
    let node = Launch::new(&[])?.behind(proxy).start().await?;
    is_unready(outcome, "never ran", &node, fleet).await
}

/// A node whose saved lists are older than they may be.
async fn try_old(
    outcome: &mut Outcome,
    proxy: &Proxy,
    fleet: &Fleet,
    folder: &Arc<TempDir>,
) -> Result<()> {
    let clock = Clock::of_the_machine()?;
    clock.show(25 * 3600)?;
    // What it finds it must not spoil for the next.
    let copy = Arc::new(TempDir::new()?);
    let saved = "discovery-data/lists.saved";
    std::fs::create_dir(copy.path().join("discovery-data"))?;
    std::fs::copy(folder.path().join(saved), copy.path().join(saved))?;
    let node = Launch::inside(&copy, &[])?
        .behind(proxy)
        .by(&clock)
        .start()
        .await?;
    is_unready(outcome, "25 h old", &node, fleet).await
}

async fn is_unready(outcome: &mut Outcome, which: &str, node: &Node, fleet: &Fleet) -> Result<()> {
    let mut statuses = vec![status(node, "/readyz").await?];
    for service in fleet.services().take(3) {
        statuses.push(status(node, &list_path(service)).await?);
    }
    let holds = statuses.iter().all(|status| *status == 503);
    outcome.hold(holds, format!("{which}: /readyz and lists {statuses:?}"));
    Ok(())
}

async fn status(node: &Node, path: &str) -> Result<u16> {
    Ok(Connection::open(node.target)
        .await?
        .send(&get(path))
        .await?
        .status)
}

/// A node that was stopped and has its lists.
async fn try_saved(
    outcome: &mut Outcome,
    proxy: &Proxy,
    fleet: &Fleet,
    folder: &Arc<TempDir>,
    lists: &[Addresses],
) -> Result<()> {
    let start = now();
    let mut node = Launch::inside(folder, &[])?.behind(proxy).start().await?;
    let listening = start.elapsed();
    let ready = status(&node, "/readyz").await?;
    outcome.hold(
        ready == 200,
        format!(
            "stopped: /readyz {ready} {:.1} s after the start",
            listening.as_secs_f64()
        ),
    );
    let (mut wrong, mut without_age) = (0, 0);
    let mut connection = Connection::open(node.target).await?;
    for (service, expected) in fleet.services().zip(lists) {
        let reply = connection.send(&get(&list_path(service))).await?;
        without_age +=
            u32::from(reply.header("age").is_none() || reply.header("cache-status").is_none());
        wrong += u32::from(reply.status != 200 || lists::addresses(reply.body)? != *expected);
    }
    outcome.hold(
        wrong == 0,
        format!("{wrong} of {} lists differed", lists.len()),
    );
    outcome.hold(without_age == 0, format!("{without_age} without their age"));
    let unknown = status(&node, &list_path("never-read")).await?;
    outcome.hold(unknown == 503, format!("a service it never read {unknown}"));
    recover(outcome, proxy, fleet, &mut node, lists).await
}

/// The store comes back.
async fn recover(
    outcome: &mut Outcome,
    proxy: &Proxy,
    fleet: &Fleet,
    node: &mut Node,
    lists: &[Addresses],
) -> Result<()> {
    proxy.heal();
    let healed = now();
    let mut connection = Connection::open(node.target).await?;
    let path = list_path(fleet.service(0));
    while connection
        .send(&get(&path))
        .await?
        .header("cache-status")
        .is_some()
    {
        if healed.elapsed() > PATIENCE {
            return Err("the store is back, and lists are still old".into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    let took = healed.elapsed();
    let same = read_all(node, fleet).await? == lists;
    outcome.hold(
        same,
        format!(
            "{} lists once the store was back, current after {:.1} s",
            if same { "the same" } else { "OTHER" },
            took.as_secs_f64()
        ),
    );
    Ok(())
}
