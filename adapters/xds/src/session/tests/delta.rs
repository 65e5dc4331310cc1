use super::*;
use crate::request::{DeltaDiscoveryRequest, NamedVersion};

fn subscribes(type_url: &str, wanted: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: type_url.into(),
        resource_names_subscribe: names(wanted),
        ..DeltaDiscoveryRequest::default()
    }
}

fn unsubscribes(type_url: &str, unwanted: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        resource_names_unsubscribe: names(unwanted),
        ..subscribes(type_url, &[])
    }
}

fn returns(type_url: &str, wanted: &[&str], has: &[(&str, &str)]) -> DeltaDiscoveryRequest {
    let versions = has.iter().map(|(name, version)| NamedVersion {
        name: (*name).into(),
        version: (*version).into(),
    });
    DeltaDiscoveryRequest {
        initial_resource_versions: versions.collect(),
        ..subscribes(type_url, wanted)
    }
}

fn acks(type_url: &str, (nonce, _): &(String, String)) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        response_nonce: nonce.clone(),
        ..subscribes(type_url, &[])
    }
}

fn version(stream: &Stream<Delta>, kind: Kind, name: &str) -> String {
    match stream.resources.lookup(kind, EdsSource::Ads, name) {
        Lookup::Found(resource) => resource.version().to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn endpoints_are_told_once_read_and_again_only_when_they_change() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["orders", "users"]));
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.1"]);
    let first = envoy.hears_of(Kind::Endpoints, ["users"]);
    assert_eq!(envoy.says(&acks(ENDPOINTS, &first)), Verdict::Ack);
    envoy.hears_nothing();
    envoy.read("orders", &[]);
    envoy.hears_of(Kind::Endpoints, ["orders"]);
    envoy.read("users", &["10.0.0.1"]);
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.2"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
}

#[test]
fn the_last_host_is_taken_away_by_an_assignment_without_endpoints_not_by_a_removal() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.read("users", &[]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
}

#[test]
fn a_name_that_is_subscribed_to_again_is_told_again() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.says(&subscribes(ENDPOINTS, &["users"]));
    envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.hears_nothing();
    let both = DeltaDiscoveryRequest {
        resource_names_unsubscribe: names(&["users"]),
        ..subscribes(ENDPOINTS, &["users"])
    };
    envoy.says(&both);
    envoy.read("users", &["10.0.0.1"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
}

#[test]
fn a_name_that_is_not_wanted_any_more_is_not_told() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["orders", "users"]));
    envoy.says(&unsubscribes(ENDPOINTS, &["orders", "never wanted"]));
    assert!(envoy.resources.interest(&service("orders")).is_none());
    envoy.read("users", &[]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
}

#[test]
fn what_was_rejected_is_not_told_again_until_it_changes() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    let bad = envoy.hears_of(Kind::Endpoints, ["users"]);
    let nack = DeltaDiscoveryRequest {
        error_detail: Some(ErrorDetail {
            message: "no such thing".into(),
        }),
        ..acks(ENDPOINTS, &bad)
    };
    assert_eq!(envoy.says(&nack), Verdict::Nack("no such thing".into()));
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.2"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
}

#[test]
fn who_returns_is_told_only_what_is_another_version() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["orders", "people", "users"]));
    envoy.read("orders", &["10.0.0.1"]);
    envoy.read("people", &[]);
    envoy.read("users", &["10.0.0.2"]);
    envoy.hears_of(Kind::Endpoints, ["orders", "people", "users"]);
    let has = ["orders", "users"].map(|name| (name, version(&envoy, Kind::Endpoints, name)));
    envoy.read("users", &["10.0.0.3"]);

    let mut back = envoy.reconnected();
    let has = has.each_ref().map(|(name, version)| (*name, &**version));
    back.says(&returns(ENDPOINTS, &["orders", "people", "users"], &has));
    back.hears_of(Kind::Endpoints, ["people", "users"]);
    back.hears_nothing();
    back.says(&subscribes(ENDPOINTS, &["orders"]));
    back.hears_of(Kind::Endpoints, ["orders"]);
}

#[test]
fn clusters_are_told_as_they_come_and_go_and_not_before_the_whole_catalogue_is_known() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(CLUSTERS, &[]));
    envoy.hears_nothing();
    envoy.catalogued(&["users"]);
    let clusters = envoy.hears_of(Kind::Clusters, ["users"]);
    envoy.says(&acks(CLUSTERS, &clusters));
    envoy.says(&subscribes(ENDPOINTS, &["users"]));
    envoy.catalogued(&["orders", "users"]);
    envoy.hears_of(Kind::Clusters, ["orders"]);
    envoy.catalogued(&["orders", "people"]);
    envoy.hears_of(Kind::Clusters, ["people", "-users"]);
    envoy.says(&unsubscribes(ENDPOINTS, &["users"]));
    envoy.hears_nothing();
}

#[test]
fn an_empty_catalogue_is_told_too_so_that_nobody_waits_for_it() {
    for wildcard in [&[] as &[&str], &["*"]] {
        let mut envoy = Stream::<Delta>::ads();
        envoy.says(&subscribes(CLUSTERS, wildcard));
        envoy.catalogued(&[]);
        envoy.hears_of(Kind::Clusters, []);
        envoy.hears_nothing();
        envoy.says(&subscribes(LISTENERS, wildcard));
        envoy.hears_of(Kind::Listeners, []);
    }
}

#[test]
fn who_returns_is_told_which_clusters_are_gone_and_the_endpoints_of_changed_ones_again() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["orders", "users"]));
    envoy.read("orders", &[]);
    envoy.read("users", &["10.0.0.1"]);
    envoy.catalogued(&["orders", "people", "users"]);
    let orders = version(&envoy, Kind::Clusters, "orders");
    let endpoints = ["orders", "users"].map(|name| (name, version(&envoy, Kind::Endpoints, name)));

    let mut back = envoy.reconnected();
    let has = [
        ("gone", "1"),
        ("orders", &*orders),
        ("users", "from before the upgrade"),
    ];
    back.says(&returns(CLUSTERS, &[], &has));
    let has = endpoints
        .each_ref()
        .map(|(name, version)| (*name, &**version));
    back.says(&returns(ENDPOINTS, &["orders", "users"], &has));
    back.hears_of(Kind::Clusters, ["people", "users", "-gone"]);
    back.hears_of(Kind::Endpoints, ["users"]);
    back.hears_nothing();
}

#[test]
fn who_returns_and_takes_in_changed_clusters_before_it_asks_for_endpoints_is_told_those_it_has() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(ENDPOINTS, &["orders", "users"]));
    envoy.read("orders", &[]);
    envoy.read("users", &["10.0.0.1"]);
    envoy.catalogued(&["orders", "users"]);
    let orders = version(&envoy, Kind::Clusters, "orders");
    let endpoints = ["orders", "users"].map(|name| (name, version(&envoy, Kind::Endpoints, name)));

    let mut back = envoy.reconnected();
    let has = [("orders", &*orders), ("users", "from before the restart")];
    back.says(&returns(CLUSTERS, &[], &has));
    let clusters = back.hears_of(Kind::Clusters, ["users"]);
    let has = endpoints
        .each_ref()
        .map(|(name, version)| (*name, &**version));
    back.says(&returns(ENDPOINTS, &["orders", "users"], &has));
    back.says(&acks(CLUSTERS, &clusters));
    back.hears_of(Kind::Endpoints, ["users"]);
    back.hears_nothing();
}

#[test]
fn a_cluster_can_be_named_beside_all_of_them() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.catalogued(&["orders"]);
    envoy.says(&subscribes(CLUSTERS, &["*", "users"]));
    envoy.hears_of(Kind::Clusters, ["orders", "users"]);
    envoy.says(&subscribes(CLUSTERS, &["orders"]));
    envoy.hears_of(Kind::Clusters, ["orders"]);
    envoy.catalogued(&["people"]);
    envoy.hears_of(Kind::Clusters, ["people"]);
    envoy.says(&unsubscribes(CLUSTERS, &["orders"]));
    envoy.hears_of(Kind::Clusters, ["-orders"]);
    envoy.says(&subscribes(CLUSTERS, &["people"]));
    envoy.hears_of(Kind::Clusters, ["people"]);
    envoy.says(&unsubscribes(CLUSTERS, &["people"]));
    envoy.hears_of(Kind::Clusters, ["people"]);
    envoy.says(&unsubscribes(CLUSTERS, &["*"]));
    envoy.catalogued(&["orders", "people"]);
    envoy.hears_nothing();
}

#[test]
fn a_cluster_that_no_service_can_have_is_told_to_be_none() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.says(&subscribes(CLUSTERS, &["a\u{7f}b", "users"]));
    envoy.hears_of(Kind::Clusters, ["users", "-a\u{7f}b"]);
}

#[test]
fn a_service_by_the_name_that_stands_for_all_has_no_cluster() {
    let mut envoy = Stream::<Delta>::ads();
    envoy.catalogued(&["*", "users"]);
    envoy.says(&subscribes(CLUSTERS, &[]));
    envoy.hears_of(Kind::Clusters, ["users"]);
}
