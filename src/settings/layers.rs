//! The layers that settings come from, and what is wrong in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};
use validator::Validate;

use super::value::{Value, masked};
use super::{BackendStorage, Setting, Settings};

/// Defaults, the file's values and the environment's, each knowing where it is from.
pub(crate) struct Layers {
    values: Figment,
    /// The values as they are used, fit for showing.
    shown: BTreeMap<String, String>,
    bad: Vec<String>,
    /// The settings that have no value of theirs.
    unread: BTreeSet<String>,
}

/// Everything that is wrong with the settings: a line each.
#[derive(Debug)]
pub(crate) struct BadSettings(Vec<String>);

impl std::error::Error for BadSettings {}

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Values of one origin, by key.
struct Layer(&'static str, Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.1.clone()))
    }
}

impl Layers {
    /// Stacks the layers. A file that can't be read ends it; a key that is none of ours is noted.
    pub(super) fn new(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, BadSettings> {
        let defaults = Settings::TABLE
            .iter()
            .map(|setting| (setting.key, setting.default.into()));
        let defaults = defaults
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let environment = environment
            .filter_map(|(name, value)| {
                let setting = known(|s| s.name() == name)?;
                let value = setting.set_by(value.into())?;
                Some((setting.key.to_owned(), value))
            })
            .collect();
        let (written, bad) = file.map_or(Ok(Default::default()), read_file)?;
        let values = Figment::from(Layer("default", defaults))
            .merge(Layer("file", written))
            .merge(Layer("environment", environment));
        Ok(Self {
            values,
            shown: BTreeMap::new(),
            bad,
            unread: BTreeSet::new(),
        })
    }

    /// Reads one setting; notes it when its value is none.
    pub(super) fn read<T: Value>(&mut self, key: &str, default: &str) -> T {
        let text = self.text(key);
        let shown = text.as_deref().map_or("a table".to_owned(), T::shown);
        self.shown.insert(key.to_owned(), shown);
        let value = text.and_then(|text| T::from_text(&text));
        value.unwrap_or_else(|| {
            self.note(key);
            self.unread.insert(key.to_owned());
            T::from_text(default).expect("a default is a value")
        })
    }

    /// The settings, unless something is wrong with one of them.
    pub(super) fn judge(&mut self, settings: Settings) -> Result<Settings, BadSettings> {
        self.check_ranges(&settings);
        self.check_table(&settings);
        self.check_interval(&settings);
        if self.bad.is_empty() {
            Ok(settings)
        } else {
            Err(BadSettings(std::mem::take(&mut self.bad)))
        }
    }

    fn check_ranges(&mut self, settings: &Settings) {
        if let Err(outside) = settings.validate() {
            for setting in Settings::TABLE {
                if outside.errors().contains_key(setting.key) {
                    self.note(setting.key);
                }
            }
        }
    }

    fn check_table(&mut self, settings: &Settings) {
        let dynamodb = settings.storage().0 == BackendStorage::DynamoDb;
        if dynamodb && settings.dynamodb_table_hosts.is_none() {
            let lacks = "is not set, and must name a table because BACKEND_STORAGE is DynamoDB";
            self.bad.push(format!("DYNAMODB_TABLE_HOSTS: {lacks}"));
        }
    }

    fn check_interval(&mut self, settings: &Settings) {
        let both = ["heartbeat_persist_interval", "host_ttl"];
        let are_read = !both.iter().any(|key| self.unread.contains(*key));
        if are_read && settings.heartbeat_persist_interval > settings.host_ttl / 2 {
            self.note("heartbeat_persist_interval");
        }
    }

    fn note(&mut self, key: &str) {
        if let Some(setting) = known(|setting| setting.key == key) {
            let (name, accepts, origin) = (setting.name(), setting.accepts, self.origin(key));
            let value = self.shown(key);
            self.bad.push(format!(
                "{name}: {value:?} from the {origin} is not {accepts}"
            ));
        }
    }

    /// The value that counts, as text; `None` for one that has no text, like a table of a TOML file.
    fn text(&self, key: &str) -> Option<String> {
        text_of(&self.values.find_value(key).ok()?)
    }

    /// The value that counts, fit for showing. Also a URL that is none of the store's could hold a password.
    pub(super) fn shown(&self, key: &str) -> String {
        let shown = self.shown.get(key).cloned().unwrap_or_default();
        if shown.contains("://") {
            masked(&shown)
        } else {
            shown
        }
    }

    /// Which layer the value is from.
    pub(super) fn origin(&self, key: &str) -> &str {
        self.values
            .find_metadata(key)
            .map_or("default", |metadata| &metadata.name)
    }
}

impl Setting {
    /// The value, unless it sets nothing.
    fn set_by(&self, value: figment::value::Value) -> Option<figment::value::Value> {
        let is_empty = |value: &figment::value::Value| {
            let text = value.as_str();
            text.is_some_and(|text| text.trim().is_empty())
        };
        Some(value).filter(|value| !(self.empty_is_unset && is_empty(value)))
    }
}

fn known(is: impl Fn(&Setting) -> bool) -> Option<&'static Setting> {
    Settings::TABLE.iter().find(|setting| is(setting))
}

/// Reads a TOML file into its values and a line for every key that is not known.
fn read_file(path: &Path) -> Result<(Dict, Vec<String>), BadSettings> {
    let shown = path.display();
    let refuse = |problem: String| BadSettings(vec![format!("settings file {shown}: {problem}")]);
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    let profiles = Toml::string(&text)
        .data()
        .map_err(|error| refuse(one_line(&error.to_string())))?;
    let (mut values, mut bad) = (Dict::new(), Vec::new());
    for (key, value) in profiles.into_values().flatten() {
        match known(|setting| setting.key == key.to_lowercase()) {
            _ if value.as_dict().is_some() => bad.push(format!(
                "[{key}]: a section in {shown} is not taken, settings stand at the top of the file before any section"
            )),
            Some(setting) => values.extend(
                setting
                    .set_by(value)
                    .map(|value| (setting.key.to_owned(), value)),
            ),
            None => bad.push(format!(
                "{key}: unknown setting in {shown}, `discovery config` lists the known ones"
            )),
        }
    }
    Ok((values, bad))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value of a file in the text that an environment variable would have.
fn text_of(value: &figment::value::Value) -> Option<String> {
    use figment::value::Value;
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, char) => Some(char.to_string()),
        Value::Bool(_, bool) => Some(bool.to_string()),
        Value::Num(_, number) => number_text(*number),
        Value::Array(_, items) => {
            let items: Option<Vec<_>> = items.iter().map(text_of).collect();
            items.map(|items| items.join(","))
        }
        Value::Empty(..) | Value::Dict(..) => None,
    }
}

fn number_text(number: figment::value::Num) -> Option<String> {
    let whole = || number.to_i128().map(|whole| whole.to_string());
    let positive = || number.to_u128().map(|whole| whole.to_string());
    let broken = || number.to_f64().map(|broken| broken.to_string());
    positive().or_else(whole).or_else(broken)
}
