use super::*;
use crate::request::DiscoveryRequest;

fn asks(type_url: &str, wanted: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: type_url.into(),
        resource_names: names(wanted),
        ..DiscoveryRequest::default()
    }
}

/// The answer to a response, which is also a request for these names.
fn acks(type_url: &str, wanted: &[&str], (nonce, version): &(String, String)) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: version.clone(),
        response_nonce: nonce.clone(),
        ..asks(type_url, wanted)
    }
}

/// The answer to a response that was rejected, so that the client still has an older version.
fn nacks(type_url: &str, wanted: &[&str], nonce: &str, older: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        error_detail: Some(ErrorDetail {
            message: "no such thing".into(),
        }),
        ..acks(type_url, wanted, &(nonce.into(), older.into()))
    }
}

fn returns(type_url: &str, wanted: &[&str], version: &str) -> DiscoveryRequest {
    acks(type_url, wanted, &(String::new(), version.into()))
}

#[test]
fn endpoints_are_told_once_read_and_again_only_when_they_change() {
    let mut envoy = Stream::<Sotw>::ads();
    assert_eq!(envoy.says(&asks(ENDPOINTS, &["users"])), Verdict::Silent);
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.1"]);
    let first = envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.hears_nothing();
    assert_eq!(
        envoy.says(&acks(ENDPOINTS, &["users"], &first)),
        Verdict::Ack
    );
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.1"]);
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.1", "10.0.0.2"]);
    let second = envoy.hears_of(Kind::Endpoints, ["users"]);
    assert_ne!(first, second);
}

#[test]
fn a_slow_client_is_told_only_what_is_current() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(ENDPOINTS, &["users"]));
    for last in 1..=200 {
        envoy.read("users", &[&format!("10.0.0.{last}")]);
    }
    let response = envoy.response().unwrap();
    let json = String::from_utf8(response.resources[0].json().to_vec()).unwrap();
    assert!(json.contains("10.0.0.200"), "{json}");
    envoy.hears_nothing();
}

#[test]
fn a_name_that_no_service_can_have_is_answered_without_reading() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(ENDPOINTS, &["", "a\nb"]));
    envoy.hears_of(Kind::Endpoints, ["", "a\nb"]);
}

#[test]
fn the_last_host_is_taken_away_by_an_assignment_without_endpoints() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.read("users", &[]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
}

#[test]
fn what_was_rejected_is_not_told_again_until_it_changes() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    let good = envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.says(&acks(ENDPOINTS, &["users"], &good));
    envoy.read("users", &["10.0.0.2"]);
    let (bad, _) = envoy.hears_of(Kind::Endpoints, ["users"]);
    let verdict = envoy.says(&nacks(ENDPOINTS, &["users"], &bad, &good.1));
    assert_eq!(verdict, Verdict::Nack("no such thing".into()));
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.3"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
}

#[test]
fn a_new_name_is_answered_although_it_comes_with_an_old_nonce_and_version() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(CLUSTERS, &[]));
    envoy.hears_nothing();
    envoy.catalogued(&["users"]);
    let clusters = envoy.hears_of(Kind::Clusters, ["users"]);
    envoy.says(&asks(ENDPOINTS, &["users"]));
    envoy.says(&acks(CLUSTERS, &[], &clusters));
    envoy.read("users", &["10.0.0.1"]);
    let endpoints = envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.says(&acks(ENDPOINTS, &["users"], &endpoints));

    envoy.catalogued(&["orders", "users"]);
    let clusters = envoy.hears_of(Kind::Clusters, ["orders", "users"]);
    envoy.says(&acks(ENDPOINTS, &["orders", "users"], &endpoints));
    envoy.says(&acks(CLUSTERS, &[], &clusters));
    envoy.read("orders", &["10.0.0.2"]);
    let endpoints = envoy.hears_of(Kind::Endpoints, ["orders"]);
    assert_eq!(
        envoy.says(&acks(ENDPOINTS, &["orders", "users"], &endpoints)),
        Verdict::Ack
    );
    envoy.hears_nothing();
}

#[test]
fn an_answer_to_a_superseded_response_counts_for_its_names_alone() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    let old = envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.read("users", &["10.0.0.2"]);
    let new = envoy.hears_of(Kind::Endpoints, ["users"]);
    assert_eq!(envoy.says(&acks(ENDPOINTS, &["users"], &new)), Verdict::Ack);
    assert_eq!(
        envoy.says(&acks(ENDPOINTS, &["users"], &old)),
        Verdict::Stale
    );
    envoy.hears_nothing();
    assert_eq!(
        envoy.says(&acks(ENDPOINTS, &["orders", "users"], &old)),
        Verdict::Stale
    );
    envoy.read("orders", &[]);
    envoy.hears_of(Kind::Endpoints, ["orders"]);
}

#[test]
fn a_name_that_is_not_wanted_any_more_is_not_told() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(ENDPOINTS, &["orders", "users"]));
    envoy.read("orders", &[]);
    envoy.read("users", &[]);
    let both = envoy.hears_of(Kind::Endpoints, ["orders", "users"]);
    envoy.says(&acks(ENDPOINTS, &["users"], &both));
    assert!(envoy.resources.interest(&service("orders")).is_none());
    envoy.hears_nothing();
    envoy.read("users", &["10.0.0.1"]);
    let one = envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.says(&acks(ENDPOINTS, &["orders", "users"], &one));
    envoy.read("orders", &[]);
    envoy.hears_of(Kind::Endpoints, ["orders"]);
}

#[test]
fn who_returns_with_what_is_current_is_told_nothing() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(CLUSTERS, &[]));
    envoy.catalogued(&["orders", "users"]);
    let (_, clusters) = envoy.hears_of(Kind::Clusters, ["orders", "users"]);
    envoy.says(&asks(ENDPOINTS, &["orders", "users"]));
    envoy.read("users", &["10.0.0.1"]);
    envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.read("orders", &["10.0.0.2"]);
    let (_, endpoints) = envoy.hears_of(Kind::Endpoints, ["orders"]);

    let mut back = envoy.reconnected();
    back.says(&returns(CLUSTERS, &[], &clusters));
    back.says(&returns(ENDPOINTS, &["orders", "users"], &endpoints));
    back.hears_nothing();
    back.read("users", &["10.0.0.3"]);
    back.hears_of(Kind::Endpoints, ["users"]);

    let mut more = envoy.reconnected();
    more.says(&returns(
        ENDPOINTS,
        &["orders", "people", "users"],
        &endpoints,
    ));
    more.hears_of(Kind::Endpoints, ["orders", "users"]);
    more.read("people", &[]);
    more.hears_of(Kind::Endpoints, ["people"]);
}

#[test]
fn who_returns_with_something_else_is_told_everything_and_endpoints_after_their_clusters() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.catalogued(&["users"]);
    envoy.says(&returns(CLUSTERS, &[], "version of another control plane"));
    envoy.says(&asks(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    let clusters = envoy.hears_of(Kind::Clusters, ["users"]);
    let (_, version) = envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.says(&acks(CLUSTERS, &[], &clusters));
    envoy.hears_nothing();

    let mut late = envoy.reconnected();
    late.says(&returns(ENDPOINTS, &["users"], &version));
    late.hears_nothing();
    late.says(&returns(CLUSTERS, &[], &Version::of(b"older").to_string()));
    late.hears_of(Kind::Clusters, ["users"]);
    late.hears_of(Kind::Endpoints, ["users"]);
    late.hears_nothing();
}

#[test]
fn who_returns_and_takes_in_changed_clusters_before_it_asks_for_endpoints_is_told_those_it_has() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.catalogued(&["orders", "users"]);
    envoy.says(&asks(ENDPOINTS, &["orders", "users"]));
    envoy.read("orders", &[]);
    envoy.read("users", &["10.0.0.1"]);
    let (_, endpoints) = envoy.hears_of(Kind::Endpoints, ["orders", "users"]);

    let mut back = envoy.reconnected();
    let older = Version::of(b"from before the restart").to_string();
    back.says(&returns(CLUSTERS, &[], &older));
    let clusters = back.hears_of(Kind::Clusters, ["orders", "users"]);
    back.says(&returns(ENDPOINTS, &["orders", "users"], &endpoints));
    back.says(&acks(CLUSTERS, &[], &clusters));
    let again = back.hears_of(Kind::Endpoints, ["orders", "users"]);
    back.says(&acks(ENDPOINTS, &["users"], &again));
    back.says(&acks(ENDPOINTS, &["orders", "users"], &again));
    back.hears_of(Kind::Endpoints, ["orders"]);
    back.hears_nothing();
}

#[test]
fn clusters_are_told_whole_and_not_before_the_whole_catalogue_is_known() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(CLUSTERS, &[]));
    envoy.hears_nothing();
    envoy.catalogued(&[]);
    let none = envoy.hears_of(Kind::Clusters, []);
    envoy.says(&acks(CLUSTERS, &[], &none));
    envoy.hears_nothing();
    envoy.catalogued(&["users", "orders"]);
    envoy.hears_of(Kind::Clusters, ["orders", "users"]);
    envoy.catalogued(&["orders", "users"]);
    envoy.hears_nothing();
    envoy.catalogued(&["users"]);
    envoy.hears_of(Kind::Clusters, ["users"]);
}

#[test]
fn a_grpc_program_asks_for_each_by_its_name_and_needs_no_catalogue() {
    let mut program = Stream::<Sotw>::ads();
    program.says(&asks(LISTENERS, &["users"]));
    let listener = program.hears_of(Kind::Listeners, ["users"]);
    program.says(&acks(LISTENERS, &["users"], &listener));
    program.says(&asks(CLUSTERS, &["users"]));
    let cluster = program.hears_of(Kind::Clusters, ["users"]);
    program.says(&acks(CLUSTERS, &["users"], &cluster));
    program.says(&asks(ENDPOINTS, &["users"]));
    program.read("users", &["10.0.0.1"]);
    program.hears_of(Kind::Endpoints, ["users"]);

    program.catalogued(&["orders"]);
    program.hears_nothing();
    program.says(&acks(
        CLUSTERS,
        &["people", "users", "no\u{0}name"],
        &cluster,
    ));
    program.hears_of(Kind::Clusters, ["people", "users"]);
    program.says(&acks(LISTENERS, &[], &listener));
    program.hears_of(Kind::Listeners, []);
}

#[test]
fn no_names_mean_everything_only_until_names_were_given() {
    let mut client = Stream::<Sotw>::ads();
    client.catalogued(&["orders", "users"]);
    client.says(&asks(CLUSTERS, &["users"]));
    let named = client.hears_of(Kind::Clusters, ["users"]);
    client.says(&acks(CLUSTERS, &["*", "people"], &named));
    let all = client.hears_of(Kind::Clusters, ["orders", "people", "users"]);
    client.says(&acks(CLUSTERS, &[], &all));
    client.hears_of(Kind::Clusters, []);
    client.catalogued(&["orders"]);
    client.hears_nothing();
}

#[test]
fn whoever_asks_for_all_listeners_learns_at_once_that_there_are_none() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(LISTENERS, &[]));
    envoy.hears_of(Kind::Listeners, []);
}

#[test]
fn the_same_request_once_more_is_answered_but_not_for_ever() {
    let mut envoy = Stream::<Sotw>::ads();
    envoy.says(&asks(ENDPOINTS, &["users"]));
    envoy.read("users", &["10.0.0.1"]);
    let first = envoy.hears_of(Kind::Endpoints, ["users"]);
    envoy.says(&acks(ENDPOINTS, &["users"], &first));
    assert_eq!(
        envoy.says(&acks(ENDPOINTS, &["users"], &first)),
        Verdict::Again
    );
    let second = envoy.hears_of(Kind::Endpoints, ["users"]);
    assert_eq!(second.1, first.1);
    envoy.says(&acks(ENDPOINTS, &["users"], &second));
    assert_eq!(
        envoy.says(&acks(ENDPOINTS, &["users"], &second)),
        Verdict::Again
    );
    envoy.hears_nothing();
}
