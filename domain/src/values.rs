//! The values a host is made of: each can only be built valid.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Why a value was refused: a sentence that names the rule and the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(String);

impl InvalidValue {
    /// Says what is wrong and what would be right, in lower case and without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Shows a refused value in a message: quoted, escaped and cut to a readable length.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    let cut: String = text.chars().take(LONGEST).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{dots}")
}

/// The name of a service: 1 to 255 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 255;

    /// Parses a name, refusing an empty, overlong or unprintable one.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        if text.is_empty() {
            return Err(InvalidValue::new("must not be empty"));
        }
        checked_name(text).map(Self)
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The repository a service is built from; may be empty, which means none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceRepoName(Arc<str>);

impl ServiceRepoName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = ServiceName::MAX_BYTES;

    /// Parses a name, refusing an overlong or unprintable one.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        checked_name(text).map(Self)
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the host belongs to no service repo.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn checked_name(text: &str) -> Result<Arc<str>, InvalidValue> {
    if text.len() > ServiceName::MAX_BYTES {
        let (max, length) = (ServiceName::MAX_BYTES, text.len());
        return Err(InvalidValue::new(format!(
            "must have at most {max} bytes, got {length}"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidValue::new(format!(
            "must not hold control characters, got {}",
            shown(text)
        )));
    }
    Ok(text.into())
}

/// The address of a host: IPv4 as a strict dotted quad, or IPv6, shown in canonical text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostAddress(IpAddr);

impl HostAddress {
    /// Parses an address; leading zeros, ports, zones and IPv4 written as IPv6 are refused.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text.parse() {
            Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => {
                let got = shown(text);
                Err(InvalidValue::new(format!(
                    "must be written as a dotted quad if it is an IPv4 address, got {got}"
                )))
            }
            Ok(ip) => Ok(Self(ip)),
            Err(_) => {
                let got = shown(text);
                Err(InvalidValue::new(format!(
                    "must be an IPv4 (like 10.0.0.1) or IPv6 address, got {got}"
                )))
            }
        }
    }

    /// The address as a number.
    pub fn ip(&self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for HostAddress {
    fn from(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }
}

/// The port a host serves on: 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(u16);

impl Port {
    /// The lowest port.
    pub const MIN: u16 = 1;
    /// The highest port.
    pub const MAX: u16 = u16::MAX;

    /// Parses decimal text; surrounding blanks, a plus sign and leading zeros are accepted.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        integer(text)
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| *n >= Self::MIN)
            .map(Self)
            .ok_or_else(|| {
                let (min, max, got) = (Self::MIN, Self::MAX, shown(text));
                InvalidValue::new(format!("must be an integer from {min} to {max}, got {got}"))
            })
    }

    /// The port as a number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Port {
    type Error = InvalidValue;

    fn try_from(number: u16) -> Result<Self, InvalidValue> {
        let port = (number >= Self::MIN).then_some(Self(number));
        port.ok_or_else(|| InvalidValue::new("must be an integer from 1 to 65535, got 0"))
    }
}

/// What a host runs, usually a commit: 1 byte to 8 KiB of any text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision(Arc<str>);

impl Revision {
    /// The longest revision, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Parses a revision, refusing an empty or overlong one.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text.len() {
            0 => Err(InvalidValue::new("must not be empty")),
            length if length > Self::MAX_BYTES => {
                let max = Self::MAX_BYTES;
                Err(InvalidValue::new(format!(
                    "must have at most {max} bytes, got {length}"
                )))
            }
            _ => Ok(Self(text.into())),
        }
    }

    /// The revision as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host's share of its service's traffic: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadBalancingWeight(u8);

impl LoadBalancingWeight {
    /// The lowest weight.
    pub const MIN: u8 = 1;
    /// The highest weight.
    pub const MAX: u8 = 100;

    /// Parses decimal text; surrounding blanks, a plus sign and leading zeros are accepted.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        integer(text)
            .and_then(|n| u8::try_from(n).ok())
            .filter(|n| (Self::MIN..=Self::MAX).contains(n))
            .map(Self)
            .ok_or_else(|| {
                let (min, max, got) = (Self::MIN, Self::MAX, shown(text));
                InvalidValue::new(format!("must be an integer from {min} to {max}, got {got}"))
            })
    }

    /// The weight as a number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Reads a decimal integer as the original did: blanks around it, one sign, leading zeros, digits of any script.
fn integer(text: &str) -> Option<u64> {
    let is_blank = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    let digits = text.trim_matches(is_blank);
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let next = |number: u64, c| number.checked_mul(10)?.checked_add(digit(c)?.into());
    let number = digits.chars().try_fold(0, next);
    number.filter(|_| !digits.is_empty())
}

/// What a decimal digit is worth.
fn digit(c: char) -> Option<u32> {
    let zero = |zero: &u32| u32::from(c).checked_sub(*zero).filter(|worth| *worth < 10);
    c.to_digit(10).or_else(|| ZEROS.iter().find_map(zero))
}

/// The zeros of all scripts in Unicode's basic plane but ours; the other digits follow each.
const ZEROS: [u32; 36] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

macro_rules! text_value {
    ($($name:ident: $inner:tt;)*) => {$(
        impl FromStr for $name {
            type Err = InvalidValue;
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.$inner, f)
            }
        }
    )*};
}

text_value! {
    ServiceName: 0;
    ServiceRepoName: 0;
    HostAddress: 0;
    Port: 0;
    Revision: 0;
    LoadBalancingWeight: 0;
}
