//! Endpoints in the JSON of a REST answer. Weights are always there and at least 1, `canary` is always there and a
//! boolean: Envoy refuses a whole answer for a weight of 0, and can't pick what is no canary where nothing is said.

use std::net::IpAddr;

use serde::Serialize;

use super::{Assignment, Endpoint, Locality};
use crate::kind::Kind;

#[derive(Serialize)]
struct AssignmentJson<'a> {
    #[serde(rename = "@type")]
    type_url: &'static str,
    cluster_name: &'a str,
    endpoints: Vec<LocalityJson<'a>>,
}

#[derive(Serialize)]
struct LocalityJson<'a> {
    locality: PlaceJson<'a>,
    load_balancing_weight: u32,
    lb_endpoints: Vec<LbEndpointJson<'a>>,
}

#[derive(Serialize)]
struct PlaceJson<'a> {
    region: &'a str,
    zone: &'a str,
}

#[derive(Serialize)]
struct LbEndpointJson<'a> {
    endpoint: EndpointJson<'a>,
    load_balancing_weight: u32,
    metadata: MetadataJson<'a>,
}

#[derive(Serialize)]
struct EndpointJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    address: AddressJson,
}

#[derive(Serialize)]
struct AddressJson {
    socket_address: SocketAddressJson,
}

#[derive(Serialize)]
struct SocketAddressJson {
    address: IpAddr,
    port_value: u16,
}

#[derive(Serialize)]
struct MetadataJson<'a> {
    filter_metadata: FilterMetadataJson<'a>,
}

#[derive(Serialize)]
struct FilterMetadataJson<'a> {
    #[serde(rename = "envoy.lb")]
    envoy_lb: LbMetadataJson<'a>,
}

#[derive(Serialize)]
struct LbMetadataJson<'a> {
    canary: bool,
    revision: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    service_repo_name: &'a str,
}

impl Assignment {
    /// The resource in JSON, in one order of everything.
    pub(crate) fn json(&self) -> Vec<u8> {
        let json = AssignmentJson {
            type_url: Kind::Endpoints.type_url(),
            cluster_name: &self.cluster_name,
            endpoints: self.localities.iter().map(LocalityJson::from).collect(),
        };
        serde_json::to_vec(&json).expect("memory takes whatever is written")
    }
}

impl<'a> From<&'a Locality> for LocalityJson<'a> {
    fn from(locality: &'a Locality) -> Self {
        let endpoints = locality.endpoints.iter();
        Self {
            locality: PlaceJson {
                region: &locality.place.region,
                zone: &locality.place.zone,
            },
            load_balancing_weight: locality.weight,
            lb_endpoints: endpoints.map(|e| LbEndpointJson::from(&**e)).collect(),
        }
    }
}

impl<'a> From<&'a Endpoint> for LbEndpointJson<'a> {
    fn from(endpoint: &'a Endpoint) -> Self {
        let socket_address = SocketAddressJson {
            address: endpoint.address,
            port_value: endpoint.port,
        };
        let envoy_lb = LbMetadataJson {
            canary: endpoint.canary,
            revision: endpoint.revision.as_str(),
            instance_id: endpoint.instance_id.as_deref(),
            service_repo_name: endpoint.service_repo_name.as_str(),
        };
        Self {
            endpoint: EndpointJson {
                hostname: endpoint.hostname(),
                address: AddressJson { socket_address },
            },
            load_balancing_weight: endpoint.weight,
            metadata: MetadataJson {
                filter_metadata: FilterMetadataJson { envoy_lb },
            },
        }
    }
}
