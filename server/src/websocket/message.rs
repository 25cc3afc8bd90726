//! How the frames of a message become that message, or its parts. `conversation` brings each frame's header
//! and then what there is of its payload; a message that lies there whole never comes here.

use super::code::Fault;
use super::conversation::Arrival;
use super::deflate::{Inflater, Terms};
use super::frame::{Header, Opcode};
use super::limits::{Delivery, Limits};
use super::mask;
use super::utf8::{HalfCharacter, NotUtf8};
use std::borrow::Cow;
use std::str::from_utf8;

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl Kind {
    pub(super) const fn opcode(self) -> Opcode {
        match self {
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        }
    }
}

/// A piece of a message that is delivered in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Kind of the message. The parts of a text are UTF-8 together; a character may be cut between two.
    pub kind: Kind,
    /// Whether it is the first part.
    pub first: bool,
    /// Whether it is the last part.
    pub last: bool,
    /// The bytes; empty only in the last part.
    pub bytes: &'a [u8],
}

impl From<NotUtf8> for Fault {
    fn from(NotUtf8: NotUtf8) -> Fault {
        Fault::NotUtf8
    }
}

/// The payload so far, as far as it is kept.
enum Gathered {
    Text(String, HalfCharacter),
    Binary(Vec<u8>),
    Compressed(Vec<u8>, Terms),
    /// Nothing: it was delivered, and `begun` says whether any was.
    Delivered {
        half: HalfCharacter,
        begun: bool,
    },
}

/// The frame of which a part is still to come.
struct HalfFrame {
    mask: [u8; 4],
    /// Bytes that came.
    offset: u64,
    /// Bytes still to come.
    left: usize,
    fin: bool,
}

/// A message half received.
pub(super) struct HalfMessage {
    kind: Kind,
    gathered: Gathered,
    fragments: u32,
    /// Length of the frames so far, the one at hand included.
    size: usize,
    frame: HalfFrame,
}

/// The kind and the compression of a message that begins with this frame. None for a continuation.
pub(super) fn kind_of(header: &Header, terms: Option<Terms>) -> Option<(Kind, Option<Terms>)> {
    let terms = terms.filter(|_| header.compressed);
    match header.opcode {
        Opcode::Text => Some((Kind::Text, terms)),
        Opcode::Binary => Some((Kind::Binary, terms)),
        Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
    }
}

/// A message whose payload lies in one piece.
///
/// # Errors
/// The message cannot be inflated, or is no text.
pub(super) fn whole<'a>(
    kind: Kind,
    terms: Option<Terms>,
    payload: &'a [u8],
    inflater: &'a mut Inflater,
    limits: &Limits,
) -> Result<Arrival<'a>, Fault> {
    match terms {
        Some(terms) => of_kind(kind, inflater.inflate(terms, payload, limits.message_size)?),
        None => of_kind(kind, payload),
    }
}

fn of_kind(kind: Kind, payload: &[u8]) -> Result<Arrival<'_>, Fault> {
    Ok(match kind {
        Kind::Text => {
            let text = from_utf8(payload).map_err(|_| Fault::NotUtf8)?;
            Arrival::Text(Cow::Borrowed(text))
        }
        Kind::Binary => Arrival::Binary(Cow::Borrowed(payload)),
    })
}

/// The length of a frame that begins or continues a message of `size` bytes in `fragments` frames so far.
///
/// # Errors
/// The message is beyond a limit; told before any of its payload has come.
pub(super) fn admit(
    header: &Header,
    is_gathered: bool,
    size: usize,
    fragments: u32,
    limits: &Limits,
) -> Result<usize, Fault> {
    let length = usize::try_from(header.length).unwrap_or(usize::MAX);
    if length > limits.frame_size {
        return Err(Fault::FrameTooLarge);
    }
    if is_gathered && length > limits.message_size.saturating_sub(size) {
        return Err(Fault::MessageTooLarge);
    }
    match is_gathered && fragments >= limits.fragments {
        true => Err(Fault::TooManyFragments),
        false => Ok(length),
    }
}

/// Whether the payload of a message is gathered, and not delivered in parts.
pub(super) fn is_gathered(terms: Option<Terms>, limits: &Limits) -> bool {
    terms.is_some() || limits.delivery == Delivery::Whole
}

impl HalfMessage {
    /// A message that begins with this frame, whose length was admitted.
    pub(super) fn begin(
        kind: Kind,
        terms: Option<Terms>,
        header: &Header,
        length: usize,
        limits: &Limits,
    ) -> HalfMessage {
        let gathered = match (terms, limits.delivery, kind) {
            (Some(terms), _, _) => Gathered::Compressed(Vec::new(), terms),
            (None, Delivery::Parts, _) => Gathered::Delivered {
                half: HalfCharacter::default(),
                begun: false,
            },
            (None, Delivery::Whole, Kind::Text) => {
                Gathered::Text(String::new(), HalfCharacter::default())
            }
            (None, Delivery::Whole, Kind::Binary) => Gathered::Binary(Vec::new()),
        };
        HalfMessage {
            kind,
            gathered,
            fragments: 1,
            size: length,
            frame: HalfFrame::of(header, length),
        }
    }

    /// Goes on with a further frame.
    pub(super) fn continue_with(&mut self, header: &Header, limits: &Limits) -> Result<(), Fault> {
        let is_gathered = !matches!(self.gathered, Gathered::Delivered { .. });
        let length = admit(header, is_gathered, self.size, self.fragments, limits)?;
        self.fragments = self.fragments.saturating_add(1);
        self.size = self.size.saturating_add(length);
        self.frame = HalfFrame::of(header, length);
        Ok(())
    }

    /// Memory that the payload so far takes, in bytes.
    pub(super) fn held(&self) -> usize {
        match &self.gathered {
            Gathered::Text(text, _) => text.capacity(),
            Gathered::Binary(bytes) | Gathered::Compressed(bytes, _) => bytes.capacity(),
            Gathered::Delivered { .. } => 0,
        }
    }

    /// Whether the frame at hand has come as a whole.
    pub(super) fn frame_is_whole(&self) -> bool {
        self.frame.left == 0
    }

    /// Whether the message has come as a whole.
    pub(super) fn is_whole(&self) -> bool {
        self.frame.fin && self.frame.left == 0
    }

    /// Takes what `bytes` has of the frame at hand, unmasks it there, and says how much that is; and the
    /// part that is delivered, if it is.
    ///
    /// # Errors
    /// The text is not UTF-8.
    pub(super) fn take<'a>(
        &mut self,
        bytes: &'a mut [u8],
    ) -> Result<(usize, Option<Part<'a>>), Fault> {
        let used = self.frame.left.min(bytes.len());
        let piece = &mut bytes[..used];
        mask::apply(self.frame.mask, self.frame.offset, piece);
        self.frame.offset += used as u64;
        self.frame.left -= used;
        let last = self.is_whole();
        let part = match &mut self.gathered {
            Gathered::Text(text, half) => {
                half.join(piece, |characters| text.push_str(characters))?;
                check_end(half, last)?;
                None
            }
            Gathered::Binary(gathered) | Gathered::Compressed(gathered, _) => {
                gathered.extend_from_slice(piece);
                None
            }
            Gathered::Delivered { half, begun } => {
                if self.kind == Kind::Text {
                    half.join(piece, |_| {})?;
                    check_end(half, last)?;
                }
                let part = Part {
                    kind: self.kind,
                    first: !*begun,
                    last,
                    bytes: piece,
                };
                *begun |= used > 0;
                (used > 0 || last).then_some(part)
            }
        };
        Ok((used, part))
    }

    /// The message, which has come as a whole. Nothing if it was delivered in parts.
    ///
    /// # Errors
    /// The message cannot be inflated, or is no text.
    pub(super) fn finish<'a>(
        self,
        inflater: &'a mut Inflater,
        limits: &Limits,
    ) -> Result<Arrival<'a>, Fault> {
        match self.gathered {
            Gathered::Text(text, _) => Ok(Arrival::Text(Cow::Owned(text))),
            Gathered::Binary(bytes) => Ok(Arrival::Binary(Cow::Owned(bytes))),
            Gathered::Delivered { .. } => Ok(Arrival::Nothing),
            Gathered::Compressed(payload, terms) => {
                let message = inflater.inflate(terms, &payload, limits.message_size)?;
                of_kind(self.kind, message)
            }
        }
    }
}

/// A text that is over ends with a whole character.
fn check_end(half: &HalfCharacter, last: bool) -> Result<(), Fault> {
    match last && !half.is_none() {
        true => Err(Fault::NotUtf8),
        false => Ok(()),
    }
}

impl HalfFrame {
    fn of(header: &Header, length: usize) -> HalfFrame {
        HalfFrame {
            mask: header.mask.unwrap_or_default(),
            offset: 0,
            left: length,
            fin: header.fin,
        }
    }
}
