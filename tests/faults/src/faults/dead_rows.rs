//! Rows that nobody has renewed for long: an old table at a first start, and a week for which a node was away.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::{Fleet, REVISION};
use discovery_bench::{Result, now};
use discovery_testkit::emulator::item;
use futures_util::{StreamExt as _, stream};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::clock::{self, Clock};
use crate::fault::{Fault, Outcome, Scale};
use crate::herd::{Herd, register};
use crate::launch::{Launch, PATIENCE};
use crate::lists::{self, Addresses};
use crate::store::{Store, TABLE};

pub(crate) const OLD_TABLE: Fault = Fault {
    name: "old-table",
    mark: "of rows that died a month ago none comes back, and nobody alive is lost",
    run: |scale| Box::pin(old_table(scale)),
};

pub(crate) const WEEK_AWAY: Fault = Fault {
    name: "week-away",
    mark: "a node that was stopped for a week brings nobody back and loses nobody alive",
    run: |scale| Box::pin(week_away(scale)),
};

const MONTH: Duration = Duration::from_hours(30 * 24);
const WEEK: Duration = Duration::from_hours(7 * 24);
const SERVICES: u32 = 10;
/// How many hosts of every service live.
const ALIVE: u32 = 4;

/// Services of which most hosts are dead: the first few of each live.
fn fleet(hosts: u32) -> Fleet {
    Fleet::of((0..SERVICES).map(|service| (format!("service-{service:02}"), hosts / SERVICES)))
}

fn alive(fleet: &Fleet) -> impl Iterator<Item = u32> {
    let ranks = 0..fleet.services().len();
    ranks.flat_map(|rank| fleet.hosts_of(rank).take(ALIVE as usize))
}

fn dead(fleet: &Fleet) -> impl Iterator<Item = u32> {
    let ranks = 0..fleet.services().len();
    ranks.flat_map(|rank| fleet.hosts_of(rank).skip(ALIVE as usize))
}

async fn old_table(scale: Scale) -> Result<Outcome> {
    let (hosts, ttl) = (
        scale.pick(1_000, 10_000),
        Duration::from_secs(scale.pick(20, 30)),
    );
    let (store, fleet) = (Store::start().await?, fleet(hosts));
    put(&store, &fleet, dead(&fleet), MONTH).await;
    put(&store, &fleet, alive(&fleet), Duration::from_secs(5)).await;
    let proxy = store.proxy().await?;
    let node = Launch::new(&[("HOST_TTL", &ttl.as_secs().to_string())])?
        .behind(&proxy)
        .start()
        .await?;
    let herd = Herd::beating(&fleet, ttl / 4, node.target);
    herd.silence(dead(&fleet), true);
    let mut outcome = Outcome::of(format!(
        "{hosts} rows, all but {} dead for a month, at a first start, HOST_TTL {} s",
        SERVICES * ALIVE,
        ttl.as_secs()
    ));
    // From the first answer on, ready or not, and past the first sweep: rows are kept for a TTL from their first sight.
    let (began, mut looks) = (now(), Looks::default());
    while began.elapsed() < ttl * 2 {
        looks.look(node.target, &fleet).await?;
    }
    looks.judge(&mut outcome);
    let swept = lists::metric(node.target, "discovery_swept_hosts_total").await?;
    let rows = store.emulator.items(TABLE).await.len();
    outcome.hold(
        swept > 0.0,
        format!("{swept} rows swept so far, {rows} left"),
    );
    Ok(outcome)
}

/// Stores hosts as the original would have, so long ago.
async fn put(store: &Store, fleet: &Fleet, hosts: impl Iterator<Item = u32>, ago: Duration) {
    let stored = written(ago);
    let items = hosts.map(|number| {
        let host = fleet.host(number);
        let (ip, tags) = (host.ip().to_string(), host.tags());
        item(&[
            ("service", host.service),
            ("ip_address", &ip),
            ("port", "8080"),
            ("revision", REVISION),
            ("service_repo_name", host.service),
            ("last_check_in", &stored),
            ("tags", &tags),
        ])
    });
    let puts = stream::iter(items).for_each_concurrent(16, |item| store.emulator.put(TABLE, item));
    puts.await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the node's clock is the real one"
)]
fn written(ago: Duration) -> String {
    let time: DateTime<Utc> = (SystemTime::now() - ago).into();
    time.format("%Y-%m-%dT%H:%M:%S%.6f+0000").to_string()
}

/// What was on the lists.
#[derive(Default)]
struct Looks {
    lists: u64,
    refused: u64,
    /// Dead hosts that were listed, and living ones that were not, each time they were looked for.
    back: usize,
    lost: usize,
}

impl Looks {
    async fn look(&mut self, target: Target, fleet: &Fleet) -> Result<()> {
        let mut connection = Connection::open(target).await?;
        for rank in 0..fleet.services().len() {
            match lists::read(&mut connection, fleet.service(rank)).await {
                Ok(listed) => self.note(fleet, rank, &listed),
                Err(_) => self.refused += 1,
            }
        }
        Ok(())
    }

    fn note(&mut self, fleet: &Fleet, rank: usize, listed: &Addresses) {
        let living = fleet.hosts_of(rank).take(ALIVE as usize);
        let living: Addresses = living.map(|host| fleet.host(host).ip().into()).collect();
        self.lists += 1;
        self.back += listed.difference(&living).count();
        self.lost += living.difference(listed).count();
    }

    fn judge(&self, outcome: &mut Outcome) {
        let Self {
            lists,
            refused,
            back,
            lost,
        } = self;
        outcome.hold(
            *back == 0 && *lists > 0,
            format!("{back} dead hosts on {lists} lists"),
        );
        outcome.hold(*lost == 0, format!("{lost} living ones lacking"));
        outcome.hold(*refused == 0, format!("{refused} reads refused"));
    }
}

async fn week_away(scale: Scale) -> Result<Outcome> {
    // The lease clock runs in real time, and the guard lets go after seven TTLs.
    let (hosts, ttl) = (
        scale.pick(300, 10_000),
        Duration::from_secs(scale.pick(5, 30)),
    );
    let (store, fleet, folder) = (
        Store::start().await?,
        fleet(hosts),
        Arc::new(TempDir::new()?),
    );
    let (proxy, clock) = (store.proxy().await?, Clock::of_the_wall()?);
    clock.show(-i64::try_from(WEEK.as_secs())?)?;
    let seconds = ttl.as_secs().to_string();
    let settings = [("HOST_TTL", &*seconds)];
    let away = Launch::inside(&folder, &settings)?
        .behind(&proxy)
        .by(&clock);
    let away = away.ready().await?;
    let there = Launch::new(&settings)?
        .behind(&proxy)
        .by(&clock)
        .ready()
        .await?;
    let herd = Herd::beating(&fleet, ttl / 3, there.target);
    herd.silence(dead(&fleet), true);
    register(away.target, &fleet).await?;
    Looks::default().look(away.target, &fleet).await?;
    away.stop().await?;
    clock.show(0)?;
    sleep(clock::LAG).await;
    let died = now();
    let mut looks = Looks::default();
    looks.look(there.target, &fleet).await?;
    while looks.back > 0 && died.elapsed() < ttl * 8 + PATIENCE {
        looks = Looks::default();
        looks.look(there.target, &fleet).await?;
    }
    let mut outcome = Outcome::of(format!(
        "{hosts} hosts, all but {} of which die while one of two nodes is away for a week, HOST_TTL {} s",
        SERVICES * ALIVE,
        ttl.as_secs()
    ));
    let died = died.elapsed().as_secs();
    outcome.hold(
        looks.back == 0,
        format!("{} dead hosts at the other node after {died} s", looks.back),
    );
    let back = Launch::inside(&folder, &settings)?
        .behind(&proxy)
        .start()
        .await?;
    let began = now();
    while began.elapsed() < ttl * 3 {
        looks.look(there.target, &fleet).await?;
        looks.look(back.target, &fleet).await?;
    }
    looks.judge(&mut outcome);
    Ok(outcome)
}
