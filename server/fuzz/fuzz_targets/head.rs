//! Any bytes as a request head: no panic, spans inside the head, and no prefix with another
//! meaning than the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::http1::head::{HeadLimits, Parse, parse_head, parse_head_after};

fuzz_target!(|bytes: &[u8]| {
    let limits = HeadLimits {
        head_size: 1024,
        head_count: 16,
        uri_size: 64,
    };
    let whole = parse_head(bytes, &limits);
    if let Ok(Parse::Complete(head)) = &whole {
        assert!(head.len <= bytes.len() && bytes[..head.len].ends_with(b"\r\n\r\n"));
        assert!(!head.target(bytes).is_empty());
        let parts = head
            .to_http_parts_copied(bytes)
            .expect("http takes what the parser takes");
        assert_eq!(parts.headers.len(), head.headers(bytes).count());
        let again = parse_head(&bytes[..head.len], &limits);
        assert_eq!(again, whole, "what follows a head has no part in it");
        // Bytes that were looked at before go the long way.
        let long = parse_head_after(bytes, 1, &limits);
        assert_eq!(long, whole, "the short way reads what the long way reads");
    }
    for cut in 0..bytes.len() {
        match parse_head(&bytes[..cut], &limits) {
            Ok(Parse::Partial) => {}
            front => assert_eq!(front, whole, "cut at {cut}"),
        }
    }
});
