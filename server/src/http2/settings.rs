//! The settings of both sides (RFC 9113 section 6.5): what a client's SETTINGS frame changes, and what this
//! side says of itself. Called by `session`, which acknowledges, and tells windows and HPACK what changed.

use super::budgets::Limits;
use super::code::{ErrorCode, Fault};
use super::frame::{
    self, Flags, Kind, NUMBER_MAX, PAYLOAD_SIZE_BYTES_LARGEST, PAYLOAD_SIZE_BYTES_MAX, StreamId,
};

const HEADER_TABLE_SIZE: u16 = 0x1;
const ENABLE_PUSH: u16 = 0x2;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
const MAX_FRAME_SIZE: u16 = 0x5;
const MAX_HEADER_LIST_SIZE: u16 = 0x6;
/// RFC 8441 section 3.
const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
/// RFC 9218 section 2.1.
const NO_RFC7540_PRIORITIES: u16 = 0x9;

/// The window that each stream and the connection begin with, in bytes.
pub const WINDOW_BYTES_INITIAL: u32 = 65_535;
/// The dynamic table that each side begins with, in bytes.
pub const TABLE_BYTES_INITIAL: u32 = 4096;

/// The settings of a client that bear on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of dynamic table that the client keeps for this side's field sections.
    pub header_table_size: u32,
    /// Bytes that may be sent on a new stream.
    pub initial_window_size: u32,
    /// Largest payload of a frame.
    pub max_frame_size: u32,
    /// Bytes of a field section that the client takes, as it says.
    pub max_header_list_size: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            header_table_size: TABLE_BYTES_INITIAL,
            initial_window_size: WINDOW_BYTES_INITIAL,
            max_frame_size: PAYLOAD_SIZE_BYTES_MAX as u32,
            max_header_list_size: u32::MAX,
        }
    }
}

impl Settings {
    /// Takes one SETTINGS frame in, value by value in order (section 6.5.3). `table_changed` is told each size
    /// of the table, since the smallest of several counts as well (RFC 7541 section 4.2).
    ///
    /// # Errors
    /// A value that its setting cannot have.
    pub fn apply(
        &mut self,
        payload: &[u8],
        mut table_changed: impl FnMut(u32),
    ) -> Result<(), Fault> {
        for setting in payload.chunks_exact(6) {
            let id = u16::from_be_bytes([setting[0], setting[1]]);
            let value = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
            match id {
                HEADER_TABLE_SIZE => {
                    self.header_table_size = value;
                    table_changed(value);
                }
                ENABLE_PUSH if value > 1 => {
                    return Err(Fault::protocol("SETTINGS_ENABLE_PUSH is neither 0 nor 1."));
                }
                INITIAL_WINDOW_SIZE if value > NUMBER_MAX => {
                    return Err(Fault::flow("SETTINGS_INITIAL_WINDOW_SIZE is too large."));
                }
                INITIAL_WINDOW_SIZE => self.initial_window_size = value,
                MAX_FRAME_SIZE => {
                    let may = PAYLOAD_SIZE_BYTES_MAX as u32..=PAYLOAD_SIZE_BYTES_LARGEST;
                    if !may.contains(&value) {
                        return Err(Fault::protocol(
                            "SETTINGS_MAX_FRAME_SIZE is not between 2^14 and 2^24-1.",
                        ));
                    }
                    self.max_frame_size = value;
                }
                MAX_HEADER_LIST_SIZE => self.max_header_list_size = value,
                // Only a server has something to say there; the values are held to their range all the same.
                ENABLE_CONNECT_PROTOCOL | NO_RFC7540_PRIORITIES if value > 1 => {
                    return Err(Fault::new(
                        ErrorCode::PROTOCOL_ERROR,
                        "A setting that is a switch is neither 0 nor 1.",
                    ));
                }
                // Nothing is pushed here. Section 6.5.2: what is unknown is ignored.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Appends the first frames of a server: its settings (section 3.4), and the rest of the connection's window,
/// which no setting can enlarge (section 6.9.2).
pub fn write_first(limits: &Limits, out: &mut Vec<u8>) {
    let at = out.len();
    frame::write_header(0, Kind::Settings, Flags::NONE, StreamId::CONNECTION, out);
    let mut say = |id: u16, value: u32, initially: Option<u32>| {
        if initially != Some(value) {
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&value.to_be_bytes());
        }
    };
    say(
        HEADER_TABLE_SIZE,
        limits.header_table_size,
        Some(TABLE_BYTES_INITIAL),
    );
    say(MAX_CONCURRENT_STREAMS, limits.streams, None);
    say(
        INITIAL_WINDOW_SIZE,
        limits.stream_window,
        Some(WINDOW_BYTES_INITIAL),
    );
    say(MAX_HEADER_LIST_SIZE, limits.header_list_size, None);
    let connect = u32::from(limits.extended_connect);
    say(ENABLE_CONNECT_PROTOCOL, connect, Some(0));
    say(NO_RFC7540_PRIORITIES, 1, None);
    frame::close(at, out);
    let more = limits
        .connection_window
        .saturating_sub(WINDOW_BYTES_INITIAL);
    if more > 0 {
        frame::write_window_update(StreamId::CONNECTION, more, out);
    }
}

/// Appends the acknowledgement of a client's settings.
pub fn write_ack(out: &mut Vec<u8>) {
    frame::write_header(0, Kind::Settings, Flags::ACK, StreamId::CONNECTION, out);
}
