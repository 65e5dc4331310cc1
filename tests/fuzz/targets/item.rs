//! An item of the DynamoDB table: one attribute a line, as its name, its type and its value. The module that reads items
//! is compiled here with a stand-in for the AWS SDK.

#![no_main]

use aws_sdk_dynamodb::types::AttributeValue;
use libfuzzer_sys::fuzz_target;

#[path = "../../../adapters/dynamodb/src/date.rs"]
mod date;
#[expect(dead_code, reason = "requests need more of it")]
#[path = "../../../adapters/dynamodb/src/item.rs"]
mod item;

fuzz_target!(|text: &str| {
    let item: item::Item = text.lines().filter_map(attribute).collect();
    let Ok(stored) = item::read(&item, |_| None) else {
        return;
    };
    let written = item::item_of(&stored.host);
    let again =
        item::read(&written, |_| None).unwrap_or_else(|error| panic!("{error}: {written:?}"));
    assert_eq!(again.host, stored.host);
    assert_eq!(again.check_in_text, None);
    let known = item::read(&item, |_| Some(stored.host.clone()));
    assert_eq!(known.map(|known| known.host).ok(), Some(stored.host));
});

fn attribute(line: &str) -> Option<(String, AttributeValue)> {
    let mut words = line.splitn(3, ' ');
    let (name, kind, value) = (words.next()?, words.next()?, words.next()?.to_owned());
    let value = match kind {
        "S" => AttributeValue::S(value),
        "N" => AttributeValue::N(value),
        "BOOL" => AttributeValue::Bool(value == "true"),
        "B" => AttributeValue::B(value.into_bytes()),
        _ => AttributeValue::Null(true),
    };
    Some((name.to_owned(), value))
}
