//! The body of an answer failed. What of the answer is still queued can be taken back: if that is all
//! of it, the client gets a 500 in its place; else only a cut tells it that the rest is missing.
//!
//! Called by [`super::write`] when a stream ends in an error. Deliberately not here: a wait for the
//! first piece before the head goes out; a stream may think for long, and its client wants to know.

use super::engine::Engine;
use super::exchanges::Streaming;
use super::key::ConnectionKey;
use super::output::Output;
use crate::handler::Chunk;
use crate::http1::exchange::Event;
use ringgate_runtime::Core;
use std::rc::Rc;

impl Output {
    /// Takes the last `count` bytes back; false, and nothing done, if some of them are not here any
    /// more. What is sent in between is nobody else's: bytes leave in the order in which they came.
    pub(super) fn take_back(&mut self, count: usize) -> bool {
        if count > self.queued {
            return false;
        }
        self.queued -= count;
        let mut left = count - self.tail.len().min(count);
        self.tail.truncate(self.tail.len() - (count - left));
        while left > 0
            && let Some(piece) = self.pieces.pop_back()
        {
            match piece {
                // Gathered bytes may begin with another answer's.
                Chunk::Vec(mut bytes) if bytes.len() > left => {
                    bytes.truncate(bytes.len() - left);
                    left = 0;
                    self.pieces.push_back(Chunk::Vec(bytes));
                }
                whole => left = left.saturating_sub(whole.len()),
            }
        }
        true
    }
}

impl Engine {
    /// The stream of an answer failed.
    pub(super) fn stream_failed(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        streaming: &Streaming,
        reason: &str,
    ) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let unsent = connection.output.take_back(streaming.queued);
        let consequence = match unsent {
            true => "its request is answered with 500",
            false => "its connection is cut",
        };
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            "stream",
            error = reason,
            consequence,
            "the body of an answer failed"
        );
        if !unsent {
            self.stats.answer(&self.routes, streaming.tally);
        }
        self.because(Some("failed-answer"));
        self.on(core, key, Event::AnswerFailed { taken_back: unsent });
        self.because(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        let mut output = Output {
            tail: b"tail".to_vec(),
            queued: 12,
            ..Output::default()
        };
        output.pieces.push_back(Chunk::Vec(b"first".to_vec()));
        output.pieces.push_back(Chunk::Static(b"two"));
        output
    }

    fn bytes(output: &Output) -> Vec<u8> {
        let pieces = output.pieces.iter().flat_map(|piece| piece.iter());
        pieces.chain(&output.tail).copied().collect()
    }

    #[test]
    fn any_number_of_bytes_is_taken_back_from_the_end() {
        let all = bytes(&output());
        for count in [0, 1, 4, 7, 8, 10, 12] {
            let mut output = output();
            assert!(output.take_back(count), "{count}");
            assert_eq!(bytes(&output), all[..all.len() - count], "{count}");
            assert_eq!(output.queued, all.len() - count);
        }
    }

    #[test]
    fn what_was_sent_is_not_taken_back() {
        let mut output = output();
        let piece = output.pieces.pop_front();
        output.queued -= piece.map_or(0, |piece| piece.len());
        assert!(!output.take_back(8));
        assert_eq!(bytes(&output), b"twotail");
    }
}
