//! A session at rest as bytes, for another process of the same server, and back: without streams, but for tunnels with
//! nothing under way. Left to the caller:
//! the descriptor, bytes received and not read, and that the session is not used any more once its bytes have
//! left.
//!
//! The settings that this side once told go with it: the client counts with those, whatever the other process is
//! configured to. Counts of what the client did begin anew.

use super::field::Token;
use super::flow::{ReceiveWindow, SendWindow};
use super::frame::{NUMBER_MAX, PAYLOAD_SIZE_BYTES_LARGEST, PAYLOAD_SIZE_BYTES_MAX, StreamId};
use super::hpack::Decoder;
use super::hpack::decoder::Judged;
use super::hpack::encoder::{self, Encoder};
use super::hpack::fixed;
use super::hpack::table::{SIZE_BYTES_MAX, Table};
use super::life::Phase;
use super::priority::Priority;
use super::session::streams::{Carried, Stream};
use super::session::{Own, Session};
use super::settings::Settings;
use std::fmt;

/// The layout below. A process that does not know it refuses the session.
const FORMAT: u8 = 1;
/// Bytes of an encoded session beside its tables.
const FIXED_SIZE_BYTES: usize = 1 + 4 * NUMBERS + 1 + 4 * RESETS_MAX + 2 + 2 + 4;
/// Bytes of each tunnel.
const STREAM_SIZE_BYTES: usize = 4 * 4 + 1;
/// Numbers of 32 bits in front.
const NUMBERS: usize = 17;
/// Resets that go along at most: the latest.
const RESETS_MAX: usize = 64;

/// The most that a session takes with so many tunnels, whose client may use `header_table_size` bytes of table: an
/// entry of a table counts 32 bytes there, and has 5 beside its text here.
pub const fn carried_size_max(header_table_size: u32, tunnels: usize) -> usize {
    let tables = header_table_size as usize + encoder::TABLE_BYTES_MAX as usize;
    FIXED_SIZE_BYTES + tables + tunnels * STREAM_SIZE_BYTES
}

/// Why bytes are no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarryError {
    /// A layout that this version of the program does not know.
    Format(u8),
    /// The bytes end too early, or do not end where they should.
    Length,
    /// A field with a value that no session has.
    Field(&'static str),
}

impl fmt::Display for CarryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CarryError::Format(found) => write!(
                f,
                "an HTTP/2 connection in layout {found}, of which this program knows {FORMAT}; \
                 hand over between versions that share a layout, or drain"
            ),
            CarryError::Length => f.write_str("an HTTP/2 connection that is cut, or too long"),
            CarryError::Field(field) => {
                write!(f, "an HTTP/2 connection with a senseless {field}")
            }
        }
    }
}

impl std::error::Error for CarryError {}

impl Session {
    /// The session as bytes. None unless it rests ([`Session::rests`]).
    pub fn encode(&self) -> Option<Vec<u8>> {
        if !self.rests() {
            return None;
        }
        let mut out = Vec::with_capacity(256);
        out.push(FORMAT);
        let numbers: [u32; NUMBERS] = [
            self.own.stream_window,
            self.own.connection_window,
            self.own.header_table_size,
            u32::from(self.own.extended_connect),
            self.settings.header_table_size,
            self.settings.initial_window_size,
            self.settings.max_frame_size,
            self.settings.max_header_list_size,
            self.send.count() as u32,
            self.receive.left() as u32,
            self.receive.taken(),
            self.highest.0,
            self.encoder.told,
            self.encoder.offered,
            self.encoder.least,
            self.decoder.allowed,
            self.decoder.table.max(),
        ];
        for number in numbers {
            out.extend_from_slice(&number.to_be_bytes());
        }
        let resets = &self.resets[self.resets.len().saturating_sub(RESETS_MAX)..];
        out.push(resets.len() as u8);
        for stream in resets {
            out.extend_from_slice(&stream.0.to_be_bytes());
        }
        write_table(&self.decoder.table, |_| 0, &mut out);
        write_table(&self.encoder.table, |mark| mark, &mut out);
        out.extend_from_slice(&(self.streams.len() as u32).to_be_bytes());
        for stream in self.streams.iter() {
            write_stream(&stream.as_carried(), &mut out);
        }
        Some(out)
    }

    /// A session from the bytes that [`Session::encode`] gave.
    ///
    /// # Errors
    /// The bytes are no session of this layout.
    pub fn decode(bytes: &[u8], seconds: u32) -> Result<Session, CarryError> {
        let mut rest = Bytes(bytes);
        match rest.byte()? {
            FORMAT => {}
            other => return Err(CarryError::Format(other)),
        }
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            *number = rest.number()?;
        }
        let [
            stream_window,
            connection_window,
            header_table_size,
            extended_connect,
            offered_size,
            initial_window_size,
            max_frame_size,
            max_header_list_size,
            send,
            left,
            taken,
            highest,
            told,
            offered,
            least,
            allowed,
            max,
        ] = numbers;
        let own = Own {
            stream_window,
            connection_window,
            header_table_size,
            extended_connect: extended_connect == 1,
        };
        let given_back = u64::from(left) + u64::from(taken) == u64::from(connection_window);
        check(connection_window <= NUMBER_MAX, "connection window")?;
        check(stream_window <= NUMBER_MAX, "stream window")?;
        check(initial_window_size <= NUMBER_MAX, "initial window")?;
        check(given_back, "window")?;
        check(extended_connect <= 1, "setting")?;
        let frame_sizes = PAYLOAD_SIZE_BYTES_MAX as u32..=PAYLOAD_SIZE_BYTES_LARGEST;
        check(frame_sizes.contains(&max_frame_size), "frame size")?;
        let is_clients = StreamId(highest).is_clients() || highest == 0;
        check(is_clients && highest <= NUMBER_MAX, "stream")?;
        check(max <= SIZE_BYTES_MAX, "table")?;
        let mut session = Session::of(own, seconds);
        session.settings = Settings {
            header_table_size: offered_size,
            initial_window_size,
            max_frame_size,
            max_header_list_size,
        };
        session.send = SendWindow::carried(send as i32);
        session.receive = ReceiveWindow::carried(left as i32, taken);
        session.highest = StreamId(highest);
        session.phase = Phase::Open;
        for _ in 0..rest.byte()? {
            session.resets.push(StreamId(rest.number()?));
        }
        check(session.resets.len() <= RESETS_MAX, "reset")?;
        session.decoder = read_decoder(&mut rest, allowed, max)?;
        session.encoder = read_encoder(&mut rest, [told, offered, least])?;
        let mut last = StreamId::CONNECTION;
        for _ in 0..rest.number()? {
            let carried = read_stream(&mut rest)?;
            let is_next = carried.id > last && carried.id.0 <= highest && carried.id.is_clients();
            check(is_next, "stream")?;
            last = carried.id;
            session.streams.push(Stream::carried(carried, seconds));
        }
        match rest.0.is_empty() {
            true => Ok(session),
            false => Err(CarryError::Length),
        }
    }
}

fn check(is_so: bool, field: &'static str) -> Result<(), CarryError> {
    match is_so {
        true => Ok(()),
        false => Err(CarryError::Field(field)),
    }
}

/// Appends the fields of a table, oldest first.
fn write_table<M: Copy>(table: &Table<M>, mark: impl Fn(M) -> u8, out: &mut Vec<u8>) {
    // A table of at most 65,535 bytes has at most 2,047 fields.
    out.extend_from_slice(&(table.len() as u16).to_be_bytes());
    for index in (0..table.len()).rev() {
        let Some(kept) = table.get(index) else {
            continue;
        };
        out.push(mark(kept.mark));
        out.extend_from_slice(&(kept.name().len() as u16).to_be_bytes());
        out.extend_from_slice(&(kept.value().len() as u16).to_be_bytes());
        out.extend_from_slice(kept.both);
    }
}

fn read_decoder(rest: &mut Bytes<'_>, allowed: u32, max: u32) -> Result<Decoder, CarryError> {
    let mut decoder = Decoder::new(0);
    decoder.allowed = allowed;
    decoder.table.resize(max);
    for count in 1..=rest.short()? {
        let (mark, name, value) = rest.field()?;
        check(mark == 0, "mark")?;
        let token = Token::of(name);
        let valid = token.accepts(value);
        let mark = Judged { token, valid };
        decoder.table.insert(name, value, mark);
        check(decoder.table.len() == usize::from(count), "table")?;
    }
    Ok(decoder)
}

fn read_encoder(rest: &mut Bytes<'_>, sizes: [u32; 3]) -> Result<Encoder, CarryError> {
    let [told, offered, least] = sizes;
    let mut encoder = Encoder::default();
    encoder.told = told;
    encoder.offered = offered;
    encoder.least = least;
    encoder.table.resize(told.min(encoder::TABLE_BYTES_MAX));
    for count in 1..=rest.short()? {
        let (mark, name, value) = rest.field()?;
        let known = fixed::FIELDS.get(usize::from(mark).wrapping_sub(1));
        let is_named =
            known.is_none_or(|(both, length)| &both.as_bytes()[..usize::from(*length)] == name);
        check(u32::from(mark) <= fixed::COUNT && is_named, "name")?;
        encoder.table.insert(name, value, mark);
        check(encoder.table.len() == usize::from(count), "table")?;
    }
    Ok(encoder)
}

fn write_stream(stream: &Carried, out: &mut Vec<u8>) {
    let numbers = [
        stream.id.0,
        stream.send.count() as u32,
        stream.receive.left() as u32,
        stream.receive.taken(),
    ];
    for number in numbers {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.push(stream.priority.urgency << 1 | u8::from(stream.priority.incremental));
}

fn read_stream(rest: &mut Bytes<'_>) -> Result<Carried, CarryError> {
    let [id, send, left, taken] = [
        rest.number()?,
        rest.number()?,
        rest.number()?,
        rest.number()?,
    ];
    let priority = rest.byte()?;
    check(priority < 16, "priority")?;
    check(
        u64::from(left) + u64::from(taken) <= u64::from(NUMBER_MAX),
        "window",
    )?;
    Ok(Carried {
        id: StreamId(id),
        send: SendWindow::carried(send as i32),
        receive: ReceiveWindow::carried(left as i32, taken),
        priority: Priority {
            urgency: priority >> 1,
            incremental: priority & 1 == 1,
        },
    })
}

/// Bytes that are read from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], CarryError> {
        let (front, rest) = self.0.split_at_checked(count).ok_or(CarryError::Length)?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], CarryError> {
        let front = self.take(COUNT)?;
        front.try_into().map_err(|_| CarryError::Length)
    }

    fn byte(&mut self) -> Result<u8, CarryError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn short(&mut self) -> Result<u16, CarryError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn number(&mut self) -> Result<u32, CarryError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Mark, name and value.
    fn field(&mut self) -> Result<(u8, &'b [u8], &'b [u8]), CarryError> {
        let mark = self.byte()?;
        let (name, value) = (self.short()?, self.short()?);
        Ok((
            mark,
            self.take(usize::from(name))?,
            self.take(usize::from(value))?,
        ))
    }
}
