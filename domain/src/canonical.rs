//! JSON text as the original wrote it, so that old and new nodes read each other's rows and answers to the letter.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::value::RawValue;

/// A member of an object: its name as plain text, its value as JSON.
pub(crate) type Member<'a> = (&'a str, String);

/// Writes an object of values that are canonical already.
pub(crate) fn object(members: &[Member<'_>]) -> String {
    let mut json = String::from("{");
    for (position, (name, value)) in members.iter().enumerate() {
        json.push_str(if position == 0 { "" } else { ", " });
        push_string(&mut json, name);
        json.push_str(": ");
        json.push_str(value);
    }
    json.push('}');
    json
}

/// Writes a string with its quotes: everything outside printable ASCII is escaped as UTF-16.
pub fn push_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            ' '..='~' => json.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(json, "\\u{unit:04x}").expect("a string takes whatever is written");
                }
            }
        }
    }
    json.push('"');
}

/// Rewrites a value canonically; numbers keep their digits. Fails on what not every JSON reader could take.
pub(crate) fn value(raw: &RawValue, depth: usize) -> Result<String, &'static str> {
    let mut json = String::with_capacity(raw.get().len());
    push_value(&mut json, raw, depth)?;
    Ok(json)
}

fn push_value(json: &mut String, raw: &RawValue, depth: usize) -> Result<(), &'static str> {
    let text = raw.get();
    match text.as_bytes()[0] {
        b'"' => {
            let text: String = serde_json::from_str(text).map_err(|_| "holds a lone surrogate")?;
            push_string(json, &text);
        }
        b'{' | b'[' if depth == 0 => return Err("is nested too deeply (64 levels at most)"),
        b'{' => push_object(json, text, depth)?,
        b'[' => push_array(json, text, depth)?,
        b't' | b'f' | b'n' => json.push_str(text),
        _ => {
            serde_json::from_str::<f64>(text)
                .map_err(|_| "holds a number that no double can hold")?;
            json.push_str(text);
        }
    }
    Ok(())
}

fn push_object(json: &mut String, text: &str, depth: usize) -> Result<(), &'static str> {
    let by_name: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|_| "holds a lone surrogate")?;
    let mut members: Vec<_> = by_name.into_iter().collect();
    members.sort_by_key(|(_, value)| value.get().as_ptr());
    json.push('{');
    for (position, (name, value)) in members.into_iter().enumerate() {
        json.push_str(if position == 0 { "" } else { ", " });
        push_string(json, &name);
        json.push_str(": ");
        push_value(json, value, depth - 1)?;
    }
    json.push('}');
    Ok(())
}

fn push_array(json: &mut String, text: &str, depth: usize) -> Result<(), &'static str> {
    let values: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| "holds a broken array")?;
    json.push('[');
    for (position, value) in values.into_iter().enumerate() {
        json.push_str(if position == 0 { "" } else { ", " });
        push_value(json, value, depth - 1)?;
    }
    json.push(']');
    Ok(())
}
