//! How messages become frames of a server, appended to the output of a connection, or made once for many.
//! Called by `conversation`, which knows whether anything may be sent, and by whoever broadcasts.
//! Deliberately absent: a bound on the output; the caller writes no more than it may have ahead of the
//! socket.

use super::code::CloseCode;
use super::deflate::{Deflater, Terms, WINDOW_BITS_MAX};
use super::frame::{CONTROL_SIZE_BYTES_MAX, HEADER_SIZE_BYTES_MAX, Header, Opcode};
use super::message::Kind;
use bytes::Bytes;

/// Messages below this size are not compressed: a packet is not shorter for it, and the compressor costs more
/// than all else that is done for them.
const COMPRESSED_FROM_BYTES: usize = 512;
/// Longest reason of a Close frame: what a control frame holds behind the code.
const REASON_SIZE_BYTES_MAX: usize = CONTROL_SIZE_BYTES_MAX - 2;

/// A message to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The kind of the message.
    pub const fn kind(self) -> Kind {
        match self {
            Message::Text(_) => Kind::Text,
            Message::Binary(_) => Kind::Binary,
        }
    }

    /// The payload.
    pub const fn bytes(self) -> &'a [u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }
}

/// Appends a message in one frame.
pub(super) fn plain(message: Message<'_>, out: &mut Vec<u8>) {
    frame(message.kind().opcode(), message.bytes(), out);
}

/// Appends a message in one frame, compressed if that makes it shorter.
pub(super) fn compressed(
    message: Message<'_>,
    terms: Terms,
    deflater: &mut Deflater,
    out: &mut Vec<u8>,
) {
    let bytes = message.bytes();
    if bytes.len() < COMPRESSED_FROM_BYTES {
        return plain(message, out);
    }
    let payload = deflater.deflate(terms, bytes);
    // A message that went through a context which is kept has become part of it.
    if payload.len() >= bytes.len() && !terms.server_keeps {
        return plain(message, out);
    }
    let header = Header {
        compressed: true,
        ..Header::of_server(message.kind().opcode(), payload.len())
    };
    out.reserve(HEADER_SIZE_BYTES_MAX + payload.len());
    header.write(out);
    out.extend_from_slice(payload);
}

/// Appends a fragment of a message: the first one has the message's kind.
pub(super) fn fragment(kind: Option<Kind>, last: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let header = Header {
        fin: last,
        ..Header::of_server(kind.map_or(Opcode::Continuation, Kind::opcode), bytes.len())
    };
    header.write(out);
    out.extend_from_slice(bytes);
}

/// Appends a control frame; `payload` is at most [`CONTROL_SIZE_BYTES_MAX`] long.
pub(super) fn control(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(opcode.is_control() && payload.len() <= CONTROL_SIZE_BYTES_MAX);
    frame(opcode, payload, out);
}

/// Appends a Close frame; a reason that is too long is cut. Without a code it says nothing.
pub(super) fn close(code: Option<CloseCode>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else {
        return control(Opcode::Close, &[], out);
    };
    let reason = &reason[..reason.floor_char_boundary(REASON_SIZE_BYTES_MAX)];
    Header::of_server(Opcode::Close, 2 + reason.len()).write(out);
    out.extend_from_slice(&code.number().to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

#[inline]
fn frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(HEADER_SIZE_BYTES_MAX + payload.len());
    Header::of_server(opcode, payload.len()).write(out);
    out.extend_from_slice(payload);
}

/// A message as frames for any number of receivers: what a server sends is masked for nobody, so all of them
/// share the same bytes.
#[derive(Clone, Debug)]
pub struct Broadcast {
    plain: Bytes,
    compressed: Option<Bytes>,
    len: usize,
}

impl Broadcast {
    /// Encodes a message, compressed as well if there is a deflater and it makes the message shorter.
    pub fn new(message: Message<'_>, deflater: Option<&mut Deflater>) -> Broadcast {
        let mut frame = Vec::new();
        plain(message, &mut frame);
        let plain = Bytes::from(frame);
        let shorter = deflater.and_then(|deflater| {
            let mut frame = Vec::new();
            let terms = Terms::forgetful(WINDOW_BITS_MAX);
            compressed(message, terms, deflater, &mut frame);
            (frame.len() < plain.len()).then(|| Bytes::from(frame))
        });
        Broadcast {
            plain,
            compressed: shorter,
            len: message.bytes().len(),
        }
    }

    /// The frame for a receiver with these terms.
    ///
    /// A receiver whose server keeps its context gets the plain one, which leaves that context as it is; so does one
    /// with a window that is too small for the message (RFC 7692 section 7.1.2.1).
    pub fn frame(&self, terms: Option<Terms>) -> &Bytes {
        let understands = |terms: Terms| {
            let fits = self.len <= 1 << terms.server_bits;
            !terms.server_keeps && (fits || terms.server_bits == WINDOW_BITS_MAX)
        };
        match (&self.compressed, terms) {
            (Some(compressed), Some(terms)) if understands(terms) => compressed,
            _ => &self.plain,
        }
    }
}
