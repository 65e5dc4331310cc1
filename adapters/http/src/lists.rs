//! The two lists, for both ways on which a request for one can come.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use discovery_domain::{Registry, ServiceName, ServiceRepoName, StoreError};
use poem::Response;
use poem::http::HeaderMap;

use crate::render::{ListRenderer, Subject};
use crate::reply::list_response;

/// Lists hosts as responses.
pub struct Lists {
    registry: Arc<Registry>,
    renderer: ListRenderer,
}

impl Lists {
    /// Lists what the registry knows, as the renderer renders it.
    pub fn new(registry: Arc<Registry>, renderer: ListRenderer) -> Self {
        Self { registry, renderer }
    }

    /// Answers a request for the hosts of a service.
    pub async fn of_service(
        &self,
        headers: &HeaderMap,
        service: ServiceName,
    ) -> Result<Response, StoreError> {
        self.respond(headers, Subject::Service(service)).await
    }

    /// Answers a request for the hosts of a service repo.
    pub async fn of_repo(
        &self,
        headers: &HeaderMap,
        repo: ServiceRepoName,
    ) -> Result<Response, StoreError> {
        self.respond(headers, Subject::Repo(repo)).await
    }

    async fn respond(&self, headers: &HeaderMap, subject: Subject) -> Result<Response, StoreError> {
        let answer = match &subject {
            Subject::Service(service) => self.registry.hosts_of(service).await,
            Subject::Repo(repo) => self.registry.hosts_of_repo(repo).await,
        }?;
        let rendered = self.renderer.render(&subject, &answer.listing);
        let stale_for = answer.stale.map(|stale| self.since(stale.read_at));
        Ok(list_response(headers, &rendered, stale_for).await)
    }

    fn since(&self, then: DateTime<Utc>) -> Duration {
        let age = self.registry.lease().now().wall - then;
        age.to_std().unwrap_or_default()
    }
}
