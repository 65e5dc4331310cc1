//! Log lines written in one pass: one comes with every request, and must cost little beside it.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};
use discovery_domain::{Clock, push_json_string};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Sink;

/// Writes every event as one line.
#[derive(Clone)]
pub(super) struct Lines {
    pub(super) style: Style,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sink: Sink,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// An object of JSON.
    Json,
    /// For people.
    Text,
    /// For people at a terminal.
    Coloured,
}

thread_local! {
    /// Where lines are written; its memory is used again.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
    /// The second of the last line, and how it is written.
    static SECOND: Cell<(i64, [u8; 20])> = const { Cell::new((i64::MIN, [b'0'; 20])) };
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        self.write(*about.level(), about.target(), |fields| {
            event.record(fields);
        });
    }
}

impl Lines {
    /// Writes a line that says what `says` puts on it.
    pub(super) fn write(&self, level: Level, target: &str, says: impl FnOnce(&mut Fields<'_>)) {
        let mut line = LINE.take();
        line.clear();
        self.push(&mut line, level, target, says);
        // Nobody is left to tell of a log that can't be written.
        drop((&self.sink).write_all(line.as_bytes()));
        LINE.set(line);
    }

    fn push(
        &self,
        line: &mut String,
        level: Level,
        target: &str,
        says: impl FnOnce(&mut Fields<'_>),
    ) {
        let is_json = self.style == Style::Json;
        line.push_str(if is_json { "{\"timestamp\":\"" } else { "" });
        push_time(line, self.clock.wall());
        match self.style {
            Style::Json => line.extend([
                "\",\"level\":\"",
                level.as_str(),
                "\",\"target\":\"",
                target,
                "\"",
            ]),
            Style::Text => line.extend([" ", padded(level), " ", target, ":"]),
            Style::Coloured => {
                line.extend([" ", colour(level), padded(level), "\u{1b}[0m ", target, ":"]);
            }
        }
        says(&mut Fields { line, is_json });
        line.push_str(if is_json { "}\n" } else { "\n" });
    }
}

fn padded(level: Level) -> &'static str {
    match level {
        Level::INFO => " INFO",
        Level::WARN => " WARN",
        other => other.as_str(),
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[2m",
    }
}

/// Appends a time as `2026-11-22T12:56:52.129669Z`.
fn push_time(line: &mut String, time: DateTime<Utc>) {
    let (mut second, mut until_second) = SECOND.get();
    if second != time.timestamp() {
        (second, until_second) = (time.timestamp(), up_to_second(time));
        SECOND.set((second, until_second));
    }
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    text[..20].copy_from_slice(&until_second);
    write_digits(&mut text[20..26], time.timestamp_subsec_micros());
    line.push_str(str::from_utf8(&text).expect("digits and signs are text"));
}

/// A time as `2026-11-22T12:56:52.`, which most lines have in common with the one before.
fn up_to_second(time: DateTime<Utc>) -> [u8; 20] {
    let mut text = *b"0000-00-00T00:00:00.";
    write_digits(&mut text[..4], time.year().unsigned_abs());
    write_digits(&mut text[5..7], time.month());
    write_digits(&mut text[8..10], time.day());
    write_digits(&mut text[11..13], time.hour());
    write_digits(&mut text[14..16], time.minute());
    write_digits(&mut text[17..19], time.second());
    text
}

fn write_digits(places: &mut [u8], mut number: u32) {
    for place in places.iter_mut().rev() {
        *place = b"0123456789"[number as usize % 10];
        number /= 10;
    }
}

/// Appends what an event says.
pub(super) struct Fields<'l> {
    line: &'l mut String,
    is_json: bool,
}

impl Fields<'_> {
    /// Appends what has happened, in words that need no escapes.
    pub(super) fn push_message(&mut self, message: &'static str) {
        self.push_name("message");
        let quote = if self.is_json { "\"" } else { "" };
        self.line.extend([quote, message, quote]);
    }

    /// Appends a field of text.
    pub(super) fn push_text(&mut self, name: &str, text: &str) {
        self.push_name(name);
        self.push_quoted(text);
    }

    /// Appends a field of a number.
    pub(super) fn push_number(&mut self, name: &str, number: u64) {
        self.push_name(name);
        self.line.push_str(itoa::Buffer::new().format(number));
    }

    fn push_name(&mut self, name: &str) {
        match (self.is_json, name) {
            (true, name) => self.line.extend([",\"", name, "\":"]),
            (false, "message") => self.line.push(' '),
            (false, name) => self.line.extend([" ", name, "="]),
        }
    }

    fn push_plain(&mut self, field: &Field, value: impl std::fmt::Display) {
        self.push_name(field.name());
        write!(self.line, "{value}").expect("a string takes whatever is written");
    }

    fn push_quoted(&mut self, text: &str) {
        if is_plain(text) {
            self.line.extend(["\"", text, "\""]);
        } else {
            push_json_string(self.line, text);
        }
    }
}

/// Whether a text can stand in quotes as it is. Looks at every byte, because that takes a processor less time than
/// stopping at the first that says no.
fn is_plain(text: &str) -> bool {
    let is_plain = |b: u8| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\';
    text.bytes().fold(true, |plain, b| plain & is_plain(b))
}

/// Whether a text for people ends where it seems to: it has no blanks and the like, or is in quotes already.
fn is_one_word(text: &str) -> bool {
    let inside = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match inside {
        Some(inside) => !inside.replace("\\\\", "").replace("\\\"", "").contains('"'),
        None => !text.is_empty() && !text.contains([' ', '=', '"']),
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push_text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_number(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push_plain(field, value);
    }

    /// Tells the causes, too.
    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(text, ": {error}").expect("a string takes whatever is written");
            cause = error.source();
        }
        self.record_debug(field, &format_args!("{text}"));
    }

    /// People get what is neither text nor number as it is, unless it could be taken for more than one value.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push_name(field.name());
        let start = self.line.len();
        write!(self.line, "{value:?}").expect("a string takes whatever is written");
        let text = &self.line[start..];
        let is_message = field.name() == "message";
        if self.is_json || text.contains(char::is_control) || !(is_message || is_one_word(text)) {
            let text = self.line.split_off(start);
            self.push_quoted(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use discovery_domain::StoreError;
    use prometheus_client::registry::Registry;
    use tracing::info;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// A clock that shows a time with all leading zeros there are.
    struct Stopped;

    impl Clock for Stopped {
        fn wall(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH + Duration::from_micros(1_767_323_045_000_607)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(style: Style, logging: impl FnOnce()) -> String {
        let paper = Paper::default();
        let sink = Sink::start(paper.clone(), &mut Registry::default());
        let (clock, lines) = (Arc::new(Stopped), sink.clone());
        let lines = Lines {
            style,
            clock,
            sink: lines,
        };
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, logging);
        sink.flush(Duration::from_mins(1));
        let written = paper.0.lock().expect("nobody panics").clone();
        String::from_utf8(written).expect("lines are text")
    }

    fn events() {
        info!(method = "GET", status = 200_u16, rest = -1, ok = true, id = %"a-b", "answered");
        info!(name = "\"\\\u{e9}\n", shown = ?"x", "forged\n{}", 1);
    }

    #[test]
    fn a_line_of_json_is_an_object_whatever_is_logged() {
        let text = logged(Style::Json, events);
        let expected = concat!(
            r#"{"timestamp":"2026-01-02T03:04:05.000607Z","level":"INFO","target":"discovery::telemetry::lines::tests","#,
            r#""message":"answered","method":"GET","status":200,"rest":-1,"ok":true,"id":"a-b"}"#,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], expected);
        let second: serde_json::Value = serde_json::from_str(lines[1]).expect("JSON");
        assert_eq!(second["name"], "\"\\\u{e9}\n");
        assert_eq!(second["shown"], "\"x\"");
        assert_eq!(second["message"], "forged\n1");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_line_for_people_stays_one_line() {
        let text = logged(Style::Text, events);
        let begin = "2026-01-02T03:04:05.000607Z  INFO discovery::telemetry::lines::tests: ";
        let first = format!("{begin}answered method=\"GET\" status=200 rest=-1 ok=true id=a-b\n");
        let second = format!("{begin}\"forged\\n1\" name=\"\\\"\\\\\\u00e9\\n\" shown=\"x\"\n");
        assert_eq!(text, first + &second);
        let forged = logged(Style::Text, || {
            info!(service = %"a ip_address=6.6.6.6", id = %"\"x\" ip=\"y\"", none = %"", "answered");
        });
        let expected = r#"service="a ip_address=6.6.6.6" id="\"x\" ip=\"y\"" none=""#;
        assert!(forged.contains(expected), "{forged}");
        let coloured = logged(Style::Coloured, events);
        assert!(
            coloured.contains("Z \u{1b}[32m INFO\u{1b}[0m discovery"),
            "{coloured:?}"
        );
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = StoreError::unavailable("reading", "connection refused");
        let text = logged(Style::Text, || {
            info!(error = &error as &dyn Error, "failed");
        });
        assert!(
            text.ends_with(
                "failed error=\"the store is unavailable: reading: connection refused\"\n"
            ),
            "{text}"
        );
    }
}
