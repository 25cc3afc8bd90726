//! `/`: a page that shows the server live. The page is one file, asks for nothing but the `status.json` beside it, and
//! the policy sent with it lets the browser ask for nothing else. Orders are for the control socket.

use super::health::status;
use crate::handler::{Request, Response, Router};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use std::sync::LazyLock;

const PAGE: &str = include_str!("page.html");
/// The place in the page for what an application shows below the figures.
const PLACE: &str = "  <!-- routes -->\n";
/// The page of the built-in application, with its routes to try.
static WITH_ROUTES: LazyLock<String> =
    LazyLock::new(|| PAGE.replace(PLACE, include_str!("routes.html")));

/// Script and style are in the page itself; nothing from outside, nobody may frame it.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; \
    style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// A page at `/` that shows the server live, and `/status.json`, from which it has its figures; for any state, and for
/// any place of a router ([`Router::nest`]). Rates, p50 and p99 with their history, cores, refusals, lanes, protocols,
/// certificates; no orders, which are for the control socket (`ctl`). Every client learns addresses, counts and the
/// process id: keep the page from strangers, below a guarded [`Router::around`] or on a server of its own.
///
/// ```
/// use ringgate::{Router, app, testing};
///
/// let client = testing::client(Router::new().merge(app::live_page()), ());
/// assert_eq!(client.get("/").send().header("content-type"), Some("text/html; charset=utf-8"));
/// ```
pub fn live_page<S: 'static>() -> Router<S> {
    Router::new().get("/", page).merge(status())
}

async fn page<S>(_: Request<S>) -> Response {
    serve(PAGE)
}

/// The page of the built-in application alone.
pub(super) fn routes<S: 'static>() -> Router<S> {
    Router::new().get("/", page_with_routes)
}

async fn page_with_routes<S>(_: Request<S>) -> Response {
    serve(&WITH_ROUTES)
}

/// A page that is one file, with the policy that lets it ask nobody but this server.
pub(super) fn serve(page: &'static str) -> Response {
    Response::html(page)
        .with_header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
        .with_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}
