//! Recognises the tags that nearly every host has, so that a million stored ones are read in a second.

/// Whether a text is a canonical object of plain members: texts of printable ASCII without escapes, integers of up to
/// 15 digits and the three literals, under different names, each of which `fits`. What is not plain is not thereby
/// wrong; it has to be parsed.
pub(crate) fn is_plain(text: &str, fits: impl Fn(&str, &str) -> bool) -> bool {
    scan(text, fits).is_some()
}

/// How many members are looked at; more are not plain.
const MOST: usize = 16;

fn scan(text: &str, fits: impl Fn(&str, &str) -> bool) -> Option<()> {
    let mut rest = text.strip_prefix('{')?;
    let mut names = [""; MOST];
    for position in 0..MOST {
        let (name, after) = string(rest)?;
        let (value, after) = value(after.strip_prefix(": ")?)?;
        let known = &names[..position];
        if known.contains(&name) || !fits(&name[1..name.len() - 1], value) {
            return None;
        }
        names[position] = name;
        if after == "}" {
            return Some(());
        }
        rest = after.strip_prefix(", ")?;
    }
    None
}

/// Splits off a string with its quotes.
fn string(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let length = inside.bytes().position(|byte| byte == b'"')?;
    let plain = |byte| matches!(byte, b' '..=b'~') && byte != b'\\';
    let plain = inside.as_bytes()[..length].iter().all(|byte| plain(*byte));
    plain.then(|| text.split_at(length + 2))
}

/// Splits off a plain value.
fn value(text: &str) -> Option<(&str, &str)> {
    let length = match text.as_bytes().first()? {
        b'"' => return string(text),
        b't' if text.starts_with("true") => 4,
        b'f' if text.starts_with("false") => 5,
        b'n' if text.starts_with("null") => 4,
        _ => integer(text)?,
    };
    Some(text.split_at(length))
}

/// The length of an integer as JSON has it.
fn integer(text: &str) -> Option<usize> {
    let sign = usize::from(text.starts_with('-'));
    let digits = &text.as_bytes()[sign..];
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let plain = (1..=15).contains(&count) && (count == 1 || digits[0] != b'0');
    plain.then_some(sign + count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tags::Tags;

    fn any(_: &str, _: &str) -> bool {
        true
    }

    #[test]
    fn what_hosts_usually_send_is_plain() {
        for text in [
            r#"{"az": "us-east-1a", "region": "us-east-1", "instance_id": "i-0001"}"#,
            r#"{"a": true, "b": false, "c": null, "d": 0, "e": -12, "f": 999999999999999, "g": ""}"#,
        ] {
            assert!(is_plain(text, any), "{text}");
        }
    }

    #[test]
    fn what_needs_a_closer_look_is_not_plain() {
        for text in [
            "",
            "{",
            "{}",
            "[]",
            "1",
            "null",
            r#"{"a": 1"#,
            r#"{"a":1}"#,
            r#"{"a": 1,"b": 2}"#,
            r#"{"a": 1, "a": 2}"#,
            r#"{"a": 1, }"#,
            r#"{"a": 01}"#,
            r#"{"a": 1.0}"#,
            r#"{"a": 1e2}"#,
            r#"{"a": -}"#,
            r#"{"a": 1234567890123456}"#,
            r#"{"a": {}}"#,
            r#"{"a": []}"#,
            r#"{"a": "\n"}"#,
            r#"{"a": "é"}"#,
            r#"{"é": 1}"#,
            r#"{"a": tru}"#,
            r#"{"a": 1} "#,
            r#" {"a": 1}"#,
            r#"{"a": "b}"#,
            "{\"a\": \"\t\"}",
            "{\"a\": \"\u{7f}\"}",
            r#"{"a": 1}}"#,
        ] {
            assert!(!is_plain(text, any), "{text}");
        }
        let many: Vec<_> = (0..17).map(|n| format!("\"{n}\": {n}")).collect();
        assert!(!is_plain(&format!("{{{}}}", many.join(", ")), any));
        assert!(!is_plain(r#"{"a": 1}"#, |_, _| false));
    }

    proptest! {
        #[test]
        fn whatever_is_plain_is_shown_as_it_is(
            text in r#"\{"[ab]": ("[a-z]?"|-?[0-9]{1,3}|true|null|[a-z0-9".]{1,4})(, "[a-d]": ("x"|1|-0|00|false|[0-9e.-]{1,4})){0,2}\}"#
        ) {
            if is_plain(&text, any) {
                let members: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(&text).expect("a plain text is JSON");
                prop_assert!(members.len() <= MOST);
                let tags = Tags::from_stored(&text).expect("it is an object");
                prop_assert_eq!(tags.shown(), &*text);
                prop_assert_eq!(tags.left_out(), 0);
            }
        }
    }
}
