//! Items 4 and 5: what a fleet costs as it grows.

use std::fs;
use std::path::{Path, PathBuf};

use discovery_bench::fleet::Fleet;
use discovery_bench::pace::register;
use discovery_bench::server::Server;
use discovery_bench::{Result, now};
use tempfile::TempDir;

use crate::fixture::{self, WRITERS, aim, get_list, resident};
use crate::plot::{self, Line};
use crate::reads::{both, in_memory, row};
use crate::rounds::{Rounds, Series};
use crate::table::{Row, Target, rate};
use crate::writes::{in_file, on_disk};
use crate::wrk::{Aim, What};

/// The sizes of the fleets.
const FLEETS: [u32; 4] = [1_110, 10_000, 100_000, 1_000_000];
/// The sizes of services, each of which the largest fleet has; the smaller fleets have the first three.
const SERVICES: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];

/// A registry with a fleet of one of the sizes.
struct Grown {
    fleet: Fleet,
    server: Server,
    /// What its process held before and after the hosts came, in bytes.
    empty: f64,
    full: f64,
    folder: TempDir,
}

impl Grown {
    async fn new(hosts: u32) -> Result<Self> {
        let services = if hosts == FLEETS[3] {
            &SERVICES[..]
        } else {
            &SERVICES[..3]
        };
        let (folder, fleet) = (tempfile::tempdir()?, fixture::fleet(services, hosts));
        let server = Server::start(&in_memory(folder.path())).await?;
        let empty = resident(&server)?;
        register(server.target, &fleet).await?;
        let full = resident(&server)?;
        Ok(Self {
            fleet,
            server,
            empty,
            full,
            folder,
        })
    }

    /// Heartbeats from all over the fleet.
    fn beats(&self) -> Result<Aim> {
        let what = fixture::beats(&self.fleet, 0..self.fleet.hosts(), self.file("beats"))?;
        Ok(aim(&self.server, WRITERS, what))
    }

    /// Heartbeats of one service.
    fn beats_of(&self, rank: usize) -> Result<Aim> {
        let file = self.file(&format!("beats-{rank}"));
        let what: What = fixture::beats(&self.fleet, self.fleet.hosts_of(rank), file)?;
        Ok(aim(&self.server, WRITERS, what))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Measures what memory a fleet takes.
pub(crate) async fn memory() -> Result<Vec<Row>> {
    let (large, largest) = (Grown::new(FLEETS[2]).await?, Grown::new(FLEETS[3]).await?);
    memory_of(&large, &largest)
}

fn memory_of(large: &Grown, largest: &Grown) -> Result<Vec<Row>> {
    const MEBIBYTE: f64 = 1_048_576.0;
    let a_host = |grown: &Grown| (grown.full - grown.empty) / f64::from(grown.fleet.hosts());
    let now = resident(&large.server)?;
    let figures = format!(
        "{:.1} MiB empty, {:.1} MiB full, {:.1} MiB at the end",
        large.empty / MEBIBYTE,
        large.full / MEBIBYTE,
        now / MEBIBYTE
    );
    let measured = a_host(large);
    Ok(vec![
        Row {
            item: 4,
            what: "a host of 100,000".into(),
            measured,
            unit: " B",
            target: Target::AtMost(600.0),
            figures,
        },
        Row {
            item: 4,
            what: "1,000,000 hosts".into(),
            measured: largest.full / MEBIBYTE,
            unit: " MiB",
            target: Target::AtMost(700.0),
            figures: format!("{:.0} B a host", a_host(largest)),
        },
    ])
}

/// Measures items 4 and 5, and plots the latter.
pub(crate) async fn measure(rounds: Rounds, svg: &Path) -> Result<Vec<Row>> {
    let mut grown = Vec::new();
    for hosts in FLEETS {
        grown.push(Grown::new(hosts).await?);
    }
    let [small, middle, large, largest] = grown.try_into().map_err(|_| "there are four fleets")?;
    let mut rows = memory_of(&large, &largest)?;
    rows.extend(small_beside_large(rounds, &small, &largest).await?);
    let gets = [&small, &middle, &large, &largest].map(|grown| get_list(&grown.server, 100, &[]));
    let gets = rounds.shoot(gets.each_ref()).await?;
    let beats = [
        small.beats()?,
        middle.beats()?,
        large.beats()?,
        largest.beats()?,
    ];
    let beats = rounds.shoot(beats.each_ref()).await?;
    let services = services(rounds, &largest).await?;
    rows.extend(flat(&gets, &services));
    let start = start().await?;
    rows.push(start);
    fs::write(svg, plot::svg(&lines(&gets, &beats, &services)))?;
    Ok(rows)
}

/// Items 1 to 3 at the largest fleet, of what they are at the smallest.
async fn small_beside_large(rounds: Rounds, small: &Grown, large: &Grown) -> Result<Vec<Row>> {
    let gzip = ["Accept-Encoding: gzip".to_owned()];
    let mut pairs = Vec::new();
    for size in [10, 100, 1_000] {
        let aims = [small, large].map(|grown| get_list(&grown.server, size, &[]));
        pairs.push((format!("GET of {size} hosts"), aims));
    }
    let aims = [small, large].map(|grown| get_list(&grown.server, 1_000, &gzip));
    pairs.push(("gzip of 1,000 hosts".into(), aims));
    pairs.push(("heartbeat".into(), [small.beats()?, large.beats()?]));
    let mut rows = Vec::new();
    for (what, aims) in pairs {
        let [few, many] = rounds.shoot(aims.each_ref()).await?;
        let what = format!("{what} at 1,000,000 hosts, of 1,000");
        rows.push(row(
            4,
            what,
            many.times(&few),
            Target::AtLeast(0.9),
            both(&many, &few),
        ));
    }
    Ok(rows)
}

/// Heartbeats of services of every size.
async fn services(rounds: Rounds, largest: &Grown) -> Result<[Series; 5]> {
    let mut aims = Vec::new();
    for rank in 0..SERVICES.len() {
        aims.push(largest.beats_of(rank)?);
    }
    let aims: [Aim; 5] = aims.try_into().map_err(|_| "there are five services")?;
    rounds.shoot(aims.each_ref()).await
}

fn flat(gets: &[Series; 4], services: &[Series; 5]) -> [Row; 2] {
    let (first, last) = (&gets[0], &gets[3]);
    let (small, large) = (&services[0], &services[4]);
    let slower = small.times(large);
    [
        row(
            5,
            "GET of 100 hosts at 1,000,000, of 1,000".into(),
            last.times(first),
            Target::AtLeast(0.9),
            both(last, first),
        ),
        row(
            5,
            "cost of a heartbeat in a service of 100,000, of 10".into(),
            slower,
            Target::AtMost(1.5),
            both(large, small),
        ),
    ]
}

/// How long a registry takes to serve a million hosts from its file.
async fn start() -> Result<Row> {
    let (folder, fleet) = (on_disk()?, fixture::fleet(&[], FLEETS[3]));
    let settings = in_file(folder.path());
    let server = fixture::registry(&settings, &fleet).await?;
    server.process.stop()?;
    let began = now();
    let server = Server::start(&settings).await?;
    let measured = began.elapsed().as_secs_f64();
    let figures = format!("{:.0} MiB resident", resident(&server)? / 1_048_576.0);
    let what = "start of InFile with 1,000,000 hosts".into();
    Ok(Row {
        item: 5,
        what,
        measured,
        unit: " s",
        target: Target::AtMost(3.0),
        figures,
    })
}

/// The plot's lines: what each costs, of what it costs at its smallest size.
fn lines(gets: &[Series; 4], beats: &[Series; 4], services: &[Series; 5]) -> Vec<Line> {
    vec![
        line("GET of 100 hosts, by fleet", &FLEETS, gets),
        line("heartbeat, by fleet", &FLEETS, beats),
        line("heartbeat, by service", &SERVICES, services),
    ]
}

fn line(name: &str, sizes: &[u32], series: &[Series]) -> Line {
    let first = &series[0];
    let points = sizes
        .iter()
        .zip(series)
        .map(|(size, series)| (f64::from(*size), first.times(series)));
    Line {
        name: format!("{name} ({})", rate(first.rate())),
        points: points.collect(),
    }
}
