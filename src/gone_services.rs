//! Where services without hosts outlive a restart, so that their clusters do: with the hosts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use discovery_domain::StoreError;
use discovery_dynamodb::DynamoDbHostRepository;
use discovery_local::GoneFile;
use discovery_xds::{GoneService, GoneServices};
use tokio::task::spawn_blocking;
use tracing::warn;

/// In the table, for all nodes that share it.
pub(crate) struct InTable(pub(crate) Arc<DynamoDbHostRepository>);

/// In a file beside that of the embedded store.
pub(crate) struct InFile(Arc<GoneFile>);

#[async_trait]
impl GoneServices for InTable {
    async fn all(&self) -> Result<Vec<GoneService>, StoreError> {
        self.0.gone_services().await
    }

    async fn remember(&self, (service, since): &GoneService) -> Result<(), StoreError> {
        self.0.remember_gone(service, *since).await
    }

    async fn forget(&self, (service, since): &GoneService) -> Result<(), StoreError> {
        self.0.forget_gone(service, *since).await
    }
}

impl InFile {
    /// What is remembered beside a store.
    pub(crate) fn beside(store: &Path) -> Self {
        let path = path_beside(store);
        let (file, error) = GoneFile::open(path.clone());
        if let Some(error) = error {
            let error = &error as &dyn std::error::Error;
            warn!(path = %path.display(), error, "the file of services without hosts is not used");
        }
        Self(Arc::new(file))
    }

    /// Writes to the file, off the threads that answer requests.
    async fn write(
        &self,
        write: impl FnOnce(&GoneFile) -> io::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let file = Arc::clone(&self.0);
        let written = spawn_blocking(move || write(&file)).await;
        let failed =
            |error| StoreError::unavailable("services without hosts can't be written", error);
        written.map_err(io::Error::from).flatten().map_err(failed)
    }
}

#[async_trait]
impl GoneServices for InFile {
    async fn all(&self) -> Result<Vec<GoneService>, StoreError> {
        Ok(self.0.all())
    }

    async fn remember(&self, gone: &GoneService) -> Result<(), StoreError> {
        let (service, since) = gone.clone();
        self.write(move |file| file.remember(&service, since)).await
    }

    async fn forget(&self, gone: &GoneService) -> Result<(), StoreError> {
        let (service, since) = gone.clone();
        self.write(move |file| file.forget(&service, since)).await
    }
}

/// `hosts.redb.gone` for `hosts.redb`.
fn path_beside(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".gone");
    path.into()
}
