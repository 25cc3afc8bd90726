//! Eight bytes that choose cuts, then what a client of HTTP/2 sends behind its preface and an empty SETTINGS: the
//! same requests, answers and fault as from the uncut stream.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/http2/pieces.rs"]
mod pieces;

const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fuzz_target!(|bytes: &[u8]| {
    let Some((cuts, rest)) = bytes.split_at_checked(8) else {
        return;
    };
    let stream = [BEGIN, rest].concat();
    let mut cut = Vec::new();
    let mut rest = &stream[..];
    for &size in cuts.iter().cycle().take(4096) {
        let (piece, next) = rest.split_at(rest.len().min(1 + usize::from(size)));
        cut.push(piece);
        rest = next;
    }
    cut.push(rest);
    assert_eq!(pieces::course(&cut), pieces::course(&[&stream]));
});
