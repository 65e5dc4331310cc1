//! Weights: how the traffic of a service is shared.

use std::sync::Arc;

use discovery_domain::{
    EventKind, HostAddress, HostError, HostKey, LoadBalancingWeight, Registry, ServiceName,
};
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, OpenApi};

use crate::HttpSettings;
use crate::body::Sent;
use crate::error::{HostWeightRefused, Invalid, ServiceWeightRefused};
use crate::fields::{Fields, required};
use crate::history::remember;
use crate::model::Weight;
use crate::request_id::RequestId;
use crate::schema::{AddressText, ServiceInPath};
use crate::tags::Tag;

/// The operations on weights.
pub(crate) struct LoadBalancingApi {
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: Arc<HttpSettings>,
}

#[derive(ApiResponse)]
pub(crate) enum WeightSet {
    /// The weight is set
    #[oai(status = 204)]
    Set,
}

#[OpenApi(tag = "Tag::LoadBalancing")]
impl LoadBalancingApi {
    /// Set the weight of every host of a service
    ///
    /// A service without hosts is no error. A host that registers later gets no weight from this; a heartbeat that
    /// carries the tag `load_balancing_weight` replaces it. Besides JSON, the same field is accepted as
    /// `application/x-www-form-urlencoded` and `multipart/form-data`.
    #[oai(
        path = "/v1/loadbalancing/:service",
        method = "post",
        operation_id = "setServiceWeight"
    )]
    async fn set_service_weight(
        &self,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
        body: Sent<Weight>,
    ) -> Result<WeightSet, ServiceWeightRefused> {
        let body = body.received(self.settings.body_timeout).await?;
        let fields = body.fields().await?;
        let (weight, service) = weight_and_service(&fields, &service.0.0)?;
        let changes = self
            .registry
            .set_weight_of_service(&service, weight)
            .await?;
        for change in &changes {
            let host = &change.row.host.key;
            remember(&self.registry, host, EventKind::WeightSet(weight));
        }
        let (hosts, request_id) = (changes.len(), RequestId::current());
        tracing::info!(%service, %weight, hosts, %request_id, "weight set");
        Ok(WeightSet::Set)
    }

    /// Set the weight of a host
    ///
    /// It lasts until it is set again, or until the host sends another in its tags. Besides JSON, the same field is
    /// accepted as `application/x-www-form-urlencoded` and `multipart/form-data`.
    #[oai(
        path = "/v1/loadbalancing/:service/:ip_address",
        method = "post",
        operation_id = "setHostWeight"
    )]
    async fn set_host_weight(
        &self,
        /// The name of the service; at most 255 bytes of UTF-8 without control characters
        service: Path<ServiceInPath>,
        /// The address of the host
        ip_address: Path<AddressText>,
        body: Sent<Weight>,
    ) -> Result<WeightSet, HostWeightRefused> {
        let body = body.received(self.settings.body_timeout).await?;
        let fields = body.fields().await?;
        let (weight, service) = weight_and_service(&fields, &service.0.0)?;
        let ip_address = HostAddress::parse(&ip_address.0.0).map_err(|_| HostError::NotFound)?;
        let host = HostKey::new(service.clone(), ip_address);
        self.registry.set_weight(&host, weight).await?;
        remember(&self.registry, &host, EventKind::WeightSet(weight));
        let request_id = RequestId::current();
        tracing::info!(%service, %ip_address, %weight, %request_id, "weight set");
        Ok(WeightSet::Set)
    }
}

fn weight_and_service(
    fields: &Fields<'_>,
    service: &str,
) -> Result<(LoadBalancingWeight, ServiceName), Invalid> {
    let mut wrong = Invalid::default();
    let weight = required(fields.integer("load_balancing_weight"));
    let weight = wrong.check(
        "load_balancing_weight",
        weight.and_then(LoadBalancingWeight::parse),
    );
    let service = wrong.check("service", ServiceName::parse(service));
    weight.zip(service).ok_or(wrong)
}
