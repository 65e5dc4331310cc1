//! Taking heartbeats.

use criterion::{BatchSize, Criterion};
use discovery_bench::fleet::Fleet;

use crate::in_process::{InProcess, registration};

/// A heartbeat of one host after the other, in services of both ends.
pub(crate) fn heartbeat(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("heartbeat");
    for size in [10, 100_000] {
        let fleet = Fleet::of([("a".to_owned(), size)]);
        let process = InProcess::in_memory(&fleet);
        let mut turn = 0;
        group.bench_function(format!("service-of-{size}"), |bencher| {
            let next = || {
                turn = (turn + 1) % size;
                registration(&fleet.host(turn))
            };
            bencher.iter_batched(next, |beat| process.check_in(beat), BatchSize::SmallInput);
        });
    }
    group.finish();
}
