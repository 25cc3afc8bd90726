//! What a request of h2load costs: HEADERS whose fields are all in the table, one request, one answer of a few
//! bytes. Not run with the other tests, since it measures:
//! `cargo test --release -p ringgate --test http2 speed -- --ignored --nocapture`, and for instructions
//! `valgrind --tool=callgrind --toggle-collect='*a_batch_of_requests*'` of the same program.

use super::forge::{END_HEADERS, END_STREAM, Wire, block, forged, settings};
use ringgate::http1::date::Date;
use ringgate::http1::head::Head;
use ringgate::http1::response::Fields;
use ringgate::http2::{Answer, Arrival, Desk, Limits, Payload, Room, Session};
use std::time::{Duration, Instant};

/// Requests in one receive, as 32 streams of one connection make them.
const BATCH: u32 = 32;

fn requests(first: u32) -> Vec<u8> {
    let fields = [0x82, 0x86, 0x84, 0xBF, 0xBE];
    let of = |at| forged(1, END_HEADERS | END_STREAM, first + 2 * at, &fields);
    (0..BATCH).flat_map(of).collect()
}

#[inline(never)]
fn a_batch_of_requests(
    session: &mut Session,
    bytes: &[u8],
    head: &mut Head,
    room: &mut Room,
    out: &mut Vec<u8>,
    date: &Date,
    limits: &Limits,
) -> u32 {
    let (mut at, mut answered) = (0, 0);
    while at < bytes.len() {
        let mut desk = Desk {
            limits,
            seconds: 0,
            room,
            out,
        };
        let received = session
            .receive(&bytes[at..], head, &mut desk)
            .expect("no fault");
        at += received.used;
        if let Arrival::Head { stream, bytes, .. } = received.arrival {
            assert_eq!(head.path_bytes(&bytes), b"/");
            let answer = Answer {
                status: http::StatusCode::OK,
                date,
                content_type: Some("text/plain; charset=utf-8"),
                fields: Fields::List(&[]),
                length: Some(13),
            };
            let payload = Payload::Slice(b"Hello, world!");
            session
                .answer(stream, &answer, payload, 0, out)
                .expect("a stream");
            answered += 1;
        }
    }
    answered
}

#[test]
#[ignore = "measures"]
fn a_request_that_is_all_indexed() {
    let limits = Limits::default();
    let mut wire = Wire::open_with(limits, &[(4, 1 << 30)]);
    let mut first = block(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]);
    first.extend(b"\x41\x0E127.0.0.1:8080\x7A\x14h2load nghttp2/1.52.");
    wire.hears(&forged(1, END_HEADERS | END_STREAM, 1, &first));
    wire.answers(1, Payload::None).expect("an answer");
    wire.hears(&settings(&[]));
    let (mut head, mut room, mut out) = (Head::blank(), Room::default(), Vec::new());
    let date = Date::new(784_111_777);
    let rounds: u32 = match std::env::var("ROUNDS") {
        Ok(rounds) => rounds.parse().expect("a number"),
        Err(_) => 100_000,
    };
    // The best batch, since others may run on the same processor.
    let mut best = Duration::MAX;
    let mut next = 3;
    for _ in 0..rounds {
        // The connection's window is opened as a client would.
        wire.hears(&super::forge::window_update(0, BATCH * 13));
        wire.out.clear();
        wire.session.flushed();
        let bytes = requests(next);
        next += 2 * BATCH;
        out.clear();
        let began = Instant::now();
        let session = &mut wire.session;
        let answered = a_batch_of_requests(
            session, &bytes, &mut head, &mut room, &mut out, &date, &limits,
        );
        best = best.min(began.elapsed() / BATCH);
        assert_eq!(answered, BATCH);
    }
    println!(
        "{best:?} a request, {} bytes sent for each",
        out.len() / BATCH as usize
    );
}
