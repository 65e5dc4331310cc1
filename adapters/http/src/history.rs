//! What happened to hosts: the answer to "why is my host (not) there?".

use std::sync::Arc;

use discovery_domain::{Event, EventKind, HostKey, Registry, ServiceName};
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use crate::error::{HistoryRefused, Invalid};
use crate::json::Json;
use crate::model::{History, HostEvent, HostEventKind};
use crate::registration::host_key;
use crate::request_id::RequestId;
use crate::schema::{
    AddressText, Count, Limit, Moment, RequestIdText, ServiceInPath, ServiceText, WeightNumber,
};
use crate::tags::Tag;

/// The operations on what is remembered.
pub(crate) struct HistoryApi {
    pub(crate) registry: Arc<Registry>,
}

#[derive(ApiResponse)]
pub(crate) enum Remembered {
    /// What this node remembers
    #[oai(status = 200)]
    Remembered(Json<History>),
}

#[OpenApi(tag = "Tag::History")]
impl HistoryApi {
    /// Tell what happened to the hosts of a service
    ///
    /// Why is a host there, and why not? Each node remembers what it did and saw itself, for all services together a
    /// bounded number of events, and only until it stops: ask every node. A service that nothing is remembered of has an
    /// empty history. Times are RFC 3339.
    #[oai(
        path = "/v1/history/:service",
        method = "get",
        operation_id = "listServiceHistory"
    )]
    #[expect(clippy::unused_async, reason = "a handler is asynchronous")]
    async fn list_service_history(
        &self,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
        /// The most events that are wanted
        limit: Query<Option<Limit>>,
    ) -> Result<Remembered, HistoryRefused> {
        let mut wrong = Invalid::default();
        let limit = wrong.check("limit", Limit::parse(limit.0.as_ref()));
        let service = wrong.check("service", ServiceName::parse(&service.0.0));
        let (service, limit) = service.zip(limit).ok_or(wrong)?;
        let events = self.registry.history().latest(&service, limit, |_| true);
        Ok(remembered(&service, None, events))
    }

    /// Tell what happened to a host
    ///
    /// Everything is as for the hosts of one service. A host that nothing is remembered of has an empty history.
    #[oai(
        path = "/v1/history/:service/:ip_address",
        method = "get",
        operation_id = "listHostHistory"
    )]
    #[expect(clippy::unused_async, reason = "a handler is asynchronous")]
    async fn list_host_history(
        &self,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
        /// The address of the host
        ip_address: Path<AddressText>,
        /// The most events that are wanted
        limit: Query<Option<Limit>>,
    ) -> Result<Remembered, HistoryRefused> {
        let mut wrong = Invalid::default();
        let limit = wrong.check("limit", Limit::parse(limit.0.as_ref()));
        let host = wrong.join(host_key(&service.0.0, &ip_address.0.0));
        let (host, limit) = host.zip(limit).ok_or(wrong)?;
        let (history, of_host) = (self.registry.history(), |e: &Event| e.key == host);
        let events = history.latest(host.service(), limit, of_host);
        Ok(remembered(host.service(), Some(&host), events))
    }
}

/// Remembers what the request that this task answers has done to a host.
pub(crate) fn remember(registry: &Registry, host: &HostKey, what: EventKind) {
    let request_id = RequestId::current();
    registry.remember(host, what, Some(request_id.as_str().into()));
}

fn remembered(service: &ServiceName, host: Option<&HostKey>, events: Vec<Event>) -> Remembered {
    Remembered::Remembered(Json(History {
        service: ServiceText(service.to_string()),
        ip_address: host.map(|host| AddressText(host.address().to_string())),
        events: events.into_iter().map(HostEvent::from).collect(),
    }))
}

impl From<Event> for HostEvent {
    fn from(event: Event) -> Self {
        let mut shown = Self {
            at: Moment::of(event.at),
            ip_address: AddressText(event.key.address().to_string()),
            event: HostEventKind::from(&event.what),
            request_id: event.request_id.map(|id| RequestIdText(id.to_string())),
            load_balancing_weight: None,
            silent_seconds: None,
            reason: None,
        };
        match event.what {
            EventKind::WeightSet(weight) => {
                shown.load_balancing_weight = Some(WeightNumber(weight.get().into()));
            }
            EventKind::Expired(silent) | EventKind::Unlisted(silent) => {
                let seconds = i64::try_from(silent.as_secs()).unwrap_or(i64::MAX);
                shown.silent_seconds = Some(Count(seconds));
            }
            EventKind::Unreadable(reason) => shown.reason = Some(reason),
            _ => {}
        }
        shown
    }
}

impl From<&EventKind> for HostEventKind {
    fn from(what: &EventKind) -> Self {
        match what {
            EventKind::Registered => Self::Registered,
            EventKind::Changed => Self::Changed,
            EventKind::WeightSet(_) => Self::WeightSet,
            EventKind::Deregistered => Self::Deregistered,
            EventKind::Expired(_) => Self::Expired,
            EventKind::Guarded => Self::Guarded,
            EventKind::Unlisted(_) => Self::Unlisted,
            EventKind::Returned => Self::Returned,
            EventKind::Released => Self::Released,
            EventKind::Unreadable(_) => Self::Unreadable,
        }
    }
}
