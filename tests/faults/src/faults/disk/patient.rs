//! A node whose disk breaks and is mended under it.

use std::time::Duration;

use discovery_bench::fleet::{get, list_path};
use discovery_bench::{Result, now};
use serde_json::Value;

use super::breakage::{Breakage, Disk};
use crate::client::{Client, Deadline, form, host};
use crate::fault::{Outcome, millis};
use crate::launch::{Launch, Node};
use crate::note;

/// Hosts whose revisions are the numbers of their check-ins.
const HOSTS: usize = 50;
/// How long the disk stays broken.
const BROKEN: Duration = Duration::from_secs(3);
/// How soon a node writes again when its disk does.
const SOON: Duration = Duration::from_secs(15);

/// A node with its disk, and what it has acknowledged.
pub(super) struct Patient {
    node: Node,
    breakage: Breakage,
    /// By host, the last revision that was acknowledged, and the last that was sent.
    hosts: Vec<(u64, u64)>,
    reads: u64,
    wrong_reads: u64,
    // Dropped last: it is in use until the node has ended.
    disk: Disk,
}

impl Patient {
    pub(super) async fn new(breakage: Breakage) -> Result<Self> {
        let disk = Disk::new()?;
        let node = launch(&disk)?.ready().await?;
        let mut patient = Self {
            node,
            breakage,
            hosts: vec![(0, 0); HOSTS],
            reads: 0,
            wrong_reads: 0,
            disk,
        };
        for host in 0..HOSTS {
            match patient.check_in(host).await? {
                200 => {}
                status => return Err(format!("a sound disk was answered {status}").into()),
            }
        }
        Ok(patient)
    }

    /// Breaks the disk during writes, mends it, kills the node and looks at what is left.
    pub(super) async fn suffer(mut self, times: u32) -> Result<Outcome> {
        note(&format!("{}, time {}", self.breakage.name(), times + 1));
        let mut outcome = Outcome::default();
        let broken = self.breakage.strike(&self.node, &self.disk).await?;
        let (mut refused, mut strange, mut host) = (0, Vec::new(), 0);
        let start = now();
        while start.elapsed() < BROKEN {
            match self.check_in(host % HOSTS).await? {
                503 => refused += 1,
                // What still fits may be stored; whether it was is seen at the end.
                200 if self.breakage == Breakage::Full => {}
                status => strange.push(status),
            }
            self.read().await?;
            host += 1;
        }
        drop(broken);
        outcome.hold(
            refused > 0 && strange.is_empty(),
            format!("{refused} writes answered 503, otherwise {strange:?}"),
        );
        let (reads, wrong) = (self.reads, self.wrong_reads);
        outcome.hold(
            reads > 0 && wrong == 0,
            format!("{wrong} of {reads} reads failed or lacked a host"),
        );
        self.recover(&mut outcome).await?;
        self.restart(&mut outcome).await?;
        Ok(outcome)
    }

    async fn recover(&mut self, outcome: &mut Outcome) -> Result<()> {
        let (start, deadline) = (now(), Deadline::of("it writes again", SOON));
        while self.check_in(0).await? != 200 && deadline.pause().await.is_ok() {}
        let recovered = start.elapsed() < SOON;
        let after = millis(start.elapsed());
        outcome.hold(recovered, format!("writes again after {after}"));
        Ok(())
    }

    async fn restart(&mut self, outcome: &mut Outcome) -> Result<()> {
        self.node.kill().await?;
        self.node = launch(&self.disk)?.ready().await?;
        let list = self.list().await?;
        let is_lost = |(number, (acknowledged, sent)): (usize, &(u64, u64))| {
            let revision = revision_of(&list, number);
            !revision.is_some_and(|revision| (*acknowledged..=*sent).contains(&revision))
        };
        let missing = self
            .hosts
            .iter()
            .enumerate()
            .filter(|host| is_lost(*host))
            .count();
        outcome.hold(
            missing == 0,
            format!("{missing} of {HOSTS} hosts lost after a kill"),
        );
        Ok(())
    }

    /// Has a host check in with a new revision, and with as many tags as may be, so that the file has to grow.
    async fn check_in(&mut self, number: usize) -> Result<u16> {
        let (acknowledged, sent) = &mut self.hosts[number];
        *sent += 1;
        let pad = "x".repeat(7000);
        let more = format!("%2C%22pad-{}%22%3A%22{pad}%22%7D", *sent % 2);
        let body = host(&address(number), *sent);
        let body = body.strip_suffix("%7D").ok_or("its tags are an object")?;
        let request = form(&list_path("web"), &format!("{body}{more}"));
        let status = Client::of(self.node.target).ask(&request).await?.status;
        if status == 200 {
            *acknowledged = *sent;
        }
        Ok(status)
    }

    async fn read(&mut self) -> Result<()> {
        let list = self.list().await?;
        self.reads += 1;
        let hosts = list["hosts"].as_array().map_or(0, Vec::len);
        self.wrong_reads += u64::from(hosts != HOSTS);
        Ok(())
    }

    async fn list(&self) -> Result<Value> {
        let answer = Client::of(self.node.target)
            .insist(&get(&list_path("web")))
            .await?;
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

fn launch(disk: &Disk) -> Result<Launch> {
    let launch = Launch::new(&[("BACKEND_STORAGE", "InFile"), ("HOST_TTL", "86400")])?;
    Ok(launch.with("INFILE_PATH", disk.path().join("hosts.redb")))
}

fn address(number: usize) -> String {
    format!("10.0.0.{}", number + 1)
}

fn revision_of(list: &Value, number: usize) -> Option<u64> {
    let mut hosts = list["hosts"].as_array().into_iter().flatten();
    let host = hosts.find(|host| host["ip_address"] == address(number))?;
    host["revision"].as_str()?.parse().ok()
}
