//! Fields that tell browsers to be careful with an answer.

use super::{Ready, has};
use crate::handler::{Next, Request, Response, Router};
use http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Fields that tell browsers to be careful with an answer, on every answer that has none of that name itself.
///
/// | field | value, unless another is given |
/// |---|---|
/// | `X-Content-Type-Options` | `nosniff` |
/// | `X-Frame-Options` | `DENY` |
/// | `Referrer-Policy` | `strict-origin-when-cross-origin` |
/// | `Cross-Origin-Opener-Policy` | `same-origin` |
///
/// ```
/// use ringgate::around::SecurityHeaders;
/// use ringgate::{Router, testing};
///
/// let secure = SecurityHeaders::new()
///     .content_security_policy("default-src 'self'")
///     .field("x-frame-options", "SAMEORIGIN");
/// let client = testing::client(Router::new().get("/", |_| async { "hello\n" }).with(secure), ());
/// let answer = client.get("/").send();
/// assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"));
/// assert_eq!(answer.header("content-security-policy"), Some("default-src 'self'"));
/// ```
#[derive(Debug, Clone)]
pub struct SecurityHeaders {
    fields: Vec<(HeaderName, HeaderValue)>,
    /// The value of Strict-Transport-Security, which is for answers over TLS alone (RFC 6797 section 7.2).
    transport: Option<HeaderValue>,
}

impl Default for SecurityHeaders {
    fn default() -> SecurityHeaders {
        SecurityHeaders::new()
    }
}

impl SecurityHeaders {
    /// The fields of the table.
    pub fn new() -> SecurityHeaders {
        let fields = [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (REFERRER_POLICY, "strict-origin-when-cross-origin"),
            (COOP, "same-origin"),
        ];
        let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        SecurityHeaders {
            fields: fields.into(),
            transport: None,
        }
    }

    /// With this Content-Security-Policy.
    ///
    /// # Panics
    /// If it holds a control byte.
    #[must_use]
    pub fn content_security_policy(self, policy: &str) -> SecurityHeaders {
        self.field(CONTENT_SECURITY_POLICY, policy)
    }

    /// With Strict-Transport-Security for so long (whole seconds), on answers over TLS alone (RFC 6797). Behind a proxy
    /// that ends TLS the proxy says it.
    #[must_use]
    pub fn strict_transport(mut self, age: Duration) -> SecurityHeaders {
        let value = format!("max-age={}", age.as_secs());
        self.transport = HeaderValue::try_from(value).ok();
        self
    }

    /// With another field, or another value for one that is there.
    ///
    /// # Panics
    /// If the name is no token, or the value holds a control byte.
    #[must_use]
    pub fn field<N, V>(self, name: N, value: V) -> SecurityHeaders
    where
        N: TryInto<HeaderName, Error: fmt::Debug>,
        V: TryInto<HeaderValue, Error: fmt::Debug>,
    {
        let name = name.try_into().expect("a field name is a token");
        let value = value.try_into();
        let value = value.expect("a field value holds no control bytes");
        let mut secure = self.without(name.as_str());
        secure.fields.push((name, value));
        secure
    }

    /// Without a field of the table.
    #[must_use]
    pub fn without(mut self, name: &str) -> SecurityHeaders {
        let is_it = |have: &HeaderName| have.as_str().eq_ignore_ascii_case(name);
        self.fields.retain(|(have, _)| !is_it(have));
        self
    }
}

impl Ready for SecurityHeaders {
    fn put_around<S: 'static>(self, router: Router<S>) -> Router<S> {
        let secure = Arc::new(self);
        router.around(move |request, next| answer(secure.clone(), request, next))
    }
}

async fn answer<S: 'static>(
    secure: Arc<SecurityHeaders>,
    request: Request<S>,
    next: Next<S>,
) -> Response {
    let transport = secure.transport.clone();
    let transport = transport.filter(|_| request.tls().is_some());
    let mut answer = next.run(request).await;
    let transport = transport.map(|value| (STRICT_TRANSPORT_SECURITY, value));
    for (name, value) in secure.fields.iter().cloned().chain(transport) {
        if !has(&answer, &name) {
            answer = answer.with_header(name, value);
        }
    }
    answer
}
