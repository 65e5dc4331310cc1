//! Writers that know what they have written, and what of it was acknowledged.

use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::client::Target;
use discovery_bench::fleet::{get, list_path};
use discovery_bench::pace::Pace;
use serde_json::Value;

use crate::client::{Client, delete, form, host};

/// A writer of one service with two hosts: one that is registered and weighed, and one that comes and goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    service: String,
    /// The last turn in which each of its requests was acknowledged.
    acknowledged: [u64; 4],
    /// The last turn of which anything was sent.
    sent: u64,
    /// How many requests were acknowledged in all.
    pub(crate) requests: u64,
}

/// How many requests a turn has.
pub(crate) const A_TURN: u64 = 4;

impl Writer {
    pub(crate) fn of(service: String) -> Self {
        Self {
            service,
            ..Self::default()
        }
    }

    /// Writes until the node does not answer, at the pace of every `stride`th turn from `first` on.
    pub(crate) async fn write(
        mut self,
        target: Target,
        pace: Pace,
        first: u64,
        stride: u64,
    ) -> Result<Self> {
        let (mut client, mut turn) = (Client::of(target), first);
        while pace.turn(turn).await.is_some() {
            turn += stride;
            self.sent += 1;
            for (kind, request) in self.requests_of(self.sent).iter().enumerate() {
                match client.ask(request).await {
                    Ok(answer) if (200..300).contains(&answer.status) => {
                        self.acknowledged[kind] = self.sent;
                        self.requests += 1;
                    }
                    Ok(answer) => {
                        return Err(format!("a write was answered {}", answer.status).into());
                    }
                    Err(_killed) => return Ok(self),
                }
            }
        }
        Ok(self)
    }

    fn requests_of(&self, turn: u64) -> [Vec<u8>; 4] {
        let (service, weight) = (&self.service, turn % 100 + 1);
        let weigh = format!("/v1/loadbalancing/{service}/10.0.0.1");
        [
            form(&list_path(service), &host("10.0.0.1", turn)),
            form(&weigh, &format!("load_balancing_weight={weight}")),
            form(&list_path(service), &host("10.0.0.2", turn)),
            delete(&format!("{}/10.0.0.2", list_path(service))),
        ]
    }

    /// How many acknowledged writes a node does not show any more.
    pub(crate) async fn lost(&self, target: Target) -> Result<Vec<String>> {
        let [registered, weighed, _, deleted] = self.acknowledged;
        if registered == 0 {
            return Ok(Vec::new());
        }
        let list = Client::of(target)
            .insist(&get(&list_path(&self.service)))
            .await?;
        let list: Value = serde_json::from_slice(&list.body)?;
        let find = |address| {
            let mut hosts = list["hosts"].as_array().into_iter().flatten();
            hosts.find(|host| host["ip_address"] == address)
        };
        let (kept, gone) = (find("10.0.0.1"), find("10.0.0.2"));
        // What was sent since the last acknowledgement may have been stored or not: in several turns, where the node was
        // killed soon after a start.
        let since = |acknowledged| acknowledged..=self.sent;
        let revision = kept.and_then(|host| host["revision"].as_str()?.parse().ok());
        let weight = kept.and_then(|host| host["tags"]["load_balancing_weight"].as_u64());
        let returned = gone.and_then(|host| host["revision"].as_str()?.parse().ok());
        let found_lost = [
            (
                "a registration",
                !revision.is_some_and(|turn: u64| since(registered).contains(&turn)),
            ),
            (
                "a weight",
                weighed > 0
                    && !weight
                        .is_some_and(|weight| since(weighed).any(|turn| turn % 100 + 1 == weight)),
            ),
            // It is there only when the node ended between its registration and its deletion.
            (
                "a deletion",
                gone.is_some() && !returned.is_some_and(|turn| since(deleted + 1).contains(&turn)),
            ),
        ];
        let all_lost = found_lost.iter().filter(|(_, is_lost)| *is_lost);
        Ok(all_lost
            .map(|(what, _)| {
                let (acknowledged, sent) = (self.acknowledged, self.sent);
                format!("{what} after {acknowledged:?} of {sent} in {list}")
            })
            .collect())
    }
}

/// The pace at which turns make so many requests a second.
pub(crate) fn pace(requests_a_second: u64, lasting: Duration) -> Pace {
    #[expect(clippy::cast_precision_loss, reason = "some thousands a second")]
    Pace::new((requests_a_second / A_TURN) as f64, lasting)
}
