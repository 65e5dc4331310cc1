//! The part of schemas that the contract uses, without their freedom: what is not documented is wrong.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use regex::Regex;
use serde_json::{Map, Value};

/// Tells what is wrong with a value.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let keywords = schema.as_object().ok_or("has no schema")?;
    for (keyword, rule) in keywords {
        match (keyword.as_str(), value) {
            ("$ref", _) => check(document, referenced(document, text(rule)), value)?,
            ("allOf", _) => items(rule).try_for_each(|part| check(document, part, value))?,
            ("items", Value::Array(all)) => {
                all.iter()
                    .try_for_each(|item| check(document, rule, item))?;
            }
            _ if !holds(keyword, rule, value)? => {
                return Err(format!("breaks {keyword}: {rule}, with {value}"));
            }
            _ => {}
        }
    }
    match (value, keywords.get("type")) {
        (Value::Object(members), Some(_)) => check_members(document, keywords, members),
        _ => Ok(()),
    }
}

/// Whether a value keeps a rule that says all by itself.
fn holds(keyword: &str, rule: &Value, value: &Value) -> Result<bool, String> {
    Ok(match (keyword, value) {
        ("type", _) => is(text(rule), value),
        ("x-extensible-enum", _) => items(rule).any(|one| one == value),
        ("minimum", Value::Number(number)) => number.as_f64() >= rule.as_f64(),
        ("maximum", Value::Number(number)) => number.as_f64() <= rule.as_f64(),
        ("minLength", Value::String(text)) => length(text) >= rule.as_u64(),
        ("maxLength", Value::String(text)) => length(text) <= rule.as_u64(),
        ("pattern", Value::String(value)) => pattern(text(rule)).is_match(value),
        ("maxItems", Value::Array(all)) => Some(all.len() as u64) <= rule.as_u64(),
        ("maxProperties", Value::Object(members)) => Some(members.len() as u64) <= rule.as_u64(),
        ("required", Value::Object(members)) => {
            items(rule).all(|name| members.contains_key(text(name)))
        }
        // These are for the members, or only describe.
        (
            "properties" | "additionalProperties" | "description" | "example" | "format" | "title",
            _,
        ) => true,
        _ => return Err(format!("has a schema with {keyword}, which nobody checks")),
    })
}

/// Tells what is wrong with a value that is written as plain text, as in a header.
pub(crate) fn check_text(document: &Value, schema: &Value, text: &str) -> Result<(), String> {
    let value = match schema["type"].as_str() {
        Some("integer") => serde_json::from_str(text).unwrap_or_default(),
        _ => Value::from(text),
    };
    check(document, schema, &value)
}

/// What a local reference stands for.
pub(crate) fn referenced<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let pointer = reference.trim_start_matches('#');
    document.pointer(pointer).unwrap_or(&Value::Null)
}

/// Checks what stands in an object: what the schema does not name has no place there.
fn check_members(
    document: &Value,
    keywords: &Map<String, Value>,
    members: &Map<String, Value>,
) -> Result<(), String> {
    let properties = keywords.get("properties");
    let others = keywords.get("additionalProperties");
    for (name, value) in members {
        let documented = properties
            .and_then(|properties| properties.get(name))
            .or(others);
        let schema = documented.ok_or_else(|| format!("has the undocumented field {name:?}"))?;
        check(document, schema, value).map_err(|wrong| format!("{name:?} {wrong}"))?;
    }
    Ok(())
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

fn length(text: &str) -> Option<u64> {
    u64::try_from(text.chars().count()).ok()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A pattern, compiled once.
fn pattern(text: &str) -> Regex {
    static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().expect("nobody panics with it");
    let pattern = compiled.entry(text.to_owned());
    pattern
        .or_insert_with(|| Regex::new(text).expect("the contract's patterns can be compiled"))
        .clone()
}
