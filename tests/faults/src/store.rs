//! An emulated DynamoDB with a table, on threads of its own, so that nothing that is measured waits for it.

use discovery_bench::Result;
use discovery_testkit::emulator::Emulator;
use discovery_testkit::proxy::Proxy;
use tokio::runtime::{Builder, Runtime};

use crate::launch::Launch;

/// The name of the table.
pub(crate) const TABLE: &str = "hosts";

/// The emulator and its one table; it ends when dropped.
pub(crate) struct Store {
    pub(crate) emulator: Emulator,
    runtime: Option<Runtime>,
}

impl Store {
    /// Starts one whose table is as lyft/discovery makes it.
    pub(crate) async fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("store")
            .enable_all()
            .build()?;
        let emulator = runtime.spawn(async {
            let emulator = Emulator::start().await;
            emulator.create_table(TABLE).await;
            emulator
        });
        Ok(Self {
            emulator: emulator.await?,
            runtime: Some(runtime),
        })
    }

    /// A way to it that can be broken.
    pub(crate) async fn proxy(&self) -> Result<Proxy> {
        let runtime = self.runtime.as_ref().ok_or("it has ended")?;
        let url = self.emulator.url().to_owned();
        Ok(runtime
            .spawn(async move { Proxy::start(&url).await })
            .await?)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Launch {
    /// Keeps its hosts in the table behind that proxy.
    #[must_use]
    pub(crate) fn behind(self, proxy: &Proxy) -> Self {
        self.with("BACKEND_STORAGE", "DynamoDB")
            .with("DYNAMODB_TABLE_HOSTS", TABLE)
            .with("DYNAMODB_URL", proxy.url())
    }
}
