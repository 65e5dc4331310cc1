//! What is no DynamoDB and says that everything is done.

mod common;

use common::World;
use discovery_domain::{HostRepository, LeaseInstant, StoreError};
use discovery_testkit::hosts::{key, service, weight};
use discovery_testkit::proxy::Fault;

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable { .. }))
}

#[tokio::test]
async fn an_answer_that_is_not_of_the_store_acknowledges_nothing() {
    let world = World::new().await;
    let node = world.node().await;
    let host = key("web", "10.0.0.1");
    node.register("web", "10.0.0.1").await;
    for body in ["", "{}", "<html>Please sign in</html>"] {
        node.proxy.set_fault(Fault::Impostor { body });
        for ip in ["10.0.0.1", "10.0.0.2"] {
            let check_in = node.repository.check_in(node.check_in("web", ip)).await;
            let refused = check_in.expect_err("nothing is stored").to_string();
            assert!(refused.contains("in the place of DynamoDB"), "{refused}");
        }
        let repository = &node.repository;
        assert!(is_unavailable(
            &repository.set_weight(&host, weight(5)).await
        ));
        assert!(is_unavailable(&repository.delete(&host).await));
        assert!(is_unavailable(
            &repository.prove(node.lease.now().wall).await
        ));
        let (web, past) = (service("web"), LeaseInstant::DISTANT_PAST);
        assert!(is_unavailable(&repository.hosts_of(&web, past).await));
    }
    node.proxy.heal();
    assert_eq!(node.list("web").await.len(), 1);
}
