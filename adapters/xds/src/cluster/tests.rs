use discovery_testkit::hosts::service;
use envoy_types::pb::envoy::config::cluster::v3 as pb;
use envoy_types::pb::envoy::config::core::v3::api_config_source::ApiType;
use envoy_types::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use envoy_types::pb::google::protobuf::Any;
use prost::Message;
use serde_json::{Value, json};

use super::*;

fn cluster(template: ClusterTemplate, source: EdsSource) -> Resource {
    Arc::new(template).cluster(&service("users"), source)
}

fn protobuf(resource: &Resource) -> pb::Cluster {
    let any = Any::decode_length_delimited(&resource.field()[1..]).unwrap();
    assert_eq!(any.type_url, resource.kind().type_url());
    pb::Cluster::decode(&*any.value).unwrap()
}

/// What an Envoy would ask for the endpoints of the cluster.
fn eds(cluster: &pb::Cluster) -> &ConfigSourceSpecifier {
    let eds = cluster.eds_cluster_config.as_ref().unwrap();
    let source = eds.eds_config.as_ref().unwrap();
    source.config_source_specifier.as_ref().unwrap()
}

#[test]
fn a_cluster_read_over_rest_polls_the_operators_xds_cluster() {
    let template = ClusterTemplate {
        xds_cluster: "registry".into(),
        refresh_delay: Duration::from_millis(1500),
        subset_keys: vec![vec!["canary".into(), "revision".into()]],
        ..ClusterTemplate::default()
    };
    let shown: Value = serde_json::from_slice(&cluster(template, EdsSource::Rest).json()).unwrap();
    assert_eq!(
        shown,
        json!({
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": "users",
            "type": "EDS",
            "eds_cluster_config": {"eds_config": {
                "resource_api_version": "V3",
                "api_config_source": {
                    "api_type": "REST",
                    "transport_api_version": "V3",
                    "cluster_names": ["registry"],
                    "refresh_delay": "1.500000000s",
                },
            }},
            "connect_timeout": "5s",
            "lb_policy": "ROUND_ROBIN",
            "ignore_health_on_host_removal": true,
            "lb_subset_config": {
                "fallback_policy": "ANY_ENDPOINT",
                "subset_selectors": [{"keys": ["canary", "revision"]}],
            },
        })
    );
}

#[test]
fn a_cluster_read_from_a_stream_reads_its_endpoints_from_one_too() {
    let ads = protobuf(&cluster(ClusterTemplate::default(), EdsSource::Ads));
    assert!(matches!(eds(&ads), ConfigSourceSpecifier::Ads(_)));
    for (source, api_type) in [
        (EdsSource::Grpc, ApiType::Grpc),
        (EdsSource::DeltaGrpc, ApiType::DeltaGrpc),
    ] {
        let cluster = protobuf(&cluster(ClusterTemplate::default(), source));
        let ConfigSourceSpecifier::ApiConfigSource(source) = eds(&cluster) else {
            panic!("no API: {cluster:?}");
        };
        assert_eq!(source.api_type(), api_type);
        assert_eq!(source.grpc_services.len(), 1);
    }
}

#[test]
fn protobuf_says_what_json_says() {
    let template = ClusterTemplate {
        connect_timeout: Duration::from_millis(250),
        lb_policy: LbPolicy::LeastRequest,
        ignore_health_on_host_removal: false,
        ..ClusterTemplate::default()
    };
    let resource = cluster(template, EdsSource::Rest);
    let (json, pb): (Value, _) = (
        serde_json::from_slice(&resource.json()).unwrap(),
        protobuf(&resource),
    );
    let timeout = pb.connect_timeout.unwrap();
    assert_eq!((timeout.seconds, timeout.nanos), (0, 250_000_000));
    assert_eq!(json["connect_timeout"], "0.250000000s");
    assert_eq!(json["lb_policy"], pb.lb_policy().as_str_name());
    assert_eq!(
        json["ignore_health_on_host_removal"],
        pb.ignore_health_on_host_removal
    );
    let subsets = pb.lb_subset_config.as_ref().unwrap();
    assert_eq!(
        json["lb_subset_config"]["fallback_policy"],
        subsets.fallback_policy().as_str_name()
    );
    let keys: Vec<Value> = subsets
        .subset_selectors
        .iter()
        .map(|s| json!({"keys": s.keys}))
        .collect();
    assert_eq!(json["lb_subset_config"]["subset_selectors"], json!(keys));
    let ConfigSourceSpecifier::ApiConfigSource(source) = eds(&pb) else {
        panic!("no API: {pb:?}");
    };
    let delay = source.refresh_delay.unwrap();
    assert_eq!((source.api_type(), delay.seconds), (ApiType::Rest, 5));
    assert_eq!(source.cluster_names, ["discovery"]);
}

#[test]
fn without_subset_keys_a_cluster_has_no_subsets() {
    let template = ClusterTemplate {
        subset_keys: Vec::new(),
        ..ClusterTemplate::default()
    };
    let resource = cluster(template, EdsSource::Ads);
    let json: Value = serde_json::from_slice(&resource.json()).unwrap();
    assert_eq!(json.get("lb_subset_config"), None);
    assert_eq!(protobuf(&resource).lb_subset_config, None);
}

#[test]
fn every_policy_is_read_as_it_is_shown_and_known_to_envoy() {
    for policy in LbPolicy::ALL {
        assert_eq!(policy.as_str().parse(), Ok(policy));
        let known = pb::cluster::LbPolicy::from_str_name(policy.as_str());
        assert_eq!(known, Some(policy.into()));
    }
    let refused = "round_robin".parse::<LbPolicy>().unwrap_err().to_string();
    assert!(refused.contains("ROUND_ROBIN"), "{refused}");
}
