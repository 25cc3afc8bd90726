//! One connection as a client of HTTP/2 sees it (RFC 9113): the streams that are open, and what is sent on them.
//! Frames to send go out into a buffer; what is received is the affair of `receive`. No socket, no clock, no tally.
//!
//! Each stream carries a tag of the caller's, and gives it back exactly once: to [`Watch::ended`], which is told
//! how the stream ended, or by [`Client::cancel`] or [`Client::abandon`].

use std::collections::VecDeque;
use std::ops::Range;

use ringgate::http2::flow::{ReceiveWindow, SendWindow};
use ringgate::http2::frame::{self, Flags, Kind, PREFACE};
use ringgate::http2::hpack::Decoder;
use ringgate::http2::settings::{Settings, WINDOW_BYTES_INITIAL};
use ringgate::http2::{ErrorCode, StreamId};

use crate::load::http2::request::{Blocks, TABLE_BYTES, Table};

/// Streams that a server is taken to allow before it has said how many (section 6.5.2).
const STREAMS_BEFORE_SETTINGS: usize = 100;
const ENABLE_PUSH: u16 = 0x2;
const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status code of the final answer.
    pub(super) status: u16,
    /// Bytes of content.
    pub(super) body_bytes: u64,
    /// Every piece of the content was what it had to be.
    pub(super) body_matches: bool,
    /// Why the answer is malformed (section 8.1.1), if it is.
    pub(super) fault: Option<&'static str>,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Answered(Answer),
    /// The server reset it.
    Reset(ErrorCode),
    /// The server did nothing for it, and said so: by REFUSED_STREAM (section 8.7).
    Refused,
    /// The same, by a GOAWAY that names an earlier stream as the last one (section 6.8).
    Unprocessed,
}

/// The observer of what the server sends.
pub(super) trait Watch<T> {
    /// The value of the tracked field in a final answer.
    fn tracked(&mut self, value: Option<&[u8]>);
    /// A piece of content at `offset`; false if it is not what was expected.
    fn body(&mut self, tag: &T, status: u16, offset: u64, piece: &[u8]) -> bool;
    /// A stream is over.
    fn ended(&mut self, tag: T, end: End);
    /// The server leaves (GOAWAY).
    fn left(&mut self, code: ErrorCode);
}

#[derive(Debug)]
pub(super) struct Stream<T> {
    pub(super) id: u32,
    pub(super) tag: T,
    pub(super) answer: Answer,
    pub(super) length: Option<u64>,
    /// Bytes of the request's body, and how many of them were sent.
    pub(super) body: usize,
    pub(super) sent: usize,
    pub(super) send: SendWindow,
    pub(super) receive: ReceiveWindow,
}

/// A DATA frame whose payload has not come entirely.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data {
    pub(super) stream: u32,
    pub(super) left: usize,
    pub(super) padding: usize,
    pub(super) is_last: bool,
}

/// A field section of which more is to come.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) stream: u32,
    pub(super) is_last: bool,
    pub(super) block: Vec<u8>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client<T> {
    pub(super) decoder: Decoder,
    pub(super) scratch: Vec<u8>,
    pub(super) table: Table,
    pub(super) settings: Settings,
    pub(super) streams_max: usize,
    pub(super) has_settings: bool,
    pub(super) window: u32,
    pub(super) send: SendWindow,
    pub(super) receive: ReceiveWindow,
    pub(super) open: VecDeque<Stream<T>>,
    pub(super) next: u32,
    /// Received bytes of an incomplete frame.
    pub(super) unparsed: Vec<u8>,
    pub(super) data: Option<Data>,
    pub(super) section: Option<Section>,
    /// The last stream that the server will see to, once it has said that it leaves.
    pub(super) last: Option<u32>,
    /// Nothing more is asked here.
    pub(super) is_retired: bool,
    /// Streams were given up, of which frames may still come.
    pub(super) has_cancelled: bool,
    /// Streams whose body is not sent entirely.
    pub(super) uploads: usize,
    /// Place of the stream whose body is sent next.
    turn: usize,
    pub(super) track: Option<Vec<u8>>,
}

impl<T> Client<T> {
    /// A connection on which the server may send `window` bytes before it hears from this side; the first bytes
    /// go to `out`. `track`: the field to be tracked, in lower case.
    pub(super) fn begin(window: u32, track: Option<Vec<u8>>, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(PREFACE);
        frame::write_header(12, Kind::Settings, Flags::NONE, StreamId::CONNECTION, out);
        for (id, value) in [(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, window)] {
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&value.to_be_bytes());
        }
        if window > WINDOW_BYTES_INITIAL {
            let more = window - WINDOW_BYTES_INITIAL;
            frame::write_window_update(StreamId::CONNECTION, more, out);
        }
        Self {
            decoder: Decoder::new(TABLE_BYTES as u32),
            scratch: Vec::new(),
            table: Table::Empty,
            settings: Settings::default(),
            streams_max: STREAMS_BEFORE_SETTINGS,
            has_settings: false,
            window,
            send: SendWindow::new(WINDOW_BYTES_INITIAL),
            receive: ReceiveWindow::new(window),
            open: VecDeque::new(),
            next: 1,
            unparsed: Vec::new(),
            data: None,
            section: None,
            last: None,
            is_retired: false,
            has_cancelled: false,
            uploads: 0,
            turn: 0,
            track,
        }
    }

    /// Streams that are open.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// How many more may be opened, if `wanted` are to be open.
    pub(super) fn room(&self, wanted: usize) -> usize {
        match self.is_leaving() || self.next > frame::NUMBER_MAX {
            true => 0,
            false => wanted.min(self.streams_max).saturating_sub(self.open.len()),
        }
    }

    /// Whether no stream will be opened any more.
    pub(super) fn is_leaving(&self) -> bool {
        self.last.is_some() || self.is_retired || self.next > frame::NUMBER_MAX
    }

    /// No stream is opened from now on.
    pub(super) fn retire(&mut self) {
        self.is_retired = true;
    }

    /// Opens a stream for a request with `body` bytes of content; there is room for it.
    pub(super) fn ask(&mut self, tag: T, blocks: &Blocks, body: usize, out: &mut Vec<u8>) {
        let id = StreamId(self.next);
        self.next += 2;
        let block = blocks.next(&mut self.table);
        let mut flags = match body {
            0 => Flags::END_STREAM,
            _ => Flags::NONE,
        };
        let size = self.settings.max_frame_size as usize;
        let mut kind = Kind::Headers;
        let mut pieces = block.chunks(size).peekable();
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags = flags.and(Flags::END_HEADERS);
            }
            frame::write_header(piece.len(), kind, flags, id, out);
            out.extend_from_slice(piece);
            (kind, flags) = (Kind::Continuation, Flags::NONE);
        }
        self.uploads += usize::from(body > 0);
        self.open.push_back(Stream {
            id: id.0,
            tag,
            answer: Answer {
                status: 0,
                body_bytes: 0,
                body_matches: true,
                fault: None,
            },
            length: None,
            body,
            sent: 0,
            send: SendWindow::new(self.settings.initial_window_size),
            receive: ReceiveWindow::new(self.window),
        });
    }

    /// Appends as much of the bodies as the windows allow, and about `most` bytes, the streams in turn; `content`
    /// appends a part of the one that belongs to a tag. Returns whether it was stopped by `most`.
    pub(super) fn upload(
        &mut self,
        most: usize,
        mut content: impl FnMut(&T, Range<usize>, &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) -> bool {
        let until = out.len() + most;
        let mut passed = 0;
        while self.uploads > 0 && passed < self.open.len() {
            self.turn %= self.open.len();
            let stream = &mut self.open[self.turn];
            let room = self.send.room().min(stream.send.room());
            let size = room.min(self.settings.max_frame_size) as usize;
            let size = size.min(stream.body - stream.sent);
            if size > 0 && out.len() >= until {
                return true;
            }
            self.turn += 1;
            if size == 0 {
                passed += 1;
                continue;
            }
            passed = 0;
            let part = stream.sent..stream.sent + size;
            let flags = match part.end == stream.body {
                true => Flags::END_STREAM,
                false => Flags::NONE,
            };
            frame::write_header(size, Kind::Data, flags, StreamId(stream.id), out);
            content(&stream.tag, part, out);
            stream.sent += size;
            stream.send.take(size as u32);
            self.send.take(size as u32);
            self.uploads -= usize::from(stream.sent == stream.body);
        }
        false
    }

    /// Gives up the streams for which `is_late`, oldest first, and hands out their tags.
    pub(super) fn cancel(
        &mut self,
        is_late: impl Fn(&T) -> bool,
        out: &mut Vec<u8>,
        mut given_up: impl FnMut(T),
    ) {
        let mut place = 0;
        while let Some(stream) = self.open.get(place) {
            if !is_late(&stream.tag) {
                place += 1;
                continue;
            }
            frame::write_reset(StreamId(stream.id), ErrorCode::CANCEL, out);
            self.has_cancelled = true;
            if let Some(stream) = self.remove(place) {
                given_up(stream.tag);
            }
        }
    }

    /// The connection is over: hands out the tags of what was open.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = T> {
        self.uploads = 0;
        std::mem::take(&mut self.open)
            .into_iter()
            .map(|stream| stream.tag)
    }

    /// Says that this side leaves, because of `code`.
    pub(super) fn leave(&mut self, code: ErrorCode, out: &mut Vec<u8>) {
        // The server has opened no stream.
        frame::write_go_away(StreamId::CONNECTION, code, "", out);
    }

    /// Takes a stream out.
    pub(super) fn remove(&mut self, place: usize) -> Option<Stream<T>> {
        let stream = self.open.remove(place)?;
        self.uploads -= usize::from(stream.sent < stream.body);
        Some(stream)
    }
}
