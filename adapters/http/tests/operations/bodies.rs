use std::time::Duration;

use discovery_testkit::hosts::REQUIRED_TAGS;
use futures_util::future::join_all;
use poem::Body;

use crate::support::{Call, Server, encoded, host_but, settings};

const PATH: &str = "/v1/registration/web";
const FORM: &str = "application/x-www-form-urlencoded";
const LARGEST: usize = 64 * 1024;

/// What is answered to a body.
async fn answered(call: Call) -> crate::support::Answer {
    Server::new().answer(call).await
}

#[tokio::test]
async fn media_types_are_compared_without_case_and_may_have_parameters() {
    let body = encoded(&host_but(&[]));
    for content_type in [
        "application/x-www-form-urlencoded; charset=UTF-8",
        "Application/X-WWW-Form-URLEncoded",
        "application/x-www-form-urlencoded;charset=utf-8",
    ] {
        answered(Call::post(PATH).body(content_type, body.clone()))
            .await
            .done();
    }
    let json =
        format!(r#"{{"ip": "10.0.0.1", "port": 80, "revision": "a", "tags": {REQUIRED_TAGS}}}"#);
    for content_type in ["application/json; charset=utf-8", "APPLICATION/JSON"] {
        answered(Call::post(PATH).body(content_type, json.clone()))
            .await
            .done();
    }
    let call = Call::post(PATH).multipart(&host_but(&[]));
    answered(call).await.done();
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_with_the_types_that_are_not() {
    let body = encoded(&host_but(&[]));
    let error = answered(Call::post(PATH).body("text/plain", body.clone()))
        .await
        .error(400);
    assert!(
        error.starts_with("content type \"text/plain\" is not understood: send application/json"),
        "{error}"
    );
    let error = answered(Call::post(PATH).body("", body)).await.error(400);
    assert!(
        error.starts_with("the body has no content type: send application/json"),
        "{error}"
    );
}

#[tokio::test]
async fn json_that_is_said_to_be_a_form_is_recognised() {
    let error = answered(Call::post(PATH).body(FORM, r#"{"ip": "10.0.0.1"}"#))
        .await
        .error(400);
    assert!(error.ends_with("send application/json"), "{error}");
}

#[tokio::test]
async fn of_two_fields_with_one_name_the_first_counts() {
    for (fields, listed) in [
        (vec![("ip", "10.0.0.2"), ("port", "9090")], "10.0.0.1"),
        (vec![("ip", "")], "10.0.0.1"),
    ] {
        let server = Server::new();
        let fields = [host_but(&[]), fields].concat();
        server.answer(Call::post(PATH).form(&fields)).await.done();
        assert_eq!(server.hosts("web").await[0]["ip_address"], listed);
        server
            .answer(Call::post(PATH).multipart(&fields))
            .await
            .done();
        assert_eq!(server.hosts("web").await.as_array().unwrap().len(), 1);
    }
    let fields = [vec![("ip", "")], host_but(&[])].concat();
    assert_eq!(
        answered(Call::post(PATH).form(&fields))
            .await
            .wrong(400, "ip"),
        "is required"
    );
}

#[tokio::test]
async fn fields_that_nobody_knows_are_ignored() {
    let more = [
        ("foo", "bar"),
        ("last_check_in", "1970-01-01"),
        ("service", "other"),
    ];
    answered(Call::post(PATH).form(&host_but(&more)))
        .await
        .done();
    let json = format!(
        r#"{{"x": [[]], "ip": "10.0.0.1", "port": 80, "revision": "a", "tags": {REQUIRED_TAGS}, "service": 7}}"#
    );
    answered(Call::post(PATH).json(&json)).await.done();
}

#[tokio::test]
async fn a_value_in_json_has_the_type_that_is_documented() {
    for (field, json, said) in [
        ("ip", "5", "must be a string, got 5"),
        ("ip", "null", "is required"),
        ("port", "\"8080\"", "must be an integer, got \"8080\""),
        (
            "port",
            "80.5",
            "must be an integer from 1 to 65535, got \"80.5\"",
        ),
        (
            "port",
            "80.0",
            "must be an integer from 1 to 65535, got \"80.0\"",
        ),
        (
            "port",
            "-1",
            "must be an integer from 1 to 65535, got \"-1\"",
        ),
        ("port", "true", "must be an integer, got true"),
        ("port", "null", "is required"),
        ("port", "[80]", "must be an integer, got [80]"),
        ("revision", "7", "must be a string, got 7"),
        (
            "revision",
            r#""\ud800""#,
            r#"must be a string without lone surrogates, got "\ud800""#,
        ),
        ("revision", "\"\"", "is required"),
        ("service_repo_name", "{}", "must be a string, got {}"),
        ("auto_ip", "\"yes\"", "must be true or false, got \"yes\""),
        ("auto_ip", "1", "must be true or false, got 1"),
        (
            "tags",
            "[]",
            r#"must be a JSON object like {"az": "a", "region": "b", "instance_id": "c"}, got "[]""#,
        ),
        ("tags", "null", "is required"),
    ] {
        let body = format!(r#"{{"{field}": {json}}}"#);
        assert_eq!(
            answered(Call::post(PATH).json(&body))
                .await
                .wrong(400, field),
            said,
            "{body}"
        );
    }
}

#[tokio::test]
async fn null_says_that_a_field_is_not_sent() {
    let body = format!(
        r#"{{"ip": "10.0.0.1", "auto_ip": null, "service_repo_name": null, "port": 80, "revision": "a", "tags": {REQUIRED_TAGS}}}"#
    );
    answered(Call::post(PATH).json(&body)).await.done();
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent_where_its_client_asks() {
    let call = Call::post(PATH).form(&host_but(&[]));
    let call = call
        .header("expect", "100-continue")
        .header("content-length", "900000");
    answered(call).await.error(413);
}

#[tokio::test]
async fn json_that_is_broken_is_refused_with_the_place() {
    for (body, said) in [
        (
            r#"{"ip": "10.0.0.1","#,
            "the body is not a JSON object: EOF while parsing a value at line 1 column 18",
        ),
        (
            "{\n\"ip\": x}",
            "the body is not a JSON object: expected value at line 2 column 7",
        ),
        ("[]", "the body is not a JSON object: got \"[]\""),
        (
            "{} {}",
            "the body is not a JSON object: trailing characters at line 1 column 4",
        ),
        (
            "",
            "the body is not a JSON object: EOF while parsing a value at line 1 column 0",
        ),
    ] {
        assert_eq!(answered(Call::post(PATH).json(body)).await.error(400), said);
    }
}

#[tokio::test]
async fn text_that_is_no_utf8_is_refused() {
    for (content_type, body, said) in [
        (
            FORM,
            &b"revision=%ff"[..],
            "ip is required; port is required; revision must be UTF-8: ",
        ),
        (
            FORM,
            b"revision=\xff",
            "ip is required; port is required; revision must be UTF-8: ",
        ),
        (FORM, b"%ff=x", "the name of a field is not valid UTF-8: "),
        (
            "application/json",
            b"{\"revision\": \"\xff\"}",
            "the body is not valid UTF-8: ",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"revision\"\r\n\r\n\xff\r\n--x--\r\n",
            "ip is required; port is required; revision must be UTF-8: ",
        ),
    ] {
        let error = answered(Call::post(PATH).body(content_type, body))
            .await
            .error(400);
        assert!(error.starts_with(said), "{error}");
    }
}

#[tokio::test]
async fn a_stray_percent_sign_stands_for_itself() {
    let server = Server::new();
    let body = encoded(&host_but(&[("revision", "X")])).replace("=X", "=%zz%2");
    server
        .answer(Call::post(PATH).body(FORM, body))
        .await
        .done();
    assert_eq!(server.hosts("web").await[0]["revision"], "%zz%2");
}

#[tokio::test]
async fn a_multipart_body_that_is_broken_is_refused() {
    let part = "--x\r\nContent-Disposition: form-data; name=\"revision\"\r\n\r\nabc";
    for (content_type, body) in [
        ("multipart/form-data", part),
        ("multipart/form-data; boundary=x", part),
        ("multipart/form-data; boundary=x", "--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", "nothing of the kind"),
    ] {
        let error = answered(Call::post(PATH).body(content_type, body))
            .await
            .error(400);
        assert!(
            error.starts_with("the body is not a multipart form: "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_is_no_field() {
    let file = "--x\r\nContent-Disposition: form-data; name=\"revision\"; filename=\"r\"\r\n\r\nabc\r\n--x--\r\n";
    let call = Call::post(PATH).body("multipart/form-data; boundary=x", file);
    let wrong = answered(call).await.wrong(400, "revision");
    assert_eq!(wrong, "must be a plain field, got a file");
}

#[tokio::test]
async fn a_body_that_is_compressed_is_refused_and_the_answer_says_so() {
    let call = Call::post(PATH)
        .json("{}")
        .header("content-encoding", "gzip");
    let error = answered(call).await.error(400);
    let said = "a body of the content encoding \"gzip\" is not understood: send it as it is";
    assert_eq!(error, said);
}

#[tokio::test]
async fn a_form_has_at_most_64_fields() {
    let many = |count: usize| [host_but(&[]), vec![("x", "y"); count - 5]].concat();
    answered(Call::post(PATH).form(&many(64))).await.done();
    answered(Call::post(PATH).multipart(&many(64))).await.done();
    for call in [
        Call::post(PATH).form(&many(65)),
        Call::post(PATH).multipart(&many(65)),
    ] {
        assert_eq!(
            answered(call).await.error(400),
            "a form must have at most 64 fields"
        );
    }
}

/// A form of exactly that length.
fn padded(length: usize) -> Vec<u8> {
    let mut body = encoded(&host_but(&[("padding", "")])).into_bytes();
    body.resize(length, b'x');
    body
}

#[tokio::test]
async fn a_body_has_at_most_64_kib_however_it_comes() {
    answered(Call::post(PATH).body(FORM, padded(LARGEST)))
        .await
        .done();
    let chunks = |length: usize| padded(length).chunks(1000).map(<[u8]>::to_vec).collect();
    answered(Call::post(PATH).pieces(FORM, chunks(LARGEST), true))
        .await
        .done();
    for call in [
        Call::post(PATH).body(FORM, padded(LARGEST + 1)),
        Call::post(PATH).pieces(FORM, chunks(LARGEST + 1), true),
        Call::post("/v1/loadbalancing/web").body(FORM, padded(LARGEST + 1)),
        Call::post("/v1/loadbalancing/web/10.0.0.1").body(FORM, padded(LARGEST + 1)),
    ] {
        assert_eq!(
            answered(call).await.error(413),
            "the body must have at most 65536 bytes"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_far_too_large_is_not_read_to_its_end() {
    let endless = vec![vec![b'x'; 64 * 1024]; 20];
    let call = Call::post(PATH).pieces(FORM, endless, false);
    answered(call).await.error(413);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let mut settings = settings();
    settings.body_timeout = Duration::from_millis(20);
    let server = Server::with(settings);
    for path in [
        PATH,
        "/v1/loadbalancing/web",
        "/v1/loadbalancing/web/10.0.0.1",
    ] {
        let call = Call::post(path).pieces(FORM, vec![b"ip=10".to_vec()], false);
        assert_eq!(
            server.answer(call).await.error(408),
            "the body must arrive within 20ms"
        );
    }
}

#[tokio::test]
async fn a_body_whose_connection_breaks_is_refused() {
    let broken = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("reset"))]);
    let call = Call::post(PATH).body(FORM, Body::from_bytes_stream(broken));
    assert_eq!(
        answered(call).await.error(400),
        "the body could not be read: reset"
    );
}

#[tokio::test(start_paused = true)]
async fn bodies_on_their_way_share_room_that_small_ones_do_not_need() {
    let server = Server::new();
    let stuck = || Call::post(PATH).pieces(FORM, vec![vec![b'x'; 5000]], false);
    let all = join_all((0..17).map(|_| server.answer(stuck())));
    let (stuck, ()) = tokio::join!(all, async {
        let small = Call::post(PATH).form(&host_but(&[]));
        server.answer(small).await.done();
    });
    let of = |status| stuck.iter().filter(move |answer| answer.status == status);
    assert_eq!((of(408).count(), of(503).count()), (16, 1));
    let refused = of(503).next().unwrap();
    assert!(
        refused
            .error(503)
            .starts_with("there is no room for this body")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    let revision = "x".repeat(8000);
    let large = host_but(&[("revision", &revision)]);
    server.answer(Call::post(PATH).form(&large)).await.done();
}
