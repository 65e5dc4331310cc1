//! One shot of wrk at a server.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use discovery_bench::client::Target;
use discovery_bench::{Result, process};
use tokio::task::spawn_blocking;

/// What wrk is to do, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Aim {
    pub(crate) target: Target,
    /// The server's process.
    pub(crate) pid: u32,
    pub(crate) connections: u32,
    pub(crate) what: What,
}

/// A request that is always the same, or one after the other from a file.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// GET of a path, with further header lines.
    Get { path: String, headers: Vec<String> },
    /// POST of forms; a line of the file is a path and a form.
    Post { lines: PathBuf },
}

/// What came of a shot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shot {
    /// Requests a second.
    pub(crate) rate: f64,
    /// 99 of 100 requests took at most so many milliseconds.
    pub(crate) p99: f64,
    /// What the server spent on each request, in microseconds of CPU.
    pub(crate) cpu: f64,
}

/// Tells rate and latency in a way that a program can read.
const DONE: &str = r#"
done = function(summary, latency)
    local errors = summary.errors
    io.write(string.format("\nshot %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"#;

/// Sends the lines of a file in turn.
const POST: &str = r#"
local requests, turn = {}, 0
init = function(args)
    local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
    for line in io.lines(args[1]) do
        local path, form = line:match("^(%S+) (%S+)$")
        requests[#requests + 1] = wrk.format("POST", path, headers, form)
    end
end
request = function()
    turn = turn % #requests + 1
    return requests[turn]
end
"#;

impl Aim {
    /// Shoots for so many seconds.
    pub(crate) async fn shoot(&self, seconds: u64) -> Result<Shot> {
        let aim = self.clone();
        spawn_blocking(move || aim.shoot_now(seconds)).await?
    }

    fn shoot_now(&self, seconds: u64) -> Result<Shot> {
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("script.lua");
        let mut command = Command::new("wrk");
        command.args([
            "-t1",
            "-c",
            &self.connections.to_string(),
            "-d",
            &seconds.to_string(),
            "-s",
        ]);
        command.arg(&script);
        match &self.what {
            What::Get { path, headers } => {
                std::fs::write(&script, DONE)?;
                command.args(headers.iter().flat_map(|header| ["-H", header]));
                command.arg(format!("http://{}{path}", self.target.address()));
            }
            What::Post { lines } => {
                std::fs::write(&script, [POST, DONE].concat())?;
                command
                    .arg(format!("http://{}/", self.target.address()))
                    .arg("--")
                    .arg(lines);
            }
        }
        let before = process::cpu_time(self.pid)?;
        let output = command
            .output()
            .map_err(|error| format!("could not run wrk: {error}"))?;
        let cpu = process::cpu_time(self.pid)?.saturating_sub(before);
        parse(&String::from_utf8_lossy(&output.stdout), cpu)
            .ok_or_else(|| format!("wrk failed or was refused: {output:?}").into())
    }
}

/// Reads what `DONE` wrote; `None` when a request failed.
fn parse(output: &str, cpu: Duration) -> Option<Shot> {
    let line = output.lines().find_map(|line| line.strip_prefix("shot "))?;
    let mut numbers = line
        .split(' ')
        .map(|number| number.parse::<f64>().unwrap_or(f64::NAN));
    let (requests, micros) = (numbers.next()?, numbers.next()?);
    let (p99, errors) = (numbers.next()?, numbers.next()?);
    (errors == 0.0 && requests > 0.0).then(|| Shot {
        rate: requests * 1e6 / micros,
        p99: p99 / 1e3,
        cpu: cpu.as_secs_f64() * 1e6 / requests,
    })
}
