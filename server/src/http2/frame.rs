//! The meaning of the bytes of a frame, and how frames are written (RFC 9113 sections 4 and 6, RFC 9218 section 7).
//! Called by `session` with whatever was received. Every slice is a frame, the front of one, or a fault of the
//! code that the RFC names. Left to others: whether a frame may come now, and what follows from it.

use super::code::{Breach, ErrorCode, Fault};

/// Bytes of a frame header.
pub const HEADER_SIZE_BYTES: usize = 9;
/// Largest payload that is received: the value that every client begins with, and none is told another (RFC
/// 9113 section 4.2).
pub const PAYLOAD_SIZE_BYTES_MAX: usize = 1 << 14;
/// Largest payload that a client can ask for (section 6.5.2).
pub const PAYLOAD_SIZE_BYTES_LARGEST: u32 = (1 << 24) - 1;
/// Largest number of 31 bits: stream identifiers, windows and their increments.
pub const NUMBER_MAX: u32 = (1 << 31) - 1;

/// The client's first bytes (section 3.4). A SETTINGS frame follows.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream; 0 is the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId(pub u32);

impl StreamId {
    /// The connection as a whole.
    pub const CONNECTION: StreamId = StreamId(0);
    /// The greatest there is.
    pub const MAX: StreamId = StreamId(NUMBER_MAX);

    /// Whether a client may open a stream of this name (section 5.1.1).
    #[inline]
    pub const fn is_clients(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A type of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Payload of a message.
    Data,
    /// A field section, or the front of one.
    Headers,
    /// A signal of RFC 7540 that is deprecated.
    Priority,
    /// The end of a stream, before its time.
    ResetStream,
    /// The sender's settings.
    Settings,
    /// A request that a server invents.
    PushPromise,
    /// A sign of life.
    Ping,
    /// The end of the connection, announced.
    GoAway,
    /// More room for payload.
    WindowUpdate,
    /// More of a field section.
    Continuation,
    /// The priority of a stream (RFC 9218 section 7.1).
    PriorityUpdate,
    /// Any other, which is ignored (section 5.5).
    Unknown,
}

impl Kind {
    #[inline]
    const fn of(number: u8) -> Kind {
        match number {
            0x0 => Kind::Data,
            0x1 => Kind::Headers,
            0x2 => Kind::Priority,
            0x3 => Kind::ResetStream,
            0x4 => Kind::Settings,
            0x5 => Kind::PushPromise,
            0x6 => Kind::Ping,
            0x7 => Kind::GoAway,
            0x8 => Kind::WindowUpdate,
            0x9 => Kind::Continuation,
            0x10 => Kind::PriorityUpdate,
            _ => Kind::Unknown,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Kind::Data => 0x0,
            Kind::Headers => 0x1,
            Kind::Priority => 0x2,
            Kind::ResetStream => 0x3,
            Kind::Settings => 0x4,
            Kind::PushPromise => 0x5,
            Kind::Ping => 0x6,
            Kind::GoAway => 0x7,
            Kind::WindowUpdate => 0x8,
            Kind::Continuation => 0x9,
            Kind::PriorityUpdate => 0x10,
            Kind::Unknown => 0xFF,
        }
    }
}

/// Flags, of which each type has its own; others are ignored (section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// None.
    pub const NONE: Flags = Flags(0);
    /// The last frame of a stream: DATA and HEADERS.
    pub const END_STREAM: Flags = Flags(0x1);
    /// An answer: SETTINGS and PING.
    pub const ACK: Flags = Flags(0x1);
    /// The last frame of a field section.
    pub const END_HEADERS: Flags = Flags(0x4);
    /// Padding follows: DATA and HEADERS.
    pub const PADDED: Flags = Flags(0x8);
    /// A priority of RFC 7540 stands in front: HEADERS.
    pub const PRIORITY: Flags = Flags(0x20);

    /// Whether all of `other` are set.
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of both.
    #[inline]
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// The first nine bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload.
    pub length: u32,
    /// The type.
    pub kind: Kind,
    /// The flags.
    pub flags: Flags,
    /// The stream; the reserved bit is left out (section 4.1).
    pub stream: StreamId,
}

/// Reads the header at the front of `bytes`; None if there are fewer bytes than one has.
///
/// # Errors
/// A payload that is larger than this side takes, which is always of the connection here: a stream whose
/// frames cannot be read cannot be told from the others.
#[inline]
pub fn read_header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let Some((front, _)) = bytes.split_first_chunk::<HEADER_SIZE_BYTES>() else {
        return Ok(None);
    };
    let [a, b, c, kind, flags, s, t, u, v] = *front;
    let header = Header {
        length: u32::from_be_bytes([0, a, b, c]),
        kind: Kind::of(kind),
        flags: Flags(flags),
        stream: StreamId(u32::from_be_bytes([s, t, u, v]) & NUMBER_MAX),
    };
    match header.length as usize > PAYLOAD_SIZE_BYTES_MAX {
        true => Err(Fault::size(
            "A frame is larger than SETTINGS_MAX_FRAME_SIZE.",
        )),
        false => Ok(Some(header)),
    }
}

/// The meaning of a whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Payload without its padding; the length of the header counts against the windows.
    Data(&'a [u8]),
    /// A field section or the front of one.
    Headers(&'a [u8]),
    /// A signal that is ignored.
    Priority,
    /// The client ends a stream.
    ResetStream(ErrorCode),
    /// Settings, six bytes each.
    Settings(&'a [u8]),
    /// The client has the settings of this side.
    SettingsAck,
    /// A sign of life that wants an answer.
    Ping([u8; 8]),
    /// The answer to one of this side.
    PingAck([u8; 8]),
    /// The client leaves.
    GoAway(ErrorCode),
    /// Room for so many more bytes; never 0.
    WindowUpdate(u32),
    /// More of a field section.
    Continuation(&'a [u8]),
    /// The priority of a stream, as the value of a Priority field.
    PriorityUpdate(StreamId, &'a [u8]),
    /// A type that is ignored.
    Unknown,
}

const NO_STREAM: Breach = Breach::Connection(Fault::protocol(
    "A frame that belongs to a stream stands on stream 0.",
));
const NO_CONNECTION: Breach = Breach::Connection(Fault::protocol(
    "A frame that belongs to the connection stands on a stream.",
));
const PADDING: Breach =
    Breach::Connection(Fault::protocol("A frame has more padding than payload."));
const PADDING_ABSENT: Breach = Breach::Connection(Fault::size(
    "A padded frame has no room for the length of its padding.",
));
/// RFC 7540 section 5.3.1. RFC 9113 dropped the tree of priorities, not what breaks it.
const OWN_CHILD: Breach = Breach::Stream(Fault::protocol("A stream depends on itself."));

const fn lengthy(why: &'static str) -> Breach {
    Breach::Connection(Fault::size(why))
}

/// The meaning of a frame, of which `payload` is the whole payload.
///
/// # Errors
/// The fault that section 6 gives for the frame, of its stream or of the connection.
#[inline]
pub fn parse<'a>(header: &Header, payload: &'a [u8]) -> Result<Frame<'a>, Breach> {
    debug_assert_eq!(header.length as usize, payload.len());
    match header.kind {
        Kind::Headers => parse_headers(header, payload),
        Kind::Data => {
            let (pad_from, pad) = padding(header, payload.first())?;
            let end = payload.len() - pad;
            Ok(Frame::Data(&payload[pad_from..end]))
        }
        Kind::Continuation if header.stream == StreamId::CONNECTION => Err(NO_STREAM),
        Kind::Continuation => Ok(Frame::Continuation(payload)),
        _ => parse_other(header, payload),
    }
}

/// Where the data of a DATA frame begins in its payload, and how many bytes of padding end it. `first`: the
/// first byte of the payload.
///
/// # Errors
/// As [`parse`]: padding that is longer than the frame (section 6.1), or DATA on stream 0.
#[inline]
pub fn padding(header: &Header, first: Option<&u8>) -> Result<(usize, usize), Breach> {
    if header.stream == StreamId::CONNECTION {
        return Err(NO_STREAM);
    }
    if !header.flags.has(Flags::PADDED) {
        return Ok((0, 0));
    }
    let pad = usize::from(*first.ok_or(PADDING_ABSENT)?);
    match pad < header.length as usize {
        true => Ok((1, pad)),
        false => Err(PADDING),
    }
}

/// The block is read whatever the priority says, since it changes the table of HPACK; a stream that depends on
/// itself is found by [`depends_on_itself`].
#[inline]
fn parse_headers<'a>(header: &Header, payload: &'a [u8]) -> Result<Frame<'a>, Breach> {
    let (mut from, pad) = padding(header, payload.first())?;
    if header.flags.has(Flags::PRIORITY) {
        if payload.len() < from + PRIORITY_SIZE_BYTES {
            return Err(lengthy("HEADERS is too short for the priority it has."));
        }
        from += PRIORITY_SIZE_BYTES;
    }
    let block = payload.get(from..payload.len() - pad).ok_or(PADDING)?;
    Ok(Frame::Headers(block))
}

/// Bytes of a priority of RFC 7540.
const PRIORITY_SIZE_BYTES: usize = 5;

fn parent(priority: &[u8]) -> Option<StreamId> {
    let four = priority.first_chunk::<4>()?;
    Some(StreamId(u32::from_be_bytes(*four) & NUMBER_MAX))
}

#[inline(never)]
fn parse_other<'a>(header: &Header, payload: &'a [u8]) -> Result<Frame<'a>, Breach> {
    let on_connection = header.stream == StreamId::CONNECTION;
    match header.kind {
        Kind::Priority if on_connection => Err(NO_STREAM),
        Kind::Priority if payload.len() != PRIORITY_SIZE_BYTES => {
            Err(Breach::Stream(Fault::size("PRIORITY has not five bytes.")))
        }
        Kind::Priority if parent(payload) == Some(header.stream) => Err(OWN_CHILD),
        Kind::Priority => Ok(Frame::Priority),
        Kind::ResetStream if on_connection => Err(NO_STREAM),
        Kind::ResetStream => match payload.try_into() {
            Ok(code) => Ok(Frame::ResetStream(ErrorCode(u32::from_be_bytes(code)))),
            Err(_) => Err(lengthy("RST_STREAM has not four bytes.")),
        },
        Kind::WindowUpdate => match payload.try_into() {
            Ok(four) => window_update(on_connection, u32::from_be_bytes(four) & NUMBER_MAX),
            Err(_) => Err(lengthy("WINDOW_UPDATE has not four bytes.")),
        },
        // Section 6.6: a client does not push.
        Kind::PushPromise => Err(Fault::protocol("A client sent PUSH_PROMISE.").into()),
        Kind::Unknown => Ok(Frame::Unknown),
        _ if !on_connection => Err(NO_CONNECTION),
        _ => parse_of_connection(header, payload),
    }
}

fn window_update<'a>(on_connection: bool, increment: u32) -> Result<Frame<'a>, Breach> {
    const ZERO: Fault = Fault::protocol("WINDOW_UPDATE adds nothing.");
    match (increment, on_connection) {
        (0, true) => Err(Breach::Connection(ZERO)),
        (0, false) => Err(Breach::Stream(ZERO)),
        (more, _) => Ok(Frame::WindowUpdate(more)),
    }
}

fn parse_of_connection<'a>(header: &Header, payload: &'a [u8]) -> Result<Frame<'a>, Breach> {
    match header.kind {
        Kind::Settings if header.flags.has(Flags::ACK) => match payload.is_empty() {
            true => Ok(Frame::SettingsAck),
            false => Err(lengthy("An acknowledgement of settings has a payload.")),
        },
        Kind::Settings => match payload.len() % 6 {
            0 => Ok(Frame::Settings(payload)),
            _ => Err(lengthy("SETTINGS has not six bytes for each setting.")),
        },
        Kind::Ping => match (payload.try_into(), header.flags.has(Flags::ACK)) {
            (Ok(eight), true) => Ok(Frame::PingAck(eight)),
            (Ok(eight), false) => Ok(Frame::Ping(eight)),
            (Err(_), _) => Err(lengthy("PING has not eight bytes.")),
        },
        Kind::GoAway => match payload.get(4..8).and_then(<[u8]>::first_chunk::<4>) {
            Some(code) => Ok(Frame::GoAway(ErrorCode(u32::from_be_bytes(*code)))),
            None => Err(lengthy("GOAWAY has less than eight bytes.")),
        },
        Kind::PriorityUpdate => match payload.split_first_chunk::<4>() {
            Some((stream, value)) => Ok(Frame::PriorityUpdate(
                StreamId(u32::from_be_bytes(*stream) & NUMBER_MAX),
                value,
            )),
            None => Err(lengthy("PRIORITY_UPDATE has less than four bytes.")),
        },
        Kind::Data
        | Kind::Headers
        | Kind::Priority
        | Kind::ResetStream
        | Kind::PushPromise
        | Kind::WindowUpdate
        | Kind::Continuation
        | Kind::Unknown => Ok(Frame::Unknown),
    }
}

/// Whether a HEADERS frame says that its stream depends on itself (RFC 7540 section 5.3.1).
#[inline]
pub fn depends_on_itself(header: &Header, payload: &[u8]) -> bool {
    if !header.flags.has(Flags::PRIORITY) {
        return false;
    }
    let from = usize::from(header.flags.has(Flags::PADDED));
    payload.get(from..).and_then(parent) == Some(header.stream)
}

/// Appends a frame header.
#[inline]
pub fn write_header(length: usize, kind: Kind, flags: Flags, stream: StreamId, out: &mut Vec<u8>) {
    debug_assert!(length as u32 <= PAYLOAD_SIZE_BYTES_LARGEST);
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [s, t, u, v] = stream.0.to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind.number(), flags.0, s, t, u, v]);
}

/// Sets the length of a frame whose header was written at `at`, to what `out` has had since.
#[inline]
pub fn close(at: usize, out: &mut [u8]) {
    let length = out.len() - at - HEADER_SIZE_BYTES;
    let [_, a, b, c] = (length as u32).to_be_bytes();
    out[at..at + 3].copy_from_slice(&[a, b, c]);
}

/// Appends RST_STREAM.
pub fn write_reset(stream: StreamId, code: ErrorCode, out: &mut Vec<u8>) {
    write_header(4, Kind::ResetStream, Flags::NONE, stream, out);
    out.extend_from_slice(&code.0.to_be_bytes());
}

/// Appends WINDOW_UPDATE.
pub fn write_window_update(stream: StreamId, increment: u32, out: &mut Vec<u8>) {
    write_header(4, Kind::WindowUpdate, Flags::NONE, stream, out);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// Appends PING.
pub fn write_ping(payload: [u8; 8], flags: Flags, out: &mut Vec<u8>) {
    write_header(8, Kind::Ping, flags, StreamId::CONNECTION, out);
    out.extend_from_slice(&payload);
}

/// Bytes of a GOAWAY with this text.
pub const fn go_away_size(debug: &str) -> usize {
    HEADER_SIZE_BYTES + 8 + debug.len()
}

/// Appends GOAWAY. `last`: the greatest stream that was or may be begun; `debug` is for people.
pub fn write_go_away(last: StreamId, code: ErrorCode, debug: &str, out: &mut Vec<u8>) {
    let length = 8 + debug.len();
    write_header(length, Kind::GoAway, Flags::NONE, StreamId::CONNECTION, out);
    out.extend_from_slice(&last.0.to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
    out.extend_from_slice(debug.as_bytes());
}
