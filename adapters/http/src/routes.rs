//! Which operation a request asks for, by the contract itself: its templates are the routes that exist.

use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::Value;

use crate::operation::{MOST_SEGMENTS, Operation, Path};

/// Every operation with what serves it, by the number of its segments; the ones with fewer parameters first.
pub(crate) struct Routes<T>([Vec<(Operation, T)>; MOST_SEGMENTS + 1]);

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Found<'r, T> {
    /// An operation.
    Operation(&'r Operation, &'r T),
    /// A template that has no such method, and the methods that it has.
    WrongMethod(&'r Operation, String),
    /// Nothing that exists.
    Nothing,
    /// Text in no encoding that could be read.
    Unreadable,
}

impl<T> Routes<T> {
    /// Routes to these operations.
    pub(crate) fn new(mut served: Vec<(Operation, T)>) -> Self {
        served.sort_by_key(|(operation, _)| operation.parameters());
        let templates: Vec<_> = served.iter().map(|(o, _)| o.plain_segments()).collect();
        for (operation, _) in &mut served {
            operation.tell_from(&templates);
        }
        let mut routes = Self(std::array::from_fn(|_| Vec::new()));
        for (operation, served) in served {
            routes.0[operation.length()].push((operation, served));
        }
        routes
    }

    /// Finds what is asked for; HEAD asks for what GET answers.
    pub(crate) fn find(&self, method: &Method, path: &Path<'_>) -> Found<'_, T> {
        let method = match *method {
            Method::HEAD => &Method::GET,
            _ => method,
        };
        if !path.is_readable() {
            return Found::Unreadable;
        }
        let as_long = &self.0[path.segments().len()];
        let asked = |o: &Operation| o.method == *method && o.is_at(path);
        if let Some((operation, served)) = as_long.iter().find(|(o, _)| asked(o)) {
            return Found::Operation(operation, served);
        }
        let here: Vec<_> = as_long
            .iter()
            .map(|(o, _)| o)
            .filter(|o| o.is_at(path))
            .collect();
        match here.first() {
            Some(other) => Found::WrongMethod(other, allowed(&here)),
            None => Found::Nothing,
        }
    }
}

/// The operations of a contract.
pub(crate) fn documented(contract: &str) -> Vec<Operation> {
    let contract: Value = serde_json::from_str(contract).expect("the contract is JSON");
    let mut operations = Vec::new();
    for (path, methods) in contract["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let method = method.to_ascii_uppercase().parse();
            if let (Ok(method), Some(id)) = (method, operation["operationId"].as_str()) {
                operations.push(Operation::new(id, method, path));
            }
        }
    }
    operations
}

/// The methods of some operations, as `Allow` lists them.
fn allowed(operations: &[&Operation]) -> String {
    let mut methods: BTreeSet<&str> = operations.iter().map(|o| o.method.as_str()).collect();
    methods.insert("OPTIONS");
    if methods.contains("GET") {
        methods.insert("HEAD");
    }
    Vec::from_iter(methods).join(", ")
}
