//! What poem-openapi writes, as generators of SDKs like to read it.

use serde_yaml::{Mapping, Value};

/// Headers that count seconds, each with the fewest that it says; poem-openapi has no bounds for headers.
const SECONDS: [(&str, i64); 2] = [("Age", 0), ("Retry-After", 1)];

/// Mends everything in a part of the contract.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Mapping(members) => {
            tidy_schema(members);
            tidy_operation(members);
            tidy_parameter(members);
            members.values_mut().for_each(tidy);
        }
        Value::Sequence(items) => items.iter_mut().for_each(tidy),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = whole.into();
            }
        }
        _ => {}
    }
}

fn tidy_schema(schema: &mut Mapping) {
    // Of an `enum`, generators make a type that fails on what is added later. Only answers have any so far.
    if let Some(known) = schema.remove("enum") {
        schema.insert("x-extensible-enum".into(), known);
    }
    // Of a part that only describes, beside a reference, they make a second type.
    if let Some(parts) = list(schema, "allOf") {
        parts.retain(|part| !only_describes(part));
    }
}

fn only_describes(schema: &Value) -> bool {
    let members = schema.as_mapping();
    members.is_some_and(|members| members.keys().all(|name| name == "description"))
}

fn tidy_operation(operation: &mut Mapping) {
    operation.retain(|name, value| !(name == "deprecated" && value == &Value::Bool(false)));
    if let Some(headers) = operation.get_mut("headers").and_then(Value::as_mapping_mut) {
        tidy_headers(headers);
    }
    // What may be left out of a call comes last in it.
    if let Some(parameters) = list(operation, "parameters") {
        parameters.sort_by_key(|parameter| parameter["required"] != Value::Bool(true));
    }
}

fn tidy_headers(headers: &mut Mapping) {
    *headers = headers
        .iter()
        .map(|(name, header)| (as_sent(name), header.clone()))
        .collect();
    for (name, fewest) in SECONDS {
        if let Some(header) = headers.get_mut(name) {
            header["schema"]["minimum"] = fewest.into();
        }
    }
}

fn tidy_parameter(parameter: &mut Mapping) {
    if parameter.get("in").is_some_and(|place| place != "query") {
        parameter.remove("explode");
    }
    if parameter.get("in").is_some_and(|place| place == "header") {
        parameter["name"] = as_sent(&parameter["name"]);
    }
}

fn list<'a>(members: &'a mut Mapping, name: &str) -> Option<&'a mut Vec<Value>> {
    members.get_mut(name).and_then(Value::as_sequence_mut)
}

/// `IF-NONE-MATCH` as `If-None-Match`.
fn as_sent(name: &Value) -> Value {
    let name = name.as_str().unwrap_or_default();
    if name.eq_ignore_ascii_case("etag") {
        return "ETag".into();
    }
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    });
    words.collect::<Vec<_>>().join("-").into()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "only what is the same after it"
)]
fn whole(number: f64) -> Option<i64> {
    let whole = number as i64;
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "that is the question"
    )]
    let same = whole as f64 == number;
    same.then_some(whole)
}
