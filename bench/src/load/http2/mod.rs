//! HTTP/2 in place of HTTP/1.1 (RFC 9113, RFC 7541): with prior knowledge on a plain connection, or chosen by the
//! server over TLS. Every stream is accounted for; the worker and the buckets are those of any load.
//!
//! Frames and HPACK are read and written by the product's own rooms, which its tests hold to the `h2` crate;
//! what a client makes of them is here. A request that the server says it did nothing for is sent again, and
//! counted as such; nothing else is.
//!
//! Reading order: `options`, `request` (fields out), `head` (fields in), `client` (one connection, without I/O),
//! `receive` (what comes on it), `slot` (its socket), `tally`; `once` (a connection with one request).

mod client;
mod head;
pub(crate) mod once;
mod options;
mod receive;
mod request;
mod slot;
mod tally;

pub use options::Http2Options;
pub(crate) use options::check;
pub(crate) use request::Blocks;
pub(crate) use slot::Slot;
pub use tally::Http2Report;
pub(crate) use tally::Http2Tally;

/// The name of the protocol over TLS (RFC 9113 section 3.1).
pub(crate) const PROTOCOL: &[u8] = b"h2";
