//! Configuration: one definition of every option, and all that is made from it.
//!
//! `options/` is the definition. From it come the command line, the reader of the TOML file, the
//! reader of the environment, the help, `docs/configuration.md` and `docs/ringgate.example.toml`.
//! Flags go over the environment and that over the file, key by key; then the values are checked
//! together. Nothing here touches the process: arguments, environment and file text are handed in, by
//! [`Server::run_main`](crate::Server::run_main) or by a program that goes its own way. Such a program is
//! called by its own name in help and errors, and has no option of the built-in application;
//! [`CommandLine`] says more of it.
//!
//! ```
//! use ringgate::config::{self, Invocation};
//!
//! let words = ["notes", "--max-threads", "100"].map(Into::into);
//! match config::parse(words, [], |path| std::fs::read_to_string(path)) {
//!     Ok(Invocation::Serve(config, _)) => assert_eq!(config.listen[0].to_string(), "127.0.0.1:8080"),
//!     Ok(_) => panic!("a command that was not given"),
//!     Err(error) => panic!("notes: {error}"),
//! }
//! ```
//!
//! Not decided here is what an option does. Nothing here makes a socket or a directory, or looks at a
//! machine: what `auto` comes to is asked with the number of CPUs or the user as an argument.

mod settings;

mod access;
mod address;
mod admission;
mod answers;
mod choice;
mod clashes;
mod control;
mod cores;
mod duration;
mod endpoint;
mod file_header;
mod limits_change;
mod priority;
mod proxies;
mod rates;
mod site;
mod size;
mod tls;
mod trusted;

mod definition;
mod kind;
mod options;
mod own;

mod command;
mod error;
mod file;
mod parse;
mod source;

mod effective;
mod http2;
mod websocket;
mod wrap;

#[cfg(test)]
mod document;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod tests;

pub use access::{AccessLog, AccessTarget};
pub use address::{ListenAddr, UNIX_PATH_BYTES_MAX, UnixAddr};
pub use admission::{AdmissionError, AdmissionLimits, MaxAccepts};
pub use answers::{CorsOrigin, ServerHeader};
pub use choice::{
    AccessField, AccessFormat, Admit, ClientCertificates, DrainPending, FilesAt, Forwarded,
    HalfClose, LogFormat, LogLevel, Offered, OnTerm, RingFlag, Shed, Switch, TlsVersion,
};
pub use command::{CommandLine, VERSION};
pub use control::ControlPath;
pub use cores::{CORES_MAX, CoreOrder, CorePlan, CoreSpec, Cpus, PoolSize};
pub use duration::{format_duration, parse_duration};
pub use effective::effective;
pub(crate) use endpoint::Opening;
pub use endpoint::{Endpoint, Scheme};
pub use error::{Error, Malformed, WrongValue};
pub use file_header::FileHeader;
pub use http2::Http2;
pub use limits_change::LimitsChange;
pub use own::{OwnOption, OwnValues};
pub use parse::{Ctl, CtlCommand, Invocation, parse};
pub use priority::{Class, Matcher, PriorityRule};
pub use proxies::{Proxies, ProxyProtocol};
pub use rates::{RequestRate, RequestRates};
pub use settings::{Config, Drain, HttpLimits, Log, PoolRules, QueueRules, Rings, Timeouts};
pub use site::Site;
pub use size::{format_size, parse_size};
pub use source::{Provenance, Source};
pub use tls::{CertificateSource, Tls};
pub use trusted::{Prefix, TrustedProxy};
pub use websocket::WebSockets;
