//! The server's end of HTTP/2, frame by frame and written by hand, for servers that misbehave on purpose.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{Read, Write};

pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const CONTINUATION: u8 = 0x9;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

/// A frame that a client sent.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The server's end of a connection.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
}

impl<S: Read + Write> Peer<S> {
    /// Takes the preface and says `settings`: pairs of identifier and value.
    pub(crate) fn greet(stream: S, settings: &[(u16, u32)]) -> Option<Self> {
        let mut peer = Self { stream };
        let mut preface = [0; 24];
        peer.stream.read_exact(&mut preface).ok()?;
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        peer.say(SETTINGS, 0, 0, &payload);
        Some(peer)
    }

    /// The next frame; None at the end of the stream.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut header = [0; 9];
        self.stream.read_exact(&mut header).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes(stream);
        Some(Frame {
            kind,
            flags,
            stream,
            payload,
        })
    }

    /// The stream of the next request.
    pub(crate) fn request(&mut self) -> Option<u32> {
        loop {
            let frame = self.frame()?;
            if frame.kind == HEADERS {
                return Some(frame.stream);
            }
        }
    }

    /// Waits for a frame of `kind`.
    pub(crate) fn until(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.frame()?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Writes a frame; a peer that is gone is the test's business, not this one's.
    pub(crate) fn say(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let _ = self.stream.write_all(&frame(kind, flags, stream, payload));
    }

    /// Answers 200 with `Hello, World!`.
    pub(crate) fn hello(&mut self, stream: u32) {
        self.answer(stream, &[(":status", "200")], b"Hello, World!");
    }

    /// Answers with `fields` and `body`.
    pub(crate) fn answer(&mut self, stream: u32, fields: &[(&str, &str)], body: &[u8]) {
        let mut bytes = frame(HEADERS, END_HEADERS, stream, &block(fields));
        bytes.extend(frame(DATA, END_STREAM, stream, body));
        let _ = self.stream.write_all(&bytes);
    }

    /// RST_STREAM.
    pub(crate) fn reset(&mut self, stream: u32, code: u32) {
        self.say(RST_STREAM, 0, stream, &code.to_be_bytes());
    }

    /// GOAWAY after which no stream behind `last` is seen to.
    pub(crate) fn go_away(&mut self, last: u32, code: u32) {
        self.say(
            GOAWAY,
            0,
            0,
            &[last.to_be_bytes(), code.to_be_bytes()].concat(),
        );
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A block of literals that nobody keeps (RFC 7541 section 6.2.2).
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
