//! The command line.

use std::error::Error;
use std::io::{self, Write};
use std::iter::successors;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use prometheus_client::registry::Registry as Metrics;

use crate::settings::{BadSettings, Layers, Settings};
use crate::{node, telemetry};

/// A service-discovery registry: hosts register and heartbeat over REST; Envoy, SDKs and people read the live hosts
/// of a service.
#[derive(Parser)]
#[command(version, after_help = SETTINGS_HELP)]
pub(crate) struct Cli {
    /// A TOML file of settings; `DISCOVERY_CONFIG` does the same
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

const SETTINGS_HELP: &str = "\
Every setting is an environment variable, or the same name in lower case in the file.
`discovery config` lists them all with their values and where each comes from; `discovery config --markdown` explains them.";

#[derive(Subcommand)]
enum Command {
    /// Serve the registry, as without a command
    Serve,
    /// Print the contract as `openapi.yaml` has it
    Openapi,
    /// Print the effective settings and where each comes from
    Config {
        /// Print what every setting means instead, as a Markdown table
        #[arg(long)]
        markdown: bool,
    },
}

/// How the process ends when a setting is wrong.
const BAD_SETTINGS: u8 = 2;
/// How long the last log lines may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(1);
/// How long tasks that are cut off may take to end.
const TASK_PATIENCE: Duration = Duration::from_secs(1);

impl Cli {
    /// Does what the command line asks for.
    pub(crate) fn run(self) -> ExitCode {
        match self.command {
            Some(Command::Openapi) => print(&node::contract().yaml),
            Some(Command::Config { markdown: true }) => print(&Settings::markdown()),
            Some(Command::Config { .. }) => {
                self.with_settings(|settings, layers| print(&layers.effective(&settings)))
            }
            Some(Command::Serve) | None => self.with_settings(|settings, _| serve(&settings)),
        }
    }

    /// Does something with the settings, unless one of them is wrong.
    fn with_settings(&self, does: impl FnOnce(Settings, Layers) -> ExitCode) -> ExitCode {
        match self.settings() {
            Ok((settings, layers)) => does(settings, layers),
            Err(bad) => {
                // There is nobody else to tell.
                drop(writeln!(io::stderr(), "{bad}"));
                ExitCode::from(BAD_SETTINGS)
            }
        }
    }

    fn settings(&self) -> Result<(Settings, Layers), BadSettings> {
        let named = || std::env::var_os("DISCOVERY_CONFIG").filter(|path| !path.is_empty());
        let file = self.config.clone().or_else(|| named().map(PathBuf::from));
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        });
        Settings::load(file.as_deref(), environment)
    }
}

/// Prints what was asked for. A reader who has seen enough of it is no failure.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn serve(settings: &Settings) -> ExitCode {
    let mut metrics = Metrics::default();
    let log = telemetry::start(settings, &mut metrics);
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started at start-up");
    let ended = runtime.block_on(node::run(settings, log.access, metrics));
    runtime.shutdown_timeout(TASK_PATIENCE);
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let what = error.what();
            tracing::error!(error = &error as &dyn Error, "{what}");
            if !tracing::enabled!(tracing::Level::ERROR) {
                let error: &(dyn Error + 'static) = &error;
                let causes = successors(Some(error), |error| (*error).source());
                let causes: Vec<String> = causes.map(ToString::to_string).collect();
                drop(writeln!(io::stderr(), "{what}: {}", causes.join(": ")));
            }
            ExitCode::FAILURE
        }
    };
    log.sink.flush(LOG_PATIENCE);
    code
}
