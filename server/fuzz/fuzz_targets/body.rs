//! Any bytes as a chunked body: no panic, progress with every call, and the same payload and end
//! whether they come at once or one by one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::http1::body::BodyDecoder;
use ringgate::http1::fields::BodyFraming;

/// Payload, bytes left over and refusal of a body that arrives in pieces of `size` bytes.
fn decode(bytes: &[u8], size: usize) -> (Vec<u8>, usize, Option<String>) {
    let mut decoder = BodyDecoder::new(BodyFraming::Chunked, Some(4096)).expect("no length yet");
    let mut payload = Vec::new();
    let mut at = 0;
    while at < bytes.len() && !decoder.is_finished() {
        let piece = &bytes[at..bytes.len().min(at + size)];
        match decoder.next(piece) {
            Ok(decoded) => {
                assert!(decoded.consumed > 0 && decoded.payload.end == decoded.consumed);
                payload.extend_from_slice(&piece[decoded.payload]);
                at += decoded.consumed;
            }
            Err(refusal) => return (payload, 0, Some(refusal.to_string())),
        }
    }
    (payload, bytes.len() - at, None)
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(decode(bytes, usize::MAX / 2), decode(bytes, 1));
});
