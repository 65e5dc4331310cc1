//! The settings as people see them.

use std::fmt::Write;

use super::{Layers, Setting, Settings};

impl Settings {
    /// The README's table of settings.
    pub(crate) fn markdown() -> String {
        let rows = Self::TABLE.iter().map(Setting::markdown_row);
        let head = "| Setting | Default | Meaning |\n|---|---|---|\n".to_owned();
        rows.fold(head, |table, row| table + &row)
    }
}

impl Setting {
    fn markdown_row(&self) -> String {
        let (name, accepts) = (self.name(), self.accepts);
        let default = match self.default {
            "" => "unset".to_owned(),
            text => format!("`{text}`"),
        };
        let meaning = self.meaning.trim();
        format!("| `{name}` | {default} | {meaning} Takes {accepts}. |\n")
    }
}

impl Layers {
    /// Every setting with the value that counts and where it is from; what could be a secret is masked.
    pub(crate) fn effective(&self) -> String {
        let mut lines = String::new();
        for setting in Settings::TABLE {
            let assignment = format!("{}={}", setting.name(), self.shown(setting.key));
            let origin = self.origin(setting.key);
            writeln!(lines, "{assignment:<56} # {origin}").expect("a string takes all text");
        }
        lines
    }
}
