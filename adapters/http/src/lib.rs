//! The REST API and its contract.

mod access_log;
mod admin;
mod answerer;
mod app;
mod auto_ip;
mod body;
mod compress;
mod contract;
mod docs;
mod error;
mod fields;
mod health;
mod history;
mod home;
mod host_json;
mod json;
mod list_answer;
mod lists;
mod load_balancing;
mod metrics;
mod model;
mod negotiate;
mod observe;
mod operation;
mod page;
mod panics;
mod refusal;
mod registration;
mod render;
mod rendered;
mod reply;
mod request_id;
mod room;
mod routes;
mod schema;
mod scrape;
mod shelf;
mod tags;
mod text;

use std::sync::Arc;
use std::time::Duration;

use discovery_domain::Registry;
use poem::IntoEndpoint;
use poem::endpoint::BoxEndpoint;
use poem_openapi::OpenApi;

pub use access_log::{AccessLog, Answered, TracingAccessLog};
pub use app::{App, Mount, Parts};
pub use auto_ip::AutoIp;
pub use contract::{API_VERSION, Contract};
pub use health::Health;
pub use lists::Lists;
pub use panics::log_panics;
pub use refusal::no_place;
pub use render::{ListRenderer, Rendered, Subject};
pub use request_id::{RequestId, X_REQUEST_ID};

use admin::AdminApi;
use health::HealthApi;
use history::HistoryApi;
use home::HomeApi;
use load_balancing::LoadBalancingApi;
use registration::RegistrationApi;

/// What an operator decides about the API.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The `env` of every list.
    pub environment: String,
    /// Which hosts may register without their address.
    pub auto_ip: AutoIp,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Whether operators may do what needs no authentication yet and should.
    pub admin_api: bool,
}

/// Every documented operation.
type Operations = (
    RegistrationApi,
    LoadBalancingApi,
    HistoryApi,
    HealthApi,
    AdminApi,
    HomeApi,
);

/// The documented operations on a registry, and `more` of them from elsewhere.
pub fn api(
    registry: Arc<Registry>,
    lists: Arc<Lists>,
    health: Arc<Health>,
    settings: HttpSettings,
    more: impl OpenApi + 'static,
) -> BoxEndpoint<'static> {
    let settings = Arc::new(settings);
    let registration = RegistrationApi {
        registry: Arc::clone(&registry),
        lists,
        settings: Arc::clone(&settings),
    };
    let load_balancing = LoadBalancingApi {
        registry: Arc::clone(&registry),
        settings: Arc::clone(&settings),
    };
    let history = HistoryApi {
        registry: Arc::clone(&registry),
    };
    let admin = AdminApi {
        registry: Arc::clone(&registry),
        settings: Arc::clone(&settings),
    };
    let health = HealthApi {
        registry: Arc::clone(&registry),
        health,
    };
    let operations: Operations = (
        registration,
        load_balancing,
        history,
        health,
        admin,
        HomeApi { registry, settings },
    );
    contract::described((operations, more)).into_endpoint()
}
