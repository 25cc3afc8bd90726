//! TLS as pure rooms: bytes come in as slices, bytes to send go out into a buffer, and time is an
//! argument. Called by the connection code, which owns sockets, buffers and timers. Deliberately
//! absent: I/O, threads, locks, reading of files, 0-RTT.
//!
//! A connection has two halves. A library does the handshake ([`handshake`]); behind its last record
//! the library is gone, and what remains is plain data ([`record::Session`], 224 bytes) that can be
//! parked, handed to another core, or encoded for another process.
//!
//! In reading order:
//!
//! | module | decides |
//! |---|---|
//! | [`record`] | what the records of an established connection mean, and how answers become records |
//! | [`handshake`] | how a connection is established; the one module that knows rustls |
//! | [`facts`] | what was agreed on, for handlers |
//! | [`identity`] | which certificate a client is shown |
//! | [`tickets`] | which sessions may be resumed, on every core, process and host with the same secret |

pub mod record;

pub mod handshake;

pub mod facts;

pub mod identity;

pub mod tickets;
