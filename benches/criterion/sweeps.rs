//! Looking for expired hosts.

use criterion::{BatchSize, Criterion};
use discovery_bench::fleet::Fleet;

use crate::in_process::{InProcess, now};

/// How many rows a sweep removes, and how many services it looks at, at most.
const LIMIT: usize = 100;

/// A sweep when no service has anything to look at.
pub(crate) fn none_expired(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sweep/none-expired");
    for hosts in [1_000, 10_000, 100_000, 1_000_000] {
        let process = InProcess::in_memory(&Fleet::zipf(hosts));
        group.bench_function(hosts.to_string(), |bencher| {
            bencher.iter(|| now(process.registry.sweep(LIMIT)).1);
        });
    }
    group.finish();
}

/// The sweeps that look at every service once because the TTL of its oldest check-in has passed, and find all hosts
/// renewed.
pub(crate) fn all_renewed(criterion: &mut Criterion) {
    let fleet = Fleet::zipf(100_000);
    let process = InProcess::in_memory(&fleet);
    let mut group = criterion.benchmark_group("sweep");
    group
        .sample_size(10)
        .bench_function("all-renewed/100000", |bencher| {
            let renew = || process.renew_all(&fleet);
            bencher.iter_batched(
                renew,
                |()| now(process.registry.sweep(usize::MAX)).1,
                BatchSize::PerIteration,
            );
        });
    group.finish();
}
