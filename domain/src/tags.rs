//! A host's tags: a JSON object of which five members have a meaning here and the rest is kept to the letter.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::canonical::{self, Member};
use crate::plain::is_plain;
use crate::values::{InvalidValue, LoadBalancingWeight, shown};

/// The zone a host runs in.
pub const AZ: &str = "az";
/// The region a host runs in.
pub const REGION: &str = "region";
/// The instance that a host is.
pub const INSTANCE_ID: &str = "instance_id";
/// Whether a host is a canary.
pub const CANARY: &str = "canary";
/// The host's share of traffic.
pub const LOAD_BALANCING_WEIGHT: &str = "load_balancing_weight";

const REQUIRED: [&str; 3] = [AZ, REGION, INSTANCE_ID];

/// The tags of a host: a JSON object, kept as text.
///
/// What a client sends is held in one canonical text (the one the original wrote: `", "` and `": "` between, all but
/// printable ASCII escaped). What a store returns is held to the letter, so that it can be compared with what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    text: Arc<str>,
    /// What a reader may see, where that is not `text` itself.
    shown: Option<Arc<str>>,
}

impl Tags {
    /// The longest tags of one host, in bytes of canonical text.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// The most tags of one host.
    pub const MAX_KEYS: usize = 64;
    /// The deepest nesting inside a tag.
    pub const MAX_DEPTH: usize = 64;

    /// Parses what a client sent. `az`, `region` and `instance_id` must be there; the five typed tags must be of their
    /// type and range; numbers must fit a double and strings hold no lone surrogate, or no reader could parse the list.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        if is_plain_and_complete(text) {
            let (text, shown) = (text.into(), None);
            return Ok(Self { text, shown });
        }
        let members = members(text).map_err(|error| no_object(text, &error))?;
        let mut canonical = Vec::with_capacity(members.len());
        let mut wrong = Vec::new();
        for (key, value) in &members {
            match sound_value(key, value) {
                Ok(value) => canonical.push((key.as_str(), value)),
                Err(why) => wrong.push(why),
            }
        }
        let is_there = |required: &str| members.iter().any(|(key, _)| key == required);
        let missing = REQUIRED.iter().filter(|required| !is_there(required));
        wrong.extend(missing.map(|required| format!("must have a string as the tag {required:?}")));
        if !wrong.is_empty() {
            return Err(all_of(&wrong));
        }
        let tags = Self::sound(&canonical);
        within_limits(canonical.len(), tags.text.len())?;
        Ok(tags)
    }

    /// Reads what a store holds; `None` when it is no JSON object. A documented tag of a wrong type, or one that no
    /// JSON reader would accept, is kept in the text but not shown (liveness rule 8).
    pub fn from_stored(text: &str) -> Option<Self> {
        if is_plain(text, fits_documented) {
            let (text, shown) = (text.into(), None);
            return Some(Self { text, shown });
        }
        let members = members(text).ok()?;
        let showable: Vec<Member<'_>> = members
            .iter()
            .filter(|(key, value)| fits_documented(key, value.get()))
            .filter_map(|(key, value)| {
                Some((key.as_str(), canonical::value(value, Self::MAX_DEPTH).ok()?))
            })
            .collect();
        let shown = canonical::object(&showable);
        let shown = (shown != text).then(|| shown.into());
        Some(Self {
            text: text.into(),
            shown,
        })
    }

    /// Lays `newer` over these tags: its members replace, the others stay where they are (a shallow merge). Returns
    /// the very same tags when nothing changes. Fails when the result would outgrow the limits that these tags keep.
    pub fn merged(&self, newer: &Self) -> Result<Self, InvalidValue> {
        if self.text == newer.text {
            return Ok(self.clone());
        }
        let (old, new) = (self.members(), newer.members());
        let fresh = new
            .iter()
            .filter(|(key, _)| !old.iter().any(|(k, _)| k == key));
        let same = |key: &str| {
            new.iter()
                .find(|(k, _)| k == key)
                .map(|(_, v)| v.get().to_owned())
        };
        let merged: Vec<Member<'_>> = old
            .iter()
            .map(|(key, value)| {
                (
                    key.as_str(),
                    same(key).unwrap_or_else(|| value.get().to_owned()),
                )
            })
            .chain(fresh.map(|(key, value)| (key.as_str(), value.get().to_owned())))
            .collect();
        if merged.len() == old.len() && merged.iter().zip(&old).all(|((_, m), (_, o))| m == o.get())
        {
            return Ok(self.clone());
        }
        let text = canonical::object(&merged);
        if merged.len() > old.len() || text.len() > self.text.len() {
            within_limits(merged.len(), text.len())
                .map_err(|e| InvalidValue::new(format!("{e}, counting the host's earlier tags")))?;
        }
        Ok(self.rewritten(text))
    }

    /// These tags with that weight; the very same tags when they have it already.
    #[must_use]
    pub fn with_weight(&self, weight: LoadBalancingWeight) -> Self {
        if self.weight() == Some(weight) {
            return self.clone();
        }
        let members = self.members();
        let mut changed: Vec<Member<'_>> = members
            .iter()
            .map(|(key, value)| (key.as_str(), value.get().to_owned()))
            .collect();
        match changed
            .iter_mut()
            .find(|(key, _)| *key == LOAD_BALANCING_WEIGHT)
        {
            Some((_, value)) => *value = weight.to_string(),
            None => changed.push((LOAD_BALANCING_WEIGHT, weight.to_string())),
        }
        self.rewritten(canonical::object(&changed))
    }

    /// The whole object as a store keeps it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The object as a reader sees it: canonical JSON without the tags that break their documented type.
    pub fn shown(&self) -> &str {
        self.shown.as_ref().unwrap_or(&self.text)
    }

    /// How many stored tags a reader does not see.
    pub fn left_out(&self) -> usize {
        let count = |text: &str| members(text).map_or(0, |m| m.len());
        self.shown
            .as_ref()
            .map_or(0, |shown| count(&self.text) - count(shown))
    }

    /// The zone, where the tags name one.
    pub fn az(&self) -> Option<String> {
        self.string(AZ)
    }

    /// The region, where the tags name one.
    pub fn region(&self) -> Option<String> {
        self.string(REGION)
    }

    /// The instance, where the tags name one.
    pub fn instance_id(&self) -> Option<String> {
        self.string(INSTANCE_ID)
    }

    /// Whether the host is a canary; one that does not say so is none.
    pub fn canary(&self) -> bool {
        self.seen(CANARY).as_deref() == Some("true")
    }

    /// The weight, where one was set.
    pub fn weight(&self) -> Option<LoadBalancingWeight> {
        LoadBalancingWeight::parse(&self.seen(LOAD_BALANCING_WEIGHT)?).ok()
    }

    fn sound(members: &[Member<'_>]) -> Self {
        Self {
            text: canonical::object(members).into(),
            shown: None,
        }
    }

    /// A rewritten text of these tags: what was sound before still is, what was left out still has to be found.
    fn rewritten(&self, text: String) -> Self {
        match &self.shown {
            None => Self {
                text: text.into(),
                shown: None,
            },
            Some(_) => Self::from_stored(&text).expect("members joined by `object` are an object"),
        }
    }

    fn string(&self, key: &str) -> Option<String> {
        serde_json::from_str(&self.seen(key)?).ok()
    }

    fn seen(&self, key: &str) -> Option<String> {
        let members = members(self.shown()).ok()?;
        members
            .into_iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.get().to_owned())
    }

    fn members(&self) -> Vec<(String, &RawValue)> {
        members(&self.text).expect("the text of tags is an object")
    }
}

/// The members of a JSON object in the order they stand in; of two with one name the last counts.
fn members(text: &str) -> Result<Vec<(String, &RawValue)>, serde_json::Error> {
    let by_name: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    let mut members: Vec<_> = by_name.into_iter().collect();
    members.sort_by_key(|(_, value)| value.get().as_ptr());
    Ok(members)
}

/// Whether a client's tags are canonical already and keep every rule.
fn is_plain_and_complete(text: &str) -> bool {
    let required = Cell::new(0);
    let fits = |key: &str, json: &str| {
        required.set(required.get() + usize::from(REQUIRED.contains(&key)));
        fits_documented(key, json)
    };
    text.len() <= Tags::MAX_BYTES && is_plain(text, fits) && required.get() == REQUIRED.len()
}

/// Says that a text is no object; what is wrong with its syntax, too, but not all of a value of another type.
fn no_object(text: &str, error: &serde_json::Error) -> InvalidValue {
    let (got, why) = (shown(text), format!(": {error}"));
    let why = if error.is_data() { "" } else { &why };
    InvalidValue::new(format!(
        "must be a JSON object like {{\"az\": \"a\", \"region\": \"b\", \"instance_id\": \"c\"}}, got {got}{why}"
    ))
}

/// Everything that is wrong, or enough of it to begin with.
fn all_of(wrong: &[String]) -> InvalidValue {
    const TOLD: usize = 8;
    let told = wrong[..wrong.len().min(TOLD)].join("; ");
    InvalidValue::new(match wrong.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} more are wrong"),
    })
}

/// The canonical value of a tag, or what is wrong with it.
fn sound_value(key: &str, value: &RawValue) -> Result<String, String> {
    check_documented(key, value.get())?;
    canonical::value(value, Tags::MAX_DEPTH)
        .map_err(|why| format!("{why} in the tag {}", shown(key)))
}

fn check_documented(key: &str, json: &str) -> Result<(), String> {
    if fits_documented(key, json) {
        return Ok(());
    }
    let (min, max) = (LoadBalancingWeight::MIN, LoadBalancingWeight::MAX);
    let wanted = match key {
        CANARY => "true or false".to_owned(),
        LOAD_BALANCING_WEIGHT => format!("an integer from {min} to {max}"),
        _ => "a string".to_owned(),
    };
    let got: String = json.chars().take(64).collect();
    Err(format!("must have {wanted} as the tag {key:?}, got {got}"))
}

/// Whether a tag is of the type and range that it is documented with, if it is.
fn fits_documented(key: &str, json: &str) -> bool {
    match key {
        AZ | REGION | INSTANCE_ID => json.starts_with('"'),
        CANARY => matches!(json, "true" | "false"),
        LOAD_BALANCING_WEIGHT => {
            json.bytes().all(|b| b.is_ascii_digit()) && LoadBalancingWeight::parse(json).is_ok()
        }
        _ => true,
    }
}

fn within_limits(keys: usize, bytes: usize) -> Result<(), InvalidValue> {
    let (max_keys, max_bytes) = (Tags::MAX_KEYS, Tags::MAX_BYTES);
    if keys > max_keys {
        return Err(InvalidValue::new(format!(
            "must have at most {max_keys} tags, got {keys}"
        )));
    }
    if bytes > max_bytes {
        return Err(InvalidValue::new(format!(
            "must have at most {max_bytes} bytes as JSON, got {bytes}"
        )));
    }
    Ok(())
}
