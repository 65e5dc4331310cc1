use chrono::{TimeDelta, Utc};
use discovery_testkit::hosts::{
    INTRICATE_TAGS, address, key, port, registration, repo, revision, service, tags,
};
use proptest::prelude::*;

use super::*;

/// Any host that the domain lets in.
fn hosts() -> impl Strategy<Value = Host> {
    let names = "[^\\p{Cc}]{1,60}";
    let times =
        DateTime::<Utc>::MIN_UTC.timestamp_micros()..DateTime::<Utc>::MAX_UTC.timestamp_micros();
    let tags = proptest::collection::btree_map(".{0,12}", ".{0,12}", 0..8);
    let ips = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| Ipv4Addr::from_octets(ip).to_string()),
        any::<[u8; 16]>()
            .prop_map(Ipv6Addr::from_octets)
            .prop_filter("written as IPv4", |ip| ip.to_ipv4_mapped().is_none())
            .prop_map(|ip| ip.to_string()),
    ];
    (
        names,
        ips,
        "[^\\p{Cc}]{0,60}",
        1..=65535_u16,
        ".{1,80}",
        times,
        tags,
    )
        .prop_map(|(name, ip, repo_name, number, text, time, members)| Host {
            key: HostKey::new(service(&name), address(&ip)),
            service_repo_name: repo(&repo_name),
            port: port(number),
            revision: revision(&text),
            last_check_in: DateTime::from_timestamp_micros(time).expect("a time in range"),
            tags: Tags::from_stored(&serde_json::to_string(&members).expect("text is JSON"))
                .expect("a map is an object"),
        })
}

fn written(host: &Host, renewed: i64) -> (Vec<u8>, Vec<u8>) {
    let (mut key, mut value) = (b"rubbish".to_vec(), b"rubbish".to_vec());
    write_key(&host.key, &mut key);
    write_value(host, renewed, &mut value);
    (key, value)
}

fn read(key: &[u8], value: &[u8], kin: Option<&Host>) -> Result<FileRow, &'static str> {
    read_value(read_key(key, kin).ok_or("no key")?, value, kin)
}

proptest! {
    #[test]
    fn every_host_is_read_as_it_was_written(host in hosts(), kin in hosts(), renewed: i64) {
        let (key, value) = written(&host, renewed);
        let expected = FileRow { host: host.clone(), renewed };
        for kin in [None, Some(&kin), Some(&host)] {
            prop_assert_eq!(read(&key, &value, kin), Ok(FileRow { host: expected.host.clone(), renewed }));
        }
    }

    #[test]
    fn keys_of_different_hosts_differ_and_those_of_a_service_stand_together(a in hosts(), b in hosts(), c in hosts()) {
        let of = |service: &Host, address: &Host| {
            let key = HostKey::new(service.key.service().clone(), address.key.address());
            let mut bytes = Vec::new();
            write_key(&key, &mut bytes);
            (key, bytes)
        };
        let mut keys = vec![of(&a, &b), of(&a, &c), of(&b, &a), of(&b, &c)];
        keys.sort_by(|(_, one), (_, other)| one.cmp(other));
        keys.dedup();
        for pair in keys.windows(2) {
            prop_assert_ne!(&pair[0].1, &pair[1].1);
        }
        let mut services: Vec<_> = keys.iter().map(|(key, _)| key.service()).collect();
        services.dedup();
        let count = services.len();
        services.sort();
        services.dedup();
        prop_assert_eq!(services.len(), count);
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(key: Vec<u8>, value: Vec<u8>) {
        let _ = read(&key, &value, None);
    }

    #[test]
    fn a_value_that_was_cut_or_changed_is_read_or_refused_without_a_panic(
        host in hosts(), at: prop::sample::Index, change: u8, length: prop::sample::Index,
    ) {
        let (key, mut value) = written(&host, 0);
        let at = at.index(value.len());
        value[at] ^= change;
        value.truncate(length.index(value.len()) + 1);
        let _ = read(&key, &value, None);
    }
}

#[test]
fn a_value_cut_before_its_tags_is_refused() {
    let registration = registration("web", "10.0.0.1");
    let host = Host {
        key: registration.key,
        service_repo_name: registration.service_repo_name,
        port: registration.port,
        revision: registration.revision,
        last_check_in: DateTime::UNIX_EPOCH + TimeDelta::microseconds(1),
        tags: tags(INTRICATE_TAGS),
    };
    let (key, value) = written(&host, 7);
    let tags = host.tags.as_str().len();
    for length in 0..value.len() - tags {
        assert!(
            read(&key, &value[..length], None).is_err(),
            "{length} bytes"
        );
    }
    assert_eq!(
        read(&key, &value, None)
            .expect("the whole value is read")
            .host,
        host
    );
}

#[test]
fn a_value_of_a_later_version_is_refused() {
    let mut value = vec![VERSION + 1];
    value.extend_from_slice(&[0; 64]);
    let key = key("web", "10.0.0.1");
    assert_eq!(
        read_value(key, &value, None),
        Err("it has an unknown version")
    );
}

#[test]
fn a_row_shares_the_texts_it_has_in_common_with_the_one_before() {
    let kin = Host {
        key: key("web", "10.0.0.1"),
        service_repo_name: repo("ours"),
        port: port(1),
        revision: revision("abc"),
        last_check_in: DateTime::UNIX_EPOCH,
        tags: tags(INTRICATE_TAGS),
    };
    let host = Host {
        key: key("web", "10.0.0.2"),
        ..kin.clone()
    };
    let (key, value) = written(&host, 0);
    let read = read(&key, &value, Some(&kin))
        .expect("the row is read")
        .host;
    let same = |a: &str, b: &str| std::ptr::eq(a, b);
    assert!(same(
        read.key.service().as_str(),
        kin.key.service().as_str()
    ));
    assert!(same(
        read.service_repo_name.as_str(),
        kin.service_repo_name.as_str()
    ));
    assert!(same(read.revision.as_str(), kin.revision.as_str()));
}
