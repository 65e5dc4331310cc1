//! What answers each operation.

use std::mem::take;
use std::sync::Arc;

use bytes::Bytes;
use discovery_domain::{ServiceName, ServiceRepoName, StoreError};
use futures_util::future::BoxFuture;
use poem::endpoint::BoxEndpoint;
use poem::http::uri::PathAndQuery;
use poem::http::{HeaderMap, Response as HttpResponse, Uri};
use poem::{Endpoint, IntoResponse, Request, Response};
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;

use crate::error::ListRefused;
use crate::lists::Lists;
use crate::operation::{Operation, Path, last_segment};
use crate::page::Page;
use crate::refusal::poem_error;
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::scrape::scrape;

/// Which part of the backend answers an operation.
pub(crate) enum Answerer {
    /// The documented operation.
    Documented,
    /// The lists, as the documented operation would: they spare it the way through the router.
    ServiceList,
    /// The lists, too.
    RepoList,
    Page(Page),
    Scrape,
}

/// Everything that answers.
pub(crate) struct Backend {
    pub(crate) operations: BoxEndpoint<'static>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) metrics: Registry,
    /// Held while metrics are written, which takes milliseconds: many scrapers at once get one core between them.
    pub(crate) scraping: Mutex<()>,
}

impl Answerer {
    /// What answers an operation of the contract.
    pub(crate) fn of(operation: &Operation) -> Self {
        match operation.id.as_str() {
            "listHosts" => Self::ServiceList,
            "listHostsByRepo" => Self::RepoList,
            _ => Self::Documented,
        }
    }
}

impl Backend {
    /// Answers a request for an operation.
    pub(crate) async fn answer(
        &self,
        answerer: &Answerer,
        operation: &Operation,
        request: &mut Request,
    ) -> Response {
        match answerer {
            Answerer::Documented => self.documented(operation, request).await,
            Answerer::ServiceList => match name(request.uri().path(), ServiceName::parse) {
                Some(service) => listed(self.lists.of_service(request.headers(), service).await),
                None => self.documented(operation, request).await,
            },
            Answerer::RepoList => match name(request.uri().path(), ServiceRepoName::parse) {
                Some(repo) => listed(self.lists.of_repo(request.headers(), repo).await),
                None => self.documented(operation, request).await,
            },
            Answerer::Page(page) => {
                Box::pin(page.response(request.headers(), request.uri().query())).await
            }
            Answerer::Scrape => {
                let _turn = self.scraping.lock().await;
                scrape(request.headers(), &self.metrics)
            }
        }
    }

    /// The list of the service that a path names, if it is at hand.
    pub(crate) fn list_at_hand(
        &self,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<HttpResponse<Bytes>> {
        let service = name(path, ServiceName::parse)?;
        self.lists.at_hand(headers, service)
    }

    /// On the heap, as all but the lists, so that what answers those is small.
    fn documented<'a>(
        &'a self,
        operation: &'a Operation,
        request: &'a mut Request,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            let mut request = take(request);
            request.set_method(operation.method.clone());
            let id = RequestId::current().header();
            request.headers_mut().insert(X_REQUEST_ID, id);
            let path = Path::split(request.uri().path());
            if let Some(path) = path.and_then(|path| operation.unmistakable(&path)) {
                rewrite(request.uri_mut(), path);
            }
            self.operations
                .call(request)
                .await
                .unwrap_or_else(poem_error)
        })
    }
}

/// The name that a list is asked for by, if it is valid; if not, the documented operation says why.
fn name<T, E>(path: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
    let name = last_segment(path)?;
    parse(&name).ok()
}

fn listed(list: Result<Response, StoreError>) -> Response {
    list.unwrap_or_else(|error| ListRefused::from(error).into_response())
}

fn rewrite(uri: &mut Uri, path: String) {
    let query = uri.query().map(|query| format!("?{query}"));
    let target = path + &query.unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    if let Ok(rewritten) = Uri::from_parts(parts) {
        *uri = rewritten;
    }
}
