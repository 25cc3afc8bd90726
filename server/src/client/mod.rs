//! The client of a connection or a request: what a proxy in front says of it, and when that is believed.
//!
//! Pure rooms over byte slices and addresses; nothing here reads from a socket. `connection/` asks
//! [`proxy_header`] for what comes before the first byte of a connection, and [`belief`] for the address of
//! the client of a request, which is told in that one place for handlers, limits and logs.
//!
//! | file | decides |
//! |---|---|
//! | [`proxy_header`] | what a PROXY header says, and whether it is one |
//! | [`forwarded`] | whom X-Forwarded-For or Forwarded name |
//! | [`belief`] | which of them is believed |

pub(crate) mod belief;
pub(crate) mod forwarded;
pub(crate) mod proxy_header;
