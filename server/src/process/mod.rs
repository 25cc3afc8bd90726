//! The process around the server: which program it is, whom it runs as, and who watches it.
//!
//! - `program`: what an upgrade starts.
//! - `pid_file`: the file that names it.
//! - [`privileges`]: giving up root.
//! - `making`: with whose rights files are made before that.
//! - [`service_manager`]: systemd and its like.
//! - `starting`: who hears signals while a server is made.
//! - [`reaper`]: staying as the first process of a container.

pub(crate) mod making;
pub(crate) mod pid_file;
pub mod privileges;
pub(crate) mod program;
pub mod reaper;
pub mod service_manager;
pub(crate) mod starting;
