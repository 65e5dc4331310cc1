//! Clusters in the protobuf of a stream.

use std::time::Duration;

use core::api_config_source::ApiType;
use core::config_source::ConfigSourceSpecifier;
use envoy_types::pb::envoy::config::cluster::v3 as pb;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::google::protobuf as google;
use pb::cluster::lb_subset_config::{LbSubsetFallbackPolicy, LbSubsetSelector};

use super::{Cluster, ClusterTemplate, EdsSource, LbPolicy};

impl From<&Cluster> for pb::Cluster {
    fn from(cluster: &Cluster) -> Self {
        let template = &cluster.template;
        let eds_config = pb::cluster::EdsClusterConfig {
            eds_config: Some(eds_config(template, cluster.source)),
            ..pb::cluster::EdsClusterConfig::default()
        };
        let eds = pb::cluster::DiscoveryType::Eds.into();
        Self {
            name: cluster.name.to_string(),
            cluster_discovery_type: Some(pb::cluster::ClusterDiscoveryType::Type(eds)),
            eds_cluster_config: Some(eds_config),
            connect_timeout: Some(duration(template.connect_timeout)),
            lb_policy: pb::cluster::LbPolicy::from(template.lb_policy).into(),
            lb_subset_config: subsets(template),
            ignore_health_on_host_removal: template.ignore_health_on_host_removal,
            ..Self::default()
        }
    }
}

impl From<LbPolicy> for pb::cluster::LbPolicy {
    fn from(policy: LbPolicy) -> Self {
        match policy {
            LbPolicy::RoundRobin => Self::RoundRobin,
            LbPolicy::LeastRequest => Self::LeastRequest,
            LbPolicy::Random => Self::Random,
            LbPolicy::RingHash => Self::RingHash,
            LbPolicy::Maglev => Self::Maglev,
        }
    }
}

fn subsets(template: &ClusterTemplate) -> Option<pb::cluster::LbSubsetConfig> {
    let selectors = template.subset_keys.iter().map(|keys| LbSubsetSelector {
        keys: keys.clone(),
        ..LbSubsetSelector::default()
    });
    (!template.subset_keys.is_empty()).then(|| pb::cluster::LbSubsetConfig {
        fallback_policy: LbSubsetFallbackPolicy::AnyEndpoint.into(),
        subset_selectors: selectors.collect(),
        ..pb::cluster::LbSubsetConfig::default()
    })
}

fn eds_config(template: &ClusterTemplate, source: EdsSource) -> core::ConfigSource {
    let specifier = match source {
        EdsSource::Ads => ConfigSourceSpecifier::Ads(core::AggregatedConfigSource::default()),
        EdsSource::Rest => ConfigSourceSpecifier::ApiConfigSource(core::ApiConfigSource {
            cluster_names: vec![template.xds_cluster.clone()],
            refresh_delay: Some(duration(template.refresh_delay)),
            ..api_source(ApiType::Rest)
        }),
        EdsSource::Grpc => grpc_source(template, ApiType::Grpc),
        EdsSource::DeltaGrpc => grpc_source(template, ApiType::DeltaGrpc),
    };
    core::ConfigSource {
        config_source_specifier: Some(specifier),
        resource_api_version: core::ApiVersion::V3.into(),
        ..core::ConfigSource::default()
    }
}

fn grpc_source(template: &ClusterTemplate, api_type: ApiType) -> ConfigSourceSpecifier {
    let envoy_grpc = core::grpc_service::EnvoyGrpc {
        cluster_name: template.xds_cluster.clone(),
        ..core::grpc_service::EnvoyGrpc::default()
    };
    let service = core::GrpcService {
        target_specifier: Some(core::grpc_service::TargetSpecifier::EnvoyGrpc(envoy_grpc)),
        ..core::GrpcService::default()
    };
    ConfigSourceSpecifier::ApiConfigSource(core::ApiConfigSource {
        grpc_services: vec![service],
        set_node_on_first_message_only: true,
        ..api_source(api_type)
    })
}

fn api_source(api_type: ApiType) -> core::ApiConfigSource {
    core::ApiConfigSource {
        api_type: api_type.into(),
        transport_api_version: core::ApiVersion::V3.into(),
        ..core::ApiConfigSource::default()
    }
}

fn duration(duration: Duration) -> google::Duration {
    google::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos().cast_signed(),
    }
}
