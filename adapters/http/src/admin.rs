//! What an operator may do and nobody else should.

use std::sync::Arc;

use discovery_domain::{Registry, ServiceName};
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, OpenApi};

use crate::HttpSettings;
use crate::error::{Invalid, ReleaseRefused};
use crate::json::Json;
use crate::model::GuardRelease;
use crate::request_id::RequestId;
use crate::schema::{Count, ServiceInPath, ServiceText};
use crate::tags::Tag;

/// The operations of operators.
pub(crate) struct AdminApi {
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: Arc<HttpSettings>,
}

#[derive(ApiResponse)]
pub(crate) enum GuardReleased {
    /// The expired hosts are removed, or some of them
    #[oai(status = 200)]
    Released(Json<GuardRelease>),
}

#[OpenApi(tag = "Tag::Admin")]
impl AdminApi {
    /// End the guard of a service against mass expiry
    ///
    /// For when most hosts of a service went silent at once and are truly gone: removes those that are expired, on every
    /// node, at most 1000 at a request. Send it again until `guarded` is 0. Where no guard is on it removes nobody.
    #[oai(
        path = "/v1/admin/guard/:service/release",
        method = "post",
        operation_id = "releaseGuard"
    )]
    async fn release_guard(
        &self,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
    ) -> Result<GuardReleased, ReleaseRefused> {
        if !self.settings.admin_api {
            return Err(ReleaseRefused::off());
        }
        let service =
            ServiceName::parse(&service.0.0).map_err(|e| Invalid::field("service", &e))?;
        let release = self.release(&service).await?;
        Ok(GuardReleased::Released(Json(release)))
    }
}

impl AdminApi {
    async fn release(&self, service: &ServiceName) -> Result<GuardRelease, ReleaseRefused> {
        let request_id = RequestId::current();
        let by = Some(request_id.as_str().into());
        let release = self.registry.release_guard(service, by).await?;
        let (hosts, guarded) = (release.removed.len(), release.guarded);
        tracing::warn!(%service, hosts, guarded, %request_id, "guard released");
        Ok(GuardRelease {
            service: ServiceText(service.to_string()),
            released: Count::of(hosts),
            guarded: Count::of(guarded),
        })
    }
}
