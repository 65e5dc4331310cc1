//! Requests are sent again while the store fails in part.

mod common;

use common::World;
use discovery_testkit::proxy::Fault;
use futures_util::future::join_all;

#[tokio::test]
async fn check_ins_are_repeated_until_they_succeed_however_many_requests_have_failed_before() {
    let world = World::new().await;
    let node = world.node().await;
    for fault in [Fault::SERVER_ERROR, Fault::Refuse] {
        // Some 65 requests fail, and hardly any check-in has ten of them.
        node.proxy.set_fault(fault.share(0.25));
        let check_ins = (0..200).map(|number| node.check_in("web", &format!("10.0.0.{number}")));
        join_all(check_ins.map(|check_in| node.accept(check_in))).await;
    }
}
