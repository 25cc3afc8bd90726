//! The protocol rooms seen from outside: heads, bodies, answers and the life cycle, filed by
//! section of RFC 9112 and RFC 9110; property tests over cut and garbled input at the end.

mod answers;
mod bodies;
mod conversation;
mod heads;
mod life_cycle;
mod properties;
mod values;

use ringgate::http1::body::BodyDecoder;
use ringgate::http1::head::{Head, HeadLimits, Parse, parse_head};
use ringgate::http1::refusal::Refusal;

/// Parses `bytes`, which must begin with a whole head.
#[track_caller]
fn head(bytes: &[u8]) -> Head {
    match parse_head(bytes, &HeadLimits::default()) {
        Ok(Parse::Complete(head)) => head,
        other => panic!("{} is {other:?}", bytes.escape_ascii()),
    }
}

/// Parses `bytes`, which must be refused, and gives the status.
#[track_caller]
fn refused(bytes: &[u8]) -> u16 {
    match parse_head(bytes, &HeadLimits::default()) {
        Err(refusal) => refusal.status.as_u16(),
        other => panic!("{} is {other:?}", bytes.escape_ascii()),
    }
}

/// Feeds `pieces` one after the other, keeping what is not consumed; gives the payload and what
/// follows the body once it is over.
fn decode(decoder: &mut BodyDecoder, pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let (mut payload, mut rest) = (Vec::new(), Vec::new());
    for piece in pieces {
        rest.extend_from_slice(piece);
        loop {
            let decoded = decoder.next(&rest)?;
            assert_eq!(decoded.finished, decoder.is_finished());
            assert_eq!(
                decoded.payload.end, decoded.consumed,
                "payload ends what is consumed"
            );
            payload.extend_from_slice(&rest[decoded.payload]);
            rest.drain(..decoded.consumed);
            if decoded.finished || rest.is_empty() {
                break;
            }
            assert!(
                decoded.consumed > 0,
                "no progress with {} bytes left",
                rest.len()
            );
        }
    }
    Ok((payload, rest))
}
