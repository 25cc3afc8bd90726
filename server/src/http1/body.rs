//! Which bytes after a head are payload, and where the body ends. Called by the connection code
//! with whatever was received; answers with a range of that very slice, so that payload is never
//! copied. Deliberately not here: buffering, back-pressure, content codings.

use super::fields::BodyFraming;
use super::refusal::Refusal;
use super::trailers::TrailerSection;
use ::http::{HeaderMap, StatusCode};
use std::ops::Range;

/// Bytes of chunk extensions that one chunk may carry.
pub const CHUNK_EXTENSION_BYTES_MAX: u32 = 256;
/// Bytes of chunk extensions that a body may carry beyond as many as its payload has so far: a
/// body of tiny chunks with large extensions costs its sender more than its reader.
pub const EXTENSIONS_BYTES_FREE: u64 = 4096;
/// Hexadecimal digits of a chunk size: as many as 64 bits have.
const CHUNK_SIZE_DIGITS_MAX: u8 = 16;

/// The outcome of decoding the front of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are dealt with, framing and payload alike. The bytes behind them are
    /// to be given again. Less than the whole input only after a piece of payload or at the end.
    pub consumed: usize,
    /// The part of the consumed bytes that is payload; may be empty. Ends at `consumed`.
    pub payload: Range<usize>,
    /// The body is over: what follows `consumed` belongs to the next request.
    pub finished: bool,
}

/// Where in the grammar of RFC 9112 section 7.1 the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a body with Content-Length.
    Sized,
    /// In the digits of a chunk size.
    Size { digits: u8 },
    /// In chunk extensions, after `;`.
    Extension,
    /// After the CR of a size line.
    SizeLf,
    /// In the bytes of a chunk.
    Data,
    /// After the bytes of a chunk.
    DataCr,
    /// After the CR that follows a chunk.
    DataLf,
    /// At the beginning of a line of the trailer section.
    TrailerStart,
    /// In a trailer field.
    Trailer,
    /// After the CR of a trailer field.
    TrailerLf,
    /// After the CR of the empty line that ends the body.
    EndLf,
    /// After the body.
    Finished,
}

/// Decodes one request body. Fixed size, except while a trailer section arrives.
#[derive(Debug, Clone)]
pub struct BodyDecoder {
    state: State,
    /// Bytes left of the body (sized) or of the chunk (chunked).
    remaining: u64,
    /// Bytes of payload announced so far, over all chunks.
    announced: u64,
    limit: u64,
    extension: u32,
    extensions: u64,
    section: Option<Box<TrailerSection>>,
    trailers: Option<Box<HeaderMap>>,
}

impl BodyDecoder {
    /// A decoder for the body that follows a head with `framing`. `limit` bounds the payload in
    /// bytes, inclusively.
    ///
    /// # Errors
    /// 413 (RFC 9110 section 15.5.14) if the announced length is over the limit; so that it can be
    /// said before the client sends the body.
    pub fn new(framing: BodyFraming, limit: Option<u64>) -> Result<Self, Refusal> {
        let limit = limit.unwrap_or(u64::MAX);
        let (state, remaining) = match framing {
            BodyFraming::None | BodyFraming::Length(0) => (State::Finished, 0),
            BodyFraming::Length(length) => (State::Sized, length),
            BodyFraming::Chunked => (State::Size { digits: 0 }, 0),
        };
        if remaining > limit {
            return Err(too_large());
        }
        Ok(Self {
            state,
            remaining,
            announced: remaining,
            limit,
            extension: 0,
            extensions: 0,
            section: None,
            trailers: None,
        })
    }

    /// Whether the whole body has been seen.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Bytes of payload that are known to be still to come: all that are left of a sized body,
    /// what is left of the current chunk otherwise.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Whether all the rest of the body is at most `cap` bytes, so that it is cheaper to discard
    /// it than to open a new connection. Never true for a chunked body, whose length nobody knows.
    pub fn rest_is_within(&self, cap: u64) -> bool {
        match self.state {
            State::Finished => true,
            State::Sized => self.remaining <= cap,
            State::Size { .. }
            | State::Extension
            | State::SizeLf
            | State::Data
            | State::DataCr
            | State::DataLf
            | State::TrailerStart
            | State::Trailer
            | State::TrailerLf
            | State::EndLf => false,
        }
    }

    /// The fields that came after a chunked body; None before its end or if there were none.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// Takes the trailers out.
    pub fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take().map(|map| *map)
    }

    /// Checks a body whose sender ends the connection here.
    ///
    /// # Errors
    /// 400 if the body is not finished: such a message is incomplete (RFC 9112 section 8) and its
    /// payload must not be taken for the whole.
    pub fn on_eof(&self) -> Result<(), Refusal> {
        match self.is_finished() {
            true => Ok(()),
            false => Err(Refusal::bad_request(
                "The request body ends before its announced end.",
            )),
        }
    }

    /// Decodes the front of `input`: everything up to the end of the next piece of payload, of the
    /// body, or of the input, whichever comes first. Call it again with the rest until it reports
    /// the end or has consumed everything.
    ///
    /// # Errors
    /// A [`Refusal`] for bad framing (400), too much payload (413) or too large a trailer section
    /// (431). The decoder is of no use afterwards: the connection has to close.
    #[inline]
    pub fn next(&mut self, input: &[u8]) -> Result<Decoded, Refusal> {
        match self.state {
            State::Sized => {
                let payload = 0..self.take(input.len());
                if self.remaining == 0 {
                    self.state = State::Finished;
                }
                let finished = self.state == State::Finished;
                Ok(Decoded {
                    consumed: payload.end,
                    payload,
                    finished,
                })
            }
            State::Finished => Ok(Decoded {
                consumed: 0,
                payload: 0..0,
                finished: true,
            }),
            State::Size { .. }
            | State::Extension
            | State::SizeLf
            | State::Data
            | State::DataCr
            | State::DataLf
            | State::TrailerStart
            | State::Trailer
            | State::TrailerLf
            | State::EndLf => self.next_chunked(input),
        }
    }

    /// As many of `available` bytes as belong to the payload at hand.
    #[inline]
    fn take(&mut self, available: usize) -> usize {
        let taken = usize::try_from(self.remaining).map_or(available, |left| left.min(available));
        self.remaining -= taken as u64;
        taken
    }

    fn next_chunked(&mut self, input: &[u8]) -> Result<Decoded, Refusal> {
        let mut at = 0;
        while at < input.len() {
            if self.state == State::Data {
                let start = at;
                at += self.take(input.len() - at);
                if self.remaining == 0 {
                    self.state = State::DataCr;
                }
                return Ok(Decoded {
                    consumed: at,
                    payload: start..at,
                    finished: false,
                });
            }
            self.state = self.step(input[at])?;
            at += 1;
            if self.state == State::Finished {
                return Ok(Decoded {
                    consumed: at,
                    payload: at..at,
                    finished: true,
                });
            }
        }
        Ok(Decoded {
            consumed: at,
            payload: at..at,
            finished: false,
        })
    }

    /// Takes one byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        match self.state {
            State::Size { digits } => self.size(digits, byte),
            State::Extension => self.extension(byte),
            State::SizeLf => {
                expect(byte, b'\n')?;
                self.chunk_begins()
            }
            State::DataCr => expect(byte, b'\r').map(|()| State::DataLf),
            State::DataLf => {
                expect(byte, b'\n')?;
                Ok(State::Size { digits: 0 })
            }
            State::TrailerStart if byte == b'\r' => Ok(State::EndLf),
            State::TrailerStart | State::Trailer => match byte {
                b'\r' => Ok(State::TrailerLf),
                b'\n' => Err(bad_line_end()),
                _ => {
                    self.section.get_or_insert_default().push(byte)?;
                    Ok(State::Trailer)
                }
            },
            State::TrailerLf => {
                expect(byte, b'\n')?;
                let section = self.section.get_or_insert_default();
                section.push(b'\r')?;
                section.push(b'\n')?;
                Ok(State::TrailerStart)
            }
            State::EndLf => {
                expect(byte, b'\n')?;
                if let Some(section) = self.section.take() {
                    self.trailers = Some(Box::new(section.parse()?));
                }
                Ok(State::Finished)
            }
            // Neither is ever asked: both have no framing.
            State::Sized | State::Data | State::Finished => Ok(self.state),
        }
    }

    /// RFC 9112 section 7.1: chunk-size = 1*HEXDIG, without sign, prefix or white space. (Section
    /// 7.1.1 tolerates white space before an extension as an error of old senders; two readers
    /// that disagree about it are how requests are smuggled, so it is refused.)
    fn size(&mut self, digits: u8, byte: u8) -> Result<State, Refusal> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if digits > 0 => return Ok(State::SizeLf),
            b';' if digits > 0 => {
                self.extension = 0;
                return Ok(State::Extension);
            }
            _ => {
                return Err(Refusal::bad_request(
                    "A chunk size is not a hexadecimal number.",
                ));
            }
        };
        // Section 7.1: recipients must anticipate large numerals and prevent overflow.
        if digits == CHUNK_SIZE_DIGITS_MAX {
            return Err(Refusal::bad_request(
                "A chunk size has more than 16 digits.",
            ));
        }
        self.remaining = self.remaining << 4 | u64::from(digit);
        Ok(State::Size { digits: digits + 1 })
    }

    /// RFC 9112 section 7.1.1: unknown extensions are ignored, and their total length is bounded.
    fn extension(&mut self, byte: u8) -> Result<State, Refusal> {
        match byte {
            b'\r' => return Ok(State::SizeLf),
            b'\t' | b' '..=0x7E | 0x80.. => {}
            _ => {
                return Err(Refusal::bad_request(
                    "A chunk extension holds a control byte.",
                ));
            }
        }
        self.extension += 1;
        self.extensions += 1;
        let free = self.announced.saturating_add(EXTENSIONS_BYTES_FREE);
        if self.extension > CHUNK_EXTENSION_BYTES_MAX || self.extensions > free {
            return Err(Refusal::bad_request("The chunk extensions are too large."));
        }
        Ok(State::Extension)
    }

    /// After the size line.
    fn chunk_begins(&mut self) -> Result<State, Refusal> {
        if self.remaining == 0 {
            return Ok(State::TrailerStart);
        }
        match self.announced.checked_add(self.remaining) {
            Some(announced) if announced <= self.limit => {
                self.announced = announced;
                Ok(State::Data)
            }
            Some(_) | None => Err(too_large()),
        }
    }
}

fn expect(byte: u8, wanted: u8) -> Result<(), Refusal> {
    match byte == wanted {
        true => Ok(()),
        false => Err(bad_line_end()),
    }
}

#[cold]
const fn bad_line_end() -> Refusal {
    Refusal::bad_request("A line or a chunk of the body does not end with CRLF.")
}

/// The refusal of a body of more bytes than it may have.
#[cold]
pub(crate) const fn too_large() -> Refusal {
    Refusal::client(
        StatusCode::PAYLOAD_TOO_LARGE,
        "The request body is too large.",
    )
}
