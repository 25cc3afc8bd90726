//! An echo server over the WebSocket rooms alone, one thread a connection and without a ring: what Autobahn
//! is run against (`scripts/autobahn.sh`) to try the protocol apart from the engine. No model for a server:
//! there is no deadline here.
//!
//!     cargo run --release -p ringgate --example websocket_echo -- 127.0.0.1:9001

use ringgate::http1::fields::BodyFraming;
use ringgate::http1::head::{Head, HeadLimits, Parse, parse_head};
use ringgate::websocket::deflate::{Compression, Deflater, Inflater};
use ringgate::websocket::handshake::{Accept, Asked, Declined, Policy, judge};
use ringgate::websocket::life::{Effect, Event, State};
use ringgate::websocket::{Arrival, Conversation, Desk, Limits, Message};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Autobahn's largest messages have 16 MiB, and its finest fragments 64 bytes of 4 MiB.
const LIMITS: Limits = Limits {
    frame_size: 32 << 20,
    message_size: 32 << 20,
    fragments: 1 << 20,
    controls: 10_000,
    delivery: ringgate::websocket::Delivery::Whole,
};
/// Bytes received in one call.
const ROOM_SIZE_BYTES: usize = 64 << 10;

fn policy() -> Policy {
    Policy {
        compression: Some(Compression::default()),
        ..Policy::default()
    }
}

fn judge_head<'p>(head: &Head, bytes: &[u8], policy: &'p Policy) -> Result<Accept<'p>, Declined> {
    let asked = Asked {
        method: &head.method,
        version: head.version,
        host: head.host(bytes),
        protocol: None,
        has_body: head.framing != BodyFraming::None,
    };
    judge(&asked, head.headers(bytes), policy)
}

/// A conversation whose handshake is accepted, and what was received behind it. None if it is not.
fn shake_hands(stream: &mut TcpStream) -> io::Result<Option<(Conversation, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    loop {
        let received = stream.read(&mut room)?;
        bytes.extend_from_slice(&room[..received]);
        match parse_head(&bytes, &HeadLimits::default()) {
            Ok(Parse::Partial) if received > 0 => continue,
            Ok(Parse::Complete(head)) => {
                let policy = policy();
                let mut answer = Vec::new();
                let accept = match judge_head(&head, &bytes, &policy) {
                    Ok(accept) => accept,
                    Err(declined) => {
                        let status = declined.status;
                        write!(
                            answer,
                            "HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{declined}\n"
                        )?;
                        stream.write_all(&answer)?;
                        return Ok(None);
                    }
                };
                accept.write_head(&mut answer);
                stream.write_all(&answer)?;
                let rest = bytes.split_off(head.len);
                return Ok(Some((Conversation::new(accept.compression), rest)));
            }
            _ => return Ok(None),
        }
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some((mut conversation, mut bytes)) = shake_hands(&mut stream)? else {
        return Ok(());
    };
    let (mut inflater, mut deflater) = (Inflater::default(), Deflater::default());
    let mut room = vec![0; ROOM_SIZE_BYTES];
    let mut out = Vec::new();
    loop {
        let used = answer(
            &mut conversation,
            &mut bytes,
            &mut inflater,
            &mut deflater,
            &mut out,
        );
        bytes.drain(..used);
        stream.write_all(&out)?;
        out.clear();
        if conversation.state() == State::Leaving
            && conversation.on(Event::Flushed, "", &mut out) == Effect::Linger
        {
            stream.shutdown(Shutdown::Write)?;
        }
        match stream.read(&mut room)? {
            0 => return Ok(()),
            received => bytes.extend_from_slice(&room[..received]),
        }
    }
}

/// Answers each message in `bytes` with itself, and says how many bytes are done with.
fn answer(
    conversation: &mut Conversation,
    bytes: &mut [u8],
    inflater: &mut Inflater,
    deflater: &mut Deflater,
    out: &mut Vec<u8>,
) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let mut desk = Desk {
            limits: &LIMITS,
            seconds: 0,
            out,
        };
        // A fault is told to the client by what is in `out` then.
        let Ok(received) = conversation.receive(&mut bytes[at..], inflater, &mut desk) else {
            return bytes.len();
        };
        at += received.used;
        let sent = match received.arrival {
            Arrival::Text(text) => conversation.send(Message::Text(&text), Some(deflater), out),
            Arrival::Binary(bytes) => {
                conversation.send(Message::Binary(&bytes), Some(deflater), out)
            }
            Arrival::Needs(_) => break,
            _ => Ok(()),
        };
        // Nothing closes from this side, and so everything may be answered.
        sent.expect("an open conversation");
    }
    at
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0"))?;
    println!("ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            if let Err(error) = echo(stream) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}
