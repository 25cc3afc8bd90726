//! Properties: no garbage panics, and no cut changes a meaning.

use super::conversation::conversation;
use super::decode;
use bytes::Bytes;
use proptest::prelude::*;
use ringgate::http1::body::BodyDecoder;
use ringgate::http1::fields::BodyFraming;
use ringgate::http1::head::{HeadLimits, Parse, parse_head};

/// Bytes that look enough like HTTP to get past the first checks.
fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "GET ", "POST ", "CONNECT ", "OPTIONS ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "/", "*", "?a=b",
            "http://h", " HTTP/1.1\r\n", " HTTP/1.0\r\n", " HTTP/2.0\r\n", "Host: a\r\n", "Host: ",
            "Content-Length: 3\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: ", "Connection: close\r\n", "Expect: 100-continue\r\n", "chunked", ", ",
            "X: y\r\n", "\r\n", "\r\n\r\n", "\r", "\n", "3\r\nabc\r\n", "0\r\n\r\n", "0\r\n", ";x=y", "a",
            "ffffffffffffffff", ":", " ", "\t",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// A valid request: head, body on the wire, payload.
fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Vec<u8>)> {
    let method = "[A-Z]{1,10}".prop_filter("CONNECT has a form of its own", |m| m != "CONNECT");
    let target = prop_oneof![
        "/[a-z0-9%/._~-]{0,40}(\\?[a-z=&?/]{0,20})?",
        "http://[a-z]{1,9}(/[a-z]{0,9})?"
    ];
    let fields = prop::collection::vec(("x-[a-zA-Z0-9-]{0,12}", "([!-~][ -~]{0,30}[!-~])?"), 0..40);
    let body = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..5);
    (
        method,
        target,
        "\\r\\n|",
        fields,
        body,
        any::<bool>(),
        "(;[ -~]{0,9})?",
    )
        .prop_map(
            |(method, target, front, fields, chunks, chunked, extension)| {
                let mut head = format!("{front}{method} {target} HTTP/1.1\r\n");
                let payload = chunks.concat();
                let mut body = Vec::new();
                for (name, value) in &fields {
                    head.push_str(&format!("{name}:  {value}\t\r\n"));
                }
                head.push_str("hOst:h\r\n");
                if chunked {
                    head.push_str("Transfer-Encoding: chunked\r\n");
                    for chunk in &chunks {
                        body.extend(format!("{:X}{extension}\r\n", chunk.len()).into_bytes());
                        body.extend_from_slice(chunk);
                        body.extend_from_slice(b"\r\n");
                    }
                    body.extend_from_slice(b"0\r\nX-T: u\r\n\r\n");
                } else if !payload.is_empty() {
                    head.push_str(&format!("Content-Length: {}\r\n", payload.len()));
                    body.extend_from_slice(&payload);
                }
                head.push_str("\r\n");
                (head.into_bytes(), body, payload)
            },
        )
}

/// `bytes` in pieces that begin at `cuts`.
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = conversation(&[&bytes]);
        for framing in [BodyFraming::Chunked, BodyFraming::Length(7)] {
            let mut decoder = BodyDecoder::new(framing, None).expect("no limit");
            let _ = decode(&mut decoder, &[&bytes]);
        }
    }

    #[test]
    fn a_head_has_one_meaning_wherever_it_is_cut(bytes in nearly_http(), cut in any::<prop::sample::Index>()) {
        let limits = HeadLimits { head_size: 160, head_count: 4, uri_size: 12 };
        let front = &bytes[..cut.index(bytes.len() + 1)];
        match (parse_head(front, &limits), parse_head(&bytes, &limits)) {
            (Ok(Parse::Partial), _) => {}
            (front, whole) => prop_assert_eq!(front, whole),
        }
    }

    #[test]
    fn nearly_valid_streams_mean_the_same_wherever_they_are_cut(bytes in nearly_http(), cuts in cuts()) {
        // A refusal of an unfinished line may wait for the end of the line, and not arrive at all
        // if the stream ends first; so only streams that end with a line are compared.
        let bytes = [&bytes[..], b"\r\n"].concat();
        prop_assert_eq!(conversation(&pieces(&bytes, &cuts)), conversation(&[&bytes]));
    }

    #[test]
    fn a_valid_request_means_the_same_wherever_it_is_cut((head, body, payload) in request(), cuts in cuts()) {
        let bytes = [&head[..], &body].concat();
        let (requests, end) = conversation(&pieces(&bytes, &cuts));
        prop_assert_eq!(end, "");
        prop_assert_eq!(requests.len(), 1);
        prop_assert_eq!(&requests[0].1, &payload);
        prop_assert_eq!(requests[0].0.len, head.len());
        prop_assert_eq!(&conversation(&[&bytes]).0, &requests);
    }

    #[test]
    fn pipelined_requests_split_where_they_were_joined(
        list in prop::collection::vec(request(), 1..6), cuts in cuts(),
    ) {
        let stream: Vec<u8> = list.iter().flat_map(|(head, body, _)| [&head[..], body].concat()).collect();
        let (requests, end) = conversation(&pieces(&stream, &cuts));
        prop_assert_eq!(end, "");
        prop_assert_eq!(requests.len(), list.len());
        for ((found, payload), (head, _, wanted)) in requests.iter().zip(&list) {
            prop_assert_eq!(found, &super::head(head));
            prop_assert_eq!(payload, wanted);
        }
    }

    #[test]
    fn every_accepted_head_converts_to_http_parts(bytes in nearly_http(), (head, _, _) in request()) {
        for bytes in [&bytes[..], &head] {
            if let Ok(Parse::Complete(head)) = parse_head(bytes, &HeadLimits::default()) {
                let parts = head.to_http_parts(&Bytes::copy_from_slice(bytes));
                let parts = parts.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
                prop_assert_eq!(parts.headers.len(), head.fields().len());
                prop_assert_eq!(&parts.method, &head.method);
                for (name, value) in head.headers(bytes) {
                    let found = parts.headers.get_all(name).iter().any(|v| v.as_bytes() == value);
                    prop_assert!(found, "{} is lost", name);
                }
            }
        }
    }

    #[test]
    fn one_changed_byte_never_panics((head, body, _) in request(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = [&head[..], &body].concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = conversation(&[&bytes]);
    }
}
