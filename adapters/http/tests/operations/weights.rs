use discovery_testkit::Fault;

use crate::support::{Answer, Call, Server, host_but};

const HOST: &str = "/v1/loadbalancing/web/10.0.0.1";
const SERVICE: &str = "/v1/loadbalancing/web";

async fn server() -> Server {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    server.register("web", "10.0.0.2").await;
    server
}

fn weight(weight: &str) -> [(&'static str, &str); 1] {
    [("load_balancing_weight", weight)]
}

fn is_set(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (204, ""),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_weight_is_an_integer_from_1_to_100() {
    let server = server().await;
    for (sent, listed) in [("1", 1), ("100", 100), (" 7 ", 7), ("+7", 7), ("007", 7)] {
        for (path, hosts) in [(HOST, 1), (SERVICE, 2)] {
            is_set(&server.answer(Call::post(path).form(&weight(sent))).await);
            let listing = server.hosts("web").await;
            for host in &listing.as_array().unwrap()[..hosts] {
                assert_eq!(host["tags"]["load_balancing_weight"], listed);
            }
        }
    }
    for wrong in [
        "0", "101", "9001", "-1", "1.5", "50.0", "1e1", "0x10", "abc", "true", " ", "1_0",
    ] {
        for path in [HOST, SERVICE] {
            let answer = server.answer(Call::post(path).form(&weight(wrong))).await;
            let said = answer.wrong(400, "load_balancing_weight");
            assert_eq!(
                said,
                format!("must be an integer from 1 to 100, got {wrong:?}")
            );
        }
    }
    assert_eq!(
        server.hosts("web").await[0]["tags"]["load_balancing_weight"],
        7
    );
}

#[tokio::test]
async fn a_weight_may_come_as_json_or_as_either_kind_of_form() {
    let server = server().await;
    is_set(
        &server
            .answer(Call::post(HOST).json(r#"{"load_balancing_weight": 10}"#))
            .await,
    );
    assert_eq!(
        server.hosts("web").await[0]["tags"]["load_balancing_weight"],
        10
    );
    is_set(
        &server
            .answer(Call::post(SERVICE).multipart(&weight("20")))
            .await,
    );
    assert_eq!(
        server.hosts("web").await[1]["tags"]["load_balancing_weight"],
        20
    );
    let twice = [weight("30"), weight("40")].concat();
    is_set(&server.answer(Call::post(HOST).form(&twice)).await);
    assert_eq!(
        server.hosts("web").await[0]["tags"]["load_balancing_weight"],
        30
    );
    let answer = server
        .answer(Call::post(HOST).json(r#"{"load_balancing_weight": "10"}"#))
        .await;
    assert_eq!(
        answer.wrong(400, "load_balancing_weight"),
        "must be an integer, got \"10\""
    );
}

#[tokio::test]
async fn a_weight_that_is_missing_is_said_to_be_required() {
    let server = server().await;
    for call in [
        Call::post(HOST),
        Call::post(HOST).form(&weight("")),
        Call::post(HOST).form(&[("weight", "10")]),
        Call::post("/v1/loadbalancing/web/10.0.0.1?load_balancing_weight=10").form(&[]),
        Call::post(SERVICE).form(&[]),
        Call::post(SERVICE).json("{}"),
    ] {
        let answer = server.answer(call).await;
        assert_eq!(answer.wrong(400, "load_balancing_weight"), "is required");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_404_once_the_weight_is_right() {
    let server = server().await;
    for path in [
        "web/10.0.0.9",
        "other/10.0.0.1",
        "web/notanip",
        "web/010.0.0.1",
    ] {
        let path = format!("/v1/loadbalancing/{path}");
        assert_eq!(
            server
                .answer(Call::post(&path).form(&weight("10")))
                .await
                .error(404),
            "host not found"
        );
        server
            .answer(Call::post(&path).form(&weight("abc")))
            .await
            .wrong(400, "load_balancing_weight");
    }
    let answer = server
        .answer(Call::post("/v1/loadbalancing/a%0A/10.0.0.1").form(&weight("10")))
        .await;
    answer.wrong(400, "service");
}

#[tokio::test]
async fn a_service_without_hosts_takes_any_weight() {
    is_set(
        &server()
            .await
            .answer(Call::post("/v1/loadbalancing/nobody").form(&weight("10")))
            .await,
    );
}

#[tokio::test]
async fn a_weight_touches_nothing_else_and_outlives_heartbeats_without_one() {
    let server = server().await;
    let before = server.hosts("web").await;
    is_set(&server.answer(Call::post(HOST).form(&weight("10"))).await);
    let mut after = server.hosts("web").await;
    let tags = after[0]["tags"].as_object_mut().unwrap();
    assert_eq!(tags.remove("load_balancing_weight"), Some(10.into()));
    assert_eq!(after, before);
    server.register("web", "10.0.0.1").await;
    assert_eq!(
        server.hosts("web").await[0]["tags"]["load_balancing_weight"],
        10
    );
    let tags = r#"{"az": "a", "region": "r", "instance_id": "i", "load_balancing_weight": 20}"#;
    let call = Call::post("/v1/registration/web").form(&host_but(&[("tags", tags)]));
    server.answer(call).await.done();
    assert_eq!(
        server.hosts("web").await[0]["tags"]["load_balancing_weight"],
        20
    );
}

#[tokio::test]
async fn a_store_that_fails_is_503() {
    let server = server().await;
    server.store.set(Fault::Refuse);
    for path in [HOST, SERVICE] {
        let answer = server.answer(Call::post(path).form(&weight("10"))).await;
        answer.error(503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}
