//! The front door: a page for a person's browser, JSON for a program.

use std::sync::Arc;

use discovery_domain::Registry;
use poem::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use poem::http::{HeaderMap, HeaderValue};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry as Schemas};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, OpenApi};

use crate::HttpSettings;
use crate::contract::API_VERSION;
use crate::json::Json;
use crate::model::{Home, Links};
use crate::page::protect;
use crate::schema::{Count, Env};
use crate::tags::Tag;

/// The operation that tells what this server is.
pub(crate) struct HomeApi {
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: Arc<HttpSettings>,
}

#[derive(ApiResponse)]
pub(crate) enum Welcome {
    /// What this is
    #[oai(
        status = 200,
        header(
            name = "Vary",
            ty = "String",
            description = "The request headers that the answer depends on"
        )
    )]
    Home(Page),
}

#[OpenApi(tag = "Tag::Home")]
impl HomeApi {
    /// Tell what this server is
    ///
    /// And where to go from here. A browser, which asks for `text/html`, gets the same as a page.
    #[oai(path = "/", method = "get", operation_id = "getHome")]
    #[expect(clippy::unused_async, reason = "a handler is asynchronous")]
    async fn get_home(&self, headers: &HeaderMap) -> Welcome {
        let home = self.home();
        Welcome::Home(if wants_html(headers) {
            Page::Html(home)
        } else {
            Page::Json(home)
        })
    }
}

impl HomeApi {
    fn home(&self) -> Home {
        let known = self.registry.known();
        Home {
            name: "discovery".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api_version: API_VERSION.to_owned(),
            env: Env(self.settings.environment.clone()),
            services: Count::of(known.services),
            hosts: Count::of(known.hosts),
            links: Links {
                docs: "/docs".to_owned(),
                openapi: "/openapi.yaml".to_owned(),
                readiness: "/readyz".to_owned(),
                metrics: "/metrics".to_owned(),
            },
        }
    }
}

/// Whether a client would rather have HTML than JSON, as every browser would. Who takes both alike is no browser.
fn wants_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter();
    let ranges = lines.filter_map(|line| line.to_str().ok());
    let ranges: Vec<&str> = ranges.flat_map(|line| line.split(',')).collect();
    let weight = |names: &[&str]| {
        // The most specific of them counts.
        let weight = names.iter().find_map(|name| weight_of(name, &ranges));
        weight.unwrap_or(0.0)
    };
    weight(&["text/html", "text/*", "*/*"]) > weight(&["application/json", "application/*", "*/*"])
}

/// The weight of a media range (RFC 9110, 12.5.1), if it is among these.
fn weight_of(name: &str, ranges: &[&str]) -> Option<f32> {
    ranges.iter().find_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_it = parts.next()?.eq_ignore_ascii_case(name);
        let weight = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='));
        is_it.then(|| weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
    })
}

/// The same content in one of two forms; the contract shows JSON alone, because generators of SDKs expect one.
pub(crate) enum Page {
    Json(Home),
    Html(Home),
}

impl Payload for Page {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        Home::schema_ref()
    }

    fn register(schemas: &mut Schemas) {
        Home::register(schemas);
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = match self {
            Self::Json(home) => Json(home).into_response(),
            Self::Html(home) => {
                let mut page = Response::builder()
                    .header(CONTENT_TYPE, "text/html; charset=utf-8")
                    .body(html(&home));
                protect(page.headers_mut(), "'unsafe-inline'");
                page
            }
        };
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("accept"));
        response
    }
}

fn html(home: &Home) -> String {
    include_str!("home.html")
        .replace("{version}", &home.version)
        .replace("{api_version}", &home.api_version)
        .replace("{services}", &home.services.0.to_string())
        .replace("{hosts}", &home.hosts.0.to_string())
        .replace("{env}", &escaped(&home.env.0))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
