//! `ringgate-peers`: one server a runtime, each written as its users would, all with the same job.
//!
//! Built and started by `ringgate-bench race`. Each is single-threaded, sets TCP_NODELAY, parses
//! the request with httparse (hyper does so inside), answers `GET /plaintext` with Date,
//! Content-Type and Content-Length, anything else with 404, and answers a pipelined batch in one
//! write. No limits, no timeouts, no metrics: the peers have less to do than the product.

mod plaintext;
mod with_hyper;
mod with_monoio;
mod with_tokio_uring;

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};

/// A peer's /plaintext server.
#[derive(Parser)]
struct Cli {
    /// Which runtime
    peer: Peer,
    /// Where to listen
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
}

#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    Hyper,
    Monoio,
    TokioUring,
}

fn main() -> std::io::Result<()> {
    let cli = Cli::parse();
    if !cli.listen.ip().is_loopback() {
        return Err(std::io::Error::other("--listen must be a loopback address"));
    }
    match cli.peer {
        Peer::Hyper => with_hyper::serve(cli.listen),
        Peer::Monoio => with_monoio::serve(cli.listen),
        Peer::TokioUring => with_tokio_uring::serve(cli.listen),
    }
}

/// The listener every peer starts from: the backlog is the same for all.
fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}
