//! A server started by this program: found a port, pinned, awaited, and ended without fail.
//!
//! Called by the races and the syscall count. A server ends only the child it holds. `peer` says who can be started
//! and how, `outside` configures programs of this machine, `material` is what they share, `place` is where it all
//! runs.

mod control;
mod material;
mod outside;
mod peer;
mod place;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

pub(crate) use control::Control;
pub use peer::{Answer, Binaries, Job, Peer};
pub use place::{Cpus, Programs};

/// How long a server may take until it accepts a connection.
const START_MAX: Duration = Duration::from_secs(10);
/// Pause between two attempts to connect to a server that starts.
const START_POLL: Duration = Duration::from_millis(5);

/// A command for `program` that the kernel ends if this thread ends first, however that happens
/// (PR_SET_PDEATHSIG): the guard cannot run when this process is killed. Done by setpriv(1), which
/// then becomes the program under the same process id; without setpriv only the guard is left.
pub(crate) fn ends_with_us(program: &Path) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path)
        .map(|at| at.join("setpriv"))
        .find(|file| file.is_file())
    {
        None => Command::new(program),
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
    }
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    stderr: File,
}

impl Server {
    /// Starts `peer` on CPU `cpu`, or from there on as many as it has cores, and waits until it accepts. The calling
    /// thread is left on these CPUs: a child inherits its parent's mask (sched_setaffinity(2)).
    ///
    /// # Errors
    /// The reason why the server did not start, with the end of its stderr.
    pub fn start(binaries: &Binaries, peer: Peer, cpu: usize, job: Job) -> io::Result<Self> {
        Self::start_with(binaries, peer, cpu, job, &[])
    }

    /// As [`Server::start`], with further arguments.
    ///
    /// # Errors
    /// Errors of [`Server::start`].
    pub fn start_with(
        binaries: &Binaries,
        peer: Peer,
        cpu: usize,
        job: Job,
        extra: &[String],
    ) -> io::Result<Self> {
        pin_this_thread_to(cpu..cpu + job.cores)?;
        let address = free_port()?;
        let stderr = unnamed_file()?;
        let mut command = binaries.command(peer, address, job)?;
        command.args(extra).stderr(stderr.try_clone()?);
        let child = command.spawn()?;
        let mut server = Self {
            child,
            address,
            stderr,
        };
        server
            .await_start()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", peer.name())))?;
        Ok(server)
    }

    /// Returns the server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn await_start(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_MAX;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "ended at once ({status}): {}",
                    self.last_words()
                )));
            }
            if TcpStream::connect_timeout(&self.address, START_MAX).is_ok() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let words = self.last_words();
                return Err(io::Error::other(format!(
                    "accepted no connection on {} within {START_MAX:?}: {words}",
                    self.address
                )));
            }
            std::thread::sleep(START_POLL);
        }
    }

    /// The end of what it wrote to stderr.
    fn last_words(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self
            .stderr
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.stderr.read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        match (read, lines.is_empty()) {
            (Ok(_), false) => lines.into_iter().rev().collect::<Vec<_>>().join(" | "),
            _ => "it wrote nothing to stderr".to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end, only to reap.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pins the calling thread; threads and children it makes later inherit that.
///
/// # Errors
/// The CPU is not in this process's mask.
pub fn pin_this_thread(cpu: usize) -> io::Result<()> {
    if core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "cannot run on CPU {cpu}: it does not exist or is not allowed here; name another with \
         --server-cpu, --load-cpu or --cpu"
    )))
}

/// Lets the calling thread run on these CPUs only; threads and children it makes later inherit that.
///
/// # Errors
/// One of them does not exist, or is not in this process's mask.
pub(crate) fn pin_this_thread_to(cpus: Range<usize>) -> io::Result<()> {
    if cpus.len() == 1 {
        return pin_this_thread(cpus.start);
    }
    let mut mask = CpuSet::new();
    for cpu in cpus.clone().take_while(|cpu| *cpu < CpuSet::MAX_CPU) {
        mask.set(cpu);
    }
    // The kernel leaves out those that there are not.
    let is_so = sched_setaffinity(None, &mask)
        .and_then(|()| sched_getaffinity(None))
        .is_ok_and(|mask| mask.count() as usize == cpus.len());
    if is_so {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "cannot run on CPUs {} to {}: one of them does not exist or is not allowed here; name others with --server-cpu \
         and --load-cpu, or fewer cores behind the @ of a scenario",
        cpus.start,
        cpus.end - 1
    )))
}

/// A loopback port that is free now. Another process could take it before the server does; the
/// server then says so and ends.
pub(crate) fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A file for a child's stderr without a name, so that nothing is left behind.
fn unnamed_file() -> io::Result<File> {
    let name = format!(
        "ringgate-bench-{}-{:?}.log",
        std::process::id(),
        Instant::now()
    );
    let path = std::env::temp_dir().join(name.replace([' ', '{', '}', ':', ','], ""));
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
