//! The committed contract, which every answer to a documented operation is held to.

use std::sync::LazyLock;

use serde_json::Value;

use super::client::Answer;
use super::schema;

static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    serde_yaml::from_str(include_str!("../../openapi/openapi.yaml")).expect("the contract is YAML")
});

/// What frames a body on its way, whatever the operation.
const FRAMING: [&str; 5] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
];

/// Panics where an answer is not one that the contract documents for the request.
pub(crate) fn hold(method: &str, target: &str, answer: &Answer) {
    if let Err(wrong) = check(method, target, answer) {
        panic!("{method} {target:.200}: not by the contract: {wrong}\n{answer:?}");
    }
}

/// Tells where an answer is not one that the contract documents for the request.
pub(crate) fn check(method: &str, target: &str, answer: &Answer) -> Result<(), String> {
    match operation(method, target) {
        Some(operation) => of_operation(operation, method, answer),
        None => elsewhere(answer),
    }
}

fn of_operation(operation: &'static Value, method: &str, answer: &Answer) -> Result<(), String> {
    if is_below_http(answer) {
        return Ok(());
    }
    let documented = resolved(&operation["responses"][answer.status.to_string()]);
    if documented.is_null() {
        return Err(format!("the undocumented status {}", answer.status));
    }
    headers(&documented["headers"], answer)?;
    let is_page = operation["operationId"] == "getHome" && media_type(answer) == Some("text/html");
    // The contract says in prose that a browser gets the same as a page; generators of SDKs expect one media type.
    if method == "HEAD" || is_page {
        return Ok(());
    }
    body(&documented["content"], answer)
}

/// Whether a connection ended before there was a request to answer: its head was too large or malformed, or there were
/// too many connections.
fn is_below_http(answer: &Answer) -> bool {
    answer.header("x-request-id").is_none() && [400, 408, 414, 431, 503].contains(&answer.status)
}

fn headers(documented: &Value, answer: &Answer) -> Result<(), String> {
    let none = serde_json::Map::new();
    let documented = documented.as_object().unwrap_or(&none);
    for (name, header) in documented {
        match answer.header(&name.to_lowercase()) {
            Some(text) => schema::check_text(&CONTRACT, &header["schema"], text)
                .map_err(|wrong| format!("the header {name} {wrong}"))?,
            None if header["required"] == true => return Err(format!("no header {name}")),
            None => {}
        }
    }
    let is_known = |name: &str| {
        let mut names = documented.keys();
        FRAMING.contains(&name) || names.any(|documented| documented.eq_ignore_ascii_case(name))
    };
    match answer.header_names().find(|name| !is_known(name)) {
        Some(name) => Err(format!("the undocumented header {name}")),
        None => Ok(()),
    }
}

fn body(documented: &Value, answer: &Answer) -> Result<(), String> {
    let Some(documented) = documented.as_object() else {
        let is_empty = answer.body.is_empty() && answer.header("content-type").is_none();
        return is_empty.then_some(()).ok_or("an undocumented body".into());
    };
    let media_type = answer.header("content-type").unwrap_or("none");
    let schema = documented
        .get(media_type)
        .ok_or_else(|| format!("the undocumented media type {media_type}"))?;
    let value = match media_type {
        "application/json" => {
            serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?
        }
        _ => Value::from(answer.text()),
    };
    schema::check(&CONTRACT, &schema["schema"], &value).map_err(|wrong| format!("the body {wrong}"))
}

/// What the contract promises of all that goes wrong outside of its operations.
fn elsewhere(answer: &Answer) -> Result<(), String> {
    let error = serde_json::json!({"$ref": "#/components/schemas/DiscoveryError"});
    if answer.status < 400 || answer.body.is_empty() || is_below_http(answer) {
        return Ok(());
    }
    let value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    schema::check(&CONTRACT, &error, &value).map_err(|wrong| format!("the body {wrong}"))
}

/// The operation that a request asks for; of two templates that match, the one that is more literal.
fn operation(method: &str, target: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "GET" } else { method };
    let method = method.to_lowercase();
    let paths = CONTRACT["paths"].as_object().expect("it has paths");
    let mut matching: Vec<_> = paths
        .iter()
        .filter(|(template, item)| item.get(&method).is_some() && matches(template, target))
        .collect();
    matching.sort_by_key(|(template, _)| template.matches('{').count());
    matching.first().map(|(_, item)| &item[&method])
}

fn matches(template: &str, target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let fits = |(part, given): (&&str, &&str)| {
        part == given || (part.starts_with('{') && !given.is_empty())
    };
    template.len() == path.len() && template.iter().zip(&path).all(fits)
}

fn media_type(answer: &Answer) -> Option<&str> {
    answer.header("content-type")?.split(';').next()
}

/// What a response stands for, where it is a reference.
fn resolved(response: &'static Value) -> &'static Value {
    match response["$ref"].as_str() {
        Some(reference) => schema::referenced(&CONTRACT, reference),
        None => response,
    }
}
