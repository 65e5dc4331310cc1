//! The storage contract on the store in memory.

use std::sync::Arc;

use discovery_domain::LeaseClock;
use discovery_local::InMemoryHostRepository;
use discovery_testkit::{ManualClock, Store, local_storage_contract, storage_contract};

async fn in_memory() -> Store {
    let clock = ManualClock::new();
    let lease = Arc::new(LeaseClock::new(clock.clone()));
    Store::new(Arc::new(InMemoryHostRepository::new()), lease, clock)
}

storage_contract!(in_memory);
local_storage_contract!(in_memory);
