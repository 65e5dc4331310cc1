//! What was measured, beside what it should be.

use std::fmt;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The target's number.
    pub(crate) item: u8,
    /// What was measured.
    pub(crate) what: String,
    pub(crate) measured: f64,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
    /// The figures behind it.
    pub(crate) figures: String,
}

/// What a measurement should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// An aim that is only reported.
    Aim(f64),
}

impl Row {
    /// Whether the target is met; nothing to say of an aim.
    fn met(&self) -> &'static str {
        let met = match self.target {
            Target::AtLeast(least) => self.measured >= least,
            Target::AtMost(most) => self.measured <= most,
            Target::Aim(_) => return "",
        };
        if met { "yes" } else { "**no**" }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::Aim(aim) => write!(f, "aim {aim}"),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            item,
            what,
            measured,
            unit,
            target,
            figures,
        } = self;
        let met = self.met();
        write!(
            f,
            "| {item} | {what} | {measured:.2}{unit} | {target} | {met} | {figures} |"
        )
    }
}

/// The first lines of the table.
pub(crate) const HEAD: &str = "\
| item | what | measured | target | met | figures |
|---|---|---|---|---|---|";

/// A rate, short enough for a table.
pub(crate) fn rate(a_second: f64) -> String {
    if a_second >= 10_000.0 {
        format!("{:.1}k/s", a_second / 1e3)
    } else {
        format!("{a_second:.0}/s")
    }
}
