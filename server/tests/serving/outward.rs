//! Handlers that ask others, and clients that take half of an answer: whatever end a request finds,
//! nothing is left behind.

use crate::common::{block_on, config, start_server, start_with, wait_for};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use ringgate::lane::Lane;
use ringgate::runtime::net::UnixStream;
use ringgate::{Body, Request, Response, Router, Server};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

#[test]
fn a_handler_asks_another_server_over_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("ringgate-outward-{}", std::process::id()));
    let listener = UnixListener::bind(&path).expect("a new path");
    let other = std::thread::spawn(move || {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().expect("a handler");
            let mut word = [0; 4];
            stream.read_exact(&mut word).expect("a word");
            word.reverse();
            stream.write_all(&word).expect("it listens");
        }
    });
    let to = path.clone();
    let ask = move |request: Request| {
        let to = to.clone();
        async move {
            let word = request.param("word").expect("the route has it");
            let mut stream = UnixStream::connect(&to).await?;
            stream.write_all(word.as_bytes().to_vec()).await?;
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).await?;
            Ok::<_, std::io::Error>(Response::text(answer.to_vec()))
        }
    };
    let router = Router::new().get("/{word}", move |request: Request| {
        let asked = ask(request);
        async move { asked.await.expect("the other server answers") }
    });
    let server = start_with(config(), router, |_| ());
    for (word, answer) in [("bone", "enob"), ("walk", "klaw"), ("ball", "llab")] {
        assert_eq!(server.get(&format!("/{word}")).text(), answer);
    }
    other.join().expect("it served");
    std::fs::remove_file(&path).expect("it is there");
}

const PIECE: usize = 16 << 10;
const PIECES: usize = 64;

/// An answer of many pieces, each of which is made in the lane.
async fn pieces(request: Request<Lane>) -> Response {
    let lane = request.state().clone();
    Response::text("").with_body(Body::writer(move |mut out| async move {
        for piece in 0..PIECES {
            let made = lane.run(move |()| vec![piece as u8; PIECE]).await;
            out.write(made.expect("the lane works")).await;
        }
        Ok(())
    }))
}

#[test]
fn answers_dropped_half_written_leave_every_counter_idle() {
    let router = Router::new().get("/pieces", pieces);
    let server = Server::with_state(config(), router, |core| {
        core.lane("pieces").expect("there is one")
    });
    let server = start_server(server.lane("pieces", Lane::workers(1..=2).stateless()));
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let size: u64 = std::env::var("RINGGATE_TEST_SIZE").map_or(1, |n| n.parse().expect("a number"));
    let mut clients = Vec::new();
    for _ in 0..60 * size {
        let mut client = server.connect_with_buffer(8 << 10);
        client.send("GET /pieces HTTP/1.1\r\nHost: t\r\n\r\n");
        let most = random.next_u64() as usize % (4 * PIECE);
        client.take(most.max(1));
        if random.next_u64().is_multiple_of(2) {
            client.reset_when_dropped();
        }
        clients.push(client);
        while clients.len() > 8 {
            let index = random.next_u64() as usize % clients.len();
            drop(clients.swap_remove(index));
        }
    }
    drop(clients);
    wait_for("every counter is idle", || {
        let status = server.status();
        let lane = &status["lanes"][0];
        let idle = |key: &str| lane[key].as_u64() == Some(0);
        server.total("requests/running") == 0
            && server.total("connections/open") == 0
            && idle("queued")
            && idle("busy")
            && {
                let metrics = block_on(server.running().handle().metrics()).expect("it runs");
                let core = &metrics.cores[0];
                core.tasks == 0 && core.buffers_in_use == 0 && core.leases_kept == 0
            }
    });
    // All buffers are back too: the same server gives whole answers.
    let answer = server.get("/pieces");
    assert_eq!(answer.body.len(), PIECE * PIECES);
}
