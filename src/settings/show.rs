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
    pub(crate) fn effective(&self, settings: &Settings) -> String {
        let mut lines = String::new();
        for setting in Settings::TABLE {
            let (value, origin) = self.counting(setting.key, settings);
            let assignment = format!("{}={value}", setting.name());
            writeln!(lines, "{assignment:<56} # {origin}").expect("a string takes all text");
        }
        lines
    }

    /// A setting's value and where it is from; for one that is not set, what follows from others.
    fn counting(&self, key: &str, settings: &Settings) -> (String, String) {
        match key {
            "backend_storage" if settings.backend_storage.is_none() => {
                let (storage, because) = settings.storage();
                (storage.to_string(), format!("default, because {because}"))
            }
            "infile_path" if settings.infile_path.is_none() => {
                let file = settings.infile().display().to_string();
                (file, "default, in APPLICATION_DIR".to_owned())
            }
            key => (self.shown(key), self.origin(key).to_owned()),
        }
    }
}
