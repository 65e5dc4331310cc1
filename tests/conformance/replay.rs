//! Sends what a case says and compares what comes back.
//!
//! In a case, `$timestamp` stands for the time of any check-in, `{{c*N}}` for the character c, N times; hosts may come
//! in any order.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::support::Node;
use crate::support::client::{Answer, Connection};

const CASES: &str = include_str!("vectors.json");
const BOUNDARY: &str = "a-boundary-that-no-value-holds";

/// Replays every case, on one node for each combination of settings that cases ask for.
pub(crate) fn all(start: impl Fn(&[(&str, &str)]) -> Node) {
    let cases: Value = serde_json::from_str(CASES).expect("the cases are JSON");
    let mut by_settings: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for case in items(&grown(cases)) {
        by_settings
            .entry(case["env"].to_string())
            .or_default()
            .push(case.clone());
    }
    let mut failures = Vec::new();
    for cases in by_settings.values() {
        let settings: Vec<_> = fields(&cases[0]["env"])
            .map(|(name, value)| (name.as_str(), text(value)))
            .collect();
        let node = start(&[&settings[..], &[("APPLICATION_ENV", "development")]].concat());
        failures.extend(cases.iter().flat_map(|case| failures_of(case, &node)));
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn failures_of(case: &Value, node: &Node) -> Vec<String> {
    for step in items(&case["setup"]) {
        match step["sleep"].as_f64() {
            // The case is about time that passes.
            Some(seconds) => thread::sleep(Duration::from_secs_f64(seconds)),
            None => drop(call(node, step)),
        }
    }
    let mut failures: Vec<String> = Vec::new();
    for step in std::iter::once(case).chain(items(&case["after"])) {
        let answer = call(node, &step["request"]);
        let problem = match answer {
            Ok(answer) => difference(&step["expect"], &answer),
            Err(error) => Some(error.to_string()),
        };
        let path = text(&step["request"]["path"]);
        failures.extend(problem.map(|problem| format!("{}: {path:.80}: {problem}", case["id"])));
    }
    failures
}

fn call(node: &Node, request: &Value) -> io::Result<Answer> {
    let mut connection = Connection::try_to(node.address)?;
    // A node may answer and close before it has read all.
    drop(connection.send(&wire(request)));
    match text(&request["method"]) {
        "HEAD" => connection.head(),
        _ => connection.answer(),
    }
}

/// The bytes of a request.
fn wire(request: &Value) -> Vec<u8> {
    let method = text(&request["method"]);
    let (kind, body) = body(request);
    let mut headers = vec![
        ("Host", "127.0.0.1".to_owned()),
        ("Connection", "close".to_owned()),
    ];
    headers.extend(kind.map(|kind| ("Content-Type", kind)));
    for (name, value) in fields(&request["headers"]) {
        headers.retain(|(header, _)| header != name);
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let values = values.iter().filter(|value| !value.is_null());
        headers.extend(values.map(|value| (name.as_str(), text(value).to_owned())));
    }
    let chunked = headers.contains(&("Transfer-Encoding", "chunked".to_owned()));
    let body = if chunked {
        format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    } else {
        body
    };
    if !chunked && (!body.is_empty() || ["POST", "PUT", "PATCH"].contains(&method)) {
        headers.push(("Content-Length", body.len().to_string()));
    }
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let first = format!("{method} {} HTTP/1.1", text(&request["path"]));
    format!("{first}\r\n{}\r\n{body}", headers.concat()).into_bytes()
}

/// The body of a request, with its content type where the kind of body has one.
fn body(request: &Value) -> (Option<String>, String) {
    if let Some(form) = request.get("form") {
        let pairs = items(form)
            .iter()
            .map(|pair| format!("{}={}", quoted(&pair[0]), quoted(&pair[1])));
        let body = pairs.collect::<Vec<_>>().join("&");
        return (Some("application/x-www-form-urlencoded".to_owned()), body);
    }
    if let Some(form) = request.get("multipart") {
        let parts = items(form).iter().map(|pair| {
            let (name, value) = (text(&pair[0]), text(&pair[1]));
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        });
        let body = parts.collect::<String>() + &format!("--{BOUNDARY}--\r\n");
        return (
            Some(format!("multipart/form-data; boundary={BOUNDARY}")),
            body,
        );
    }
    (
        None,
        request
            .get("body")
            .map_or(String::new(), |body| text(body).to_owned()),
    )
}

/// Text as it stands in an urlencoded form.
fn quoted(value: &Value) -> String {
    let quote = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(*byte).to_string()
        }
        b' ' => "+".to_owned(),
        other => format!("%{other:02X}"),
    };
    text(value).as_bytes().iter().map(quote).collect()
}

/// What is wrong with an answer.
fn difference(expected: &Value, answer: &Answer) -> Option<String> {
    let body = String::from_utf8_lossy(&answer.body);
    if expected["status"] != answer.status {
        return Some(format!(
            "status {} instead of {}: {body}",
            answer.status, expected["status"]
        ));
    }
    let json = answer
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    if expected["error"] == true {
        let error = parsed(&body)["error"]
            .as_str()
            .is_some_and(|error| !error.is_empty());
        return (!json || !error).then(|| format!("no error in JSON: {body}"));
    }
    if let Some(expected) = expected.get("body_json") {
        let (expected, got) = (ordered(expected.clone()), ordered(parsed(&body)));
        return (!json || !same(&expected, &got))
            .then(|| format!("{got}\n  instead of {expected}"));
    }
    let expected = expected["body_text"].as_str()?;
    (expected != body).then(|| format!("{body:?} instead of {expected:?}"))
}

/// JSON with `$timestamp` for every check-in; null for what is no JSON.
fn parsed(body: &str) -> Value {
    let mut text = String::new();
    let mut rest = body;
    while let Some(next) = rest.chars().next() {
        let length = timestamp_length(rest.as_bytes());
        match length {
            0 => text.push(next),
            _ => text.push_str("$timestamp"),
        }
        rest = &rest[length.max(next.len_utf8())..];
    }
    serde_json::from_str(&text).unwrap_or_default()
}

/// How long the time of a check-in is with which the text begins; 0 when it begins with none.
fn timestamp_length(text: &[u8]) -> usize {
    let matches = |text: &[u8], form: &[u8]| {
        text.len() >= form.len()
            && form.iter().zip(text).all(|(form, byte)| match form {
                b'0' => byte.is_ascii_digit(),
                other => other == byte,
            })
    };
    let seconds = b"0000-00-00 00:00:00";
    if !matches(text, seconds) {
        return 0;
    }
    let mut length = seconds.len();
    if matches(&text[length..], b".000000") {
        length += 7;
    }
    if text[length..].starts_with(b"+00:00") {
        length += 6;
    }
    length
}

/// With hosts by service and address, for their order means nothing.
fn ordered(mut body: Value) -> Value {
    if let Some(Value::Array(hosts)) = body.get_mut("hosts") {
        hosts.sort_by_key(|host| (host["service"].to_string(), host["ip_address"].to_string()));
    }
    body
}

/// Equal, with numbers compared by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let within = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(within)
        }
        _ => a == b,
    }
}

/// With every `{{c*N}}` written out.
fn grown(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(grown_text(&text)),
        Value::Array(items) => items.into_iter().map(grown).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, grown(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

fn grown_text(text: &str) -> String {
    let parts = text
        .split_once("{{")
        .and_then(|(before, rest)| Some((before, rest.split_once("}}")?)));
    let Some((before, (shorthand, after))) = parts else {
        return text.to_owned();
    };
    let mut chars = shorthand.chars();
    let repeated = chars.next().zip(
        chars
            .as_str()
            .strip_prefix('*')
            .and_then(|count| count.parse().ok()),
    );
    match repeated {
        Some((char, count)) => format!(
            "{before}{}{}",
            char.to_string().repeat(count),
            grown_text(after)
        ),
        None => format!("{before}{{{{{}", grown_text(&text[before.len() + 2..])),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
