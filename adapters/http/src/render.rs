//! Lists rendered once per change, however many readers there are.

use std::sync::Arc;

use discovery_domain::{Listing, ServiceName, ServiceRepoName, push_json_string};

use crate::shelf::Shelf;

pub use crate::rendered::Rendered;

/// What a list is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The hosts of a service.
    Service(ServiceName),
    /// The hosts of a service repo.
    Repo(ServiceRepoName),
}

/// Turns listings into answers, each of them once.
pub struct ListRenderer {
    env: String,
    shelf: Shelf,
}

impl ListRenderer {
    /// A renderer that names `env` in every answer and keeps about `bytes` of them; more, where a single one is larger.
    pub fn new(env: impl Into<String>, bytes: u64) -> Self {
        Self {
            env: env.into(),
            shelf: Shelf::new(bytes),
        }
    }

    /// The answer that shows this listing, made from the one before it where something has changed.
    pub fn render(&self, subject: &Subject, listing: &Arc<Listing>) -> Arc<Rendered> {
        match self.shelf.shard(subject).get(subject) {
            Some(rendered) if rendered.shows(listing) => rendered,
            _ => self.render_once(subject, listing),
        }
    }

    fn render_once(&self, subject: &Subject, listing: &Arc<Listing>) -> Arc<Rendered> {
        let shard = self.shelf.shard(subject);
        let _alone = shard.rendering();
        let rendered = match shard.get(subject) {
            Some(rendered) if rendered.shows(listing) => return rendered,
            Some(earlier) => earlier.patched(listing),
            None => Rendered::fresh(&self.head(subject), listing),
        };
        let rendered = Arc::new(rendered);
        self.shelf.put(subject, Arc::clone(&rendered));
        rendered
    }

    /// Everything before the first host.
    fn head(&self, subject: &Subject) -> String {
        let (kind, name) = match subject {
            Subject::Service(name) => ("service", name.as_str()),
            Subject::Repo(name) => ("service_repo_name", name.as_str()),
        };
        let mut head = format!("{{\"{kind}\": ");
        push_json_string(&mut head, name);
        head.push_str(", \"env\": ");
        push_json_string(&mut head, &self.env);
        head.push_str(", \"hosts\": [");
        head
    }
}

#[cfg(test)]
mod tests;
