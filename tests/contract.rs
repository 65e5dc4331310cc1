//! What holds every answer to the contract, held to account itself.

mod support;

use serde_json::{Value, json};
use support::client::{Answer, request};
use support::contract::check;
use support::{Node, wait_until};

const FORM: &str = "ip=10.0.0.1&port=80&revision=a&\
    tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\",\"more\":{\"of\":[null,1]}}";
const LIST: &str = "/v1/registration/web";
const JSON: &str = "application/json";

/// A list of one host, which is by the contract.
fn list() -> Answer {
    let node = Node::start(&[]);
    assert_eq!(node.post(LIST, FORM).status, 200);
    node.call("GET", LIST)
}

#[test]
fn an_answer_that_the_contract_does_not_document_fails_the_test_that_met_it() {
    let list = list();
    assert_eq!(check("GET", LIST, &list), Ok(()));
    let with_body = |from: &str, to: &str| {
        assert!(list.text().contains(from), "{from}");
        let body = list.text().replace(from, to).into_bytes();
        Answer {
            body,
            ..list.clone()
        }
    };
    let with_headers = |headers: Vec<(String, String)>| Answer {
        headers,
        ..list.clone()
    };
    let without = |name: &str| {
        let mut headers = list.headers.clone();
        headers.retain(|(header, _)| header != name);
        with_headers(headers)
    };
    let with = |name: &str, value: &str| {
        let mut headers = without(name).headers;
        headers.push((name.to_owned(), value.to_owned()));
        with_headers(headers)
    };
    let wrong = [
        (
            "status",
            Answer {
                status: 201,
                ..list.clone()
            },
        ),
        ("etag", without("etag")),
        ("X-Request-Id", without("x-request-id")),
        ("x-new", with("x-new", "1")),
        ("text/plain", with("content-type", "text/plain")),
        ("age", with("age", "long")),
        ("zone", with_body("\"port\"", "\"zone\": 1, \"port\"")),
        ("revision", with_body("\"revision\"", "\"version\"")),
        ("port", with_body("\"port\": 80", "\"port\": \"80\"")),
        ("port", with_body("\"port\": 80", "\"port\": 80000")),
        ("last_check_in", with_body("+00:00", "Z")),
        ("JSON", with_body("}\n", "")),
    ];
    for (what, answer) in wrong {
        assert!(check("GET", LIST, &answer).is_err(), "{what}: {answer:?}");
    }
}

#[test]
fn an_answer_without_a_documented_body_has_none() {
    let list = list();
    let weight = "/v1/loadbalancing/web/10.0.0.1";
    let empty = Answer {
        status: 204,
        headers: list.headers.clone(),
        body: Vec::new(),
    };
    assert!(check("POST", weight, &empty).is_err());
    let refused = Answer {
        status: 404,
        ..list
    };
    assert!(check("POST", weight, &refused).is_err());
    assert!(check("GET", "/nowhere", &refused).is_err());
}

#[test]
fn a_list_may_show_more_tags_than_a_registration_may_bring() {
    let node = Node::start(&[]);
    let more: Vec<String> = (0..61).map(|n| format!("\"more{n}\":1")).collect();
    let more = more.join(",");
    let form = format!(
        "ip=10.0.0.1&port=80&revision=a&tags={{\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\",{more}}}"
    );
    assert_eq!(node.post(LIST, &form).status, 200);
    let weight = node.post("/v1/loadbalancing/web/10.0.0.1", "load_balancing_weight=50");
    assert_eq!(weight.status, 204);
    let list = node.call("GET", LIST);
    let shown: Value = serde_json::from_str(list.text()).expect("a list is JSON");
    let tags = shown["hosts"][0]["tags"].as_object();
    assert_eq!(tags.map(serde_json::Map::len), Some(65));
    assert_eq!(check("GET", LIST, &list), Ok(()));
}

#[test]
fn what_envoy_is_told_of_the_host_of_the_examples_is_in_the_examples_too() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.yaml");
    let contract = std::fs::read_to_string(path).expect("the contract is there");
    let contract: Value = serde_yaml::from_str(&contract).expect("it is YAML");
    let node = Node::start(&[]);
    let post = |path: &str, body: &Value| {
        let json = [("Content-Type", "application/json")];
        let request = request("POST", path, &json, &body.to_string());
        node.connect().ask(&request)
    };
    let sent = |operation: &Value| operation["requestBody"]["content"][JSON]["example"].clone();
    let register = &contract["paths"]["/v1/registration/{service}"]["post"];
    assert_eq!(post(LIST, &sent(register)).status, 200);
    let weight = post(
        "/v1/loadbalancing/web/10.0.0.1",
        &json!({"load_balancing_weight": 50}),
    );
    assert_eq!(weight.status, 204);
    for path in ["/v3/discovery:endpoints", "/v3/discovery:clusters"] {
        let operation = &contract["paths"][path]["post"];
        let told: Value = wait_until("the service is told", || {
            let answer = post(path, &sent(operation));
            let told: Value = serde_json::from_str(answer.text()).ok()?;
            (!told["resources"].as_array()?.is_empty()).then_some(told)
        });
        let example = &operation["responses"]["200"]["content"][JSON]["example"];
        assert_eq!(&told, example, "{path}");
    }
}
