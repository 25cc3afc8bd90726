//! WebSocket as pure rooms (RFC 6455, RFC 7692, RFC 8441): bytes come in as slices, bytes to send go out into
//! a buffer, and time is an argument. Called by the connection code, which owns sockets, buffers and timers.
//! Deliberately absent: I/O, threads, locks, futures, and a client.
//!
//! A conversation is plain data of 24 bytes ([`Conversation`]): what a message half received needs lies in a
//! box, and is gone with it. So an idle one can be parked, handed to another core, or encoded for another
//! process. A message in one frame is unmasked and delivered where it was received.
//!
//! In reading order:
//!
//! | module | decides |
//! |---|---|
//! | [`handshake`] | whether a request becomes a WebSocket, and on which terms |
//! | [`frame`] | what a header means |
//! | [`mask`] | the mask over what clients send |
//! | [`utf8`] | whether text that comes in pieces is UTF-8 |
//! | [`code`] | what is said to a peer, and why a conversation failed |
//! | [`limits`] | bounds on what a client sends |
//! | [`deflate`] | compression |
//! | `message` | how fragments become a message |
//! | [`life`] | the life of a conversation, from handshake to close |
//! | [`conversation`] | what received bytes mean, and what is answered to them |
//! | [`writer`] | how messages become frames, for one receiver or for many |
//! | [`carry`] | an idle conversation as bytes, for another process |

pub mod handshake;

pub mod frame;

pub mod mask;

pub mod utf8;

pub mod code;

pub mod limits;

pub mod deflate;

mod message;

pub mod life;

pub mod conversation;

pub mod writer;

pub mod carry;

pub use code::{CloseCode, Fault};
pub use conversation::{Arrival, Conversation, Desk, Received, SendError};
pub use limits::{Delivery, Limits};
pub use message::{Kind, Part};
pub use writer::{Broadcast, Message};
