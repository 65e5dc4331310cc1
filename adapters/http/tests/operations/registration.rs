use discovery_testkit::Fault;
use discovery_testkit::hosts::INTRICATE_TAGS;
use serde_json::{Value, json};

use crate::support::{Call, Server, host_but, host_without};

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

/// A node to which hosts are posted that have one field changed.
struct Changed(Server);

impl Changed {
    fn new() -> Self {
        Self(Server::new())
    }

    /// Tells what is wrong with the field, or what is then listed of the host.
    async fn with(&self, field: &'static str, value: &str) -> Result<Value, String> {
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
        "٨٠",
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

/// Tags with the required ones and some more.
macro_rules! tags {
    ($($more:literal),*) => {
        concat!(r#"{"az": "a", "region": "r", "instance_id": "i""#, $(", ", $more,)* "}")
    };
}

#[tokio::test]
async fn tags_are_a_json_object_with_three_strings_that_must_be_there() {
    let changed = Changed::new();
    for (wrong, because) in [
        ("", "is required"),
        ("{}", "must have a string as the tag \"az\""),
        ("[]", "must be a JSON object"),
        ("\"x\"", "must be a JSON object"),
        ("[{\"az\":1}]", "must be a JSON object"),
        ("{az:", "must be a JSON object"),
        (
            "{'az':'a','region':'r','instance_id':'i'}",
            "must be a JSON object",
        ),
        (concat!(tags!(), "x"), "must be a JSON object"),
        (concat!("\u{feff}", tags!()), "must be a JSON object"),
        ("null", "must be a JSON object"),
        ("5", "must be a JSON object"),
        ("1.5", "must be a JSON object"),
        ("true", "must be a JSON object"),
        (
            "[\"az\",\"region\",\"instance_id\"]",
            "must be a JSON object",
        ),
        ("\"az instance_id region\"", "must be a JSON object"),
        (
            r#"{"az": "a", "region": "r"}"#,
            "must have a string as the tag \"instance_id\"",
        ),
        (
            r#"{"az": null, "region": "r", "instance_id": "i"}"#,
            "must have a string as the tag \"az\", got null",
        ),
        (
            r#"{"az": "a", "region": 7, "instance_id": "i"}"#,
            "must have a string as the tag \"region\", got 7",
        ),
        (
            r#"{"az": "a", "region": "r", "instance_id": {}}"#,
            "must have a string as the tag \"instance_id\", got {}",
        ),
    ] {
        let said = changed.with("tags", wrong).await.expect_err(wrong);
        assert!(said.starts_with(because), "{wrong}: {said}");
    }
    assert_eq!(
        changed
            .with("tags", r#"{"az": "", "region": "", "instance_id": ""}"#)
            .await
            .unwrap()["tags"]["az"],
        ""
    );
}

#[tokio::test]
async fn tags_with_a_meaning_are_of_their_type_and_range() {
    let changed = Changed::new();
    for wrong in [
        tags!(r#""load_balancing_weight": 0"#),
        tags!(r#""load_balancing_weight": 101"#),
        tags!(r#""load_balancing_weight": -3"#),
        tags!(r#""load_balancing_weight": "x""#),
        tags!(r#""load_balancing_weight": "50""#),
        tags!(r#""load_balancing_weight": 2.5"#),
        tags!(r#""load_balancing_weight": null"#),
        tags!(r#""canary": "yes""#),
        tags!(r#""canary": 1"#),
    ] {
        let said = changed.with("tags", wrong).await.expect_err(wrong);
        assert!(said.starts_with("must have "), "{said}");
    }
    let tags = changed
        .with(
            "tags",
            tags!(r#""load_balancing_weight": 50"#, r#""canary": true"#),
        )
        .await
        .unwrap();
    assert_eq!(tags["tags"]["load_balancing_weight"], 50);
}

#[tokio::test]
async fn tags_that_no_reader_could_parse_are_refused() {
    let changed = Changed::new();
    let deep = |levels| {
        format!(
            r#"{{"az": "a", "region": "r", "instance_id": "i", "d": {}{}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    for wrong in [
        tags!(r#""x": NaN"#).to_owned(),
        tags!(r#""x": -Infinity"#).to_owned(),
        tags!(r#""x": 1e400"#).to_owned(),
        tags!(r#""x": "\ud800""#).to_owned(),
        deep(65),
        deep(2000),
    ] {
        changed.with("tags", &wrong).await.expect_err(&wrong);
    }
    for fine in [
        tags!(r#""x": "\u0000""#).to_owned(),
        tags!(r#""x": "\ud83d\ude00""#).to_owned(),
        deep(64),
    ] {
        changed.with("tags", &fine).await.unwrap();
    }
}

#[tokio::test]
async fn registering_again_overwrites_the_fields_and_merges_the_tags() {
    let server = Server::new();
    let first = host_but(&[(
        "tags",
        tags!(
            r#""load_balancing_weight": 10"#,
            r#""kept": "x""#,
            r#""nested": {"a": 1, "b": 2}"#
        ),
    )]);
    server.answer(Call::post(PATH).form(&first)).await.done();
    let second = host_but(&[
        ("port", "9090"),
        ("revision", "def456"),
        ("service_repo_name", "other"),
        ("tags", tags!(r#""nested": {"a": null}"#, r#""new": 1"#)),
    ]);
    server.answer(Call::post(PATH).form(&second)).await.done();
    let hosts = server.hosts("web").await;
    assert_eq!(hosts.as_array().unwrap().len(), 1);
    assert_eq!(
        (&hosts[0]["port"], &hosts[0]["revision"]),
        (&json!(9090), &json!("def456"))
    );
    assert_eq!(hosts[0]["service_repo_name"], "other");
    let tags = r#"{"az": "a", "region": "r", "instance_id": "i", "load_balancing_weight": 10, "kept": "x", "nested": {"a": null}, "new": 1}"#;
    let list = server.answer(Call::get(PATH)).await.body;
    assert!(list.contains(tags), "{list}");
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
