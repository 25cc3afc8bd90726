//! A compressed message inflated, never beyond a bound (RFC 7692 section 7.2.2). Called by `message` when all
//! of a message is there: what is compressed is gathered first, so that connections can share an inflater.

use super::super::code::Fault;
use super::{TAIL, Terms};
use std::collections::VecDeque;
use zlib_rs::{Inflate, InflateFlush, Status};

/// Room for a message at first; doubled while it is not enough.
const ROOM_SIZE_BYTES: usize = 4 << 10;
/// Memory that is kept for the next message; what a larger one took is given back.
const KEPT_SIZE_BYTES: usize = 64 << 10;
/// Blocks that say they are the last one, and are not, in one message. Honest clients write one at most; each
/// costs as much as a window that is told anew.
const LAST_BLOCKS_MAX: u32 = 16;
/// The largest window: what was compressed with a smaller one is inflated as well.
const WINDOW_BITS: u8 = 15;
const WINDOW_SIZE_BYTES: usize = 1 << WINDOW_BITS;

/// A decompressor and the message that it inflated last. One a core serves all connections that keep no
/// context; one that keeps its context has its own. Holds no memory before it is used.
#[derive(Default)]
pub struct Inflater {
    state: Option<Box<Inflate>>,
    /// The message, and room behind it that is used again.
    room: Vec<u8>,
    /// The end of the messages before, as much as a window holds, if their client keeps its context.
    past: VecDeque<u8>,
}

impl Inflater {
    /// Inflates a message: `payload` are the bytes of all its frames.
    ///
    /// # Errors
    /// [`Fault::NotDeflate`], or [`Fault::MessageTooLarge`] as soon as one byte more than `size_max` comes
    /// out.
    pub fn inflate(
        &mut self,
        terms: Terms,
        payload: &[u8],
        size_max: usize,
    ) -> Result<&[u8], Fault> {
        let state = self.state.get_or_insert_with(|| Box::new(fresh()));
        if !terms.client_keeps {
            state.reset(false);
            self.past.clear();
        }
        if self.room.len() > KEPT_SIZE_BYTES {
            self.room = Vec::new();
        }
        let mut message = Message {
            room: &mut self.room,
            past: &self.past,
            len: 0,
            size_max,
            last_blocks: 0,
        };
        message.take_in(state, payload)?;
        message.take_in(state, &TAIL)?;
        let len = message.len;
        if terms.client_keeps {
            let end = end_of(&self.room[..len]);
            let excess = (self.past.len() + end.len()).saturating_sub(WINDOW_SIZE_BYTES);
            self.past.drain(..excess);
            self.past.extend(end);
        }
        Ok(&self.room[..len])
    }
}

/// A message while it is inflated.
struct Message<'a> {
    room: &'a mut Vec<u8>,
    past: &'a VecDeque<u8>,
    len: usize,
    size_max: usize,
    last_blocks: u32,
}

/// As much of the end of a message as a window holds.
fn end_of(message: &[u8]) -> &[u8] {
    &message[message.len().saturating_sub(WINDOW_SIZE_BYTES)..]
}

fn fresh() -> Inflate {
    Inflate::new(false, WINDOW_BITS)
}

impl Message<'_> {
    /// Inflates all of `part` behind what is there.
    fn take_in(&mut self, state: &mut Inflate, mut part: &[u8]) -> Result<(), Fault> {
        loop {
            if self.room.len() == self.len {
                self.room.resize((2 * self.len).max(ROOM_SIZE_BYTES), 0);
            }
            // One byte more than may come out, so that a message of just the bound is told from a larger one.
            let end = self.room.len().min(self.size_max.saturating_add(1));
            let (read, written) = (state.total_in(), state.total_out());
            let room = &mut self.room[self.len..end];
            let status = state.decompress(part, room, InflateFlush::SyncFlush);
            part = &part[(state.total_in() - read) as usize..];
            self.len += (state.total_out() - written) as usize;
            if self.len > self.size_max {
                return Err(Fault::MessageTooLarge);
            }
            match status.map_err(|_| Fault::NotDeflate)? {
                Status::StreamEnd => self.begin_again(state)?,
                // Room that is left over means that there was nothing more to take or to give.
                Status::Ok | Status::BufError if self.len < end => {
                    return match part.is_empty() {
                        true => Ok(()),
                        false => Err(Fault::NotDeflate),
                    };
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// RFC 7692 section 7.2.3.4: a block may say that it is the last one, and others follow. The window
    /// that they may refer to is kept.
    fn begin_again(&mut self, state: &mut Inflate) -> Result<(), Fault> {
        self.last_blocks += 1;
        if self.last_blocks > LAST_BLOCKS_MAX {
            return Err(Fault::NotDeflate);
        }
        state.reset(false);
        let end = end_of(&self.room[..self.len]);
        let known: Vec<u8> = self.past.iter().chain(end).copied().collect();
        if known.is_empty() {
            return Ok(());
        }
        let told = state.set_dictionary(end_of(&known));
        told.map(drop).map_err(|_| Fault::NotDeflate)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Deflater, WINDOW_BITS_MAX};
    use super::*;

    #[test]
    fn memory_is_doubled_while_a_message_needs_it_and_kept_up_to_a_bound() {
        let terms = Terms::forgetful(WINDOW_BITS_MAX);
        // Room of just the size of the message is not known to be enough before the next byte is asked for.
        for (length, room, kept) in [
            (0, 4 << 10, 4 << 10),
            (4095, 4 << 10, 4 << 10),
            (4096, 8 << 10, 8 << 10),
            (9000, 16 << 10, 16 << 10),
            (40_000, 64 << 10, 64 << 10),
            (65_535, 64 << 10, 64 << 10),
            (65_536, 128 << 10, 4 << 10),
            (1_000_000, 1 << 20, 4 << 10),
        ] {
            let mut inflater = Inflater::default();
            let mut deflater = Deflater::default();
            let payload = deflater.deflate(terms, &vec![7; length]);
            let inflated = inflater.inflate(terms, payload, 1 << 20);
            assert_eq!(inflated.map(<[u8]>::len), Ok(length));
            assert_eq!(inflater.room.len(), room, "{length}");
            let payload = deflater.deflate(terms, b"short");
            assert_eq!(inflater.inflate(terms, payload, 5), Ok(&b"short"[..]));
            assert_eq!(inflater.room.len(), kept, "after {length}");
            assert!(inflater.past.is_empty());
        }
    }

    #[test]
    fn no_more_of_the_past_is_kept_than_a_window_holds() {
        let terms = Terms {
            client_keeps: true,
            ..Terms::forgetful(WINDOW_BITS_MAX)
        };
        let mut inflater = Inflater::default();
        let mut deflater = Deflater::default();
        let mut said: Vec<u8> = Vec::new();
        for (number, length) in [1, 1000, 40_000, 0, 32_768, 7, 20_000, 20_000]
            .into_iter()
            .enumerate()
        {
            let message = vec![number as u8; length];
            let payload = deflater.deflate(terms, &message);
            assert_eq!(inflater.inflate(terms, payload, 1 << 20), Ok(&message[..]));
            said.extend(message);
            assert!(inflater.past.iter().eq(end_of(&said)), "{number}");
        }
        // One whose client keeps none leaves nothing of it.
        let forgetful = Terms::forgetful(WINDOW_BITS_MAX);
        let payload = deflater.deflate(forgetful, b"short");
        assert_eq!(inflater.inflate(forgetful, payload, 5), Ok(&b"short"[..]));
        assert!(inflater.past.is_empty());
    }
}
