//! A file as an answer: whole, in part or in several parts, or the word that it is unchanged.
//!
//! Called with a file that was found, in the form in which it goes out. The version of that form, the conditions
//! of the request and the parts to send are decided by [`version`](super::version),
//! [`conditions`](super::conditions) and [`range`](super::range).

use super::conditions::{Condition, Conditions};
use super::disk::Found;
use super::parts::Parts;
use super::range::{self, Part, Range};
use super::version::Version;
use crate::handler::{Request, Response};
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode};
use std::time::SystemTime;

/// A form of a file: the file itself, or one beside it that holds the same content in a coding.
pub(super) struct Form {
    pub(super) file: Found,
    pub(super) coding: Option<&'static str>,
}

/// Answers a request with a file of this type; `adorn` adds the fields that go with it: to 200, 206 and 304
/// (RFC 9110 section 15.4.5).
pub(super) fn answer<S>(
    request: &Request<S>,
    form: Form,
    media_type: &'static str,
    adorn: impl Fn(Response) -> Response,
) -> Response {
    let Form { file, coding } = form;
    let version = Version::new(&file.traits, &file.validators, SystemTime::now(), coding);
    let conditions = Conditions::of(request.headers());
    let described = |response: Response| {
        let response = response.with_header(ACCEPT_RANGES, "bytes");
        let response = response.with_header(ETAG, version.tag());
        adorn(response.with_header(LAST_MODIFIED, version.date()))
    };
    match conditions.judge(&version) {
        Condition::Met => {}
        Condition::Unchanged => return described(Response::new(StatusCode::NOT_MODIFIED)),
        Condition::Failed => {
            return Response::error(
                StatusCode::PRECONDITION_FAILED,
                "the file is not the version that the request is for",
            );
        }
    }
    // RFC 9110 section 14.2: a range is defined for GET alone; HEAD tells of the whole.
    let asked = conditions.range(&version);
    let asked = asked.filter(|_| request.method() == Method::GET);
    let size = file.traits.size;
    let wanted = asked.map_or(Part::Whole, |asked| range::wanted(asked, size));
    if let Part::Beyond = wanted {
        let response = Response::error(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "the file ends before this range begins",
        );
        return response.with_header(CONTENT_RANGE, format!("bytes */{size}"));
    }
    let content = |status| {
        let response = Response::new(status)
            .with_content_type(media_type)
            .with_header(X_CONTENT_TYPE_OPTIONS, "nosniff");
        described(match coding {
            Some(coding) => response.with_header(CONTENT_ENCODING, coding),
            None => response,
        })
    };
    match wanted {
        Part::Beyond | Part::Whole => content(StatusCode::OK).with_body(file.into_body(0, size)),
        Part::Of(Range { from, to }) => content(StatusCode::PARTIAL_CONTENT)
            .with_header(CONTENT_RANGE, format!("bytes {from}-{}/{size}", to - 1))
            .with_body(file.into_body(from, to)),
        Part::Several(ranges) => {
            let response = content(StatusCode::PARTIAL_CONTENT);
            let media_type = response.header("content-type").unwrap_or_default();
            let core = crate::runtime::current();
            let parts = Parts::new(&ranges, size, media_type, [core.random(), core.random()]);
            response
                .with_header(CONTENT_TYPE, parts.media_type())
                .with_body(parts.into_body(file))
        }
    }
}
