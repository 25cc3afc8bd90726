//! Numbers that clients give in paths and queries: read, held to a range, and refused with a text
//! that says which number was wrong and what it may be.

use crate::handler::{Request, Response};
use http::StatusCode;
use std::time::Duration;

/// The longest time that a request may ask for: ten minutes, in milliseconds.
const MS_MAX: u64 = 10 * 60 * 1000;

/// The number `name` of the query, at most `max`.
///
/// # Errors
/// The answer to give: 400, naming the parameter and its range.
pub(super) fn query<S>(request: &Request<S>, name: &str, max: u64) -> Result<u64, Response> {
    number(request.query_value(name).as_deref(), name, max)
}

/// The time `ms` of the query, in milliseconds.
///
/// # Errors
/// As [`query`].
pub(super) fn milliseconds<S>(request: &Request<S>) -> Result<Duration, Response> {
    query(request, "ms", MS_MAX).map(Duration::from_millis)
}

/// The number `name` of the path, at most `max`.
///
/// # Errors
/// As [`query`].
pub(super) fn path<S>(request: &Request<S>, name: &str, max: u64) -> Result<u64, Response> {
    number(request.param(name), name, max)
}

fn number(text: Option<&str>, name: &str, max: u64) -> Result<u64, Response> {
    // Digits only: `parse` would take a plus sign too.
    let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let value = digits.and_then(|digits| digits.parse().ok());
    value.filter(|value| *value <= max).ok_or_else(|| {
        let reason = format!("{name} must be a whole number from 0 to {max}");
        Response::error(StatusCode::BAD_REQUEST, &reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_range_is_taken() {
        for (text, value) in [("0", 0), ("7", 7), ("0100", 100)] {
            assert_eq!(number(Some(text), "n", 100).ok(), Some(value));
        }
    }

    #[test]
    fn a_number_beyond_the_range_or_malformed_or_missing_is_refused_by_name() {
        let wrong = [
            "",
            "101",
            "+1",
            "-1",
            "1.5",
            "0x10",
            "a",
            "99999999999999999999",
        ];
        for text in wrong.map(Some).into_iter().chain([None]) {
            let response = number(text, "n", 100).expect_err("refused");
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{text:?}");
            let crate::handler::Body::Chunk(body) = response.body() else {
                panic!("no text");
            };
            let body = std::str::from_utf8(body).expect("text");
            assert!(
                body.contains("n must be a whole number from 0 to 100"),
                "{body}"
            );
        }
    }
}
