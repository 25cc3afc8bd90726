//! One application, asked the same by the same client over `axum::serve` and over Ringgate: statuses, fields,
//! bodies and trailers are equal, save for the differences that are listed here with their reasons.

mod app;
mod requests;

use app::Files;
use requests::{Ask, requests};
use ringgate_axum_tests::{Answer, Client, over_axum, over_ringgate};
use std::net::SocketAddr;

/// A difference that is meant.
enum Differs {
    /// The field has its value from one server alone, or another value.
    Field(&'static str),
    /// The field may be there from one server alone; what has come of the request by then decides.
    MaybeField(&'static str),
    /// Ringgate sends trailers, and axum does not.
    Trailers,
    /// Ringgate sends no interim answer, and axum does.
    Interim,
    /// The answer of axum may be missing.
    Lost,
    /// The answer over Ringgate has this status, and content of its own.
    Status(u16),
}

struct Tolerated {
    /// The name of the request, or None for all.
    request: Option<&'static str>,
    differs: Differs,
    reason: &'static str,
}

/// A difference in one answer.
const fn one(request: &'static str, differs: Differs, reason: &'static str) -> Tolerated {
    Tolerated {
        request: Some(request),
        differs,
        reason,
    }
}

const CLOSE: Differs = Differs::Field("connection");
const MAYBE_CLOSE: Differs = Differs::MaybeField("connection");
const UNREAD: &str = "the rest of the body may be too long to be thrown away: the connection then ends after the \
                      answer, and Ringgate says so where hyper closes without a word";
const RESET: &str =
    "hyper closes while bytes come that it has not read, and a reset may overtake its answer";
const OLD: &str = "an HTTP/1.0 connection ends after its answer, and Ringgate says so";

const TOLERATED: &[Tolerated] = &[
    Tolerated {
        request: None,
        differs: Differs::Field("date"),
        reason: "the clock goes on between two requests",
    },
    one("text, beyond the default limit", MAYBE_CLOSE, UNREAD),
    one(
        "text in chunks, beyond the default limit",
        MAYBE_CLOSE,
        UNREAD,
    ),
    one("text, beyond the default limit", Differs::Lost, RESET),
    one(
        "text in chunks, beyond the default limit",
        Differs::Lost,
        RESET,
    ),
    one(
        "expect, not read",
        CLOSE,
        "a body that was not asked for may still come, or not: the connection ends, and Ringgate says so",
    ),
    one(
        "authority form",
        CLOSE,
        "there is no tunnel, and what follows is not HTTP: the connection ends, and Ringgate says so",
    ),
    one("HTTP/1.0", CLOSE, OLD),
    one("HTTP/1.0, streamed", CLOSE, OLD),
    one(
        "trailers out, not asked for",
        Differs::Trailers,
        "Ringgate sends them to every client of HTTP/1.1, which has to take them (RFC 9112 section 7.1.2), and hyper to those that say TE",
    ),
    one(
        "expect, read",
        Differs::Interim,
        "part of the body is there already, so no 100 is needed (RFC 9110 section 10.1.1)",
    ),
    one(
        "panic",
        Differs::Status(500),
        "Ringgate answers, where hyper's task ends with its connection",
    ),
    one(
        "asterisk form",
        Differs::Status(204),
        "the server answers what asks about the server (RFC 9110 section 9.3.7)",
    ),
    one(
        "no host",
        Differs::Status(400),
        "RFC 9112 section 3.2 demands it",
    ),
    one(
        "lines of one byte",
        Differs::Status(400),
        "a line that others see elsewhere is how requests are smuggled",
    ),
];

fn ask(address: SocketAddr, ask: &Ask) -> Option<Answer> {
    let mut client = Client::new(address);
    client.send(&ask.bytes);
    let to_head = ask.bytes.starts_with(b"HEAD ");
    client.answer(to_head)
}

fn without(answer: &mut Answer, field: &str) {
    answer.fields.retain(|(name, _)| name != field);
}

/// Whether two answers are the same, but for what is tolerated; notes what was needed of that.
fn same(
    asked: &Ask,
    axum: Option<Answer>,
    ringgate: Option<Answer>,
    used: &mut [bool],
) -> Result<(), String> {
    let (mut a, mut r) = (axum, ringgate);
    for (index, tolerated) in TOLERATED.iter().enumerate() {
        if tolerated
            .request
            .is_some_and(|request| request != asked.name)
        {
            continue;
        }
        match (&tolerated.differs, &mut a, &mut r) {
            (Differs::Field(field), Some(a), Some(r)) => {
                used[index] |= a.field(field) != r.field(field);
                without(a, field);
                without(r, field);
            }
            (Differs::MaybeField(field), Some(a), Some(r)) => {
                without(a, field);
                without(r, field);
            }
            (Differs::Lost, None, Some(r)) if Some(r.status) == asked.status => return Ok(()),
            (Differs::Trailers, Some(a), Some(r)) => {
                used[index] |= a.trailers.is_empty() && !r.trailers.is_empty();
                r.trailers.clear();
            }
            (Differs::Interim, Some(a), Some(r)) => {
                used[index] |= !a.interim.is_empty() && r.interim.is_empty();
                a.interim.clear();
            }
            (Differs::Status(status), a, Some(r)) => {
                let other = a.as_ref().map(|answer| answer.status);
                if r.status == *status && other != Some(*status) {
                    used[index] = true;
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    match a == r {
        true => Ok(()),
        false => Err(format!(
            "{}:\n  axum     {a:?}\n  ringgate {r:?}",
            asked.name
        )),
    }
}

#[test]
fn every_request_is_answered_alike_over_axum_serve_and_over_ringgate() {
    let files = Files::new();
    let axum = over_axum(app::app(&files));
    let ringgate = over_ringgate(app::app(&files));
    let all = requests();
    assert!(all.len() >= 60, "{} requests", all.len());
    let mut used = vec![false; TOLERATED.len()];
    let mut differing = Vec::new();
    for request in &all {
        let (a, r) = (
            ask(axum.address(), request),
            ask(ringgate.address(), request),
        );
        if let (Some(expected), Some(answer)) = (request.status, &a) {
            if answer.status != expected {
                differing.push(format!("{}: not {expected}: {a:?}", request.name));
            }
        }
        differing.extend(same(request, a, r, &mut used).err());
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    for (tolerated, used) in TOLERATED.iter().zip(used) {
        let is_chance = matches!(tolerated.differs, Differs::Lost | Differs::MaybeField(_))
            || tolerated.request.is_none();
        assert!(used || is_chance, "no longer differs: {}", tolerated.reason);
    }
}
