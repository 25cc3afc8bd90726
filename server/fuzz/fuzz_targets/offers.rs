//! Any bytes as Sec-WebSocket-Extensions: no panic, and what is agreed on is an offer that would be agreed on
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::websocket::deflate::{Compression, Terms};
use ringgate::websocket::handshake::list::offers;

fn agreed(field: &[u8], compression: Compression) -> Option<Terms> {
    let offers: Result<Vec<_>, _> = offers(field).collect();
    let offers = offers.ok()?;
    offers.iter().find_map(|offer| compression.agree(offer))
}

fuzz_target!(|bytes: &[u8]| {
    for keeps_context in [false, true] {
        let compression = Compression {
            keeps_context,
            ..Compression::default()
        };
        let Some(terms) = agreed(bytes, compression) else {
            continue;
        };
        assert!(keeps_context || !terms.keeps_context());
        let answer = terms.to_string();
        assert_eq!(agreed(answer.as_bytes(), compression), Some(terms));
    }
});
