//! The metrics address: answers `GET /metrics` in Prometheus text, one request a connection.
//!
//! A task on the coordinator's core, started by it. Far less than the server's own HTTP: no bodies,
//! no keep-alive, no handlers; but the head is read by the same parser and the answer is written by
//! the same encoder.

use super::serving::{CONNECTIONS_MAX, Peer, deadline, serve};
use crate::ServerHandle;
use crate::http1::date::Date;
use crate::http1::head::{Head, HeadLimits, Parse, http2_refusal, parse_head};
use crate::http1::refusal::Refusal;
use crate::http1::response::{BodyLength, ConnectionHeader, Fields, ResponseHead, encode_refusal};
use crate::observe::log::LogHandle;
use crate::observe::metrics;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use ringgate_runtime::net::{Direction, Tcp};
use ringgate_runtime::{Descriptor, current};

const LIMITS: HeadLimits = HeadLimits {
    head_size: 8 << 10,
    head_count: 64,
    uri_size: 1 << 10,
};
/// Receives of what a peer still sends after its request.
const LINGER_RECEIVES_MAX: u32 = 16;
const PATH: &str = "/metrics";
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers scrapes until the core ends. Whether the listener is TCP or a Unix socket makes no
/// difference to an accept.
pub(crate) async fn run(
    listener: impl Into<Descriptor>,
    server: ServerHandle,
    log: Option<LogHandle>,
) {
    let talk = move |peer: Peer<Tcp>| talk(peer, server.clone(), log.clone());
    let full = || {
        let text = format!("{CONNECTIONS_MAX} scrapes are being answered already\n");
        let fields = [(CONTENT_TYPE, TEXT)];
        let status = StatusCode::SERVICE_UNAVAILABLE;
        encode(status, &fields, &text, false, &today())
    };
    serve::<Tcp, _>(listener, "metrics", full, talk).await;
}

fn today() -> Date {
    Date::new(current().wall_clock().as_secs())
}

async fn talk(mut peer: Peer<Tcp>, server: ServerHandle, log: Option<LogHandle>) {
    let mut bytes = Vec::new();
    let until = deadline();
    let parsed = loop {
        let Some(received) = peer.receive(until).await else {
            return;
        };
        bytes.extend_from_slice(&received);
        drop(received);
        match parse_head(&bytes, &LIMITS) {
            Ok(Parse::Partial) => {}
            Ok(Parse::Complete(head)) => break Ok(head),
            Ok(Parse::Http2Preface) => break Err(http2_refusal()),
            Err(refusal) => break Err(refusal),
        }
    };
    peer.is_heard();
    let date = today();
    let answer = match parsed {
        Ok(head) => answer(&head, &bytes, &date, &server, log.as_ref()).await,
        Err(refusal) => refuse(&refusal, &date),
    };
    if peer.send(answer).await {
        // The time limit below ends a peer that hears no end.
        let _ = peer.stream.shutdown(Direction::Write).await;
        // Until the peer has it all: closing on unread bytes would reset what is under way.
        let until = deadline();
        for _ in 0..LINGER_RECEIVES_MAX {
            if peer.receive(until).await.is_none() {
                break;
            }
        }
    }
}

fn refuse(refusal: &Refusal, date: &Date) -> Vec<u8> {
    let mut out = Vec::new();
    encode_refusal(refusal, refusal.to_head, date, &mut out);
    out
}

async fn answer(
    head: &Head,
    bytes: &[u8],
    date: &Date,
    server: &ServerHandle,
    log: Option<&LogHandle>,
) -> Vec<u8> {
    let is_head = head.method == Method::HEAD;
    let short = |status: StatusCode, fields: &[(HeaderName, HeaderValue)], text: &str| {
        encode(status, fields, text, is_head, date)
    };
    if head.path(bytes) != PATH {
        let text = "the metrics are at /metrics\n";
        return short(StatusCode::NOT_FOUND, &[(CONTENT_TYPE, TEXT)], text);
    }
    if head.method != Method::GET && !is_head {
        let allow = (ALLOW, HeaderValue::from_static("GET, HEAD"));
        let text = "only GET and HEAD\n";
        let fields = [(CONTENT_TYPE, TEXT), allow];
        return short(StatusCode::METHOD_NOT_ALLOWED, &fields, text);
    }
    let Some(mut snapshot) = server.metrics().await else {
        let text = "the server has ended\n";
        return short(
            StatusCode::SERVICE_UNAVAILABLE,
            &[(CONTENT_TYPE, TEXT)],
            text,
        );
    };
    if let Some(log) = log {
        snapshot.log_lines_written = log.written();
        snapshot.log_lines_dropped = log.dropped();
    }
    let format = HeaderValue::from_static(metrics::CONTENT_TYPE);
    let text = metrics::render(&snapshot);
    short(StatusCode::OK, &[(CONTENT_TYPE, format)], &text)
}

fn encode(
    status: StatusCode,
    fields: &[(HeaderName, HeaderValue)],
    text: &str,
    is_head: bool,
    date: &Date,
) -> Vec<u8> {
    let mut out = Vec::new();
    let head = ResponseHead {
        status,
        content_type: None,
        fields: Fields::List(fields),
        body: BodyLength::Known(text.len() as u64),
        connection: ConnectionHeader::Close,
    };
    head.encode(date, &mut out);
    if !is_head {
        out.extend_from_slice(text.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::serving::PEER_PATIENCE;
    use super::super::stage::Stage;
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);
    const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n";

    fn stage() -> Stage {
        Stage::new(|listener| run(listener, ServerHandle::alone(), None))
    }

    #[test]
    fn a_head_that_drips_ends_at_the_deadline_of_a_head() {
        let mut stage = stage();
        let client = stage.connect();
        client.send_in_pieces(GET, 1, SECOND);
        let took = stage.time_until(|| client.is_closed());
        assert!(took <= PEER_PATIENCE + SECOND, "{took:?}");
        assert!(client.received().is_empty());
    }

    #[test]
    fn a_scraper_that_drips_after_its_answer_is_closed_then() {
        let mut stage = stage();
        let world = stage.world().clone();
        let before = world.open_descriptors();
        let client = stage.connect();
        client.send(GET);
        stage.time_until(|| client.received().ends_with(b"ended\n"));
        client.send_in_pieces(&[b'x'; 100], 1, 4 * SECOND);
        // The server's side ends with the answer, its socket is closed at the end of the linger.
        let took = stage.time_until(|| world.open_descriptors() == before);
        assert!(took <= PEER_PATIENCE + SECOND, "{took:?}");
    }

    #[test]
    fn those_who_keep_the_metrics_address_busy_keep_no_scraper_out() {
        let mut stage = stage();
        let drips = |stage: &mut Stage| {
            let client = stage.connect();
            client.send_in_pieces(GET, 1, SECOND);
            stage.pause(Duration::from_millis(20));
            client
        };
        let fill: Vec<_> = (0..2 * CONNECTIONS_MAX)
            .map(|_| drips(&mut stage))
            .collect();
        let scraper = stage.connect();
        scraper.send(GET);
        let took = stage.time_until(|| scraper.received().ends_with(b"ended\n"));
        assert!(took < SECOND, "{took:?}");
        stage.time_until(|| fill.iter().all(|client| client.is_closed()));
    }
}
