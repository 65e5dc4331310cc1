//! Versions: what something contains, as a number that every node derives alike.

use std::fmt;
use std::iter::Sum;

use twox_hash::XxHash3_128;

/// The version of a resource or of several. Replicas that serve the same content name the same version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version(u128);

impl Version {
    /// The version of what is written so, byte for byte.
    pub(crate) fn of(content: &[u8]) -> Self {
        Self(XxHash3_128::oneshot(content))
    }

    /// Reads a version as it is shown; `None` for what no node of ours can have said.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let shown = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| shown)?;
        Some(Self(number))
    }
}

/// The version of several resources together, in whatever order they come.
impl Sum for Version {
    fn sum<I: Iterator<Item = Self>>(versions: I) -> Self {
        Self(versions.fold(0, |sum, version| sum.wrapping_add(version.0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_same_on_every_node_and_in_every_release() {
        // XXH3's own test vector for 128 bits of nothing.
        let shown = Version::of(b"").to_string();
        assert_eq!(shown, "99aa06d3014798d86001c324468d497f");
        assert_eq!(Version::parse(&shown), Some(Version::of(b"")));
    }

    #[test]
    fn what_is_no_version_is_not_read_as_one() {
        for text in ["", "1", "+9aa06d3014798d86001c324468d497f", &"é".repeat(16)] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
