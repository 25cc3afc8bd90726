//! One connection whose bytes come in pieces: what a session makes of them, and what it sends. Used by the tests
//! of this folder and by the fuzz target `http2`, so it stands on the public items alone.

use ringgate::http1::date::Date;
use ringgate::http1::head::Head;
use ringgate::http1::response::Fields;
use ringgate::http2::{
    Answer, Arrival, Desk, End, Fault, Limits, Payload, Room, Session, StreamId,
};

/// The course of a connection, without regard to where payload was cut.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Course {
    /// Arrivals, in words; payload of a stream that comes in several is one.
    pub(crate) heard: Vec<String>,
    /// Bytes that were sent.
    pub(crate) sent: Vec<u8>,
    /// The fault that ended it.
    pub(crate) fault: Option<Fault>,
}

/// A session that hears `pieces` and answers each request when it ends.
pub(crate) fn course(pieces: &[&[u8]]) -> Course {
    let limits = Limits::default();
    let mut session = Session::new(&limits, 0);
    let (mut room, mut head) = (Room::default(), Head::blank());
    let mut course = Course::default();
    let mut payload: Option<(StreamId, Vec<u8>)> = None;
    let mut unread = Vec::new();
    for piece in pieces {
        unread.extend_from_slice(piece);
        let mut used = 0;
        while used < unread.len() && course.fault.is_none() {
            let mut desk = Desk {
                limits: &limits,
                seconds: 0,
                room: &mut room,
                out: &mut course.sent,
            };
            let received = match session.receive(&unread[used..], &mut head, &mut desk) {
                Ok(received) => received,
                Err(fault) => {
                    course.fault = Some(fault);
                    break;
                }
            };
            assert!(received.used <= unread.len() - used);
            if let Arrival::Needs(count) = received.arrival {
                assert!(received.used == 0 && count > unread.len() - used);
                break;
            }
            assert!(received.used > 0, "no progress");
            used += received.used;
            let (words, ended) = match received.arrival {
                Arrival::Needs(_) | Arrival::Nothing => continue,
                Arrival::Data { stream, bytes, end } => {
                    let before = payload.take_if(|(of, _)| *of == stream);
                    if let Some((of, bytes)) = payload.take() {
                        course
                            .heard
                            .push(format!("{} {}", of.0, bytes.escape_ascii()));
                    }
                    let (_, mut gathered) = before.unwrap_or((stream, Vec::new()));
                    gathered.extend_from_slice(bytes);
                    payload = Some((stream, gathered));
                    match end {
                        true => (format!("{} ends", stream.0), Some(stream)),
                        false => continue,
                    }
                }
                Arrival::Head {
                    stream, bytes, end, ..
                } => {
                    head.to_http_parts(&bytes).expect("http parts");
                    let path = head.path(&bytes);
                    let words = format!("{} {} {path} {:?}", stream.0, head.method, head.fields());
                    (words, end.then_some(stream))
                }
                Arrival::Refused {
                    stream, refusal, ..
                } => (format!("{} {}", stream.0, refusal.status), Some(stream)),
                Arrival::Trailers { stream, fields } => {
                    (format!("{} {fields:?}", stream.0), Some(stream))
                }
                Arrival::Ended {
                    stream,
                    why: End::Cancelled(code),
                } => (format!("{} {code}", stream.0), None),
                Arrival::Ended {
                    stream,
                    why: End::Broken(fault),
                } => (format!("{} {fault}", stream.0), None),
            };
            if let Some((of, bytes)) = payload.take() {
                course
                    .heard
                    .push(format!("{} {}", of.0, bytes.escape_ascii()));
            }
            course.heard.push(words);
            if let Some(stream) = ended {
                let answer = Answer {
                    status: http::StatusCode::OK,
                    date: &Date::new(0),
                    content_type: None,
                    fields: Fields::List(&[]),
                    length: None,
                };
                let hello = Payload::Slice(b"hello");
                let answered = session.answer(stream, &answer, hello, 0, &mut course.sent);
                answered.expect("a stream that waits for its answer");
            }
        }
        unread.drain(..used);
    }
    if let Some((of, bytes)) = payload {
        course
            .heard
            .push(format!("{} {}", of.0, bytes.escape_ascii()));
    }
    course
}
