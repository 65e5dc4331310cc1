//! The client: who this node is to the store, where the store is, and how long it may take.

use std::time::Duration;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Where the table is, and how it is talked to.
#[derive(Debug, Clone)]
pub struct DynamoDbSettings {
    /// The table's name.
    pub table: String,
    /// Where an emulator listens; it is asked with whatever credentials there are, or made-up ones. AWS when not set.
    pub url: Option<String>,
    /// Whether a table that is missing is created.
    pub create_table: bool,
    /// How many idle connections are kept.
    pub connection_pool_size: usize,
}

/// The longest that one request may take, with everything that the SDK tries again.
const LONGEST_REQUEST: Duration = Duration::from_millis(4800);
const LONGEST_ATTEMPT: Duration = Duration::from_millis(1200);
const LONGEST_CONNECT: Duration = Duration::from_secs(1);
const MOST_ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What the original always used.
const DEFAULT_REGION: &str = "us-east-1";

/// Makes a client by the SDK's usual chains of credentials and regions. Asks no store; outside AWS it takes a second
/// to learn that no instance tells a region, unless the environment or a profile does.
pub(crate) async fn connect(settings: &DynamoDbSettings) -> Client {
    let http = http_client(settings.connection_pool_size);
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(timeouts())
        .retry_config(retries());
    let Some(url) = &settings.url else {
        let region = told_region()
            .or_else(instance_region(http))
            .or_else(DEFAULT_REGION);
        return Client::from_conf(config(&loader.region(region).load().await).build());
    };
    let loader = loader
        .region(told_region().or_else(DEFAULT_REGION))
        .credentials_provider(told_credentials(http));
    Client::from_conf(config(&loader.load().await).endpoint_url(url).build())
}

/// The SDK would stop to repeat requests after some 35 failures, so that half of all check-ins fail while half of the
/// requests do. What is asked of a failing store is bounded in time and number already.
fn config(shared: &SdkConfig) -> aws_sdk_dynamodb::config::Builder {
    let unlimited = RetryPartition::custom("discovery").token_bucket(TokenBucket::unlimited());
    aws_sdk_dynamodb::config::Builder::from(shared).retry_partition(unlimited.build())
}

fn http_client(pool_size: usize) -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .pool_max_idle_per_host(pool_size)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(LONGEST_CONNECT)
        .operation_attempt_timeout(LONGEST_ATTEMPT)
        .operation_timeout(LONGEST_REQUEST)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MOST_ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE)
}

/// The region that the environment or a profile tells.
fn told_region() -> RegionProviderChain {
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
}

/// The region that the instance runs in, asked once and not, as is usual, for several seconds.
fn instance_region(http: SharedHttpClient) -> ImdsRegionProvider {
    let config = ProviderConfig::without_region().with_http_client(http);
    let instance = imds::Client::builder().configure(&config).max_attempts(1);
    ImdsRegionProvider::builder()
        .configure(&config)
        .imds_client(instance.build())
        .build()
}

/// The credentials that the environment or a profile tells, or some that are made up: an emulator takes any.
fn told_credentials(http: SharedHttpClient) -> CredentialsProviderChain {
    let config = ProviderConfig::without_region().with_http_client(http);
    let profile = ProfileFileCredentialsProvider::builder().configure(&config);
    let made_up = Credentials::new("emulator", "emulator", None, None, "made up");
    CredentialsProviderChain::first_try(
        "environment",
        EnvironmentVariableCredentialsProvider::new(),
    )
    .or_else("profile", profile.build())
    .or_else("made up", made_up)
}
