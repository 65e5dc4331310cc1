//! Tags as a client sends them and as a store returns them: the first line, and further ones laid over it.

#![no_main]

use discovery_domain::{LoadBalancingWeight, Tags};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let (older, newer) = text.split_once('\n').unwrap_or((text, ""));
    sent(older);
    let (Some(older), newer) = (stored(older), Tags::parse(newer)) else {
        return;
    };
    weighed(&older);
    if let Ok(newer) = newer
        && let Ok(merged) = older.merged(&newer)
    {
        laid_over(&merged, &newer);
    }
});

/// What is taken from a client says what it said, in one form, and every reader can parse it. Of two tags with one name
/// the earlier is not kept, so it may hold what no reader could parse.
fn sent(text: &str) {
    let Ok(tags) = Tags::parse(text) else { return };
    if let Ok(said) = serde_json::from_str::<Value>(text) {
        assert_eq!(json(tags.as_str()), said);
    }
    assert_eq!(tags.shown(), tags.as_str());
    assert_eq!(Tags::parse(tags.as_str()).as_ref(), Ok(&tags));
    assert_eq!(Tags::from_stored(tags.as_str()), Some(tags));
}

/// What a store returns is kept to the letter, and what is shown of it every reader can parse.
fn stored(text: &str) -> Option<Tags> {
    let tags = Tags::from_stored(text)?;
    assert_eq!(tags.as_str(), text);
    assert!(json(tags.shown()).is_object());
    let _left_out = tags.left_out();
    let _named = (tags.az(), tags.region(), tags.instance_id(), tags.canary());
    Some(tags)
}

fn weighed(tags: &Tags) {
    let weight = LoadBalancingWeight::parse("7").expect("7 is a weight");
    let weighed = tags.with_weight(weight);
    assert_eq!(weighed.weight(), Some(weight));
    assert_eq!(Tags::from_stored(weighed.as_str()), Some(weighed));
}

fn laid_over(merged: &Tags, newer: &Tags) {
    let (shown, newer) = (json(merged.shown()), json(newer.shown()));
    for (key, value) in newer.as_object().expect("tags are an object") {
        assert_eq!(&shown[key], value);
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}
