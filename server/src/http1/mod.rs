//! HTTP/1.1 as pure functions and state machines over byte slices: heads, bodies, answers and the
//! decisions of one connection's life. Called by the connection code, which owns sockets, buffers
//! and timers. Deliberately absent: I/O, clocks, threads, routing. Time comes in as an argument,
//! bytes as slices, and every refusal is a value.
//!
//! In reading order:
//!
//! | module | decides |
//! |---|---|
//! | [`refusal`] | what is said to a peer that breaks the protocol |
//! | [`head`] | where a request head ends and what its parts are, as spans into the receive buffer |
//! | `scan` | how far a run of bytes of one kind goes |
//! | `plain` | the short way through a head of the most common shape |
//! | [`target`] | the four forms of a request target, and what a Host may look like |
//! | [`fields`] | what the few fields that steer the connection mean together |
//! | [`convert`] | the same head as an `http::Request`, without parsing it again |
//! | `names` | which names of fields need no copy in one |
//! | [`body`] | which bytes after a head are payload, and where the body ends |
//! | [`trailers`] | which fields of a trailer section are kept |
//! | [`response`] | the bytes of an answer's head and of its chunks |
//! | [`date`] | the `Date` line, rendered once a second |
//! | [`exchange`] | what a connection does next, for every state and every event |
//! | [`upgraded`] | the same once another protocol is spoken on it |
//!
//! HTTP/2 begins at [`head::Parse::Http2Preface`]: the parser recognises the client preface as its
//! own outcome and leaves the bytes untouched.

pub mod refusal;

pub mod head;

mod plain;

pub(crate) mod scan;

pub mod target;

pub mod fields;

pub mod convert;

mod names;

pub mod body;

pub mod trailers;

pub mod response;

pub mod date;

pub mod exchange;

pub mod upgraded;
