//! A whole fleet falls silent at once, as it does where a network is cut, and comes back.

use std::time::Duration;

use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::Fleet;
use discovery_bench::pace::{Pace, paced, register};
use discovery_bench::process::cpu_time;
use discovery_bench::{Result, now};
use tokio::time::{Instant, sleep, sleep_until};

use crate::fault::{Fault, Outcome, Scale, millis};
use crate::launch::{Launch, Node};
use crate::{lists, note};

pub(crate) const FAULT: Fault = Fault {
    name: "mass-silence",
    mark: "no list loses more than GUARD_MINIMUM_LIVE (0.5) allows; a pass over them takes < 250 ms of CPU; the guard \
           ends by itself when they are back within 30 s",
    run: |scale| Box::pin(run(scale)),
};

const MOST_CPU: Duration = Duration::from_millis(250);

async fn run(scale: Scale) -> Result<Outcome> {
    let (hosts, ttl) = (
        scale.pick(20_000, 100_000),
        Duration::from_secs(scale.pick(20, 120)),
    );
    let settings = [
        ("HOST_TTL", &*ttl.as_secs().to_string()),
        ("BACKEND_STORAGE", "InFile"),
    ];
    let node = Launch::new(&settings)?.ready().await?;
    let fleet = Fleet::zipf(hosts);
    let began = now();
    register(node.target, &fleet).await?;
    let registered = now();
    let spread = registered - began;
    note(&format!(
        "{hosts} hosts registered within {spread:?}, and silent from now on"
    ));
    let mut outcome = Outcome::of(format!(
        "{hosts} hosts in {} services on InFile, HOST_TTL {} s",
        fleet.services().len(),
        ttl.as_secs()
    ));
    if spread > ttl {
        return Err(
            format!("it took {spread:?} to register them, which is longer than HOST_TTL").into(),
        );
    }
    let costs = passes(
        &node,
        began + ttl,
        registered + ttl + Duration::from_secs(5),
    )
    .await?;
    let (dearest, sum) = (
        costs.iter().max().copied().unwrap_or_default(),
        costs.iter().sum(),
    );
    let told = format!(
        "dearest of {} passes {} of CPU, together {}",
        costs.len(),
        millis(dearest),
        millis(sum)
    );
    outcome.hold(dearest < MOST_CPU && !costs.is_empty(), told);
    let silent = sizes(node.target, &fleet).await?;
    judge_sizes(&mut outcome, &fleet, &silent);
    note("they are back");
    let check_ins = fleet.clone();
    let within = Duration::from_secs(scale.pick(15, 30));
    let pace = Pace::new(f64::from(hosts) / (within.as_secs_f64() - 3.0), within);
    let beat = move |number| {
        check_ins
            .host(u32::try_from(number).unwrap_or(0) % hosts)
            .check_in()
    };
    let tally = paced(node.target, 64, pace, beat).await?;
    outcome.hold(
        tally.unsuccessful() == 0,
        format!(
            "{} of {} check-ins refused",
            tally.unsuccessful(),
            tally.succeeded()
        ),
    );
    sleep(Duration::from_secs(2)).await;
    let guarded = lists::metric(node.target, "discovery_guarded_services").await?;
    outcome.hold(guarded == 0.0, format!("{guarded} lists still guarded"));
    let back: usize = sizes(node.target, &fleet).await?.iter().sum();
    outcome.hold(back == hosts as usize, format!("{back} hosts listed"));
    Ok(outcome)
}

/// What the node's looks at its hosts cost from one moment to another, while nobody asks it for anything: there is a
/// pass every second.
async fn passes(node: &Node, first: Instant, last: Instant) -> Result<Vec<Duration>> {
    let (mut at, mut costs) = (first, Vec::new());
    sleep_until(at).await;
    let mut before = cpu_time(node.id())?;
    while at < last {
        at += Duration::from_secs(1);
        sleep_until(at).await;
        let after = cpu_time(node.id())?;
        costs.push(after.saturating_sub(before));
        before = after;
    }
    Ok(costs)
}

/// How many hosts every list has.
async fn sizes(target: Target, fleet: &Fleet) -> Result<Vec<usize>> {
    let (mut connection, mut sizes) = (Connection::open(target).await?, Vec::new());
    for service in fleet.services() {
        sizes.push(lists::read(&mut connection, service).await?.len());
    }
    Ok(sizes)
}

fn judge_sizes(outcome: &mut Outcome, fleet: &Fleet, listed: &[usize]) {
    let base = |rank: usize| fleet.size(rank) as usize;
    let least = |rank: usize| base(rank).div_ceil(2);
    let short = (0..listed.len()).filter(|rank| base(*rank) >= 5 && listed[*rank] < least(*rank));
    let (short, all): (usize, usize) = (short.count(), listed.iter().sum());
    outcome.hold(
        short == 0,
        format!("{short} lists shorter than half, {all} hosts listed while all were silent"),
    );
    let full = (0..listed.len())
        .filter(|rank| base(*rank) >= 5 && listed[*rank] == base(*rank))
        .count();
    outcome.hold(
        full == 0,
        format!("{full} lists on which nobody had expired"),
    );
}
