//! The ways of misuse, one for each budget of docs/http2.md: what a client sends, which option ends it, and how it is
//! told. Bytes only; who sends them is `crowd`.

use clap::ValueEnum;
use ringgate::http2::frame::{self, Flags, Kind, PREFACE};
use ringgate::http2::settings::write_ack;
use ringgate::http2::{ErrorCode, StreamId};
use serde::Serialize;

/// Streams that are opened where each is to be stalled; as many as the server allows.
const STALLED: u32 = 100;
/// Streams beyond those that the server allows, and as many again as it refuses before it ends the connection.
const TOO_MANY: u32 = 250;
/// PING frames behind an answer that is not taken. More wait than may ([`Offence::server_options`]), though the first of
/// them still find room in the socket.
const UNTAKEN_PINGS: u32 = 900;
/// The largest frame (RFC 9113 section 6.5.2, SETTINGS_MAX_FRAME_SIZE).
const FRAME_BYTES: usize = 16 << 10;
/// The largest window.
pub(super) const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;
const WINDOW_BYTES_INITIAL: u32 = 65_535;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// `:method` GET and `:scheme` http by reference, `:authority` t and the name of `:path` as literals that nobody keeps
/// (RFC 7541 appendix A, section 6).
pub(super) const GET: [u8; 6] = [0x82, 0x86, 0x01, 1, b't', 0x04];
const POST: [u8; 6] = [0x83, 0x86, 0x01, 1, b't', 0x04];
/// `accept-encoding: gzip, deflate` by reference: one byte, 15 and 13 characters.
const REFERENCE: u8 = 0x90;

/// A way of misuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offence {
    /// Streams that are reset as soon as they were opened.
    Resets,
    /// Streams that the server has to reset.
    ResetsMade,
    /// More streams at a time than may be.
    Streams,
    /// PING frames.
    Pings,
    /// SETTINGS frames.
    Settings,
    /// PRIORITY frames.
    Priorities,
    /// WINDOW_UPDATE frames.
    WindowUpdates,
    /// DATA frames without payload.
    EmptyData,
    /// DATA frames of one byte.
    SmallData,
    /// A field section in many frames.
    Continuations,
    /// A field section of many bytes.
    HeaderList,
    /// Field sections of many fields, a byte each.
    HeaderCount,
    /// Answers that get no room.
    Stall,
    /// PING frames of a client that takes nothing.
    QueuedControls,
    /// None: a client that hears the server's settings and leaves, to compare with. Only if it is asked for.
    #[value(name = "none")]
    #[serde(rename = "none")]
    NoOffence,
}

/// How a client that misuses a budget is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The connection, with GOAWAY.
    Connection,
    /// So many streams, each with RST_STREAM.
    Streams(u32),
    /// The client leaves by itself.
    Itself,
}

impl Offence {
    /// The option that bounds it.
    pub(super) const fn option(self) -> &'static str {
        match self {
            Offence::Resets => "http2_resets",
            Offence::ResetsMade | Offence::Streams | Offence::HeaderCount => "http2_resets_made",
            Offence::Pings => "http2_pings",
            Offence::Settings => "http2_settings",
            Offence::Priorities => "http2_priorities",
            Offence::WindowUpdates => "http2_window_updates",
            Offence::EmptyData => "http2_empty_data",
            Offence::SmallData => "http2_small_data",
            Offence::Continuations => "http2_continuations",
            Offence::HeaderList => "http2_header_list_size",
            Offence::Stall => "http2_stall_timeout",
            Offence::QueuedControls => "http2_queued_controls",
            Offence::NoOffence => "none",
        }
    }

    /// Whether it misuses anything.
    pub(super) fn is_one(self) -> bool {
        self.ending() != Ending::Itself
    }

    /// The code with which it is answered.
    pub(super) const CODE: ErrorCode = ErrorCode::ENHANCE_YOUR_CALM;

    pub(super) const fn ending(self) -> Ending {
        match self {
            Offence::Stall => Ending::Streams(STALLED),
            Offence::NoOffence => Ending::Itself,
            _ => Ending::Connection,
        }
    }

    /// Options of the server beside its defaults: a shorter time, or a number that is reached before another budget.
    pub(super) const fn server_options(self) -> &'static [&'static str] {
        match self {
            Offence::Stall => &["--http2-stall-timeout", "2s"],
            // A thousand that come at once have not been answered yet.
            Offence::Pings => &["--http2-queued-controls", "10000"],
            Offence::QueuedControls => &["--http2-queued-controls", "200"],
            _ => &[],
        }
    }

    /// Whether the client takes nothing before it has sent everything.
    pub(super) const fn is_deaf(self) -> bool {
        matches!(self, Offence::QueuedControls)
    }

    /// The beginning of the connection, and of the misuse.
    pub(super) fn begin(self, out: &mut Vec<u8>) {
        out.extend_from_slice(PREFACE);
        let window = match self {
            Offence::Stall => 0,
            Offence::QueuedControls => WINDOW_BYTES_MAX,
            _ => WINDOW_BYTES_INITIAL,
        };
        settings(window, out);
        write_ack(out);
        match self {
            Offence::EmptyData | Offence::SmallData => ask(&POST, 1, false, "/upload", out),
            Offence::Stall => {
                (0..STALLED).for_each(|n| ask(&GET, 1 + 2 * n, true, "/bytes/1000000", out));
            }
            Offence::QueuedControls => {
                let more = WINDOW_BYTES_MAX - WINDOW_BYTES_INITIAL;
                frame::write_window_update(StreamId::CONNECTION, more, out);
                ask(&GET, 1, true, "/bytes/100000000", out);
            }
            Offence::Continuations => head(1, Flags::NONE, &GET, out),
            _ => {}
        }
    }

    /// Act number `n`; false if there are no more.
    pub(super) fn act(self, n: u32, out: &mut Vec<u8>) -> bool {
        let id = StreamId(1 + 2 * n);
        match self {
            Offence::Resets => {
                ask(&GET, id.0, true, "/sleep?ms=1000", out);
                frame::write_reset(id, ErrorCode::CANCEL, out);
            }
            Offence::ResetsMade => {
                ask(&POST, id.0, false, "/upload", out);
                // An increment of nothing (section 6.9).
                frame::write_window_update(id, 0, out);
            }
            Offence::Streams if n < TOO_MANY => ask(&GET, id.0, true, "/sleep?ms=60000", out),
            Offence::QueuedControls if n < UNTAKEN_PINGS => {
                frame::write_ping([0; 8], Flags::NONE, out);
            }
            Offence::Streams | Offence::QueuedControls | Offence::Stall => return false,
            Offence::NoOffence => return false,
            Offence::Pings => frame::write_ping([0; 8], Flags::NONE, out),
            Offence::Settings => settings(WINDOW_BYTES_INITIAL, out),
            Offence::Priorities => {
                frame::write_header(5, Kind::Priority, Flags::NONE, id, out);
                out.extend_from_slice(&[0, 0, 0, 0, 15]);
            }
            Offence::WindowUpdates => frame::write_window_update(StreamId::CONNECTION, 1, out),
            Offence::EmptyData => frame::write_header(0, Kind::Data, Flags::NONE, StreamId(1), out),
            Offence::SmallData => {
                frame::write_header(1, Kind::Data, Flags::NONE, StreamId(1), out);
                out.push(b'x');
            }
            Offence::Continuations => {
                frame::write_header(1, Kind::Continuation, Flags::NONE, StreamId(1), out);
                out.push(REFERENCE);
            }
            Offence::HeaderList => {
                let kind = if n == 0 {
                    Kind::Headers
                } else {
                    Kind::Continuation
                };
                frame::write_header(FRAME_BYTES, kind, Flags::NONE, StreamId(1), out);
                out.resize(out.len() + FRAME_BYTES, REFERENCE);
            }
            Offence::HeaderCount => {
                let mut block = GET.to_vec();
                block.extend_from_slice(b"\x01/");
                block.resize(block.len() + 200, REFERENCE);
                head(id.0, Flags::END_HEADERS.and(Flags::END_STREAM), &block, out);
            }
        }
        true
    }
}

pub(super) fn settings(window: u32, out: &mut Vec<u8>) {
    frame::write_header(6, Kind::Settings, Flags::NONE, StreamId::CONNECTION, out);
    out.extend_from_slice(&INITIAL_WINDOW_SIZE.to_be_bytes());
    out.extend_from_slice(&window.to_be_bytes());
}

fn head(stream: u32, flags: Flags, block: &[u8], out: &mut Vec<u8>) {
    frame::write_header(block.len(), Kind::Headers, flags, StreamId(stream), out);
    out.extend_from_slice(block);
}

pub(super) fn ask(steering: &[u8; 6], stream: u32, end: bool, path: &str, out: &mut Vec<u8>) {
    let mut block = steering.to_vec();
    block.push(path.len() as u8);
    block.extend_from_slice(path.as_bytes());
    let flags = match end {
        true => Flags::END_HEADERS.and(Flags::END_STREAM),
        false => Flags::END_HEADERS,
    };
    head(stream, flags, &block, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringgate::http1::head::Head;
    use ringgate::http2::{Arrival, Desk, Fault, Limits, Room, Session};

    /// The requests that a session has seen of a client, and how the session judges it.
    fn meet(offence: Offence) -> (u32, Result<(), Fault>) {
        let limits = Limits {
            queued_controls: 200,
            ..Limits::default()
        };
        let mut session = Session::new(&limits, 0);
        let (mut room, mut head, mut out) = (Room::default(), Head::blank(), Vec::new());
        let mut bytes = Vec::new();
        offence.begin(&mut bytes);
        let (mut at, mut heads) = (0, 0);
        for n in 0.. {
            while at < bytes.len() {
                let mut desk = Desk {
                    limits: &limits,
                    seconds: 0,
                    room: &mut room,
                    out: &mut out,
                };
                let received = match session.receive(&bytes[at..], &mut head, &mut desk) {
                    Ok(received) => received,
                    Err(fault) => return (heads, Err(fault)),
                };
                at += received.used;
                heads += u32::from(matches!(received.arrival, Arrival::Head { .. }));
                assert!(
                    !matches!(received.arrival, Arrival::Needs(_)),
                    "whole frames"
                );
                // One that listens takes every answer.
                if !offence.is_deaf() {
                    session.flushed();
                }
            }
            bytes.clear();
            at = 0;
            if !offence.act(n, &mut bytes) {
                return (heads, Ok(()));
            }
        }
        unreachable!("acts end, or the session does")
    }

    #[test]
    fn each_offence_exceeds_the_budget_that_it_is_counted_under() {
        for offence in Offence::value_variants() {
            let (heads, met) = meet(*offence);
            match offence.ending() {
                Ending::Streams(count) => assert_eq!((heads, met), (count, Ok(())), "{offence:?}"),
                Ending::Itself => assert_eq!((heads, met), (0, Ok(()))),
                Ending::Connection => {
                    let fault = met.expect_err("it is ended");
                    let option = fault.budget.map(|budget| budget.option());
                    assert_eq!(option, Some(offence.option()), "{offence:?}: {fault}");
                    assert_eq!(fault.code, Offence::CODE);
                }
            }
        }
    }
}
