//! Any bytes as a WebSocket after its handshake, cut at places that the first bytes choose: the same messages,
//! answers and fault as from the uncut stream, and nothing but whole frames in answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::websocket::deflate::{Compression, Terms};
use ringgate::websocket::handshake::list::offers;
use ringgate::websocket::{Delivery, Fault, Limits};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/websocket/forge.rs"]
mod forge;

use forge::{Heard, Listener};

fn terms() -> Option<Terms> {
    let offer = offers(b"permessage-deflate").next()?.ok()?;
    Compression::default().agree(&offer)
}

/// What a stream in these pieces leads to.
fn outcome(pieces: &[&[u8]], flags: u8) -> (Vec<Heard>, Vec<u8>, Option<Fault>) {
    let mut listener = Listener::new(terms().filter(|_| flags & 1 != 0));
    listener.limits = Limits {
        frame_size: 1 << 16,
        message_size: 1 << 16,
        fragments: 8,
        controls: 8,
        delivery: match flags & 2 {
            0 => Delivery::Whole,
            _ => Delivery::Parts,
        },
    };
    for piece in pieces {
        listener.receive(piece);
    }
    forge::frames(&listener.out);
    (listener.heard, listener.out, listener.fault)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[flags, ref cuts @ ..], stream)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let mut pieces = Vec::new();
    let mut rest = stream;
    for &cut in cuts.iter().cycle().take(4096) {
        if rest.is_empty() {
            break;
        }
        let (piece, next) = rest.split_at(rest.len().min(1 + usize::from(cut)));
        pieces.push(piece);
        rest = next;
    }
    pieces.push(rest);
    assert_eq!(outcome(&pieces, flags), outcome(&[stream], flags));
});
