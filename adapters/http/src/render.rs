//! The rendered lists, each kept until it is replaced or there are too many.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use discovery_domain::{Listing, ServiceName, ServiceRepoName, push_json_string};
use mini_moka::sync::Cache;

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
    rendered: Cache<Subject, Arc<Rendered>>,
    /// Held while one of the subjects that share it is rendered, so that a change is rendered once.
    busy: [Mutex<()>; 64],
    stripes: RandomState,
}

impl ListRenderer {
    /// A renderer that names `env` in every answer and keeps about `bytes` of them, or a single one that is larger.
    pub fn new(env: impl Into<String>, bytes: u64) -> Self {
        let weigh = move |_: &Subject, rendered: &Arc<Rendered>| {
            let weight = (rendered.weight() as u64).min(bytes);
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        Self {
            env: env.into(),
            rendered: Cache::builder().max_capacity(bytes).weigher(weigh).build(),
            busy: std::array::from_fn(|_| Mutex::default()),
            stripes: RandomState::new(),
        }
    }

    /// The answer that shows this listing, made from the one before it where something has changed.
    pub fn render(&self, subject: &Subject, listing: &Arc<Listing>) -> Arc<Rendered> {
        match self.rendered.get(subject) {
            Some(rendered) if rendered.shows(listing) => rendered,
            _ => self.render_once(subject, listing),
        }
    }

    fn render_once(&self, subject: &Subject, listing: &Arc<Listing>) -> Arc<Rendered> {
        let _busy = self.busy(subject);
        let rendered = match self.rendered.get(subject) {
            Some(rendered) if rendered.shows(listing) => return rendered,
            Some(earlier) => earlier.patched(listing),
            None => Rendered::fresh(&self.head(subject), listing),
        };
        let rendered = Arc::new(rendered);
        self.rendered.insert(subject.clone(), Arc::clone(&rendered));
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

    fn busy(&self, subject: &Subject) -> MutexGuard<'_, ()> {
        let stripes = self.busy.len() as u64;
        let stripe = usize::try_from(self.stripes.hash_one(subject) % stripes)
            .expect("there are few stripes");
        self.busy[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
