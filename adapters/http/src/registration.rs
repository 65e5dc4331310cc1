//! Hosts that register, are listed and go.

use std::sync::Arc;

use discovery_domain::{
    Change, EventKind, HostAddress, HostKey, Port, Registration, Registry, Revision, ServiceName,
    ServiceRepoName, Tags,
};
use poem::http::HeaderMap;
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, OpenApi};

use crate::HttpSettings;
use crate::auto_ip::{AutoIp, Caller};
use crate::body::Sent;
use crate::error::{DeregisterRefused, Invalid, ListRefused, RegisterRefused};
use crate::fields::{Fields, required};
use crate::history::remember;
use crate::json::Json;
use crate::list_answer::ListAnswer;
use crate::lists::Lists;
use crate::model::{Acknowledgement, HostList, HostRegistration, RepoHostList};
use crate::request_id::RequestId;
use crate::schema::{AddressText, RepoInPath, ServiceInPath};
use crate::tags::Tag;

/// The operations on registered hosts.
pub(crate) struct RegistrationApi {
    pub(crate) registry: Arc<Registry>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) settings: Arc<HttpSettings>,
}

#[derive(ApiResponse)]
pub(crate) enum Registered {
    /// The host is registered, or its registration renewed
    #[oai(status = 200)]
    Registered(Json<Acknowledgement>),
}

#[derive(ApiResponse)]
pub(crate) enum Deregistered {
    /// The host is gone
    #[oai(status = 200)]
    Deregistered(Json<Acknowledgement>),
}

#[OpenApi(tag = "Tag::Registration")]
impl RegistrationApi {
    /// List the live hosts of a service
    ///
    /// A service that nobody has registered for has an empty list. While the store fails, a list that this node has
    /// read before is served as it was then; `Age` and `Cache-Status` say so. With `If-None-Match` a list is sent only
    /// if more has changed in it than the times of check-ins.
    #[oai(
        path = "/v1/registration/:service",
        method = "get",
        operation_id = "listHosts",
        request_header(
            name = "If-None-Match",
            ty = "Option<String>",
            description = "The `ETag` of the list that the client has"
        )
    )]
    async fn list_hosts(
        &self,
        headers: &HeaderMap,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
    ) -> Result<ListAnswer<HostList>, ListRefused> {
        let service =
            ServiceName::parse(&service.0.0).map_err(|e| Invalid::field("service", &e))?;
        Ok(self.lists.of_service(headers, service).await?.into())
    }

    /// Register a host, or send its heartbeat
    ///
    /// Both are the same request: send it when the host starts and then well within the time to live that the server
    /// is set to, every 30 to 60 seconds usually. Tags that an earlier registration or a load balancing request has
    /// set are kept while the host is listed, unless they are sent anew. Besides JSON, the same fields are accepted as
    /// `application/x-www-form-urlencoded` and `multipart/form-data`, `tags` being JSON text there and `auto_ip` true
    /// unless empty. A body of any other content type is answered 400, not 415, and so is one that is compressed.
    #[oai(
        path = "/v1/registration/:service",
        method = "post",
        operation_id = "registerHost"
    )]
    async fn register_host(
        &self,
        caller: Caller,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
        body: Sent<HostRegistration>,
    ) -> Result<Registered, RegisterRefused> {
        let body = body.received(self.settings.body_timeout).await?;
        let fields = body.fields().await?;
        let registration = registration(&service.0.0, &fields, &self.settings.auto_ip, &caller)?;
        note_check_in(&self.registry, &self.registry.register(registration).await?);
        Ok(Registered::Registered(Json(Acknowledgement {})))
    }

    /// List the live hosts that are built from a service repo
    ///
    /// They may belong to several services. Everything else is as for the hosts of one service.
    #[oai(
        path = "/v1/registration/repo/:service_repo_name",
        method = "get",
        operation_id = "listHostsByRepo",
        request_header(
            name = "If-None-Match",
            ty = "Option<String>",
            description = "The `ETag` of the list that the client has"
        )
    )]
    async fn list_hosts_by_repo(
        &self,
        headers: &HeaderMap,
        /// The name of the service repo; at most 255 bytes of UTF-8 without control characters
        service_repo_name: Path<RepoInPath>,
    ) -> Result<ListAnswer<RepoHostList>, ListRefused> {
        let repo = ServiceRepoName::parse(&service_repo_name.0.0)
            .map_err(|e| Invalid::field("service_repo_name", &e))?;
        Ok(self.lists.of_repo(headers, repo).await?.into())
    }

    /// Deregister a host
    ///
    /// It is gone from every list at once. One that is not there is a bad request.
    #[oai(
        path = "/v1/registration/:service/:ip_address",
        method = "delete",
        operation_id = "deregisterHost"
    )]
    async fn deregister_host(
        &self,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
        /// The address of the host
        ip_address: Path<AddressText>,
    ) -> Result<Deregistered, DeregisterRefused> {
        let host = host_key(&service.0.0, &ip_address.0.0)?;
        self.registry.deregister(&host).await?;
        remember(&self.registry, &host, EventKind::Deregistered);
        tracing::info!(
            service = %host.service(),
            ip_address = %host.address(),
            request_id = %RequestId::current(),
            "host deregistered"
        );
        Ok(Deregistered::Deregistered(Json(Acknowledgement {})))
    }
}

/// Reads everything that a host says of itself, or finds all that is wrong with it.
fn registration(
    service: &str,
    fields: &Fields<'_>,
    auto_ip: &AutoIp,
    caller: &Caller,
) -> Result<Registration, Invalid> {
    let mut wrong = Invalid::default();
    let service = wrong.check("service", ServiceName::parse(service));
    let address = address(fields, auto_ip, caller, &mut wrong);
    let port = required(fields.integer("port")).and_then(Port::parse);
    let port = wrong.check("port", port);
    let revision = required(fields.string("revision")).and_then(|text| Revision::parse(&text));
    let revision = wrong.check("revision", revision);
    let repo = fields
        .string("service_repo_name")
        .map(Option::unwrap_or_default);
    let repo = wrong.check(
        "service_repo_name",
        repo.and_then(|text| ServiceRepoName::parse(&text)),
    );
    let tags = required(fields.json_text("tags")).and_then(Tags::parse);
    let tags = wrong.check("tags", tags);
    let (
        Some(service),
        Some(address),
        Some(port),
        Some(revision),
        Some(service_repo_name),
        Some(tags),
    ) = (service, address, port, revision, repo, tags)
    else {
        return Err(wrong);
    };
    let key = HostKey::new(service, address);
    Ok(Registration {
        key,
        service_repo_name,
        port,
        revision,
        tags,
    })
}

/// The address that was sent, or the caller's own where that is asked for.
fn address(
    fields: &Fields<'_>,
    auto_ip: &AutoIp,
    caller: &Caller,
    wrong: &mut Invalid,
) -> Option<HostAddress> {
    let own = wrong.check("auto_ip", fields.switch("auto_ip"));
    match (fields.string("ip").transpose(), own) {
        (None, Some(true)) => wrong.check("auto_ip", auto_ip.address(caller)),
        (None, None) => None,
        (sent, own) => {
            let ip = required(sent.transpose()).and_then(|text| HostAddress::parse(&text));
            own.and(wrong.check("ip", ip))
        }
    }
}

/// The host that a path names.
pub(crate) fn host_key(service: &str, address: &str) -> Result<HostKey, Invalid> {
    let mut wrong = Invalid::default();
    let service = wrong.check("service", ServiceName::parse(service));
    let address = wrong.check("ip_address", HostAddress::parse(address));
    match (service, address) {
        (Some(service), Some(address)) => Ok(HostKey::new(service, address)),
        _ => Err(wrong),
    }
}

/// Logs and remembers what changed about a host; a mere heartbeat is no news.
fn note_check_in(registry: &Registry, change: &Change) {
    let key = &change.row.host.key;
    let (service, ip_address) = (key.service(), key.address());
    let Some(news) = EventKind::of_check_in(change) else {
        tracing::debug!(%service, %ip_address, "host checked in");
        return;
    };
    let request_id = RequestId::current();
    if news == EventKind::Registered {
        tracing::info!(%service, %ip_address, %request_id, "host registered");
    } else {
        tracing::info!(%service, %ip_address, %request_id, "host changed");
    }
    remember(registry, key, news);
}
