//! A client of HTTP/2 over the simulated ring: what it sends is forged frame by frame, and what it hears is put
//! together stream by stream.

use crate::forge::{END_HEADERS, Sent, Wire, forged, settings, window_update};
use ringgate::http2::frame::PREFACE;
use ringgate::http2::{ErrorCode, Limits};
use ringgate::runtime::driver::simulated::Client;
use ringgate::simulation::Simulation;
use std::collections::BTreeMap;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Whole,
    Reset(ErrorCode),
}

/// What came on a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// Statuses of interim answers.
    pub(crate) interim: Vec<u16>,
    /// 0 until the head is there.
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) ended: Option<Ended>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(found, _)| found == name)
            .map(|(_, value)| &value[..])
    }
}

pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) answers: BTreeMap<u32, Answer>,
    /// The last streams and codes of the GOAWAYs that came.
    pub(crate) farewells: Vec<(u32, ErrorCode)>,
    /// PINGs that are not answered.
    pub(crate) pings: Vec<[u8; 8]>,
    /// Answers to the client's own PINGs.
    pub(crate) pongs: u32,
    /// Room that was given, by stream.
    pub(crate) room: BTreeMap<u32, u64>,
    /// Whether payload that came is given back at once.
    pub(crate) gives_room: bool,
    /// Whether the server's settings came, which no other frame may precede (RFC 9113 section 3.4).
    knows_settings: bool,
    wire: Wire,
    /// The front of a frame.
    rest: Vec<u8>,
    /// Payload that is to be given back.
    owed: BTreeMap<u32, u32>,
}

impl Peer {
    /// A client that has sent its preface, settings, and the acknowledgement of the server's.
    pub(crate) fn connect(simulation: &Simulation) -> Peer {
        Peer::with(simulation.connect(), &[])
    }

    pub(crate) fn with(client: Client, values: &[(u16, u32)]) -> Peer {
        let peer = Peer::silent(client);
        peer.client
            .send(&[&PREFACE[..], &settings(values), &forged(4, 1, 0, &[])].concat());
        peer
    }

    /// A client that has sent nothing.
    pub(crate) fn silent(client: Client) -> Peer {
        Peer {
            client,
            answers: BTreeMap::new(),
            farewells: Vec::new(),
            pings: Vec::new(),
            pongs: 0,
            room: BTreeMap::new(),
            gives_room: false,
            knows_settings: false,
            wire: Wire::silent(Limits::default()),
            rest: Vec::new(),
            owed: BTreeMap::new(),
        }
    }

    pub(crate) fn send(&self, frames: &[Vec<u8>]) {
        self.client.send(&frames.concat());
    }

    /// Takes in what the server has sent.
    #[track_caller]
    pub(crate) fn hear(&mut self) {
        self.rest.extend(self.client.take_received());
        let mut whole = 0;
        while let Some(header) = self.rest.get(whole..whole + 9) {
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
            if self.rest.len() < whole + 9 + length {
                break;
            }
            whole += 9 + length;
        }
        // A block goes to the reader as one.
        let behind = self.rest.split_off(whole);
        self.wire
            .out
            .extend(std::mem::replace(&mut self.rest, behind));
        for sent in self.wire.says() {
            self.on(sent);
        }
        if self.gives_room {
            let owed = self.owes();
            self.client.send(&owed);
        }
    }

    /// WINDOW_UPDATEs for payload that came since the last call.
    pub(crate) fn owes(&mut self) -> Vec<u8> {
        let owed = std::mem::take(&mut self.owed);
        let one = |(stream, count): (u32, u32)| {
            let is_open = self
                .answers
                .get(&stream)
                .is_some_and(|answer| answer.ended.is_none());
            let mut frames = window_update(0, count);
            if is_open {
                frames.extend(window_update(stream, count));
            }
            frames
        };
        owed.into_iter().flat_map(one).collect()
    }

    #[track_caller]
    fn on(&mut self, sent: Sent) {
        self.knows_settings |= sent == Sent::Settings;
        assert!(self.knows_settings, "before the settings: {sent:?}");
        match sent {
            Sent::Headers {
                stream,
                fields,
                end,
            } => {
                let answer = self.answers.entry(stream).or_default();
                assert_eq!(answer.ended, None, "more behind the end of stream {stream}");
                let status = fields.iter().find(|(name, _)| name == ":status");
                match status.map(|(_, status)| status.parse().expect("a number")) {
                    Some(status @ 100..200) => answer.interim.push(status),
                    Some(status) => {
                        assert_eq!(answer.status, 0, "a second head on stream {stream}");
                        answer.status = status;
                        answer.fields = fields;
                    }
                    None => {
                        assert!(end, "trailers end their stream");
                        answer.trailers = fields;
                    }
                }
                answer.ended = end.then_some(Ended::Whole);
            }
            Sent::Data(stream, bytes, end) => {
                let answer = self.answers.get_mut(&stream).expect("a head comes first");
                assert_eq!(answer.ended, None, "more behind the end of stream {stream}");
                assert_ne!(answer.status, 0, "a body before its head");
                *self.owed.entry(stream).or_default() += bytes.len() as u32;
                answer.body.extend(bytes);
                answer.ended = end.then_some(Ended::Whole);
                if self.owed[&stream] == 0 {
                    self.owed.remove(&stream);
                }
            }
            Sent::Reset(stream, code) => {
                let answer = self.answers.entry(stream).or_default();
                // Section 8.1: the rest of the request is not wanted, the answer stands.
                if answer.ended.is_none() || code != ErrorCode::NO_ERROR {
                    assert_eq!(answer.ended, None, "a reset behind the end of {stream}");
                    answer.ended = Some(Ended::Reset(code));
                }
            }
            Sent::GoAway(last, code, _) => self.farewells.push((last, code)),
            Sent::Ping(payload, false) => self.pings.push(payload),
            Sent::WindowUpdate(stream, more) => {
                *self.room.entry(stream).or_default() += u64::from(more);
            }
            Sent::Ping(_, true) => self.pongs += 1,
            Sent::Settings | Sent::SettingsAck => {}
        }
    }

    /// Runs until this is so of what came.
    #[track_caller]
    pub(crate) fn until(
        &mut self,
        simulation: &mut Simulation,
        mut done: impl FnMut(&Peer) -> bool,
    ) {
        simulation.run_until(|_| {
            self.hear();
            done(self)
        });
    }

    /// Runs until this stream has ended.
    #[track_caller]
    pub(crate) fn answer(&mut self, simulation: &mut Simulation, stream: u32) -> Answer {
        self.until(simulation, |peer| peer.has_ended(stream));
        self.answers[&stream].clone()
    }

    pub(crate) fn has_ended(&self, stream: u32) -> bool {
        let answer = self.answers.get(&stream);
        answer.is_some_and(|answer| answer.ended.is_some())
    }

    /// Runs until the connection is closed, and hears the rest.
    #[track_caller]
    pub(crate) fn until_closed(&mut self, simulation: &mut Simulation) {
        self.until(simulation, |peer| peer.client.is_closed());
        self.hear();
    }

    /// Answers the PING of a drain.
    pub(crate) fn pong(&mut self) {
        let payload = self.pings.pop().expect("a PING");
        self.client.send(&forged(6, 1, 0, &payload));
    }
}

/// A literal that nobody keeps, of any length.
fn text(text: &str, block: &mut Vec<u8>) {
    let len = text.len();
    match len.checked_sub(127) {
        None => block.push(len as u8),
        Some(mut rest) => {
            block.push(127);
            while rest >= 128 {
                block.push(rest as u8 | 128);
                rest >>= 7;
            }
            block.push(rest as u8);
        }
    }
    block.extend(text.bytes());
}

/// HEADERS of a request, with more fields.
pub(crate) fn request(
    stream: u32,
    end: bool,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
) -> Vec<u8> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "example.org"),
    ];
    let mut block = Vec::new();
    for (name, value) in pseudo.iter().chain(more) {
        block.push(0);
        text(name, &mut block);
        text(value, &mut block);
    }
    forged(1, END_HEADERS | u8::from(end), stream, &block)
}

pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    request(stream, true, "GET", path, &[])
}

pub(crate) fn post(stream: u32, path: &str) -> Vec<u8> {
    request(stream, false, "POST", path, &[])
}
