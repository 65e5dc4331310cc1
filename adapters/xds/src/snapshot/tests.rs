use discovery_domain::Registration;
use discovery_testkit::hosts::{registration, tags};
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::google::protobuf::Any;
use prost::Message;
use serde_json::{Value, json};

use super::*;
use crate::testing::{listing, listing_at};

fn tagged(ip: &str, json: &str) -> Registration {
    Registration {
        tags: tags(json),
        ..registration("users", ip)
    }
}

fn zoned(ip: &str, region: &str, az: &str, weight: u8) -> Registration {
    let json =
        json!({"region": region, "az": az, "instance_id": ip, "load_balancing_weight": weight});
    tagged(ip, &json.to_string())
}

fn shown(hosts: impl IntoIterator<Item = Registration>) -> Snapshot {
    Snapshot::fresh("users", listing(hosts))
}

fn json_of(snapshot: &Snapshot) -> Value {
    serde_json::from_slice(&snapshot.resource().json()).unwrap()
}

/// The resource out of the field of a discovery response.
fn protobuf_of(resource: &Resource) -> ClusterLoadAssignment {
    let field = resource.field();
    assert_eq!(field[0], Resource::FIELD);
    let any = Any::decode_length_delimited(&field[1..]).unwrap();
    assert_eq!(any.type_url, resource.kind().type_url());
    ClusterLoadAssignment::decode(&*any.value).unwrap()
}

#[test]
fn a_host_is_shown_with_all_that_envoy_can_use() {
    let host = tagged(
        "10.0.0.1",
        r#"{"az": "us-east-1a", "region": "us-east-1", "instance_id": "i-1", "canary": true, "load_balancing_weight": 10}"#,
    );
    assert_eq!(
        json_of(&shown([host])),
        json!({
            "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            "cluster_name": "users",
            "endpoints": [{
                "locality": {"region": "us-east-1", "zone": "us-east-1a"},
                "load_balancing_weight": 10,
                "lb_endpoints": [{
                    "endpoint": {
                        "hostname": "i-1",
                        "address": {"socket_address": {"address": "10.0.0.1", "port_value": 8080}},
                    },
                    "load_balancing_weight": 10,
                    "metadata": {"filter_metadata": {"envoy.lb": {
                        "canary": true,
                        "revision": "0123abc",
                        "instance_id": "i-1",
                        "service_repo_name": "users-repo",
                    }}},
                }],
            }],
        })
    );
}

#[test]
fn hosts_stand_in_the_locality_of_their_region_and_zone_with_its_weight_and_in_order() {
    let snapshot = shown([
        zoned("10.0.0.10", "us-east-1", "b", 100),
        zoned("10.0.0.9", "us-east-1", "b", 1),
        zoned("::1", "us-east-1", "b", 50),
        zoned("10.0.0.2", "eu-west-1", "b", 7),
        zoned("10.0.0.1", "us-east-1", "a", 3),
    ]);
    let protobuf = protobuf_of(snapshot.resource());
    let seen: Vec<_> = protobuf
        .endpoints
        .iter()
        .map(|locality| {
            let place = locality.locality.as_ref().unwrap();
            let weight = locality.load_balancing_weight.unwrap().value;
            (
                &*place.region,
                &*place.zone,
                weight,
                locality.lb_endpoints.len(),
            )
        })
        .collect();
    let expected = [
        ("eu-west-1", "b", 7, 1),
        ("us-east-1", "a", 3, 1),
        ("us-east-1", "b", 151, 3),
    ];
    assert_eq!(seen, expected);
    let json = json_of(&snapshot);
    let addresses = ["10.0.0.9", "10.0.0.10", "::1"];
    for (position, address) in addresses.into_iter().enumerate() {
        let endpoint = &json["endpoints"][2]["lb_endpoints"][position]["endpoint"];
        assert_eq!(endpoint["address"]["socket_address"]["address"], address);
    }
}

#[test]
fn protobuf_and_json_say_the_same() {
    use envoy_types::pb::envoy::config::core::v3::address::Address;
    use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
    use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
    use envoy_types::pb::google::protobuf::value::Kind;

    let canary = r#"{"az": "a", "region": "r", "instance_id": "i \"1\" é", "canary": true}"#;
    let snapshot = shown([tagged("10.0.0.1", canary), zoned("fe80::1", "r", "a", 9)]);
    let mut seen = Vec::new();
    for host in &protobuf_of(snapshot.resource()).endpoints[0].lb_endpoints {
        let Some(HostIdentifier::Endpoint(endpoint)) = &host.host_identifier else {
            panic!("no endpoint: {host:?}");
        };
        let Some(Address::SocketAddress(address)) = &endpoint.address.as_ref().unwrap().address
        else {
            panic!("no socket address: {endpoint:?}");
        };
        let Some(PortSpecifier::PortValue(port)) = address.port_specifier else {
            panic!("no port: {address:?}");
        };
        let lb = &host.metadata.as_ref().unwrap().filter_metadata["envoy.lb"];
        let lb: serde_json::Map<_, _> = lb
            .fields
            .iter()
            .map(|(name, value)| {
                let value = match value.kind.as_ref().unwrap() {
                    Kind::BoolValue(value) => json!(value),
                    Kind::StringValue(value) => json!(value),
                    other => panic!("no such value is written: {other:?}"),
                };
                (name.clone(), value)
            })
            .collect();
        let mut shown = json!({"address": {"socket_address": {"address": address.address, "port_value": port}}});
        if !endpoint.hostname.is_empty() {
            shown["hostname"] = json!(endpoint.hostname);
        }
        seen.push(json!({
            "endpoint": shown,
            "load_balancing_weight": host.load_balancing_weight.unwrap().value,
            "metadata": {"filter_metadata": {"envoy.lb": lb}},
        }));
    }
    assert_eq!(
        json!(seen),
        json_of(&snapshot)["endpoints"][0]["lb_endpoints"]
    );
    assert_eq!(seen[0]["load_balancing_weight"], 1, "the default");
    assert_eq!(
        seen[1]["metadata"]["filter_metadata"]["envoy.lb"]["canary"],
        false
    );
    assert_eq!(
        seen[0]["endpoint"].get("hostname"),
        None,
        "no host is called so"
    );
}

#[test]
fn a_service_without_hosts_has_no_endpoints_rather_than_no_assignment() {
    let nobody = no_endpoints("svc/with:odd name".into());
    assert_eq!(protobuf_of(&nobody).cluster_name, "svc/with:odd name");
    assert_eq!(protobuf_of(&nobody).endpoints, []);
    let json: Value = serde_json::from_slice(&nobody.json()).unwrap();
    assert_eq!(json["endpoints"], json!([]));
    assert_eq!(
        shown([]).resource().version(),
        no_endpoints("users".into()).version()
    );
}

#[test]
fn a_heartbeat_changes_neither_the_version_nor_the_bytes() {
    let hosts = || {
        [
            registration("users", "10.0.0.1"),
            registration("users", "10.0.0.2"),
        ]
    };
    let before = Snapshot::fresh("users", listing_at(0, hosts()));
    let after = before.renewed(listing_at(30, hosts()));
    assert!(Arc::ptr_eq(before.resource(), after.resource()));
    let elsewhere = Snapshot::fresh("users", listing_at(60, hosts()));
    assert_eq!(before.resource().version(), elsewhere.resource().version());
}

#[test]
fn a_renewed_snapshot_is_what_a_fresh_one_would_be() {
    let steps = [
        vec![],
        vec![zoned("10.0.0.2", "r", "a", 1)],
        vec![
            zoned("10.0.0.1", "r", "a", 1),
            zoned("10.0.0.2", "r", "a", 1),
            zoned("10.0.0.3", "r", "b", 1),
        ],
        vec![
            zoned("10.0.0.1", "r", "a", 1),
            zoned("10.0.0.3", "r", "b", 1),
        ],
        vec![
            zoned("10.0.0.1", "r", "a", 1),
            zoned("10.0.0.2", "r", "b", 2),
            zoned("10.0.0.4", "r", "b", 1),
        ],
        vec![
            zoned("10.0.0.1", "r", "a", 2),
            zoned("10.0.0.2", "r", "b", 2),
            zoned("10.0.0.4", "r", "b", 1),
        ],
        vec![zoned("10.0.0.4", "r", "b", 1)],
        vec![],
    ];
    let mut snapshot = shown([]);
    for (at, step) in (1..).zip(steps) {
        snapshot = snapshot.renewed(listing_at(at, step.clone()));
        let (kept, fresh) = (snapshot.resource(), shown(step));
        assert_eq!(kept.json(), fresh.resource().json());
        assert_eq!(kept.version(), fresh.resource().version());
    }
}

#[test]
fn each_thing_that_envoy_is_told_of_a_host_makes_another_version() {
    let host = || zoned("10.0.0.1", "r", "a", 1);
    let other = |change: fn(&mut Registration)| {
        let mut changed = host();
        change(&mut changed);
        shown([changed]).resource().version()
    };
    let mut versions = vec![
        shown([]).resource().version(),
        shown([host()]).resource().version(),
        other(|host| host.port = discovery_testkit::hosts::port(9)),
        other(|host| host.revision = discovery_testkit::hosts::revision("9")),
        other(|host| host.service_repo_name = discovery_testkit::hosts::repo("9")),
        other(|host| host.tags = zoned("10.0.0.1", "9", "a", 1).tags),
        other(|host| host.tags = zoned("10.0.0.1", "r", "9", 1).tags),
        other(|host| host.tags = zoned("10.0.0.1", "r", "a", 9).tags),
    ];
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 8);
}
