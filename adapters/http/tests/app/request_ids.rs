use std::collections::HashSet;

use crate::support::Server;

const ID: &str = "x-request-id";

#[tokio::test]
async fn a_sane_id_is_taken_from_the_request_and_stands_on_every_answer() {
    let server = Server::new();
    let long = "x".repeat(128);
    for id in ["a", "6f1c-00/==~!", &long] {
        for (method, path) in [
            ("GET", "/v1/registration/api"),
            ("GET", "/healthcheck"),
            ("GET", "/docs"),
            ("GET", "/nope"),
            ("PUT", "/healthcheck"),
            ("OPTIONS", "/healthcheck"),
            ("HEAD", "/healthcheck"),
            ("DELETE", "/v1/registration/api/10.0.0.1"),
            ("POST", "/v1/registration/api"),
            ("GET", "/v1/registration/%ff"),
        ] {
            let answer = server.ask(method, path, &[(ID, id)]).await;
            assert_eq!(answer.headers.get_all(ID).iter().count(), 1);
            assert_eq!(answer.header(ID), id, "{method} {path}");
            if answer.status.is_client_error() {
                answer.error();
            }
        }
    }
}

#[tokio::test]
async fn an_insane_id_is_replaced() {
    let server = Server::new();
    let long = "x".repeat(129);
    for id in ["", "a b", "a\tb", "caf\u{e9}", &long] {
        let answer = server.ask("GET", "/nope", &[(ID, id)]).await;
        assert_ne!(answer.header(ID), id);
        assert_eq!(answer.header(ID).len(), 32);
        answer.error();
    }
}

#[tokio::test]
async fn ids_that_are_made_up_differ() {
    let server = Server::new();
    let mut ids = HashSet::new();
    for _ in 0..1_000 {
        ids.insert(server.get("/healthcheck").await.header(ID).to_owned());
    }
    assert_eq!(ids.len(), 1_000);
}
