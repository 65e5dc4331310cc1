//! JSON bodies as the original wrote them: one line, blanks after separators, ASCII only, a newline at the end.

use std::io::{self, Write};

use poem::http::header::CONTENT_TYPE;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// A JSON answer whose media type is exactly `application/json`.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .body(body(&self.0))
    }
}

/// The whole body for a value.
fn body(value: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(128);
    value
        .serialize(&mut Serializer::with_formatter(&mut json, Spaced))
        .expect("a wire type has string keys, and memory takes whatever is written");
    json.push(b'\n');
    json
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        w: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for c in text.chars() {
            match c {
                ' '..='~' => write!(w, "{c}")?,
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(w, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_written_as_the_original_wrote_it() {
        let value = serde_json::json!({"a": [1, "b", {}, []], "é\u{7f}/<😀\n\"": null, "z": {"y": true, "z": 1.5}});
        let json = String::from_utf8(body(&value)).expect("UTF-8");
        assert_eq!(
            json,
            "{\"a\": [1, \"b\", {}, []], \"z\": {\"y\": true, \"z\": 1.5}, \
             \"\\u00e9\\u007f/<\\ud83d\\ude00\\n\\\"\": null}\n"
        );
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read, value);
    }
}
