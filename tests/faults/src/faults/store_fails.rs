//! The store fails in one way or another, for longer than any TTL, and comes back.

use std::time::Duration;

use discovery_bench::client::Connection;
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::{Result, now};
use discovery_testkit::proxy::{Fault as Broken, Proxy, Rule};
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use crate::clock::{self, Clock};
use crate::fault::{Fault, Outcome, Scale, millis};
use crate::herd::{Herd, register};
use crate::launch::{Launch, Node};
use crate::lists;
use crate::note;
use crate::readers::{Readers, Seen};
use crate::readiness::Readiness;
use crate::store::Store;

const MARK: &str = "0 failed reads of known services, lists identical, no read above 400 ms, p99 within 2x of normal \
                    once failing; /readyz stays 200; then 0 wrongful expiries, all current within one interval";

pub(crate) const REFUSES: Fault = fault("store-refuses", |scale| {
    Box::pin(run(scale, vec![Broken::Refuse.into()]))
});
pub(crate) const HANGS: Fault = fault("store-hangs", |scale| {
    Box::pin(run(scale, vec![Broken::Hang.into()]))
});
pub(crate) const THROTTLES: Fault = fault("store-throttles", |scale| {
    Box::pin(run(scale, vec![Broken::THROTTLE.into()]))
});
pub(crate) const ANSWERS_500: Fault = fault("store-answers-500", |scale| {
    Box::pin(run(scale, vec![Broken::SERVER_ERROR.into()]))
});
pub(crate) const HALF: Fault = fault("store-half", |scale| Box::pin(run(scale, half_of_each())));

/// One way to fail; all are held to the same mark.
const fn fault(name: &'static str, run: fn(Scale) -> BoxFuture<'static, Result<Outcome>>) -> Fault {
    Fault {
        name,
        mark: MARK,
        run,
    }
}

/// What the clocks jump ahead during the outage: as long as DynamoDB was down in October 2025.
const JUMP: Duration = Duration::from_hours(3);
const LONGEST_READ: Duration = Duration::from_millis(400);

/// Each kind of failure, half of the time.
fn half_of_each() -> Vec<Rule> {
    let kinds = [
        Broken::Refuse,
        Broken::Hang,
        Broken::THROTTLE,
        Broken::SERVER_ERROR,
    ];
    kinds.map(|kind| kind.share(0.5)).into()
}

/// How large the fleet is, and how long everything takes.
struct Plan {
    hosts: u32,
    reads_a_second: f64,
    interval: Duration,
    ttl: Duration,
    normal: Duration,
    outage: Duration,
}

impl Plan {
    /// Where the store fails by half, time goes on, and some hosts are refused several times in a row: they have as many
    /// beats within their TTL as in production, or they would be gone by right.
    fn of(scale: Scale, fails_throughout: bool) -> Self {
        let ttl = match (scale, fails_throughout) {
            (Scale::Ci, true) => 20,
            (Scale::Ci, false) => 60,
            (Scale::Full, true) => 120,
            (Scale::Full, false) => 600,
        };
        Self {
            hosts: scale.pick(200, 20_000),
            reads_a_second: scale.pick(40.0, 200.0),
            interval: Duration::from_secs(scale.pick(4, 40)),
            ttl: Duration::from_secs(ttl),
            normal: Duration::from_secs(scale.pick(4, 60)),
            outage: Duration::from_secs(scale.pick(8, 600)),
        }
    }
}

/// A node with a fleet that beats, readers, and somebody who looks whether it is ready.
struct Scene {
    fleet: Fleet,
    clock: Clock,
    _store: Store,
    proxy: Proxy,
    node: Node,
    herd: Herd,
    readers: Readers,
    readiness: Readiness,
}

async fn run(scale: Scale, rules: Vec<Rule>) -> Result<Outcome> {
    let fails_throughout = rules.len() == 1;
    let plan = Plan::of(scale, fails_throughout);
    let scene = set(&plan).await?;
    sleep(plan.normal).await;
    let normal = scene.readers.seen();
    scene.herd.counts();
    note("the store fails");
    let [beginning, during] = fail(&scene, &plan, rules).await?;

    let (_, refused) = scene.herd.counts();
    let age = fails_throughout.then_some(age(&scene).await?.unwrap_or(0));
    scene.proxy.heal();
    let healed = now();
    note("the store is back");
    sleep(plan.interval + Duration::from_secs(2)).await;
    let behind = scene.herd.behind(healed);
    sleep(plan.ttl + Duration::from_secs(2)).await;
    let mut outcome = Outcome::of(format!(
        "{} hosts, {} reads/s, an outage of {} s in which all clocks jumped ahead by 3 h; {refused} check-ins refused",
        plan.hosts,
        plan.reads_a_second,
        plan.outage.as_secs()
    ));
    judge_reads(&mut outcome, [&normal, &beginning, &during], age);
    judge_recovery(&mut outcome, &scene, behind).await?;
    Ok(outcome)
}

async fn set(plan: &Plan) -> Result<Scene> {
    let (store, clock) = (Store::start().await?, Clock::of_the_machine()?);
    let proxy = store.proxy().await?;
    let launch = Launch::new(&[("HOST_TTL", &plan.ttl.as_secs().to_string())])?;
    let node = launch.behind(&proxy).by(&clock).ready().await?;
    let fleet = Fleet::zipf(plan.hosts);
    register(node.target, &fleet).await?;
    let mut connection = Connection::open(node.target).await?;
    for service in fleet.services() {
        lists::read(&mut connection, service).await?;
    }
    Ok(Scene {
        herd: Herd::beating(&fleet, plan.interval, node.target),
        readers: Readers::of(&fleet, node.target, plan.reads_a_second),
        readiness: Readiness::of(node.target),
        fleet,
        clock,
        _store: store,
        proxy,
        node,
    })
}

/// Breaks the store in one way after the other, moves the clocks in the middle, and returns what readers saw.
async fn fail(scene: &Scene, plan: &Plan, rules: Vec<Rule>) -> Result<[Seen; 2]> {
    let part = plan.outage / u32::try_from(2 * rules.len())?;
    let (middle, mut beginning) = (rules.len() / 2, Seen::default());
    for (turn, rule) in rules.into_iter().enumerate() {
        scene.proxy.set_fault(rule);
        sleep(part).await;
        if turn == 0 {
            // The first to meet the fault may wait for it.
            beginning = scene.readers.seen();
        }
        if turn == middle {
            scene.clock.show(i64::try_from(JUMP.as_secs())?)?;
            sleep(clock::LAG).await;
        }
        sleep(part).await;
    }
    Ok([beginning, scene.readers.seen()])
}

/// How old the node says that its largest list is, and how long it knows that.
async fn age(scene: &Scene) -> Result<Option<u64>> {
    let mut connection = Connection::open(scene.node.target).await?;
    let path = list_path(scene.fleet.service(0));
    let reply = connection.send(&get(&path)).await?;
    Ok(reply.header("age").map(str::parse).transpose()?)
}

/// `age` is what the node told of a list, where the store fails throughout and not now and then.
fn judge_reads(outcome: &mut Outcome, [normal, beginning, during]: [&Seen; 3], age: Option<u64>) {
    let mut all = normal.clone();
    all.add(beginning);
    all.add(during);
    judge_answers(outcome, &all);
    outcome.hold(
        all.longest <= LONGEST_READ,
        format!("longest read {}", millis(all.longest)),
    );
    let (usual, old) = (normal.current.percentile(99.0), during.old.percentile(99.0));
    let told = format!(
        "p99 {} normally, {} of {} old lists",
        millis(usual),
        millis(old),
        during.old.succeeded()
    );
    outcome.hold(
        during.old.succeeded() > 0 && (old <= 2 * usual || age.is_none()),
        told,
    );
    if let Some(age) = age {
        outcome.hold(age >= JUMP.as_secs(), format!("age told {age} s"));
    }
}

fn judge_answers(outcome: &mut Outcome, seen: &Seen) {
    let answers = seen.answers();
    let why = |first: &Option<String>| {
        first
            .as_ref()
            .map(|first| format!(" ({first})"))
            .unwrap_or_default()
    };
    let told = format!(
        "{} of {answers} reads failed{}",
        seen.failed,
        why(&seen.first_failed)
    );
    outcome.hold(seen.failed == 0 && answers > 0, told);
    let told = format!("{} lists differed{}", seen.wrong, why(&seen.first_wrong));
    outcome.hold(seen.wrong == 0, told);
}

async fn judge_recovery(outcome: &mut Outcome, scene: &Scene, behind: usize) -> Result<()> {
    let (unready, looks) = scene.readiness.counts();
    outcome.hold(
        unready == 0 && looks > 0,
        format!("{unready} of {looks} looks at /readyz not 200"),
    );
    let after = scene.readers.seen();
    judge_answers(outcome, &after);
    outcome.hold(
        behind == 0,
        format!("{behind} hosts not current after an interval"),
    );
    let swept = lists::metric(scene.node.target, "discovery_swept_hosts_total").await?;
    outcome.hold(swept == 0.0, format!("{swept} hosts expired"));
    Ok(())
}
