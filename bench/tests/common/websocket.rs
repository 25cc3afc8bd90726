//! The server's end of a WebSocket, made of the product's pure rooms, for servers that misbehave on purpose.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{Read, Write};
use std::net::TcpStream;

use ringgate::http::{Method, Version};
pub(crate) use ringgate::websocket::frame::Opcode;
use ringgate::websocket::frame::{self, Header, Side};
use ringgate::websocket::handshake::{Asked, Policy, judge};
use ringgate::websocket::mask;

/// The server's end of a WebSocket.
pub(crate) struct Peer<S = TcpStream> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

impl<S: Read + Write> Peer<S> {
    /// The server's end of `stream`, before its handshake.
    pub(crate) fn new(stream: S) -> Self {
        let unread = Vec::new();
        Self { stream, unread }
    }

    /// Reads until `whole` finds something at the front of what is unread.
    fn until<T>(&mut self, whole: impl Fn(&[u8]) -> Option<(T, usize)>) -> Option<T> {
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some((found, size)) = whole(&self.unread) {
                self.unread.drain(..size);
                return Some(found);
            }
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.unread.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// Answers the handshake.
    pub(crate) fn shake_hands(&mut self) -> Option<()> {
        let head = self.until(|bytes| {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), end))
        })?;
        let fields: Vec<_> = (head.lines().skip(1))
            .filter_map(|line| line.split_once(": "))
            .collect();
        let asked = Asked {
            method: &Method::GET,
            version: Version::HTTP_11,
            host: "localhost",
            protocol: None,
            has_body: false,
        };
        let policy = Policy::default();
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        let accept = judge(&asked, fields, &policy).expect("a good handshake");
        let mut answer = Vec::new();
        accept.write_head(&mut answer);
        self.say(&answer);
        Some(())
    }

    /// The next frame of the client, unmasked.
    pub(crate) fn hear(&mut self) -> Option<(Opcode, Vec<u8>)> {
        self.until(|bytes| {
            let (header, size) = frame::read(bytes, Side::Client, false).expect("good")?;
            let end = size + header.length as usize;
            let mut payload = bytes.get(size..end)?.to_vec();
            mask::apply(header.mask.expect("a mask"), 0, &mut payload);
            Some(((header.opcode, payload), end))
        })
    }

    /// The next message; a Close is answered, and there is none then.
    pub(crate) fn message(&mut self) -> Option<Vec<u8>> {
        match self.hear()? {
            (Opcode::Close, payload) => {
                self.send(Opcode::Close, &payload);
                None
            }
            (_, payload) => Some(payload),
        }
    }

    /// Sends one frame.
    pub(crate) fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        Header::of_server(opcode, payload.len()).write(&mut frame);
        frame.extend_from_slice(payload);
        self.say(&frame);
    }

    /// Writes `bytes`.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        // A client that is gone is the test's business, not this one's.
        let _ = self.stream.write_all(bytes);
    }
}
