//! The rooms of TLS seen from outside, against a client of rustls in memory and against records that are
//! forged by an implementation of this folder's own. Filed by idea; no test opens a socket.

mod alerts;
mod forge;
mod handshakes;
mod identities;
mod key_table;
mod moves;
mod records;
mod resumption;
mod world;
