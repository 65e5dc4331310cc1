//! The file of hosts, with bytes of it changed: each 4 bytes of the input say where and to what. It is opened or
//! refused; what is opened can be read, and either takes a host or says that it can't.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::{fs, panic};

use discovery_domain::{Clock, HostRepository, LeaseClock, LeaseInstant, Liveness, Registry};
use discovery_fuzz::files::Folder;
use discovery_local::{InFileHostRepository, OpenError, SystemClock};
use discovery_testkit::hosts::{HOST_TTL, registration};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static GOOD: LazyLock<Good> = LazyLock::new(Good::default);
static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::default);
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime needs nothing")
});

fuzz_target!(
    init: {
        // The database panics at what it takes for impossible, and the store makes an error of it.
        panic::set_hook(Box::new(|_| {}));
    },
    |changes: &[u8]| {
        let path = FOLDER.write("changed", &changed(changes));
        if let Ok((store, _)) = open(&path) {
            RUNTIME.block_on(used(&store));
        }
    }
);

fn open(path: &Path) -> Result<(InFileHostRepository, Arc<LeaseClock>), OpenError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let lease = Arc::new(LeaseClock::new(Arc::clone(&clock)));
    let store = InFileHostRepository::open(path, Arc::clone(&lease), clock)?;
    Ok((store, lease))
}

async fn used(store: &InFileHostRepository) {
    let services = store.services().await.expect("it is in memory");
    for service in services {
        let read = store.hosts_of(&service, LeaseInstant::DISTANT_PAST).await;
        read.expect("it is in memory");
    }
    let _acknowledged = store.prove(SystemClock::new().wall()).await;
    store.close().await;
}

/// A file with a few hosts of two services, and where it holds anything.
struct Good {
    content: Vec<u8>,
    places: Vec<usize>,
}

impl Default for Good {
    fn default() -> Self {
        let path = FOLDER.path("good");
        let (store, lease) = open(&path).expect("a new file can be made");
        let store = Arc::new(store);
        let liveness = Liveness {
            host_ttl: HOST_TTL,
            guard_minimum_live: 0.5,
        };
        let registry = Registry::new(store.clone(), lease, liveness);
        RUNTIME.block_on(async {
            for (service, address) in [("users", "10.0.0.1"), ("users", "10.0.0.2"), ("web", "::1")]
            {
                let registered = registry.register(registration(service, address)).await;
                registered.expect("the disk works");
            }
            store.close().await;
        });
        let content = fs::read(path).expect("it was written");
        let is_used = |at: &usize| content[at & !511..].iter().take(512).any(|byte| *byte != 0);
        let places = (0..content.len()).filter(is_used).collect();
        Self { content, places }
    }
}

fn changed(changes: &[u8]) -> Vec<u8> {
    let mut content = GOOD.content.clone();
    for change in changes.chunks_exact(4) {
        let place = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize;
        content[GOOD.places[place % GOOD.places.len()]] = change[3];
    }
    content
}
