//! Sends messages of 64 bytes to a WebSocket that echoes, through the production code over a simulated ring, for
//! counting instructions: `scripts/instructions.sh websocket` runs it under callgrind with two sizes and divides.
//!
//! Usage: `replay_websocket MESSAGES [PIPELINE]`.

use ringgate::config::Config;
use ringgate::handler::websocket::{Message, Socket};
use ringgate::simulation::Simulation;
use ringgate::{Request, Router, WebSocket};

const HANDSHAKE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// First byte and length of a masked text, and its mask.
const HEAD: [u8; 6] = [0x81, 0x80 | 64, 1, 2, 3, 4];
const ECHO_SIZE_BYTES: usize = 2 + 64;

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok());
    let messages: usize = numbers.next().unwrap_or(1000);
    let pipeline: usize = numbers.next().unwrap_or(1);
    let sockets = WebSocket::new();
    let router = Router::new().get("/ws", move |request: Request| {
        let answer = sockets.accept(&request, |socket: &mut Socket<'_>, message: Message<'_>| {
            let _ = socket.send(message);
        });
        async { answer }
    });
    let mut simulation = Simulation::new(&Config::default(), router, 1);
    let client = simulation.connect();
    client.send(HANDSHAKE);
    simulation.run_until(|_| client.received().ends_with(b"\r\n\r\n"));
    client.take_received();
    let masked = (0..64).map(|at: usize| b'a' ^ HEAD[2 + at % 4]);
    let frame: Vec<u8> = HEAD.into_iter().chain(masked).collect();
    let batch = frame.repeat(pipeline);
    let mut answered = 0;
    while answered < messages {
        client.send(&batch);
        simulation.run_until(|_| client.received_len() == pipeline * ECHO_SIZE_BYTES);
        answered += client.take_received().len() / ECHO_SIZE_BYTES;
    }
    println!("{answered} messages");
}
