//! The contract: what poem-openapi derives from the operations, tidied and with an example of every body.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, Registry as Schemas};
use poem_openapi::{ContactObject, ExtraHeader, LicenseObject, OpenApi, OpenApiService};
use serde_yaml::{Mapping, Value};

mod tidy;

use crate::Operations;
use tidy::tidy;

/// The version of the contract: the major changes with what breaks a client, the minor with what is added.
pub const API_VERSION: &str = "1.1.0";

/// Of every operation, by its id, a request body and the bodies of answers by status.
const EXAMPLES: &str = include_str!("examples.yaml");

/// The contract, in the two ways in which it is written down.
#[derive(Debug, Clone)]
pub struct Contract {
    /// As `/openapi.json`.
    pub json: String,
    /// As `/openapi.yaml`, and as it is committed.
    pub yaml: String,
}

impl Contract {
    /// The contract of the operations here alone.
    pub fn own() -> Self {
        Self::with::<()>("")
    }

    /// The contract of the operations here and of `More`, whose examples are in YAML.
    pub fn with<More: OpenApi>(examples: &str) -> Self {
        let contract = contract::<More>(examples);
        let yaml = serde_yaml::to_string(&contract).expect("what was read as YAML can be written");
        Self {
            json: serde_json::to_string(&contract).expect("the contract has string keys"),
            yaml: yaml.lines().map(with_quoted_time).collect(),
        }
    }
}

/// Adds to a set of operations what the contract says besides.
pub(crate) fn described<T: OpenApi>(api: T) -> OpenApiService<T, ()> {
    OpenApiService::new(api, "Discovery", API_VERSION)
        .description(
            "A registry of live hosts. Hosts register themselves and send heartbeats; Envoy, SDKs and people read \
             which hosts of a service are alive and how traffic is shared among them.\n\nEvery response carries the \
             header `X-Request-Id`: the one that the request brought, if it has at most 128 printable ASCII \
             characters without blanks, or a new one. Every error is answered with a `DiscoveryError`. Only requests \
             that are not valid HTTP (400), or whose header has more than 64 KiB or 100 lines (431), are answered with \
             neither. In paths, characters such as `<`, `>` and the backtick must be percent-encoded: they are not \
             valid there.\n\nAdditions to this contract break no client that ignores fields and events it does not \
             know: where an answer has one of some known values (`x-extensible-enum`), others may follow later.",
        )
        .contact(ContactObject::new().name("The maintainers of discovery"))
        .license(
            LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"),
        )
        .server("/")
        .extra_response_header::<String, _>(
            ExtraHeader::new("X-Request-Id")
                .description("The id by which the server's log knows this request"),
        )
}

/// Quotes a time, which many readers of YAML would otherwise not take for text.
fn with_quoted_time(line: &str) -> String {
    match line.split_once(": ") {
        Some((name, text)) if text.starts_with("20") && is_time(text) => {
            format!("{name}: '{text}'\n")
        }
        _ => format!("{line}\n"),
    }
}

fn is_time(text: &str) -> bool {
    text.ends_with("+00:00") || text.ends_with('Z')
}

/// The operations without anything behind them.
struct Described<More>(PhantomData<More>);

impl<More: OpenApi> OpenApi for Described<More> {
    fn meta() -> Vec<MetaApi> {
        <(Operations, More)>::meta()
    }

    fn register(schemas: &mut Schemas) {
        <(Operations, More)>::register(schemas);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

fn contract<More: OpenApi>(more_examples: &str) -> Value {
    let yaml = described(Described::<More>(PhantomData)).spec_yaml();
    let mut contract: Value = serde_yaml::from_str(&yaml).expect("poem-openapi writes YAML");
    tidy(&mut contract);
    let read = |text| -> Value { serde_yaml::from_str(text).expect("the examples are YAML") };
    let [examples, more_examples] = [EXAMPLES, more_examples].map(read);
    let failures = failures(&contract, &examples["anyOperation"]);
    contract["tags"] = tags_in_use(&contract).into();
    let paths = contract["paths"]
        .as_mapping_mut()
        .expect("a contract has paths");
    let operations = paths
        .values_mut()
        .filter_map(Value::as_mapping_mut)
        .flat_map(Mapping::values_mut);
    for operation in operations {
        let answers = operation["responses"]
            .as_mapping_mut()
            .expect("an operation has answers");
        for (status, answer) in &failures {
            answers
                .entry(status.clone())
                .or_insert_with(|| answer.clone());
        }
        let id = &operation["operationId"];
        if let Some(examples) = examples.get(id).or_else(|| more_examples.get(id)) {
            add_examples(operation, examples);
        }
    }
    // There is nothing to authenticate with; saying so tells it from having forgotten.
    contract["security"] = Value::Sequence(Vec::new());
    contract
}

/// What can happen to a request for any operation, whatever it does.
fn failures(contract: &Value, examples: &Value) -> Mapping {
    let answers = &contract["paths"]["/v1/registration/{service}"]["get"]["responses"];
    let mut failures = Mapping::new();
    for (status, description) in [
        ("500", "The server has made a mistake: its log says which"),
        ("503", "The answer took too long: try again later"),
    ] {
        let mut answer = answers[status].clone();
        answer["description"] = description.into();
        add_example(&mut answer, &examples["answers"][status]);
        failures.insert(status.into(), answer);
    }
    failures
}

/// The groups in the order in which the operations name them.
fn tags_in_use(contract: &Value) -> Vec<Value> {
    let mut names: Vec<&Value> = Vec::new();
    let paths = contract["paths"]
        .as_mapping()
        .into_iter()
        .flat_map(Mapping::values);
    for operation in paths
        .filter_map(Value::as_mapping)
        .flat_map(Mapping::values)
    {
        let used = operation["tags"].as_sequence().into_iter().flatten();
        names.extend(used);
    }
    let mut tags = contract["tags"].as_sequence().cloned().unwrap_or_default();
    tags.sort_by_key(|tag| names.iter().position(|name| **name == tag["name"]));
    tags
}

fn add_examples(operation: &mut Value, examples: &Value) {
    if let Some(request) = examples.get("request") {
        add_example(&mut operation["requestBody"], request);
    }
    let answers = examples.get("answers").and_then(Value::as_mapping);
    for (status, example) in answers.into_iter().flatten() {
        add_example(&mut operation["responses"][status], example);
    }
}

fn add_example(body: &mut Value, example: &Value) {
    let content = body.get_mut("content").and_then(Value::as_mapping_mut);
    for media_type in content.into_iter().flat_map(Mapping::values_mut) {
        media_type["example"] = example.clone();
    }
}
