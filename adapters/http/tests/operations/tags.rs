use serde_json::json;

use crate::fields::Changed;
use crate::support::{Call, Server, host_but};

const PATH: &str = "/v1/registration/web";

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
