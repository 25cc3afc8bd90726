//! Since when something is waited for, and what happens when that is too long. Asked by the connection code,
//! which knows how long each may take, and has the timer. Left to it: the time that a client has to take what
//! was sent, which is the socket's.

use super::super::budgets::Budget;
use super::super::code::{ErrorCode, Fault};
use super::super::frame::StreamId;
use super::super::life::{Event, Phase};
use super::super::stream::{self, Effect, State};
use super::streams::Stream;
use super::{Desk, End, Session, told};

/// A time limit that may be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// From the beginning to the end of the preface.
    Preface,
    /// From the first frame of a field section to its last.
    Block,
    /// Without payload of a request whose body is awaited.
    Body,
    /// Without room for payload that is ready.
    Stall,
    /// From the first GOAWAY to the answer of the PING that goes with it.
    Drain,
    /// Without a stream, to the first GOAWAY.
    Idle,
}

impl Deadline {
    /// All.
    pub const ALL: [Deadline; 6] = [
        Deadline::Preface,
        Deadline::Block,
        Deadline::Body,
        Deadline::Stall,
        Deadline::Drain,
        Deadline::Idle,
    ];
}

const NO_PREFACE: Fault = Fault::protocol("The preface did not come in time.");
const NO_END: Fault = Fault::protocol("A field section did not end in time.");
const NO_BODY: Fault = Fault::new(ErrorCode::CANCEL, "The body did not come in time.");

impl Session {
    /// The second since which this is waited for, of whatever has been waited for longest; None if the limit is
    /// not in force.
    pub fn since(&self, deadline: Deadline) -> Option<u32> {
        let is_over = self.phase == Phase::Over;
        match deadline {
            _ if is_over => None,
            Deadline::Preface => (self.phase == Phase::Preface).then_some(self.since),
            Deadline::Block => self.block.as_ref().map(|half| half.since),
            Deadline::Body | Deadline::Stall => self
                .streams
                .iter()
                .filter_map(|stream| self.waits_since(stream, deadline))
                .reduce(earlier),
            Deadline::Drain => (self.phase == Phase::Announced).then_some(self.announced),
            Deadline::Idle => {
                let is_open = self.phase == Phase::Open;
                (is_open && self.streams.is_empty()).then_some(self.since)
            }
        }
    }

    /// Whether the windows allow the client to send more on this stream, if that is open.
    pub fn may_be_sent(&self, stream: StreamId) -> bool {
        let found = self.streams.get(stream);
        found.is_some_and(|stream| self.has_room_for(stream))
    }

    fn has_room_for(&self, stream: &Stream) -> bool {
        stream.receive.left() > 0 && self.receive.left() > 0
    }

    /// The second since which a stream waits for the client.
    fn waits_since(&self, stream: &Stream, deadline: Deadline) -> Option<u32> {
        match deadline {
            Deadline::Body => {
                (owes_body(stream) && self.has_room_for(stream)).then_some(stream.body_since)
            }
            Deadline::Stall => {
                let pending = stream.pending.as_deref()?;
                match (pending.size, stream.send.room(), self.send.room()) {
                    (0, _, _) => None,
                    (_, 0, _) => Some(stream.room_since),
                    // The turn of this one may not have come while there was room.
                    (_, _, 0) => Some(later(stream.room_since, self.moved)),
                    (_, _, _) => None,
                }
            }
            Deadline::Preface | Deadline::Block | Deadline::Drain | Deadline::Idle => None,
        }
    }

    /// The client has room again on a connection that had none: its time for each body goes on where it stood. To begin it
    /// anew would let a client that uses the window up at times be silent on all other streams.
    #[cold]
    pub(super) fn put_bodies_off(&mut self, seconds: u32) {
        let without_room = seconds.wrapping_sub(self.used_up);
        for stream in self.streams.iter_mut().filter(|stream| owes_body(stream)) {
            // One that came meanwhile has waited for less.
            stream.body_since = earlier(stream.body_since.wrapping_add(without_room), seconds);
        }
    }

    /// Bytes that the client sent from the second `from` on may not be received yet: all that is waited for has the time since
    /// then once more.
    #[cold]
    pub fn give_time_back(&mut self, from: u32, now: u32) {
        for stream in self.streams.iter_mut() {
            stream.room_since = put_off(stream.room_since, from, now);
            stream.body_since = put_off(stream.body_since, from, now);
        }
        if let Some(half) = &mut self.block {
            half.since = put_off(half.since, from, now);
        }
        self.announced = put_off(self.announced, from, now);
    }

    /// Gives up: what was waited for since `since` or longer is waited for no more. Streams that end by that are put into
    /// `ended`.
    ///
    /// # Errors
    /// The connection ends, as in [`Session::receive`].
    pub fn overdue(
        &mut self,
        deadline: Deadline,
        since: u32,
        desk: &mut Desk<'_>,
        ended: &mut Vec<(StreamId, End)>,
    ) -> Result<(), Fault> {
        let is_due = |from: u32| since.wrapping_sub(from) < u32::MAX / 2;
        if !self.since(deadline).is_some_and(is_due) {
            return Ok(());
        }
        let fault = match deadline {
            Deadline::Preface => NO_PREFACE,
            Deadline::Block => NO_END,
            Deadline::Drain => {
                self.step(Event::Heard, desk.out);
                return Ok(());
            }
            Deadline::Idle => {
                self.announce(Event::Idle, desk.seconds, desk.out);
                return Ok(());
            }
            Deadline::Body | Deadline::Stall => {
                let late = self
                    .streams
                    .iter()
                    .filter(|stream| self.waits_since(stream, deadline).is_some_and(is_due));
                let late: Vec<_> = late.map(|stream| stream.id).collect();
                for stream in late {
                    self.end_late(stream, deadline, desk, ended);
                }
                return Ok(());
            }
        };
        self.fail(fault, desk);
        Err(fault)
    }

    fn end_late(
        &mut self,
        stream: StreamId,
        deadline: Deadline,
        desk: &mut Desk<'_>,
        ended: &mut Vec<(StreamId, End)>,
    ) {
        let fault = match deadline {
            Deadline::Stall => Fault::calm(Budget::StallTimeout),
            _ => NO_BODY,
        };
        let (_, effect) = told(self.state_of(stream), stream::Event::Overdue);
        match effect {
            Effect::ResetQuietly => {
                self.reset_with(stream, ErrorCode::NO_ERROR, desk.seconds, desk.out);
            }
            _ => {
                debug_assert_eq!(effect, Effect::Reset);
                self.reset_with(stream, fault.code, desk.seconds, desk.out);
                ended.push((stream, End::Broken(fault)));
            }
        }
    }
}

/// Whether more of a body is awaited. A client that hears the answer already may be silent for as long as it likes, as
/// in gRPC, and so may one that waits for `100 Continue`; one whose answer is complete may not.
fn owes_body(stream: &Stream) -> bool {
    match stream.state {
        State::Open => !(stream.is_answered || stream.is_tunnel || stream.awaits_continue),
        State::HalfClosedLocal => true,
        State::Idle | State::HalfClosedRemote | State::Ended | State::Reset => false,
    }
}

/// The second since which something is waited for, if the time from `from` to `now` does not count, nor a part of a second.
pub(crate) fn put_off(since: u32, from: u32, now: u32) -> u32 {
    earlier(since.wrapping_add(now.wrapping_sub(from) + 1), now)
}

/// The earlier of two seconds, on a count that may have begun anew.
fn earlier(a: u32, b: u32) -> u32 {
    match b.wrapping_sub(a) < u32::MAX / 2 {
        true => a,
        false => b,
    }
}

/// The later of the same.
fn later(a: u32, b: u32) -> u32 {
    match earlier(a, b) == a {
        true => b,
        false => a,
    }
}
