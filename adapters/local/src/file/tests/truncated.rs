//! A file that was cut.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::sync::Arc;

use discovery_domain::Host;

use super::{OpenError, Place, web};

const PAGE: u64 = 4096;

/// Opens a copy of the file cut to that length.
async fn cut(place: &Place, original: &PathBuf, length: u64) -> Result<Vec<Arc<Host>>, OpenError> {
    let copy = place.folder.path().join("cut");
    fs::copy(original, &copy).expect("the file is copied");
    let file = OpenOptions::new()
        .write(true)
        .open(&copy)
        .expect("the copy opens");
    file.set_len(length).expect("the copy is cut");
    drop(file);
    let repository = place.open_at(&copy)?;
    Ok(web(&place.store(Arc::new(repository))).await)
}

/// Every length that cuts into the last page, and some far below.
fn lengths(whole: u64) -> impl Iterator<Item = u64> {
    let pages = (0..whole / PAGE).map(|page| page * PAGE);
    (whole - PAGE..whole)
        .step_by(97)
        .chain([whole - 1])
        .chain(pages)
}

async fn filled(place: &Place) -> Vec<Arc<Host>> {
    let store = place.opened();
    for number in 0..200 {
        store.register("web", &format!("10.0.0.{number}")).await;
    }
    let hosts = web(&store).await;
    fs::copy(place.path(), place.folder.path().join("killed")).expect("the file is copied");
    hosts
}

#[tokio::test]
async fn a_file_that_was_closed_and_cut_is_refused() {
    let place = Place::new();
    let hosts = filled(&place).await;
    let whole = fs::metadata(place.path()).expect("the file is there").len();
    for length in lengths(whole) {
        let error = cut(&place, &place.path(), length)
            .await
            .expect_err("the file is refused");
        let known = matches!(error, OpenError::Damaged { .. } | OpenError::Foreign { .. });
        assert!(known, "{length} of {whole}: {error:?}");
    }
    let all = cut(&place, &place.path(), whole)
        .await
        .expect("the whole file opens");
    assert_eq!(all, hosts);
}

#[tokio::test]
async fn a_file_that_was_killed_and_cut_is_refused_or_keeps_all() {
    let place = Place::new();
    let hosts = filled(&place).await;
    let killed = place.folder.path().join("killed");
    let whole = fs::metadata(&killed).expect("the file is there").len();
    for length in lengths(whole) {
        match cut(&place, &killed, length).await {
            Ok(kept) => assert_eq!(kept, hosts, "{length} of {whole}"),
            Err(OpenError::Damaged { .. } | OpenError::Foreign { .. }) => {}
            Err(error) => panic!("{length} of {whole}: {error:?}"),
        }
    }
    let all = cut(&place, &killed, whole)
        .await
        .expect("the whole file opens");
    assert_eq!(all, hosts);
}
