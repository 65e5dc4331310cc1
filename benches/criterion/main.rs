//! How long the domain and the stores take inside one process.

#[path = "../in_process/mod.rs"]
mod in_process;

mod lists;
mod sweeps;
mod writes;

use criterion::{criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(
    all,
    lists::hit,
    lists::rebuild,
    writes::heartbeat,
    sweeps::none_expired,
    sweeps::all_renewed
);
criterion_main!(all);
