//! The wall clock is put forward and back under a node, and a node is stopped for longer than its hosts may be silent.

use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::fleet::{get, list_path};
use rustix::process::Signal;
use tokio::time::sleep;

use crate::client::{Client, Deadline, form, host};
use crate::clock::{Clock, LAG};
use crate::fault::{Fault, Outcome, Scale};
use crate::heart::Hearts;
use crate::launch::{Launch, Node};
use crate::lists::addresses;
use crate::note;
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "clocks",
    mark: "0 wrongful expiries; a host written with a time 10 years ahead still expires after its TTL",
    run: |scale| Box::pin(run(scale)),
};

const HOSTS: u32 = 20;
const TTL: Duration = Duration::from_secs(12);
/// What a list may take longer than the TTL: a sweep, and a busy machine.
const LATE: Duration = Duration::from_secs(30);
const SETTINGS: [(&str, &str); 2] = [("HOST_TTL", "12"), ("GUARD_MINIMUM_LIVE", "0")];
const HOUR: i64 = 3600;
const JUMPS: [(&str, i64); 3] = [
    ("+1 h", HOUR),
    ("-1 h", -HOUR),
    ("+10 y", 10 * 365 * 24 * HOUR),
];

async fn run(scale: Scale) -> Result<Outcome> {
    let mut outcome = Outcome::of(format!(
        "{HOSTS} hosts that beat every second, HOST_TTL {} s; the clock jumps +1 h, -1 h, +10 y and back, SIGSTOP for \
         {} s; InFile and DynamoDB",
        TTL.as_secs(),
        (TTL + TTL / 3).as_secs()
    ));
    outcome.add("InFile", on_file(scale).await?);
    outcome.add("DynamoDB", on_table(scale).await?);
    Ok(outcome)
}

async fn on_file(scale: Scale) -> Result<Outcome> {
    let clock = Clock::of_the_wall()?;
    let launch = Launch::new(&SETTINGS)?.with("BACKEND_STORAGE", "InFile");
    tried(scale, &launch.by(&clock).ready().await?, &clock).await
}

async fn on_table(scale: Scale) -> Result<Outcome> {
    let clock = Clock::of_the_wall()?;
    let store = Store::start().await?;
    let proxy = store.proxy().await?;
    let launch = Launch::new(&SETTINGS)?.behind(&proxy);
    tried(scale, &launch.by(&clock).ready().await?, &clock).await
}

async fn tried(scale: Scale, node: &Node, clock: &Clock) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    // For CI one TTL must do; twice as long shows what only the second sweep would do.
    let while_moved = scale.pick(TTL, 2 * TTL);
    let hearts = Hearts::start(node.target, HOSTS).await?;
    for (name, seconds) in JUMPS {
        note(&format!("the clock jumps {name}"));
        clock.show(seconds)?;
        sleep(LAG + while_moved).await;
        if seconds > HOUR {
            write_ahead(node).await?;
        }
        clock.show(0)?;
        sleep(LAG).await;
    }
    let deadline = Deadline::of("what was written ahead is gone", TTL + LATE);
    while listed(node, "ahead").await? > 0 {
        deadline.pause().await?;
    }
    outcome.hold(true, "written 10 years ahead and gone after its TTL");
    stopped(node, &hearts).await?;
    let hosts = hearts.hosts();
    let (missing, reads, beats) = hearts.missing();
    outcome.hold(
        missing == 0 && reads > 0 && beats > 0,
        format!("{missing} expiries of {hosts} hosts in {reads} reads after {beats} beats"),
    );
    Ok(outcome)
}

/// Has a host check in while the clock is far ahead.
async fn write_ahead(node: &Node) -> Result<()> {
    let check_in = form(&list_path("ahead"), &host("10.9.9.9", 1));
    Client::of(node.target).insist(&check_in).await?;
    match listed(node, "ahead").await? {
        1 => Ok(()),
        hosts => Err(format!("{hosts} hosts are listed where one has checked in").into()),
    }
}

async fn listed(node: &Node, service: &str) -> Result<usize> {
    let list = Client::of(node.target)
        .insist(&get(&list_path(service)))
        .await?;
    Ok(addresses(&list.body)?.len())
}

/// Stops a node for longer than the TTL; neither the hosts nor the readers can do anything meanwhile.
async fn stopped(node: &Node, hearts: &Hearts) -> Result<()> {
    note("the node is stopped");
    hearts.rest(true);
    node.signal(Signal::STOP)?;
    sleep(TTL + TTL / 3).await;
    node.signal(Signal::CONT)?;
    // The first to see what the node takes the time for.
    hearts.look().await?;
    hearts.rest(false);
    sleep(TTL).await;
    Ok(())
}
