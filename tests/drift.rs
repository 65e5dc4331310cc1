//! The committed contract is the one that the binary serves.

mod support;

use similar::TextDiff;

#[test]
fn the_committed_contract_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.yaml");
    let served = String::from_utf8(support::output(&["openapi"], &[]).stdout);
    let served = served.expect("the contract is UTF-8");
    if std::env::var_os("UPDATE_CONTRACT").is_some() {
        std::fs::write(path, &served).expect("the contract can be written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let diff = TextDiff::from_lines(&committed, &served);
    let diff = diff
        .unified_diff()
        .header("committed", "served")
        .to_string();
    assert!(
        diff.is_empty(),
        "openapi/openapi.yaml is not what the code serves; `just openapi` mends it\n{diff}"
    );
}
