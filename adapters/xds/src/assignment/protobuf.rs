//! Endpoints in the protobuf of a stream.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::endpoint::v3 as pb;
use envoy_types::pb::google::protobuf::value::Kind as ValueKind;
use envoy_types::pb::google::protobuf::{Struct, UInt32Value, Value};

use super::{Assignment, Endpoint, Locality};

impl From<&Assignment> for pb::ClusterLoadAssignment {
    fn from(assignment: &Assignment) -> Self {
        Self {
            cluster_name: assignment.cluster_name.to_string(),
            endpoints: assignment.localities.iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

impl From<&Locality> for pb::LocalityLbEndpoints {
    fn from(locality: &Locality) -> Self {
        Self {
            locality: Some(core::Locality {
                region: locality.place.region.clone(),
                zone: locality.place.zone.clone(),
                ..core::Locality::default()
            }),
            load_balancing_weight: Some(UInt32Value {
                value: locality.weight,
            }),
            lb_endpoints: locality.endpoints.iter().map(|e| (&**e).into()).collect(),
            ..Self::default()
        }
    }
}

impl From<&Endpoint> for pb::LbEndpoint {
    fn from(endpoint: &Endpoint) -> Self {
        let identifier = pb::lb_endpoint::HostIdentifier::Endpoint(pb::Endpoint {
            address: Some(address(endpoint)),
            hostname: endpoint.hostname().unwrap_or_default().to_owned(),
            ..pb::Endpoint::default()
        });
        Self {
            host_identifier: Some(identifier),
            load_balancing_weight: Some(UInt32Value {
                value: endpoint.weight,
            }),
            metadata: Some(metadata(endpoint)),
            ..Self::default()
        }
    }
}

fn address(endpoint: &Endpoint) -> core::Address {
    let port = u32::from(endpoint.port);
    let socket_address = core::SocketAddress {
        address: endpoint.address.to_string(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port)),
        ..core::SocketAddress::default()
    };
    core::Address {
        address: Some(core::address::Address::SocketAddress(socket_address)),
    }
}

/// What a subset of a cluster can be picked by.
fn metadata(endpoint: &Endpoint) -> core::Metadata {
    let text = |text: &str| ValueKind::StringValue(text.to_owned());
    let repo = endpoint.service_repo_name.as_str();
    let fields = [
        ("canary", Some(ValueKind::BoolValue(endpoint.canary))),
        ("revision", Some(text(endpoint.revision.as_str()))),
        ("instance_id", endpoint.instance_id.as_deref().map(text)),
        (
            "service_repo_name",
            Some(repo).filter(|repo| !repo.is_empty()).map(text),
        ),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(name, kind)| kind.map(|kind| (name.to_owned(), Value { kind: Some(kind) })));
    let envoy_lb = Struct {
        fields: fields.collect(),
    };
    core::Metadata {
        filter_metadata: HashMap::from([("envoy.lb".to_owned(), envoy_lb)]),
        ..core::Metadata::default()
    }
}
