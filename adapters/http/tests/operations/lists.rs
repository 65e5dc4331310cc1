use discovery_testkit::Fault;
use serde_json::json;

use crate::support::{Call, Server, host_but};

#[tokio::test]
async fn what_nobody_registered_for_has_an_empty_list() {
    let server = Server::new();
    let answer = server
        .answer(Call::get("/v1/registration/nobody?x=1"))
        .await;
    assert_eq!(
        answer.body,
        "{\"service\": \"nobody\", \"env\": \"development\", \"hosts\": []}\n"
    );
    let answer = server.answer(Call::get("/v1/registration/repo")).await;
    assert_eq!(answer.json()["service"], "repo");
    let answer = server
        .answer(Call::get("/v1/registration/repo/nothing"))
        .await;
    assert_eq!(
        answer.body,
        "{\"service_repo_name\": \"nothing\", \"env\": \"development\", \"hosts\": []}\n"
    );
}

#[tokio::test]
async fn hosts_of_several_services_share_the_list_of_their_repo() {
    let server = Server::new();
    for (service, ip) in [
        ("web", "10.0.0.2"),
        ("api", "10.0.0.3"),
        ("web", "10.0.0.1"),
    ] {
        server.register(service, ip).await;
    }
    let path = "/v1/registration/other";
    let elsewhere = host_but(&[("service_repo_name", "else")]);
    server
        .answer(Call::post(path).form(&elsewhere))
        .await
        .done();
    let list = server
        .answer(Call::get("/v1/registration/repo/web-frontend"))
        .await
        .json();
    let listed: Vec<_> = list["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| (&host["service"], &host["ip_address"]))
        .collect();
    let (api, web) = (json!("api"), json!("web"));
    let (one, two, three) = (json!("10.0.0.1"), json!("10.0.0.2"), json!("10.0.0.3"));
    assert_eq!(listed, [(&web, &one), (&web, &two), (&api, &three)]);
}

#[tokio::test]
async fn a_list_says_how_it_may_be_kept() {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    for path in ["/v1/registration/web", "/v1/registration/repo/web-frontend"] {
        let list = server.answer(Call::get(path)).await;
        let etag = list.header("etag").unwrap();
        assert!(etag.starts_with("W/\""));
        assert_eq!(list.header("content-type"), Some("application/json"));
        assert_eq!(list.header("cache-control"), Some("no-cache"));
        assert_eq!(list.header("vary"), Some("accept-encoding"));
        assert_eq!(
            (list.header("age"), list.header("cache-status")),
            (None, None)
        );
        let again = server
            .answer(Call::get(path).header("if-none-match", etag))
            .await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        let head = server.answer(Call::new("HEAD", path)).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
    }
}

#[tokio::test]
async fn a_name_that_can_be_none_is_refused() {
    let server = Server::new();
    let long = "x".repeat(256);
    for (path, field) in [
        ("/v1/registration/a%0Ab".to_owned(), "service"),
        (format!("/v1/registration/{long}"), "service"),
        ("/v1/registration/repo/a%7F".to_owned(), "service_repo_name"),
        (format!("/v1/registration/repo/{long}"), "service_repo_name"),
    ] {
        server.answer(Call::get(&path)).await.wrong(400, field);
    }
}

#[tokio::test]
async fn a_list_that_can_not_be_read_is_503_and_never_empty() {
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    server.store.set(Fault::Refuse);
    for path in ["/v1/registration/web", "/v1/registration/repo/web-frontend"] {
        let answer = server.answer(Call::get(path)).await;
        answer.error(503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}
