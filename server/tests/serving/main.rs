//! The whole server, in this process, under real clients over real sockets. One binary: a file is a
//! subject, `common` holds the server under test and a client that speaks raw bytes.

#[path = "../browser/mod.rs"]
mod browser;
mod common;
#[path = "../frames/mod.rs"]
mod frames;

mod access_log;
mod access_log_protocols;
mod access_log_readers;
mod answers;
mod app_routes;
mod bodies;
mod client_curl;
mod clients_installed;
mod core_field;
mod draining;
mod endings;
mod failing_streams;
mod files;
mod gate;
mod gate_rules;
mod gate_storm;
mod gate_waiting;
mod h18_presets;
mod h_rows;
mod healing;
mod http2;
mod lanes;
mod m14;
mod methods;
mod moving;
mod outward;
mod p10;
mod panics;
mod peer;
mod pipelining;
mod pool;
mod proxies;
mod python_http_client;
mod sites;
mod smuggling;
mod suspended;
mod task_classes;
mod tasks;
mod timeouts;
