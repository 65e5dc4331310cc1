//! A row of the file: a key as long as the first byte says, and a value.

#![no_main]

use discovery_local::fuzzing::{read_row, write_row};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first() else {
        return;
    };
    let Some((key, value)) = rest.split_at_checked(usize::from(*length)) else {
        return;
    };
    if let Some((host, renewed)) = read_row(key, value) {
        let (key, value) = write_row(&host, renewed);
        assert_eq!(read_row(&key, &value), Some((host, renewed)));
    }
});
