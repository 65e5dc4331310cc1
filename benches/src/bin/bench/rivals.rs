//! Those we are measured against: nginx, bare hyper, and the emulator that DynamoDB is played by.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use discovery_bench::Result;
use discovery_bench::fleet::Fleet;
use discovery_bench::process::Process;
use discovery_bench::server::{Server, binary, free_port};

use crate::fixture;

const PATIENCE: Duration = Duration::from_secs(10);

/// Starts nginx with one worker that serves the files of a folder.
pub(crate) async fn nginx(folder: &Path, probe: &str) -> Result<Server> {
    let target = free_port()?;
    let rules = folder.join("nginx.conf");
    fs::write(&rules, nginx_rules(folder, target.address().port()))?;
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(folder)
        .arg("-e")
        .arg("stderr")
        .arg("-c")
        .arg(&rules);
    start(command, target, probe).await
}

fn nginx_rules(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
         events {{ worker_connections 4096; }}
         http {{
             access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/json;
             client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
             uwsgi_temp_path {folder}; scgi_temp_path {folder};
             server {{ listen 127.0.0.1:{port}; root {folder}; }}
         }}"
    )
}

/// Starts bare hyper on the files of a folder.
pub(crate) async fn raw_hyper(folder: &Path, probe: &str) -> Result<Server> {
    let target = free_port()?;
    let mut command = Command::new(binary("raw-hyper")?);
    command
        .arg("--port")
        .arg(target.address().port().to_string())
        .arg("--folder")
        .arg(folder);
    start(command, target, probe).await
}

async fn start(
    mut command: Command,
    target: discovery_bench::client::Target,
    probe: &str,
) -> Result<Server> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut process = Process::start(&mut command)?;
    process.answering(target, probe, PATIENCE).await?;
    Ok(Server { target, process })
}

/// A registry with a fleet on the emulator of DynamoDB, where that was built.
pub(crate) async fn on_dynamodb(
    folder: &Path,
    more: [(&'static str, String); 1],
    fleet: &Fleet,
) -> Result<Option<(Process, Server)>> {
    if let Err(missing) = binary("examples/emulator") {
        crate::note(&format!("DynamoDB is left out: {missing}"));
        return Ok(None);
    }
    let (emulator, url) = emulator()?;
    let own = folder.join("dynamodb").display().to_string();
    let mut settings = vec![
        ("BACKEND_STORAGE", "DynamoDB".to_owned()),
        ("DYNAMODB_TABLE_HOSTS", "hosts".to_owned()),
        ("DYNAMODB_URL", url),
        ("DYNAMODB_CREATE_TABLES_IN_APP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("APPLICATION_DIR", own),
    ];
    settings.extend(more);
    let server = fixture::registry(&settings, fleet).await?;
    Ok(Some((emulator, server)))
}

/// Starts the emulator of DynamoDB and tells its URL.
fn emulator() -> Result<(Process, String)> {
    let mut command = Command::new(binary("examples/emulator")?);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process::start(&mut command)?;
    let output = process.output().ok_or("the emulator has no output")?;
    let url = BufReader::new(output)
        .lines()
        .next()
        .ok_or("the emulator told no address")??;
    Ok((process, url))
}
