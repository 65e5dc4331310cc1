use std::collections::HashSet;

use discovery_testkit::Fault;
use discovery_testkit::hosts::INTRICATE_TAGS;
use serde_json::json;

use crate::log::logged_by;
use crate::support::{Call, Server, host_but};

const PATH: &str = "/v1/registration/web";

#[tokio::test]
async fn a_registered_host_is_listed_to_the_letter_of_the_original() {
    let server = Server::new();
    server
        .answer(Call::post(PATH).form(&host_but(&[])))
        .await
        .done();
    let list = server.answer(Call::get(PATH)).await;
    assert_eq!(list.status, 200);
    assert_eq!(
        list.body,
        "{\"service\": \"web\", \"env\": \"development\", \"hosts\": [{\"service_repo_name\": \"web-frontend\", \
         \"port\": 8080, \"revision\": \"4f1c2d9\", \"last_check_in\": \"2026-11-22 12:56:52.129669+00:00\", \
         \"tags\": {\"az\": \"us-east-1a\", \"region\": \"us-east-1\", \"instance_id\": \"i-0001\"}, \
         \"service\": \"web\", \"ip_address\": \"10.0.0.1\"}]}\n"
    );
}

#[tokio::test]
async fn json_and_both_kinds_of_form_register_the_same_host() {
    let server = Server::new();
    let fields = host_but(&[("tags", INTRICATE_TAGS)]);
    let json = format!(
        r#"{{"ip": "10.0.0.1", "service_repo_name": "web-frontend", "port": 8080, "revision": "4f1c2d9", "tags": {INTRICATE_TAGS}}}"#
    );
    let mut lists = Vec::new();
    for call in [
        Call::post(PATH).json(&json),
        Call::post(PATH).form(&fields),
        Call::post(PATH).multipart(&fields),
    ] {
        server.answer(call).await.done();
        lists.push(server.answer(Call::get(PATH)).await.body);
        server
            .answer(Call::delete("/v1/registration/web/10.0.0.1"))
            .await
            .done();
    }
    assert!(
        lists[0].contains(&format!("\"tags\": {INTRICATE_TAGS}")),
        "{}",
        lists[0]
    );
    assert_eq!(lists[0], lists[1]);
    assert_eq!(lists[0], lists[2]);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let server = Server::new();
    for call in [
        Call::post(PATH),
        Call::post(PATH).form(&[]),
        Call::post(PATH).multipart(&[]),
        Call::post(PATH).json("{}"),
        Call::post(PATH).form(&[
            ("IP", "10.0.0.1"),
            ("PORT", "80"),
            ("REVISION", "a"),
            ("TAGS", "{}"),
        ]),
        Call::post("/v1/registration/web?ip=10.0.0.1&port=80&revision=a&tags={}").form(&[]),
    ] {
        let answer = server.answer(call).await;
        assert_eq!(
            answer.error(400),
            "ip is required; port is required; revision is required; tags is required"
        );
        let named: Vec<String> = answer.json()["fields"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(named, ["ip", "port", "revision", "tags"]);
    }
    let fields = [
        ("ip", "x"),
        ("port", "x"),
        ("service_repo_name", "\u{7f}"),
        ("revision", ""),
        ("tags", "{"),
    ];
    let answer = server
        .answer(Call::post(&format!("/v1/registration/{}", "s".repeat(256))).form(&fields))
        .await;
    assert_eq!(answer.error(400).split("; ").count(), 6, "{}", answer.body);
    assert_eq!(
        answer.wrong(400, "service"),
        "must have at most 255 bytes, got 256"
    );
}

#[tokio::test]
async fn names_are_any_text_without_control_characters() {
    let server = Server::new();
    for service in [
        "name:x",
        "name;x",
        "a+b",
        "a,b",
        "%C3%A9%E4%B8%AD",
        "a%20b",
        "repo",
        "%5C%22",
        "n%2525",
    ] {
        server.register(service, "10.0.0.1").await;
        assert_eq!(
            server.hosts(service).await.as_array().unwrap().len(),
            1,
            "{service}"
        );
    }
    server.register(&"n".repeat(255), "10.0.0.1").await;
    let refused = server
        .answer(Call::post("/v1/registration/a%0Ab").form(&host_but(&[])))
        .await;
    assert_eq!(
        refused.wrong(400, "service"),
        "must not hold control characters, got \"a\\nb\""
    );
}

#[tokio::test]
async fn a_store_that_fails_is_503_with_a_time_to_retry() {
    let server = Server::new();
    server.store.set(Fault::Refuse);
    let answer = server.answer(Call::post(PATH).form(&host_but(&[]))).await;
    assert_eq!(
        answer.error(503),
        "the store is unavailable: a test broke it"
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    server.store.set(Fault::None);
    assert_eq!(server.hosts("web").await, json!([]));
}

#[tokio::test]
async fn what_is_done_to_a_host_is_logged_with_its_service_and_address() {
    let server = Server::new();
    let log = logged_by(async {
        server.register("web", "10.0.0.1").await;
        server.register("web", "10.0.0.1").await;
        let changed = Call::post(PATH).form(&host_but(&[("port", "9090")]));
        server.answer(changed).await.done();
        for path in ["/v1/loadbalancing/web/10.0.0.1", "/v1/loadbalancing/web"] {
            let weight = Call::post(path).json(r#"{"load_balancing_weight": 7}"#);
            assert_eq!(server.answer(weight).await.status, 204);
        }
        let deregister = Call::delete("/v1/registration/web/10.0.0.1");
        server.answer(deregister).await.done();
    })
    .await;
    let fields = log.into_iter().map(|mut line| line["fields"].take());
    let (answered, mut said): (Vec<_>, Vec<_>) =
        fields.partition(|fields| fields["message"] == "answered");
    let known: HashSet<_> = answered
        .iter()
        .map(|line| line["request_id"].as_str())
        .collect();
    for line in &mut said {
        let request_id = line["request_id"].take();
        assert!(
            known.contains(&request_id.as_str()),
            "{line} of {request_id}"
        );
    }
    let host = |message: &str| json!({"message": message, "service": "web", "ip_address": "10.0.0.1", "request_id": null});
    let mut weight_of_host = host("weight set");
    weight_of_host["weight"] = json!("7");
    let weight_of_service = json!({"message": "weight set", "service": "web", "weight": "7", "hosts": 0, "request_id": null});
    assert_eq!(
        said,
        [
            host("host registered"),
            host("host changed"),
            weight_of_host,
            weight_of_service,
            host("host deregistered"),
        ]
    );
}

#[tokio::test]
async fn a_store_that_fails_is_logged_with_the_request() {
    let server = Server::new();
    server.store.set(Fault::Break);
    let log = logged_by(async {
        let call = Call::post(PATH)
            .form(&host_but(&[]))
            .header("x-request-id", "r-1");
        server.answer(call).await.error(500);
    })
    .await;
    let error = log.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!(
        error["fields"],
        json!({"message": "the store is broken: a test broke it", "request_id": "r-1"})
    );
}
