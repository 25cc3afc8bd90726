//! HTTP/2 as pure rooms (RFC 9113, RFC 7541, RFC 9218, RFC 8441): bytes come in as slices, bytes to send go out
//! into a buffer, and time is an argument. Called by the connection code, which owns sockets, buffers and
//! timers. Deliberately absent: I/O, threads, locks, futures, and a client.
//!
//! In reading order:
//!
//! | module | decides |
//! |---|---|
//! | [`code`] | why a stream or a connection ends |
//! | [`budgets`] | how much a client may ask for |
//! | [`frame`] | what the bytes of a frame mean |
//! | [`settings`] | the settings of both sides |
//! | [`field`] | which kind of field a name makes |
//! | [`hpack`] | what a block of field lines says, and how one is written |
//! | [`head`] | what the fields of a request mean together, and the form that handlers see |
//! | [`stream`] | the life of a stream |
//! | [`flow`] | how many bytes may still be sent and received |
//! | [`priority`] | which stream the client wants first |
//! | [`queue`] | which stream sends next |
//! | [`life`] | the life of a connection, from preface to end |
//! | [`session`] | what received bytes mean, and what is sent |
//! | [`carry`] | a session without streams as bytes, for another process |

pub mod code;

pub mod budgets;

pub mod frame;

pub mod settings;

pub mod field;

pub mod hpack;

pub mod head;

pub mod stream;

pub mod flow;

pub mod priority;

pub mod queue;

pub mod life;

pub mod session;

pub mod carry;

pub use budgets::{Budget, Limits};
pub use code::{Breach, ErrorCode, Fault};
pub use frame::StreamId;
pub use session::{Answer, Arrival, Desk, End, Gone, Payload, Received, Room, Session};
