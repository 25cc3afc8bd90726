//! The program as its users run it: the real binary, real sockets, real signals.
//!
//! Every server listens on port 0 and has a control socket in a directory of its own, so the tests
//! run side by side. Every wait is for something, and has a deadline.

mod access_log;
mod alerts;
mod any_server;
mod certificates;
mod common;
mod container;
mod control;
mod degraded;
mod documents;
mod endings;
mod events;
mod faults;
mod h_rows;
mod handshakes;
mod heart;
mod http2;
mod live;
mod logs;
mod m14;
mod managed;
mod manual;
mod metrics;
mod multiplexing;
mod package;
mod proxies;
mod readings;
mod reload;
mod scarcity;
mod starting;
mod streams;
mod supervised;
mod suspended;
mod tls_client;
mod upgrade;
mod upgrade_deaths;
mod upgrade_scarce;
mod upgrade_stuck;
mod websockets;
mod without;
