//! HPACK (RFC 7541): what a block of field lines says, and how one is written. Called by `session`, which
//! hands in whole blocks: a block is read at once or not at all, so no state is kept in the middle of one.
//! Left to others: what fields mean together, and how large a section may be; a sink is shown each field with
//! the bytes where they lie, and nothing is kept here but the tables.
//!
//! The tables are plain data, allocated as they fill, and encoded for another process by
//! [`carry`](super::carry).
//!
//! | module | decides |
//! |---|---|
//! | [`integer`] | numbers of any length within bounds |
//! | [`huffman`] | the code for strings |
//! | [`fixed`] | the static table |
//! | [`table`] | a dynamic table, of either side |
//! | [`decoder`] | what a block says |
//! | [`encoder`] | how the fields of an answer are written |

pub mod integer;

pub mod huffman;

pub mod fixed;

pub mod table;

pub mod decoder;

pub mod encoder;

pub use decoder::{Decoder, Line, Sink};
pub use encoder::Encoder;
