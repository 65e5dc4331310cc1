//! What the node keeps, and what it says when it can't.

mod support;

use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal;
use support::client::request;
use support::{Node, code, field, folder, output, wait_until};

const FORM: &str = "port=80&revision=a&tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\"}";

fn register(node: &Node, service: &str, address: &str) {
    let answer = node.post(
        &format!("/v1/registration/{service}"),
        &format!("ip={address}&{FORM}"),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn without_any_setting_hosts_are_kept_below_the_working_directory() {
    let folder = Arc::new(folder());
    let node = Node::start_in(&folder, &[("BACKEND_STORAGE", "")]);
    let line = node.wait_for_log("hosts are kept");
    assert_eq!(field(&line, "backend"), "InFile");
    assert!(field(&line, "because").contains("neither BACKEND_STORAGE nor DYNAMODB_TABLE_HOSTS"));
    assert!(folder.path().join("discovery-data/hosts.redb").is_file());
}

#[test]
fn hosts_in_a_file_are_there_after_a_stop_and_after_a_kill() {
    let (folder, file) = (
        Arc::new(folder()),
        [
            ("BACKEND_STORAGE", "InFile"),
            ("INFILE_PATH", "kept/here.redb"),
        ],
    );
    let node = Node::start_in(&folder, &file);
    register(&node, "kept", "10.0.0.1");
    assert_eq!(code(node.stop()), 0);
    let node = Node::start_in(&folder, &file);
    register(&node, "kept", "10.0.0.2");
    node.signal(Signal::KILL);
    assert_eq!(code(node.wait()), 137);
    let node = Node::start_in(&folder, &file);
    let list = node.call("GET", "/v1/registration/kept");
    assert!(
        list.text().contains("10.0.0.1") && list.text().contains("10.0.0.2"),
        "{}",
        list.text()
    );
}

#[test]
fn a_service_whose_last_host_has_gone_keeps_its_cluster_across_a_kill() {
    let (folder, file) = (Arc::new(folder()), [("BACKEND_STORAGE", "InFile")]);
    let node = Node::start_in(&folder, &file);
    register(&node, "gone", "10.0.0.1");
    let cluster = r#""name":"gone""#;
    wait_until("it has a cluster", || {
        clusters(&node).contains(cluster).then_some(())
    });
    let deleted = node.call("DELETE", "/v1/registration/gone/10.0.0.1");
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let remembered = folder.path().join("discovery-data/hosts.redb.gone");
    wait_until("it is remembered", || remembered.is_file().then_some(()));
    node.signal(Signal::KILL);
    assert_eq!(code(node.wait()), 137);
    let told = clusters(&Node::start_in(&folder, &file));
    assert!(told.contains(cluster), "{told}");
}

/// The first answer that holds all clusters, once the node knows them.
fn clusters(node: &Node) -> String {
    let json = ("Content-Type", "application/json");
    let poll = request("POST", "/v3/discovery:clusters", &[json], "{}");
    wait_until("the services are known", || {
        let answer = node.connect().ask(&poll);
        (answer.status == 200).then(|| answer.text().to_owned())
    })
}

#[test]
fn a_file_that_another_node_has_open_is_named() {
    let folder = Arc::new(folder());
    let path = folder.path().join("hosts.redb");
    let path = path.to_str().expect("UTF-8");
    let _node = Node::start_in(
        &folder,
        &[("BACKEND_STORAGE", "InFile"), ("INFILE_PATH", path)],
    );
    let log = log_of_a_failed_start(Path::new(path));
    assert!(log.contains("in use by another process"), "{log}");
}

#[test]
fn a_file_of_another_program_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "dear reader").expect("a temporary file can be written");
    let log = log_of_a_failed_start(&path);
    assert!(log.contains("letter.txt"), "{log}");
    assert_eq!(
        std::fs::read_to_string(&path).expect("it is there"),
        "dear reader"
    );
}

/// What a node logs that can't start because of its file.
fn log_of_a_failed_start(path: &Path) -> String {
    let path = path.to_str().expect("UTF-8");
    let ended = output(
        &[],
        &[
            ("BACKEND_STORAGE", "InFile"),
            ("INFILE_PATH", path),
            ("PORT", "0"),
        ],
    );
    assert_eq!(code(ended.status), 1);
    String::from_utf8(ended.stderr).expect("UTF-8")
}

#[test]
fn a_scrape_tells_at_once_what_was_registered_and_removed() {
    let node = Node::start(&[]);
    for number in 1..=20 {
        register(&node, "counted", &format!("10.0.0.{number}"));
        let metrics = node.call("GET", "/metrics");
        let hosts = format!("\ndiscovery_hosts {number}\n");
        assert!(metrics.text().contains(&hosts), "{}", metrics.text());
        assert!(metrics.text().contains("\ndiscovery_services 1\n"));
    }
    node.call("DELETE", "/v1/registration/counted/10.0.0.1");
    let metrics = node.call("GET", "/metrics");
    assert!(metrics.text().contains("\ndiscovery_hosts 19\n"));
}

#[test]
fn an_expired_host_is_swept_logged_and_counted() {
    let node = Node::start(&[("HOST_TTL", "1")]);
    register(&node, "short", "10.0.0.1");
    let line = node.wait_for_log("host expired");
    assert_eq!(
        (field(&line, "service"), field(&line, "ip_address")),
        ("short".into(), "10.0.0.1".into())
    );
    wait_until("it is counted", || {
        let metrics = node.call("GET", "/metrics");
        let all = [
            "discovery_swept_hosts_total 1",
            "discovery_hosts 0",
            "discovery_services 0",
        ];
        all.iter()
            .all(|line| metrics.text().contains(line))
            .then_some(())
    });
}

#[test]
fn a_list_that_is_held_up_is_told_of() {
    let node = Node::start(&[("HOST_TTL", "1")]);
    (1..=6).for_each(|host| register(&node, "silent", &format!("10.0.0.{host}")));
    let line = node.wait_for_log("keeps expired hosts listed");
    assert_eq!(field(&line, "service"), "silent");
    wait_until("half of them are held", || {
        let metrics = node.call("GET", "/metrics");
        metrics
            .text()
            .contains("discovery_guarded_hosts 3")
            .then_some(())
    });
    node.wait_for_log("guard against mass expiry has ended");
}

#[test]
fn a_node_whose_table_does_not_answer_starts_and_says_why_it_is_not_ready() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", nowhere.local_addr().expect("it is bound"));
    drop(nowhere);
    let node = Node::start(&[
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", &url),
    ]);
    assert_eq!(node.call("GET", "/healthcheck").status, 200);
    wait_until("the reason is known", || {
        let ready = node.call("GET", "/readyz");
        (ready.status == 503 && ready.text().contains("hosts")).then_some(())
    });
    node.wait_for_log("the store fails");
}

#[test]
fn no_log_line_holds_the_password_of_the_store() {
    let node = Node::start(&[
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", "http://me:sesame@127.0.0.1:1"),
        ("LOG_LEVEL", "TRACE"),
    ]);
    let line = node.wait_for_log("the hosts are in DynamoDB");
    assert_eq!(field(&line, "url"), "http://***@127.0.0.1:1");
    node.call("GET", "/v1/registration/any");
    let ready = node.call("GET", "/readyz");
    node.wait_for_log("the store fails");
    node.signal(Signal::TERM);
    node.wait_for_log("stopped without a last record");
    let told = node.log().join("\n") + ready.text();
    assert!(!told.contains("sesame"), "{told}");
}

#[test]
fn a_url_of_dynamodb_is_not_used_outside_development() {
    let node = Node::start(&[
        ("BACKEND_STORAGE", "DynamoDB"),
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("DYNAMODB_URL", "http://127.0.0.1:1"),
        ("APPLICATION_ENV", "staging"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1"),
    ]);
    node.wait_for_log("DYNAMODB_URL is not used");
    let line = node.wait_for_log("the hosts are in DynamoDB");
    assert_eq!(field(&line, "url"), "the endpoint that the AWS SDK finds");
    assert!(
        node.call("GET", "/v1/registration/any")
            .text()
            .contains("error")
    );
    assert!(
        !node.log().iter().any(|line| line.contains("none\"")),
        "credentials are not logged"
    );
}
