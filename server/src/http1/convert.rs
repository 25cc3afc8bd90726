//! A parsed head as an `http::Request`, for handlers and libraries that speak the `http` crate's
//! types. Called only for those; allocates, because a `HeaderMap` does. Nothing is parsed again:
//! names and values are cut out of the head by their spans, and values share its bytes. (The
//! crate's own constructors look at each byte once more, since their unchecked forms are unsafe.)

use super::head::Head;
use super::names::name_of;
use super::refusal::Refusal;
use ::http::request::{Parts, Request};
use ::http::{HeaderValue, Uri};
use bytes::Bytes;

impl Head {
    /// The head as `http` parts whose values share `head`, the bytes this was parsed from: the
    /// buffer lives as long as the last of them.
    ///
    /// # Errors
    /// 400 if the `http` crate finds the target or a field unacceptable. No such head is known: a
    /// property test looks for one.
    ///
    /// # Panics
    /// If `head` is shorter than [`Head::len`].
    pub fn to_http_parts(&self, head: &Bytes) -> Result<Parts, Refusal> {
        let mut request = Request::new(());
        self.write_to(&mut request, head)?;
        Ok(request.into_parts().0)
    }

    /// The same for bytes that belong to a receive buffer: one copy of the head, then shared.
    ///
    /// # Errors
    /// As [`Head::to_http_parts`].
    ///
    /// # Panics
    /// If `bytes` is shorter than [`Head::len`].
    pub fn to_http_parts_copied(&self, bytes: &[u8]) -> Result<Parts, Refusal> {
        self.to_http_parts(&Bytes::copy_from_slice(&bytes[..self.len]))
    }

    /// As [`Head::to_http_parts`], into a request where it stays: method, target, version and fields, which
    /// join those that are there.
    pub(crate) fn write_to<B>(
        &self,
        request: &mut Request<B>,
        head: &Bytes,
    ) -> Result<(), Refusal> {
        *request.method_mut() = self.method.clone();
        *request.version_mut() = self.version;
        *request.uri_mut() = Uri::from_maybe_shared(head.slice(self.target.range()))
            .map_err(|_| Refusal::bad_request("The request target is not a URI."))?;
        let headers = request.headers_mut();
        headers.reserve(self.fields().len());
        for field in self.fields() {
            let name = name_of(field.name.of(head))?;
            let value = HeaderValue::from_maybe_shared(head.slice(field.value.range()))
                .map_err(|_| Refusal::bad_request("A field value holds a control byte."))?;
            headers.append(name, value);
        }
        Ok(())
    }
}
