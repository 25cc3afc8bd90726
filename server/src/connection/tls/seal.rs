//! Queued answers become records in the moment in which they are sent, at most [`SEALED_AHEAD_BYTES`] ahead of
//! the socket; until then they can be taken back, and a client that reads slowly keeps no more than that
//! twice. The last records of a connection carry its end (close_notify), so that the client can tell an
//! answer that is whole from one that was cut (RFC 8446 section 6.1).
//!
//! Called by `write.rs` in the place of a plain send.

use super::{Phase, Tls};
use crate::connection::output::Output;
use crate::handler::Chunk;
use crate::tls::record::sizes::Tick;
use crate::tls::record::{Alert, Ended, KeyCache};

/// Bytes of answers that are sealed and not with the kernel.
const SEALED_AHEAD_BYTES: usize = 64 << 10;
/// Pieces that are sealed together: heads and small bodies are gathered in one already.
const PIECES_AT_ONCE: usize = 8;

impl Tls {
    /// The next records to be sent; None where there is nothing to send. `ends`: what is queued is the last
    /// that is sent.
    ///
    /// # Errors
    ///
    /// Nothing more can be sealed: the connection is to be broken.
    pub(in crate::connection) fn seal(
        &mut self,
        output: &mut Output,
        ends: bool,
        now: Tick,
        keys: &mut KeyCache,
        buffers: &mut Vec<Vec<u8>>,
    ) -> Result<Option<Chunk>, Ended> {
        let mut made = self.take_made();
        if let Phase::Open(session) = &mut self.phase {
            if made.capacity() == 0 && (output.queued > 0 || ends) {
                made = buffers.pop().unwrap_or_default();
            }
            if output.queued > 0 {
                session.begin_at(now);
            }
            let mut left = SEALED_AHEAD_BYTES;
            while output.queued > 0 && left > 0 {
                let mut pieces: [&[u8]; PIECES_AT_ONCE] = [&[]; PIECES_AT_ONCE];
                let mut taken = 0;
                for (place, piece) in pieces.iter_mut().zip(output.slices()) {
                    *place = &piece[..piece.len().min(left)];
                    taken += place.len();
                    left -= place.len();
                }
                session.seal(keys, &pieces, &mut made)?;
                output.consume(taken, buffers);
            }
            if ends && output.queued == 0 {
                session.seal_alert(keys, Alert::CLOSE_NOTIFY, &mut made);
                keys.forget(session);
                self.phase = Phase::Over;
            }
        }
        self.tidy();
        Ok((!made.is_empty()).then_some(Chunk::Vec(made)))
    }
}
