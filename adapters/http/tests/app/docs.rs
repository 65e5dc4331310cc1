use std::collections::BTreeSet;
use std::io::Read;

use discovery_http::Contract;
use flate2::read::GzDecoder;
use poem::http::StatusCode;

use crate::support::Server;

#[tokio::test]
async fn the_contract_is_served_in_both_forms() {
    let server = Server::new();
    let (yaml, json) = (
        server.get("/openapi.yaml").await,
        server.get("/openapi.json").await,
    );
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert_eq!(json.header("content-type"), "application/json");
    let contract = Contract::own();
    assert_eq!(yaml.text(), contract.yaml);
    assert_eq!(json.text(), contract.json);
}

#[tokio::test]
async fn the_documentation_loads_nothing_but_what_this_server_has() {
    let server = Server::new();
    let index = server.get("/docs").await;
    assert_eq!(server.get("/docs/").await.body, index.body);
    let html = index.text();
    assert!(
        !html.contains("//"),
        "an address of another origin in {html}"
    );
    let loaded: BTreeSet<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|address| address.starts_with('/'))
        .collect();
    assert_eq!(loaded.len(), 4, "{loaded:?}");
    for address in loaded {
        let answer = server.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert!(answer.body.len() > 100, "{address}");
    }
    let bundle = server.get("/docs/swagger-ui.js").await;
    assert!(bundle.text().contains("SwaggerUIBundle") && bundle.body.len() > 1_000_000);
    let css = server.get("/docs/swagger-ui.css").await;
    assert!(css.text().contains(".swagger-ui") && !css.text().contains("</style>"));
}

#[tokio::test]
async fn the_documentation_runs_no_script_that_stands_in_a_page() {
    let server = Server::new();
    let index = server.get("/docs").await;
    let policy = index.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe-eval") && !policy.contains("http"),
        "{policy}"
    );
    let scripts = index.text().split("<script").skip(1);
    assert!(
        scripts
            .map(|script| script.split('>').nth(1))
            .all(|inside| inside == Some("</script"))
    );
}

#[tokio::test]
async fn a_page_is_kept_for_good_only_by_who_asks_for_the_version_that_is_sent() {
    let server = Server::new();
    let index = server.get("/docs").await;
    assert_eq!(index.header("cache-control"), "no-cache");
    for path in [
        "/docs/swagger-ui.js",
        "/docs/swagger-ui.css",
        "/docs/start.js",
    ] {
        let (_, rest) = index.text().split_once(path).expect("it is linked to");
        let (query, _) = rest.split_once('"').expect("the link ends");
        let linked = server.get(&format!("{path}{query}")).await;
        let kept = "public, max-age=31536000, immutable";
        assert_eq!(linked.header("cache-control"), kept, "{path}{query}");
        let others = ["", "?", "?v=", "?v=000", "?w=1"].map(str::to_owned);
        let others = others
            .into_iter()
            .chain([format!("{query}&v=000"), format!("{query}0")]);
        for query in others {
            let other = server.get(&format!("{path}{query}")).await;
            assert_eq!(other.body, linked.body, "{path}{query}");
            assert_eq!(other.header("cache-control"), "no-cache", "{path}{query}");
        }
    }
}

#[tokio::test]
async fn pages_are_sent_compressed_and_only_when_they_have_changed() {
    let server = Server::new();
    for path in [
        "/docs",
        "/docs/swagger-ui.js",
        "/docs/swagger-ui.css",
        "/docs/start.js",
        "/openapi.yaml",
        "/openapi.json",
    ] {
        let plain = server.get(path).await;
        let gzip = server
            .ask("GET", path, &[("accept-encoding", "gzip")])
            .await;
        assert_eq!(gzip.header("content-encoding"), "gzip", "{path}");
        assert_eq!(gzip.header("vary"), "accept-encoding");
        let mut unzipped = Vec::new();
        GzDecoder::new(&gzip.body[..])
            .read_to_end(&mut unzipped)
            .expect("gzip");
        assert!(unzipped == plain.body, "{path}");
        assert!(!plain.header("cache-control").is_empty());
        let again = server
            .ask("GET", path, &[("if-none-match", plain.header("etag"))])
            .await;
        assert_eq!(
            (again.status, again.body.len()),
            (StatusCode::NOT_MODIFIED, 0),
            "{path}"
        );
    }
}
