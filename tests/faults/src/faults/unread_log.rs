//! Those who should take a node's log and its metrics don't.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::client::Target;
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::pace::{Pace, paced, register};
use discovery_bench::process::{Process, resident};
use discovery_bench::tally::Tally;

use crate::fault::{Fault, Outcome, Scale, millis};
use crate::launch::Launch;

pub(crate) const FAULT: Fault = Fault {
    name: "unread-log",
    mark: "no effect on serving: 0 failed requests, p99 within 2x (and 2 ms) of a node beside it whose log is read, \
           memory grows < 32 MiB",
    run: |scale| Box::pin(run(scale)),
};

const HOSTS: u32 = 100;
const REQUESTS_A_SECOND: f64 = 500.0;
const SCRAPERS: usize = 100;
const MOST_GROWTH: u64 = 32 << 20;

async fn run(scale: Scale) -> Result<Outcome> {
    let lasting = Duration::from_secs(scale.pick(5, 60));
    let usual = Launch::new(&[])?.ready().await?;
    let (blocked, blocked_target, _unread) = Launch::new(&[])?.start_unread()?;
    let (closed, closed_target, log) = Launch::new(&[])?.start_unread()?;
    drop(log);
    let _scrapers = scrapers(blocked_target)?;
    let (usual, blocked, closed) = tokio::try_join!(
        serve(&usual.process, usual.target, lasting),
        serve(&blocked, blocked_target, lasting),
        serve(&closed, closed_target, lasting),
    )?;
    let mut outcome = Outcome::of(format!(
        "{REQUESTS_A_SECOND} logged requests/s for {} s with the log piped to nobody who reads, and to a closed pipe; \
         {SCRAPERS} scrapers that ask for the metrics and do not read them",
        lasting.as_secs()
    ));
    for (name, served) in [
        ("log read", &usual),
        ("blocked", &blocked),
        ("closed", &closed),
    ] {
        judge(&mut outcome, name, served, &usual);
    }
    Ok(outcome)
}

/// What a node was asked and answered, and by how much it grew meanwhile.
struct Served {
    tally: Tally,
    growth: u64,
}

async fn serve(process: &Process, target: Target, lasting: Duration) -> Result<Served> {
    let fleet = Fleet::of([("web".to_owned(), HOSTS)]);
    register(target, &fleet).await?;
    let before = resident(process.id())?;
    let request = move |number: u64| match u32::try_from(number % 10 * 10) {
        Ok(host) if number.is_multiple_of(5) => fleet.host(host).check_in(),
        _ => get(&list_path("web")),
    };
    let tally = paced(target, 8, Pace::new(REQUESTS_A_SECOND, lasting), request).await?;
    let growth = resident(process.id())?.saturating_sub(before);
    Ok(Served { tally, growth })
}

fn judge(outcome: &mut Outcome, name: &str, served: &Served, usual: &Served) {
    let Served { tally, growth } = served;
    let (p99, normal) = (tally.percentile(99.0), usual.tally.percentile(99.0));
    let failed = tally.unsuccessful();
    let answered = tally.succeeded();
    outcome.hold(
        failed == 0 && answered > 0,
        format!("{name}: {failed} of {} failed", failed + answered),
    );
    outcome.hold(
        p99 <= 2 * normal + Duration::from_millis(2),
        format!("{name}: p99 {}", millis(p99)),
    );
    outcome.hold(
        *growth < MOST_GROWTH,
        format!("{name}: grew {} MiB", growth >> 20),
    );
}

/// Connections that ask for the metrics again and again and read no answer.
fn scrapers(target: Target) -> Result<Vec<TcpStream>> {
    let ask = get("/metrics").repeat(50);
    let scraper = |_| {
        let mut stream = TcpStream::connect(target.address())?;
        stream.set_write_timeout(Some(Duration::from_millis(50)))?;
        // A node that waits for its answers to be read reads no more requests.
        let _ = stream.write(&ask);
        Ok(stream)
    };
    (0..SCRAPERS).map(scraper).collect()
}
