//! Conditions and changes as the store wants them written.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{FIELDS, Item, SERVICE};

/// On which condition a row is changed, and how.
#[derive(Debug, Default)]
pub(crate) struct Expression {
    conditions: Vec<String>,
    sets: Vec<String>,
    removes: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// Only while there is no row.
    pub(crate) fn absent() -> Self {
        let mut expression = Self::default();
        let service = expression.name(SERVICE);
        expression
            .conditions
            .push(format!("attribute_not_exists({service})"));
        expression
    }

    /// Only while there is a row.
    pub(crate) fn exists() -> Self {
        let mut expression = Self::default();
        let service = expression.name(SERVICE);
        expression
            .conditions
            .push(format!("attribute_exists({service})"));
        expression
    }

    /// Only while there is a row with that attribute as it was seen.
    pub(crate) fn unchanged(name: &str, seen: AttributeValue) -> Self {
        let mut expression = Self::default();
        expression.require(name, Some(seen));
        expression
    }

    /// Only while the row is still the one that was seen, whatever is in it.
    pub(crate) fn unchanged_row(seen: &Item) -> Self {
        let mut expression = Self::exists();
        for name in FIELDS {
            expression.require(name, seen.get(name).cloned());
        }
        expression
    }

    /// Only while an attribute is as it was seen, or no greater than what it is given.
    pub(crate) fn not_after(mut self, attribute: &str, seen: AttributeValue) -> Self {
        let name = self.name(attribute);
        let condition = format!("({name} = :seen_{attribute} OR {name} <= :{attribute})");
        self.conditions.push(condition);
        self.values.insert(format!(":seen_{attribute}"), seen);
        self
    }

    /// Gives an attribute a value, or takes it away.
    pub(crate) fn set(mut self, attribute: &str, value: Option<AttributeValue>) -> Self {
        let name = self.name(attribute);
        match value {
            None => self.removes.push(name),
            Some(value) => {
                let placeholder = format!(":{attribute}");
                self.sets.push(format!("{name} = {placeholder}"));
                self.values.insert(placeholder, value);
            }
        }
        self
    }

    /// The condition.
    pub(crate) fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    /// The change.
    pub(crate) fn update(&self) -> String {
        let mut clauses = Vec::new();
        if !self.sets.is_empty() {
            clauses.push(format!("SET {}", self.sets.join(", ")));
        }
        if !self.removes.is_empty() {
            clauses.push(format!("REMOVE {}", self.removes.join(", ")));
        }
        clauses.join(" ")
    }

    /// What the placeholders of names stand for.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// What the placeholders of values stand for.
    pub(crate) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    fn require(&mut self, attribute: &str, seen: Option<AttributeValue>) {
        let name = self.name(attribute);
        let condition = match seen {
            None => format!("attribute_not_exists({name})"),
            Some(seen) => {
                let placeholder = format!(":seen_{attribute}");
                let condition = format!("{name} = {placeholder}");
                self.values.insert(placeholder, seen);
                condition
            }
        };
        self.conditions.push(condition);
    }

    /// The placeholder of a name; some names are reserved words.
    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }
}
