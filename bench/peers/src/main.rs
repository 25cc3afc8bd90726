//! `ringgate-peers`: one server a library, each written as its users would, all with the same job.
//!
//! Built and started by `ringgate-bench race`. Each is single-threaded (hyper and actix-web have more threads if asked), sets
//! TCP_NODELAY where it can, answers `GET /plaintext` with Date, Content-Type and Content-Length, and anything that it does not know with 404. The
//! runtimes that bring no HTTP (monoio, compio, glommio, tokio-uring, ringline) parse with httparse and answer a pipelined
//! batch in one write (`plaintext.rs`); the others do it in their own way. hyper speaks HTTP/2 instead if asked;
//! hyper and actix-web also speak TLS and serve a file of 1 MiB; these two, ntex and xitca serve a body of 64 KiB from
//! memory and send a body back. hyper and actix-web answer the profiles of a contest too (`contest.rs`). axum has the paths `/json`, `/hello/NAME` and POST `/echo` too; the same axum application is
//! also served on Ringgate, with the product's limits, timeouts and metrics. fastwebsockets, tungstenite and
//! actix-web send each message of a WebSocket back. Else there are no limits, no timeouts, no metrics: the peers
//! have less to do than the product.

mod contest;
mod on_tokio;
mod plaintext;
mod tls;
mod with_actix;
mod with_axum;
mod with_compio;
mod with_fastwebsockets;
mod with_glommio;
mod with_hyper;
mod with_may;
mod with_monoio;
mod with_ntex;
mod with_ringline;
mod with_tokio_uring;
mod with_tungstenite;
mod with_xitca;

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use clap::{Parser, ValueEnum};

/// A peer's /plaintext server.
#[derive(Parser)]
struct Cli {
    /// Which runtime
    peer: Peer,
    /// Where to listen
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    /// Speak TLS with this certificate
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// Private key of the certificate
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// Speak HTTP/2 and nothing else (hyper only)
    #[arg(long)]
    http2: bool,
    /// Threads that serve (hyper and actix only)
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    cores: u16,
    /// Where the file `1m` is
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    Hyper,
    Axum,
    RinggateAxum,
    Actix,
    Ntex,
    Xitca,
    MayMinihttp,
    Ringline,
    Monoio,
    Compio,
    Glommio,
    TokioUring,
    Fastwebsockets,
    Tungstenite,
}

/// A service of hyper or actix-web.
struct Service {
    tls: Option<Tls>,
    /// Whether HTTP/2 is spoken, with prior knowledge or over TLS.
    http2: bool,
    /// Threads that serve.
    cores: u16,
    /// Where the file `1m` is.
    folder: Option<PathBuf>,
    /// The body of `/64k`.
    large: Bytes,
    items: contest::Items,
}

/// Certificate and key.
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    fn config(&self) -> std::io::Result<rustls::ServerConfig> {
        tls::config(&self.certificate, &self.key)
    }
}

fn main() -> std::io::Result<()> {
    let cli = Cli::parse();
    if !cli.listen.ip().is_loopback() {
        return Err(std::io::Error::other("--listen must be a loopback address"));
    }
    if cli.cores > 1 && !matches!(cli.peer, Peer::Hyper | Peer::Actix) {
        return Err(std::io::Error::other(
            "--cores is for hyper and actix; leave it out",
        ));
    }
    let tls = (cli.certificate.zip(cli.certificate_key))
        .map(|(certificate, key)| Tls { certificate, key });
    let service = Service {
        tls,
        http2: cli.http2,
        cores: cli.cores,
        items: contest::Items::of(cli.folder.as_deref())?,
        folder: cli.folder,
        large: vec![b'x'; 64 * 1024].into(),
    };
    match cli.peer {
        Peer::Hyper => with_hyper::serve(cli.listen, service),
        Peer::Axum => with_axum::serve(cli.listen),
        Peer::RinggateAxum => with_axum::serve_on_ringgate(cli.listen),
        Peer::Actix => with_actix::serve(cli.listen, service),
        Peer::Ntex => with_ntex::serve(cli.listen, service),
        Peer::Xitca => with_xitca::serve(cli.listen, service),
        Peer::MayMinihttp => with_may::serve(cli.listen),
        Peer::Ringline => with_ringline::serve(cli.listen),
        Peer::Monoio => with_monoio::serve(cli.listen),
        Peer::Compio => with_compio::serve(cli.listen),
        Peer::Glommio => with_glommio::serve(cli.listen),
        Peer::TokioUring => with_tokio_uring::serve(cli.listen),
        Peer::Fastwebsockets => with_fastwebsockets::serve(cli.listen, service),
        Peer::Tungstenite => with_tungstenite::serve(cli.listen, service),
    }
}

/// The listener every peer starts from: the backlog is the same for all.
fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    listen_beside_others(address, false)
}

/// The same, for one of several threads that each have a listener on this address (SO_REUSEPORT).
fn listen_beside_others(
    address: SocketAddr,
    are_others: bool,
) -> std::io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(are_others)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}
