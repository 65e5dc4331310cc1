//! What a fuzzer feeds.

use discovery_domain::Host;

use super::rows;

/// Reads a row of the file, with the time in the file at which its age was zero.
pub fn read_row(key: &[u8], value: &[u8]) -> Option<(Host, i64)> {
    let key = rows::read_key(key, None)?;
    let row = rows::read_value(key, value, None).ok()?;
    Some((row.host, row.renewed))
}

/// Writes the key and the value of a row.
pub fn write_row(host: &Host, renewed: i64) -> (Vec<u8>, Vec<u8>) {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    rows::write_key(&host.key, &mut key);
    rows::write_value(host, renewed, &mut value);
    (key, value)
}
