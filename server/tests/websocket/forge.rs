//! Frames as a client writes and reads them, by an implementation of this folder's own, and a listener that
//! holds a conversation as a connection does.

use ringgate::websocket::deflate::{Inflater, Terms};
use ringgate::websocket::life::State;
use ringgate::websocket::{Arrival, CloseCode, Conversation, Desk, Fault, Kind, Limits};

pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// First bytes of frames: the last of their message, unless `MORE` is taken.
pub(crate) const CONTINUATION: u8 = 0x80;
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
/// With this bit taken away a frame is not the last one.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const COMPRESSED: u8 = 0x40;

/// A frame of a client.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        middle @ 126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// The payload of a Close frame.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Frames of a server: first byte and payload of each.
#[track_caller]
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let (length, rest) = match second {
            126 => {
                let (length, rest) = rest.split_first_chunk().expect("a whole header");
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk().expect("a whole header");
                (u64::from_be_bytes(*length) as usize, rest)
            }
            short => (usize::from(*short), rest),
        };
        let (payload, rest) = rest.split_at(length);
        frames.push((*first, payload.to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a frame");
    frames
}

/// What was heard of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
}

/// A conversation, with all that the connection code keeps for it.
pub(crate) struct Listener {
    pub(crate) conversation: Conversation,
    pub(crate) limits: Limits,
    pub(crate) seconds: u32,
    pub(crate) out: Vec<u8>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) fault: Option<Fault>,
    pub(crate) inflater: Inflater,
    /// The parts of a message that is delivered in parts, joined.
    parts: Option<(Kind, Vec<u8>)>,
    /// Bytes that were received and not used.
    unread: Vec<u8>,
    needs: usize,
}

impl Listener {
    pub(crate) fn new(terms: Option<Terms>) -> Listener {
        Listener {
            conversation: Conversation::new(terms),
            limits: Limits::default(),
            seconds: 0,
            out: Vec::new(),
            heard: Vec::new(),
            fault: None,
            inflater: Inflater::default(),
            parts: None,
            unread: Vec::new(),
            needs: 0,
        }
    }

    /// Receives `bytes` at once.
    #[track_caller]
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while !self.unread.is_empty() && self.unread.len() >= self.needs {
            let mut desk = Desk {
                limits: &self.limits,
                seconds: self.seconds,
                out: &mut self.out,
            };
            let received =
                self.conversation
                    .receive(&mut self.unread, &mut self.inflater, &mut desk);
            let received = match received {
                Ok(received) => received,
                Err(fault) => {
                    assert_eq!(self.conversation.state(), State::Leaving);
                    assert_eq!(self.fault.replace(fault), None, "a second fault");
                    self.unread.clear();
                    return;
                }
            };
            let used = received.used;
            self.needs = 0;
            match received.arrival {
                Arrival::Needs(length) => {
                    assert!(used == 0 && length > self.unread.len());
                    self.needs = length;
                    return;
                }
                Arrival::Nothing => {}
                Arrival::Text(text) => self.heard.push(Heard::Text(text.into_owned())),
                Arrival::Binary(bytes) => self.heard.push(Heard::Binary(bytes.into_owned())),
                Arrival::Ping(payload) => self.heard.push(Heard::Ping(payload.to_vec())),
                Arrival::Pong(payload) => self.heard.push(Heard::Pong(payload.to_vec())),
                Arrival::Close(code, reason) => {
                    self.heard.push(Heard::Close(code, reason.to_owned()));
                }
                Arrival::Part(part) => {
                    let (kind, joined) = self.parts.get_or_insert((part.kind, Vec::new()));
                    assert_eq!((part.first, part.kind), (joined.is_empty(), *kind));
                    assert!(part.last || !part.bytes.is_empty());
                    joined.extend_from_slice(part.bytes);
                    if part.last {
                        let (kind, bytes) = self.parts.take().expect("just joined");
                        self.heard.push(match kind {
                            Kind::Text => Heard::Text(String::from_utf8(bytes).expect("text")),
                            Kind::Binary => Heard::Binary(bytes),
                        });
                    }
                }
            }
            assert!(used > 0, "no progress");
            self.unread.drain(..used);
        }
    }

    /// Whether the conversation waits for the rest of a frame's header or of a control frame.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }
}

/// Hears a stream that arrives in one piece, having seen that a short one means the same wherever it is cut.
#[track_caller]
pub(crate) fn hear(stream: &[u8]) -> Listener {
    let hear_pieces = |pieces: &[&[u8]]| {
        let mut listener = Listener::new(None);
        for piece in pieces {
            listener.receive(piece);
        }
        listener
    };
    let whole = hear_pieces(&[stream]);
    for cut in 0..stream.len().min(600) {
        let (front, back) = stream.split_at(cut);
        let found = hear_pieces(&[front, back]);
        assert_eq!(found.heard, whole.heard, "cut at {cut}");
        assert_eq!(
            (found.fault, found.out),
            (whole.fault, whole.out.clone()),
            "cut at {cut}"
        );
    }
    whole
}

/// The fault in `stream`, which must have one at its end; and the code that was sent for it.
#[track_caller]
pub(crate) fn fault(stream: &[u8]) -> (Fault, u16) {
    let listener = hear(stream);
    let fault = listener
        .fault
        .unwrap_or_else(|| panic!("{:?}", listener.heard));
    (fault, sent_code(&listener.out))
}

/// The code of the Close frame that is the last thing in `out`.
#[track_caller]
pub(crate) fn sent_code(out: &[u8]) -> u16 {
    let frames = frames(out);
    let Some((CLOSE, body)) = frames.last() else {
        panic!("no Close at the end of {frames:x?}");
    };
    let code = body.first_chunk().expect("a code");
    u16::from_be_bytes(*code)
}
