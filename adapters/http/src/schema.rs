//! The values of the domain as the contract shows them, their limits taken from the domain itself.

use std::borrow::Cow;
use std::iter;

use chrono::{DateTime, SecondsFormat, Utc};
use discovery_domain::{
    AZ, CANARY, INSTANCE_ID, InvalidValue, LOAD_BALANCING_WEIGHT, LoadBalancingWeight, Port,
    REGION, Revision, ServiceName, ServiceRepoName, Tags,
};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{
    ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::request_id::RequestId;

/// The longest text of an address that is accepted: IPv6 with its last four bytes as a dotted quad.
const LONGEST_ADDRESS: usize = 45;
/// What a name in a path is made of: no control characters and no slash, which would end it. The domain refuses those
/// from U+0080 to U+009F, too, but Ruby and PHP read these in a pattern as bytes, of which other characters are made.
const NAME_IN_PATH: &str = r"^[^/\x00-\x1f\x7f]+$";
const NAME: &str = r"^[^\x00-\x1f\x7f]*$";
const REQUEST_ID: &str = "^[!-~]+$";
const CHECK_IN: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?\+00:00$";

/// Declares values that are documented here and judged by the domain, so that their parsing never fails on a rule.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $schema:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(crate) struct $name(pub(crate) $inner);

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(iter::once(self))
            }
        }

        impl ParseFromParameter for $name {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                value.parse().map(Self).map_err(ParseError::custom)
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                serde_json::from_value(value.unwrap_or_default()).map(Self).map_err(ParseError::custom)
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                serde_json::to_value(&self.0).ok()
            }
        }
    )*};
}

values! {
    /// The name of a service in a path.
    ServiceInPath(String) = text(1, ServiceName::MAX_BYTES, NAME_IN_PATH, "web");
    /// The name of a service repo in a path.
    RepoInPath(String) = text(1, ServiceRepoName::MAX_BYTES, NAME_IN_PATH, "web-frontend");
    /// The name of a service.
    ServiceText(String) = text(1, ServiceName::MAX_BYTES, NAME, "web");
    /// The name of a service repo.
    RepoText(String) = text(0, ServiceRepoName::MAX_BYTES, NAME, "web-frontend");
    /// An address.
    AddressText(String) = text(2, LONGEST_ADDRESS, &address_pattern(), "10.0.0.1");
    /// A revision.
    RevisionText(String) = MetaSchema {
        pattern: None,
        ..text(1, Revision::MAX_BYTES, "", "4f1c2d9")
    };
    /// The time of a check-in.
    CheckInText(String) = text(25, 32, CHECK_IN, "2026-11-22 12:56:52.129669+00:00");
    /// A moment.
    Moment(String) = MetaSchema {
        example: Some("2026-11-22T12:56:52.129669Z".into()),
        ..MetaSchema::new_with_format("string", "date-time")
    };
    /// The most events that are wanted.
    Limit(String) = MetaSchema {
        default: Some(Limit::DEFAULT.into()),
        ..integer(1, Limit::MAX, Limit::DEFAULT)
    };
    /// A port.
    PortNumber(i32) = integer(Port::MIN.into(), Port::MAX.into(), 8080);
    /// A weight.
    WeightNumber(i32) = weight();
    /// How many there are of something.
    Count(i64) = MetaSchema {
        minimum: Some(0.0),
        ..MetaSchema::new_with_format("integer", "int64")
    };
    /// The id of a request.
    RequestIdText(String) = text(1, RequestId::MAX_CHARS, REQUEST_ID, "7d3f0c1b5a2e4f6897ab01cd23ef4567");
    /// The environment.
    Env(String) = MetaSchema {
        example: Some("development".into()),
        ..MetaSchema::new("string")
    };
}

impl Moment {
    pub(crate) fn of(time: DateTime<Utc>) -> Self {
        Self(time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Limit {
    const MAX: i32 = 1000;
    const DEFAULT: i32 = 100;

    /// The limit that was sent, or the one that is usual.
    pub(crate) fn parse(sent: Option<&Self>) -> Result<usize, InvalidValue> {
        const LONGEST: usize = 64;
        let text = sent.map_or_else(|| Self::DEFAULT.to_string(), |sent| sent.0.clone());
        let (max, allowed) = (Self::MAX, 1..=Self::MAX);
        let limit = text.parse().ok().filter(|limit| allowed.contains(limit));
        limit
            .and_then(|limit| usize::try_from(limit).ok())
            .ok_or_else(|| {
                let got: String = text.chars().take(LONGEST).collect();
                InvalidValue::new(format!("must be an integer from 1 to {max}, got {got:?}"))
            })
    }
}

impl Count {
    pub(crate) fn of(count: usize) -> Self {
        Self(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

fn text(min: usize, max: usize, pattern: &str, example: &str) -> MetaSchema {
    MetaSchema {
        min_length: Some(min).filter(|min| *min > 0),
        max_length: Some(max),
        pattern: Some(pattern.to_owned()),
        example: Some(example.into()),
        ..MetaSchema::new("string")
    }
}

fn integer(min: i32, max: i32, example: i32) -> MetaSchema {
    MetaSchema {
        minimum: Some(min.into()),
        maximum: Some(max.into()),
        example: Some(example.into()),
        ..MetaSchema::new_with_format("integer", "int32")
    }
}

fn weight() -> MetaSchema {
    let (min, max) = (LoadBalancingWeight::MIN, LoadBalancingWeight::MAX);
    integer(min.into(), max.into(), 50)
}

/// IPv4 as a dotted quad without leading zeros, or IPv6 in hexadecimal groups of which one run may be left out.
fn address_pattern() -> String {
    const BYTE: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    const GROUP: &str = "[0-9a-fA-F]{1,4}";
    let whole = format!("({GROUP}:){{7}}{GROUP}");
    let ends_short = format!("({GROUP}:){{1,7}}:");
    let shortened = (1..=6).map(|after| {
        let before = 7 - after;
        format!("({GROUP}:){{1,{before}}}(:{GROUP}){{1,{after}}}")
    });
    let begins_short = format!(":((:{GROUP}){{1,7}}|:)");
    let v6: Vec<String> = [whole, ends_short]
        .into_iter()
        .chain(shortened)
        .chain([begins_short])
        .collect();
    format!(r"^(({BYTE}\.){{3}}{BYTE}|{})$", v6.join("|"))
}

/// The tags of a host in a request, where some are required.
#[derive(Debug)]
pub(crate) struct RegistrationTags(Value);

/// The tags of a host in an answer, where one that breaks its type is left out.
#[derive(Debug)]
pub(crate) struct HostTags(Value);

macro_rules! tags {
    ($($name:ident = $schema:expr;)*) => {$(
        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference(stringify!($name).to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>(stringify!($name).to_owned(), |_| $schema);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(iter::once(self))
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                Ok(Self(value.unwrap_or_default()))
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.clone())
            }
        }
    )*};
}

tags! {
    RegistrationTags = MetaSchema {
        description: Some(
            "What else is known of a host: a few tags with a meaning, and any others, which are kept to the letter. \
             While the host is listed, tags that were sent before keep their values unless they are sent anew. At \
             most 16384 bytes as JSON, nested at most 64 levels deep"
        ),
        required: vec![AZ, REGION, INSTANCE_ID],
        max_properties: Some(Tags::MAX_KEYS),
        ..tags_schema(Some(Tags::MAX_BYTES))
    };
    HostTags = MetaSchema {
        description: Some("What else is known of a host; one of these tags is left out where another type is stored of it"),
        ..tags_schema(None)
    };
}

/// What tags are, with a bound of their texts in what is sent; a store may hold longer ones, and more of them, that were
/// written by others.
fn tags_schema(longest: Option<usize>) -> MetaSchema {
    let string = |description, example: &str| MetaSchema {
        description: Some(description),
        max_length: longest,
        example: Some(example.into()),
        ..MetaSchema::new("string")
    };
    let canary = MetaSchema {
        description: Some("Whether it runs a version on trial; it does not if this is left out"),
        example: Some(json!(false)),
        ..MetaSchema::new("boolean")
    };
    let weight = MetaSchema {
        description: Some("Its share of the traffic, relative to the other hosts"),
        ..weight()
    };
    let properties = [
        (AZ, string("The availability zone it runs in", "us-east-1a")),
        (REGION, string("The region it runs in", "us-east-1")),
        (INSTANCE_ID, string("The machine that it is", "i-0a1b2c3d")),
        (CANARY, canary),
        (LOAD_BALANCING_WEIGHT, weight),
    ];
    let inline = |(name, schema)| (name, MetaSchemaRef::Inline(Box::new(schema)));
    MetaSchema {
        properties: properties.into_iter().map(inline).collect(),
        additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
        ..MetaSchema::new("object")
    }
}

#[cfg(test)]
mod tests;
