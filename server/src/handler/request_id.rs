//! An id for every request: the one that a trusted proxy gave it, or a new one. Handlers and services are told it, and
//! it goes back with the answer, whoever gives that.
//!
//! Decides which ids are taken over, and when a request gets its own: once, whoever asks first, its handler or the
//! access log. Put around the router of a server by whoever starts it, if `request_id` names a field.

use super::parts::RequestParts;
use super::request::Names;
use super::{Next, Request, Response, Router};
use http::{HeaderName, HeaderValue};

/// The longest id that is taken over.
const ID_BYTES_MAX: usize = 128;

/// The router with an id for each of its requests, if there is a field for it.
pub(crate) fn with_ids<S: 'static>(router: Router<S>, field: Option<&str>) -> Router<S> {
    // The configuration was checked.
    match field.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()) {
        None => router,
        Some(field) => {
            let mut router = router;
            router.id_field = Some(field.clone());
            router.around_all(move |request, next| answer(request, next, field.clone()))
        }
    }
}

async fn answer<S: 'static>(mut request: Request<S>, next: Next<S>, field: HeaderName) -> Response {
    let id = request.named(&field).clone();
    let response = next.run(request).await;
    match response.header(field.as_str()) {
        None => response.with_field(field, id),
        Some(_) => response,
    }
}

impl RequestParts {
    /// The id of the request, which it is given now unless it has one.
    pub(super) fn named(&mut self, field: &HeaderName, names: &Names) -> &HeaderValue {
        if self.id.is_none() {
            self.id = Some(self.given(field).unwrap_or_else(|| names.made_id()));
            self.has_more = true;
        }
        self.id.as_ref().expect("it was put there")
    }

    /// The bytes of the id of the request, if it has one.
    pub(crate) fn id(&self) -> Option<&[u8]> {
        Some(self.id.as_ref()?.as_bytes())
    }

    /// The id that a trusted proxy gave.
    fn given(&self, field: &HeaderName) -> Option<HeaderValue> {
        let mut fields = self.head.named_values(&self.bytes).filter(|(name, _)| {
            name.len() == field.as_str().len()
                && name.eq_ignore_ascii_case(field.as_str().as_bytes())
        });
        let (_, value) = fields.next()?;
        let is_one = fields.next().is_none() && is_id(value);
        let is_taken = is_one && self.is_of_trusted_proxy();
        is_taken.then(|| HeaderValue::from_bytes(value).ok())?
    }

    /// Whether the peer of the connection is one of the proxies that are trusted.
    fn is_of_trusted_proxy(&self) -> bool {
        let sockets = self.sockets.as_ref();
        sockets.is_some_and(|sockets| sockets.trusts(sockets.peer(self.connection)))
    }
}

/// Whether a value is one that can stand in any log.
fn is_id(value: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=:@".contains(byte);
    (1..=ID_BYTES_MAX).contains(&value.len()) && value.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn an_id_is_short_and_harmless() {
        for good in [
            "a",
            "018f4e2a-7d1c-7000-8000-0123456789ab",
            "Root=1-67891233-abcdef",
        ] {
            assert!(is_id(good.as_bytes()), "{good}");
        }
        assert!(is_id(&[b'x'; 128]) && !is_id(&[b'x'; 129]));
        for bad in ["", "a b", "a\tb", "a\"b", "a,b", "\u{e9}", "a\\b", "<b>"] {
            assert!(!is_id(bad.as_bytes()), "{bad}");
        }
    }
}
