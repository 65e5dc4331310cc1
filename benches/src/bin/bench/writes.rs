//! Item 3: how fast heartbeats are taken.

use std::fs;
use std::path::Path;
use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::fleet::Fleet;
use discovery_bench::pace::{self, Pace};
use discovery_bench::server::Server;
use tempfile::TempDir;

use crate::fixture::{self, WRITERS, aim};
use crate::reads::{both, in_memory, row};
use crate::rivals;
use crate::rounds::{Rounds, median};
use crate::table::{Row, Target, rate};
use crate::wrk::What;

/// How many hosts beat.
const FLEET: u32 = 10_000;

/// Measures item 3.
pub(crate) async fn measure(rounds: Rounds) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let fleet = fixture::fleet(&[], FLEET);
    let beats = fixture::beats(&fleet, 0..fleet.hosts(), folder.path().join("beats"))?;
    let memory = fixture::registry(&in_memory(folder.path()), &fleet).await?;
    let mut rows = beside_hyper(rounds, &memory, &beats, folder.path()).await?;
    rows.push(at_half_the_peak(rounds, &memory, &beats, &fleet).await?);
    rows.extend(durable(rounds, &memory, &beats, &fleet).await?);
    Ok(rows)
}

async fn beside_hyper(
    rounds: Rounds,
    memory: &Server,
    beats: &What,
    folder: &Path,
) -> Result<Vec<Row>> {
    fs::write(folder.join("probe"), "{}")?;
    let hyper = rivals::raw_hyper(folder, "/probe").await?;
    let aims = [memory, &hyper].map(|server| aim(server, WRITERS, beats.clone()));
    let [ours, hyper] = rounds.shoot(aims.each_ref()).await?;
    let what = "heartbeat, form, of bare hyper".to_owned();
    Ok(vec![row(
        3,
        what,
        ours.times(&hyper),
        Target::AtLeast(0.7),
        both(&ours, &hyper),
    )])
}

/// The latency that counts from when each heartbeat was due.
async fn at_half_the_peak(
    rounds: Rounds,
    memory: &Server,
    beats: &What,
    fleet: &Fleet,
) -> Result<Row> {
    let mut p99s = Vec::new();
    let mut half = 0.0;
    for _ in 0..rounds.rounds {
        half = aim(memory, WRITERS, beats.clone())
            .shoot(rounds.seconds)
            .await?
            .rate
            / 2.0;
        let (fleet, hosts) = (fleet.clone(), u64::from(fleet.hosts()));
        let request = move |turn: u64| {
            fleet
                .host(u32::try_from(turn % hosts).unwrap_or(0))
                .check_in()
        };
        let pace = Pace::new(half, Duration::from_secs(rounds.seconds));
        let tally = pace::paced(memory.target, u64::from(WRITERS), pace, request).await?;
        p99s.push(tally.percentile(99.0).as_secs_f64() * 1e3);
    }
    Ok(Row {
        item: 3,
        what: "p99 of a heartbeat at half of the peak rate".into(),
        measured: median(p99s.into_iter()),
        unit: " ms",
        target: Target::AtMost(5.0),
        figures: format!("at {}", rate(half)),
    })
}

/// Heartbeats that are on disk when they are answered; a folder in memory makes that free.
async fn durable(rounds: Rounds, memory: &Server, beats: &What, fleet: &Fleet) -> Result<Vec<Row>> {
    let (disk_folder, free_folder) = (on_disk()?, in_shared_memory()?);
    let disk = fixture::registry(&in_file(disk_folder.path()), fleet).await?;
    let free = fixture::registry(&in_file(free_folder.path()), fleet).await?;
    let aims = [
        aim(memory, WRITERS, beats.clone()),
        aim(&free, WRITERS, beats.clone()),
        aim(&disk, WRITERS, beats.clone()),
        aim(&disk, 1, beats.clone()),
    ];
    let [memory, free, many, one] = rounds.shoot(aims.each_ref()).await?;
    let (shared, cheap) = (many.times(&one), free.times(&memory));
    Ok(vec![
        row(
            3,
            "InFile, 64 connections, of one".into(),
            shared,
            Target::AtLeast(10.0),
            both(&many, &one),
        ),
        row(
            3,
            "InFile with fsync for free, of InMemory".into(),
            cheap,
            Target::AtLeast(0.5),
            both(&free, &memory),
        ),
    ])
}

/// The settings of a registry that keeps its hosts in a file.
pub(crate) fn in_file(folder: &Path) -> Vec<(&'static str, String)> {
    let folder = folder.display().to_string();
    vec![
        ("BACKEND_STORAGE", "InFile".into()),
        ("APPLICATION_DIR", folder),
    ]
}

/// A folder beside the programs, which lie on a disk where temporary files may not.
pub(crate) fn on_disk() -> Result<TempDir> {
    let program = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(
        program.parent().unwrap_or(Path::new(".")),
    )?)
}

fn in_shared_memory() -> Result<TempDir> {
    Ok(tempfile::tempdir_in("/dev/shm")?)
}
