//! Messages for one WebSocket from outside of its calls: what waits in its line is sent when its core is rung up, and
//! further when the client has room.
//!
//! One task a core listens for the bell of all its WebSockets, once one of them has a line.
//! `handler/websocket_sender.rs` says what a line is.

use super::Lent;
use super::socket::Talking;
use crate::connection::OUTPUT_HIGH_BYTES;
use crate::connection::engine::Engine;
use crate::connection::key::{ConnectionKey, Speaker};
use crate::handler::{Bell, Hearing, Outgoing};
use crate::websocket::{Message, life};
use ringgate_runtime::Core;
use ringgate_runtime::task::Panic;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

/// WebSockets that are looked after in one turn of a core.
const LINES_PER_TURN_MAX: usize = 512;

/// The bell of a core, and for whom it was rung.
#[derive(Default)]
pub(super) struct Lines {
    bell: Option<Arc<Bell>>,
    due: Rc<RefCell<VecDeque<Speaker>>>,
}

impl Lines {
    pub(super) fn are_due(&self) -> bool {
        !self.due.borrow().is_empty()
    }

    /// The bell, with a task that listens for it and sets `outside`.
    fn bell(&mut self, core: &Rc<Core>, outside: &Rc<Cell<bool>>) -> Arc<Bell> {
        let due = &self.due;
        let bell = self.bell.get_or_insert_with(|| {
            let bell = Arc::new(Bell::default());
            let (heard, due, outside) = (bell.clone(), due.clone(), outside.clone());
            core.start(async move {
                loop {
                    let rung = poll_fn(|cx| heard.poll(cx)).await;
                    due.borrow_mut().extend(rung);
                    outside.set(true);
                }
            });
            bell
        });
        bell.clone()
    }
}

impl Talking {
    /// Sends what waits in the line, as far as there is room.
    fn speak(&mut self, lent: &mut Lent<'_>) -> Result<(), Panic> {
        self.guarded(lent, |talking, lent| {
            let queued = lent.output.queued - lent.output.tail.len();
            while queued + lent.output.tail.len() < OUTPUT_HIGH_BYTES
                && let Some(outgoing) = talking.line.as_ref().and_then(Hearing::take)
            {
                talking.say(&outgoing, lent);
            }
        })
    }

    fn say(&mut self, outgoing: &Outgoing, lent: &mut Lent<'_>) {
        let message = match outgoing {
            Outgoing::Text(text) => Message::Text(text),
            Outgoing::Binary(bytes) => Message::Binary(bytes),
            Outgoing::Close(code, reason) => {
                let event = life::Event::CloseWanted(*code);
                let out = &mut lent.output.tail;
                let _: life::Effect = self.conversation.on(event, reason, out);
                return;
            }
        };
        let tools = self.own.as_deref_mut().unwrap_or(lent.tools);
        let (deflater, out) = (&mut tools.deflater, &mut lent.output.tail);
        // What is over has no line any more.
        if self.conversation.send(message, Some(deflater), out).is_ok() {
            lent.sent += 1;
        }
    }
}

impl Engine {
    /// Nothing can be sent to this connection, or on its streams, from outside any more, unless something waits to
    /// be.
    pub(in crate::connection) fn closes_lines(&mut self, key: ConnectionKey) -> bool {
        let requests = self.upgrades.spoken_on(key);
        let mut of = vec![Speaker::Connection(key)];
        of.extend(requests.into_iter().map(Speaker::Stream));
        of.into_iter().all(|of| {
            let talking = self.talking(of);
            let line = talking.and_then(|talking| talking.line.as_ref());
            line.is_none_or(|line| line.close_if_empty())
        })
    }

    /// A WebSocket of this core has a line that does not lead here yet. Messages that wait in the line are sent.
    #[cold]
    pub(super) fn lead_line_here(&mut self, core: &Rc<Core>, of: Speaker) {
        let upgrades = &mut self.upgrades;
        let bell = upgrades.lines.bell(core, &upgrades.outside);
        let talking = self.talking(of);
        if let Some(line) = talking.and_then(|talking| talking.line.as_ref()) {
            line.arrive(&bell, of);
        }
        self.speak_further(core, of);
    }

    /// A WebSocket has room: more may wait in its line. The caller sends what is queued.
    #[inline]
    pub(super) fn speak_further(&mut self, core: &Rc<Core>, of: Speaker) {
        let talking = self.talking(of);
        let line = talking.and_then(|talking| talking.line.as_ref());
        if line.is_some_and(|line| line.owes()) {
            self.with_talking(core, of, Talking::speak);
        }
    }

    /// Sends to the WebSockets for which the bell was rung, as many as fit into this turn.
    pub(super) fn answer_bell(&mut self, core: &Rc<Core>) {
        for _ in 0..LINES_PER_TURN_MAX {
            let Some(of) = self.upgrades.lines.due.borrow_mut().pop_front() else {
                break;
            };
            // The seat may be another's by now.
            if self.is_here(of) {
                self.speak_further(core, of);
                self.settle_speaker(core, of);
            }
        }
    }
}
