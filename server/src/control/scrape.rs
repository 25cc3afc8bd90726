//! The metrics address: answers `GET /metrics` in Prometheus text, one request a connection.
//!
//! A task on the coordinator's core, started by it. Far less than the server's own HTTP: no bodies,
//! no keep-alive, no handlers; but the head is read by the same parser and the answer is written by
//! the same encoder.

use super::serving::{receive, send, serve};
use crate::ServerHandle;
use crate::http::date::Date;
use crate::http::head::{Head, HeadLimits, Parse, http2_refusal, parse_head};
use crate::http::refusal::Refusal;
use crate::http::response::{BodyLength, ConnectionHeader, Fields, ResponseHead, encode_refusal};
use crate::observe::log::LogHandle;
use crate::observe::metrics;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use ringgate_runtime::current;
use ringgate_runtime::net::{Direction, Tcp, TcpStream};
use std::os::fd::OwnedFd;

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
pub(crate) async fn run(listener: OwnedFd, server: ServerHandle, log: Option<LogHandle>) {
    let talk = move |stream: TcpStream| talk(stream, server.clone(), log.clone());
    serve::<Tcp, _>(listener, "metrics", talk).await;
}

async fn talk(mut stream: TcpStream, server: ServerHandle, log: Option<LogHandle>) {
    let mut bytes = Vec::new();
    let parsed = loop {
        let Some(received) = receive(&mut stream).await else {
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
    let date = Date::new(current().wall_clock().as_secs());
    let answer = match parsed {
        Ok(head) => answer(&head, &bytes, &date, &server, log.as_ref()).await,
        Err(refusal) => refuse(&refusal, &date),
    };
    if send(&mut stream, answer).await {
        let _ = stream.shutdown(Direction::Write).await;
        // Until the peer has it all: closing on unread bytes would reset what is under way.
        for _ in 0..LINGER_RECEIVES_MAX {
            if receive(&mut stream).await.is_none() {
                break;
            }
        }
    }
}

fn refuse(refusal: &Refusal, date: &Date) -> Vec<u8> {
    let mut out = Vec::new();
    encode_refusal(refusal, false, date, &mut out);
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
