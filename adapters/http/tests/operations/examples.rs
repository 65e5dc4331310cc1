use std::time::Duration;

use discovery_http::{Contract, HttpSettings};
use discovery_testkit::Fault;
use serde_json::{Map, Value};

use crate::support::{Answer, Call, Server, settings};

/// The request that registers the host of the examples.
const REGISTERED_BY: &str = "7d3f0c1b5a2e4f6897ab01cd23ef4567";

/// An operation of the contract.
struct Operation {
    path: String,
    method: String,
    documented: Value,
}

impl Operation {
    fn all() -> Vec<Self> {
        let contract: Value = serde_json::from_str(&Contract::own().json).unwrap();
        let mut operations = Vec::new();
        for (path, methods) in contract["paths"].as_object().unwrap() {
            for (method, documented) in methods.as_object().unwrap() {
                operations.push(Self {
                    path: path.clone(),
                    method: method.to_uppercase(),
                    documented: documented.clone(),
                });
            }
        }
        operations
    }

    fn id(&self) -> &str {
        self.documented["operationId"].as_str().unwrap()
    }

    /// A request for it, made of the examples of its parameters and its body.
    fn call(&self) -> Call {
        let mut path = self.path.clone();
        for parameter in self.documented["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = parameter["name"].as_str().unwrap();
            let example = parameter["schema"]["example"].as_str().unwrap_or_default();
            path = path.replace(&format!("{{{name}}}"), example);
        }
        let call = Call::new(&self.method, &path);
        match &self.documented["requestBody"]["content"]["application/json"]["example"] {
            Value::Null => call,
            body => call.json(&body.to_string()),
        }
    }

    fn answers(&self) -> &Map<String, Value> {
        self.documented["responses"].as_object().unwrap()
    }
}

/// A node with the host of the examples.
async fn server(settings: HttpSettings) -> Server {
    let server = Server::with(settings);
    server.health.store_answers();
    let register = Operation::all()
        .into_iter()
        .find(|o| o.id() == "registerHost")
        .unwrap();
    let register = register.call().header("x-request-id", REGISTERED_BY);
    server.answer(register).await.done();
    server
}

/// A node where the host of the examples had its weight set, and has expired since.
async fn server_with_a_past(settings: HttpSettings) -> Server {
    let server = server(settings).await;
    let weight = Operation::all()
        .into_iter()
        .find(|o| o.id() == "setHostWeight")
        .unwrap();
    let weight = weight
        .call()
        .header("x-request-id", "0c9f4a7be2d84d3c9e5f60a1b2c3d4e5");
    assert_eq!(server.answer(weight).await.status, 204);
    server.silence();
    // A row stays for as long again, so that the guard can count it.
    server.silence();
    server.registry.sweep(1).await.1.unwrap();
    server
}

/// A node where the host of the examples and five others went silent at once.
async fn server_with_a_guard(settings: HttpSettings) -> Server {
    let server = server(settings).await;
    for host in 2..=6 {
        server.register("web", &format!("10.0.0.{host}")).await;
    }
    server.silence();
    server
}

/// Makes an operation answer with that status.
async fn answer(operation: &Operation, status: &str) -> Answer {
    let mut settings = settings();
    settings.body_timeout = Duration::from_millis(if status == "408" { 20 } else { 10_000 });
    settings.admin_api = status != "403";
    let server = match (operation.id(), status) {
        ("listServiceHistory" | "listHostHistory", "200") => server_with_a_past(settings).await,
        ("releaseGuard", "200") => server_with_a_guard(settings).await,
        _ => server(settings).await,
    };
    let call = match (operation.id(), status) {
        ("checkReadiness", "200") => {
            server.health.store_fails("it did not answer in time");
            operation.call()
        }
        ("checkReadiness", "503") => {
            return Server::new().answer(operation.call()).await;
        }
        (_, "200" | "204" | "403") => operation.call(),
        ("listHosts" | "listHostsByRepo", "304") => operation.call().header("if-none-match", "*"),
        (_, "500") => {
            server.store.set(Fault::Break);
            operation.call()
        }
        (_, "503") => {
            server.store.set(Fault::Refuse);
            operation.call()
        }
        ("listHosts", "400") => Call::get("/v1/registration/a%0Ab"),
        ("listHostsByRepo", "400") => Call::get("/v1/registration/repo/a%0Ab"),
        ("registerHost", "400") => operation.call().json(
            r#"{"ip": "10.0.0.1", "port": 70000, "tags": {"az": "a", "region": "r", "instance_id": "i"}}"#,
        ),
        ("listServiceHistory", "400") => Call::get("/v1/history/a%0Ab?limit=0"),
        ("listHostHistory", "400") => Call::get("/v1/history/web/10.0.0"),
        ("releaseGuard", "400") => Call::post("/v1/admin/guard/a%0Ab/release"),
        ("deregisterHost", "400") => Call::delete("/v1/registration/web/10.0.0.9"),
        (_, "400") => operation.call().json(r#"{"load_balancing_weight": 0}"#),
        (_, "404") => Call::post("/v1/loadbalancing/web/10.0.0.9").json(r#"{"load_balancing_weight": 1}"#),
        (_, "408") => operation.call().pieces("application/json", vec![b"{".to_vec()], false),
        (_, "413") => operation.call().json(&" ".repeat(64 * 1024 + 1)),
        (id, status) => panic!("nothing makes {id} answer {status}"),
    };
    server.answer(call).await
}

/// The operations that touch no store; what the server answers when it fails altogether is tried elsewhere.
fn never_fails(operation: &Operation, status: &str) -> bool {
    let id = operation.id();
    let harmless = ["checkHealth", "checkReadiness", "getHome"].contains(&id)
        || ["listServiceHistory", "listHostHistory"].contains(&id);
    harmless && (status == "500" || (status == "503" && operation.id() != "checkReadiness"))
}

#[tokio::test]
async fn every_documented_answer_is_given_with_the_body_of_its_example() {
    for operation in Operation::all() {
        for (status, documented) in operation.answers() {
            if never_fails(&operation, status) {
                continue;
            }
            let answer = answer(&operation, status).await;
            let named = format!("{} {status}: {}", operation.id(), answer.body);
            assert_eq!(answer.status.to_string(), *status, "{named}");
            check_body(&answer, documented, &named);
            check_headers(&answer, documented, &named);
        }
    }
}

fn check_body(answer: &Answer, documented: &Value, named: &str) {
    let Some((media_type, content)) = documented["content"]
        .as_object()
        .and_then(|content| content.iter().next())
    else {
        return assert_eq!(answer.body, "", "{named}");
    };
    assert_eq!(
        answer.header("content-type"),
        Some(media_type.as_str()),
        "{named}"
    );
    let example = &content["example"];
    if media_type == "text/plain" {
        return assert_eq!(Some(answer.body.as_str()), example.as_str(), "{named}");
    }
    let mut given = answer.json();
    if given["request_id"].is_string() {
        given["request_id"] = example["request_id"].clone();
    }
    if let Some(error) = given["error"].as_str() {
        let error = error
            .replace(
                "the store is unavailable: a test broke it",
                "the store is unavailable: it did not answer in time",
            )
            .replace(
                "the store is broken: a test broke it",
                "the store is broken: the table has another schema",
            )
            .replace("20ms", "10s");
        given["error"] = error.into();
    }
    assert_eq!(&given, example, "{named}");
}

fn check_headers(answer: &Answer, documented: &Value, named: &str) {
    let headers = documented["headers"].as_object().unwrap();
    for (name, header) in headers {
        let given = answer.header(&name.to_lowercase());
        assert!(
            given.is_some() || header["required"] != true,
            "{named} without {name}"
        );
    }
    let usual = ["content-type", "content-length"];
    for name in answer
        .headers
        .keys()
        .filter(|name| !usual.contains(&name.as_str()))
    {
        let known = headers
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name.as_str()));
        assert!(known, "{named} with {name}");
    }
}

#[test]
fn every_operation_is_described_and_every_body_has_an_example() {
    for operation in Operation::all() {
        let documented = &operation.documented;
        for member in ["operationId", "summary", "description", "tags"] {
            assert!(
                !documented[member].is_null(),
                "{} has no {member}",
                operation.id()
            );
        }
        let bodies = operation
            .answers()
            .values()
            .chain([&documented["requestBody"]]);
        for content in bodies.filter_map(|body| body["content"].as_object()) {
            assert_eq!(content.len(), 1, "{}", operation.id());
            assert!(
                content.values().all(|body| !body["example"].is_null()),
                "{content:?}"
            );
        }
        for (status, answer) in operation.answers() {
            let of_error = status.starts_with(['4', '5']);
            let schema = &answer["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(
                schema == "#/components/schemas/DiscoveryError",
                of_error,
                "{} {status}",
                operation.id()
            );
        }
    }
}
