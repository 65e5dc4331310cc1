//! A file of which bytes were changed by something else.

use std::fs;
use std::sync::Arc;

use super::{OpenError, Place, web};

/// Opens the file with one byte changed, and tells how many hosts it has then.
async fn opened_with(place: &Place, original: &[u8], at: usize) -> Result<usize, OpenError> {
    let mut content = original.to_vec();
    content[at] ^= 0x55;
    let copy = place.folder.path().join("flipped");
    fs::write(&copy, content).expect("the copy is written");
    let repository = Arc::new(place.open_at(&copy)?);
    let left_out = repository.left_out();
    Ok(web(&place.store(repository)).await.len() + left_out)
}

#[tokio::test]
async fn a_changed_byte_is_found_or_does_no_harm() {
    let place = Place::new();
    let store = place.opened();
    for number in 0..50 {
        store.register("web", &format!("10.0.0.{number}")).await;
    }
    drop(store);
    let original = fs::read(place.path()).expect("the file is there");
    // The first page says which of two commits is the last, so a change there may show the one before.
    let (first_page, pages) = ((0..320).step_by(7), (4096..original.len()).step_by(4099));
    for at in first_page.chain(pages) {
        match opened_with(&place, &original, at).await {
            Ok(hosts) if at < 4096 => assert!((49..=50).contains(&hosts), "{at}: {hosts}"),
            Ok(hosts) => assert_eq!(hosts, 50, "{at}"),
            Err(OpenError::Damaged { .. } | OpenError::Foreign { .. }) => {}
            Err(error) => panic!("{at}: {error:?}"),
        }
    }
}
