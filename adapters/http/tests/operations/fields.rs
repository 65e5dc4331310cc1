use serde_json::{Value, json};

use crate::support::{Call, Server, host_but, host_without};

const PATH: &str = "/v1/registration/web";

/// A node to which hosts are posted that have one field changed.
pub(crate) struct Changed(Server);

impl Changed {
    pub(crate) fn new() -> Self {
        Self(Server::new())
    }

    /// Tells what is wrong with the field, or what is then listed of the host.
    pub(crate) async fn with(&self, field: &'static str, value: &str) -> Result<Value, String> {
        let fields = host_but(&[(field, value)]);
        let answer = self.0.answer(Call::post(PATH).form(&fields)).await;
        let listed = self.0.hosts("web").await;
        if answer.status != 200 {
            assert_eq!(listed, json!([]), "{value:?} was refused and stored");
            return Err(answer.wrong(400, field));
        }
        answer.done();
        let ip = listed[0]["ip_address"].as_str().unwrap();
        self.0
            .answer(Call::delete(&format!("{PATH}/{ip}")))
            .await
            .done();
        Ok(listed[0].clone())
    }
}

#[tokio::test]
async fn an_address_is_a_strict_dotted_quad_or_canonical_ipv6() {
    let changed = Changed::new();
    for (sent, listed) in [
        ("10.0.0.1", "10.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("::1", "::1"),
        ("FD00:0:0::1", "fd00::1"),
    ] {
        assert_eq!(
            changed.with("ip", sent).await.unwrap()["ip_address"],
            listed
        );
    }
    for wrong in [
        "1.2.3",
        "localhost",
        "01.2.3.4",
        "010.0.0.1",
        "10.0.0.001",
        "0000.0.0.1",
        "256.1.1.1",
        " 10.0.0.1 ",
        "10.0.0.1\n",
        "10.0.0.1:80",
        "10.0.0.1.",
        "1.2.3.4.5",
        "167772161",
        "0x0a.0.0.1",
        "10.0.0.1/32",
        "10.0.0.1\0",
        "-1.0.0.1",
        "10.0.0.١",
        "::ffff:10.0.0.1",
        "fe80::1%eth0",
        "[::1]",
    ] {
        changed.with("ip", wrong).await.expect_err(wrong);
    }
    assert_eq!(changed.with("ip", "").await.unwrap_err(), "is required");
}

#[tokio::test]
async fn a_port_is_an_integer_from_1_to_65535() {
    let changed = Changed::new();
    for (sent, listed) in [
        ("1", 1),
        ("65535", 65535),
        (" 80 ", 80),
        ("\t80\n", 80),
        ("+80", 80),
        ("0080", 80),
        ("٨٠", 80),
    ] {
        assert_eq!(changed.with("port", sent).await.unwrap()["port"], listed);
    }
    for wrong in [
        "0",
        "-1",
        "-5",
        "abc",
        "80.0",
        "0x50",
        "1e3",
        "nan",
        "True",
        "65536",
        "70000",
        "99999999999999999999",
        "8_0",
        "8 0",
        " ",
    ] {
        let said = changed.with("port", wrong).await.expect_err(wrong);
        assert_eq!(
            said,
            format!("must be an integer from 1 to 65535, got {wrong:?}")
        );
    }
    assert_eq!(changed.with("port", "").await.unwrap_err(), "is required");
}

#[tokio::test]
async fn a_revision_is_any_text_of_some_length() {
    let changed = Changed::new();
    for revision in [" ", "é", "\n"] {
        assert_eq!(
            changed.with("revision", revision).await.unwrap()["revision"],
            revision
        );
    }
    assert_eq!(
        changed.with("revision", &"r".repeat(8192)).await.unwrap()["port"],
        8080
    );
    assert_eq!(
        changed.with("revision", "").await.unwrap_err(),
        "is required"
    );
    let said = changed
        .with("revision", &"r".repeat(8193))
        .await
        .unwrap_err();
    assert_eq!(said, "must have at most 8192 bytes, got 8193");
}

#[tokio::test]
async fn a_service_repo_may_be_left_out_and_each_registration_replaces_it() {
    let changed = Changed::new();
    assert_eq!(
        changed.with("service_repo_name", "").await.unwrap()["service_repo_name"],
        ""
    );
    assert_eq!(
        changed.with("service_repo_name", " é ").await.unwrap()["service_repo_name"],
        " é "
    );
    changed.with("service_repo_name", "a\nb").await.unwrap_err();
    let server = Server::new();
    server.register("web", "10.0.0.1").await;
    let repo = server
        .answer(Call::get("/v1/registration/repo/web-frontend"))
        .await
        .json();
    assert_eq!(repo["hosts"].as_array().unwrap().len(), 1);
    server
        .answer(Call::post(PATH).form(&host_without(&["service_repo_name"])))
        .await
        .done();
    assert_eq!(server.hosts("web").await[0]["service_repo_name"], "");
    let repo = server
        .answer(Call::get("/v1/registration/repo/web-frontend"))
        .await
        .json();
    assert_eq!(
        repo,
        json!({"service_repo_name": "web-frontend", "env": "development", "hosts": []})
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_briefly() {
    let server = Server::new();
    let tags =
        r#"{"az": 1, "region": 2, "canary": "yes", "load_balancing_weight": 101, "deep": 1e999}"#;
    let body =
        format!(r#"{{"ip": 5, "auto_ip": "yes", "port": 80, "revision": "a", "tags": {tags}}}"#);
    let answer = server.answer(Call::post(PATH).json(&body)).await;
    assert_eq!(answer.wrong(400, "ip"), "must be a string, got 5");
    let wrong = answer.wrong(400, "tags");
    for tag in [
        "az",
        "region",
        "canary",
        "load_balancing_weight",
        "deep",
        "instance_id",
    ] {
        assert!(wrong.contains(&format!("{tag:?}")), "{wrong}");
    }
    let body = r#"{"ip": "10.0.0.1", "auto_ip": {}, "port": 80, "revision": "a", "tags":
        {"az": "a", "region": "b", "instance_id": "c"}}"#;
    let answer = server.answer(Call::post(PATH).json(body)).await;
    assert_eq!(
        answer.wrong(400, "auto_ip"),
        "must be true or false, got {}"
    );
    let long = "\u{e9}".repeat(30_000);
    for body in [
        format!(r#"{{"tags": "{long}"}}"#),
        format!(r#"{{"tags": {{"{long}": 1e999}}}}"#),
        format!(r#""{long}""#),
    ] {
        let error = server.answer(Call::post(PATH).json(&body)).await.error(400);
        assert!(error.len() < 1_000, "{}", error.len());
    }
}
