//! Sends requests of HTTP/2 as h2load makes them through the production code over a simulated ring, for counting
//! instructions: `scripts/instructions.sh http2` runs it under callgrind with two sizes and divides.
//!
//! Usage: `replay_http2 REQUESTS [STREAMS]`, as many streams at a time.

use ringgate::config::Config;
use ringgate::http2::frame::PREFACE;
use ringgate::simulation::Simulation;
use ringgate::{Request, Router};

const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";
/// The fields of the first request, which go into the table, and of all further ones, which come out of it.
const FIRST: &[u8] =
    b"\x82\x86\x44\x0a/plaintext\x41\x0e127.0.0.1:8080\x7a\x15h2load nghttp2/1.52.0";
const NEXT: &[u8] = b"\x82\x86\xc0\xbf\xbe";
/// END_HEADERS and END_STREAM.
const WHOLE: u8 = 0x5;
/// DATA on the connection's window, given back now and then.
const WINDOW_UPDATE: &[u8] = b"\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff";

fn request(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, block.len() as u8, 1, WHOLE];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(block);
    frame
}

/// Frames that end a stream, and the payload of DATA.
fn answers(bytes: &[u8]) -> (usize, usize) {
    let (mut rest, mut ends, mut payload) = (bytes, 0, 0);
    while let Some((header, behind)) = rest.split_first_chunk::<9>() {
        let size = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        let is_data = header[3] == 0;
        ends += usize::from(is_data && header[4] & 1 == 1);
        payload += if is_data { size } else { 0 };
        rest = &behind[size..];
    }
    (ends, payload)
}

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok());
    let requests: usize = numbers.next().unwrap_or(1000);
    let streams: usize = numbers.next().unwrap_or(1);
    let router = Router::new().get("/plaintext", |_: Request| async { "Hello, World!" });
    let mut simulation = Simulation::new(&Config::default(), router, 1);
    let client = simulation.connect();
    client.send(&[PREFACE, SETTINGS, &request(1, FIRST)].concat());
    let (mut answered, mut next, mut received) = (0, 3, 0);
    let mut awaited = 1;
    loop {
        let mut bytes = Vec::new();
        let mut ended = 0;
        while ended < awaited {
            simulation.run_until(|_| client.received_len() > 0);
            bytes.extend(client.take_received());
            (ended, _) = answers(&bytes);
        }
        answered += ended;
        received += answers(&bytes).1;
        if answered >= requests {
            break;
        }
        let mut batch = Vec::new();
        if received > 32_000 {
            batch.extend_from_slice(WINDOW_UPDATE);
            received = 0;
        }
        for _ in 0..streams {
            batch.extend(request(next, NEXT));
            next += 2;
        }
        client.send(&batch);
        awaited = streams;
    }
    println!("{answered} requests");
}
