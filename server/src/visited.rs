//! The cells of the state machines that were come to, so that simulations can say which they have never tried. Told by
//! whoever holds a state, where it changes; in builds without debug assertions nothing is kept, at no cost.

use crate::http1::exchange;
use crate::http2::{life, stream};
use crate::websocket::life as conversation;
use std::cell::RefCell;
use std::collections::HashSet;

/// A state and the event that came in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cell {
    /// Of a connection ([`crate::http1::exchange`]).
    Exchange(exchange::State, exchange::Event),
    /// Of a connection of HTTP/2 ([`crate::http2::life`]).
    Session(life::Phase, life::Event),
    /// Of a stream ([`crate::http2::stream`]).
    Stream(stream::State, stream::Event),
    /// Of a WebSocket ([`crate::websocket::life`]).
    Conversation(conversation::State, conversation::Event),
}

thread_local! {
    static CELLS: RefCell<HashSet<Cell>> = RefCell::default();
}

/// The event comes in the state.
#[inline(always)]
pub(crate) fn note(cell: Cell) {
    if cfg!(debug_assertions) {
        CELLS.with_borrow_mut(|cells| cells.insert(cell));
    }
}

/// Returns the cells of the state machines that this thread has come to since the last call, one a line: machine, state,
/// event. Builds without debug assertions keep none.
///
/// ```
/// use ringgate::{Router, config::Config, simulation::{Simulation, visited}};
///
/// let router = Router::new().get("/", |_| async { "hello" });
/// let mut simulation = Simulation::new(&Config::default(), router, 7);
/// let client = simulation.connect();
/// client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
/// simulation.run_until(|_| client.received().ends_with(b"hello"));
/// assert_eq!(visited().contains(&"exchange | Idle | BytesArrived".to_owned()), cfg!(debug_assertions));
/// ```
pub fn visited() -> Vec<String> {
    let line = |cell: Cell| match cell {
        Cell::Exchange(state, event) => format!("exchange | {state:?} | {event:?}"),
        Cell::Session(phase, event) => format!("session | {phase:?} | {event:?}"),
        Cell::Stream(state, event) => format!("stream | {state:?} | {event:?}"),
        Cell::Conversation(state, event) => format!("conversation | {state:?} | {event:?}"),
    };
    CELLS.take().into_iter().map(line).collect()
}
