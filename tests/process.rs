//! How the process starts, stops and tells what is wrong.

mod support;

use rustix::process::Signal;
use support::client::{Connection, request};
use support::{Node, code, field, folder, output, wait_until};

#[test]
fn both_signals_stop_the_node_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let node = Node::start(&[]);
        node.signal(signal);
        assert_eq!(code(node.wait()), 0, "{signal:?}");
    }
}

#[test]
fn a_signal_that_a_file_may_grow_no_further_does_not_end_the_node() {
    let node = Node::start(&[]);
    node.signal(Signal::XFSZ);
    assert_eq!(node.call("GET", "/healthcheck").status, 200);
    node.signal(Signal::TERM);
    assert_eq!(code(node.wait()), 0);
}

#[test]
fn a_request_under_way_is_finished_before_the_node_stops() {
    let node = Node::start(&[]);
    let mut connection = node.connect();
    let form =
        "ip=10.0.0.1&port=80&revision=a&tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\"}";
    let whole = request(
        "POST",
        "/v1/registration/slow",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        form,
    );
    let (begin, rest) = whole.split_at(whole.len() - 10);
    connection.send(begin).expect("the node reads");
    // It is under way once it is counted.
    wait_until("the request is under way", || {
        node.call("GET", "/metrics")
            .text()
            .contains("requests_in_flight 2")
            .then_some(())
    });
    node.signal(Signal::TERM);
    node.wait_for_log("no more connections");
    let answer = connection.ask(rest);
    assert_eq!((answer.status, answer.text()), (200, "{}\n"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(code(node.wait()), 0);
}

#[test]
fn a_connection_that_was_idle_is_answered_once_more_while_the_node_stops() {
    let node = Node::start(&[]);
    let (mut used, mut fresh) = (node.connect(), node.connect());
    assert_eq!(
        used.ask(&request("GET", "/healthcheck", &[], "")).status,
        200
    );
    node.signal(Signal::TERM);
    node.wait_for_log("no more connections");
    for connection in [&mut used, &mut fresh] {
        let answer = connection.ask(&request("GET", "/readyz", &[], ""));
        assert_eq!(
            (answer.status, answer.header("connection")),
            (503, Some("close"))
        );
    }
    assert_eq!(code(node.wait()), 0);
}

#[test]
fn a_node_that_stops_refuses_new_connections() {
    let node = Node::start(&[]);
    let address = node.address;
    let mut held = node.connect();
    held.send(b"GET /healthcheck HTTP/1.1\r\n")
        .expect("the node reads");
    node.signal(Signal::TERM);
    wait_until("connections are refused", || {
        Connection::try_to(address).is_err().then_some(())
    });
    assert_eq!(held.ask(b"Host: node\r\n\r\n").status, 200);
    assert_eq!(code(node.wait()), 0);
}

#[test]
fn no_request_is_lost_when_a_busy_node_stops() {
    const FORM: &str =
        "ip=10.0.0.1&port=80&revision=a&tags={\"az\":\"a\",\"region\":\"b\",\"instance_id\":\"c\"}";
    let node = Node::start(&[]);
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let heartbeat = request("POST", "/v1/registration/busy", &[kind], FORM);
    let answered = std::thread::scope(|scope| {
        // A client that is told to close opens a new connection, which may be refused and nothing else.
        let client = || {
            let mut answered = 0;
            while let Ok(mut connection) = Connection::try_to(node.address) {
                loop {
                    let answer = connection.ask(&heartbeat);
                    assert_eq!(answer.status, 200);
                    answered += 1;
                    if answer.header("connection") == Some("close") {
                        break;
                    }
                }
            }
            answered
        };
        let clients = [(); 8].map(|()| scope.spawn(client));
        node.wait_for_log("registerHost");
        node.signal(Signal::TERM);
        clients
            .map(|client| client.join().expect("no request is lost"))
            .iter()
            .sum::<u32>()
    });
    assert!(answered >= 8, "{answered}");
    assert_eq!(code(node.wait()), 0);
}

#[test]
fn nobody_who_does_not_read_the_log_stops_the_node() {
    let folder = folder();
    let mut command = support::command(&folder);
    let port = free_port();
    command.envs([
        ("BACKEND_STORAGE", "InMemory"),
        ("BIND_ADDRESS", "127.0.0.1"),
        ("PORT", &port.to_string()),
    ]);
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let mut connection = wait_until("it listens", || {
        Connection::try_to(([127, 0, 0, 1], port).into()).ok()
    });
    // Far more than a pipe holds.
    for _ in 0..1000 {
        assert_eq!(
            connection
                .ask(&request("GET", "/healthcheck", &[], ""))
                .status,
            200
        );
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM)
        .expect("it runs");
    let ended = wait_until("it ends", || child.try_wait().expect("it is our child"));
    assert_eq!(code(ended), 0);
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
fn a_node_without_hosts_is_ready_soon() {
    let began = std::time::Instant::now();
    let node = Node::start(&[]);
    wait_until("it is ready", || {
        (node.call("GET", "/readyz").status == 200).then_some(())
    });
    // Without optimisation the contract alone takes longer to write than a node may take to start.
    let longest = if cfg!(debug_assertions) { 5000 } else { 200 };
    assert!(
        began.elapsed().as_millis() < longest,
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_delayed_stop_goes_on_serving_and_says_that_it_is_not_ready() {
    let node = Node::start(&[("SHUTDOWN_DELAY", "2")]);
    assert_eq!(node.call("GET", "/readyz").status, 200);
    node.signal(Signal::TERM);
    wait_until("it is not ready", || {
        (node.call("GET", "/readyz").status == 503).then_some(())
    });
    assert_eq!(node.call("GET", "/v1/registration/any").status, 200);
    assert_eq!(code(node.wait()), 0);
}

#[test]
fn a_second_signal_ends_the_node_at_once() {
    let node = Node::start(&[]);
    let mut held = node.connect();
    held.send(b"POST /v1/registration/held HTTP/1.1\r\nHost: node\r\nContent-Length: 5\r\n\r\n")
        .expect("the node reads");
    wait_until("the request is under way", || {
        node.call("GET", "/metrics")
            .text()
            .contains("requests_in_flight 2")
            .then_some(())
    });
    node.signal(Signal::TERM);
    node.wait_for_log("stopping");
    node.signal(Signal::TERM);
    assert_eq!(code(node.wait()), 143);
}

#[test]
fn every_wrong_setting_has_a_line_and_the_process_ends_with_2() {
    let ended = output(
        &[],
        &[
            ("HOST_TTL", "soon"),
            ("PORT", "99999"),
            ("CACHE_TYPE", "memcached"),
        ],
    );
    let lines = String::from_utf8(ended.stderr).expect("UTF-8");
    assert_eq!(code(ended.status), 2);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for begin in [
        "HOST_TTL: \"soon\" ",
        "PORT: \"99999\" ",
        "CACHE_TYPE: \"memcached\" ",
    ] {
        assert!(
            lines.lines().any(|line| line.starts_with(begin)),
            "{begin} in {lines}"
        );
    }
}

#[test]
fn a_settings_file_is_named_on_the_command_line_or_in_the_environment() {
    let folder = folder();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "host_ttl = 61\n").expect("a temporary file can be written");
    let file = file.to_str().expect("UTF-8");
    for (arguments, environment) in [
        (vec!["config", "--config", file], vec![]),
        (
            vec!["--config", file, "config"],
            vec![("DISCOVERY_CONFIG", "/nowhere")],
        ),
        (vec!["config"], vec![("DISCOVERY_CONFIG", file)]),
    ] {
        let ended = output(&arguments, &environment);
        let shown = String::from_utf8(ended.stdout).expect("UTF-8");
        let line = shown
            .lines()
            .find(|line| line.starts_with("HOST_TTL=61 "))
            .expect("the file counts");
        assert!(line.ends_with("# file"), "{line}");
    }
    let missing = output(&["--config", "/nowhere"], &[]);
    assert_eq!(code(missing.status), 2);
}

#[test]
fn commands_print_what_they_promise() {
    let printed = |arguments: &[&str]| {
        let ended = output(arguments, &[]);
        assert_eq!(code(ended.status), 0, "{arguments:?}");
        String::from_utf8(ended.stdout).expect("UTF-8")
    };
    assert_eq!(
        printed(&["--version"]),
        concat!("discovery ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert!(printed(&["openapi"]).starts_with("openapi: "));
    let help = printed(&["--help"]);
    for word in ["serve", "openapi", "config", "--config", "discovery config"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(printed(&["config"]).contains("HOST_TTL=600 "));
    assert!(printed(&["config", "--markdown"]).contains("| `HOST_TTL` | `600` |"));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let node = Node::start(&[]);
    let log = log_of_a_failed_start(&node, &[("LOG_LEVEL", "info")]);
    let last = log.lines().last().expect("there are lines");
    assert!(
        last.contains(&format!("can't serve on {}", node.address)),
        "{log}"
    );
}

#[test]
fn log_lines_are_for_people_unless_debug_is_off() {
    let node = Node::start(&[]);
    let people = log_of_a_failed_start(&node, &[]);
    assert!(
        people
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_err()),
        "{people}"
    );
    let json = log_of_a_failed_start(&node, &[("DEBUG", "false")]);
    let levels: Vec<_> = json.lines().map(|line| field(line, "level")).collect();
    assert!(
        levels.contains(&"INFO".to_owned()) && levels.contains(&"ERROR".to_owned()),
        "{json}"
    );
}

#[test]
fn the_log_level_hides_what_is_less_important() {
    let node = Node::start(&[]);
    for level in ["ERROR", "critical"] {
        let log = log_of_a_failed_start(&node, &[("LOG_LEVEL", level)]);
        assert_eq!(log.lines().count(), 1, "{log}");
    }
    let told = log_of_a_failed_start(&node, &[("LOG_LEVEL", "OFF")]);
    assert!(told.starts_with("not started: can't serve on "), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

/// What a node logs that can't start because its port is taken.
fn log_of_a_failed_start(taken: &Node, environment: &[(&str, &str)]) -> String {
    let port = taken.address.port().to_string();
    let mut all = vec![
        ("PORT", port.as_str()),
        ("BIND_ADDRESS", "127.0.0.1"),
        ("BACKEND_STORAGE", "InMemory"),
    ];
    all.extend(environment);
    let ended = output(&[], &all);
    assert_eq!(code(ended.status), 1);
    String::from_utf8(ended.stderr).expect("UTF-8")
}
