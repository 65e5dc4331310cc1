//! Weights, deletions and sweeps meet check-ins.

use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::client::Target;
use discovery_bench::fleet::{get, list_path};
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::time::sleep;

use crate::client::{Client, delete, form, host};
use crate::fault::{Fault, Outcome, Scale};
use crate::launch::Launch;
use crate::note;
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "races",
    mark: "0 lost in 10,000 interleavings on each storage",
    run: |scale| Box::pin(run(scale)),
};

/// Hosts that race at the same time, each with a service of its own.
const HOSTS: u64 = 40;
/// The TTL leaves time to look at a host before it expires again.
const TTL: Duration = Duration::from_secs(5);
const SETTINGS: [(&str, &str); 4] = [
    ("HOST_TTL", "5"),
    ("GUARD_MINIMUM_LIVE", "0"),
    ("SWEEP_RATE", "100000"),
    ("HISTORY_EVENTS", "0"),
];
const ADDRESS: &str = "10.0.0.1";

async fn run(scale: Scale) -> Result<Outcome> {
    let interleavings: u64 = scale.pick(2000, 10_000);
    let mut outcome = Outcome::of(format!(
        "{interleavings} interleavings on each storage: two fifths of a weight and a check-in, a fifth each of a \
         deletion and a weight after a check-in, of a deletion and a check-in after a weight, of a sweep and a check-in"
    ));
    for storage in ["InMemory", "InFile"] {
        let launch = Launch::new(&SETTINGS)?.with("BACKEND_STORAGE", storage);
        outcome.add(storage, raced(launch, interleavings).await?);
    }
    let store = Store::start().await?;
    let proxy = store.proxy().await?;
    let launch = Launch::new(&SETTINGS)?.behind(&proxy);
    outcome.add("DynamoDB", raced(launch, interleavings).await?);
    Ok(outcome)
}

async fn raced(launch: Launch, interleavings: u64) -> Result<Outcome> {
    let node = launch.ready().await?;
    let rounds = interleavings / HOSTS / 5;
    let racers: Vec<Racer> = (0..HOSTS)
        .map(|racer| Racer::new(node.target, racer))
        .collect();
    let running = racers
        .into_iter()
        .map(|racer| tokio::spawn(racer.race(rounds)));
    let mut lost = Vec::new();
    for of_one in try_join_all(running).await? {
        lost.extend(of_one?);
    }
    note(&format!("{} lost", lost.len()));
    let mut outcome = Outcome::default();
    let first = lost
        .first()
        .map_or(String::new(), |first| format!(" ({first})"));
    let all = rounds * HOSTS * 5;
    outcome.hold(
        lost.is_empty(),
        format!("{} of {all} lost{first}", lost.len()),
    );
    Ok(outcome)
}

/// A host, an operator who changes it, and what came of it.
struct Racer {
    service: String,
    host: Client,
    operator: Client,
    revision: u64,
    lost: Vec<String>,
}

impl Racer {
    fn new(target: Target, number: u64) -> Self {
        Self {
            service: format!("racer-{number}"),
            host: Client::of(target),
            operator: Client::of(target),
            revision: 0,
            lost: Vec::new(),
        }
    }

    async fn race(mut self, rounds: u64) -> Result<Vec<String>> {
        for round in 0..rounds {
            for turn in 0..2 {
                self.weight_against_check_in(1 + (2 * round + turn) % 100)
                    .await?;
            }
            self.deletion_against_weight().await?;
            self.deletion_against_check_in().await?;
            self.sweep_against_check_in(round).await?;
        }
        Ok(self.lost)
    }

    async fn weight_against_check_in(&mut self, weight: u64) -> Result<()> {
        let first = self.check_in();
        self.host.insist(&first).await?;
        let (check_in, weigh) = (self.check_in(), self.weigh(weight));
        tokio::try_join!(self.host.insist(&check_in), self.operator.insist(&weigh))?;
        let shown = self.shown().await?;
        let is = (&shown["revision"], &shown["tags"]["load_balancing_weight"]);
        if is
            != (
                &Value::from(self.revision.to_string()),
                &Value::from(weight),
            )
        {
            self.lost.push(format!(
                "revision {} or weight {weight} of {shown}",
                self.revision
            ));
        }
        Ok(())
    }

    async fn deletion_against_weight(&mut self) -> Result<()> {
        let check_in = self.check_in();
        self.host.insist(&check_in).await?;
        let (weigh, delete) = (self.weigh(7), delete(&self.path()));
        let (weighed, _) = tokio::try_join!(self.host.ask(&weigh), self.operator.insist(&delete))?;
        let shown = self.shown().await?;
        if !shown.is_null() || !matches!(weighed.status, 204 | 404) {
            self.lost
                .push(format!("a deletion: {shown} beside {}", weighed.status));
        }
        Ok(())
    }

    /// Whichever comes first, nothing is left of what was there before the deletion.
    async fn deletion_against_check_in(&mut self) -> Result<()> {
        let (first, weigh) = (self.check_in(), self.weigh(7));
        self.host.insist(&first).await?;
        self.operator.insist(&weigh).await?;
        let (check_in, delete) = (self.check_in(), delete(&self.path()));
        tokio::try_join!(self.host.insist(&check_in), self.operator.insist(&delete))?;
        let shown = self.shown().await?;
        let anew = shown["revision"].as_str() == Some(&*self.revision.to_string())
            && shown["tags"]["load_balancing_weight"].is_null();
        if !shown.is_null() && !anew {
            self.lost
                .push(format!("a deletion beside a check-in: {shown}"));
        }
        Ok(())
    }

    /// Lets the host expire and checks in at about the moment at which it is swept.
    async fn sweep_against_check_in(&mut self, round: u64) -> Result<()> {
        let check_in = self.check_in();
        self.host.insist(&check_in).await?;
        sleep(TTL + Duration::from_millis(round * 37 % 1100)).await;
        let check_in = self.check_in();
        self.host.insist(&check_in).await?;
        let shown = self.shown().await?;
        if shown["revision"].as_str() != Some(&*self.revision.to_string()) {
            self.lost
                .push(format!("a check-in beside a sweep: {shown}"));
        }
        Ok(())
    }

    fn check_in(&mut self) -> Vec<u8> {
        self.revision += 1;
        form(&list_path(&self.service), &host(ADDRESS, self.revision))
    }

    fn weigh(&self, weight: u64) -> Vec<u8> {
        let path = format!("/v1/loadbalancing/{}/{ADDRESS}", self.service);
        form(&path, &format!("load_balancing_weight={weight}"))
    }

    fn path(&self) -> String {
        format!("{}/{ADDRESS}", list_path(&self.service))
    }

    /// The host as it is listed; null where it is not.
    async fn shown(&mut self) -> Result<Value> {
        let list = self.host.insist(&get(&list_path(&self.service))).await?;
        let mut list: Value = serde_json::from_slice(&list.body)?;
        Ok(list["hosts"]
            .get_mut(0)
            .map(Value::take)
            .unwrap_or_default())
    }
}
