//! Two nodes on one table whose clocks are five minutes apart.

use std::time::Duration;

use discovery_bench::fleet::Fleet;
use discovery_bench::{Result, now};
use tokio::time::sleep;

use crate::clock::Clock;
use crate::fault::{Fault, Outcome, Scale};
use crate::herd::Herd;
use crate::launch::Launch;
use crate::lists::Addresses;
use crate::lookout::Lookout;
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "two-clocks",
    mark: "no flapping: every living host stays on the lists of both nodes, a dead one leaves both and stays away",
    run: |scale| Box::pin(run(scale)),
};

const SERVICE: &str = "web";
const HOSTS: u32 = 40;
const APART: i64 = 300;
/// How many of them die.
const DYING: u32 = 10;

async fn run(scale: Scale) -> Result<Outcome> {
    let ttl = Duration::from_secs(scale.pick(15, 360));
    let lasting = Duration::from_secs(scale.pick(20, 400));
    let tried = format!(
        "two nodes, one 5 minutes ahead, {HOSTS} hosts of which half beat at each, for {} s, HOST_TTL {} s",
        lasting.as_secs(),
        ttl.as_secs()
    );
    let mut outcome = apart(ttl, Duration::from_secs(2), lasting).await?;
    outcome.tried = tried;
    Ok(outcome)
}

async fn apart(ttl: Duration, interval: Duration, lasting: Duration) -> Result<Outcome> {
    let (store, ahead) = (Store::start().await?, Clock::of_the_wall()?);
    ahead.show(APART)?;
    let proxy = store.proxy().await?;
    let seconds = ttl.as_secs().to_string();
    let launch =
        || Ok::<_, discovery_bench::Error>(Launch::new(&[("HOST_TTL", &seconds)])?.behind(&proxy));
    let nodes = [
        launch()?.ready().await?,
        launch()?.by(&ahead).ready().await?,
    ];
    let fleets = [0, HOSTS / 2].map(|first| {
        Fleet::of([
            ("elsewhere".to_owned(), first),
            (SERVICE.to_owned(), HOSTS / 2),
        ])
    });
    let mut herds = Vec::new();
    for (node, fleet) in nodes.iter().zip(&fleets) {
        let herd = Herd::beating(fleet, interval, node.target);
        herd.silence(fleet.hosts_of(0), true);
        herds.push(herd);
    }
    let lookouts = [&nodes[0], &nodes[1]].map(|node| Lookout::at(node.target, SERVICE));
    for lookout in &lookouts {
        lookout
            .sees("all hosts", |list| list.len() == HOSTS as usize)
            .await?;
    }
    let complete = now();
    sleep(lasting).await;
    let mut outcome = Outcome::default();
    let seconds = complete.elapsed().as_secs();
    for (which, lookout) in ["right", "ahead"].iter().zip(&lookouts) {
        let others: Vec<usize> = lookout
            .seen()
            .iter()
            .filter(|(at, _)| *at > complete)
            .map(|(_, list)| list.len())
            .collect();
        outcome.hold(
            others.is_empty(),
            format!("{which}: other lists within {seconds} s: {others:?}"),
        );
    }
    die(&mut outcome, &herds, &fleets, &lookouts, ttl).await?;
    Ok(outcome)
}

/// Some hosts of each node fall silent.
async fn die(
    outcome: &mut Outcome,
    herds: &[Herd],
    fleets: &[Fleet],
    lookouts: &[Lookout],
    ttl: Duration,
) -> Result<()> {
    let mut living = Addresses::new();
    for (herd, fleet) in herds.iter().zip(fleets) {
        let hosts = fleet.hosts_of(1);
        let (dying, rest) = (
            hosts.clone().take(DYING as usize / 2),
            hosts.skip(DYING as usize / 2),
        );
        herd.silence(dying, true);
        living.extend(rest.map(|host| std::net::IpAddr::from(fleet.host(host).ip())));
    }
    let silent = now();
    for (which, lookout) in ["right", "ahead"].iter().zip(lookouts) {
        let gone = lookout
            .sees_after(ttl, "the living", |list| *list == living)
            .await?;
        let took = gone - silent;
        outcome.hold(
            took <= ttl + Duration::from_secs(2),
            format!("{which}: dead hosts gone after {:.1} s", took.as_secs_f64()),
        );
    }
    let gone = now();
    sleep(ttl).await;
    let again: usize = lookouts
        .iter()
        .map(|lookout| lookout.seen().iter().filter(|(at, _)| *at > gone).count())
        .sum();
    outcome.hold(again == 0, format!("{again} other lists since"));
    Ok(())
}
