//! Item 7: how many heartbeats DynamoDB is asked to store where most may be held back.

use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::client::{Connection, Target as Address};
use discovery_bench::fleet::{Fleet, get};
use discovery_bench::pace::{self, Pace};

use crate::reads::row;
use crate::rivals;
use crate::table::{Row, Target};

const FLEET: u32 = 1_000;
/// Time runs 20 times as fast: a beat every 3 s for one a minute, stored every 10 s for every 200 s.
const BEAT: Duration = Duration::from_secs(3);
const INTERVAL: &str = "10";
const LASTING: Duration = Duration::from_mins(1);

/// Measures item 7, where the emulator was built.
pub(crate) async fn measure() -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let fleet = Fleet::zipf(FLEET);
    let interval = ("HEARTBEAT_PERSIST_INTERVAL", INTERVAL.to_owned());
    let Some((_emulator, server)) = rivals::on_dynamodb(folder.path(), [interval], &fleet).await?
    else {
        return Ok(Vec::new());
    };
    let before = writes(server.target).await?;
    let request = move |turn: u64| {
        let host = u32::try_from(turn % u64::from(FLEET)).unwrap_or(0);
        fleet.host(host).check_in()
    };
    let pace = Pace::new(f64::from(FLEET) / BEAT.as_secs_f64(), LASTING);
    let tally = pace::paced(server.target, 8, pace, request).await?;
    if tally.unsuccessful() > 0 {
        return Err(format!("heartbeats were not taken: {tally}").into());
    }
    let (stored, beats) = (writes(server.target).await? - before, tally.succeeded());
    Ok(vec![row(
        7,
        "writes a beat, a beat a minute and HEARTBEAT_PERSIST_INTERVAL=200, 20 times as fast"
            .into(),
        ratio(stored, beats),
        Target::AtMost(0.34),
        format!("{stored} writes for {beats} beats"),
    )])
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn ratio(stored: u64, beats: u64) -> f64 {
    stored as f64 / beats as f64
}

/// How many writes the server has sent to DynamoDB so far.
async fn writes(server: Address) -> Result<u64> {
    const COUNTER: &str = "discovery_dynamodb_requests_total{operation=\"";
    let mut connection = Connection::open(server).await?;
    let reply = connection.send(&get("/metrics")).await?;
    let metrics = str::from_utf8(reply.body)?;
    let mut writes = 0;
    for counter in metrics
        .lines()
        .filter_map(|line| line.strip_prefix(COUNTER))
    {
        let (operation, count) = counter.split_once("\"} ").ok_or("a counter has a value")?;
        if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") {
            writes += count.parse::<u64>()?;
        }
    }
    Ok(writes)
}
