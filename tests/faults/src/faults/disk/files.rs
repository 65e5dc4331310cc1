//! Files that are not what the node wrote.

use std::fs;
use std::sync::Arc;

use discovery_bench::Result;
use discovery_bench::fleet::Fleet;
use discovery_bench::pace::register;
use tempfile::TempDir;

use crate::fault::{Outcome, Scale};
use crate::launch::{Launch, Node};
use crate::lists;
use discovery_bench::client::Connection;

const HOSTS: u32 = 20;
const SETTINGS: [(&str, &str); 2] = [("BACKEND_STORAGE", "InFile"), ("HOST_TTL", "86400")];

pub(super) async fn tried(scale: Scale) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let folder = Arc::new(TempDir::new()?);
    let node = start(&folder).await?;
    register(node.target, &Fleet::of([("web".to_owned(), HOSTS)])).await?;
    node.stop().await?;
    let path = folder.path().join("discovery-data/hosts.redb");
    let whole = fs::read(&path)?;
    let (mut refused, mut wrong) = (0, Vec::new());
    for length in lengths(whole.len(), scale) {
        fs::write(&path, &whole[..length])?;
        match opened(&folder, &path).await? {
            Opened::Refused => refused += 1,
            Opened::Listing(HOSTS) => {}
            other => wrong.push(format!("{length} bytes: {}", other.said())),
        }
    }
    let cut = lengths(whole.len(), scale).len();
    outcome.hold(
        wrong.is_empty(),
        format!("{refused} of {cut} cut files refused, the others whole {wrong:?}"),
    );
    for (name, content) in [
        ("another program's", &b"SQLite format 3\0 and so on"[..]),
        ("text", b"hello\n"),
    ] {
        fs::write(&path, content)?;
        let opened = opened(&folder, &path).await?;
        outcome.hold(
            matches!(opened, Opened::Refused),
            format!("{name} file: {}", opened.said()),
        );
    }
    Ok(outcome)
}

enum Opened {
    /// The node has ended, said which file is wrong, and left it as it was.
    Refused,
    /// It lists so many hosts.
    Listing(u32),
    /// It did anything else.
    Otherwise(String),
}

impl Opened {
    fn said(&self) -> String {
        match self {
            Self::Refused => "refused".to_owned(),
            Self::Listing(hosts) => format!("{hosts} hosts listed"),
            Self::Otherwise(what) => what.clone(),
        }
    }
}

/// Some lengths over the whole file, and every one in its last page, or some where little is tried.
fn lengths(whole: usize, scale: Scale) -> Vec<usize> {
    let spread = (0..8).map(|eighth| whole / 8 * eighth);
    let last_page = (1..4096).step_by(scale.pick(512, 1));
    spread.chain(last_page.map(|cut| whole - cut)).collect()
}

async fn opened(folder: &Arc<TempDir>, path: &std::path::Path) -> Result<Opened> {
    let before = fs::read(path)?;
    match start(folder).await {
        Ok(node) => {
            let mut connection = Connection::open(node.target).await?;
            let listed = lists::read(&mut connection, "web").await?.len();
            Ok(Opened::Listing(u32::try_from(listed)?))
        }
        Err(ended) => {
            let said = ended.to_string();
            let names_it = said.contains("hosts.redb");
            let kept = fs::read(path)? == before;
            Ok(if names_it && kept {
                Opened::Refused
            } else {
                Opened::Otherwise(format!("file kept: {kept}, {said}"))
            })
        }
    }
}

async fn start(folder: &Arc<TempDir>) -> Result<Node> {
    Launch::inside(folder, &SETTINGS)?.ready().await
}
