//! Bodies for answers that say that something went wrong, in the form that the client asked for.

use super::compress::uncompressed;
use super::{Ready, vary_by};
use crate::handler::{Body, Next, Request, Response, Router};
use crate::http1::response::reason_phrase;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use serde::Serialize;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

const HTML: &str = "text/html";
const JSON: &str = "application/json";
/// The form of an error as JSON (RFC 9457).
const PROBLEM: &str = "application/problem+json";
/// The type of the line of text that [`Response::error`] makes.
const PLAIN: &str = "text/plain; charset=utf-8";
/// Fields that say something of the body that is replaced.
const OF_THE_BODY: [&str; 12] = [
    "accept-ranges",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "digest",
    "etag",
    "last-modified",
    "repr-digest",
];

/// Pages, or JSON, in place of the short lines of text that answers of 4xx and 5xx have.
///
/// Replaced is a body of the type `text/plain; charset=utf-8`, or none at all: those of the server's own answers and of
/// [`Response::error`]. A handler's body in HTML or JSON stays, and so do status and fields, but for those that describe
/// the body that is replaced, such as its entity tag. A client gets a page if it
/// names `text/html` in Accept, and JSON if it names `application/json` or `application/problem+json`, whichever it
/// likes better; any other client gets the line of text.
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

    /// With the pages in a directory, read now: `404.html` is for that status, `4xx.html` and `5xx.html` for those of the
    /// class that have no page of their own, `50x.html` for those from 500 to 509. Other files are left alone.
    ///
    /// ```
    /// use ringgate::around::ErrorPages;
    /// use ringgate::{Router, testing};
    ///
    /// let folder = std::env::temp_dir().join(format!("pages-{}", std::process::id()));
    /// std::fs::create_dir_all(&folder)?;
    /// std::fs::write(folder.join("404.html"), "<h1>Nothing here</h1>")?;
    /// let router = Router::<()>::new().with(ErrorPages::new().directory(&folder)?);
    /// let answer = testing::client(router, ()).get("/x").header("Accept", "text/html").send();
    /// assert_eq!(answer.text(), "<h1>Nothing here</h1>");
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The directory or a page cannot be read, a page is for a status that is no error, or there is no page at all.
    pub fn directory(mut self, directory: &Path) -> io::Result<ErrorPages> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let Some(statuses) = statuses_of(name) else {
                continue;
            };
            if statuses.is_empty() {
                let wrong = format!("{name}: pages are for statuses from 400 to 599");
                return Err(io::Error::other(wrong));
            }
            let page = fs::read(&path);
            let page = page.map_err(|error| io::Error::other(format!("{name}: {error}")))?;
            found.push((statuses, Bytes::from(page)));
        }
        if found.is_empty() {
            return Err(io::Error::other("no page such as 404.html or 5xx.html"));
        }
        // The page of fewer statuses goes before those of more.
        found.sort_by_key(|(statuses, _)| statuses.len());
        let pages = found.into_iter().flat_map(|(statuses, page)| {
            let each = move |status| (status, page.clone());
            statuses.into_iter().map(each)
        });
        self.pages.extend(pages);
        Ok(self)
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
                Some(page) => undescribed(answer)
                    .with_content_type("text/html; charset=utf-8")
                    .with_body(page),
                None => answer,
            },
            Some(_) => {
                let Some(text) = text_of(&answer) else {
                    return answer;
                };
                let line = text.trim_end();
                let problem = Problem {
                    title: reason_phrase(status),
                    status: status.as_u16(),
                    detail: line.split_once(": ").map_or(line, |(_, detail)| detail),
                };
                match serde_json::to_vec(&problem) {
                    Ok(json) => undescribed(answer)
                        .with_content_type(PROBLEM)
                        .with_body(json),
                    Err(_) => answer,
                }
            }
            None => answer,
        }
    }
}

/// The errors that a page of this name is for; `None` if the name is none of a page.
fn statuses_of(name: &str) -> Option<Vec<StatusCode>> {
    let number = name.strip_suffix(".html")?;
    let digits = number.trim_end_matches('x');
    let is_page =
        number.len() == 3 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_page.then(|| {
        let fits = |status: &u16| status.to_string().starts_with(digits);
        let errors = (400..600).filter(fits);
        errors
            .filter_map(|status| StatusCode::from_u16(status).ok())
            .collect()
    })
}

fn named(status: StatusCode) -> String {
    let name = reason_phrase(status);
    format!("{} {name}", status.as_u16()).trim_end().to_owned()
}

/// The line of text of an answer; None for one in a coding that cannot be read.
fn text_of(answer: &Response) -> Option<String> {
    let Body::Chunk(bytes) = answer.body() else {
        return Some(String::new());
    };
    let text = String::from_utf8_lossy;
    match answer.header(CONTENT_ENCODING.as_str()) {
        None => Some(text(bytes.as_slice()).into_owned()),
        Some(_) => uncompressed(bytes.as_slice()).map(|bytes| text(&bytes).into_owned()),
    }
}

/// The answer without what it says of its body.
fn undescribed(mut answer: Response) -> Response {
    let is_of_the_body = |name: &str| OF_THE_BODY.contains(&name);
    answer
        .fields
        .retain(|(name, _)| !is_of_the_body(name.as_str()));
    answer
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_page_says_which_errors_it_is_for() {
        let count = |name| statuses_of(name).map(|statuses| statuses.len());
        assert_eq!(count("404.html"), Some(1));
        assert_eq!(count("50x.html"), Some(10));
        assert_eq!(
            (count("4xx.html"), count("5xx.html")),
            (Some(100), Some(100))
        );
        for no_error in ["200.html", "3xx.html", "999.html"] {
            assert_eq!(count(no_error), Some(0), "{no_error}");
        }
        for other in [
            "index.html",
            "404.htm",
            "xxx.html",
            "4x4.html",
            "4004.html",
            "40.html",
        ] {
            assert_eq!(count(other), None, "{other}");
        }
    }
}
