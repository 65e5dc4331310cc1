use std::fmt::Debug;
use std::net::IpAddr;

use chrono::DateTime;
use discovery_domain::{HostAddress, InvalidValue};
use poem_openapi::validation::{Pattern, Validator};
use proptest::prelude::*;

use super::*;
use crate::host_json::push_time;

fn shown<T: Type>() -> MetaSchema {
    match T::schema_ref() {
        MetaSchemaRef::Inline(schema) => *schema,
        MetaSchemaRef::Reference(name) => {
            let mut schemas = Registry::new();
            T::register(&mut schemas);
            schemas.schemas.remove(&name).expect("it was registered")
        }
    }
}

/// What a client that knows only the contract would say to a text.
fn is_shown_as_valid<T: Type>(text: &str) -> bool {
    let schema = shown::<T>();
    let length = text.chars().count();
    let pattern = schema.pattern.map(|pattern| Pattern::new(pattern.leak()));
    length >= schema.min_length.unwrap_or(0)
        && length <= schema.max_length.unwrap_or(usize::MAX)
        && pattern.is_none_or(|pattern| pattern.check(&text.to_owned()))
}

fn check_bounds<T: Type, D: Debug>(parse: impl Fn(&str) -> Result<D, InvalidValue>) {
    let schema = shown::<T>();
    let (min, max) = (
        schema.minimum.expect("a minimum"),
        schema.maximum.expect("a maximum"),
    );
    for (number, valid) in [
        (min - 1.0, false),
        (min, true),
        (max, true),
        (max + 1.0, false),
    ] {
        assert_eq!(parse(&number.to_string()).is_ok(), valid, "{number}");
    }
}

#[test]
fn the_contract_shows_the_bounds_that_the_domain_keeps() {
    check_bounds::<PortNumber, _>(Port::parse);
    check_bounds::<WeightNumber, _>(LoadBalancingWeight::parse);
    check_bounds::<Limit, _>(|text| Limit::parse(Some(&Limit(text.to_owned()))));
    for length in [0, 1, 255, 256] {
        let text = "x".repeat(length);
        assert_eq!(
            is_shown_as_valid::<ServiceText>(&text),
            ServiceName::parse(&text).is_ok()
        );
        assert_eq!(
            is_shown_as_valid::<ServiceInPath>(&text),
            ServiceName::parse(&text).is_ok()
        );
        assert_eq!(
            is_shown_as_valid::<RepoText>(&text),
            ServiceRepoName::parse(&text).is_ok()
        );
    }
    for length in [0, 1, Revision::MAX_BYTES, Revision::MAX_BYTES + 1] {
        let text = "x".repeat(length);
        assert_eq!(
            is_shown_as_valid::<RevisionText>(&text),
            Revision::parse(&text).is_ok()
        );
    }
}

#[test]
fn the_contract_shows_which_tags_are_required_and_how_many_there_may_be() {
    let schema = shown::<RegistrationTags>();
    let with = |names: &[&str], more: usize| {
        let more = (0..more).map(|n| format!("\"more{n}\": 1"));
        let tags: Vec<String> = names
            .iter()
            .map(|name| format!("\"{name}\": \"x\""))
            .chain(more)
            .collect();
        Tags::parse(&format!("{{{}}}", tags.join(", ")))
    };
    let required = &schema.required;
    let most = schema.max_properties.expect("a maximum");
    with(required, most - required.len()).expect("as many as may be");
    with(required, most - required.len() + 1).expect_err("one too many");
    for left_out in 0..required.len() {
        let mut names = required.clone();
        names.remove(left_out);
        with(&names, 0).expect_err("one is missing");
    }
}

#[test]
fn an_address_matches_its_pattern_if_it_is_one() {
    for text in [
        "10.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "1::",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::3:4:5:6:7:8",
        "1:2:3::8",
        "fd00::1",
        "FD00::A",
        "",
        "1.2.3",
        "01.2.3.4",
        "256.1.1.1",
        "1.2.3.4.5",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4:80",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "12345::",
        "g::",
        "[::1]",
        "fe80::1%eth0",
        "localhost",
    ] {
        assert_eq!(
            is_shown_as_valid::<AddressText>(text),
            HostAddress::parse(text).is_ok(),
            "{text}"
        );
    }
}

#[test]
fn the_time_of_a_check_in_matches_its_pattern() {
    for micros in [1_795_352_212_129_669, 1_795_352_212_000_000, 0] {
        let mut text = String::new();
        push_time(
            &mut text,
            DateTime::from_timestamp_micros(micros).expect("a year near ours"),
        );
        assert!(is_shown_as_valid::<CheckInText>(&text), "{text}");
    }
}

proptest! {
    #[test]
    fn every_address_matches_its_pattern(ip: IpAddr) {
        let text = HostAddress::from(ip).to_string();
        prop_assert!(is_shown_as_valid::<AddressText>(&text), "{}", text);
    }

    /// Of those without the control characters that no pattern shows.
    #[test]
    fn a_name_matches_its_pattern_if_it_is_one(text in "[\\x00-\\x7f\\u{a0}-\\u{ff}/😀]{0,4}") {
        let parses = ServiceName::parse(&text).is_ok();
        let in_path = parses && !text.contains('/');
        prop_assert_eq!(is_shown_as_valid::<ServiceText>(&text), parses);
        prop_assert_eq!(is_shown_as_valid::<ServiceInPath>(&text), in_path);
        prop_assert_eq!(is_shown_as_valid::<RepoText>(&text), ServiceRepoName::parse(&text).is_ok());
    }
}
