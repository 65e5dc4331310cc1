//! Readers: popular services are read more often, as Zipf's law says.

use std::sync::{Arc, Mutex, PoisonError};

use discovery_bench::Result;
use discovery_bench::client::Target;
use discovery_bench::fleet::{Fleet, get, list_path};
use discovery_bench::pace::{self, Pace};
use discovery_bench::tally::Tally;
use discovery_bench::zipf::Zipf;

use crate::options::Options;

/// Reads lists at the rate that was asked for, until the end.
pub(crate) async fn read(target: Target, fleet: &Arc<Fleet>, options: &Options) -> Result<Tally> {
    if options.reads == 0 {
        return Ok(Tally::default());
    }
    let fleet = Arc::clone(fleet);
    let services = u32::try_from(fleet.services().len())?;
    let (popularity, random) = (Zipf::new(services), Mutex::new(fastrand::Rng::with_seed(0)));
    let request = move |_| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        get(&list_path(fleet.service(popularity.pick(&mut random))))
    };
    let pace = Pace::new(f64::from(options.reads), options.lasting());
    pace::paced(target, u64::from(options.readers), pace, request).await
}
