//! A panic is logged: in a process of its own, to which the hook belongs.

#[path = "app/log.rs"]
mod log;

use discovery_http::log_panics;

use log::logged_by;

#[tokio::test]
async fn a_panic_is_logged_with_its_place() {
    log_panics();
    let lines = logged_by(async {
        let panicked = std::panic::catch_unwind(|| panic!("out of {}", "cheese"));
        assert!(panicked.is_err());
    })
    .await;
    let [line] = &lines[..] else {
        panic!("one line and no other: {lines:?}");
    };
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["fields"]["message"], "panicked: out of cheese");
    let location = line["fields"]["location"].as_str().expect("a place");
    assert!(location.contains("panics.rs:"), "{location}");
}
