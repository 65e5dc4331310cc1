//! Bodies that no host sends.

use discovery_bench::Result;
use discovery_bench::client::{Connection, Target};
use discovery_bench::fleet::Fleet;
use discovery_bench::pace::register;
use futures_util::future::try_join_all;

use crate::fault::{Fault, Outcome, Scale};
use crate::launch::Launch;
use crate::memory::{Memory, mebibytes};
use crate::raw::{post, status_of};

pub(crate) const FAULT: Fault = Fault {
    name: "hostile-bodies",
    mark: "4xx, resident memory grows < 10 MiB",
    run: |scale| Box::pin(run(scale)),
};

const MOST_GROWTH: u64 = 10 << 20;
/// How many clients send the same at a time.
const CLIENTS: usize = 2;
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const HOSTS: &str = "/v1/registration/web";
const POLL: &str = "/v3/discovery:endpoints";
const TAGS: &str = r#""az": "a", "region": "r", "instance_id": "i""#;

/// A request, and what follows it so many times.
struct Hostile {
    name: &'static str,
    begin: Vec<u8>,
    more: Vec<u8>,
    times: usize,
}

async fn run(_: Scale) -> Result<Outcome> {
    let node = Launch::new(&[])?.ready().await?;
    let fleet = Fleet::of([("web".to_owned(), 100)]);
    register(node.target, &fleet).await?;
    let all: Vec<Hostile> = endless().chain(large()).chain(wrong()).collect();
    let mut outcome = Outcome::of(format!("{} bodies, {CLIENTS} clients each", all.len()));
    warm(node.target).await?;
    for hostile in &all {
        let memory = Memory::of(&node)?;
        let statuses = statuses(node.target, hostile).await?;
        let growth = memory.growth()?;
        let refused = statuses.iter().all(|status| (400..500).contains(status));
        let holds = refused && growth < MOST_GROWTH;
        let (name, grown) = (hostile.name, mebibytes(growth));
        outcome.hold(holds, format!("{name}: {} +{grown}", statuses[0]));
    }
    let mut connection = Connection::open(node.target).await?;
    let heartbeat = connection.send(&fleet.host(0).check_in()).await?.status;
    outcome.hold(
        heartbeat == 200,
        format!("a heartbeat afterwards: {heartbeat}"),
    );
    Ok(outcome)
}

/// Sends the largest bodies that are taken, again and again: what a thread needs for its first one, which the system may
/// give in pages of 2 MiB, is not what one more costs.
async fn warm(target: Target) -> Result<()> {
    const TIMES: usize = 32;
    for taken in taken().cycle().take(2 * TIMES) {
        let statuses = statuses(target, &taken).await?;
        if statuses.iter().any(|status| *status != 200) {
            return Err(format!("{}: {statuses:?} instead of 200", taken.name).into());
        }
    }
    Ok(())
}

async fn statuses(target: Target, hostile: &Hostile) -> Result<Vec<u16>> {
    let clients = (0..CLIENTS).map(|_| {
        let Hostile {
            begin, more, times, ..
        } = hostile;
        status_of(target, begin.clone(), more.clone(), *times)
    });
    try_join_all(clients).await
}

fn taken() -> impl Iterator<Item = Hostile> + Clone {
    let form = format!(
        "ip=10.0.0.1&port=80&revision=a&tags={{{TAGS}}}&x={}",
        "x".repeat(60_000)
    );
    let poll = format!("{{\"resource_names\": [\"web\"]{}}}", " ".repeat(1_000_000));
    [
        ("the largest form", HOSTS, FORM, form),
        ("the largest poll", POLL, JSON, poll),
    ]
    .into_iter()
    .map(|(name, path, kind, body)| Hostile::once(name, path, kind, body.as_bytes()))
}

/// 1 GiB in chunks, whoever reads it.
fn endless() -> impl Iterator<Item = Hostile> {
    const CHUNK: usize = 64 * 1024;
    let chunk = format!("{CHUNK:x}\r\n{}\r\n", "x".repeat(CHUNK)).into_bytes();
    let paths = [
        ("1 GiB chunked form", HOSTS, FORM),
        ("1 GiB chunked JSON", HOSTS, JSON),
        ("1 GiB chunked poll", POLL, JSON),
    ];
    paths.into_iter().map(move |(name, path, kind)| Hostile {
        name,
        begin: format!("POST {path} HTTP/1.1\r\nHost: node\r\n{kind}{CHUNKED}\r\n").into_bytes(),
        more: chunk.clone(),
        times: (1 << 30) / CHUNK,
    })
}

fn large() -> impl Iterator<Item = Hostile> {
    let many_tags: Vec<String> = (0..1_000_000).map(|tag| format!("\"t{tag}\": 1")).collect();
    let bodies = [
        ("10,000 form fields", HOSTS, FORM, "a=b&".repeat(10_000)),
        ("1,000,000 tags", HOSTS, JSON, host(&many_tags.join(", "))),
        (
            "4,000 tags",
            HOSTS,
            JSON,
            host(&many_tags[..4000].join(", ")),
        ),
        (
            "deep JSON",
            HOSTS,
            JSON,
            host(&format!("\"x\": {}", "[".repeat(60_000))),
        ),
        (
            "deep JSON that ends",
            HOSTS,
            JSON,
            host(&format!(
                "\"x\": {}1{}",
                "[".repeat(30_000),
                "]".repeat(30_000)
            )),
        ),
        (
            "a deep poll",
            POLL,
            JSON,
            format!("{{\"node\": {}", "[".repeat(900_000)),
        ),
        (
            "a poll of 200,000 names",
            POLL,
            JSON,
            format!("{{\"resource_names\": [{}\"\"]}}", "\"\",".repeat(200_000)),
        ),
    ];
    bodies
        .into_iter()
        .map(|(name, path, kind, body)| Hostile::once(name, path, kind, body.as_bytes()))
}

fn wrong() -> impl Iterator<Item = Hostile> {
    let zipped = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    [
        (
            "NUL in an address",
            HOSTS,
            FORM,
            b"ip=10.0.0.1%00&port=80&revision=a".to_vec(),
        ),
        (
            "NUL in JSON",
            HOSTS,
            JSON,
            host("\"x\": \"\0\"").into_bytes(),
        ),
        (
            "NUL in a service",
            "/v1/registration/a%00b",
            JSON,
            host("\"x\": 1").into_bytes(),
        ),
        (
            "broken UTF-8 in a form",
            HOSTS,
            FORM,
            b"ip=10.0.0.1&port=80&revision=%ff%fe".to_vec(),
        ),
        (
            "broken UTF-8 in JSON",
            HOSTS,
            JSON,
            b"{\"ip\": \"\xff\xfe\"}".to_vec(),
        ),
        (
            "broken UTF-8 in a path",
            "/v1/registration/%ff",
            JSON,
            host("\"x\": 1").into_bytes(),
        ),
        (
            "broken UTF-8 in a poll",
            POLL,
            JSON,
            b"{\"resource_names\": [\"\xff\"]}".to_vec(),
        ),
        ("gzip bomb", HOSTS, zipped, BOMB.to_vec()),
        ("gzip bomb as a poll", POLL, zipped, BOMB.to_vec()),
    ]
    .into_iter()
    .map(|(name, path, kind, body)| Hostile::once(name, path, kind, &body))
}

/// 60 MiB of blanks, as much as gzip puts into 64 KiB.
const BOMB: &[u8] = include_bytes!("bomb.gz");

impl Hostile {
    fn once(name: &'static str, path: &str, kind: &str, body: &[u8]) -> Self {
        Self {
            name,
            begin: post(path, kind, body),
            more: Vec::new(),
            times: 0,
        }
    }
}

fn host(tags: &str) -> String {
    format!(r#"{{"ip": "10.0.0.1", "port": 80, "revision": "a", "tags": {{{TAGS}, {tags}}}}}"#)
}
