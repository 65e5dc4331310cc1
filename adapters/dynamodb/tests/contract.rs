//! The storage contract, on an emulated table.

mod common;

use std::sync::Arc;

use common::{Node, World};
use discovery_testkit::Store;

async fn store() -> Store {
    on(World::new().await).await
}

async fn on(world: World) -> Store {
    let node = world.node().await;
    Store {
        races: 20,
        repository: node.repository.clone(),
        lease: Arc::clone(&node.lease),
        clock: Arc::clone(&node.clock),
        keep: Box::new((world, node)),
    }
}

/// The same table, through a node that knows nothing yet.
async fn reopen(store: Store) -> Store {
    let kept = store.keep.downcast::<(World, Node)>();
    let (world, _) = *kept.unwrap_or_else(|_| panic!("this file made the store"));
    on(world).await
}

discovery_testkit::storage_contract!(store);
discovery_testkit::durable_storage_contract!(store, reopen);
