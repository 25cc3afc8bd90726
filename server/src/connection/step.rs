//! The switchboard: each event of a connection goes to its conversation ([`super::wire`]), and what
//! that demands is performed here and nowhere else ([`Engine::perform`]). Every event ends in
//! [`Engine::settle`], which sends what is queued and sets the deadline in force.
//!
//! Called by all files of this folder. What an effect takes is done by the file of its step.

use super::close::Ending;
use super::engine::{Course, Engine};
use super::key::ConnectionKey;
use super::table::Connection;
use crate::http::exchange::{Effect, Event, State};
use crate::http::refusal::Refusal;
use ringgate_runtime::Core;
use std::rc::Rc;

/// Whether the unread bytes may be looked at again at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The unread bytes may be looked at again.
    Again,
    /// More has to come or to happen first.
    Done,
}

impl Engine {
    /// Something happened: the state changes, and what that demands is done.
    #[inline(never)]
    pub(super) fn on(&mut self, core: &Rc<Core>, key: ConnectionKey, event: Event) -> Reading {
        let Some(connection) = self.table.get(key) else {
            return Reading::Done;
        };
        let effect = connection.wire.on(event);
        self.perform(core, key, effect)
    }

    /// A message cannot be served as it stands, for this reason.
    pub(super) fn refuse(&mut self, core: &Rc<Core>, key: ConnectionKey, refusal: Refusal) {
        // Beside the event, which travels in a register.
        self.refusal = Some(refusal);
        self.on(core, key, Event::Refused);
        self.refusal = None;
    }

    /// Does what the conversation demands. Only [`Event::BytesArrived`] has effects after which
    /// reading may go on.
    #[inline(always)] // For the two effects of nearly every request.
    pub(super) fn perform(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        effect: Effect,
    ) -> Reading {
        match effect {
            Effect::Nothing => Reading::Done,
            Effect::ReadHead => self.read_heads(core, key),
            other => self.perform_other(core, key, other),
        }
    }

    #[inline(never)]
    fn perform_other(&mut self, core: &Rc<Core>, key: ConnectionKey, effect: Effect) -> Reading {
        match effect {
            Effect::Nothing => return Reading::Done,
            Effect::ReadHead => return self.read_heads(core, key),
            Effect::ReadBody => return self.read_body(core, key),
            Effect::DiscardBody => return self.discard_body(core, key),
            Effect::Discard => return self.discard(core, key),
            Effect::Admit => self.admit(core, key),
            Effect::AnswerRefusal => self.write_refusal(core, key),
            Effect::AnswerError(status) => self.write_error(core, key, status),
            Effect::TurnAway => self.write_turned_away(core, key),
            Effect::SetAside => self.set_aside(key),
            Effect::NextRequest => self.next_request(core, key),
            Effect::Linger => self.linger(core, key),
            Effect::Close => self.close_when_flushed(core, key),
            Effect::Release => self.release(core, key),
            Effect::Abort => self.abort(core, key),
            Effect::Impossible => debug_assert!(false, "the conversation says so itself"),
        }
        Reading::Done
    }

    /// The request is over: on to the next, or to the end.
    fn next_request(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.finish_exchange(core, key, Ending::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if !connection.unread.is_empty() {
            return;
        }
        if connection.eof {
            self.on(core, key, Event::PeerEof);
        } else {
            self.follow_course(core, key);
        }
    }

    /// Everything queued is with the kernel: on to what comes next.
    pub(super) fn on_flushed(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.settle_answers(core, key, Ending::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.idle_since = core.now();
        let unread = !connection.unread.is_empty();
        self.on(core, key, Event::Flushed { unread });
        if self.is_behind(key) {
            self.advance(core, key);
            self.regulate(core, key);
        }
        if self.course != Course::Serving && self.state_of(key) == Some(State::Head) {
            // Its unsent bytes kept it here.
            self.follow_course(core, key);
        }
    }

    /// Every event of a connection ends here: what is queued goes out, and the deadline in force
    /// is set.
    #[inline]
    pub(super) fn settle(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.exchange.is_none() {
            connection.flush(core, key);
            if !connection.is_out() {
                return connection.set_deadline(core, key, &self.settings);
            }
        }
        self.settle_all(core, key);
    }

    /// As [`Engine::settle`], for connections with an exchange, and at the end of an answer or of
    /// the connection.
    #[inline(never)]
    fn settle_all(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.flush_all(core, key);
        // The end of a stream of known length adds no byte: if it is told after the last byte went
        // out, no send is left whose completion would lead on.
        let is_out = self.table.get(key).is_some_and(|c| c.is_out());
        if is_out && self.state_of(key) != Some(State::Closed) {
            self.on_flushed(core, key);
            self.flush_all(core, key);
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        match connection.wire.state() {
            State::Closed => self.close_when_quiet(core, key),
            _ => connection.set_deadline(core, key, &self.settings),
        }
    }

    /// Where the conversation on a connection stands.
    #[inline]
    pub(super) fn state_of(&mut self, key: ConnectionKey) -> Option<State> {
        Some(self.table.get(key)?.wire.state())
    }

    fn flush_all(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.take_stream(core, key);
        if let Some(connection) = self.table.get(key) {
            connection.flush(core, key);
        }
    }
}

impl Connection {
    /// Whether all that was to be sent before the next step is out, so that nothing that is in
    /// flight will lead on.
    #[inline]
    fn is_out(&self) -> bool {
        match self.wire.state() {
            State::Writing(_) | State::WritingUnread(_) | State::Closing => {
                self.output.is_flushed()
            }
            State::Closed => true,
            _ => false,
        }
    }
}
