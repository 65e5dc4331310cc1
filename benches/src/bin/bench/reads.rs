//! Items 1 and 2: how fast lists are served.

use std::path::Path;
use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::fleet::{Fleet, list_path};
use discovery_bench::pace::{self, Pace};
use discovery_bench::server::Server;
use discovery_bench::tally::Tally;

use crate::fixture::{self, get_list};
use crate::rivals;
use crate::rounds::{Rounds, Series};
use crate::table::{Row, Target, rate};

/// The sizes of the services that are read.
const SIZES: [u32; 3] = [10, 100, 1_000];
/// How many hosts are registered in all.
const FLEET: u32 = 20_000;

/// Measures items 1 and 2.
pub(crate) async fn measure(rounds: Rounds) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let fleet = fixture::fleet(&SIZES, FLEET);
    let server = fixture::registry(&in_memory(folder.path()), &fleet).await?;
    for size in SIZES {
        fixture::keep_list(
            server.target,
            &list_path(&fixture::service(size)),
            folder.path(),
        )
        .await?;
    }
    let mut rows = beside_others(rounds, &server, folder.path()).await?;
    rows.extend(while_beating(rounds, &server, &fleet).await?);
    rows.extend(spared(rounds, &server).await?);
    Ok(rows)
}

/// The settings of a registry that keeps its hosts in memory.
pub(crate) fn in_memory(folder: &Path) -> Vec<(&'static str, String)> {
    let folder = folder.display().to_string();
    vec![
        ("BACKEND_STORAGE", "InMemory".into()),
        ("APPLICATION_DIR", folder),
    ]
}

/// The same bytes from the registry, from bare hyper and from nginx.
async fn beside_others(rounds: Rounds, server: &Server, folder: &Path) -> Result<Vec<Row>> {
    let probe = list_path(&fixture::service(SIZES[0]));
    let hyper = rivals::raw_hyper(folder, &probe).await?;
    let nginx = rivals::nginx(folder, &probe).await?;
    let cache = ("CACHE_TYPE", "simple".to_owned());
    let sizes = SIZES.map(|size| (fixture::service(size), size));
    let dynamodb = rivals::on_dynamodb(folder, [cache], &Fleet::of(sizes)).await?;
    let cached = dynamodb.as_ref().map_or(server, |(_, server)| server);
    let mut rows = Vec::new();
    for (size, aim) in SIZES.into_iter().zip([0.9, 0.85, 0.75]) {
        let aims = [server, cached, &hyper, &nginx].map(|server| get_list(server, size, &[]));
        let [ours, cached, hyper, nginx] = rounds.shoot(aims.each_ref()).await?;
        let least = if size == 10 { 0.9 } else { 0.95 };
        let what = |what: &str| format!("GET of {size} hosts, {what}");
        rows.push(row(
            1,
            what("of bare hyper"),
            ours.times(&hyper),
            Target::AtLeast(least),
            both(&ours, &hyper),
        ));
        rows.push(row(
            1,
            what("p99 of bare hyper's"),
            ours.times_p99(&hyper),
            Target::AtMost(2.0),
            p99s(&ours, &hyper),
        ));
        rows.push(row(
            1,
            what("of nginx"),
            ours.times(&nginx),
            Target::Aim(aim),
            both(&ours, &nginx),
        ));
        if dynamodb.is_some() {
            let what = what("DynamoDB cached, of bare hyper");
            rows.push(row(
                1,
                what,
                cached.times(&hyper),
                Target::AtLeast(least),
                both(&cached, &hyper),
            ));
        }
    }
    Ok(rows)
}

/// Reads while every host of the service beats every 30 s, and others 2,000 times a second.
async fn while_beating(rounds: Rounds, server: &Server, fleet: &Fleet) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for size in SIZES {
        let (mut quiet, mut loud) = (Series::default(), Series::default());
        let aim = get_list(server, size, &[]);
        for _ in 0..rounds.rounds {
            quiet.push(aim.shoot(rounds.seconds).await?);
            let lasting = Duration::from_secs(rounds.seconds);
            let (own, others) = (
                beat_service(server, fleet, size, lasting),
                beat_others(server, fleet, lasting),
            );
            let (shot, _, _) = tokio::try_join!(aim.shoot(rounds.seconds), own, others)?;
            loud.push(shot);
        }
        let what = format!(
            "GET of {size} hosts that beat every 30 s, beside 2,000 other beats/s, of quiet"
        );
        rows.push(row(
            1,
            what,
            loud.times(&quiet),
            Target::AtLeast(0.8),
            both(&loud, &quiet),
        ));
    }
    Ok(rows)
}

async fn beat_service(
    server: &Server,
    fleet: &Fleet,
    size: u32,
    lasting: Duration,
) -> Result<Tally> {
    let (fleet, first) = (
        fleet.clone(),
        SIZES.iter().take_while(|other| **other < size).sum::<u32>(),
    );
    let request = move |turn: u64| {
        let host = u32::try_from(turn % u64::from(size)).unwrap_or(0);
        fleet.host(first + host).check_in()
    };
    pace::paced(
        server.target,
        1,
        Pace::new(f64::from(size) / 30.0, lasting),
        request,
    )
    .await
}

async fn beat_others(server: &Server, fleet: &Fleet, lasting: Duration) -> Result<Tally> {
    let (fleet, first) = (fleet.clone(), SIZES.iter().sum::<u32>());
    let others = u64::from(fleet.hosts() - first);
    let request = move |turn: u64| {
        let host = u32::try_from(turn % others).unwrap_or(0);
        fleet.host(first + host).check_in()
    };
    pace::paced(server.target, 16, Pace::new(2_000.0, lasting), request).await
}

/// Compressed and unchanged answers.
async fn spared(rounds: Rounds, server: &Server) -> Result<Vec<Row>> {
    let gzip = get_list(server, 1_000, &["Accept-Encoding: gzip".to_owned()]);
    let etag = fixture::header_of(server.target, &list_path(&fixture::service(10)), "etag").await?;
    let unchanged = get_list(server, 10, &[format!("If-None-Match: {etag}")]);
    let [gzip, plain] = rounds.shoot([&gzip, &get_list(server, 1_000, &[])]).await?;
    let [unchanged, changed] = rounds
        .shoot([&unchanged, &get_list(server, 10, &[])])
        .await?;
    Ok(vec![
        row(
            2,
            "gzip of 1,000 hosts, of identity".into(),
            gzip.times(&plain),
            Target::AtLeast(4.0),
            both(&gzip, &plain),
        ),
        row(
            2,
            "304 for 10 hosts, of 200".into(),
            unchanged.times(&changed),
            Target::AtLeast(1.2),
            both(&unchanged, &changed),
        ),
    ])
}

/// A row whose measure is a ratio.
pub(crate) fn row(item: u8, what: String, measured: f64, target: Target, figures: String) -> Row {
    Row {
        item,
        what,
        measured,
        unit: "",
        target,
        figures,
    }
}

/// Two rates, and what a request cost either server.
pub(crate) fn both(ours: &Series, theirs: &Series) -> String {
    let (our_cpu, their_cpu) = (ours.cpu(), theirs.cpu());
    format!(
        "{} vs {}, {our_cpu:.1} vs {their_cpu:.1} µs of CPU",
        rate(ours.rate()),
        rate(theirs.rate())
    )
}

fn p99s(ours: &Series, theirs: &Series) -> String {
    format!("{:.2} vs {:.2} ms", ours.p99(), theirs.p99())
}
