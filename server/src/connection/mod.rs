//! The way of a connection in one straight line, one file a step:
//!
//! [`accept`] > [`read`] > [`admit`] (which calls the handler) > [`answer`] > [`write`] > [`close`]
//!
//! Nearly every request takes the middle of it in one go ([`straight`]). [`wait`] keeps requests that find no
//! slot, and [`watch`] notices clients that go away while nothing is read from them.
//!
//! Between requests a connection is plain data ([`table::Connection`]): a descriptor, unread bytes,
//! a state of two bytes ([`crate::http1::exchange`]), deadlines and counters. That is why it can be
//! moved to another core ([`transfer`], a bounded number a turn: [`moves`]) and costs a few hundred bytes while it idles. A future
//! exists only while its handler runs.
//!
//! A connection of HTTP/2, or one that a request made a WebSocket or a tunnel of, is the same plain data with one state
//! more, and [`upgraded`] has what it needs besides.
//!
//! The [`Engine`] of a core owns its connections and is the owner of events of its ring. This
//! folder decides what to submit; [`crate::http1`] and [`crate::admission`] decide what it means.

mod accept;
mod accept_error;
mod access;
mod admit;
mod answer;
mod arrival;
mod callers;
mod close;
mod core_field;
mod cpu_wait;
mod deadlines;
mod engine;
mod exchanges;
mod headroom;
mod help;
mod key;
mod listener;
mod long_poll;
mod look;
mod moves;
mod output;
mod packing;
mod pause;
mod proxied;
mod rate;
mod read;
mod retune;
mod seen;
mod settings;
mod share;
mod sockets;
mod stall;
mod step;
mod straight;
mod stream;
mod table;
mod tls;
mod transfer;
mod transport;
mod unsent;
mod upgraded;
mod wait;
mod watch;
mod wire;
mod write;

pub(crate) use accept_error::AcceptError;
pub(crate) use engine::{Attention, Engine, EngineParts, Finished, Message, Post, Report};
pub(crate) use headroom::Headroom;
pub(crate) use key::{Candidate, ConnectionKey, ExchangeKey, Speaker};
pub(crate) use listener::{Fresh, ListenerId, ListenerSeat, Socket};
pub(crate) use pause::ACCEPT_BURST;
pub(crate) use settings::Settings;
pub(crate) use sockets::Sockets;
pub(crate) use transfer::Parcel;
pub(crate) use upgraded::Calls;
pub(crate) use upgraded::Feed;

/// Received bytes of a body that may wait for their handler before receiving pauses.
pub(crate) const BODY_QUEUE_HIGH_BYTES: usize = 256 << 10;
/// Receiving goes on when so many or fewer wait.
pub(crate) const BODY_QUEUE_LOW_BYTES: usize = 64 << 10;
/// Unread bytes of later requests that may wait before receiving pauses.
pub(crate) const UNREAD_HIGH_BYTES: usize = 64 << 10;
/// Bytes of answers that may wait to be sent before no further request of a batch is read.
pub(crate) const OUTPUT_HIGH_BYTES: usize = 64 << 10;
/// Bytes of a stream's pieces that may be unsent before its next piece is asked for: what a client costs
/// that takes its answer slowly, and one piece at least.
pub(crate) const STREAM_AHEAD_BYTES: usize = 32 << 10;
/// Bodies up to this size are copied behind their head, which costs less than a place of their own in the send that
/// carries both.
pub(crate) const BODY_COPIED_MAX_BYTES: usize = 4 << 10;
/// Bytes of payload in one place from which on a frame refers to them: fewer are copied, which costs less than a place
/// of their own in a send.
pub(crate) const BODY_SHARED_MIN_BYTES: usize = 4 << 10;
/// Bytes of one send at most: where progress within a send cannot be seen ([`stall`]), its deadline
/// still means something.
pub(crate) const SEND_MAX_BYTES: usize = 512 << 10;
/// An unread rest of a body up to this size is read and thrown away to keep the connection.
pub(crate) const DISCARD_MAX_BYTES: u64 = 64 << 10;

/// Bytes of a body of unknown length that are read and thrown away to keep the connection.
pub(crate) const DISCARDED_TO_KEEP_MAX_BYTES: u64 = 1 << 20;

const _: () = assert!(BODY_QUEUE_LOW_BYTES < BODY_QUEUE_HIGH_BYTES);
const _: () = assert!(BODY_COPIED_MAX_BYTES < OUTPUT_HIGH_BYTES);
