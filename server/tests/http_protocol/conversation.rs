//! What a connection makes of a stream of bytes that arrives in pieces. Called by the property
//! tests and, from outside the workspace, by the fuzz targets in `server/fuzz`; no test itself.

use ringgate::http1::body::BodyDecoder;
use ringgate::http1::head::{Head, HeadLimits, Parse, parse_head_after};

/// Everything that a connection makes of a stream: the heads and payloads, and how it ended.
pub(crate) fn conversation(pieces: &[&[u8]]) -> (Vec<(Head, Vec<u8>)>, String) {
    let limits = HeadLimits {
        head_size: 4096,
        head_count: 64,
        uri_size: 512,
    };
    let mut requests: Vec<(Head, Vec<u8>)> = Vec::new();
    let mut body: Option<BodyDecoder> = None;
    let (mut buffer, mut seen) = (Vec::new(), 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            if let (Some(decoder), Some((_, payload))) = (&mut body, requests.last_mut()) {
                let decoded = match decoder.next(&buffer) {
                    Ok(decoded) => decoded,
                    Err(refusal) => return (requests, refusal.to_string()),
                };
                payload.extend_from_slice(&buffer[decoded.payload]);
                buffer.drain(..decoded.consumed);
                match decoded.finished {
                    true => body = None,
                    false if buffer.is_empty() => break,
                    false => {}
                }
                continue;
            }
            match parse_head_after(&buffer, seen, &limits) {
                Ok(Parse::Complete(head)) => {
                    buffer.drain(..head.len);
                    seen = 0;
                    match BodyDecoder::new(head.framing, Some(100_000)) {
                        Ok(decoder) => body = Some(decoder),
                        Err(refusal) => return (requests, refusal.to_string()),
                    }
                    requests.push((head, Vec::new()));
                }
                Ok(Parse::Partial) => {
                    seen = buffer.len();
                    break;
                }
                Ok(Parse::Http2Preface) => return (requests, "HTTP/2".into()),
                Err(refusal) => return (requests, refusal.to_string()),
            }
        }
    }
    (requests, String::new())
}
