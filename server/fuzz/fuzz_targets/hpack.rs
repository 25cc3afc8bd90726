//! Blocks of HPACK, each behind a byte that says its length, as one client after the other would send them: no
//! panic, no table larger than it may be, and a session that another process takes over is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::http2::Session;
use ringgate::http2::hpack::decoder::Nobody;
use ringgate::http2::hpack::{Decoder, huffman};

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::new(4096);
    let mut scratch = Vec::new();
    let mut rest = bytes;
    while let Some((&size, more)) = rest.split_first() {
        let (block, next) = more.split_at(more.len().min(usize::from(size)));
        rest = next;
        if decoder.decode(block, &mut scratch, &mut Nobody).is_err() {
            break;
        }
        assert!(decoder.table().size() <= decoder.table().max());
    }
    let mut text = Vec::new();
    if huffman::decode(bytes, &mut text).is_ok() {
        let mut again = Vec::new();
        huffman::encode(&text, &mut again);
        assert_eq!(again, bytes);
    }
    if let Ok(session) = Session::decode(bytes, 0) {
        assert_eq!(session.encode().as_deref(), Some(bytes));
    }
});
