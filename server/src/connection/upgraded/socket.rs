//! A WebSocket on its core: received bytes become messages for the application, and its answers bytes of the
//! connection's output, all of a turn in one send.
//!
//! A frame that lies in the receive buffer as a whole is unmasked and delivered there. While much waits to be sent,
//! nothing is read: a client that sends and takes nothing is held back by its own window.

use super::Tools;
use super::carry::{CarriedSocket, Ready, STATE_SIZE_BYTES_MAX};
use super::feeds::Feed;
use crate::connection::OUTPUT_HIGH_BYTES;
use crate::connection::output::Output;
use crate::connection::table::Unread;
use crate::handler::{Begun, Ended, Hearing, OnMessage, Socket, SocketTerms};
use crate::http1::upgraded::Phase;
use crate::websocket::life::{self, State};
use crate::websocket::{Arrival, Conversation, Desk, Fault, Limits, Message};
use ringgate_runtime::task::{Panic, catch_panic};
use std::panic::resume_unwind;
use std::sync::Arc;

/// Room for all that a WebSocket takes on its way to another process beside its name and its state.
const PACKED_SIZE_BYTES: usize = 128;
/// The code of a Close without one, to applications (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

/// A WebSocket and its application's end.
pub(in crate::connection) struct Talking {
    pub(super) conversation: Conversation,
    /// None once it was told of the end.
    end: Option<Box<dyn OnMessage>>,
    terms: Arc<SocketTerms>,
    protocol: Option<u8>,
    /// The contexts that are kept from one message to the next, where that was agreed on.
    pub(super) own: Option<Box<Tools>>,
    /// The hub that it follows.
    pub(super) feed: Option<Box<Feed>>,
    /// The line by which messages come from outside of its calls.
    pub(super) line: Option<Hearing>,
}

const _: () = assert!(size_of::<Talking>() <= 80, "each idle WebSocket keeps one");

/// The things that a core lends to a WebSocket of its.
pub(super) struct Lent<'l> {
    pub(super) unread: &'l mut Unread,
    pub(super) output: &'l mut Output,
    pub(super) buffers: &'l mut Vec<Vec<u8>>,
    pub(super) tools: &'l mut Tools,
    /// The server's bounds on what clients send.
    pub(super) limits: &'l Limits,
    /// The time in seconds.
    pub(super) seconds: u32,
    pub(super) core: u32,
    /// Messages received and sent.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The rule that the client broke.
    pub(super) fault: Option<Fault>,
    /// Whether the time of the client begins anew: it said something other than the rest of a message, or was asked.
    pub(super) anew: bool,
}

impl Talking {
    pub(super) fn new(begun: Begun) -> Talking {
        let keeps = begun.compression.is_some_and(|terms| terms.keeps_context());
        Talking {
            conversation: Conversation::new(begun.compression),
            end: Some(begun.end),
            terms: begun.terms,
            protocol: begun.protocol,
            own: keeps.then(Box::default),
            feed: None,
            line: None,
        }
    }

    /// A WebSocket that comes from elsewhere.
    pub(super) fn of(conversation: Conversation, ready: Ready) -> Talking {
        Talking {
            conversation,
            end: ready.end,
            terms: ready.terms,
            protocol: ready.protocol,
            own: None,
            feed: ready.feed,
            line: ready.line,
        }
    }

    /// The WebSocket as it goes elsewhere.
    pub(super) fn into_carried(mut self) -> CarriedSocket {
        if let Some(feed) = &mut self.feed {
            feed.unlist();
        }
        if let Some(line) = &self.line {
            line.leave();
        }
        let ready = Ready {
            end: self.end,
            terms: self.terms,
            protocol: self.protocol,
            feed: self.feed,
            line: self.line,
        };
        CarriedSocket::new(self.conversation, ready)
    }

    /// Whether it is between two messages, with nothing owed.
    pub(super) fn is_idle(&self) -> bool {
        self.conversation.is_idle()
    }

    /// Whether it can go to another core, or to another process, once it is idle.
    pub(super) fn may_move(&self, leaves_process: bool) -> bool {
        self.own.is_none() && (!leaves_process || self.packed_size().is_some())
    }

    /// Whether it can go now, with nothing owed in either direction.
    pub(super) fn rests(&self) -> bool {
        self.is_idle() && self.own.is_none() && !self.owes()
    }

    /// The bytes that it takes on its way to another process; None if it cannot go there.
    pub(super) fn packed_size(&self) -> Option<usize> {
        let name = self.terms.name.as_ref()?;
        let end = self.end.as_ref()?;
        let state = catch_panic(|| end.hand_over()).ok()??;
        let is_small = state.len() <= STATE_SIZE_BYTES_MAX;
        is_small.then_some(name.len() + state.len() + PACKED_SIZE_BYTES)
    }

    /// Where the conversation stands; None once it sends nothing more and nothing that comes matters.
    #[inline]
    pub(super) fn stands(&self) -> Option<Phase> {
        match (self.conversation.state(), self.conversation.deadline(false)) {
            (State::Open, Some(life::Deadline::Pong)) => Some(Phase::Asked),
            (State::Open, Some(life::Deadline::Message)) => Some(Phase::InMessage),
            (State::Open, _) if self.owes() => Some(Phase::Owing),
            (State::Open, _) => Some(Phase::Open),
            (State::Closing, _) => Some(Phase::Closing),
            (State::Leaving | State::Ended | State::Lingering | State::Closed, _) => None,
        }
    }

    /// Whether more is to be sent as soon as the client has taken what was sent.
    #[inline]
    fn owes(&self) -> bool {
        self.feed.as_ref().is_some_and(|feed| feed.owes())
            || self.line.as_ref().is_some_and(|line| line.owes())
    }

    /// Tells the application that its end is on this core now.
    pub(super) fn arrive(&mut self, lent: &mut Lent<'_>) -> Result<(), Panic> {
        self.guarded(lent, |talking, lent| {
            talking.call(lent, |end, socket| end.arrived(socket));
        })
    }

    /// Tells the conversation what happened; the application as well, if a rule of its client's ends it.
    pub(super) fn tell(
        &mut self,
        event: life::Event,
        reason: &str,
        lent: &mut Lent<'_>,
    ) -> Result<(), Panic> {
        self.guarded(lent, |talking, lent| {
            let _: life::Effect = talking
                .conversation
                .on(event, reason, &mut lent.output.tail);
            lent.anew |= event == life::Event::DeadlinePassed(life::Deadline::Quiet);
            if event == life::Event::DeadlinePassed(life::Deadline::Message) {
                let fault = Fault::MessageStalled;
                lent.fault = Some(fault);
                end_guarded(&mut talking.end, &broken_by(fault));
            }
        })
    }

    /// Reads the frames that are there, as long as their answers find room.
    #[inline]
    pub(super) fn read(&mut self, lent: &mut Lent<'_>) -> Result<(), Panic> {
        self.guarded(lent, Talking::read_frames)
    }

    /// Tells the application of the end, if it has not been told.
    ///
    /// # Errors
    /// The panic of the application.
    pub(super) fn closed(&mut self, ended: &Ended<'_>) -> Result<(), Panic> {
        tell_end(&mut self.end, ended)
    }

    /// Runs what may write to the output or call the application: what was written counts as queued, and after a
    /// panic the client is told Close with 1011 and the application is asked no more.
    #[inline]
    pub(super) fn guarded(
        &mut self,
        lent: &mut Lent<'_>,
        act: impl FnOnce(&mut Talking, &mut Lent<'_>),
    ) -> Result<(), Panic> {
        lent.output.gather(lent.buffers);
        let before = lent.output.tail.len();
        let done = catch_panic(|| act(self, lent));
        if done.is_err() {
            self.fail(lent);
        }
        if !self.conversation.may_send() {
            self.line = None;
        }
        lent.output.queued += lent.output.tail.len() - before;
        lent.output.give_back_unused(lent.buffers);
        done
    }

    #[cold]
    fn fail(&mut self, lent: &mut Lent<'_>) {
        let event = life::Event::CloseWanted(crate::websocket::CloseCode::INTERNAL);
        let reason = "the server failed";
        let _: life::Effect = self.conversation.on(event, reason, &mut lent.output.tail);
        // Its memory may be in any state; nothing of it is run again but its drop, which may panic for that.
        let end = self.end.take();
        // The panic before it is the one that is told; the panic hook tells of this one.
        let _ = catch_panic(|| drop(end));
        *lent.unread = Unread::None;
    }

    fn read_frames(&mut self, lent: &mut Lent<'_>) {
        let limits = self.terms.limits(lent.limits);
        let Talking {
            conversation,
            end,
            terms,
            protocol,
            own,
            feed,
            line,
        } = self;
        let Tools { inflater, deflater } = own.as_deref_mut().unwrap_or(lent.tools);
        let output = &mut *lent.output;
        let queued = output.queued - output.tail.len();
        while queued + output.tail.len() < OUTPUT_HIGH_BYTES {
            let Some(bytes) = lent.unread.as_mut_slice() else {
                return;
            };
            let mut desk = Desk {
                limits: &limits,
                seconds: lent.seconds,
                out: &mut output.tail,
            };
            let goes_on = conversation.is_in_message();
            let is_news = conversation.is_news(bytes);
            let received = conversation.receive(bytes, inflater, &mut desk);
            lent.anew |= is_news && !(goes_on && conversation.is_in_message());
            let received = match received {
                Ok(received) => received,
                Err(fault) => {
                    lent.fault = Some(fault);
                    end_guarded(end, &broken_by(fault));
                    continue;
                }
            };
            let message = match &received.arrival {
                Arrival::Text(text) => Some(Message::Text(text)),
                Arrival::Binary(bytes) => Some(Message::Binary(bytes)),
                Arrival::Needs(_) => return,
                Arrival::Close(code, reason) => {
                    let ended = Ended {
                        code: code.map_or(NO_CODE, |code| code.number()),
                        reason,
                        fault: None,
                    };
                    end_guarded(end, &ended);
                    None
                }
                Arrival::Nothing | Arrival::Part(_) | Arrival::Ping(_) | Arrival::Pong(_) => None,
            };
            if let (Some(message), Some(end)) = (message, end.as_mut()) {
                let mut socket = Socket {
                    conversation,
                    deflater,
                    out: &mut output.tail,
                    terms,
                    protocol: *protocol,
                    queued,
                    sent: 0,
                    core: lent.core,
                    feed,
                    line,
                };
                end.message(&mut socket, message);
                lent.sent += socket.sent;
                lent.received += 1;
            }
            let used = received.used;
            lent.unread.skip(used);
        }
    }

    fn call(&mut self, lent: &mut Lent<'_>, act: impl FnOnce(&mut dyn OnMessage, &mut Socket<'_>)) {
        let Some(end) = self.end.as_mut() else {
            return;
        };
        let tools = self.own.as_deref_mut().unwrap_or(lent.tools);
        let queued = lent.output.queued - lent.output.tail.len();
        let mut socket = Socket {
            conversation: &mut self.conversation,
            deflater: &mut tools.deflater,
            out: &mut lent.output.tail,
            terms: &self.terms,
            protocol: self.protocol,
            queued,
            sent: 0,
            core: lent.core,
            feed: &mut self.feed,
            line: &mut self.line,
        };
        act(&mut **end, &mut socket);
        lent.sent += socket.sent;
    }
}

/// The end that a broken rule makes.
fn broken_by(fault: Fault) -> Ended<'static> {
    Ended {
        code: fault.code().number(),
        reason: "",
        fault: Some(fault),
    }
}

/// Tells the application of the end, if it has not been told, inside of what is guarded.
fn end_guarded(end: &mut Option<Box<dyn OnMessage>>, ended: &Ended<'_>) {
    if let Err(panic) = tell_end(end, ended) {
        resume_unwind(panic.into_inner());
    }
}

fn tell_end(end: &mut Option<Box<dyn OnMessage>>, ended: &Ended<'_>) -> Result<(), Panic> {
    let Some(mut end) = end.take() else {
        return Ok(());
    };
    let told = catch_panic(|| end.closed(ended));
    // Not while a panic of it unwinds, where a second one ends the process.
    let dropped = catch_panic(|| drop(end));
    told.and(dropped)
}
