use discovery_testkit::Fault;
use serde_json::json;

use crate::support::{Call, Server};

#[tokio::test]
async fn a_deregistered_host_is_gone_at_once() {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    server.register("web", "10.0.0.2").await;
    server
        .answer(Call::delete("/v1/registration/web/10%2E0%2E0%2E1").json("not looked at"))
        .await
        .done();
    let hosts = server.hosts("web").await;
    assert_eq!(hosts.as_array().unwrap().len(), 1);
    assert_eq!(hosts[0]["ip_address"], "10.0.0.2");
}

#[tokio::test]
async fn an_ipv6_host_is_deregistered_however_its_address_is_written() {
    let server = Server::new();
    server.register("web", "fd00::1").await;
    server
        .answer(Call::delete("/v1/registration/web/FD00:0::1"))
        .await
        .done();
    assert_eq!(server.hosts("web").await, json!([]));
}

#[tokio::test]
async fn a_host_that_is_not_there_is_a_bad_request() {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    server
        .answer(Call::delete("/v1/registration/web/10.0.0.1"))
        .await
        .done();
    for path in [
        "/v1/registration/web/10.0.0.1",
        "/v1/registration/other/10.0.0.1",
    ] {
        assert_eq!(
            server.answer(Call::delete(path)).await.error(400),
            "host not found"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_asking_the_store() {
    let server = Server::new();
    server.store.set(Fault::Refuse);
    for address in [
        "notanip",
        "1.2.3",
        "::ffff:1.2.3.4",
        "010.0.0.1",
        "10.0.0.1%20",
    ] {
        let path = format!("/v1/registration/web/{address}");
        server
            .answer(Call::delete(&path))
            .await
            .wrong(400, "ip_address");
    }
    server
        .answer(Call::delete("/v1/registration/a%00/1.2.3.4"))
        .await
        .wrong(400, "service");
}

#[tokio::test]
async fn a_service_may_be_called_repo() {
    let server = Server::new();
    server.register("repo", "1.2.3.4").await;
    assert_eq!(server.hosts("repo").await[0]["ip_address"], "1.2.3.4");
    server
        .answer(Call::delete("/v1/registration/repo/1.2.3.4"))
        .await
        .done();
    assert_eq!(server.hosts("repo").await, json!([]));
}

#[tokio::test]
async fn a_store_that_fails_is_503() {
    let server = Server::new();
    server.store.set(Fault::Refuse);
    let answer = server
        .answer(Call::delete("/v1/registration/web/10.0.0.1"))
        .await;
    answer.error(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
}
