//! The header of a frame (RFC 6455 section 5.2), read from the front of a slice and written to an output.
//! Called by `conversation` and `writer`; by clients in tests too, hence both sides. Left to others: the
//! payload, and what a frame means among its neighbours.

use super::code::Fault;

/// Longest header: two bytes, a length of eight, a mask.
pub const HEADER_SIZE_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (section 5.5).
pub const CONTROL_SIZE_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// The kind of a frame (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0,
    /// A text message, or its first fragment.
    Text = 1,
    /// A binary message, or its first fragment.
    Binary = 2,
    /// The sender sends nothing after it.
    Close = 8,
    /// The peer is to answer with a Pong.
    Ping = 9,
    /// The answer to a Ping, or a heartbeat that nobody asked for.
    Pong = 10,
}

impl Opcode {
    const fn of(bits: u8) -> Option<Opcode> {
        match bits {
            0 => Some(Opcode::Continuation),
            1 => Some(Opcode::Text),
            2 => Some(Opcode::Binary),
            8 => Some(Opcode::Close),
            9 => Some(Opcode::Ping),
            10 => Some(Opcode::Pong),
            _ => None,
        }
    }

    /// Whether frames of this kind control the conversation (section 5.5).
    pub const fn is_control(self) -> bool {
        match self {
            Opcode::Continuation | Opcode::Text | Opcode::Binary => false,
            Opcode::Close | Opcode::Ping | Opcode::Pong => true,
        }
    }
}

/// An end of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that connected; masks all that it sends (section 5.3).
    Client,
    /// The end that accepted; masks nothing (section 5.1).
    Server,
}

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether the frame ends its message.
    pub fin: bool,
    /// Whether the message is compressed (RSV1; RFC 7692 section 6).
    pub compressed: bool,
    /// Kind of the frame.
    pub opcode: Opcode,
    /// The mask of the payload; None for a frame of a server.
    pub mask: Option<[u8; 4]>,
    /// Length of the payload in bytes; below 2^63.
    pub length: u64,
}

/// Reads the header at the front of `bytes`, sent by `sender`, and says how long it is. None if it is not
/// whole yet.
///
/// `may_compress`: whether permessage-deflate was agreed on.
///
/// # Errors
/// As soon as the bytes at hand show it, whatever would follow: the front of a header is refused for the
/// same fault as the whole.
#[inline]
pub fn read(
    bytes: &[u8],
    sender: Side,
    may_compress: bool,
) -> Result<Option<(Header, usize)>, Fault> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    let (opcode, compressed) = read_first(first, may_compress)?;
    let Some(&second) = bytes.get(1) else {
        return Ok(None);
    };
    let short = second & !MASKED;
    match (sender, second & MASKED != 0) {
        (Side::Client, false) => return Err(Fault::Unmasked),
        (Side::Server, true) => return Err(Fault::Masked),
        (Side::Client, true) | (Side::Server, false) => {}
    }
    if opcode.is_control() && short as usize > CONTROL_SIZE_BYTES_MAX {
        return Err(Fault::ControlTooLong);
    }
    let Some((length, mut size)) = read_length(bytes, short)? else {
        return Ok(None);
    };
    let mask = match sender {
        Side::Server => None,
        Side::Client => {
            let Some(mask) = bytes[size..].first_chunk::<4>() else {
                return Ok(None);
            };
            size += mask.len();
            Some(*mask)
        }
    };
    let header = Header {
        fin: first & FIN != 0,
        compressed,
        opcode,
        mask,
        length,
    };
    Ok(Some((header, size)))
}

/// Kind of the frame that begins with this byte, and whether it says that its message is compressed.
#[inline]
fn read_first(first: u8, may_compress: bool) -> Result<(Opcode, bool), Fault> {
    if first & RSV2_RSV3 != 0 {
        return Err(Fault::ReservedBit);
    }
    let opcode = Opcode::of(first & 0x0f).ok_or(Fault::ReservedOpcode)?;
    let compressed = first & RSV1 != 0;
    // RFC 7692 section 6: only the first frame of a message has the bit, and no control frame.
    let may_compress = may_compress && matches!(opcode, Opcode::Text | Opcode::Binary);
    if compressed && !may_compress {
        return Err(Fault::ReservedBit);
    }
    if opcode.is_control() && first & FIN == 0 {
        return Err(Fault::ControlFragmented);
    }
    Ok((opcode, compressed))
}

/// The length, whose first seven bits are `short`, and the bytes of header up to its end.
#[inline]
fn read_length(bytes: &[u8], short: u8) -> Result<Option<(u64, usize)>, Fault> {
    let (length, size, least) = match short {
        LENGTH_16 => {
            let Some(&[high, low]) = bytes[2..].first_chunk::<2>() else {
                return Ok(None);
            };
            let length = u64::from(u16::from_be_bytes([high, low]));
            (length, 4, u64::from(LENGTH_16))
        }
        LENGTH_64 => {
            let Some(length) = bytes[2..].first_chunk::<8>() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*length), 10, 1 << 16)
        }
        _ => (u64::from(short), 2, 0),
    };
    if length > i64::MAX as u64 {
        return Err(Fault::LengthOverflow);
    }
    match length < least {
        true => Err(Fault::LengthNotMinimal),
        false => Ok(Some((length, size))),
    }
}

impl Header {
    /// A whole message, or a control frame, of a server.
    pub const fn of_server(opcode: Opcode, length: usize) -> Header {
        Header {
            fin: true,
            compressed: false,
            opcode,
            mask: None,
            length: length as u64,
        }
    }

    /// Appends the header to `out`, its length in the fewest bytes.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        let first = self.opcode as u8 | bit(FIN, self.fin) | bit(RSV1, self.compressed);
        let masked = bit(MASKED, self.mask.is_some());
        let length = self.length;
        if length < u64::from(LENGTH_16) {
            out.extend_from_slice(&[first, masked | length as u8]);
        } else if let Ok(length) = u16::try_from(length) {
            let [high, low] = length.to_be_bytes();
            out.extend_from_slice(&[first, masked | LENGTH_16, high, low]);
        } else {
            out.extend_from_slice(&[first, masked | LENGTH_64]);
            out.extend_from_slice(&length.to_be_bytes());
        }
        if let Some(mask) = self.mask {
            out.extend_from_slice(&mask);
        }
    }
}

const fn bit(bit: u8, is_set: bool) -> u8 {
    match is_set {
        true => bit,
        false => 0,
    }
}
