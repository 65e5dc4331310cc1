//! What holds for both protocols.

use std::collections::BTreeSet;

use discovery_testkit::hosts::tags_with;

use super::*;
use crate::cluster::LbPolicy;
use crate::request::{DeltaDiscoveryRequest, DiscoveryRequest};
use crate::snapshots::Snapshots;
use crate::testing::listing_at;

fn asks(type_url: &str, wanted: Vec<String>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: type_url.into(),
        resource_names_subscribe: wanted,
        ..DeltaDiscoveryRequest::default()
    }
}

fn session(only: Option<Kind>) -> Session<Delta> {
    Session::new(only, LIMITS)
}

#[test]
fn a_stream_for_one_kind_takes_no_other() {
    let mut endpoints = session(Some(Kind::Endpoints));
    let unnamed = endpoints.hear(&asks("", vec!["users".into()])).unwrap();
    assert_eq!(unnamed.kind, Some(Kind::Endpoints));
    assert_eq!(
        endpoints.hear(&asks(CLUSTERS, vec![])),
        Err(Refusal::OtherType(CLUSTERS.into()))
    );
}

#[test]
fn a_stream_for_all_kinds_must_be_told_which() {
    assert_eq!(session(None).hear(&asks("", vec![])), Err(Refusal::NoType));
}

#[test]
fn a_kind_that_is_not_served_is_passed_over() {
    let secrets = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
    let heard = session(None)
        .hear(&asks(secrets, vec!["key".into()]))
        .unwrap();
    assert_eq!((heard.kind, heard.watch), (None, vec![]));
}

#[test]
fn the_names_of_one_stream_are_limited_in_number_and_length_over_all_kinds() {
    let limits = NameLimits {
        names: 3,
        bytes: 10,
    };
    let say = |requests: &[(&str, &[&str])]| {
        let mut session = Session::<Delta>::new(None, limits);
        let mut heard = requests
            .iter()
            .map(|(kind, wanted)| session.hear(&asks(kind, names(wanted))));
        heard.find_map(Result::err)
    };
    let enough: &[(&str, &[&str])] = &[
        (CLUSTERS, &["a", "b"]),
        (ENDPOINTS, &["a"]),
        (ENDPOINTS, &["a"]),
    ];
    assert_eq!(say(enough), None);
    assert_eq!(
        say(&[(CLUSTERS, &["a", "b"]), (ENDPOINTS, &["a", "b"])]),
        Some(Refusal::TooManyNames(limits))
    );
    assert_eq!(
        say(&[(ENDPOINTS, &["a", "0123456789"])]),
        Some(Refusal::TooManyNames(limits))
    );
}

#[test]
fn what_a_client_says_it_has_counts_as_names_until_it_is_told_something() {
    let limits = NameLimits {
        names: 3,
        bytes: 10,
    };
    let has = |count: u32| DeltaDiscoveryRequest {
        initial_resource_versions: (0..count)
            .map(|name| crate::request::NamedVersion {
                name: name.to_string(),
                version: String::new(),
            })
            .collect(),
        ..asks(CLUSTERS, vec![])
    };
    assert!(Session::<Delta>::new(None, limits).hear(&has(3)).is_ok());
    let refused = Session::<Delta>::new(None, limits).hear(&has(4));
    assert_eq!(refused, Err(Refusal::TooManyNames(limits)));
}

#[test]
fn no_more_changed_clusters_are_kept_than_a_stream_may_name() {
    let resources = Arc::new(Resources::new(ClusterTemplate::default(), usize::MAX));
    resources.publish_catalogue(&["a", "b", "c", "d"].map(service));
    let limits = NameLimits::of(3);
    let mut session = Session::<Sotw>::new(None, limits);
    let returns = DiscoveryRequest {
        version_info: "of another control plane".into(),
        type_url: CLUSTERS.into(),
        ..DiscoveryRequest::default()
    };
    session.hear(&returns).unwrap();
    assert_eq!(session.tell(&resources).unwrap().resources.len(), 4);
    assert_eq!(session.replaced.len(), 3);
}

#[test]
fn names_are_counted_only_when_there_may_be_more_of_them() {
    let mut session = session(None);
    session
        .hear(&asks(ENDPOINTS, names(&["a", "b", "c"])))
        .unwrap();
    session.limits.names = 2;
    let acks = DeltaDiscoveryRequest {
        response_nonce: "1".into(),
        ..asks(ENDPOINTS, vec![])
    };
    assert!(session.hear(&acks).is_ok());
    assert!(session.hear(&asks(ENDPOINTS, names(&["d"]))).is_err());
}

#[test]
fn a_node_is_known_by_its_first_request_and_never_by_more_than_a_line() {
    let mut session = session(None);
    let from = |id: &str| DeltaDiscoveryRequest {
        node: Some(Node { id: id.into() }),
        ..asks(CLUSTERS, vec![])
    };
    session.hear(&from(&"é".repeat(1000))).unwrap();
    assert_eq!(session.node(), "é".repeat(128));
    session.hear(&from("other")).unwrap();
    assert_eq!(session.node(), "é".repeat(128));
}

#[test]
fn a_cluster_asked_for_by_name_has_a_policy_that_grpc_programs_know() {
    let told = |lb_policy, wanted: &[&str]| {
        let template = ClusterTemplate {
            lb_policy,
            ..ClusterTemplate::default()
        };
        let mut stream = Stream::<Sotw>::to(None, &Arc::new(Resources::new(template, usize::MAX)));
        stream.catalogued(&["users"]);
        stream.says(&DiscoveryRequest {
            type_url: CLUSTERS.into(),
            resource_names: names(wanted),
            ..DiscoveryRequest::default()
        });
        let cluster = stream.response().unwrap().resources[0].json();
        let cluster: serde_json::Value = serde_json::from_slice(&cluster).unwrap();
        cluster["lb_policy"].as_str().unwrap().to_owned()
    };
    for policy in LbPolicy::ALL {
        let all = told(policy, &[]);
        assert_eq!(all, policy.as_str());
        let named = told(policy, &["users"]);
        let known = matches!(policy, LbPolicy::RoundRobin | LbPolicy::RingHash);
        assert_eq!(named, if known { &*all } else { "ROUND_ROBIN" });
    }
}

#[test]
fn more_than_a_megabyte_of_endpoints_comes_in_several_responses_and_nothing_is_lost() {
    let mut envoy = Stream::<Sotw>::ads();
    let services: Vec<String> = (0..8).map(|number| format!("svc-{number}")).collect();
    envoy.says(&DiscoveryRequest {
        type_url: ENDPOINTS.into(),
        resource_names: services.clone(),
        ..DiscoveryRequest::default()
    });
    for name in &services {
        let hosts = (1..=2000)
            .map(|number| registration(name, &format!("10.0.{}.{}", number / 200, number % 200)));
        envoy.read_hosts(name, hosts);
    }
    let mut told = Vec::new();
    let mut responses = 0;
    while let Some(response) = envoy.response() {
        let bytes: Vec<usize> = response.resources.iter().map(|r| r.field().len()).collect();
        assert!(bytes[..bytes.len() - 1].iter().sum::<usize>() < 1024 * 1024);
        told.extend(
            response
                .resources
                .iter()
                .map(|resource| resource.name().to_string()),
        );
        responses += 1;
    }
    assert!(responses > 1);
    assert_eq!(told, services);
}

#[test]
fn a_change_of_one_host_in_a_thousand_is_encoded_once_for_a_thousand_streams_and_a_heartbeat_not_at_all()
 {
    let hosts = |weight_of_the_first| {
        (0..1000).map(move |number| {
            let weight = if number == 0 { weight_of_the_first } else { 1 };
            Registration {
                tags: tags_with("load_balancing_weight", &weight.to_string()),
                ..registration("users", &format!("10.0.{}.{}", number / 250, number % 250))
            }
        })
    };
    let first = Stream::<Delta>::ads();
    let mut envoys: Vec<_> = (0..1000).map(|_| first.reconnected()).collect();
    for envoy in &mut envoys {
        envoy.says(&asks(ENDPOINTS, vec!["users".into()]));
    }
    let snapshots = Snapshots::default();
    let read = |second, weight| {
        let resource = snapshots.show(&service("users"), &listing_at(second, hosts(weight)));
        let interest = first.resources.interest(&service("users")).unwrap();
        first.resources.publish(&interest, &resource, false)
    };
    for (second, weight) in [(0, 1), (1, 2)] {
        assert!(read(second, weight));
        let told = envoys.iter_mut().map(|envoy| {
            let response = envoy.response().unwrap();
            response.resources[0].field().as_ptr()
        });
        assert_eq!(told.collect::<BTreeSet<_>>().len(), 1, "one for all");
    }
    assert!(!read(2, 2), "a heartbeat of all hosts is no change");
    envoys.iter_mut().for_each(Stream::hears_nothing);
}

#[test]
fn a_service_that_nobody_wants_any_more_is_forgotten() {
    let mut envoy = Stream::<Delta>::ads();
    let mut other = envoy.reconnected();
    envoy.says(&asks(ENDPOINTS, vec!["users".into()]));
    other.says(&asks(ENDPOINTS, vec!["users".into()]));
    envoy
        .resources
        .close(&envoy.mailbox, envoy.session.watched());
    let interest = envoy.resources.interest(&service("users")).unwrap();
    assert!(!interest.has_ended());
    envoy
        .resources
        .close(&other.mailbox, other.session.watched());
    assert!(interest.has_ended());
    assert!(envoy.resources.interests().is_empty());
}
