//! Further values that a handler may return: tuples with a status and fields, options, HTML, redirects, cookies.
//!
//! [`IntoResponse`] itself is in `response.rs`, JSON in `extract.rs`, errors in `error.rs`.

use super::request::Request;
use super::response::{Body, IntoResponse, Response};
use bytes::Bytes;
use cookie::Cookie;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

impl IntoResponse for () {
    /// 200 without a body.
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK)
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        match self {
            Cow::Borrowed(text) => Response::text(text),
            Cow::Owned(text) => Response::text(text),
        }
    }
}

impl IntoResponse for Bytes {
    /// 200 with `application/octet-stream`.
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK)
            .with_content_type("application/octet-stream")
            .with_body(self)
    }
}

impl IntoResponse for Vec<u8> {
    /// As [`Bytes`].
    fn into_response(self) -> Response {
        Bytes::from(self).into_response()
    }
}

impl IntoResponse for Body {
    /// 200 without a Content-Type.
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK).with_body(self)
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    /// The answer of the value, or a 404.
    fn into_response(self) -> Response {
        match self {
            Some(value) => value.into_response(),
            None => Response::error(StatusCode::NOT_FOUND, "there is no such thing"),
        }
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    /// With another status.
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }
}

impl<N, V, T, const COUNT: usize> IntoResponse for ([(N, V); COUNT], T)
where
    N: TryInto<HeaderName, Error: fmt::Debug>,
    V: TryInto<HeaderValue, Error: fmt::Debug>,
    T: IntoResponse,
{
    /// With further fields. Panics as [`Response::with_header`] does.
    fn into_response(self) -> Response {
        let (fields, answer) = self;
        let fields = fields.into_iter();
        fields.fold(answer.into_response(), |answer, (name, value)| {
            answer.with_header(name, value)
        })
    }
}

impl<N, V, T, const COUNT: usize> IntoResponse for (StatusCode, [(N, V); COUNT], T)
where
    N: TryInto<HeaderName, Error: fmt::Debug>,
    V: TryInto<HeaderValue, Error: fmt::Debug>,
    T: IntoResponse,
{
    /// With another status and further fields.
    fn into_response(self) -> Response {
        (self.1, self.2).into_response().with_status(self.0)
    }
}

/// HTML as an answer: 200 with `text/html; charset=utf-8`.
///
/// ```
/// use ringgate::{Html, Router};
///
/// let router = Router::<()>::new().get("/", |_| async { Html("<h1>hello</h1>") });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Html<T>(pub T);

impl<T: Into<super::Chunk>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        Response::html(self.0)
    }
}

/// An answer that leads elsewhere (RFC 9110 section 15.4).
///
/// ```
/// use ringgate::{Redirect, Router};
///
/// let router = Router::<()>::new().get("/old", |_| async { Redirect::permanent("/new") });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    status: StatusCode,
    location: String,
}

impl Redirect {
    /// 303 See Other: the client gets `location` with GET, whatever it asked with.
    ///
    /// ```
    /// use ringgate::{Redirect, Router, testing};
    ///
    /// let router = Router::new().post("/notes", |_| async { Redirect::to("/notes/7") });
    /// let answer = testing::client(router, ()).post("/notes").send();
    /// assert_eq!((answer.status().as_u16(), answer.header("location")), (303, Some("/notes/7")));
    /// ```
    pub fn to(location: impl Into<String>) -> Redirect {
        Redirect::with(StatusCode::SEE_OTHER, location)
    }

    /// 307 Temporary Redirect: the client asks the same of `location`.
    pub fn temporary(location: impl Into<String>) -> Redirect {
        Redirect::with(StatusCode::TEMPORARY_REDIRECT, location)
    }

    /// 308 Permanent Redirect: the client asks the same of `location`, from now on.
    pub fn permanent(location: impl Into<String>) -> Redirect {
        Redirect::with(StatusCode::PERMANENT_REDIRECT, location)
    }

    fn with(status: StatusCode, location: impl Into<String>) -> Redirect {
        let location = location.into();
        Redirect { status, location }
    }
}

impl IntoResponse for Redirect {
    /// A 500, and a line in the log, if the location holds a control byte.
    fn into_response(self) -> Response {
        let response = Response::new(self.status).try_with_header(LOCATION, self.location);
        response.unwrap_or_else(|error| super::Error::from(error).into_response())
    }
}

impl<S> Request<S> {
    /// The cookies of the request, as the client sent them; a value in quotes has its quotes. Malformed cookies (without
    /// a name or `=`, or no UTF-8) are left out, and leave the others alone.
    pub fn cookies(&self) -> impl Iterator<Item = Cookie<'_>> {
        let fields = self.headers();
        let fields = fields.filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let pairs = fields.flat_map(|(_, value)| value.split(|byte| *byte == b';'));
        let texts = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
        texts.filter_map(|text| Cookie::parse(text.trim()).ok())
    }

    /// The value of a cookie.
    ///
    /// ```
    /// use ringgate::{Request, Response, Router, cookie::Cookie};
    ///
    /// async fn visit(request: Request) -> Response {
    ///     let visits: u32 = request.cookie("visits").and_then(|visits| visits.parse().ok()).unwrap_or(0);
    ///     let cookie = Cookie::build(("visits", (visits + 1).to_string())).http_only(true).path("/");
    ///     Response::text(format!("{visits} visits before\n")).with_cookie(cookie)
    /// }
    ///
    /// let router = Router::new().get("/", visit);
    /// ```
    pub fn cookie(&self, name: &str) -> Option<String> {
        let mut cookies = self.cookies();
        let found = cookies.find(|cookie| cookie.name() == name);
        found.map(|cookie| cookie.value().to_owned())
    }
}

impl Response {
    /// With a cookie to be kept (Set-Cookie, RFC 6265); [`Request::cookie`] has an example.
    ///
    /// # Panics
    /// If the name of the cookie is no token, or its value, path or domain holds a control byte or a semicolon, behind
    /// which a client would read another attribute, or has a blank at an end, which a client would leave out. A value that
    /// comes from outside is encoded before, as with percent signs.
    #[must_use]
    pub fn with_cookie<'c>(self, cookie: impl Into<Cookie<'c>>) -> Response {
        let cookie = cookie.into();
        if let Some(part) = unfit(&cookie) {
            let name = cookie.name();
            panic!("the {part} of the cookie {name:?} cannot be sent as it is; encode it");
        }
        self.with_header(SET_COOKIE, cookie.to_string())
    }
}

/// The part of a cookie that a client would read as something else (RFC 6265 sections 4.1.1 and 5.2).
fn unfit(cookie: &Cookie<'_>) -> Option<&'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if cookie.name().is_empty() || !cookie.name().bytes().all(is_token) {
        return Some("name");
    }
    let parts = [
        ("value", Some(cookie.value())),
        ("path", cookie.path()),
        ("domain", cookie.domain()),
    ];
    let is_unfit = |text: &str| {
        let has_end = text.contains(|char: char| char.is_ascii_control() || char == ';');
        has_end || text.trim_matches(' ') != text
    };
    let mut parts = parts.into_iter();
    let unfit = parts.find(|(_, text)| text.is_some_and(is_unfit));
    unfit.map(|(part, _)| part)
}
