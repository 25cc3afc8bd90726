#!/usr/bin/env bash
# tokio-uring 0.5.0: an accept that is dropped while it waits, as by a timeout or a select, takes the next client with it.
#
# Expected: a dropped future accepts nobody, as with tokio's own TcpListener ("this method is cancel safe"), or the
# documentation says that it does.
# Seen: the operation stays in the kernel, unasked for. The next client is accepted by it; nobody gets its socket, and
# nobody closes it: the client sees an open connection that is silent for ever, and the descriptor is held until the process
# ends. The accept after it gets the client after it. The same steps with monoio 0.2.4 and compio 0.19.2, which cancel the operation,
# give that client to the next accept, if the runtime had a turn before the client came.
#
# A loop such as "accept, or look at the clock" loses a client for each look. With this library one accept has to
# be kept and polled until it is done.
#
# Usage: findings/tokio-uring-keeps-the-client-of-a-dropped-accept.sh
# Needs cargo, the crates registry and a kernel with io_uring. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "dropped-accept"
version = "0.0.0"
edition = "2024"

[dependencies]
compio = { version = "=0.19.2", features = ["net", "runtime", "time"] }
monoio = { version = "=0.2.4", features = ["sync"] }
tokio = { version = "1", features = ["net", "rt", "time"] }
tokio-uring = "=0.5.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(300);

/// What became of two clients that connect after an accept was dropped: whether the next two accepts got them.
macro_rules! clients {
    ($time:path, $listener:expr) => {{
        use $time::{sleep, timeout};
        let listener = $listener;
        let at = listener.local_addr().unwrap();
        assert!(timeout(PAUSE, listener.accept()).await.is_err());
        sleep(PAUSE).await;
        let clients = [(); 2].map(|()| TcpStream::connect(at).unwrap());
        let mut accepted = Vec::new();
        while let Ok(one) = timeout(PAUSE, listener.accept()).await {
            accepted.push(one.unwrap());
        }
        let got: Vec<SocketAddr> = accepted.iter().map(|(_, peer)| *peer).collect();
        clients.map(|mut client| {
            client.set_read_timeout(Some(PAUSE)).unwrap();
            let silent = client.read(&mut [0]).is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
            (got.contains(&client.local_addr().unwrap()), silent)
        })
    }};
}

fn main() {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let kept = tokio_uring::start(async {
        clients!(tokio::time, tokio_uring::net::TcpListener::bind(any).unwrap())
    });
    let mut monoio = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
    let by_monoio = monoio.block_on(async {
        clients!(monoio::time, monoio::net::TcpListener::bind(any).unwrap())
    });
    let by_compio = compio::runtime::Runtime::new().unwrap().block_on(async {
        clients!(compio::time, compio::net::TcpListener::bind(any).await.unwrap())
    });
    for (name, [first, second]) in [("tokio-uring", kept), ("monoio", by_monoio), ("compio", by_compio)] {
        println!("{name}: first client accepted {}, open {}; second accepted {}", first.0, first.1, second.0);
    }
    assert_eq!(kept, [(false, true), (true, true)]);
    assert_eq!((by_monoio, by_compio), ([(true, true); 2], [(true, true); 2]));
    println!("as described");
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml"
