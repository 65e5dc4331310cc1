//! Sample hosts. Every value here is valid, and whoever hands in an invalid one learns it by a panic.

use std::fmt::Display;
use std::time::Duration;

use discovery_domain::{
    CheckIn, HostAddress, HostKey, LoadBalancingWeight, Moment, Port, Registration, Revision,
    ServiceName, ServiceRepoName, Tags,
};

/// The TTL of all check-ins made here.
pub const HOST_TTL: Duration = Duration::from_mins(1);

/// The tags that every host must have.
pub const REQUIRED_TAGS: &str =
    r#"{"az": "us-east-1a", "region": "us-east-1", "instance_id": "i-0001"}"#;

/// Tags of which not a letter may be lost: order, digits, escapes and nesting.
pub const INTRICATE_TAGS: &str = r#"{"zone": 1.0, "region": "us-east-1", "serial": 12345678901234567890, "az": "us-east-1a", "big": 1e2, "tiny": 1E-7, "name": "caf\u00e9 \ud83d\ude00 \"x\" \\ /", "instance_id": "i-0001", "none": null, "deep": {"b": [1, {"a": []}], "a": -0.0}, "": "", "canary": true}"#;

/// The name of a service.
pub fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).expect("a sample service name is valid")
}

/// The name of a service repo.
pub fn repo(name: &str) -> ServiceRepoName {
    ServiceRepoName::parse(name).expect("a sample service repo name is valid")
}

/// An address.
pub fn address(text: &str) -> HostAddress {
    HostAddress::parse(text).expect("a sample address is valid")
}

/// A host's key.
pub fn key(service_name: &str, ip: &str) -> HostKey {
    HostKey::new(service(service_name), address(ip))
}

/// A port.
pub fn port(number: impl Display) -> Port {
    Port::parse(&number.to_string()).expect("a sample port is valid")
}

/// A revision.
pub fn revision(text: &str) -> Revision {
    Revision::parse(text).expect("a sample revision is valid")
}

/// A weight.
pub fn weight(number: impl Display) -> LoadBalancingWeight {
    LoadBalancingWeight::parse(&number.to_string()).expect("a sample weight is valid")
}

/// Tags as a client sends them.
pub fn tags(json: &str) -> Tags {
    Tags::parse(json).expect("sample tags are valid")
}

/// The required tags and one more member, given as JSON.
pub fn tags_with(name: &str, value: &str) -> Tags {
    let required = REQUIRED_TAGS.trim_end_matches('}');
    tags(&format!("{required}, \"{name}\": {value}}}"))
}

/// A host of a service, built from the repo `<service>-repo`.
pub fn registration(service_name: &str, ip: &str) -> Registration {
    Registration {
        key: key(service_name, ip),
        service_repo_name: repo(&format!("{service_name}-repo")),
        port: port(8080),
        revision: revision("0123abc"),
        tags: tags(REQUIRED_TAGS),
    }
}

/// A host as fleets have it, some 320 bytes in a list: five tags and a revision of 40 characters.
pub fn realistic_registration(service_name: &str, number: u32) -> Registration {
    let ip = std::net::Ipv4Addr::from(0x0a00_0000 + number);
    let zone = ["a", "b", "c"][number as usize % 3];
    let instance = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 28;
    let text = format!(
        r#"{{"az": "us-east-1{zone}", "region": "us-east-1", "instance_id": "i-{instance:017x}", "canary": false, "load_balancing_weight": 50}}"#
    );
    Registration {
        revision: revision("8f14e45fceea167a5a36dedd4bea2543b16b00b5"),
        tags: tags(&text),
        ..registration(service_name, &ip.to_string())
    }
}

/// The check-in that a registration makes at a moment.
pub fn check_in(registration: Registration, at: Moment) -> CheckIn {
    let Registration {
        key,
        service_repo_name,
        port,
        revision,
        tags,
    } = registration;
    CheckIn {
        key,
        service_repo_name,
        port,
        revision,
        tags,
        at,
        host_ttl: HOST_TTL,
        spared: false,
    }
}
