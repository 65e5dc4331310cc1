//! Who a node is to AWS, and where: the SDK's usual chains, each tried in a process of its own, with its own
//! environment and with stand-ins for the services that hand out roles.

mod common;

use std::sync::{Arc, Mutex};

use common::{TABLE, World};
use discovery_domain::{HostRepository, LeaseClock};
use discovery_dynamodb::{DynamoDbHostRepository, DynamoDbSettings};
use discovery_testkit::ManualClock;
use discovery_testkit::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ROLE: &str = r#"{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIAROLE", "SecretAccessKey": "hush-hush", "Token": "token", "Expiration": "2126-11-22T13:00:11Z", "LastUpdated": "2026-11-22T13:00:11Z"}"#;
const ASSUMED: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIAWEB</AccessKeyId><SecretAccessKey>hush-hush</SecretAccessKey><SessionToken>token</SessionToken><Expiration>2126-11-22T13:00:11Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#;

/// Answers every request whose path begins with a known one, and notes the paths.
struct StandIn {
    url: String,
    paths: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    async fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let paths = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&paths);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, answers, Arc::clone(&noted)));
            }
        });
        Self { url, paths }
    }

    fn paths(&self) -> Vec<String> {
        self.paths.lock().expect("nobody panics").clone()
    }
}

/// Serves one connection, one request.
async fn answer(
    mut stream: TcpStream,
    answers: &[(&str, &str)],
    paths: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let known = answers.iter().find(|(known, _)| path.starts_with(known));
    paths.lock().expect("nobody panics").push(path);
    let (status, body) = known.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", *body));
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

/// Has another process list a service with that environment alone; returns how its request was signed.
async fn signed_with(environment: &[(&str, &str)]) -> String {
    signed_at("AWS_ENDPOINT_URL_DYNAMODB", environment).await
}

/// The same, where the variable of that name says where the store is.
async fn signed_at(store: &str, environment: &[(&str, &str)]) -> String {
    let world = World::new().await;
    let proxy = Proxy::start(world.emulator.url()).await;
    let test = std::env::current_exe().expect("this test is a program");
    let mut child = tokio::process::Command::new(test);
    let child = child
        .args(["--exact", "list_a_service", "--ignored", "--nocapture"])
        .env_clear()
        .env(store, proxy.url())
        .envs(environment.iter().copied())
        .kill_on_drop(true);
    let output = child.output().await.expect("this test starts again");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{printed}");
    for secret in ["hush-hush", "token-of-the-pod"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    proxy.last_authorization().expect("the request was signed")
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a skip has to be seen")]
#[ignore = "the other tests of this file start it, each with its own environment"]
async fn list_a_service() {
    let is_told = |name| std::env::var_os(name).is_some();
    if !is_told("EMULATOR") && !is_told("AWS_ENDPOINT_URL_DYNAMODB") {
        println!("skipped: no other test has started this one");
        return;
    }
    let lease = Arc::new(LeaseClock::new(ManualClock::new()));
    let settings = DynamoDbSettings {
        table: TABLE.into(),
        url: std::env::var("EMULATOR").ok(),
        create_table: false,
        connection_pool_size: 1,
    };
    let mut metrics = prometheus_client::registry::Registry::default();
    let repository = DynamoDbHostRepository::open(settings, lease, &mut metrics).await;
    let services = repository.services().await.expect("the store answers");
    assert!(services.is_empty());
}

#[tokio::test]
async fn the_environment_tells_credentials_and_region() {
    let signed = signed_with(&[
        ("AWS_ACCESS_KEY_ID", "AKIAENV"),
        ("AWS_SECRET_ACCESS_KEY", "hush-hush"),
        ("AWS_REGION", "eu-central-1"),
    ])
    .await;
    assert!(signed.contains("Credential=AKIAENV/"), "{signed}");
    assert!(signed.contains("/eu-central-1/dynamodb/"), "{signed}");
}

#[tokio::test]
async fn a_container_s_role_is_taken_and_the_region_is_the_original_s_where_nothing_tells_one() {
    let roles = StandIn::start(&[("/role", ROLE)]).await;
    let url = format!("{}/role", roles.url);
    let signed = signed_with(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ])
    .await;
    assert!(signed.contains("Credential=AKIAROLE/"), "{signed}");
    assert!(signed.contains("/us-east-1/dynamodb/"), "{signed}");
    assert_eq!(roles.paths(), ["/role"]);
}

#[tokio::test]
async fn an_instance_s_role_and_region_are_taken() {
    let instance = StandIn::start(&[
        ("/latest/api/token", "session"),
        ("/latest/meta-data/placement/region", "ap-southeast-2"),
        ("/latest/meta-data/iam/security-credentials/host", ROLE),
        ("/latest/meta-data/iam/security-credentials", "host"),
        (
            "/latest/meta-data/iam/security-credentials-extended/host",
            ROLE,
        ),
    ])
    .await;
    let signed = signed_with(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance.url)]).await;
    assert!(
        signed.contains("Credential=AKIAROLE/"),
        "{signed}, {:?}",
        instance.paths()
    );
    assert!(signed.contains("/ap-southeast-2/dynamodb/"), "{signed}");
}

#[tokio::test]
async fn a_web_identity_s_role_is_taken() {
    let sts = StandIn::start(&[("/", ASSUMED)]).await;
    let folder = tempfile::tempdir().expect("a folder for the token");
    let token = folder.path().join("token");
    std::fs::write(&token, "token-of-the-pod").expect("a file for the token");
    let signed = signed_with(&[
        (
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            token.to_str().expect("a path of text"),
        ),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/discovery"),
        ("AWS_ENDPOINT_URL_STS", &sts.url),
        ("AWS_REGION", "us-west-2"),
    ])
    .await;
    assert!(signed.contains("Credential=AKIAWEB/"), "{signed}");
    assert!(signed.contains("/us-west-2/dynamodb/"), "{signed}");
}

#[tokio::test]
async fn an_emulator_is_asked_without_any_credentials_at_hand() {
    let signed = signed_at("EMULATOR", &[]).await;
    assert!(signed.contains("Credential=emulator/"), "{signed}");
    assert!(signed.contains("/us-east-1/dynamodb/"), "{signed}");
}
