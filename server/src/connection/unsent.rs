//! The body of an answer failed. The part of the answer that is still queued can be taken back: if
//! that is all of it, the client gets a 500 in its place; else only a cut tells it that the rest is
//! missing.
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
    /// more. Bytes leave in the order in which they came, so the last ones are those of this
    /// answer.
    pub(super) fn take_back(&mut self, count: usize) -> bool {
        if count > self.queued {
            return false;
        }
        self.queued -= count;
        let mut left = count;
        while left > 0 {
            let gathered = self.tail.len() - self.between.back().map_or(0, |last| last.at);
            let run = left.min(gathered);
            self.tail.truncate(self.tail.len() - run);
            left -= run;
            let Some(last) = self.between.back_mut().filter(|_| left > 0) else {
                break;
            };
            let rest = last.bytes.len().saturating_sub(left);
            left -= last.bytes.len() - rest;
            match rest {
                0 => drop(self.between.pop_back()),
                // Its front is another answer's.
                _ => {
                    let whole = std::mem::replace(&mut last.bytes, Chunk::Static(b""));
                    last.bytes = whole.into_bytes().slice(..rest).into();
                }
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

    /// Gathered bytes around and between two large pieces.
    fn output() -> Output {
        let mut output = Output::default();
        let buffers = &mut Vec::new();
        output.add_large(Chunk::Vec(b"first".to_vec()));
        output.write(buffers, b"middle");
        output.add_large(Chunk::Static(b"two"));
        output.write(buffers, b"tail");
        output
    }

    fn bytes(output: &Output) -> Vec<u8> {
        output.slices().collect::<Vec<_>>().concat()
    }

    #[test]
    fn any_number_of_bytes_is_taken_back_from_the_end() {
        let all = bytes(&output());
        for count in 0..=all.len() {
            let mut output = output();
            assert!(output.take_back(count), "{count}");
            assert_eq!(bytes(&output), all[..all.len() - count], "{count}");
            assert_eq!(output.queued, all.len() - count);
            output.write(&mut Vec::new(), b"more");
            let expected = [&all[..all.len() - count], b"more"].concat();
            assert_eq!(bytes(&output), expected, "{count}");
        }
    }

    #[test]
    fn what_was_sent_is_not_taken_back() {
        let mut output = output();
        output.consume(12, &mut Vec::new());
        assert!(!output.take_back(8));
        assert_eq!(bytes(&output), b"wotail");
    }
}
