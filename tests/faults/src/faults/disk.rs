//! The disk of a node that keeps its hosts in a file: full, read-only, broken; and files that are not what it wrote.

mod breakage;
mod files;
mod patient;

use discovery_bench::Result;

use crate::fault::{Fault, Outcome, Scale};
use breakage::Breakage;
use patient::Patient;

pub(crate) const FAULT: Fault = Fault {
    name: "disk",
    mark: "503 and never 200 for what is not stored, reads go on, 0 acknowledged writes lost, writes again without a \
           restart where the disk does; a damaged or foreign file is refused and left as it is",
    run: |scale| Box::pin(run(scale)),
};

async fn run(scale: Scale) -> Result<Outcome> {
    let mut outcome = Outcome::of(format!(
        "full disk, EIO on sync, EIO and EROFS on write, {} times each under writes, then kill -9; a file cut at many \
         lengths, a file of another program",
        scale.pick(1, 10)
    ));
    for times in 0..scale.pick(1, 10) {
        for breakage in Breakage::ALL {
            let tried = Patient::new(breakage).await?.suffer(times).await?;
            outcome.add(breakage.name(), tried);
        }
    }
    outcome.add("files", files::tried(scale).await?);
    Ok(outcome)
}
