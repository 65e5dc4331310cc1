//! The real binary, started on a free port, and a client that says exactly what it is told to.

#![expect(
    dead_code,
    reason = "every test binary uses another part of this module"
)]

pub(crate) mod client;
pub(crate) mod contract;
mod schema;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use client::{Answer, Connection, request};

/// How long anything may take that is only a matter of the machine being busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running node; killed when dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Log,
    folder: Arc<TempDir>,
}

/// The command in a folder of its own, with nothing in its environment.
pub(crate) fn command(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_discovery"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn output(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = folder();
    let mut command = command(&folder);
    command.args(arguments).envs(environment.iter().copied());
    command.output().expect("the binary can be run")
}

/// An empty folder.
pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder can be made")
}

impl Node {
    /// Starts a node with hosts in memory, unless the environment says otherwise, and waits until it listens.
    pub(crate) fn start(environment: &[(&str, &str)]) -> Self {
        Self::start_in(&Arc::new(folder()), environment)
    }

    /// Starts a node in a folder that may hold what another has left.
    pub(crate) fn start_in(folder: &Arc<TempDir>, environment: &[(&str, &str)]) -> Self {
        Self::spawn(command(folder), folder, environment)
    }

    /// Starts a node by a command of the test's own.
    pub(crate) fn spawn(
        mut command: Command,
        folder: &Arc<TempDir>,
        environment: &[(&str, &str)],
    ) -> Self {
        command
            .envs([("PORT", "0"), ("BIND_ADDRESS", "127.0.0.1")])
            .envs([("BACKEND_STORAGE", "InMemory"), ("DEBUG", "false")])
            .envs(environment.iter().copied())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let log = Log::of(&mut child);
        let listening = log.wait_for("\"listening\"");
        let address = field(&listening, "address")
            .parse()
            .expect("a socket address");
        Self {
            child,
            address,
            log,
            folder: Arc::clone(folder),
        }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn call(&self, method: &str, path: &str) -> Answer {
        self.connect()
            .ask(&request(method, path, &[("Connection", "close")], ""))
    }

    /// Posts a form on a connection of its own.
    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        self.connect().ask(&request(
            "POST",
            path,
            &[kind, ("Connection", "close")],
            form,
        ))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the node runs");
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the first line of the log that holds `text`.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        self.log.wait_for(text)
    }

    /// All log lines so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Waits until the node ends by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        wait_until("the node ends", || {
            self.child.try_wait().expect("it is our child")
        })
    }

    /// Stops the node and says how it ended.
    pub(crate) fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The code with which a process ended, as a shell tells it.
pub(crate) fn code(status: ExitStatus) -> i32 {
    let by_signal = || status.signal().map(|signal| 128 + signal);
    status
        .code()
        .or_else(by_signal)
        .expect("it ended one way or the other")
}

/// Asks again until there is an answer.
pub(crate) fn wait_until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    const PAUSE: Duration = Duration::from_millis(5);
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if let Some(answer) = answer() {
            return answer;
        }
        thread::sleep(PAUSE);
    }
    panic!("waited too long until {what}");
}

/// The text of a field in a log line.
pub(crate) fn field(line: &str, name: &str) -> String {
    let fields: serde_json::Value = serde_json::from_str(line).expect("log lines are JSON");
    match &fields[name] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a node has logged so far, and whether there will be more.
#[derive(Clone, Default)]
struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    ended: bool,
}

impl Log {
    fn of(child: &mut Child) -> Self {
        let log = Self::default();
        let (writer, lines) = (log.clone(), child.stderr.take().expect("it is piped"));
        thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                writer.change(|lines| lines.all.push(line));
            }
            writer.change(|lines| lines.ended = true);
        });
        log
    }

    fn state(&self) -> MutexGuard<'_, Lines> {
        self.0.0.lock().expect("nobody panics with it")
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.state());
        self.0.1.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        self.state().all.clone()
    }

    fn wait_for(&self, text: &str) -> String {
        let found = |lines: &Lines| lines.all.iter().find(|line| line.contains(text)).cloned();
        let lacking = |lines: &mut Lines| found(lines).is_none() && !lines.ended;
        let waited = self.0.1.wait_timeout_while(self.state(), PATIENCE, lacking);
        let (lines, _) = waited.expect("nobody panics with it");
        found(&lines).unwrap_or_else(|| panic!("no {text:?} in the log: {:#?}", lines.all))
    }
}
