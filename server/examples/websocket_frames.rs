//! What the frames of a WebSocket cost, in memory, without handshake and sockets: text messages of a client
//! are read and answered with themselves, here and by tungstenite; then masks and compression alone.
//!
//!     cargo run --release -p ringgate --example websocket_frames
//!
//! The variants take turns in each round. Shown are the least and the median of the rounds, in
//! nanoseconds a message: on a machine that others use too, the least is the one to compare.

use ringgate::websocket::deflate::{Compression, Deflater, Inflater, Terms};
use ringgate::websocket::frame::{Header, Opcode};
use ringgate::websocket::handshake::list::offers;
use ringgate::websocket::{Arrival, Conversation, Desk, Limits, Message, mask};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::time::Instant;
use tungstenite::protocol::{Role, WebSocket};

const ROUNDS: usize = 201;
/// Messages of one measurement, as they could arrive in one piece.
const MESSAGES: usize = 16;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Frames of a client, one behind the other.
fn stream(message: &str) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..MESSAGES {
        let header = Header {
            mask: Some(MASK),
            ..Header::of_server(Opcode::Text, message.len())
        };
        header.write(&mut stream);
        let begin = stream.len();
        stream.extend_from_slice(message.as_bytes());
        mask::apply(MASK, 0, &mut stream[begin..]);
    }
    stream
}

/// Nanoseconds that `work` takes for one message.
fn time(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_nanos() as f64 / MESSAGES as f64
}

/// A conversation that answers each message with itself.
struct Echo {
    conversation: Conversation,
    inflater: Inflater,
    limits: Limits,
    out: Vec<u8>,
}

impl Echo {
    fn new() -> Echo {
        Echo {
            conversation: Conversation::new(None),
            inflater: Inflater::default(),
            limits: Limits::default(),
            out: Vec::new(),
        }
    }

    fn answer(&mut self, bytes: &mut [u8]) {
        self.out.clear();
        let mut at = 0;
        while at < bytes.len() {
            let mut desk = Desk {
                limits: &self.limits,
                seconds: 0,
                out: &mut self.out,
            };
            let received =
                self.conversation
                    .receive(&mut bytes[at..], &mut self.inflater, &mut desk);
            let received = received.expect("a sound frame");
            let Arrival::Text(text) = &received.arrival else {
                panic!("no text");
            };
            at += received.used;
            let sent = self
                .conversation
                .send(Message::Text(text), None, &mut self.out);
            sent.expect("an open conversation");
        }
        black_box(&self.out);
    }
}

/// A stream in memory: what is written is thrown away.
struct Pipe {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Pipe {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = room.len().min(self.bytes.len() - self.at);
        if length == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        room[..length].copy_from_slice(&self.bytes[self.at..][..length]);
        self.at += length;
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn answer_by_tungstenite(socket: &mut WebSocket<Pipe>) {
    socket.get_mut().at = 0;
    while let Ok(message) = socket.read() {
        socket.write(message).expect("an open socket");
    }
    socket.flush().expect("a pipe");
}

fn print(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!("  {what:<34}{:>9.0} least{median:>9.0} median", times[0]);
}

fn echoes(message: &str) {
    let bytes = stream(message);
    let mut echo = Echo::new();
    let pipe = Pipe {
        bytes: bytes.clone(),
        at: 0,
    };
    let mut socket = WebSocket::from_raw_socket(pipe, Role::Server, None);
    let (mut here, mut by_tungstenite, mut masks) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let mut received = bytes.clone();
        here.push(time(|| echo.answer(&mut received)));
        by_tungstenite.push(time(|| answer_by_tungstenite(&mut socket)));
        masks.push(time(|| mask::apply(MASK, 0, black_box(&mut received))));
    }
    println!("{} bytes of text", message.len());
    print("read and answered here", here);
    print("read and answered by tungstenite", by_tungstenite);
    print("the mask alone", masks);
}

fn terms() -> Terms {
    let offer = offers(b"permessage-deflate").next();
    let offer = offer.expect("an offer").expect("a sound one");
    let terms = Compression::default().agree(&offer);
    terms.expect("an offer that is accepted")
}

fn compression(message: &str) {
    let terms = terms();
    let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
    let payload = deflater.deflate(terms, message.as_bytes()).to_vec();
    let (mut deflated, mut inflated) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        deflated.push(time(|| {
            for _ in 0..MESSAGES {
                black_box(deflater.deflate(terms, message.as_bytes()));
            }
        }));
        inflated.push(time(|| {
            for _ in 0..MESSAGES {
                let message = inflater.inflate(terms, &payload, 1 << 20);
                black_box(message.expect("a sound message"));
            }
        }));
    }
    println!(
        "{} bytes of text, {} compressed",
        message.len(),
        payload.len()
    );
    print("deflated", deflated);
    print("inflated", inflated);
}

/// Text as servers send it.
fn text(length: usize) -> String {
    let mut text = String::new();
    let mut number = 1u32;
    while text.len() < length {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += &format!(
            "{{\"id\":{},\"name\":\"item {}\",\"price\":{}}},",
            number >> 20,
            number >> 24,
            number >> 16
        );
    }
    text.truncate(length);
    text
}

fn main() {
    println!("rounds {ROUNDS} of {MESSAGES} messages; nanoseconds a message");
    for length in [64, 1024, 16 << 10] {
        echoes(&text(length));
    }
    echoes(&"καλημέρα ".repeat(60));
    for length in [256, 1024, 16 << 10] {
        compression(&text(length));
    }
}
