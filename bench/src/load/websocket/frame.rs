//! Frames of WebSocket as a client has them (RFC 6455 section 5.2): headers and masks out, whole frames in.
//!
//! A small writing of its own: what measures a server, and judges it, does not use the server's. The tests
//! hold it to that one all the same.

/// Longest frame that is taken from a server.
const PAYLOAD_BYTES_MAX: u64 = 1 << 30;
/// Longest payload of a control frame (section 5.5).
const CONTROL_BYTES_MAX: u8 = 125;

/// The kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }
}

/// A frame of a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: Opcode,
    /// Whether it ends its message.
    pub(crate) fin: bool,
    pub(crate) payload: &'a [u8],
    /// Length of the frame in bytes, header and payload.
    pub(crate) size: usize,
}

/// Reads the frame at the front of `bytes`. None if it is not whole yet.
///
/// # Errors
/// A frame that a server must not send, as text.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    let Some(&[first, second]) = bytes.first_chunk::<2>() else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err("a frame with a reserved bit: no extension was agreed on");
    }
    let opcode = Opcode::of(first & 0x0f).ok_or("a frame of a reserved kind")?;
    if second & 0x80 != 0 {
        return Err("a masked frame: only a client masks (RFC 6455 section 5.1)");
    }
    let (length, header) = match second {
        126 => match bytes[2..].first_chunk::<2>() {
            None => return Ok(None),
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
        },
        127 => match bytes[2..].first_chunk::<8>() {
            None => return Ok(None),
            Some(length) => (u64::from_be_bytes(*length), 10),
        },
        short => (u64::from(short), 2),
    };
    let fin = first & 0x80 != 0;
    if opcode.is_control() && (!fin || second > CONTROL_BYTES_MAX) {
        return Err("a control frame that is in pieces or longer than 125 bytes");
    }
    if length > PAYLOAD_BYTES_MAX {
        return Err("a frame longer than 1 GiB");
    }
    let size = header + length as usize;
    Ok(bytes.get(header..size).map(|payload| Frame {
        opcode,
        fin,
        payload,
        size,
    }))
}

/// Appends the header of a whole message, or of a control frame, with `length` bytes behind it.
pub(crate) fn append_header(opcode: Opcode, length: usize, mask: [u8; 4], out: &mut Vec<u8>) {
    let first = 0x80 | opcode as u8;
    if length < 126 {
        out.extend_from_slice(&[first, 0x80 | length as u8]);
    } else if let Ok(length) = u16::try_from(length) {
        out.extend_from_slice(&[first, 0x80 | 126]);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.extend_from_slice(&[first, 0x80 | 127]);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(&mask);
}

/// Masks `payload` (RFC 6455 section 5.3).
pub(crate) fn mask(mask: [u8; 4], payload: &mut [u8]) {
    let wide: [u8; 32] = std::array::from_fn(|at| mask[at % 4]);
    for step in payload.chunks_mut(wide.len()) {
        for (byte, mask) in step.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
}

/// Appends a whole frame.
pub(crate) fn append(opcode: Opcode, payload: &[u8], mask_with: [u8; 4], out: &mut Vec<u8>) {
    append_header(opcode, payload.len(), mask_with, out);
    let at = out.len();
    out.extend_from_slice(payload);
    mask(mask_with, &mut out[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringgate::websocket::frame::{Header, Opcode as Theirs};

    #[test]
    fn a_frame_of_the_server_is_read_when_it_is_whole_and_not_before() {
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let mut bytes = Vec::new();
            Header::of_server(Theirs::Binary, size).write(&mut bytes);
            bytes.extend((0..size).map(|at| at as u8));
            bytes.push(b'!');
            let frame = read(&bytes).expect("no fault").expect("whole");
            assert_eq!((frame.opcode, frame.fin), (Opcode::Binary, true));
            assert_eq!((frame.payload.len(), frame.size), (size, bytes.len() - 1));
            for cut in [0, 1, 2, frame.size - 1] {
                if cut < frame.size {
                    assert_eq!(read(&bytes[..cut]), Ok(None), "{size} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_named() {
        for (bytes, name) in [
            ([0xc1, 0], "reserved bit"),
            ([0x83, 0], "reserved kind"),
            ([0x81, 0x80], "masked"),
            ([0x09, 0], "control frame"),
            ([0x89, 126], "control frame"),
        ] {
            let mut bytes = bytes.to_vec();
            bytes.extend([0; 16]);
            let fault = read(&bytes).expect_err(name);
            assert!(fault.contains(name), "{fault}");
        }
    }
}
