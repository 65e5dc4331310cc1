//! Thousands of clients that never finish a request, and more that only stay connected.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use discovery_bench::client::Target;
use discovery_bench::fleet::Fleet;
use discovery_bench::pace::{Pace, paced, register};
use discovery_bench::tally::Tally;
use discovery_bench::{Result, now};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::client::Deadline;
use crate::fault::{Fault, Outcome, Scale, millis};
use crate::launch::{Launch, PATIENCE};
use crate::memory::{Memory, mebibytes, open_files};
use crate::note;

pub(crate) const FAULT: Fault = Fault {
    name: "slow-clients",
    mark: "heartbeat p99 < 50 ms meanwhile, 0 failed, file descriptors bounded",
    run: |scale| Box::pin(run(scale)),
};

const SLOW: usize = 5000;
const IDLE: usize = 10_000;
const HEARTBEATS_A_SECOND: f64 = 500.0;
const SOON: Duration = Duration::from_millis(50);
/// What a node has open beside its connections.
const OTHER_FILES: usize = 128;

async fn run(scale: Scale) -> Result<Outcome> {
    raise_limit(SLOW + IDLE + 500)?;
    let lasting = Duration::from_secs(scale.pick(30, 120));
    let node = Launch::new(&[("BACKEND_STORAGE", "InFile")])?
        .ready()
        .await?;
    let fleet = Fleet::of([("web".to_owned(), 1000)]);
    register(node.target, &fleet).await?;
    let alone = heartbeats(node.target, &fleet, lasting / 4).await?;
    let memory = Memory::of(&node)?;
    let crowd = Crowd::gather(node.target).await?;
    note("all are connected");
    let meanwhile = heartbeats(node.target, &fleet, lasting).await?;
    let (slow, idle) = (crowd.slow.load(Relaxed), crowd.idle.load(Relaxed));
    let (files, grown) = (open_files(&node)?, memory.growth()?);
    let mut outcome = Outcome::of(format!(
        "{SLOW} connections that send a byte of a head a second and {IDLE} idle ones, opened anew when they are \
         closed, for {} s; {HEARTBEATS_A_SECOND} heartbeats/s beside them, InFile",
        lasting.as_secs()
    ));
    let (p99, usual) = (meanwhile.percentile(99.0), alone.percentile(99.0));
    let (p99_text, usual) = (millis(p99), millis(usual));
    outcome.hold(p99 < SOON, format!("p99 {p99_text} (without them {usual})"));
    let (failed, answered) = (meanwhile.unsuccessful(), meanwhile.succeeded());
    outcome.hold(
        failed == 0 && answered > 0,
        format!("{failed} of {} failed", failed + answered),
    );
    let most = SLOW + IDLE + OTHER_FILES;
    outcome.hold(
        files <= most,
        format!("{files} files open for {slow} slow and {idle} idle clients"),
    );
    outcome.hold(slow + idle > 0, format!("{} of memory", mebibytes(grown)));
    drop(crowd);
    let deadline = Deadline::of("the files of those who left are closed", PATIENCE);
    while open_files(&node)? >= OTHER_FILES {
        deadline.pause().await?;
    }
    let left = open_files(&node)?;
    outcome.hold(
        left < OTHER_FILES,
        format!("{left} files open when they had gone"),
    );
    Ok(outcome)
}

async fn heartbeats(target: Target, fleet: &Fleet, lasting: Duration) -> Result<Tally> {
    let (fleet, hosts) = (fleet.clone(), u64::from(fleet.hosts()));
    let request = move |number: u64| {
        let host = u32::try_from(number % hosts).expect("there are fewer than that");
        fleet.host(host).check_in()
    };
    paced(target, 16, Pace::new(HEARTBEATS_A_SECOND, lasting), request).await
}

/// What a client does all the time.
#[derive(Debug, Clone, Copy)]
enum Habit {
    Slow,
    Idle,
}

/// Everybody who only takes up room, on a thread of their own, so that no heartbeat queues behind them on our side.
struct Crowd {
    slow: Arc<AtomicUsize>,
    idle: Arc<AtomicUsize>,
    clients: Option<Runtime>,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        if let Some(clients) = self.clients.take() {
            // Without waiting, which async code must not.
            clients.shutdown_background();
        }
    }
}

impl Crowd {
    /// Lets them all connect, and waits until most have.
    async fn gather(target: Target) -> Result<Self> {
        let (slow, idle) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let clients = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        for _ in 0..SLOW {
            clients.spawn(stay(target, Arc::clone(&slow), Habit::Slow));
        }
        for _ in 0..IDLE {
            clients.spawn(stay(target, Arc::clone(&idle), Habit::Idle));
        }
        let deadline = Deadline::of("most are connected", PATIENCE);
        while slow.load(Relaxed) + idle.load(Relaxed) < (SLOW + IDLE) * 19 / 20 {
            deadline.pause().await?;
        }
        Ok(Self {
            slow,
            idle,
            clients: Some(clients),
        })
    }
}

/// Connects again and again; `connected` counts who is at the moment.
async fn stay(target: Target, connected: Arc<AtomicUsize>, habit: Habit) {
    loop {
        if let Ok(stream) = connect(target).await {
            connected.fetch_add(1, Relaxed);
            match habit {
                Habit::Slow => drip(stream).await,
                Habit::Idle => wait(stream).await,
            }
            connected.fetch_sub(1, Relaxed);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Connects from one of several addresses of this machine that the rest does not use, so that there are ports for all,
/// and so many that the kernel finds a free one at once.
async fn connect(target: Target) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, fastrand::u8(2..34)], 0)))?;
    Ok(socket.connect(target.address()).await?)
}

/// Sends a byte of a head a second, until the node has enough of it.
async fn drip(mut stream: TcpStream) {
    let mut head = b"GET /healthcheck HTTP/1.1\r\nX-Slow: "
        .iter()
        .copied()
        .chain(std::iter::repeat(b'x'));
    while let Some(byte) = head.next()
        && stream.write_all(&[byte]).await.is_ok()
    {
        let start = now();
        let closed = tokio::time::timeout(Duration::from_secs(1), stream.read_u8()).await;
        if closed.is_ok() && start.elapsed() < Duration::from_secs(1) {
            return;
        }
    }
}

/// Asks once and then says nothing, until the node closes.
async fn wait(mut stream: TcpStream) {
    let asked = stream
        .write_all(b"GET /healthcheck HTTP/1.1\r\nHost: node\r\n\r\n")
        .await;
    let mut answer = [0; 1024];
    while asked.is_ok() && stream.read(&mut answer).await.is_ok_and(|read| read > 0) {}
}

/// Allows this process, and the node that it starts, so many files.
fn raise_limit(wanted: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|most| most >= wanted as u64);
    if !enough {
        return Err(format!(
            "a process here may open only {:?} files, not {wanted}",
            limit.maximum
        )
        .into());
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}
