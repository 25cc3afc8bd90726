//! Bodies for answers that say that something went wrong, in the form that the client asked for.

use super::{Ready, vary_by};
use crate::handler::{Body, Next, Request, Response, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

const HTML: &str = "text/html";
const JSON: &str = "application/json";
/// The form of an error as JSON (RFC 9457).
const PROBLEM: &str = "application/problem+json";
/// The type of the line of text that [`Response::error`] makes.
const PLAIN: &str = "text/plain; charset=utf-8";

/// Pages, or JSON, in place of the short lines of text that answers of 4xx and 5xx have.
///
/// Replaced is a body of the type `text/plain; charset=utf-8`, or none at all: those of the server's own answers and of
/// [`Response::error`]. What a handler says in HTML or JSON stays, and so do status and fields. A client gets a page if it
/// names `text/html` in Accept, and JSON if it names `application/json` or `application/problem+json`, whichever it likes better; any other
/// client gets the line of text.
///
/// ```
/// use ringgate::around::ErrorPages;
/// use ringgate::http::StatusCode;
/// use ringgate::{Router, testing};
///
/// let pages = ErrorPages::json()
///     .page(StatusCode::NOT_FOUND, "<h1>Nothing here</h1>")
///     .any_page("<h1>{status}</h1>");
/// let router = Router::new().post("/", |_| async { "posted\n" }).with(pages);
/// let client = testing::client(router, ());
/// let asked = |path, accept| client.get(path).header("Accept", accept).send().text().to_owned();
/// assert_eq!(asked("/x", "text/html, */*;q=0.1"), "<h1>Nothing here</h1>");
/// assert_eq!(asked("/", "text/html"), "<h1>405 Method Not Allowed</h1>");
/// assert_eq!(
///     asked("/x", "application/json"),
///     r#"{"title":"Not Found","status":404,"detail":"nothing is served under this path"}"#
/// );
/// ```
#[derive(Debug, Clone, Default)]
pub struct ErrorPages {
    pages: Vec<(StatusCode, Bytes)>,
    /// The page of every status without one of its own.
    any: Option<String>,
    json: bool,
}

/// An error as JSON: the members of RFC 9457 that are known of every error.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl ErrorPages {
    /// No page, and no JSON.
    pub fn new() -> ErrorPages {
        ErrorPages::default()
    }

    /// JSON as RFC 9457 has it (`application/problem+json`): `title`, `status` and, in `detail`, the line of text.
    pub fn json() -> ErrorPages {
        ErrorPages {
            json: true,
            ..ErrorPages::default()
        }
    }

    /// With a page for one status, in HTML.
    #[must_use]
    pub fn page(mut self, status: StatusCode, html: impl Into<Bytes>) -> ErrorPages {
        self.pages.push((status, html.into()));
        self
    }

    /// With a page for every status that has none of its own, in HTML; `{status}` in it becomes the status and its name.
    #[must_use]
    pub fn any_page(mut self, html: impl Into<String>) -> ErrorPages {
        self.any = Some(html.into());
        self
    }

    /// The page of a status.
    fn page_of(&self, status: StatusCode) -> Option<Bytes> {
        let mut pages = self.pages.iter();
        let own = pages.find(|(of, _)| *of == status);
        own.map(|(_, page)| page.clone()).or_else(|| {
            let page = self.any.as_ref()?;
            Some(page.replace("{status}", &named(status)).into())
        })
    }

    /// The answer in the form that this client is to get.
    fn dress(&self, answer: Response, form: Option<&'static str>) -> Response {
        let status = answer.status();
        match form {
            Some(HTML) => match self.page_of(status) {
                Some(page) => answer
                    .with_content_type("text/html; charset=utf-8")
                    .with_body(page),
                None => answer,
            },
            Some(_) => {
                let text = text_of(&answer);
                let line = text.trim_end();
                let problem = Problem {
                    title: status.canonical_reason().unwrap_or_default(),
                    status: status.as_u16(),
                    detail: line.split_once(": ").map_or(line, |(_, detail)| detail),
                };
                match serde_json::to_vec(&problem) {
                    Ok(json) => answer.with_content_type(PROBLEM).with_body(json),
                    Err(_) => answer,
                }
            }
            None => answer,
        }
    }
}

fn named(status: StatusCode) -> String {
    let name = status.canonical_reason().unwrap_or_default();
    format!("{} {name}", status.as_u16()).trim_end().to_owned()
}

fn text_of(answer: &Response) -> String {
    let text = match answer.body() {
        Body::Chunk(bytes) => String::from_utf8_lossy(bytes.as_slice()),
        _ => Cow::Borrowed(""),
    };
    text.into_owned()
}

/// Whether the answer says in a line of text, or in nothing at all, that something went wrong.
fn is_bare(answer: &Response) -> bool {
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    is_error
        && match answer.body() {
            Body::Empty => true,
            Body::Chunk(_) => answer.content_type() == Some(PLAIN),
            Body::Stream { .. } | Body::Switch(_) => false,
        }
}

impl Ready for ErrorPages {
    fn put_around<S: 'static>(self, router: Router<S>) -> Router<S> {
        let pages = Arc::new(self);
        router.around(move |request, next| answer(pages.clone(), request, next))
    }
}

async fn answer<S: 'static>(
    pages: Arc<ErrorPages>,
    request: Request<S>,
    next: Next<S>,
) -> Response {
    let has_pages = !pages.pages.is_empty() || pages.any.is_some();
    let offered: &[&'static str] = match (has_pages, pages.json) {
        (true, true) => &[HTML, PROBLEM, JSON],
        (true, false) => &[HTML],
        (false, true) => &[PROBLEM, JSON],
        (false, false) => &[],
    };
    let form = request.preferred_type(offered);
    let answer = next.run(request).await;
    match is_bare(&answer) {
        true => vary_by(pages.dress(answer, form), "accept"),
        false => answer,
    }
}
