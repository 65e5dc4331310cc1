use discovery_http::AutoIp;
use serde_json::json;

use crate::support::{Call, Server, host_but, host_without, settings};

const PATH: &str = "/v1/registration/web";

/// Registers with `auto_ip`, and returns the address that is then listed, or what is wrong.
async fn registered(server: &Server, call: Call) -> Result<String, String> {
    let answer = server.answer(call).await;
    let listed = server.hosts("web").await;
    if answer.status == 200 {
        return Ok(listed[0]["ip_address"].as_str().unwrap().to_owned());
    }
    assert_eq!(listed, json!([]));
    Err(answer.wrong(400, "auto_ip"))
}

fn call() -> Call {
    let fields = [host_without(&["ip"]), vec![("auto_ip", "1")]].concat();
    Call::post(PATH).form(&fields)
}

#[tokio::test]
async fn the_last_address_that_was_forwarded_is_registered() {
    for (forwarded, listed) in [
        (vec!["192.168.216.186"], "192.168.216.186"),
        (vec!["192.168.0.0,192.168.216.186"], "192.168.216.186"),
        (vec!["192.168.0.1 , 192.168.216.187"], "192.168.216.187"),
        (vec!["192.168.1.1,"], "192.168.1.1"),
        (vec!["192.168.1.1", "192.168.1.2"], "192.168.1.2"),
        (vec!["192.168.1.1", ","], "192.168.1.1"),
        (vec!["8.8.8.8, 192.168.5.5"], "192.168.5.5"),
    ] {
        let call = forwarded
            .iter()
            .fold(call(), |call, line| call.header("x-forwarded-for", line));
        assert_eq!(
            registered(&Server::new(), call).await.as_deref(),
            Ok(listed),
            "{forwarded:?}"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_none_or_out_of_range_is_refused() {
    for forwarded in [
        "10.0.0.5",
        "172.16.0.1",
        "0.168.216.186",
        "192.169.216.186",
        "192.168.256.186",
        "192.168.216.256",
        "192.168.5.5, 8.8.8.8",
        "unknown",
        "::1",
        "192.168.01.1",
        "192.168.+1.1",
        "192.168.-1.1",
        "192. 168.1.1",
        "a.b.c.d",
        "192.168.1.1:4000",
        "é",
    ] {
        let call = call().header("x-forwarded-for", forwarded);
        registered(&Server::new(), call).await.expect_err(forwarded);
    }
    let call = call().header("x-forwarded-for", "10.1.1.1");
    let said = registered(&Server::new(), call).await.unwrap_err();
    assert_eq!(
        said,
        "can't be used: 10.1.1.1 is not in the accepted ranges (192.168.0.0/16)"
    );
}

#[tokio::test]
async fn without_a_forwarded_address_the_peer_is_registered() {
    let server = Server::new();
    for call in [
        call(),
        call().header("x-forwarded-for", ""),
        call().header("x-forwarded-for", ","),
        call().header("x-real-ip", "192.168.1.1"),
        call().header("forwarded", "for=192.168.1.1"),
    ] {
        registered(&server, call).await.unwrap_err();
    }
    assert_eq!(
        registered(&server, call().from("192.168.7.7"))
            .await
            .as_deref(),
        Ok("192.168.7.7")
    );
    let mapped = registered(&Server::new(), call().from("[::ffff:192.168.7.8]")).await;
    assert_eq!(mapped.as_deref(), Ok("192.168.7.8"));
}

#[tokio::test]
async fn only_trusted_peers_are_believed() {
    let mut settings = settings();
    settings.auto_ip = AutoIp {
        ranges: vec![
            "192.168.0.0/16".parse().unwrap(),
            "fd00::/8".parse().unwrap(),
        ],
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
    };
    let forwarded = || call().header("x-forwarded-for", "fd00::1");
    let server = Server::with(settings.clone());
    assert_eq!(
        registered(&server, forwarded().from("10.9.9.9"))
            .await
            .as_deref(),
        Ok("fd00::1")
    );
    let server = Server::with(settings);
    assert_eq!(
        registered(&server, forwarded().from("192.168.3.3"))
            .await
            .as_deref(),
        Ok("192.168.3.3")
    );
    let said = registered(
        &Server::with(crate::support::settings()),
        forwarded().from("8.8.8.8"),
    )
    .await;
    assert!(
        said.unwrap_err().contains("fd00::1"),
        "every peer is trusted unless it is set otherwise"
    );
}

#[tokio::test]
async fn an_address_that_was_sent_counts_before_any_other() {
    let server = Server::new();
    let sent = [host_but(&[]), vec![("auto_ip", "1")]].concat();
    let call = Call::post(PATH)
        .form(&sent)
        .header("x-forwarded-for", "192.168.1.1");
    assert_eq!(registered(&server, call).await.as_deref(), Ok("10.0.0.1"));
    let garbage = [host_but(&[("ip", "garbage")]), vec![("auto_ip", "1")]].concat();
    let call = Call::post(PATH)
        .form(&garbage)
        .header("x-forwarded-for", "192.168.1.1");
    server.answer(call).await.wrong(400, "ip");
}

#[tokio::test]
async fn the_switch_is_on_where_it_is_not_empty_and_in_json_where_it_is_true() {
    for (value, on) in [
        ("1", true),
        ("False", true),
        ("0", true),
        (" ", true),
        ("", false),
    ] {
        let fields = [host_without(&["ip"]), vec![("auto_ip", value)]].concat();
        let answer = Server::new()
            .answer(Call::post(PATH).form(&fields).from("192.168.1.1"))
            .await;
        assert_eq!(answer.status == 200, on, "{value:?}: {}", answer.body);
    }
    for (value, on) in [("true", true), ("false", false)] {
        let json = format!(
            r#"{{"ip": "", "auto_ip": {value}, "port": 80, "revision": "a", "tags": {}}}"#,
            discovery_testkit::hosts::REQUIRED_TAGS
        );
        let answer = Server::new()
            .answer(Call::post(PATH).json(&json).from("192.168.1.1"))
            .await;
        assert_eq!(answer.status == 200, on, "{value:?}: {}", answer.body);
    }
}
