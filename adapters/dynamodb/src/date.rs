//! Check-in times as the table keeps them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};

/// The text of a time as the original writes it: six digits of fraction, and an offset without a colon.
pub(crate) fn written(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6f+0000").to_string()
}

/// Reads that text and no other. Lists have one in every row, and patterns take fifteen times as long.
pub(crate) fn parse_written(text: &str) -> Option<DateTime<Utc>> {
    let bytes: &[u8; 31] = text.as_bytes().try_into().ok()?;
    let between = [4, 7, 10, 13, 16, 19, 26].map(|at| bytes[at]);
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0, |number: u32, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    if between != *b"--T::.+" || bytes[27..] != *b"0000" {
        return None;
    }
    let year = i32::try_from(number(0, 4)?).ok()?;
    NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?
        .and_hms_micro_opt(
            number(11, 13)?,
            number(14, 16)?,
            number(17, 19)?,
            number(20, 26)?,
        )
        .map(|time| time.and_utc())
}

/// Reads that text, and others that date parsers take: any fraction or none, `Z` or another offset or none (which
/// means UTC), a blank in place of the `T`. Cut to microseconds.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"]
        .iter()
        .find_map(|format| DateTime::parse_from_str(text, format).ok())
        .map(|time| time.to_utc())
        .or_else(|| {
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
                .iter()
                .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
                .map(|time| time.and_utc())
        })
        .map(|time| time.trunc_subsecs(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_the_original_writes_it() {
        for text in [
            "2026-11-22T13:00:11.177285+0000",
            "2026-01-02T03:04:05.000000+0000",
        ] {
            assert_eq!(written(parse(text).expect("a time")), text);
            assert_eq!(parse_written(text), parse(text));
        }
    }

    #[test]
    fn what_is_written_otherwise_is_left_to_patterns() {
        for text in [
            "2026-11-22T13:00:11.177285Z",
            "2026-11-22T13:00:11.177285+0200",
            "2026-11-22 13:00:11.177285+0000",
            "2026-13-22T13:00:11.177285+0000",
            "2026-11-22T24:00:11.177285+0000",
            "2026-11-22T13:00:60.177285+0000",
            "2026-11-22T13:00:1x.177285+0000",
            "2026-11-22T13:00:11.1772850+000",
            "\u{b2}026-11-2T13:00:11.177285+0000",
            "",
        ] {
            assert_eq!(parse_written(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_read_in_every_form_that_a_date_parser_takes() {
        let expected = parse("2026-11-22T13:00:11.177285+0000").expect("a time");
        for text in [
            "2026-11-22T13:00:11.177285Z",
            "2026-11-22T13:00:11.177285+00:00",
            "2026-11-22T15:00:11.177285+02:00",
            "2026-11-22T15:00:11.177285+0200",
            "2026-11-22T13:00:11.177285",
            "2026-11-22 13:00:11.177285+00:00",
            "2026-11-22 13:00:11.177285",
            "2026-11-22T13:00:11.177285999Z",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        let whole = parse("2026-11-22T13:00:11.000000+0000");
        for text in [
            "2026-11-22T13:00:11Z",
            "2026-11-22T13:00:11+0000",
            "2026-11-22T13:00:11",
        ] {
            assert_eq!(parse(text), whole, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "soon",
            "2026-11-22",
            "2026-13-22T13:00:11Z",
            "1795352212",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
