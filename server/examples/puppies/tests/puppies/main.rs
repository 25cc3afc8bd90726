//! The puppies over real sockets: with SQLite, and with a PostgreSQL that the test starts and stops.

mod common;
mod news;
mod postgres;
mod program;
mod sqlite;
