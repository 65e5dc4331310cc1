use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Barrier;
use std::time::Duration;

use chrono::DateTime;
use discovery_domain::{Host, HostList, LeaseInstant, Liveness, Row};
use discovery_testkit::hosts::{
    INTRICATE_TAGS, REQUIRED_TAGS, key, port, realistic_registration, repo, revision, service, tags,
};
use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

const PLENTY: u64 = 1 << 24;

fn renderer() -> ListRenderer {
    ListRenderer::new("development", PLENTY)
}

fn subject(name: &str) -> Subject {
    Subject::Service(service(name))
}

fn host(service_name: &str, ip: &str, micros: i64) -> Host {
    Host {
        key: key(service_name, ip),
        service_repo_name: repo(""),
        port: port(8080),
        revision: revision("abc123"),
        last_check_in: DateTime::from_timestamp_micros(micros).expect("a year near ours"),
        tags: tags(REQUIRED_TAGS),
    }
}

fn listing(hosts: impl IntoIterator<Item = Arc<Host>>) -> Arc<Listing> {
    let row = |host| Row::checked_in(host, LeaseInstant::DISTANT_FUTURE);
    let liveness = Liveness {
        host_ttl: Duration::from_mins(1),
        guard_minimum_live: 0.0,
    };
    let rows = hosts.into_iter().map(row).collect();
    HostList::new(rows).listing(&liveness, LeaseInstant::DISTANT_PAST, |_| ())
}

fn single(host: Host) -> Arc<Listing> {
    listing([Arc::new(host)])
}

#[test]
fn a_list_is_written_as_the_original_wrote_it() {
    let mut odd = host(
        "caf\u{e9} \u{1f600} \"\\/<>&",
        "2001:db8::1",
        1_795_352_214_000_000,
    );
    odd.revision = revision("line\nbreak \u{7f}\u{2028}");
    odd.service_repo_name = repo("r\u{e9}po");
    odd.tags = tags(INTRICATE_TAGS);
    let plain = host("api", "10.0.0.1", 1_795_352_212_000_669);
    let rendered = renderer().render(
        &Subject::Repo(repo("r\u{e9}po")),
        &listing([Arc::new(odd), Arc::new(plain)]),
    );
    let expected = [
        r#"{"service_repo_name": "r\u00e9po", "env": "development", "hosts": ["#,
        r#"{"service_repo_name": "", "port": 8080, "revision": "abc123", "#,
        r#""last_check_in": "2026-11-22 12:56:52.000669+00:00", "tags": "#,
        REQUIRED_TAGS,
        r#", "service": "api", "ip_address": "10.0.0.1"}, "#,
        r#"{"service_repo_name": "r\u00e9po", "port": 8080, "revision": "line\nbreak \u007f\u2028", "#,
        r#""last_check_in": "2026-11-22 12:56:54+00:00", "tags": "#,
        INTRICATE_TAGS,
        r#", "service": "caf\u00e9 \ud83d\ude00 \"\\/<>&", "ip_address": "2001:db8::1"}]}"#,
        "\n",
    ];
    assert_eq!(rendered.body(), &expected.concat());
}

#[test]
fn an_empty_list_is_a_list() {
    let rendered = renderer().render(&subject("none"), &listing([]));
    let expected = "{\"service\": \"none\", \"env\": \"development\", \"hosts\": []}\n";
    assert_eq!(rendered.body(), expected);
}

#[test]
fn the_tag_is_the_same_on_every_node_and_changes_with_all_but_the_check_in() {
    let base = || host("api", "10.0.0.1", 0);
    let tag = |host| {
        renderer()
            .render(&subject("api"), &single(host))
            .etag()
            .clone()
    };
    assert_eq!(tag(base()), "W/\"5359501771bbcd15\"");
    assert_eq!(
        tag(host("api", "10.0.0.1", 1_795_352_212_000_669)),
        tag(base())
    );
    let changes: [fn(&mut Host); 5] = [
        |host| host.key = key("api", "10.0.0.2"),
        |host| host.service_repo_name = repo("repo"),
        |host| host.port = port(8081),
        |host| host.revision = revision("abc124"),
        |host| host.tags = tags(INTRICATE_TAGS),
    ];
    for change in changes {
        let mut other = base();
        change(&mut other);
        assert_ne!(tag(other.clone()), tag(base()), "{other:?}");
    }
}

#[test]
fn the_tag_tells_services_and_environments_apart() {
    let tags = [
        ListRenderer::new("development", PLENTY).render(&subject("a"), &listing([])),
        ListRenderer::new("development", PLENTY).render(&subject("b"), &listing([])),
        ListRenderer::new("production", PLENTY).render(&subject("a"), &listing([])),
    ]
    .map(|rendered| rendered.etag().clone());
    assert_ne!(tags[0], tags[1]);
    assert_ne!(tags[0], tags[2]);
}

#[test]
fn readers_that_miss_together_share_one_rendering() {
    let (lists, listing) = (renderer(), listing(many(2_000)));
    let (subject, start) = (subject("api"), Barrier::new(8));
    let rendered: Vec<_> = std::thread::scope(|scope| {
        let reader = || {
            start.wait();
            lists.render(&subject, &listing)
        };
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(reader)).collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("no panic"))
            .collect()
    });
    assert!(
        rendered
            .iter()
            .all(|other| Arc::ptr_eq(other, &rendered[0]))
    );
    assert!(Arc::ptr_eq(&lists.render(&subject, &listing), &rendered[0]));
}

#[test]
fn what_is_kept_stays_within_its_bound() {
    let listing = listing(many(10));
    let one = renderer().render(&subject("0"), &listing).weight();
    let lists = ListRenderer::new("development", 100 * one as u64);
    let rendered: Vec<_> = (0..1_000)
        .map(|number| Arc::downgrade(&lists.render(&subject(&number.to_string()), &listing)))
        .collect();
    let kept = rendered
        .iter()
        .filter(|kept| kept.strong_count() > 0)
        .count();
    assert!((80..=100).contains(&kept), "{kept}");
}

#[test]
fn what_is_asked_for_again_and_again_is_kept() {
    let listing = listing(many(10));
    let one = renderer().render(&subject("0"), &listing).weight();
    let lists = ListRenderer::new("development", 100 * one as u64);
    let often = lists.render(&subject("often"), &listing);
    for number in 0..1_000 {
        lists.render(&subject(&number.to_string()), &listing);
        assert!(Arc::ptr_eq(
            &lists.render(&subject("often"), &listing),
            &often
        ));
    }
}

#[test]
fn a_list_larger_than_the_bound_is_kept_too() {
    let (lists, listing) = (ListRenderer::new("development", 1), listing(many(100)));
    for number in 0..100 {
        lists.render(&subject(&number.to_string()), &listing);
        lists.render(&subject(&number.to_string()), &listing);
    }
    let rendered = lists.render(&subject("api"), &listing);
    assert!(Arc::ptr_eq(
        &lists.render(&subject("api"), &listing),
        &rendered
    ));
}

#[tokio::test]
async fn the_compressed_list_is_the_list() {
    for hosts in [0, 10, 1_000] {
        let rendered = renderer().render(&subject("api"), &listing(many(hosts)));
        let mut plain = Vec::new();
        let gzip = rendered.gzip().await;
        GzDecoder::new(&gzip[..])
            .read_to_end(&mut plain)
            .expect("is gzip");
        assert!(plain == *rendered.body());
    }
}

fn many(hosts: u32) -> impl Iterator<Item = Arc<Host>> {
    (0..hosts).map(|number| {
        let registration = realistic_registration("api", number);
        Arc::new(Host {
            key: registration.key,
            service_repo_name: registration.service_repo_name,
            port: registration.port,
            revision: registration.revision,
            last_check_in: DateTime::UNIX_EPOCH,
            tags: registration.tags,
        })
    })
}

/// What happens to the host with a number between two renderings.
#[derive(Debug, Clone)]
enum Event {
    ChecksIn(u8, i64),
    Registers(u8, String),
    Leaves(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let host = 0_u8..12;
    prop_oneof![
        (host.clone(), 0..i64::from(i32::MAX)).prop_map(|(host, at)| Event::ChecksIn(host, at)),
        (host.clone(), "\\PC{1,8}").prop_map(|(host, revision)| Event::Registers(host, revision)),
        host.prop_map(Event::Leaves),
    ]
}

fn happen(hosts: &mut BTreeMap<u8, Arc<Host>>, event: Event) {
    match event {
        Event::ChecksIn(number, at) => {
            if let Some(known) = hosts.get_mut(&number) {
                let mut renewed = Host::clone(known);
                renewed.last_check_in = DateTime::from_timestamp_micros(at).expect("in range");
                *known = Arc::new(renewed);
            }
        }
        Event::Registers(number, text) => {
            let mut new = host("api", &format!("10.0.0.{number}"), 0);
            new.revision = revision(&text);
            hosts.insert(number, Arc::new(new));
        }
        Event::Leaves(number) => {
            hosts.remove(&number);
        }
    }
}

proptest! {
    #[test]
    fn a_patched_list_is_the_list_that_would_be_rendered_anew(
        rounds in prop::collection::vec(prop::collection::vec(event(), 0..6), 1..12)
    ) {
        let (patching, mut hosts) = (renderer(), BTreeMap::new());
        for events in rounds {
            for event in events {
                happen(&mut hosts, event);
            }
            let listing = listing(hosts.values().cloned());
            let patched = patching.render(&subject("api"), &listing);
            let fresh = renderer().render(&subject("api"), &listing);
            prop_assert_eq!(patched.body(), fresh.body());
            prop_assert_eq!(patched.etag(), fresh.etag());
        }
    }
}
