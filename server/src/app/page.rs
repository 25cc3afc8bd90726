//! `/`: a page that shows the server live. It is one file, asks for nothing but `/status.json`, and
//! the policy sent with it lets the browser ask for nothing else.

use super::AppState;
use crate::handler::{Request, Response, Router};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};

const PAGE: &str = include_str!("page.html");

/// Script and style are in the page itself; nothing from outside, nobody may frame it.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; \
    style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes(router: Router<AppState>) -> Router<AppState> {
    router.get("/", page)
}

async fn page(_: Request<AppState>) -> Response {
    Response::html(PAGE)
        .with_header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
        .with_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}
