//! The messages of a run: numbered, stamped with their time, and the same bytes otherwise.
//!
//! A connection appends them as masked frames and reads them back out of what comes. Where a message
//! belongs is the ledger's affair. No clock here: nanoseconds are arguments.

use crate::load::websocket::frame::{self, Opcode};

/// Bytes of the stamp at the front of each message: 8 digits of its sender, 8 of its number and 12 of its
/// time, all hexadecimal, so that text is text.
pub(super) const STAMP_BYTES: usize = 28;

/// The front of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Number of the connection that sent it.
    pub(super) sender: u32,
    /// How many messages that connection sent before.
    pub(super) number: u32,
    /// When it was sent or due, in nanoseconds from the start of the run; 78 hours at most.
    pub(super) at: u64,
}

/// The bytes that the messages of a run have in common.
#[derive(Debug)]
pub(super) struct Template {
    opcode: Opcode,
    /// A whole payload, its stamp still empty.
    payload: Vec<u8>,
}

impl Template {
    /// The template of messages of `size` bytes, at least [`STAMP_BYTES`].
    pub(super) fn new(opcode: Opcode, size: usize) -> Self {
        // 251 is prime: a payload that is shifted or swapped by any power of two differs.
        let payload = (0..size.max(STAMP_BYTES))
            .map(|at| b' ' + (at % 251 % 95) as u8)
            .collect();
        Self { opcode, payload }
    }

    /// Appends a message to `out` as one frame.
    pub(super) fn append(&self, stamp: Stamp, mask: [u8; 4], out: &mut Vec<u8>) {
        frame::append_header(self.opcode, self.payload.len(), mask, out);
        let at = out.len();
        out.extend_from_slice(&self.payload);
        let payload = &mut out[at..];
        payload[..8].copy_from_slice(&digits(stamp.sender));
        payload[8..16].copy_from_slice(&digits(stamp.number));
        payload[16..20].copy_from_slice(&digits((stamp.at >> 32) as u32)[4..]);
        payload[20..28].copy_from_slice(&digits(stamp.at as u32));
        frame::mask(mask, payload);
    }

    /// The stamp of a message that came. None if its bytes or its kind are not those that were sent.
    pub(super) fn read(&self, opcode: Opcode, payload: &[u8]) -> Option<Stamp> {
        let (stamp, rest) = payload.split_at_checked(STAMP_BYTES)?;
        if opcode != self.opcode || rest != &self.payload[STAMP_BYTES..] {
            return None;
        }
        Some(Stamp {
            sender: number(&stamp[..8])?,
            number: number(&stamp[8..16])?,
            at: u64::from(number(&stamp[16..20])?) << 32 | u64::from(number(&stamp[20..])?),
        })
    }
}

/// `number` as 8 hexadecimal digits.
fn digits(number: u32) -> [u8; 8] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (28 - 4 * at) & 15) as usize])
}

/// The number that these digits write.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringgate::websocket::frame::{Opcode as Theirs, Side, read};

    #[test]
    fn a_message_is_a_frame_that_the_server_reads_and_its_echo_is_recognised() {
        for size in [28, 29, 64, 125, 126, 65_535, 65_536] {
            let template = Template::new(Opcode::Text, size);
            let stamp = Stamp {
                sender: 7,
                number: u32::MAX,
                at: 0xabcd_0123_4567,
            };
            let mut frame = Vec::new();
            template.append(stamp, [1, 2, 3, 250], &mut frame);
            let (header, used) = read(&frame, Side::Client, false)
                .expect("no fault")
                .expect("a whole header");
            assert!(header.fin && header.opcode == Theirs::Text);
            assert_eq!(header.length, size as u64);
            let mut payload = frame[used..].to_vec();
            ringgate::websocket::mask::apply(header.mask.expect("a mask"), 0, &mut payload);
            assert!(payload.is_ascii());
            assert_eq!(template.read(Opcode::Text, &payload), Some(stamp));
            assert_eq!(template.read(Opcode::Binary, &payload), None);
            for at in [0, size - 1] {
                let mut other = payload.clone();
                other[at] = b'!';
                // A message of stamp alone has no byte behind it that could be wrong.
                assert_ne!(
                    template.read(Opcode::Text, &other),
                    Some(stamp),
                    "{size} {at}"
                );
            }
            assert_eq!(template.read(Opcode::Text, &payload[..size - 1]), None);
        }
    }
}
