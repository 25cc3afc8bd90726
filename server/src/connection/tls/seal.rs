//! Queued answers become records in the moment in which they are sent, at most [`SEALED_AHEAD_BYTES`] ahead of
//! the socket; until then they can be taken back, and a client that reads slowly keeps no more than that
//! twice. The last records of a connection carry its end (close_notify), so that the client can tell an
//! answer that is whole from one that was cut (RFC 8446 section 6.1).
//!
//! Called by `write.rs` in the place of a plain send.

use super::{Phase, Tls};
use crate::connection::output::{BUFFER_KEPT_MAX_BYTES, Output, keep_buffer};
use crate::handler::Chunk;
use crate::tls::record::sizes::Tick;
use crate::tls::record::{Alert, Ended, KeyCache, Records};

/// Bytes of answers that are sealed and not with the kernel.
const SEALED_AHEAD_BYTES: usize = 64 << 10;
/// An end that is no longer than this goes along: alone it would cost a send more.
const SEALED_END_BYTES: usize = 4 << 10;
/// Memory of long answers that is kept a core: what a turn of busy connections uses, 1.1 MB.
const MEMORY_KEPT: usize = 16;
/// Longest memory that is kept: more than is ever sealed at once.
const MEMORY_KEPT_MAX_BYTES: usize = SEALED_AHEAD_BYTES + 2 * SEALED_END_BYTES;
/// Pieces that are sealed together: heads and small bodies are gathered in one already.
const PIECES_AT_ONCE: usize = 16;

/// The memory that the sealing of a core keeps from one connection to the next.
#[derive(Default)]
pub(in crate::connection) struct Sealing {
    /// The expanded keys of connections that are busy.
    pub(super) keys: KeyCache,
    /// Memory that held records of long answers, whose bytes are left as they are.
    memory: Vec<Vec<u8>>,
}

impl Sealing {
    /// Memory for the records of so many bytes.
    fn memory_for(&mut self, length: usize, buffers: &mut Vec<Vec<u8>>) -> Records {
        let kept = match length + SEALED_END_BYTES > BUFFER_KEPT_MAX_BYTES {
            true => self.memory.pop(),
            false => buffers.pop(),
        };
        Records::over(kept.unwrap_or_default())
    }

    /// Keeps the memory of records that were sent, if it can serve again.
    pub(in crate::connection) fn keep(&mut self, sent: Chunk, buffers: &mut Vec<Vec<u8>>) {
        match sent {
            Chunk::Vec(bytes) if bytes.capacity() > BUFFER_KEPT_MAX_BYTES => {
                if bytes.capacity() <= MEMORY_KEPT_MAX_BYTES && self.memory.len() < MEMORY_KEPT {
                    self.memory.push(bytes);
                }
            }
            short => keep_buffer(short, buffers),
        }
    }
}

impl Tls {
    /// The next records to be sent; None where there is nothing to send. `ends`: what is queued is the last
    /// that is sent.
    ///
    /// # Errors
    ///
    /// Nothing more can be sealed: the connection is to be broken. The records before wait to be sent.
    pub(in crate::connection) fn seal(
        &mut self,
        output: &mut Output,
        ends: bool,
        now: Tick,
        sealing: &mut Sealing,
        buffers: &mut Vec<Vec<u8>>,
    ) -> Result<Option<Chunk>, Ended> {
        let mut made = Records::behind(self.take_made());
        if let Phase::Open(session) = &mut self.phase {
            let mut left = match output.queued {
                queued if queued <= SEALED_AHEAD_BYTES + SEALED_END_BYTES => queued,
                _ => SEALED_AHEAD_BYTES,
            };
            if made.is_empty() && (left > 0 || ends) {
                made = sealing.memory_for(left, buffers);
            }
            let keys = &mut sealing.keys;
            if left > 0 {
                session.begin_at(now);
            }
            while left > 0 {
                let mut pieces: [&[u8]; PIECES_AT_ONCE] = [&[]; PIECES_AT_ONCE];
                let mut taken = 0;
                for (place, piece) in pieces.iter_mut().zip(output.slices()) {
                    *place = &piece[..piece.len().min(left)];
                    taken += place.len();
                    left -= place.len();
                }
                if let Err(ended) = session.seal(keys, &pieces, &mut made) {
                    self.rest().made = made.into_vec();
                    return Err(ended);
                }
                output.consume(taken, buffers);
            }
            self.has_cut = output.queued > 0;
            if ends && output.queued == 0 {
                session.seal_alert(keys, Alert::CLOSE_NOTIFY, &mut made);
                keys.forget(session);
                self.phase = Phase::Over;
            }
        }
        self.tidy();
        Ok((!made.is_empty()).then(|| Chunk::Vec(made.into_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::record::{Aead, Opened, Session};

    /// A connection that does not rest, and its client's side.
    fn ends() -> (Tls, Session) {
        let session = |receiving: u8, sending: u8| {
            Session::from_secrets(Aead::Aes128Gcm, &[receiving; 32], &[sending; 32])
                .expect("secrets of this length")
        };
        let tls = Tls {
            phase: Phase::Open(session(1, 2)),
            ..Tls::default()
        };
        (tls, session(2, 1))
    }

    fn output(head: usize, body: usize) -> Output {
        let mut output = Output::default();
        output.write(&mut Vec::new(), &vec![b'h'; head]);
        output.add_large(Chunk::Vec(vec![b'b'; body]));
        output
    }

    fn seal(tls: &mut Tls, output: &mut Output, sealing: &mut Sealing) -> Vec<u8> {
        let sealed = tls.seal(output, false, Tick::default(), sealing, &mut Vec::new());
        match sealed.expect("the key is fresh") {
            Some(Chunk::Vec(records)) => records,
            other => panic!("nothing was sealed: {other:?}"),
        }
    }

    fn opened(client: &mut Session, records: &mut [u8]) -> Vec<u8> {
        let (mut keys, mut data, mut at) = (KeyCache::default(), Vec::new(), 0);
        while at < records.len() {
            let Ok(Opened::Data { plain, used }) = client.open(&mut keys, &mut records[at..])
            else {
                panic!("a record that does not open");
            };
            data.extend_from_slice(&records[at..][plain]);
            at += used;
        }
        data
    }

    #[test]
    fn an_answer_that_is_a_little_too_long_leaves_at_once_and_a_longer_one_in_parts() {
        let (mut tls, mut client) = ends();
        let mut sealing = Sealing::default();
        let mut short = output(120, SEALED_AHEAD_BYTES);
        let mut records = seal(&mut tls, &mut short, &mut sealing);
        assert_eq!(short.queued, 0);
        let expected = [vec![b'h'; 120], vec![b'b'; SEALED_AHEAD_BYTES]].concat();
        assert_eq!(opened(&mut client, &mut records), expected);

        let mut long = output(120, SEALED_AHEAD_BYTES + SEALED_END_BYTES);
        let mut records = seal(&mut tls, &mut long, &mut sealing);
        assert_eq!(long.queued, 120 + SEALED_END_BYTES);
        let data = opened(&mut client, &mut records);
        assert_eq!(data.len(), SEALED_AHEAD_BYTES);
    }

    #[test]
    fn memory_of_a_long_answer_serves_the_next_and_nothing_of_before_is_left_in_it() {
        let (mut tls, mut client) = ends();
        let mut sealing = Sealing::default();
        let mut places = Vec::new();
        for length in [60_000, 30_000, SEALED_AHEAD_BYTES] {
            let mut records = seal(&mut tls, &mut output(100, length), &mut sealing);
            places.push(records.as_ptr());
            assert_eq!(opened(&mut client, &mut records).len(), 100 + length);
            sealing.keep(Chunk::Vec(records), &mut Vec::new());
        }
        assert_eq!(places[0], places[1]);
        for _ in 0..2 * MEMORY_KEPT {
            let mut tls = ends().0;
            let records = seal(&mut tls, &mut output(0, 50_000), &mut Sealing::default());
            sealing.keep(Chunk::Vec(records), &mut Vec::new());
        }
        assert_eq!(sealing.memory.len(), MEMORY_KEPT);
        let giant = Chunk::Vec(Vec::with_capacity(MEMORY_KEPT_MAX_BYTES + 1));
        sealing.memory.clear();
        sealing.keep(giant, &mut Vec::new());
        assert!(sealing.memory.is_empty());
    }

    #[test]
    fn short_answers_leave_the_memory_of_long_ones_alone() {
        let (mut tls, _) = ends();
        let mut sealing = Sealing::default();
        let long = seal(&mut tls, &mut output(0, 50_000), &mut sealing);
        sealing.keep(Chunk::Vec(long), &mut Vec::new());
        let mut buffers = vec![Vec::with_capacity(512)];
        let mut short = Output::default();
        short.write(&mut Vec::new(), b"hello");
        let sealed = tls.seal(
            &mut short,
            false,
            Tick::default(),
            &mut sealing,
            &mut buffers,
        );
        let records = sealed.expect("sealed").expect("records");
        assert_eq!(
            (sealing.memory.len(), buffers.len()),
            (1, 1),
            "its own came back"
        );
        sealing.keep(records, &mut buffers);
        assert_eq!((sealing.memory.len(), buffers.len()), (1, 2));
    }
}
