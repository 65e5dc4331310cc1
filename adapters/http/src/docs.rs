//! Swagger UI and the contract, with nothing from any other origin.

use poem_openapi::OpenApiService;

use crate::contract::Contract;
use crate::page::Page;

const CSS: &str = "/docs/swagger-ui.css";
const BUNDLE: &str = "/docs/swagger-ui.js";
const START: &str = "/docs/start.js";

const START_JS: &str = r##"window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    dom_id: "#ui",
    url: "/openapi.json",
    validatorUrl: null,
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
  });
});
"##;

/// All pages, each with the id that logs and metrics know it by, and its path.
pub(crate) fn pages(contract: &Contract) -> [(&'static str, &'static str, Page); 6] {
    let (css, bundle) = swagger_ui();
    let css = Page::versioned("text/css; charset=utf-8", css);
    let bundle = Page::versioned("text/javascript; charset=utf-8", bundle);
    let start = Page::versioned("text/javascript; charset=utf-8", START_JS);
    let index = Page::new("text/html; charset=utf-8", index(&css, &bundle, &start));
    [
        ("docs", "/docs", index),
        ("docsStyle", CSS, css),
        ("docsBundle", BUNDLE, bundle),
        ("docsStart", START, start),
        (
            "contractAsYaml",
            "/openapi.yaml",
            Page::new("application/yaml", contract.yaml.clone()),
        ),
        (
            "contractAsJson",
            "/openapi.json",
            Page::new("application/json", contract.json.clone()),
        ),
    ]
}

fn index(css: &Page, bundle: &Page, start: &Page) -> String {
    let (css_version, bundle_version, start_version) =
        (css.version(), bundle.version(), start.version());
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Service discovery: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{CSS}?v={css_version}">
<script src="{BUNDLE}?v={bundle_version}" defer></script>
<script src="{START}?v={start_version}" defer></script>
</head>
<body>
<div id="ui"><p>The contract is at <a href="/openapi.yaml">/openapi.yaml</a>; showing it here needs JavaScript.</p></div>
</body>
</html>
"#
    )
}

/// The style sheet and the script of Swagger UI, taken out of the one page that poem-openapi makes of them.
fn swagger_ui() -> (String, String) {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    let between = |from: &str, to: &str| {
        let (_, rest) = page.split_once(from)?;
        Some(rest.split_once(to)?.0.to_owned())
    };
    let css = between("<style charset=\"UTF-8\">", "</style>");
    let bundle = between("<script charset=\"UTF-8\">", "</script>\n</head>");
    (css.unwrap_or_default(), bundle.unwrap_or_default())
}
