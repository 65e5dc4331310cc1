use discovery_client::types::{HostRegistration, HostRegistrationIp, RegistrationTags};
use discovery_client::{Client, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new(&std::env::var("DISCOVERY_URL")?);
    let tags = RegistrationTags::builder().az("us-east-1a").region("us-east-1").instance_id("i-0a1b2c3d").extra(serde_json::Map::new());
    let ip = HostRegistrationIp::try_from("10.0.0.1")?;
    let host = HostRegistration::builder().ip(ip).port(8080_u32).revision("4f1c2d9").tags(tags);
    if let Err(Error::ErrorResponse(refused)) = client.register_host().service("web").body(host).send().await {
        println!("{}: {}, {:?}", refused.status(), refused.error, refused.fields);
    }
    println!("{:#?}", client.list_hosts().service("web").send().await?.hosts);
    Ok(())
}
