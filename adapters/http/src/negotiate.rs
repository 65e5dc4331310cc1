//! What a client already has, and which coding it wants.

use poem::http::header::{ACCEPT_ENCODING, AsHeaderName, IF_NONE_MATCH};
use poem::http::{HeaderMap, HeaderValue};

/// Whether the client has the representation with that tag, by the weak comparison that GET asks for.
pub(crate) fn has_already(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let etag = etag.to_str().map(opaque).unwrap_or_default();
    members(headers, IF_NONE_MATCH).any(|tag| tag == "*" || opaque(tag) == etag)
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Whether the client takes gzip and likes it no less than plain bytes.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for member in members(headers, ACCEPT_ENCODING) {
        let (coding, quality) = quality(member);
        let known = match coding {
            c if c.eq_ignore_ascii_case("gzip") || c.eq_ignore_ascii_case("x-gzip") => &mut gzip,
            c if c.eq_ignore_ascii_case("identity") => &mut identity,
            "*" => &mut any,
            _ => continue,
        };
        *known = Some(quality);
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// Splits `gzip;q=0.5` into the coding and its quality in thousandths; one that can't be read counts as unwanted.
fn quality(member: &str) -> (&str, u16) {
    let mut parts = member.split(';').map(str::trim);
    let coding = parts.next().unwrap_or_default();
    let weight = parts.find_map(|parameter| {
        parameter
            .strip_prefix("q=")
            .or(parameter.strip_prefix("Q="))
    });
    (coding, weight.map_or(1000, thousandths))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 1000"
)]
fn thousandths(quality: &str) -> u16 {
    let quality: f32 = quality.trim().parse().unwrap_or(0.0);
    if (0.0..=1.0).contains(&quality) {
        (quality * 1000.0) as u16
    } else {
        0
    }
}

/// The members of a comma-separated header, however many lines it takes.
fn members(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &poem::http::HeaderName, lines: &[&'static str]) -> HeaderMap {
        let lines = lines.iter().map(|line| HeaderValue::from_static(line));
        lines.map(|line| (name.clone(), line)).collect()
    }

    #[test]
    fn gzip_is_taken_only_by_who_wants_it() {
        let cases: [(&[&str], bool); 14] = [
            (&[], false),
            (&[""], false),
            (&["gzip"], true),
            (&["deflate, GZIP;q=0.3"], true),
            (&["x-gzip"], true),
            (&["br", "gzip"], true),
            (&["gzip;q=0"], false),
            (&["gzip ; q=0.000, *"], false),
            (&["*"], true),
            (&["*;q=0"], false),
            (&["identity;q=0.5, gzip;q=0.4"], false),
            (&["identity;q=0.5, gzip;q=0.5"], true),
            (&["br, deflate"], false),
            (&["gzip;q=nonsense"], false),
        ];
        for (lines, taken) in cases {
            assert_eq!(
                takes_gzip(&headers(&ACCEPT_ENCODING, lines)),
                taken,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn a_tag_is_compared_weakly_in_any_line_of_the_header() {
        let etag = HeaderValue::from_static("W/\"abc\"");
        let cases: [(&[&str], bool); 9] = [
            (&[], false),
            (&["W/\"abc\""], true),
            (&["\"abc\""], true),
            (&["\"x\", W/\"abc\""], true),
            (&["\"x\"", "\"abc\""], true),
            (&["*"], true),
            (&["abc"], false),
            (&["\"ABC\""], false),
            (&["\"x\", \"y\""], false),
        ];
        for (lines, matched) in cases {
            assert_eq!(
                has_already(&headers(&IF_NONE_MATCH, lines), &etag),
                matched,
                "{lines:?}"
            );
        }
    }
}
