//! A few hosts die where the guard must not hold them, while it holds up every other list.

use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::fleet::Fleet;
use discovery_bench::now;
use tokio::time::sleep;

use crate::fault::{Fault, Outcome, Scale};
use crate::herd::{Herd, register};
use crate::launch::Launch;
use crate::lists;
use crate::lookout::Lookout;
use crate::store::Store;

pub(crate) const FAULT: Fault = Fault {
    name: "three-of-ten-die",
    mark: "gone within HOST_TTL + one sweep, while the guard holds up every other service",
    run: |scale| Box::pin(run(scale)),
};

/// A sweep every second, and a look at the list.
const SWEEP: Duration = Duration::from_millis(1500);

async fn run(scale: Scale) -> Result<Outcome> {
    let ttl = Duration::from_secs(scale.pick(10, 60));
    let mut outcome = Outcome::of(format!(
        "3 of 10 hosts beside 1000 silent ones, HOST_TTL {} s, on InFile and DynamoDB",
        ttl.as_secs()
    ));
    let store = Store::start().await?;
    let proxy = store.proxy().await?;
    let seconds = ttl.as_secs().to_string();
    let settings = [("HOST_TTL", &*seconds)];
    let (file, table) = tokio::try_join!(
        die(
            Launch::new(&settings)?.with("BACKEND_STORAGE", "InFile"),
            ttl
        ),
        die(Launch::new(&settings)?.behind(&proxy), ttl),
    )?;
    outcome.add("InFile", file);
    outcome.add("DynamoDB", table);
    Ok(outcome)
}

async fn die(launch: Launch, ttl: Duration) -> Result<Outcome> {
    let node = launch.ready().await?;
    let (others, ten) = (
        Fleet::zipf(1000),
        Fleet::of([("others".to_owned(), 1000), ("ten".to_owned(), 10)]),
    );
    register(node.target, &others).await?;
    let herd = Herd::beating(&ten, ttl / 5, node.target);
    herd.silence(0..1000, true);
    let lookout = Lookout::at(node.target, "ten");
    lookout.sees("ten hosts", |list| list.len() == 10).await?;
    let dying = 1000..1003_u32;
    herd.silence(dying.clone(), true);
    let alive: lists::Addresses = (1003..1010)
        .map(|host| ten.host(host).ip().into())
        .collect();
    let gone = lookout.sees("seven hosts", |list| *list == alive).await?;
    let took = gone - herd.last(dying);
    let mut outcome = Outcome::default();
    let told = format!("gone {:.1} s after the last check-in", took.as_secs_f64());
    outcome.hold(took <= ttl + SWEEP, told);
    let guarded = lists::metric(node.target, "discovery_guarded_services").await?;
    sleep(Duration::from_secs(1)).await;
    outcome.hold(guarded > 0.0, format!("{guarded} other lists guarded"));
    let since = now() - gone;
    let ever: Vec<_> = lookout
        .seen()
        .iter()
        .filter(|(at, list)| *at > gone && *list != alive)
        .map(|(_, list)| list.len())
        .collect();
    outcome.hold(
        ever.is_empty(),
        format!(
            "other lists in the {:.1} s after: {ever:?}",
            since.as_secs_f64()
        ),
    );
    Ok(outcome)
}
