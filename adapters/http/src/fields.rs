//! The fields of a body as they were sent, whichever way they came.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::str::Utf8Error;

use bytes::Bytes;
use discovery_domain::{InvalidValue, shown};
use futures_util::stream;
use memchr::{memchr, memchr2};
use multer::Multipart;
use serde_json::value::RawValue;

use crate::body::BodyError;

const ACCEPTED: &str = "application/json, application/x-www-form-urlencoded or multipart/form-data";

/// Named values, each name once, not yet judged. What needs no decoding is lent by the body.
#[derive(Debug, Default)]
pub(crate) struct Fields<'b>(Vec<(Cow<'b, str>, Value<'b>)>);

/// A value in a form is text; in JSON it has a type, and its text is kept.
#[derive(Debug)]
enum Value<'b> {
    Text(Cow<'b, str>),
    Json(&'b RawValue),
    /// It can't be had, and why.
    Lost(InvalidValue),
}

impl<'b> Fields<'b> {
    /// The most fields of a form.
    const MAX_FIELDS: usize = 64;

    /// Finds the fields in a body. As the original did, takes a body without bytes for an empty form.
    pub(crate) async fn parse(
        content_type: Option<&str>,
        body: &'b [u8],
    ) -> Result<Self, BodyError> {
        let full = content_type.unwrap_or_default();
        let essence = full.split(';').next().unwrap_or_default().trim();
        let is = |kind| essence.eq_ignore_ascii_case(kind);
        match essence {
            _ if is("application/json") => Self::json(body),
            _ if is("application/x-www-form-urlencoded") => Self::urlencoded(body),
            _ if is("multipart/form-data") => Self::multipart(full, body).await,
            _ if body.is_empty() => Ok(Self::default()),
            "" => Err(malformed(format!(
                "the body has no content type: send {ACCEPTED}"
            ))),
            _ => Err(malformed(format!(
                "content type {} is not understood: send {ACCEPTED}",
                shown(essence)
            ))),
        }
    }

    fn json(body: &'b [u8]) -> Result<Self, BodyError> {
        let text = utf8(body, "the body")?;
        let fields: HashMap<String, &RawValue> = serde_json::from_str(text).map_err(|e| {
            let why = if e.is_data() {
                format!("got {}", shown(text))
            } else {
                e.to_string()
            };
            malformed(format!("the body is not a JSON object: {why}"))
        })?;
        let typed = |(name, value)| (Cow::Owned(name), Value::Json(value));
        Ok(Self(fields.into_iter().map(typed).collect()))
    }

    fn urlencoded(body: &'b [u8]) -> Result<Self, BodyError> {
        if body.trim_ascii_start().starts_with(b"{") {
            return Err(malformed(
                "the body looks like JSON, but its content type is application/x-www-form-urlencoded: \
                 send application/json",
            ));
        }
        let (mut fields, mut count, mut rest) = (Self::default(), 0, body);
        while !rest.is_empty() {
            let pair = cut(&mut rest, b'&');
            if pair.is_empty() {
                continue;
            }
            let mut value = pair;
            let name = cut(&mut value, b'=');
            let name = decoded(name).map_err(|e| not_utf8("the name of a field", &e))?;
            let value = decoded(value).map_or_else(|e| Value::not_utf8(&e), Value::Text);
            fields.add(count, name, value)?;
            count += 1;
        }
        Ok(fields)
    }

    async fn multipart(content_type: &str, body: &[u8]) -> Result<Self, BodyError> {
        let broken = |e| malformed(format!("the body is not a multipart form: {e}"));
        let boundary = multer::parse_boundary(content_type).map_err(broken)?;
        let whole = stream::iter([Ok::<_, Infallible>(Bytes::copy_from_slice(body))]);
        let mut parts = Multipart::new(whole, boundary);
        let mut fields = Self::default();
        let mut count = 0;
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            let Some(name) = part.name().map(ToOwned::to_owned) else {
                continue;
            };
            let value = if part.file_name().is_some() {
                Value::Lost(InvalidValue::new("must be a plain field, got a file"))
            } else {
                let value = part.bytes().await.map_err(broken)?;
                let value = String::from_utf8(value.into());
                value.map_or_else(
                    |e| Value::not_utf8(&e.utf8_error()),
                    |text| Value::Text(text.into()),
                )
            };
            fields.add(count, name.into(), value)?;
            count += 1;
        }
        Ok(fields)
    }

    /// Adds a field of a form; of two with one name the first counts.
    fn add(
        &mut self,
        before: usize,
        name: Cow<'b, str>,
        value: Value<'b>,
    ) -> Result<(), BodyError> {
        if before >= Self::MAX_FIELDS {
            let max = Self::MAX_FIELDS;
            return Err(malformed(format!("a form must have at most {max} fields")));
        }
        if self.get(&name).is_none() {
            self.0.push((name, value));
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&Value<'b>> {
        let named = self.0.iter().find(|(known, _)| known == name);
        named.map(|(_, value)| value)
    }

    /// The value of a field that was sent; null says that it was not.
    fn sent(&self, name: &str) -> Option<&Value<'b>> {
        let is_null =
            |value: &&Value<'_>| matches!(value, Value::Json(json) if json.get() == "null");
        self.get(name).filter(|value| !is_null(value))
    }

    /// A string; `None` where it is missing or empty.
    pub(crate) fn string(&self, name: &str) -> Result<Option<Cow<'_, str>>, InvalidValue> {
        let string: Cow<'_, str> = match self.sent(name) {
            None => return Ok(None),
            Some(Value::Text(text)) => Cow::Borrowed(&**text),
            Some(Value::Json(json)) if json.get().starts_with('"') => {
                let unescaped: Result<String, _> = serde_json::from_str(json.get());
                unescaped
                    .map_err(|_| wrong("a string without lone surrogates", json))?
                    .into()
            }
            Some(Value::Json(json)) => return Err(wrong("a string", json)),
            Some(Value::Lost(why)) => return Err(why.clone()),
        };
        Ok(Some(string).filter(|text| !text.is_empty()))
    }

    /// The text of an integer, its digits not yet looked at; `None` where it is missing or empty.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<&str>, InvalidValue> {
        match self.sent(name) {
            Some(Value::Text(text)) => Ok(Some(&**text).filter(|text| !text.is_empty())),
            Some(Value::Json(json)) if json.get().starts_with(['"', '{', '[', 't', 'f']) => {
                Err(wrong("an integer", json))
            }
            Some(Value::Json(json)) => Ok(Some(json.get())),
            Some(Value::Lost(why)) => Err(why.clone()),
            None => Ok(None),
        }
    }

    /// The text of a JSON value; `None` where it is missing or empty.
    pub(crate) fn json_text(&self, name: &str) -> Result<Option<&str>, InvalidValue> {
        let text = match self.sent(name) {
            None => return Ok(None),
            Some(Value::Text(text)) => text,
            Some(Value::Json(json)) => json.get(),
            Some(Value::Lost(why)) => return Err(why.clone()),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A switch, on in a form where it is anything but empty.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, InvalidValue> {
        match self.sent(name) {
            None => Ok(false),
            Some(Value::Text(text)) => Ok(!text.is_empty()),
            Some(Value::Json(json)) => {
                serde_json::from_str(json.get()).map_err(|_| wrong("true or false", json))
            }
            Some(Value::Lost(why)) => Err(why.clone()),
        }
    }
}

impl Value<'_> {
    fn not_utf8(error: &Utf8Error) -> Self {
        Self::Lost(InvalidValue::new(format!("must be UTF-8: {error}")))
    }
}

/// Insists on a field.
pub(crate) fn required<T>(value: Result<Option<T>, InvalidValue>) -> Result<T, InvalidValue> {
    value?.ok_or_else(|| InvalidValue::new("is required"))
}

fn wrong(wanted: &str, got: &RawValue) -> InvalidValue {
    const LONGEST: usize = 64;
    let got = got.get();
    let dots = if got.chars().count() > LONGEST {
        "…"
    } else {
        ""
    };
    let got: String = got.chars().take(LONGEST).collect();
    InvalidValue::new(format!("must be {wanted}, got {got}{dots}"))
}

/// Cuts off what comes before the first such byte, and that byte; everything where there is none.
fn cut<'a>(text: &mut &'a [u8], at: u8) -> &'a [u8] {
    let end = memchr(at, text).unwrap_or(text.len());
    let before = &text[..end];
    *text = text.get(end + 1..).unwrap_or_default();
    before
}

/// Decodes a part of a urlencoded form; a stray percent sign stands for itself.
fn decoded(text: &[u8]) -> Result<Cow<'_, str>, Utf8Error> {
    if memchr2(b'+', b'%', text).is_none() {
        return std::str::from_utf8(text).map(Cow::Borrowed);
    }
    let (mut bytes, mut length, mut rest) = (vec![0; text.len()], 0, text);
    while let [first, after @ ..] = rest {
        rest = after;
        bytes[length] = match first {
            b'+' => b' ',
            b'%' => escaped(after)
                .inspect(|_| rest = &after[2..])
                .unwrap_or(b'%'),
            other => *other,
        };
        length += 1;
    }
    bytes.truncate(length);
    let decoded = String::from_utf8(bytes).map_err(|e| e.utf8_error())?;
    Ok(Cow::Owned(decoded))
}

/// The byte that two hexadecimal digits stand for.
fn escaped(text: &[u8]) -> Option<u8> {
    let [high, low, ..] = text else { return None };
    let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
    (high < 16 && low < 16).then(|| 16 * high + low)
}

/// What each byte is worth as a hexadecimal digit; 16 where it is none.
static DIGITS: [u8; 256] = {
    let (mut digits, mut worth) = ([16; 256], 0_u8);
    while worth < 16 {
        digits[b"0123456789abcdef"[worth as usize] as usize] = worth;
        digits[b"0123456789ABCDEF"[worth as usize] as usize] = worth;
        worth += 1;
    }
    digits
};

fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, BodyError> {
    std::str::from_utf8(bytes).map_err(|e| not_utf8(what, &e))
}

fn not_utf8(what: &str, error: &dyn std::fmt::Display) -> BodyError {
    malformed(format!("{what} is not valid UTF-8: {error}"))
}

fn malformed(what: impl Into<String>) -> BodyError {
    BodyError::Malformed(what.into())
}
