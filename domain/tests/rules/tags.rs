//! What becomes of tags: canonical text as the original wrote it, and foreign text to the letter.

use discovery_domain::{AZ, CANARY, INSTANCE_ID, REGION, Tags};
use discovery_testkit::hosts::{INTRICATE_TAGS, REQUIRED_TAGS, tags, tags_with, weight};
use serde_json::Value;

/// The canonical text of one more member beside the required ones.
fn canonical(value: &str) -> String {
    let tags = tags_with("x", value);
    let (_, rest) = tags
        .as_str()
        .split_once(r#""x": "#)
        .expect("the member is there");
    rest.strip_suffix('}').expect("it is the last").to_owned()
}

/// Why tags with one more member are refused.
fn refusal(member: &str) -> String {
    let text = format!("{}, {member}}}", REQUIRED_TAGS.trim_end_matches('}'));
    Tags::parse(&text)
        .expect_err("they are refused")
        .to_string()
}

#[test]
fn separators_are_a_comma_or_a_colon_and_a_blank() {
    let sent = " {\"az\":\"a\" ,\n\t\"region\" : \"r\",\"instance_id\":\"i\",\"x\":[1,2 ,{\"a\":1,\"b\":[ ]}]}\r\n";
    let expected =
        r#"{"az": "a", "region": "r", "instance_id": "i", "x": [1, 2, {"a": 1, "b": []}]}"#;
    assert_eq!(tags(sent).as_str(), expected);
}

#[test]
fn everything_but_printable_ascii_is_escaped_and_nothing_else() {
    assert_eq!(canonical(r#""é\u00e9""#), r#""\u00e9\u00e9""#);
    assert_eq!(canonical(r#""😀""#), r#""\ud83d\ude00""#);
    assert_eq!(canonical(r#""\ud83d\ude00""#), r#""\ud83d\ude00""#);
    assert_eq!(canonical("\"\u{7f}\u{2028}\""), r#""\u007f\u2028""#);
    assert_eq!(canonical(r#""\/<>&'~ ""#), r#""/<>&'~ ""#);
    assert_eq!(canonical(r#""\u0041\"\\""#), r#""A\"\\""#);
    assert_eq!(
        canonical(r#""\n\r\t\b\f\u0000\u001f""#),
        r#""\n\r\t\b\f\u0000\u001f""#
    );
}

#[test]
fn numbers_keep_their_digits() {
    for number in [
        "12345678901234567890",
        "-0",
        "1.0",
        "1e2",
        "1E-7",
        "0.10",
        "-1.50e+300",
    ] {
        assert_eq!(canonical(number), number);
    }
}

#[test]
fn keys_keep_their_order_and_of_two_the_last_counts() {
    let sent =
        r#"{"z": 1, "az": "a", "b": 1, "region": "r", "z": 2, "instance_id": "i", "\u0062": 3}"#;
    let expected = r#"{"az": "a", "region": "r", "z": 2, "instance_id": "i", "b": 3}"#;
    assert_eq!(tags(sent).as_str(), expected);
    assert_eq!(
        canonical(r#"{"b": 1, "a": {"c": 1, "c": 2}}"#),
        r#"{"b": 1, "a": {"c": 2}}"#
    );
}

#[test]
fn a_tag_nested_64_levels_deep_is_taken_and_65_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a": "#, "}")] {
        let nested = |depth| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(canonical(&nested(Tags::MAX_DEPTH)), nested(64));
        let refused = refusal(&format!("\"x\": {}", nested(Tags::MAX_DEPTH + 1)));
        assert!(
            refused.contains("nested too deeply (64 levels at most)"),
            "{refused}"
        );
        assert!(refused.contains("\"x\""), "{refused}");
    }
}

#[test]
fn what_no_json_reader_could_take_is_refused() {
    for (member, why) in [
        (r#""x": 1e400"#, "number"),
        (r#""x": [-1e999]"#, "number"),
        (r#""x": "\ud800""#, "surrogate"),
        (r#""x": {"\udc00": 1}"#, "surrogate"),
        (r#""x": ["\ud800\ud800"]"#, "surrogate"),
        (r#""x": NaN"#, "JSON object"),
        (r#""x": Infinity"#, "JSON object"),
        (r#""x": -Infinity"#, "JSON object"),
        (r#""x": 01"#, "JSON object"),
        (r#""x": 'a'"#, "JSON object"),
        (r#""x": 1,"#, "JSON object"),
        ("\"x\": \"\n\"", "JSON object"),
    ] {
        let refused = refusal(member);
        assert!(refused.contains(why), "{member}: {refused}");
    }
}

#[test]
fn a_lone_surrogate_in_a_name_is_refused() {
    let refused = refusal(r#""\ud800": 1"#);
    assert!(refused.contains("JSON object"), "{refused}");
}

#[test]
fn what_is_no_object_is_refused() {
    for text in [
        "",
        " ",
        "null",
        "1",
        "\"az\"",
        "[]",
        r#"["az", "region"]"#,
        "{",
        "{}{}",
        "az=a",
    ] {
        let refused = Tags::parse(text).expect_err("it is refused").to_string();
        assert!(
            refused.starts_with("must be a JSON object"),
            "{text}: {refused}"
        );
    }
}

#[test]
fn each_required_tag_must_be_there_and_be_a_string() {
    for missing in [AZ, REGION, INSTANCE_ID] {
        let mut members: serde_json::Map<String, Value> =
            serde_json::from_str(REQUIRED_TAGS).expect("the sample is JSON");
        members.remove(missing);
        let refused = Tags::parse(&Value::from(members.clone()).to_string());
        let refused = refused.expect_err("it is refused").to_string();
        assert_eq!(
            refused,
            format!("must have a string as the tag {missing:?}")
        );
        for wrong in ["null", "1", "true", "[]", "{}"] {
            members.insert(
                missing.to_owned(),
                serde_json::from_str(wrong).expect("it is JSON"),
            );
            let refused = Tags::parse(&Value::from(members.clone()).to_string());
            let refused = refused.expect_err("it is refused").to_string();
            assert_eq!(
                refused,
                format!("must have a string as the tag {missing:?}, got {wrong}")
            );
        }
    }
}

#[test]
fn canary_is_a_boolean_and_a_weight_an_integer_from_1_to_100() {
    for wrong in ["\"yes\"", "1", "null", "\"true\""] {
        let refused = refusal(&format!("\"canary\": {wrong}"));
        assert_eq!(
            refused,
            format!("must have true or false as the tag \"canary\", got {wrong}")
        );
    }
    for wrong in [
        "0", "101", "-3", "\"50\"", "2.5", "1e1", "50.0", "null", "[1]",
    ] {
        let refused = refusal(&format!("\"load_balancing_weight\": {wrong}"));
        let expected = "must have an integer from 1 to 100 as the tag \"load_balancing_weight\"";
        assert_eq!(refused, format!("{expected}, got {wrong}"));
    }
    for (json, number) in [("1", 1), ("100", 100)] {
        let tags = tags_with("load_balancing_weight", json);
        assert_eq!(tags.weight(), Some(weight(number)));
    }
}

#[test]
fn tags_are_at_most_64_and_16_kibibytes() {
    let with = |count: usize| {
        let more: Vec<_> = (0..count - 3).map(|n| format!("\"k{n}\": {n}")).collect();
        format!(
            "{}, {}}}",
            REQUIRED_TAGS.trim_end_matches('}'),
            more.join(", ")
        )
    };
    tags(&with(Tags::MAX_KEYS));
    let refused = Tags::parse(&with(65))
        .expect_err("it is refused")
        .to_string();
    assert_eq!(refused, "must have at most 64 tags, got 65");
    let room = Tags::MAX_BYTES - tags_with("x", "\"\"").as_str().len();
    let filled = tags_with("x", &format!("\"{}\"", "y".repeat(room)));
    assert_eq!(filled.as_str().len(), Tags::MAX_BYTES);
    let refused = refusal(&format!("\"x\": \"{}\"", "y".repeat(room + 1)));
    assert_eq!(refused, "must have at most 16384 bytes as JSON, got 16385");
    let escaped = refusal(&format!("\"x\": \"{}\"", "é".repeat(room / 6 + 1)));
    assert!(
        escaped.starts_with("must have at most 16384 bytes as JSON"),
        "{escaped}"
    );
}

#[test]
fn a_merge_replaces_what_is_new_keeps_what_is_not_and_adds_the_rest_at_the_end() {
    let old = tags(r#"{"b": {"c": 1}, "az": "a", "region": "r", "instance_id": "i", "d": 1.0}"#);
    let new = tags(r#"{"e": 1, "az": "z", "b": null, "region": "r", "instance_id": "i"}"#);
    let merged = old.merged(&new).expect("few tags are within their limits");
    let expected = r#"{"b": null, "az": "z", "region": "r", "instance_id": "i", "d": 1.0, "e": 1}"#;
    assert_eq!(merged.as_str(), expected);
    assert_eq!(merged.shown(), expected);
}

#[test]
fn a_merge_that_changes_nothing_shares_the_text() {
    let old = tags(INTRICATE_TAGS);
    for new in [
        INTRICATE_TAGS,
        r#"{"instance_id": "i-0001", "region": "us-east-1", "az": "us-east-1a"}"#,
    ] {
        let merged = old.merged(&tags(new)).expect("it changes nothing");
        assert!(std::ptr::eq(merged.as_str(), old.as_str()));
    }
}

#[test]
fn a_merge_may_shrink_tags_that_outgrew_their_limits_long_ago_but_not_let_them_grow() {
    let many: Vec<_> = (0..100).map(|n| format!("\"k{n}\": {n}")).collect();
    let stored = format!(
        "{}, {}}}",
        REQUIRED_TAGS.trim_end_matches('}'),
        many.join(", ")
    );
    let old = Tags::from_stored(&stored).expect("it is an object");
    old.merged(&tags_with("k99", "1"))
        .expect("it does not grow");
    let refused = old
        .merged(&tags_with("new", "1"))
        .expect_err("it grows")
        .to_string();
    assert_eq!(
        refused,
        "must have at most 64 tags, got 104, counting the host's earlier tags"
    );
}

#[test]
fn a_stored_text_is_kept_to_the_letter_and_shown_canonically() {
    let stored = r#"{"az":"é", "region": 1, "canary": "yes", "x":1e400, "load_balancing_weight": "50", "y": 1.0}"#;
    let tags = Tags::from_stored(stored).expect("it is an object");
    assert_eq!(tags.as_str(), stored);
    assert_eq!(tags.shown(), r#"{"az": "\u00e9", "y": 1.0}"#);
    assert_eq!(tags.left_out(), 4);
    assert_eq!((tags.az().as_deref(), tags.region()), (Some("é"), None));
    assert_eq!((tags.canary(), tags.weight()), (false, None));
}

#[test]
fn a_weight_on_a_stored_text_keeps_foreign_values_to_the_letter() {
    let stored =
        r#"{"x": 1e400, "load_balancing_weight": "50", "y": [1,2], "n": 12345678901234567890}"#;
    let tags = Tags::from_stored(stored)
        .expect("it is an object")
        .with_weight(weight(7));
    let expected =
        r#"{"x": 1e400, "load_balancing_weight": 7, "y": [1,2], "n": 12345678901234567890}"#;
    assert_eq!(tags.as_str(), expected);
    assert_eq!(tags.weight(), Some(weight(7)));
    assert_eq!(tags.left_out(), 1);
}

#[test]
fn what_is_stored_but_no_object_is_none() {
    for text in ["", "null", "[]", "\"{}\"", "{\"a\":}", "{\"a\": NaN}", "{"] {
        assert_eq!(Tags::from_stored(text), None, "{text}");
    }
    let empty = Tags::from_stored("{}").expect("it is an object");
    assert_eq!((empty.shown(), empty.az()), ("{}", None));
}

#[test]
fn documented_tags_are_read_and_others_are_not_mistaken_for_them() {
    let tags = tags(
        r#"{"az": "a\u00e9", "region": "r", "instance_id": "i", "canary": true, "x": {"canary": false}}"#,
    );
    assert_eq!(tags.az().as_deref(), Some("aé"));
    assert_eq!(tags.region().as_deref(), Some("r"));
    assert_eq!(tags.instance_id().as_deref(), Some("i"));
    assert!(tags.canary());
    assert!(!tags_with(CANARY, "false").canary());
}
