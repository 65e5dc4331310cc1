//! Reading lists.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion};
use discovery_bench::fleet::Fleet;
use discovery_http::{ListRenderer, Lists, Rendered, Subject};
use poem::http::HeaderMap;

use crate::in_process::{InProcess, now, registration, service};

const HOSTS: u32 = 1_000;
const CACHE: u64 = 64 << 20;

/// A list that has not changed since it was last read.
pub(crate) fn hit(criterion: &mut Criterion) {
    let process = InProcess::in_memory(&fleet());
    let lists = Lists::new(
        Arc::clone(&process.registry),
        ListRenderer::new("production", CACHE),
    );
    let (headers, name) = (HeaderMap::new(), service("a"));
    criterion.bench_function("list-hit/1000", |bencher| {
        bencher.iter(|| black_box(now(lists.of_service(&headers, name.clone()))));
    });
}

/// A list of which one host has changed, beside a copy of its bytes.
pub(crate) fn rebuild(criterion: &mut Criterion) {
    let (fleet, renderer) = (fleet(), ListRenderer::new("production", CACHE));
    let process = InProcess::in_memory(&fleet);
    let answer = read(&process, &renderer);
    let mut group = criterion.benchmark_group("list-rebuild");
    group.bench_function("memcpy-of-the-answer", |bencher| {
        bencher.iter(|| black_box(answer.body().to_vec()));
    });
    group.bench_function("one-of-1000-changed", |bencher| {
        let beat = || process.check_in(registration(&fleet.host(HOSTS / 2)));
        bencher.iter_batched(
            beat,
            |()| read(&process, &renderer),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn read(process: &InProcess, renderer: &ListRenderer) -> Arc<Rendered> {
    let name = service("a");
    let answer = now(process.registry.hosts_of(&name)).expect("a store in memory never fails");
    renderer.render(&Subject::Service(name), &answer.listing)
}

fn fleet() -> Fleet {
    Fleet::of([("a".to_owned(), HOSTS)])
}
