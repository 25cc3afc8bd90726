//! A client that forges frames one by one, and reads what a session sends; and the session it talks to. HPACK
//! is written by hand, without a table, so that nothing here shares code with what it tests.

use ringgate::http1::date::Date;
use ringgate::http1::head::Head;
use ringgate::http1::response::Fields;
use ringgate::http2::frame::{self, Flags, Frame, HEADER_SIZE_BYTES, Kind, PREFACE};
use ringgate::http2::hpack::{Decoder, Line, Sink};
use ringgate::http2::{
    Answer, Arrival, Desk, End, ErrorCode, Fault, Gone, Limits, Payload, Room, Session, StreamId,
};

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;

/// A frame of a client.
pub(crate) fn forged(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A block of literals that nobody keeps.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(text.len() as u8);
            block.extend(text.bytes());
        }
    }
    block
}

pub(crate) const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/a?b"),
    (":authority", "example.org"),
];

pub(crate) const POST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "example.org"),
];

/// HEADERS of a whole section.
pub(crate) fn headers(stream: u32, end: bool, fields: &[(&str, &str)]) -> Vec<u8> {
    forged(1, END_HEADERS | u8::from(end), stream, &block(fields))
}

pub(crate) fn get(stream: u32) -> Vec<u8> {
    headers(stream, true, &GET)
}

pub(crate) fn post(stream: u32) -> Vec<u8> {
    headers(stream, false, &POST)
}

pub(crate) fn data(stream: u32, end: bool, payload: &[u8]) -> Vec<u8> {
    forged(0, u8::from(end), stream, payload)
}

pub(crate) fn reset(stream: u32) -> Vec<u8> {
    forged(3, 0, stream, &8u32.to_be_bytes())
}

pub(crate) fn window_update(stream: u32, more: u32) -> Vec<u8> {
    forged(8, 0, stream, &more.to_be_bytes())
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let six = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    forged(4, 0, 0, &values.iter().flat_map(six).collect::<Vec<_>>())
}

/// What a session did with bytes, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Head {
        stream: u32,
        line: String,
        end: bool,
    },
    Refused(u32, u16),
    Data(u32, Vec<u8>, bool),
    Trailers(u32, usize),
    Ended(u32, End),
}

/// What a session sent, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    Headers {
        stream: u32,
        fields: Vec<(String, String)>,
        end: bool,
    },
    Data(u32, Vec<u8>, bool),
    Reset(u32, ErrorCode),
    Settings,
    SettingsAck,
    Ping([u8; 8], bool),
    GoAway(u32, ErrorCode, String),
    WindowUpdate(u32, u32),
}

/// A session with everything that it is lent.
pub(crate) struct Wire {
    pub(crate) session: Session,
    pub(crate) limits: Limits,
    pub(crate) seconds: u32,
    pub(crate) head: Head,
    /// The bytes of the head.
    pub(crate) text: Vec<u8>,
    pub(crate) out: Vec<u8>,
    room: Room,
    decoder: Decoder,
    /// Bytes that were not used yet.
    rest: Vec<u8>,
}

impl Wire {
    /// A session that has read nothing.
    pub(crate) fn silent(limits: Limits) -> Wire {
        Wire {
            session: Session::new(&limits, 0),
            limits,
            seconds: 0,
            head: Head::blank(),
            text: Vec::new(),
            out: Vec::new(),
            room: Room::default(),
            decoder: Decoder::new(4096),
            rest: Vec::new(),
        }
    }

    /// A session that has read the preface and the client's settings, which were answered.
    pub(crate) fn open_with(limits: Limits, values: &[(u16, u32)]) -> Wire {
        let mut line = Wire::silent(limits);
        line.hears(PREFACE);
        line.hears(&settings(values));
        assert_eq!(
            line.says()
                .iter()
                .filter(|sent| !matches!(sent, Sent::WindowUpdate(..)))
                .count(),
            2
        );
        line.hears(&forged(4, 1, 0, &[]));
        line
    }

    pub(crate) fn open() -> Wire {
        Wire::open_with(Limits::default(), &[])
    }

    /// Gives bytes to the session; what came of them.
    pub(crate) fn tries(&mut self, bytes: &[u8]) -> Result<Vec<Seen>, Fault> {
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut seen = Vec::new();
        let mut at = 0;
        while at < rest.len() {
            let mut desk = Desk {
                limits: &self.limits,
                seconds: self.seconds,
                room: &mut self.room,
                out: &mut self.out,
            };
            let received = self
                .session
                .receive(&rest[at..], &mut self.head, &mut desk)?;
            at += received.used;
            match received.arrival {
                Arrival::Needs(count) => {
                    assert_eq!(received.used, 0);
                    assert!(
                        count > rest.len() - at,
                        "needs {count}, has {}",
                        rest.len() - at
                    );
                    break;
                }
                Arrival::Nothing => assert!(received.used > 0),
                Arrival::Head {
                    stream,
                    bytes,
                    end,
                    protocol,
                } => {
                    let protocol = protocol.map(|span| {
                        let bytes = span.of(&bytes);
                        String::from_utf8_lossy(bytes).into_owned()
                    });
                    let (head, text) = (&self.head, &bytes[..]);
                    assert_eq!(head.len, text.len());
                    let line = format!(
                        "{} {} {}{}",
                        head.method,
                        head.target(text),
                        head.host(text),
                        protocol.map_or(String::new(), |name| format!(" {name}")),
                    );
                    self.text = text.to_vec();
                    seen.push(Seen::Head {
                        stream: stream.0,
                        line,
                        end,
                    });
                }
                Arrival::Refused {
                    stream, refusal, ..
                } => {
                    seen.push(Seen::Refused(stream.0, refusal.status.as_u16()));
                }
                Arrival::Data { stream, bytes, end } => {
                    seen.push(Seen::Data(stream.0, bytes.to_vec(), end));
                }
                Arrival::Trailers { stream, fields } => {
                    seen.push(Seen::Trailers(stream.0, fields.len()));
                }
                Arrival::Ended { stream, why } => seen.push(Seen::Ended(stream.0, why)),
            }
        }
        self.rest = rest[at..].to_vec();
        Ok(seen)
    }

    /// As `tries`, of bytes that are no fault of the connection.
    #[track_caller]
    pub(crate) fn hears(&mut self, bytes: &[u8]) -> Vec<Seen> {
        self.tries(bytes).expect("no fault of the connection")
    }

    /// The code with which bytes end the connection; checks that GOAWAY says so.
    #[track_caller]
    pub(crate) fn fails(&mut self, bytes: &[u8]) -> ErrorCode {
        let fault = self.tries(bytes).expect_err("a fault of the connection");
        let last = self.says().pop();
        assert!(
            matches!(&last, Some(Sent::GoAway(_, code, _)) if *code == fault.code),
            "{last:?} for {fault}"
        );
        assert_eq!(self.session.streams(), 0);
        fault.code
    }

    /// The code with which bytes end a stream; checks that RST_STREAM says so.
    #[track_caller]
    pub(crate) fn breaks(&mut self, bytes: &[u8]) -> ErrorCode {
        let seen = self.hears(bytes);
        let Some(Seen::Ended(stream, End::Broken(fault))) = seen.last() else {
            panic!("no stream was broken: {seen:?}");
        };
        let said = self.says();
        assert!(said.contains(&Sent::Reset(*stream, fault.code)), "{said:?}");
        fault.code
    }

    /// What was sent since the last call.
    #[track_caller]
    pub(crate) fn says(&mut self) -> Vec<Sent> {
        let out = std::mem::take(&mut self.out);
        self.session.flushed();
        let mut sent = Vec::new();
        let mut rest = &out[..];
        let mut block: Vec<u8> = Vec::new();
        let mut ends_stream = false;
        while !rest.is_empty() {
            let header = frame::read_header(rest).expect("a frame").expect("whole");
            let end = HEADER_SIZE_BYTES + header.length as usize;
            let payload = &rest[HEADER_SIZE_BYTES..end];
            rest = &rest[end..];
            let stream = header.stream.0;
            let ends = header.flags.has(Flags::END_STREAM);
            if matches!(header.kind, Kind::Headers | Kind::Continuation) {
                ends_stream |= header.kind == Kind::Headers && ends;
                block.extend(payload);
                if header.flags.has(Flags::END_HEADERS) {
                    let mut lines = Lines::default();
                    let decoded = self.decoder.decode(&block, &mut Vec::new(), &mut lines);
                    decoded.expect("a block");
                    block.clear();
                    sent.push(Sent::Headers {
                        stream,
                        fields: lines.0,
                        end: std::mem::take(&mut ends_stream),
                    });
                }
                continue;
            }
            assert!(block.is_empty(), "a block is interrupted");
            sent.push(match frame::parse(&header, payload).expect("a frame") {
                Frame::Data(bytes) => Sent::Data(stream, bytes.to_vec(), ends),
                Frame::ResetStream(code) => Sent::Reset(stream, code),
                Frame::Settings(_) => Sent::Settings,
                Frame::SettingsAck => Sent::SettingsAck,
                Frame::Ping(payload) => Sent::Ping(payload, false),
                Frame::PingAck(payload) => Sent::Ping(payload, true),
                Frame::GoAway(code) => {
                    let last = u32::from_be_bytes(payload[..4].try_into().expect("four"));
                    let text = String::from_utf8_lossy(&payload[8..]).into_owned();
                    Sent::GoAway(last, code, text)
                }
                Frame::WindowUpdate(more) => Sent::WindowUpdate(stream, more),
                other => panic!("a server does not send {other:?}"),
            });
        }
        sent
    }

    /// Sends what waits, and gives what was sent.
    #[track_caller]
    pub(crate) fn flushes(&mut self) -> Vec<Sent> {
        self.session
            .poll_output(&self.limits, self.seconds, &mut self.out);
        self.says()
    }

    /// Answers with 200 and this payload.
    pub(crate) fn answers(&mut self, stream: u32, payload: Payload<'_>) -> Result<(), Gone> {
        let length = match &payload {
            Payload::None => Some(0),
            Payload::Slice(bytes) => Some(bytes.len() as u64),
            Payload::Bytes(bytes) => Some(bytes.len() as u64),
            Payload::Later => None,
        };
        let answer = Answer {
            status: http::StatusCode::OK,
            date: &Date::new(0),
            content_type: Some("text/plain"),
            fields: Fields::List(&[]),
            length,
        };
        self.session.answer(
            StreamId(stream),
            &answer,
            payload,
            self.seconds,
            &mut self.out,
        )
    }

    pub(crate) fn took(&mut self, stream: u32, bytes: u32) {
        let stream = StreamId(stream);
        self.session
            .took(stream, bytes, self.seconds, &mut self.out);
    }

    /// The server drains.
    pub(crate) fn drains(&mut self, seconds: u32) {
        self.session.drain(&mut Desk {
            limits: &self.limits,
            seconds,
            room: &mut self.room,
            out: &mut self.out,
        });
    }

    /// What ends because something was waited for since `since`.
    pub(crate) fn overdue(
        &mut self,
        deadline: ringgate::http2::session::Deadline,
        since: u32,
    ) -> Result<Vec<(StreamId, End)>, Fault> {
        let mut ended = Vec::new();
        let mut desk = Desk {
            limits: &self.limits,
            seconds: self.seconds,
            room: &mut self.room,
            out: &mut self.out,
        };
        self.session
            .overdue(deadline, since, &mut desk, &mut ended)?;
        Ok(ended)
    }
}

#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Sink for Lines {
    fn line(&mut self, line: Line<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.push((text(line.name()), text(line.value())));
    }
}
