//! Every operation that a client team uses, through the client that progenitor makes.

use std::error::Error as StdError;

use discovery_client::types::builder;
use discovery_client::types::{DiscoveryError, Host, HostEvent, RegistrationTags};
use discovery_client::{Client, Error};

const SERVICE: &str = "sdk-rust";
const REPO: &str = "sdk-rust-repo";
const ADDRESS: &str = "10.0.0.1";

fn host() -> builder::HostRegistration {
    let repo = REPO.parse().expect("it is a valid name");
    let rack = serde_json::Map::from_iter([("rack".to_owned(), "r7".into())]);
    let tags = RegistrationTags::builder().az("us-east-1a").region("us-east-1").instance_id("i-1");
    builder::HostRegistration::default()
        .port(8080_u32)
        .revision("4f1c2d9")
        .service_repo_name(Some(repo))
        .tags(tags.extra(rack))
}

fn weight(weight: u32) -> builder::Weight {
    builder::Weight::default().load_balancing_weight(weight)
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error<DiscoveryError>>) -> (u16, DiscoveryError) {
    match result {
        Err(Error::ErrorResponse(answer)) => (answer.status().as_u16(), answer.into_inner()),
        other => panic!("not refused: {other:?}"),
    }
}

async fn hosts(client: &Client) -> Result<Vec<Host>, Error<DiscoveryError>> {
    let list = client.list_hosts().service(SERVICE).send().await?;
    Ok(list.into_inner().hosts)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let client = Client::new(&std::env::var("DISCOVERY_URL")?);
    for _ in 0..2 {
        let host = host().ip(Some(ADDRESS.parse()?));
        client.register_host().service(SERVICE).body(host).send().await?;
    }
    let listed = hosts(&client).await?;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].ip_address.as_str(), ADDRESS);
    assert_eq!(listed[0].port.get(), 8080);
    assert_eq!(listed[0].tags.az.as_deref(), Some("us-east-1a"));
    assert_eq!(listed[0].tags.extra["rack"], "r7");
    let repo = client.list_hosts_by_repo().service_repo_name(REPO).send().await?;
    assert_eq!(repo.hosts[0].service.as_str(), SERVICE);

    let set = client.set_host_weight().service(SERVICE).ip_address(ADDRESS);
    set.body(weight(20)).send().await?;
    assert_eq!(hosts(&client).await?[0].tags.load_balancing_weight.map(|w| w.get()), Some(20));
    client.set_service_weight().service(SERVICE).body(weight(30)).send().await?;
    assert_eq!(hosts(&client).await?[0].tags.load_balancing_weight.map(|w| w.get()), Some(30));

    let (status, error) = refused(client.register_host().service(SERVICE).body(host()).send().await);
    assert_eq!(status, 400);
    assert!(error.fields.contains_key("ip"), "{error:?}");
    let elsewhere = client.set_host_weight().service(SERVICE).ip_address("10.0.0.9");
    let (status, error) = refused(elsewhere.body(weight(20)).send().await);
    assert_eq!((status, error.error.as_str()), (404, "host not found"));

    let list = client.list_hosts().service(SERVICE).send().await?;
    let etag = list.headers()["etag"].to_str()?.to_owned();
    let conditional = client.list_hosts().service(SERVICE).if_none_match(etag).send().await;
    // What is neither a success nor an error comes back as it is.
    assert!(matches!(conditional, Err(Error::UnexpectedResponse(answer)) if answer.status() == 304));

    let later = r#"{"at": "2026-11-22T12:56:52.129669Z", "ip_address": "10.0.0.1", "event": "later", "added": 1}"#;
    let later: HostEvent = serde_json::from_str(later)?;
    assert_eq!(*later.event, "later");

    client.deregister_host().service(SERVICE).ip_address(ADDRESS).send().await?;
    assert!(hosts(&client).await?.is_empty());
    let (status, error) =
        refused(client.deregister_host().service(SERVICE).ip_address(ADDRESS).send().await);
    assert_eq!((status, error.fields.len()), (400, 0));

    let history = client.list_host_history().service(SERVICE).ip_address(ADDRESS);
    let history = history.limit(1_u32).send().await?;
    assert_eq!(history.events.len(), 1);
    assert_eq!(*history.events[0].event, "deregistered");
    assert!(history.events[0].at.timestamp() > 0);
    Ok(())
}
