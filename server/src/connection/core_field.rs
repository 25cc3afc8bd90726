//! `X-Ringgate-Core`: a request that carries this field, with any value, is told in a field of the same
//! name which core answers it. Asked again on the same socket it shows that a connection has moved.
//!
//! The parsers notice the field ([`crate::http1::fields`]). A request with it does not go straight, so
//! that those without it carry nothing along; `answer.rs` calls here for the field.
//! Deliberately not here: refusals of a message that is no request; nobody knows what it asked.

use crate::handler::Response;
use http::{HeaderName, HeaderValue};

const CORE_FIELD: HeaderName = HeaderName::from_static("x-ringgate-core");

/// Adds the field to an answer of core `index`. One that the handler has set gives way: nothing is said twice.
#[cold]
#[inline(never)]
pub(super) fn tell_core(response: &mut Response, index: u32) {
    response.fields.retain(|(name, _)| *name != CORE_FIELD);
    response.fields.push((CORE_FIELD, HeaderValue::from(index)));
}
