//! A server started by this program: found a port, pinned, awaited, and ended without fail.
//!
//! Called by the races and the syscall count. It ends only the child it holds.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::floor::After;

/// How long a server may take until it accepts a connection.
const START_MAX: Duration = Duration::from_secs(10);
/// Pause between two attempts to connect to a server that starts.
const START_POLL: Duration = Duration::from_millis(5);

/// A server that can be raced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// The raw io_uring floor.
    Uring,
    /// The raw epoll floor.
    Epoll,
    /// hyper on tokio.
    Hyper,
    /// A monoio loop.
    Monoio,
    /// A tokio-uring loop.
    TokioUring,
    /// The product.
    Ringgate,
}

impl Peer {
    /// Everybody, the floor first.
    pub const ALL: [Self; 6] = [
        Self::Uring,
        Self::Epoll,
        Self::Hyper,
        Self::Monoio,
        Self::TokioUring,
        Self::Ringgate,
    ];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uring => "uring",
            Self::Epoll => "epoll",
            Self::Hyper => "hyper",
            Self::Monoio => "monoio",
            Self::TokioUring => "tokio-uring",
            Self::Ringgate => "ringgate",
        }
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|peer| peer.name() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|peer| peer.name()).collect();
                format!("`{text}` is no peer; known are {}", names.join(", "))
            })
    }
}

/// The programs that peers are started from.
#[derive(Debug, Clone)]
pub struct Binaries {
    bench: PathBuf,
    peers: Option<PathBuf>,
    ringgate: PathBuf,
}

impl Binaries {
    /// Finds, and for the foreign peers builds, what `peers` need.
    ///
    /// # Errors
    /// A missing binary, with the command that makes it.
    pub fn prepare(
        peers: &[Peer],
        ringgate: Option<&Path>,
        peers_binary: Option<&Path>,
    ) -> io::Result<Self> {
        let bench = std::env::current_exe()?;
        let beside = bench.parent().unwrap_or(Path::new(".")).to_owned();
        let ringgate = ringgate.map_or_else(|| beside.join("ringgate"), Path::to_owned);
        if peers.contains(&Peer::Ringgate) && !ringgate.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "{} does not exist: build it with `cargo build --release`, name another with \
                     --ringgate-binary, or leave it out with --peers",
                    ringgate.display()
                ),
            ));
        }
        let foreign = [Peer::Hyper, Peer::Monoio, Peer::TokioUring];
        let peers = match peers_binary {
            Some(path) => Some(path.to_owned()),
            None if peers.iter().any(|peer| foreign.contains(peer)) => Some(build_peers(&beside)?),
            None => None,
        };
        Ok(Self {
            bench,
            peers,
            ringgate,
        })
    }

    fn command(&self, peer: Peer, listen: SocketAddr, after: After) -> io::Result<Command> {
        let listen = listen.to_string();
        let mut command = match peer {
            Peer::Uring | Peer::Epoll => {
                let mut command = ends_with_us(&self.bench);
                command.args(["floor", peer.name(), "--listen", &listen]);
                if after == After::Close {
                    command.arg("--close");
                }
                command
            }
            Peer::Hyper | Peer::Monoio | Peer::TokioUring => {
                let path = self.peers.as_ref().ok_or_else(|| {
                    io::Error::other("the peers' binary was not built; this is a bug")
                })?;
                let mut command = ends_with_us(path);
                command.args([peer.name(), "--listen", &listen]);
                command
            }
            Peer::Ringgate => {
                let mut command = ends_with_us(&self.ringgate);
                command.args(["serve", "--listen", &listen, "--cores", "1"]);
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(command)
    }
}

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

/// Builds bench/peers next to this program and returns the path of the binary.
fn build_peers(beside: &Path) -> io::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let target = beside.join("peers");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--manifest-path",
        ])
        .arg(source.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .map_err(|error| {
            io::Error::other(format!("cargo is needed to build the peers: {error}"))
        })?;
    if !status.success() {
        return Err(io::Error::other(format!(
            "the peers in {} did not build; leave them out with --peers uring,epoll,ringgate",
            source.display()
        )));
    }
    Ok(target.join("release/ringgate-peers"))
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
    /// Starts `peer` on CPU `cpu` and waits until it accepts. The calling thread is left on that
    /// CPU: a child inherits its parent's mask (sched_setaffinity(2)).
    ///
    /// # Errors
    /// What kept it from starting, with the end of what it wrote to stderr.
    pub fn start(binaries: &Binaries, peer: Peer, cpu: usize, after: After) -> io::Result<Self> {
        pin_this_thread(cpu)?;
        let address = free_port()?;
        let stderr = unnamed_file()?;
        let mut command = binaries.command(peer, address, after)?;
        command.stderr(stderr.try_clone()?);
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

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
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
