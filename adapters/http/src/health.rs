//! Whether this node is alive, and whether it can do its work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use discovery_domain::Registry;
use poem_openapi::{ApiResponse, OpenApi};

use crate::error::NotReady;
use crate::json::Json;
use crate::model::{GuardedService, Readiness, Status, Store};
use crate::schema::{Count, ServiceText};
use crate::tags::Tag;
use crate::text::Text;

/// What the process knows of its own state; whoever runs it keeps this up to date (liveness rule 19).
#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Whether there is something to serve.
    started: bool,
    stopping: bool,
    /// Why the store does not answer.
    failing: Option<String>,
    /// Why it does not answer reads, which it may refuse by themselves.
    failing_reads: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            started: false,
            stopping: false,
            failing: Some("it has not been asked".to_owned()),
            failing_reads: None,
        }
    }
}

impl Health {
    /// Notes that the store has just answered.
    pub fn store_answers(&self) {
        let mut state = self.state();
        state.started = true;
        state.failing = None;
    }

    /// Notes that the store does not answer, and why.
    pub fn store_fails(&self, reason: impl Into<String>) {
        self.state().failing = Some(reason.into());
    }

    /// Notes whether the store answers reads, or why it does not.
    pub fn reads(&self, failing: Option<String>) {
        self.state().failing_reads = failing;
    }

    /// Notes that lists were loaded, or can be read although the store does not answer to everything.
    pub fn has_something_to_serve(&self) {
        self.state().started = true;
    }

    /// Notes that the process takes no new work.
    pub fn stops(&self) {
        self.state().stopping = true;
    }

    /// Whether this node can do its work, with the reason why not.
    pub fn readiness(&self) -> Result<(), String> {
        let state = self.state();
        match (state.stopping, state.started) {
            (true, _) => Err("this node is stopping".to_owned()),
            (false, true) => Ok(()),
            (false, false) => Err(format!(
                "the store has not answered yet: {}",
                state.failing.as_deref().unwrap_or_default()
            )),
        }
    }

    /// Why the store does not answer.
    fn failing(&self) -> Option<String> {
        let state = self.state();
        state
            .failing
            .as_ref()
            .or(state.failing_reads.as_ref())
            .cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The operations by which a node is watched.
pub(crate) struct HealthApi {
    pub(crate) registry: Arc<Registry>,
    pub(crate) health: Arc<Health>,
}

#[derive(ApiResponse)]
pub(crate) enum Alive {
    /// It is alive
    #[oai(status = 200)]
    Ok(Text),
}

#[derive(ApiResponse)]
pub(crate) enum Ready {
    /// It can do its work, perhaps only in part
    #[oai(status = 200)]
    Ready(Json<Readiness>),
}

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// Tell whether this node is alive
    ///
    /// Always `OK` as long as the process answers, whatever the state of the store.
    #[oai(path = "/healthcheck", method = "get", operation_id = "checkHealth")]
    #[expect(clippy::unused_async, reason = "a handler is asynchronous")]
    async fn check_health(&self) -> Alive {
        Alive::Ok(Text("OK"))
    }

    /// Tell whether this node can do its work
    ///
    /// It can from the first answer of the store, or once it has loaded what it knew before, until it stops: also
    /// while the store fails, when it serves the lists that it knows. What is then wrong stands in the answer.
    #[oai(path = "/readyz", method = "get", operation_id = "checkReadiness")]
    #[expect(clippy::unused_async, reason = "a handler is asynchronous")]
    async fn check_readiness(&self) -> Result<Ready, NotReady> {
        self.health.readiness().map_err(NotReady::because)?;
        Ok(Ready::Ready(Json(self.report())))
    }
}

impl HealthApi {
    fn report(&self) -> Readiness {
        let known = self.registry.known();
        let reason = self.health.failing();
        let failing = reason.is_some();
        Readiness {
            status: if failing {
                Status::Degraded
            } else {
                Status::Ready
            },
            reason,
            store: if failing { Store::Failing } else { Store::Ok },
            services: Count::of(known.services),
            hosts: Count::of(known.hosts),
            guarded: self.guarded(),
        }
    }

    fn guarded(&self) -> Vec<GuardedService> {
        let mut services = self.registry.guarded();
        services.sort();
        let named = services.into_iter().map(|(service, hosts)| GuardedService {
            service: ServiceText(service.to_string()),
            hosts: Count::of(hosts),
        });
        named.collect()
    }
}
