//! Where a measurement runs: the CPUs of server and load, and the programs that are not built with this one.

use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::server::{Binaries, Job, Peer};

/// The CPUs of a measurement.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Cpus {
    /// The server's CPU
    #[arg(
        id = "server_cpu",
        long = "server-cpu",
        default_value_t = 0,
        value_name = "CPU"
    )]
    pub server: usize,
    /// The load's CPU
    #[arg(
        id = "load_cpu",
        long = "load-cpu",
        default_value_t = 1,
        value_name = "CPU"
    )]
    pub load: usize,
}

impl Cpus {
    /// Requires that they are two: what shares a CPU takes time from what is measured.
    ///
    /// # Errors
    /// Server and load have the same CPU.
    pub fn require_two(&self) -> io::Result<()> {
        if self.server != self.load {
            return Ok(());
        }
        Err(io::Error::other(
            "server and load would share a CPU; give them two with --server-cpu and --load-cpu",
        ))
    }
}

/// The programs of a measurement.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Programs {
    /// The ringgate program [default: `ringgate` beside this program]
    #[arg(long, value_name = "PATH")]
    pub ringgate_binary: Option<PathBuf>,
    /// The peers' program [default: built from bench/peers]
    #[arg(long, value_name = "PATH")]
    pub peers_binary: Option<PathBuf>,
}

impl Programs {
    /// As [`Binaries::prepare`].
    ///
    /// # Errors
    /// Errors of [`Binaries::prepare`].
    pub fn prepare(&self, peers: &[Peer], jobs: &[Job]) -> io::Result<Binaries> {
        let Self {
            ringgate_binary,
            peers_binary,
        } = self;
        Binaries::prepare(
            peers,
            jobs,
            ringgate_binary.as_deref(),
            peers_binary.as_deref(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cpu_for_both_is_refused_with_the_flags_that_give_two() {
        let cpus = |server, load| Cpus { server, load }.require_two();
        assert!(cpus(0, 1).is_ok());
        let refused = cpus(1, 1).expect_err("refused").to_string();
        assert!(refused.contains("--server-cpu and --load-cpu"), "{refused}");
    }
}
