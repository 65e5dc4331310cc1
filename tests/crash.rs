//! A node that is killed at any moment: what it has acknowledged is there when it starts again.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use rustix::process::Signal;
use support::client::{Connection, request};
use support::{Node, folder, wait_until};

const ROUNDS: usize = 20;
const WRITERS: usize = 4;
const STORAGE: [(&str, &str); 1] = [("BACKEND_STORAGE", "InFile")];

/// What one writer knows: the last of its writes of each kind that was acknowledged, and the last that was sent.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    acknowledged: [usize; 4],
    sent: usize,
}

#[test]
fn no_acknowledged_write_is_lost_when_the_node_is_killed() {
    let folder = Arc::new(folder());
    let mut written = [Written::default(); WRITERS];
    for round in 0..ROUNDS {
        let node = Node::start_in(&folder, &STORAGE);
        written
            .iter()
            .enumerate()
            .for_each(|(writer, written)| check(&node, writer, *written));
        written = write_until_killed(node, written, 50 + 37 * round % 300);
    }
    let node = Node::start_in(&folder, &STORAGE);
    written
        .iter()
        .enumerate()
        .for_each(|(writer, written)| check(&node, writer, *written));
    assert!(
        written
            .iter()
            .all(|written| written.acknowledged[0] > ROUNDS),
        "there was something to lose"
    );
}

/// Has all writers write, and kills the node after so many acknowledgements.
fn write_until_killed(
    node: Node,
    written: [Written; WRITERS],
    acknowledgements: usize,
) -> [Written; WRITERS] {
    let all = Arc::new(AtomicUsize::new(0));
    let address = node.address;
    let writers: Vec<_> = written
        .into_iter()
        .enumerate()
        .map(|(writer, written)| {
            let all = Arc::clone(&all);
            thread::spawn(move || write(Connection::to(address), writer, written, &all))
        })
        .collect();
    wait_until("enough is written", || {
        (all.load(Relaxed) >= acknowledgements).then_some(())
    });
    node.signal(Signal::KILL);
    let written: Vec<_> = writers
        .into_iter()
        .map(|writer| writer.join().expect("no writer panics"))
        .collect();
    node.wait();
    written.try_into().expect("no writer got lost")
}

/// Registers, weighs and deletes until the connection breaks. The number of a write is in what it writes.
fn write(mut node: Connection, writer: usize, mut written: Written, all: &AtomicUsize) -> Written {
    loop {
        written.sent += 1;
        let requests = requests(writer, written.sent).into_iter().enumerate();
        for (kind, (method, path, form)) in requests {
            let headers = [("Content-Type", "application/x-www-form-urlencoded")];
            let answer = node
                .send(&request(method, &path, &headers, &form))
                .and_then(|()| node.answer());
            match answer {
                Ok(answer) => assert!(answer.status < 300, "{method} {path}: {answer:?}"),
                Err(_) => return written,
            }
            written.acknowledged[kind] = written.sent;
        }
        all.fetch_add(1, Relaxed);
    }
}

/// One write of each kind, all bearing the same number.
fn requests(writer: usize, number: usize) -> [(&'static str, String, String); 4] {
    let tags =
        "tags=%7B%22az%22%3A%22a%22%2C%22region%22%3A%22r%22%2C%22instance_id%22%3A%22i%22%7D";
    let form = |ip: &str| format!("ip={ip}&port=80&revision={number}&{tags}");
    let service = format!("/v1/registration/writer-{writer}");
    let weight = format!("load_balancing_weight={}", number % 100 + 1);
    [
        ("POST", service.clone(), form("10.0.0.1")),
        (
            "POST",
            format!("/v1/loadbalancing/writer-{writer}/10.0.0.1"),
            weight,
        ),
        ("POST", service.clone(), form("10.0.0.2")),
        ("DELETE", format!("{service}/10.0.0.2"), String::new()),
    ]
}

/// Finds what a writer wrote last: acknowledged, or sent when the node was killed.
fn check(node: &Node, writer: usize, written: Written) {
    let [registered, weighed, _, deleted] = written.acknowledged;
    if registered == 0 {
        return;
    }
    let answer = node.call("GET", &format!("/v1/registration/writer-{writer}"));
    let list: serde_json::Value = serde_json::from_slice(&answer.body).expect("a list is JSON");
    let hosts = list["hosts"].as_array().expect("a list has hosts");
    // What was sent since the last acknowledgement may have been done or not.
    let is_since = |first: usize, found: &serde_json::Value, make: fn(usize) -> String| {
        let found = found.to_string();
        (first..=written.sent).any(|number| found.trim_matches('"') == make(number))
    };
    let kept = &hosts[0];
    assert_eq!(kept["ip_address"], "10.0.0.1", "{list}");
    assert!(
        is_since(registered, &kept["revision"], |number| number.to_string()),
        "{kept} after {written:?}"
    );
    let weight = &kept["tags"]["load_balancing_weight"];
    assert!(
        weighed == 0 || is_since(weighed, weight, |number| (number % 100 + 1).to_string()),
        "{kept} after {written:?}"
    );
    // The second host is deleted by every write: it can only be there if the node was killed before.
    let half_done = hosts.len() == 2
        && is_since(deleted + 1, &hosts[1]["revision"], |number| {
            number.to_string()
        });
    assert!(hosts.len() == 1 || half_done, "{list}");
}
