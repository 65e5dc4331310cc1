//! What can be done to a node over few connections, each with many requests.

use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::client::Target;
use discovery_bench::fleet::Fleet;
use discovery_bench::pace::{Pace, paced, register};
use discovery_bench::tally::Tally;
use futures_util::future::try_join_all;

use crate::fault::{Fault, Outcome, Scale, millis};
use crate::http2::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Http2, RST_STREAM, headers, request,
};
use crate::launch::{Launch, Node};
use crate::memory::{Memory, mebibytes};
use crate::note;

pub(crate) const FAULT: Fault = Fault {
    name: "hostile-http2",
    mark: "a request whose body is under way takes < 24 KiB, everything else < 10 MiB in all; meanwhile 0 heartbeats fail",
    run: |scale| Box::pin(run(scale)),
};

/// How many requests one connection has under way, and what each may take.
const STREAMS: u32 = 250;
const MOST_UNDER_WAY: u64 = 24 << 10;
const PIECE: usize = 16 * 1000;
/// How long a client waits for a node that takes no more.
const STALL: Duration = Duration::from_millis(500);
const POLL: &str = "/v3/discovery:endpoints";

/// What is done on one connection.
#[derive(Debug, Clone, Copy)]
enum Abuse {
    Bodies,
    Resets,
    Continuations,
    HugeLists,
}

async fn run(scale: Scale) -> Result<Outcome> {
    let connections = scale.pick(16, 64);
    let under_way = MOST_UNDER_WAY * u64::from(STREAMS) * connections as u64;
    let mut outcome = Outcome::of(format!(
        "on {connections} connections each: {STREAMS} streams with up to 512 KB of a body under way; 20,000 streams reset at \
         once; 64 MiB of CONTINUATION; header lists of 1 MiB; 500 heartbeats/s beside it"
    ));
    for (name, abuse, most) in [
        ("bodies under way", Abuse::Bodies, under_way),
        ("rapid resets", Abuse::Resets, 10 << 20),
        ("CONTINUATION", Abuse::Continuations, 10 << 20),
        ("header lists", Abuse::HugeLists, 10 << 20),
    ] {
        note(name);
        let (growth, tally) = abused(abuse, connections).await?;
        let (failed, p99) = (tally.unsuccessful(), tally.percentile(99.0));
        let (grown, p99_text) = (mebibytes(growth), millis(p99));
        outcome.hold(
            growth < most && failed == 0 && tally.succeeded() > 0,
            format!("{name}: +{grown}, {failed} heartbeats failed, p99 {p99_text}"),
        );
    }
    Ok(outcome)
}

/// By how much a node grew, and what came of the heartbeats meanwhile.
async fn abused(abuse: Abuse, connections: usize) -> Result<(u64, Tally)> {
    // A node of its own: one that has just given memory back takes some of it again for any work.
    let node = Launch::new(&[])?.ready().await?;
    let fleet = Fleet::of([("web".to_owned(), 1000)]);
    register(node.target, &fleet).await?;
    // What every thread needs once is not what the abuse costs.
    heartbeats(&node, &fleet, Duration::from_secs(5)).await?;
    let memory = Memory::of(&node)?;
    let abusing = try_join_all((0..connections).map(|_| abuse.on(node.target)));
    let beating = heartbeats(&node, &fleet, Duration::from_secs(15));
    let (_, tally) = tokio::try_join!(abusing, beating)?;
    Ok((memory.growth()?, tally))
}

async fn heartbeats(node: &Node, fleet: &Fleet, time: Duration) -> Result<Tally> {
    let (fleet, hosts) = (fleet.clone(), u64::from(fleet.hosts()));
    let check_in = move |number: u64| {
        let host = u32::try_from(number % hosts).expect("there are fewer than that");
        fleet.host(host).check_in()
    };
    paced(node.target, 8, Pace::new(500.0, time), check_in).await
}

impl Abuse {
    async fn on(self, target: Target) -> Result<()> {
        let mut connection = Http2::connect(target).await?;
        connection.hear(STALL).await;
        match self {
            Self::Bodies => bodies(&mut connection).await,
            Self::Resets => resets(&mut connection).await,
            Self::Continuations => continuations(&mut connection).await,
            Self::HugeLists => huge_lists(&mut connection).await,
        }
        Ok(())
    }
}

/// Begins many bodies and ends none, until the node takes no more of them.
async fn bodies(connection: &mut Http2) {
    const PIECES: usize = 32;
    let mut block = request("POST", POLL);
    block.push(("content-type", "application/json"));
    let block = headers(block);
    let streams: Vec<u32> = (0..STREAMS).map(|stream| 2 * stream + 1).collect();
    for stream in &streams {
        connection.send(HEADERS, END_HEADERS, *stream, &block).await;
    }
    let piece = vec![b' '; PIECE];
    for _ in 0..PIECES {
        for stream in &streams {
            if !connection.send_data(*stream, &piece, STALL).await {
                return;
            }
        }
    }
}

/// Takes back requests as fast as they are sent.
async fn resets(connection: &mut Http2) {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let block = headers(request("GET", "/v1/registration/web"));
    for stream in (0..20_000).map(|stream| 2 * stream + 1) {
        connection
            .send(HEADERS, END_HEADERS | END_STREAM, stream, &block)
            .await;
        connection.send(RST_STREAM, 0, stream, &CANCEL).await;
        if connection.ended {
            return;
        }
    }
}

/// Goes on with a head that never ends.
async fn continuations(connection: &mut Http2) {
    connection
        .send(
            HEADERS,
            END_STREAM,
            1,
            &headers(request("GET", "/healthcheck")),
        )
        .await;
    let more = headers([("x", "y".repeat(PIECE).as_str())]);
    for _ in 0..(64 << 20) / PIECE {
        connection.send(CONTINUATION, 0, 1, &more).await;
        if connection.ended {
            return;
        }
    }
}

/// Sends heads that end, but are far too large.
async fn huge_lists(connection: &mut Http2) {
    let more = headers([("x", "y".repeat(PIECE).as_str())]);
    for stream in (0..50).map(|stream| 2 * stream + 1) {
        connection
            .send(
                HEADERS,
                END_STREAM,
                stream,
                &headers(request("GET", "/healthcheck")),
            )
            .await;
        for piece in 0..60 {
            let flags = if piece == 59 { END_HEADERS } else { 0 };
            connection.send(CONTINUATION, flags, stream, &more).await;
        }
        if connection.ended {
            return;
        }
    }
}
