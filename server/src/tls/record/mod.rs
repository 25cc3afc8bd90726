//! The records of a TLS connection after its handshake (RFC 8446 sections 4.6.3, 5, 6 and 7; RFC 5246
//! section 6 with the AEADs of RFC 5288 and RFC 7905): what a received record means, and how answers
//! become records. Called by the connection code with the [`Session`] of the connection and the
//! [`KeyCache`] of the core. Left to others: the handshake, gathering a record that comes in pieces,
//! sending, and when to close.
//!
//! In reading order:
//!
//! | module | decides |
//! |---|---|
//! | [`suite`] | lengths, algorithm and limits of each AEAD |
//! | [`alert`] | what is said to a peer, and why a connection is over |
//! | `way` | key, nonce and next generation of one direction |
//! | [`session`] | what one connection keeps |
//! | [`keys`] | which connections of a core have their keys expanded |
//! | [`open`] | what a received record means |
//! | `post` | what a handshake message means after the handshake |
//! | [`sizes`] | how long the next record is |
//! | [`records`] | where records are made |
//! | [`seal`] | how plaintext, alerts and KeyUpdates become records |
//! | [`carry`] | a session as bytes, for another process |
//!
//! Nothing here knows the socket: a record that is sealed must be sent, in the order of sealing.

pub mod suite;

pub mod alert;

mod way;

pub mod session;

pub mod keys;

pub mod open;

mod post;

pub mod sizes;

pub mod records;

pub mod seal;

pub mod carry;

pub use alert::{Alert, Ended, Fault, Reason};
pub use keys::KeyCache;
pub use open::Opened;
pub use records::Records;
pub use session::{Session, Traffic};
pub use suite::{Aead, Version};

/// Length of a record's header: type, version, length (RFC 8446 section 5.1).
pub const HEADER_SIZE_BYTES: usize = 5;
/// Length of the tag of all AEADs here.
pub const TAG_SIZE_BYTES: usize = 16;
/// Most plaintext in one record (RFC 8446 section 5.1).
pub const PLAIN_SIZE_BYTES_MAX: usize = 1 << 14;
/// Longest record of either version, header included (RFC 5246 section 6.2.3); what a caller that
/// gathers a record in pieces needs room for.
pub const RECORD_SIZE_BYTES_MAX: usize = HEADER_SIZE_BYTES + PLAIN_SIZE_BYTES_MAX + 2048;

/// Types of records (RFC 8446 section 5.1).
mod kind {
    pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(super) const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
    pub(super) const DATA: u8 = 23;
}
