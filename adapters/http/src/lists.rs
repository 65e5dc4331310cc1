//! The two lists, for both ways on which a request for one can come.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use discovery_domain::{Registry, ServiceName, ServiceRepoName, StoreError};
use poem::Response;
use poem::http::{HeaderMap, Response as HttpResponse};

use crate::render::{ListRenderer, Subject};
use crate::reply::{list_at_hand, list_response};

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

    /// Answers a request for the hosts of a service if nothing has to be read, waited for or compressed for that.
    pub(crate) fn at_hand(
        &self,
        headers: &HeaderMap,
        service: ServiceName,
    ) -> Option<HttpResponse<Bytes>> {
        let answer = self.registry.hosts_at_hand(&service)?;
        if answer.stale.is_some() {
            return None;
        }
        let subject = Subject::Service(service);
        let rendered = self.renderer.render(&subject, &answer.listing);
        list_at_hand(headers, &rendered)
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
