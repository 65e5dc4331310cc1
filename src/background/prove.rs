//! Keeps the lease clock running while the store can record, and tells whether it can.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use discovery_domain::{Registry, StoreError};
use discovery_dynamodb::DynamoDbHostRepository;
use discovery_http::Health;
use tracing::{info, warn};

use super::every;

const PAUSE: Duration = Duration::from_secs(1);
/// What the store gets to answer in before the lease clock stops.
const ANSWER: Duration = Duration::from_secs(1);
/// After how many looks at most the store records a proof even though writes prove it all the time, so that a restart
/// finds out when the last one was (liveness rule 4). Nodes differ in that, and each from time to time: in lockstep they
/// might never see that their clocks differ.
const LOOKS_BETWEEN_RECORDS: RangeInclusive<u32> = 30..=60;

/// What this node knows of its store.
struct Prover {
    registry: Arc<Registry>,
    health: Arc<Health>,
    /// A store that may answer reads while it can't record.
    table: Option<Arc<DynamoDbHostRepository>>,
    /// Whether every service of the store has still to be watched.
    watches_all: bool,
    /// Whether the store answered when last asked.
    answers: Option<bool>,
    /// How many looks are left until the next record.
    looks: u32,
}

/// Asks the store to record something whenever nothing else has shown that it can.
pub(super) async fn keep_proving(
    registry: Arc<Registry>,
    health: Arc<Health>,
    table: Option<Arc<DynamoDbHostRepository>>,
    watches_all: bool,
) {
    let mut prover = Prover {
        registry,
        health,
        table,
        watches_all,
        answers: None,
        looks: fastrand::u32(LOOKS_BETWEEN_RECORDS),
    };
    let mut ticks = every(PAUSE);
    loop {
        ticks.tick().await;
        if prover.is_due() {
            let answer = prover.ask().await;
            prover.note(answer);
        }
    }
}

impl Prover {
    fn is_due(&mut self) -> bool {
        self.looks = self.looks.saturating_sub(1);
        let stops = self.registry.lease().stops_within(PAUSE + ANSWER);
        self.answers != Some(true) || stops || self.looks == 0
    }

    async fn ask(&mut self) -> Result<(), StoreError> {
        self.looks = fastrand::u32(LOOKS_BETWEEN_RECORDS);
        self.registry.prove().await?;
        if self.watches_all {
            let services = self.registry.watch_all().await?.len();
            self.watches_all = false;
            info!(services, "watches every service of the store");
        }
        Ok(())
    }

    fn note(&mut self, answer: Result<(), StoreError>) {
        let changed = self.answers.replace(answer.is_ok()) != Some(answer.is_ok());
        match answer {
            Ok(()) => {
                self.health.store_answers();
                if changed {
                    info!("the store answers");
                }
            }
            Err(error) => {
                self.health.store_fails(error.to_string());
                if self
                    .table
                    .as_ref()
                    .is_some_and(|table| table.has_answered())
                {
                    self.health.has_something_to_serve();
                }
                if changed {
                    warn!(error = &error as &dyn std::error::Error, "the store fails");
                }
            }
        }
    }
}
