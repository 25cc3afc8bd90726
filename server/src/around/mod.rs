//! Closures for the answers of many applications, ready made: compression, CORS, fields for security, error pages.
//!
//! Each is a plain value that says what it does, and is put around a router by [`Router::with`]. Below they are closures
//! as any other ([`Router::around`]): in the order in which they are given, the first the outermost, and around the
//! answers that the server gives itself too.
//!
//! ```
//! use ringgate::around::{Compression, Cors, ErrorPages, SecurityHeaders};
//! use ringgate::{Router, testing};
//!
//! let router = Router::new()
//!     .get("/", |_| async { "hello\n" })
//!     .with(SecurityHeaders::new())
//!     .with(Cors::of(["https://app.example"]))
//!     .with(Compression::new())
//!     .with(ErrorPages::json());
//! let client = testing::client(router, ());
//! let answer = client.get("/nowhere").header("Accept", "application/json").send();
//! assert_eq!(answer.header("content-type"), Some("application/problem+json"));
//! assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
//! ```

mod compress;
mod cors;
mod error_pages;
mod secure;

pub use compress::Compression;
pub use cors::Cors;
pub(crate) use cors::is_origin;
pub use error_pages::ErrorPages;
pub use secure::SecurityHeaders;

use crate::handler::{Response, Router};
use http::header::VARY;
use http::{HeaderName, HeaderValue};

/// Something ready to be put around the answers of a router, whatever its state ([`Router::with`]).
///
/// ```
/// use ringgate::around::Ready;
/// use ringgate::{Router, testing};
///
/// /// Says who served.
/// struct Named(&'static str);
///
/// impl Ready for Named {
///     fn put_around<S: 'static>(self, router: Router<S>) -> Router<S> {
///         let Named(name) = self;
///         router.around(move |request, next| async move {
///             next.run(request).await.with_header("server", name)
///         })
///     }
/// }
///
/// let router = Router::new().get("/", |_| async { "hello\n" }).with(Named("greeter"));
/// assert_eq!(testing::client(router, ()).get("/").send().header("server"), Some("greeter"));
/// ```
pub trait Ready {
    /// The router with this around its answers.
    fn put_around<S: 'static>(self, router: Router<S>) -> Router<S>;
}

impl<S: 'static> Router<S> {
    /// Puts something [ready](crate::around) around the answers of this router, as [`Router::around`] puts a closure.
    ///
    /// ```
    /// use ringgate::{Router, around::Compression};
    ///
    /// let router = Router::<()>::new().get("/", |_| async { "hello\n" }).with(Compression::new());
    /// ```
    #[must_use]
    pub fn with(self, ready: impl Ready) -> Router<S> {
        ready.put_around(self)
    }
}

/// Whether the answer has a field of this name.
fn has(answer: &Response, name: &HeaderName) -> bool {
    answer.header(name.as_str()).is_some()
}

/// Says that the answer depends on this field of the request, unless it says so already (RFC 9110 section 12.5.5).
fn vary_by(answer: Response, field: &'static str) -> Response {
    let said = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        let mut names = text.split(',').map(str::trim);
        names.any(|name| name == "*" || name.eq_ignore_ascii_case(field))
    };
    let mut fields = answer.headers().iter();
    match fields.any(|(name, value)| *name == VARY && said(value)) {
        true => answer,
        false => answer.with_header(VARY, HeaderValue::from_static(field)),
    }
}
