//! A place for a connection, as the worker sees it: what it asks of one, whatever protocol is spoken there, and
//! what it is told in return.

use std::io::{self, ErrorKind};
use std::time::Instant;

use mio::Token;

use crate::load::shared::Shared;
use crate::load::tally::Outcome;

/// The action that the worker has to take for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Effect {
    /// Nothing: an event or the timeout brings it on.
    Wait,
    /// Nothing is outstanding: it may take the next request.
    Free,
    /// The same, but after a pause: the connection could not be made, and asking again at once
    /// would only spin. Also for a connect that has to be tried again.
    Pause,
    /// There may be more to read, without a further event.
    ReadMore,
}

/// One connection at a time, and the requests that are outstanding on it.
pub(crate) trait Place {
    /// A place without a connection, whose events bear `token`.
    fn new(token: Token) -> Self;

    /// Whether requests are outstanding.
    fn is_busy(&self) -> bool;

    /// Whether a socket is still open.
    fn has_stream(&self) -> bool;

    /// The worker has taken the place out of those that are free: how many requests it may add.
    fn take_up(&mut self, shared: &Shared<'_>) -> usize;

    /// A pause is over and nothing is outstanding: whether the worker may count the place as free.
    fn is_let_go(&mut self) -> bool;

    /// Adds a request that counts from `since`; [`Place::send`] then sends all that were added.
    fn add(&mut self, shared: &mut Shared<'_>, since: Instant);

    /// Connects if need be, and writes what the socket takes.
    fn send(&mut self, shared: &mut Shared<'_>) -> Effect;

    /// The socket reported something: writes what waits, then reads. `ended` says that the event
    /// announced the end of the stream, so that a short read is not taken for "no more".
    fn on_event(&mut self, shared: &mut Shared<'_>, readable: bool, ended: bool) -> Effect;

    /// Reads what there is, gives every answer found its outcome, and says what TLS wants to be said.
    fn receive(&mut self, shared: &mut Shared<'_>, ended: bool) -> Effect;

    /// Gives up what has waited longer than the timeout.
    fn expire(&mut self, shared: &mut Shared<'_>, now: Instant) -> Effect;

    /// The run is over: says so to the server, so that its end of stream, or an answer nobody asked
    /// for, can be awaited.
    fn settle(&mut self, shared: &mut Shared<'_>);
}

/// How a failed connect is counted (connect(2)).
pub(crate) fn connect_outcome(error: &io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Outcome::Refused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Outcome::Reset,
        ErrorKind::TimedOut => Outcome::Timeout,
        _ => Outcome::Local,
    }
}
