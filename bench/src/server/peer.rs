//! The servers that can be raced, and the command line that starts each.
//!
//! Called by the races and the syscall count by way of [`crate::server::Server`]. Programs of others are
//! taken from the machine (nginx, HAProxy, h2o) or built from bench/peers; none is fetched.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use crate::contest;
use crate::floor::After;
use crate::load::Expected;
use crate::server::ends_with_us;
use crate::server::material::Material;
use crate::server::outside;

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
    /// An axum application on axum::serve.
    Axum,
    /// The same application on the product.
    RinggateAxum,
    /// actix-web.
    Actix,
    /// ntex on io_uring.
    Ntex,
    /// xitca-web on io_uring.
    Xitca,
    /// may_minihttp.
    MayMinihttp,
    /// A ringline handler.
    Ringline,
    /// A monoio loop.
    Monoio,
    /// A compio loop.
    Compio,
    /// A glommio loop.
    Glommio,
    /// A tokio-uring loop.
    TokioUring,
    /// fastwebsockets on hyper.
    Fastwebsockets,
    /// tokio-tungstenite.
    Tungstenite,
    /// nginx of this machine.
    Nginx,
    /// HAProxy of this machine, which answers by itself.
    Haproxy,
    /// h2o of this machine.
    H2o,
    /// The product.
    Ringgate,
}

impl Peer {
    /// Everybody, the floor first.
    pub const ALL: [Self; 20] = [
        Self::Uring,
        Self::Epoll,
        Self::Hyper,
        Self::Axum,
        Self::RinggateAxum,
        Self::Actix,
        Self::Ntex,
        Self::Xitca,
        Self::MayMinihttp,
        Self::Ringline,
        Self::Monoio,
        Self::Compio,
        Self::Glommio,
        Self::TokioUring,
        Self::Fastwebsockets,
        Self::Tungstenite,
        Self::Nginx,
        Self::Haproxy,
        Self::H2o,
        Self::Ringgate,
    ];

    /// The peers that run if none is named: no program of this machine is needed.
    pub const USUAL: [Self; 6] = [
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
            Self::Axum => "axum",
            Self::RinggateAxum => "ringgate-axum",
            Self::Actix => "actix",
            Self::Ntex => "ntex",
            Self::Xitca => "xitca",
            Self::MayMinihttp => "may-minihttp",
            Self::Ringline => "ringline",
            Self::Monoio => "monoio",
            Self::Compio => "compio",
            Self::Glommio => "glommio",
            Self::TokioUring => "tokio-uring",
            Self::Fastwebsockets => "fastwebsockets",
            Self::Tungstenite => "tungstenite",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::H2o => "h2o",
            Self::Ringgate => "ringgate",
        }
    }

    /// Whether the peer can do what `job` asks: the floors and the bare loops know one answer and no
    /// TLS, axum, ntex and xitca speak no TLS here, may_minihttp never closes, HAProxy serves no file, few send
    /// anything back, few speak HTTP/2, and few have several cores in one process.
    pub fn can(self, job: Job) -> bool {
        let echoes = matches!(
            self,
            Self::Actix | Self::Fastwebsockets | Self::Tungstenite | Self::Ringgate
        );
        let speaks_http2 = matches!(
            self,
            Self::Hyper | Self::Nginx | Self::Haproxy | Self::H2o | Self::Ringgate
        );
        let has_paths = matches!(
            self,
            Self::Hyper | Self::Actix | Self::Ntex | Self::Xitca | Self::Ringgate
        );
        let is_axum = matches!(self, Self::Axum | Self::RinggateAxum);
        // The processes of nginx would each have to be measured.
        let has_cores = matches!(
            self,
            Self::Hyper | Self::Actix | Self::Haproxy | Self::H2o | Self::Ringgate
        );
        if job.http2 && !speaks_http2 || job.tls && is_axum || job.cores > 1 && !has_cores {
            return false;
        }
        match job.answer {
            Answer::Message => echoes,
            Answer::SmallFile => matches!(self, Self::Nginx | Self::H2o | Self::Ringgate),
            Answer::Json | Answer::Path => is_axum,
            Answer::Echo => is_axum || self == Self::Ringgate,
            Answer::LargeEcho => !job.tls && (is_axum || has_paths),
            Answer::Sum | Answer::Items | Answer::GzipItems | Answer::Delay => {
                matches!(self, Self::Hyper | Self::Actix | Self::Ringgate)
            }
            Answer::Plaintext | Answer::Large | Answer::File => match self {
                Self::Fastwebsockets | Self::Tungstenite => false,
                Self::Uring
                | Self::Epoll
                | Self::Ringline
                | Self::Monoio
                | Self::Compio
                | Self::Glommio
                | Self::TokioUring
                | Self::Axum
                | Self::RinggateAxum => !job.tls && job.answer == Answer::Plaintext,
                Self::MayMinihttp => {
                    !job.tls && job.answer == Answer::Plaintext && job.after == After::Keep
                }
                Self::Ntex | Self::Xitca => !job.tls && !job.answer.is_file(),
                Self::Haproxy => !job.answer.is_file(),
                Self::Hyper | Self::Actix | Self::Nginx | Self::H2o | Self::Ringgate => true,
            },
        }
    }

    /// The path of an answer.
    pub fn path(self, answer: Answer) -> &'static str {
        match (self, answer) {
            (_, Answer::Plaintext) => "/plaintext",
            (Self::Ringgate, Answer::Large) => "/bytes/65536",
            (Self::Ringgate, Answer::File) => "/files/1m",
            (Self::Ringgate, Answer::SmallFile) => "/files/64k",
            (_, Answer::Json) => "/json",
            (_, Answer::Path) => "/hello/world",
            (_, Answer::Echo | Answer::LargeEcho) => "/echo",
            (_, Answer::Message) => "/ws",
            (_, Answer::Sum) => "/baseline11?a=13&b=42",
            (_, Answer::Items | Answer::GzipItems) => "/json/25?m=4",
            (_, Answer::Delay) => "/delay/10",
            (_, Answer::Large | Answer::SmallFile) => "/64k",
            (_, Answer::File) => "/1m",
        }
    }

    fn is_built_here(self) -> bool {
        !matches!(self, Self::Uring | Self::Epoll | Self::Ringgate) && !self.is_of_this_machine()
    }

    fn is_of_this_machine(self) -> bool {
        matches!(self, Self::Nginx | Self::Haproxy | Self::H2o)
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

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The answer that each request of a run asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// `Hello, World!`.
    Plaintext,
    /// 64 KiB from memory, or from a file for those that serve nothing else.
    Large,
    /// A file of 1 MiB.
    File,
    /// A file of 64 KiB.
    SmallFile,
    /// `{"message":"Hello, World!"}`, made for each request.
    Json,
    /// A greeting of the name in the path.
    Path,
    /// The body of the request, by POST.
    Echo,
    /// 16 KiB that were sent, by POST.
    LargeEcho,
    /// The message that was sent, over WebSocket.
    Message,
    /// The sum of two numbers in the query.
    Sum,
    /// Items of a data set with their totals, as JSON made for each request.
    Items,
    /// The same, compressed for each request.
    GzipItems,
    /// The number of milliseconds that the answer was held back for.
    Delay,
}

impl Answer {
    /// Whether it comes from a file.
    pub fn is_file(self) -> bool {
        matches!(self, Self::File | Self::SmallFile)
    }

    /// Whether it is one of the contest that bench/httparena enters.
    pub fn is_of_contest(self) -> bool {
        matches!(
            self,
            Self::Sum | Self::Items | Self::GzipItems | Self::Delay
        )
    }

    /// The whole body, where it is one of the contest and not compressed.
    pub fn of_contest(self) -> Option<String> {
        match self {
            Self::Sum => Some("55".to_owned()),
            Self::Items => Some(contest::items(contest::COUNT, contest::FACTOR)),
            Self::Delay => Some(contest::DELAY_MS.to_string()),
            _ => None,
        }
    }

    /// The demand on every body of a load: the whole of a short one, the length of others. Each compresses in its own way.
    pub fn expected(self) -> Expected {
        match self {
            Self::GzipItems | Self::Message => Expected::Any,
            _ => match self.of_contest() {
                Some(body) => Expected::Whole(body.into_bytes().into()),
                None => Expected::Length(self.bytes() as u64),
            },
        }
    }

    /// Bytes of the body; of a compressed one at least so many.
    pub fn bytes(self) -> usize {
        match self {
            Self::Plaintext => 13,
            Self::Large | Self::SmallFile => 64 << 10,
            Self::File => 1 << 20,
            Self::Json | Self::Echo => 27,
            Self::LargeEcho => 16 << 10,
            Self::Path => 14,
            Self::Message => 64,
            Self::GzipItems => 100,
            Self::Sum | Self::Items | Self::Delay => self.of_contest().map_or(0, |body| body.len()),
        }
    }
}

/// Time after which the files are no longer new.
const FILES_SETTLE: Duration = Duration::from_secs(4);

/// The purpose of a server that is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The act of a floor after its answers.
    pub after: After,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Whether it is HTTP/2 that is spoken: with prior knowledge, or chosen over TLS.
    pub http2: bool,
    /// Cores, or threads, that it serves with.
    pub cores: usize,
    /// The answer that will be asked for.
    pub answer: Answer,
}

impl Job {
    /// Plain HTTP on connections that are kept, `Hello, World!`.
    pub const PLAIN: Self = Self {
        after: After::Keep,
        tls: false,
        http2: false,
        cores: 1,
        answer: Answer::Plaintext,
    };
}

/// The programs that peers are started from, and what they need beside their command line.
#[derive(Debug)]
pub struct Binaries {
    bench: PathBuf,
    peers: Option<PathBuf>,
    ringgate: PathBuf,
    material: Option<Material>,
}

impl Binaries {
    /// Finds, and for those of bench/peers builds, what `peers` need for `jobs`.
    ///
    /// # Errors
    /// A missing binary, with the command that makes it.
    pub fn prepare(
        peers: &[Peer],
        jobs: &[Job],
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
        let entry = ringgate.with_file_name("ringgate-httparena");
        let is_entered = jobs.iter().any(|job| job.answer.is_of_contest());
        if is_entered && peers.contains(&Peer::Ringgate) && !entry.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "{} does not exist: build it with `cargo build --release -p ringgate-httparena`",
                    entry.display()
                ),
            ));
        }
        let is_built = peers.iter().any(|peer| peer.is_built_here());
        let has_material = peers.iter().any(|peer| peer.is_of_this_machine())
            || (jobs.iter())
                .any(|job| job.tls || job.answer.is_file() || job.answer.is_of_contest());
        let material = has_material.then(Material::new).transpose()?;
        if jobs.iter().any(|job| job.answer == Answer::SmallFile) {
            // Ringgate keeps no file that was changed just now.
            std::thread::sleep(FILES_SETTLE);
        }
        Ok(Self {
            bench,
            peers: match peers_binary {
                Some(path) => Some(path.to_owned()),
                None if is_built => Some(build_peers(&beside)?),
                None => None,
            },
            ringgate,
            material,
        })
    }

    /// The command that starts `peer` at `listen`.
    pub(super) fn command(&self, peer: Peer, listen: SocketAddr, job: Job) -> io::Result<Command> {
        let mut command = match (peer, &self.material) {
            (Peer::Uring | Peer::Epoll, _) => {
                let mut command = ends_with_us(&self.bench);
                command.args(["floor", peer.name(), "--listen", &listen.to_string()]);
                if job.after == After::Close {
                    command.arg("--close");
                }
                command
            }
            (Peer::Ringgate, material) => {
                let scheme = if job.tls { "https://" } else { "" };
                let listen = format!("{scheme}{listen}");
                let mut command = match material.as_ref().filter(|_| job.answer.is_of_contest()) {
                    None => {
                        let mut command = ends_with_us(&self.ringgate);
                        command.arg("serve");
                        command
                    }
                    Some(material) => {
                        let entry = self.ringgate.with_file_name("ringgate-httparena");
                        let mut command = ends_with_us(&entry);
                        command.args(["--control", "none"]);
                        command.arg("--data").arg(material.path("items.json"));
                        command.arg("--static").arg(material.folder());
                        command
                    }
                };
                command.args(["--listen", &listen, "--cores", &job.cores.to_string()]);
                if let Some(material) = material.as_ref().filter(|_| job.tls) {
                    command.args(material.certificate_arguments());
                }
                if let Some(material) = material
                    && job.answer.is_file()
                {
                    command.arg("--root").arg(material.folder());
                }
                command
            }
            (Peer::Nginx, Some(material)) => outside::nginx(material, listen, job)?,
            (Peer::Haproxy, Some(material)) => outside::haproxy(material, listen, job)?,
            (Peer::H2o, Some(material)) => outside::h2o(material, listen, job)?,
            (Peer::Nginx | Peer::Haproxy | Peer::H2o, None) => {
                return Err(io::Error::other("no folder was made; this is a bug"));
            }
            (_, material) => {
                let path = self.peers.as_ref().ok_or_else(|| {
                    io::Error::other("the peers' binary was not built; this is a bug")
                })?;
                let mut command = ends_with_us(path);
                command.args([peer.name(), "--listen", &listen.to_string()]);
                if let Some(material) = material {
                    command.arg("--folder").arg(material.folder());
                }
                if let Some(material) = material.as_ref().filter(|_| job.tls) {
                    command.args(material.certificate_arguments());
                }
                if job.http2 {
                    command.arg("--http2");
                }
                if job.cores > 1 {
                    command.args(["--cores", &job.cores.to_string()]);
                }
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(command)
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
