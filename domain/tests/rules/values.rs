//! What each value takes and refuses.

use discovery_domain::{
    HostAddress, LoadBalancingWeight, Port, Revision, ServiceName, ServiceRepoName,
};
use proptest::prelude::*;

#[test]
fn a_port_is_an_integer_from_1_to_65535_with_blanks_sign_zeros_and_digits_as_the_original_took_it()
{
    for (text, number) in [
        ("1", 1),
        ("65535", 65535),
        (" 80 ", 80),
        ("\t80\n", 80),
        ("+80", 80),
        ("0080", 80),
        ("\u{b}80\u{c}", 80),
        ("\u{a0}80\u{1c}", 80),
        ("٨٠", 80),
        ("+८०", 80),
        ("８0", 80),
    ] {
        assert_eq!(
            Port::parse(text).expect("it is a port").get(),
            number,
            "{text:?}"
        );
    }
    for text in [
        "",
        " ",
        "0",
        "65536",
        "-1",
        "80.0",
        "0x50",
        "1e3",
        "abc",
        "+",
        "++80",
        "8 0",
        "8_0",
        "²",
        "Ⅷ",
        "99999999999999999999999999",
        "-0",
        "80\0",
    ] {
        let refused = Port::parse(text).expect_err("it is no port").to_string();
        assert!(
            refused.starts_with("must be an integer from 1 to 65535, got \""),
            "{refused}"
        );
    }
}

#[test]
fn no_port_is_zero() {
    Port::try_from(0).expect_err("it is no port");
}

#[test]
fn a_weight_is_an_integer_from_1_to_100() {
    for (text, number) in [("1", 1), ("100", 100), (" 7 ", 7), ("+7", 7), ("007", 7)] {
        assert_eq!(
            LoadBalancingWeight::parse(text)
                .expect("it is a weight")
                .get(),
            number
        );
    }
    for text in [
        "", "0", "101", "256", "9001", "-1", "1.5", "50.0", "1e1", "true", "1_0",
    ] {
        let refused = LoadBalancingWeight::parse(text)
            .expect_err("it is none")
            .to_string();
        assert!(
            refused.starts_with("must be an integer from 1 to 100, got \""),
            "{refused}"
        );
    }
}

#[test]
fn an_address_is_a_strict_dotted_quad_or_ipv6_and_is_shown_canonically() {
    for (text, shown) in [
        ("10.0.0.1", "10.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("::1", "::1"),
        ("2001:DB8:0:0::0001", "2001:db8::1"),
        ("::", "::"),
    ] {
        assert_eq!(
            HostAddress::parse(text)
                .expect("it is an address")
                .to_string(),
            shown
        );
    }
    for text in [
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "10.0.0.001",
        "256.1.1.1",
        " 10.0.0.1",
        "10.0.0.1 ",
        "10.0.0.1\n",
        "10.0.0.1:80",
        "10.0.0.1.",
        "167772161",
        "0x0a.0.0.1",
        "10.0.0.1/32",
        "[::1]",
        "fe80::1%eth0",
        "::1::",
        "10.0.0.1\0",
    ] {
        let refused = HostAddress::parse(text)
            .expect_err("it is none")
            .to_string();
        assert!(
            refused.starts_with("must be an IPv4 (like 10.0.0.1) or IPv6 address"),
            "{refused}"
        );
    }
    let refused = HostAddress::parse("::ffff:10.0.0.1")
        .expect_err("it is IPv4")
        .to_string();
    assert!(
        refused.starts_with("must be written as a dotted quad"),
        "{refused}"
    );
}

#[test]
fn addresses_are_ordered_by_number_ipv4_first() {
    let texts = ["9.255.0.1", "10.0.0.2", "10.0.0.10", "::1", "2001:db8::1"];
    let addresses = texts.map(|text| HostAddress::parse(text).expect("it is an address"));
    assert!(addresses.is_sorted());
}

#[test]
fn a_name_has_at_most_255_bytes_and_no_control_characters() {
    for name in [
        "a",
        "repo",
        " ",
        "a/b",
        "wéb",
        "a:b;c+d|\"",
        &"x".repeat(255),
        &"é".repeat(127),
    ] {
        assert_eq!(
            ServiceName::parse(name).expect("it is a name").as_str(),
            name
        );
        assert_eq!(
            ServiceRepoName::parse(name).expect("it is a name").as_str(),
            name
        );
    }
    for name in ["a\0", "\n", "a\u{7f}", "\u{85}", "\tx"] {
        let refused = ServiceName::parse(name)
            .expect_err("it is none")
            .to_string();
        assert!(
            refused.starts_with("must not hold control characters, got \""),
            "{refused}"
        );
        ServiceRepoName::parse(name).expect_err("it is none");
    }
    for name in ["x".repeat(256), "é".repeat(128)] {
        let refused = ServiceName::parse(&name)
            .expect_err("it is none")
            .to_string();
        assert_eq!(refused, "must have at most 255 bytes, got 256");
        ServiceRepoName::parse(&name).expect_err("it is none");
    }
}

#[test]
fn a_service_has_a_name_and_a_service_repo_need_not() {
    assert_eq!(
        ServiceName::parse("").expect_err("it is none").to_string(),
        "must not be empty"
    );
    assert!(
        ServiceRepoName::parse("")
            .expect("it may be empty")
            .is_empty()
    );
}

#[test]
fn a_revision_is_any_text_of_1_byte_to_8_kibibytes() {
    for text in [" ", "abc", "\0\n", "é", &"x".repeat(8192)] {
        assert_eq!(
            Revision::parse(text).expect("it is a revision").as_str(),
            text
        );
    }
    assert_eq!(
        Revision::parse("").expect_err("it is none").to_string(),
        "must not be empty"
    );
    let refused = Revision::parse(&"x".repeat(8193))
        .expect_err("it is none")
        .to_string();
    assert_eq!(refused, "must have at most 8192 bytes, got 8193");
}

#[test]
fn a_refused_value_is_shown_quoted_escaped_and_cut() {
    let refused = Port::parse(&format!("\n{}", "x".repeat(100))).expect_err("it is none");
    let expected = format!(
        "must be an integer from 1 to 65535, got \"\\n{}\"…",
        "x".repeat(63)
    );
    assert_eq!(refused.to_string(), expected);
}

proptest! {
    #[test]
    fn every_port_is_read_from_its_own_text(number in 1..=65535_u16) {
        let port = Port::parse(&number.to_string()).expect("it is a port");
        prop_assert_eq!(port.get(), number);
        prop_assert_eq!(port.to_string(), number.to_string());
        prop_assert_eq!(Port::try_from(number).expect("it is a port"), port);
    }

    #[test]
    fn every_address_is_read_from_its_own_text(bytes: [u8; 16], v4: [u8; 4]) {
        for ip in [std::net::IpAddr::from(bytes), std::net::IpAddr::from(v4)] {
            let address = HostAddress::from(ip);
            let again = HostAddress::parse(&address.to_string()).expect("it is an address");
            prop_assert_eq!(again, address);
        }
    }

    #[test]
    fn any_text_is_taken_or_refused_without_a_panic(text in ".*") {
        let _ = (Port::parse(&text), LoadBalancingWeight::parse(&text), HostAddress::parse(&text));
        if let Ok(name) = ServiceName::parse(&text) {
            prop_assert_eq!(name.as_str(), &*text);
        }
        if let Ok(revision) = Revision::parse(&text) {
            prop_assert_eq!(revision.as_str(), &*text);
        }
    }
}
