//! One host as the list answers show it, to the letter of the original.

use std::fmt::Write;

use chrono::{DateTime, Datelike, Timelike, Utc};
use discovery_domain::{Host, push_json_string};
use twox_hash::XxHash3_64;

/// Appends a host and returns the digest of everything but its last check-in: the same on every node and after every
/// restart, because it is made of the text alone.
pub(crate) fn push_host(json: &mut String, host: &Host) -> u64 {
    let start = json.len();
    json.push_str("{\"service_repo_name\": ");
    push_json_string(json, host.service_repo_name.as_str());
    push_shown(json, ", \"port\": ", host.port);
    json.push_str(", \"revision\": ");
    push_json_string(json, host.revision.as_str());
    let before = json.len();
    json.push_str(", \"last_check_in\": \"");
    push_time(json, host.last_check_in);
    json.push('"');
    let after = json.len();
    json.push_str(", \"tags\": ");
    json.push_str(host.tags.shown());
    json.push_str(", \"service\": ");
    push_json_string(json, host.key.service().as_str());
    push_shown(json, ", \"ip_address\": \"", host.key.address());
    json.push_str("\"}");
    let json = json.as_bytes();
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&json[start..before]), &json[after..])
}

/// Appends a time as `2026-11-22 12:56:52.129669+00:00`; a fraction of zero is omitted.
pub(crate) fn push_time(text: &mut String, time: DateTime<Utc>) {
    let (year, month, day) = (time.year(), time.month(), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    push_shown(text, "", format_args!("{year:04}-{month:02}-{day:02}"));
    push_shown(text, " ", format_args!("{hour:02}:{minute:02}:{second:02}"));
    let micros = time.timestamp_subsec_micros();
    if micros > 0 {
        push_shown(text, ".", format_args!("{micros:06}"));
    }
    text.push_str("+00:00");
}

fn push_shown(text: &mut String, before: &str, shown: impl std::fmt::Display) {
    write!(text, "{before}{shown}").expect("a string takes whatever is written");
}
