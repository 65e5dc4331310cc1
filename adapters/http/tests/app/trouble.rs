use std::time::Duration;

use discovery_http::Mount;
use discovery_testkit::Fault;
use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::{EndpointExt, Request};

use crate::support::{Options, Server};

fn mount(prefix: &'static str, answer: fn(Request) -> String) -> Mount {
    let endpoint = make_sync(answer).map_to_response().boxed();
    Mount {
        name: "mounted",
        prefix,
        endpoint,
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_the_server_lives_on() {
    let panicking = mount("/boom", |_| panic!("out of cheese"));
    let mounted = vec![panicking];
    let server = Server::with(Options {
        mounted,
        ..Options::default()
    });
    for _ in 0..2 {
        let answer = server.get("/boom/any/where").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            !answer.error().contains("cheese"),
            "what went wrong inside is for the log alone"
        );
    }
    assert_eq!(server.get("/healthcheck").await.text(), "OK");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up() {
    let longest_request = Duration::from_secs(3);
    let server = Server::with(Options {
        longest_request,
        ..Options::default()
    });
    server.store.set(Fault::Hang);
    for path in ["/v1/registration/api", "/v1/registration/repo/api"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "1");
        answer.error();
    }
    let delete = server
        .ask("DELETE", "/v1/registration/api/10.0.0.1", &[])
        .await;
    assert_eq!(delete.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_mounted_answers_everything_below_its_prefix() {
    let echo = mount("/envoy.service.", |request| {
        format!("{} {}", request.method(), request.uri())
    });
    let mounted = vec![echo];
    let server = Server::with(Options {
        mounted,
        ..Options::default()
    });
    let answer = server.ask("POST", "/envoy.service.x.v3.Y/Z?a=b", &[]).await;
    assert_eq!(answer.text(), "POST /envoy.service.x.v3.Y/Z?a=b");
    assert_eq!(answer.header("x-request-id").len(), 32);
    assert_eq!(server.get("/envoy").await.status, StatusCode::NOT_FOUND);
}
