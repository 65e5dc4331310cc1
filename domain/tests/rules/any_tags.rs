//! What is true of all tags.

use discovery_domain::Tags;
use discovery_testkit::hosts::{REQUIRED_TAGS, tags, weight};
use proptest::prelude::*;
use serde_json::Value;

/// Any JSON value that every reader can take.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[ -~é😀\u{0}-\u{1f}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// The text of valid tags with some more members, separated in one way or the other.
fn sent() -> impl Strategy<Value = String> {
    let members = prop::collection::vec(("[a-fé\"]{1,3}", json()), 0..6);
    (members, any::<bool>()).prop_map(|(members, dense)| {
        let mut all: serde_json::Map<String, Value> =
            serde_json::from_str(REQUIRED_TAGS).expect("the sample is JSON");
        all.extend(
            members
                .into_iter()
                .filter(|(name, _)| !all.contains_key(name))
                .collect::<Vec<_>>(),
        );
        let all = Value::from(all);
        if dense {
            all.to_string()
        } else {
            format!("{all:#}")
        }
    })
}

fn parsed(text: &str) -> serde_json::Map<String, Value> {
    serde_json::from_str(text).expect("tags are a JSON object")
}

proptest! {
    #[test]
    fn tags_mean_what_was_sent_and_parsing_them_again_changes_nothing(sent in sent()) {
        let tags = Tags::parse(&sent).expect("they are valid");
        prop_assert_eq!(parsed(tags.as_str()), parsed(&sent));
        prop_assert!(tags.as_str().bytes().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert_eq!(tags.shown(), tags.as_str());
        prop_assert_eq!(Tags::parse(tags.as_str()).expect("they still are"), tags.clone());
        prop_assert_eq!(Tags::from_stored(tags.as_str()).expect("it is an object"), tags);
    }

    #[test]
    fn a_merge_means_an_update_of_the_members(old in sent(), new in sent()) {
        let merged = tags(&old).merged(&tags(&new)).expect("few tags are within their limits");
        let mut expected = parsed(&old);
        expected.extend(parsed(&new));
        prop_assert_eq!(parsed(merged.as_str()), expected);
        prop_assert_eq!(merged.merged(&tags(&new)).expect("nothing grows"), merged.clone());
        prop_assert_eq!(Tags::parse(merged.as_str()).expect("they are valid"), merged);
    }

    #[test]
    fn a_weight_changes_one_member_and_no_letter_of_the_others(sent in sent(), number in 1..=100_u8) {
        let before = tags(&sent);
        let after = before.with_weight(weight(number));
        prop_assert_eq!(after.weight(), Some(weight(number)));
        let text = format!(", \"load_balancing_weight\": {number}");
        prop_assert_eq!(after.as_str().replace(&text, ""), before.as_str());
        prop_assert_eq!(after.with_weight(weight(number)), after);
    }

    #[test]
    fn any_stored_text_is_read_or_refused_without_a_panic_and_kept_to_the_letter(text in ".{0,40}") {
        if let Some(tags) = Tags::from_stored(&text) {
            prop_assert_eq!(tags.as_str(), &*text);
            parsed(tags.shown());
        }
        let _ = Tags::parse(&text);
    }

    #[test]
    fn a_stored_text_with_a_weight_is_still_an_object(sent in sent(), spoil in 0..200_usize, number in 1..=100_u8) {
        let mut text = sent;
        if text.is_char_boundary(spoil.min(text.len())) {
            text.truncate(spoil.min(text.len()));
            text.push_str(", \"x\": 1e999}");
        }
        if let Some(tags) = Tags::from_stored(&text) {
            let weighted = tags.with_weight(weight(number));
            prop_assert_eq!(weighted.weight(), Some(weight(number)));
            parsed(weighted.shown());
        }
    }
}
