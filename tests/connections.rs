//! What clients may do to a node: be slow, be silent, be many, talk nonsense.

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use support::client::{Connection, request};
use support::{Node, command, folder, wait_until};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const HEALTH: &[u8] = b"GET /healthcheck HTTP/1.1\r\nHost: node\r\n\r\n";
const CHUNKED: &[u8] = b"POST /v1/registration/big HTTP/1.1\r\nHost: node\r\n\
    Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn clients_that_are_silent_or_slow_are_cut_and_those_that_rest_are_not() {
    let node = Node::start(&[]);
    let silent = node.connect();
    let mut slow = node.connect();
    slow.send(b"GET /heal").expect("the node reads");
    let mut promising = node.connect();
    promising.send(b"PRI ").expect("the node reads");
    let mut dribbling = node.connect();
    assert_eq!(dribbling.ask(HEALTH).status, 200);
    let mut stalled = node.connect();
    stalled.send(CHUNKED).expect("the node reads");
    let mut resting = node.connect();
    assert_eq!(resting.ask(HEALTH).status, 200);
    let times = thread::scope(|scope| {
        let drip = |connection: &mut Connection| drop(connection.send(b"G"));
        let waits = [
            scope.spawn(move || time_of(|| silent.wait_for_end(|_| ()))),
            scope.spawn(move || time_of(|| slow.wait_for_end(|_| ()))),
            scope.spawn(move || time_of(|| promising.wait_for_end(|_| ()))),
            scope.spawn(move || time_of(|| dribbling.wait_for_end(drip))),
            scope
                .spawn(|| time_of(|| assert_eq!(stalled.answer().expect("an answer").status, 408))),
        ];
        waits.map(|wait| wait.join().expect("no panic"))
    });
    let expected = Duration::from_secs(9)..Duration::from_secs(25);
    assert!(
        times.iter().all(|time| expected.contains(time)),
        "{times:?}"
    );
    assert_eq!(resting.ask(HEALTH).status, 200);
}

#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
fn time_of(wait: impl FnOnce()) -> Duration {
    let began = Instant::now();
    wait();
    began.elapsed()
}

#[test]
fn bodies_over_64_kib_are_refused_however_they_are_sent() {
    let node = Node::start(&[]);
    let big = "x".repeat(64 * 1024 + 1);
    let announced = node
        .connect()
        .ask(&request("POST", "/v1/registration/big", &[FORM], &big));
    assert_eq!(announced.status, 413);
    let mut connection = node.connect();
    connection.send(CHUNKED).expect("the node reads");
    let chunked = connection.ask(format!("{:x}\r\n{big}\r\n0\r\n\r\n", big.len()).as_bytes());
    assert_eq!(chunked.status, 413);
    assert!(
        chunked.text().starts_with("{\"error\": "),
        "{}",
        chunked.text()
    );
}

#[test]
fn a_body_without_end_costs_no_memory() {
    let node = Node::start(&[]);
    let mut connection = node.connect();
    connection.send(CHUNKED).expect("the node reads");
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, "x".repeat(64 * 1024));
    let mebibytes = |kibibytes: u64| kibibytes / 1024;
    let before = resident_kib(&node);
    // The node may close at any time; it is the one to say that it is enough.
    for _ in 0..4096 {
        if connection.send(chunk.as_bytes()).is_err() {
            break;
        }
    }
    assert!(mebibytes(resident_kib(&node).saturating_sub(before)) < 10);
    assert_eq!(node.call("GET", "/healthcheck").status, 200);
}

/// The memory a node occupies.
fn resident_kib(node: &Node) -> u64 {
    let path = format!("/proc/{}/status", node.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("the node runs on Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("it is there");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let node = Node::start(&[]);
    let large = "x".repeat(65 * 1024);
    assert_eq!(
        node.connect()
            .ask(&request("GET", "/healthcheck", &[("X", &large)], ""))
            .status,
        431
    );
    let many: Vec<_> = (0..101).map(|_| ("X", "y")).collect();
    assert_eq!(
        node.connect()
            .ask(&request("GET", "/healthcheck", &many, ""))
            .status,
        431
    );
    let path = format!("/v1/registration/{}", "x".repeat(65 * 1024));
    assert!([414, 431].contains(&node.connect().ask(&request("GET", &path, &[], "")).status));
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let node = Node::start(&[]);
    let mut connection = node.connect();
    let two = [HEALTH, &request("GET", "/v1/registration/any", &[], "")].concat();
    assert_eq!(connection.ask(&two).text(), "OK");
    assert!(
        connection
            .answer()
            .expect("an answer")
            .text()
            .contains("\"any\"")
    );
}

#[test]
fn a_client_that_stops_sending_after_its_request_is_answered() {
    let node = Node::start(&[]);
    let mut connection = node.connect();
    connection.send(HEALTH).expect("the node reads");
    connection.finish_sending();
    assert_eq!(connection.answer().expect("an answer").text(), "OK");
}

#[tokio::test]
async fn both_versions_of_http_are_served_on_one_port() {
    let node = Node::start(&[]);
    let url = format!("http://{}/v1/registration/any", node.address);
    let old = reqwest::Client::builder()
        .http1_only()
        .build()
        .expect("a client");
    let new = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    for (client, version) in [
        (old, reqwest::Version::HTTP_11),
        (new, reqwest::Version::HTTP_2),
    ] {
        let answer = client.get(&url).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        assert!(answer.text().await.expect("a body").contains("\"any\""));
    }
}

#[tokio::test]
async fn an_http2_client_has_its_requests_finished_when_the_node_stops() {
    let node = Node::start(&[]);
    let url = format!("http://{}/healthcheck", node.address);
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    assert!(
        client
            .get(&url)
            .send()
            .await
            .expect("an answer")
            .status()
            .is_success()
    );
    node.signal(rustix::process::Signal::TERM);
    node.wait_for_log("no more connections");
    let answers = futures_util::future::join_all((0..100).map(|_| client.get(&url).send())).await;
    assert!(
        answers
            .into_iter()
            .all(|answer| answer.expect("an answer").status().is_success())
    );
    assert_eq!(support::code(node.wait()), 0);
}

#[test]
#[expect(clippy::print_stdout, reason = "a skip says that it is one")]
fn one_address_serves_ipv4_and_ipv6_and_knows_each_peer_by_its_own() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    let node = Node::start(&[("BIND_ADDRESS", "::"), ("AUTO_IP_RANGES", "127.0.0.1,::1")]);
    let form = "auto_ip=true&port=80&revision=a&tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\"}";
    for local in ["127.0.0.1", "::1"] {
        let address = (
            local.parse::<IpAddr>().expect("an address"),
            node.address.port(),
        )
            .into();
        let answer =
            Connection::to(address).ask(&request("POST", "/v1/registration/both", &[FORM], form));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let list = node.call("GET", "/v1/registration/both");
        assert!(
            list.text()
                .contains(&format!("\"ip_address\": \"{local}\"")),
            "{}",
            list.text()
        );
    }
}

#[test]
fn nonsense_harms_nobody() {
    let node = Node::start(&[]);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    let begins: [&[u8]; 6] = [
        b"",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI ",
        b"POST /v1/registration/x HTTP/1.1\r\nContent-Length: 40\r\n",
        b"GET /v1/registration/",
        b"POST /v1/registration/x HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n",
    ];
    for round in 0..300 {
        let mut connection = node.connect();
        let noise: Vec<u8> = (0..64).map(|_| byte()).collect();
        // The node may close before it has read all.
        drop(connection.send(&[begins[round % begins.len()], &noise].concat()));
        connection.finish_sending();
        connection.wait_for_end(|_| ());
    }
    assert_eq!(node.call("GET", "/healthcheck").status, 200);
    assert!(
        !node.log().iter().any(|line| line.contains("panicked")),
        "{:#?}",
        node.log()
    );
}

#[test]
fn one_connection_too_many_is_told_so() {
    let node = Node::start(&[("MAX_CONNECTIONS", "2")]);
    let (mut first, mut second) = (node.connect(), node.connect());
    assert_eq!(
        (first.ask(HEALTH).status, second.ask(HEALTH).status),
        (200, 200)
    );
    let refused = node.connect().ask(HEALTH);
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    node.wait_for_log("MAX_CONNECTIONS");
    drop(first);
    wait_until("a place is free", || {
        (node.connect().ask(HEALTH).status == 200).then_some(())
    });
}

#[test]
fn idle_connections_make_room_while_places_are_scarce() {
    let node = Node::start(&[("MAX_CONNECTIONS", "2")]);
    let mut idle = node.connect();
    assert_eq!(idle.ask(HEALTH).status, 200);
    let mut other = node.connect();
    assert_eq!(other.ask(HEALTH).status, 200);
    let time = time_of(|| idle.wait_for_end(|_| assert_eq!(other.ask(HEALTH).status, 200)));
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(40)).contains(&time),
        "{time:?}"
    );
}

#[test]
fn a_node_without_free_files_waits_in_peace_and_serves_again() {
    let folder = Arc::new(folder());
    let binary = command(&folder).get_program().to_owned();
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "ulimit -n 32 && exec \"$0\""])
        .arg(binary);
    limited.env_clear().current_dir(folder.path());
    let node = Node::spawn(limited, &folder, &[]);
    let many: Vec<_> = (0..64).map(|_| node.connect()).collect();
    node.wait_for_log("connections can't be accepted");
    let before = cpu_ticks(&node);
    thread::sleep(Duration::from_secs(1));
    assert!(cpu_ticks(&node) - before < 20, "it spins");
    drop(many);
    wait_until("it serves again", || {
        (node.connect().ask(HEALTH).status == 200).then_some(())
    });
}

/// The CPU time a node has used, in hundredths of a second.
fn cpu_ticks(node: &Node) -> u64 {
    let path = format!("/proc/{}/stat", node.pid().as_raw_nonzero());
    let stat = std::fs::read_to_string(path).expect("the node runs on Linux");
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    let ticks = |field: usize| fields[field].parse::<u64>().expect("a number");
    ticks(11) + ticks(12)
}
