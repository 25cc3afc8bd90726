//! The ways by which operators reach a running server: the control socket and the metrics address. Neither
//! passes the gate, and neither is in the ledgers.
//!
//! - `socket`: where the control socket is made, and by whom its file is removed.
//! - `protocol`: the words of the control socket; both ends read them from here (docs/control.md).
//! - `server`: answers on the control socket.
//! - `events`: the stream of events on the control socket.
//! - `scrape`: answers `GET /metrics`.
//! - `serving`: what the two have in common: a bounded number of connections, each a task, and deadlines.
//! - `client` and `text`: `ringgate ctl`; `live`: its views that go on, `top` and `status --watch`.
//!
//! The answering runs as tasks on the coordinator's own core, so that it works while every serving
//! core is busy or blocked. Commands go through [`ServerHandle`](crate::ServerHandle) like any
//! other question: nothing here touches the coordinator's state.

pub mod client;
mod events;
mod live;
mod protocol;
pub(crate) mod scrape;
pub(crate) mod server;
mod serving;
pub(crate) mod socket;
#[cfg(test)]
mod stage;
mod text;
