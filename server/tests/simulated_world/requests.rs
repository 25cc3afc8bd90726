//! What clients say: whole requests of HTTP/1.1, and pieces of the protocols that come after it.

use crate::forge::{data, forged, reset, settings, window_update};
use crate::frames::{close_frame, frame, handshake, text};
use crate::seeds::Dice;
use ringgate::http2::frame::PREFACE;

/// The protocol that a client speaks from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Http1,
    WebSocket,
    Bytes,
    Http2,
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes()
}

fn post(path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

/// A body of known length or in chunks, and its field.
fn body(dice: &mut Dice) -> (String, Vec<u8>) {
    let size = dice.one(&[0, 1, 100, 5_000, 40_000, 99_000, 150_000]);
    let bytes = vec![b'b'; size];
    match dice.roll(3) {
        0 => {
            let mut chunked = Vec::new();
            for piece in bytes.chunks(1 + size / 3) {
                chunked.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                chunked.extend(piece);
                chunked.extend(b"\r\n");
            }
            chunked.extend(b"0\r\n");
            if dice.roll(4) == 0 {
                chunked.extend(b"Checksum: 1\r\n");
            }
            chunked.extend(b"\r\n");
            ("Transfer-Encoding: chunked\r\n".to_owned(), chunked)
        }
        _ => (format!("Content-Length: {size}\r\n"), bytes),
    }
}

/// Where bodies go.
const BODIES: [&str; 7] = [
    "echo",
    "flow",
    "unread",
    "unread/300",
    "early",
    "early-large",
    "early-failing",
];

/// What no server takes.
const BROKEN: [&str; 9] = [
    "GET\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/3.1\r\nHost: test\r\n\r\n",
    "POST /echo/0 HTTP/1.1\r\nHost: test\r\nContent-Length: x\r\n\r\n",
    "POST /echo/0 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "POST /flow/0 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc!!\r\n",
    "POST /unread/0 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc!!\r\n",
    "POST /early/0 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc!!\r\n",
    "GET /hello/0 HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
];

/// A request of this number, and what is spoken behind it.
pub(crate) fn request(dice: &mut Dice, number: u32) -> (Vec<u8>, Speech) {
    let plain = |bytes| (bytes, Speech::Http1);
    match dice.roll(40) {
        0 => plain(dice.one(&BROKEN).as_bytes().to_vec()),
        1 => plain(
            format!(
                "GET /hello/0 HTTP/1.1\r\nHost: test\r\nX: {}",
                "y".repeat(70_000)
            )
            .into(),
        ),
        2 => (handshake(dice.one(&["/ws", "/feed"])), Speech::WebSocket),
        3 => (handshake("/ws-task"), Speech::WebSocket),
        4 => {
            let head =
                "GET /upgrade HTTP/1.1\r\nHost: t\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n";
            (head.into(), Speech::Bytes)
        }
        5 => plain(get(&format!("/panic/{}/{number}", dice.one(&[0, 100])))),
        6 => plain(get(&format!("/never/{number}"))),
        7 => plain(get(&format!("/closing/{number}"))),
        8 => plain(get(&format!("/detached/{number}"))),
        9 => plain(get(&format!("/health/{number}"))),
        10 => plain(get(&format!("/nowhere/{number}"))),
        11 => plain(get(&format!("/failing/{number}"))),
        12 => plain(get(&format!("/short/{number}"))),
        13 => plain(get(&format!("/long/{number}"))),
        14 => plain(get(&format!("/fits/{number}"))),
        15 => plain(format!("HEAD /hello/{number} HTTP/1.1\r\nHost: test\r\n\r\n").into()),
        16 => plain(format!("GET /hello/{number} HTTP/1.0\r\n\r\n").into()),
        17 => {
            let fields = "Connection: close\r\n";
            plain(format!("GET /hello/{number} HTTP/1.1\r\nHost: test\r\n{fields}\r\n").into())
        }
        18..20 => {
            let path = dice.one(&["echo", "flow", "unread", "unread/300"]);
            let fields = "Expect: 100-continue\r\nContent-Length: 9\r\n";
            let body = dice.one(&[&b"expected!"[..], b""]);
            plain(post(&format!("/{path}/{number}"), fields, body))
        }
        20..28 => {
            let path = dice.one(&BODIES);
            let (mut fields, body) = body(dice);
            if dice.roll(8) == 0 {
                fields += "Connection: close\r\n";
            }
            plain(post(&format!("/{path}/{number}"), &fields, &body))
        }
        28..30 => plain(get(&format!("/large/{number}"))),
        30..32 => plain(get(&format!("/pieces/{number}"))),
        32..35 => plain(get(&format!(
            "/sleep/{}/{number}",
            dice.one(&[1, 20, 700, 5000])
        ))),
        _ => plain(get(&format!("/hello/{number}"))),
    }
}

/// A piece of what a client of this protocol says.
pub(crate) fn piece(speech: Speech, dice: &mut Dice, number: u32) -> Vec<u8> {
    match speech {
        Speech::Http1 => Vec::new(),
        Speech::Bytes => vec![b'p'; dice.one(&[1, 100, 20_000])],
        Speech::WebSocket => match dice.roll(16) {
            0 => close_frame(1000),
            // Text that is none, a frame with a reserved bit, a continuation of nothing.
            1 => frame(0x81, b"\xff"),
            2 => frame(0xc1, b"?"),
            3 => frame(0x80, b"?"),
            4 => frame(0x89, b"ping"),
            5 => frame(0x8a, b"pong"),
            6 => text("bye"),
            7..9 => text("much"),
            // The front of a message whose rest may never come.
            9..11 => frame(0x01, b"front"),
            11 => frame(0x80, b"end"),
            12 => frame(0x82, &[1; 30_000]),
            _ => text("some words"),
        },
        Speech::Http2 => {
            let stream = 2 * number + 1;
            let of = |dice: &mut Dice| 1 + 2 * dice.roll(number + 1);
            match dice.roll(20) {
                0 => forged(7, 0, 0, &[0; 8]),
                1 => data(0, false, b"?"),
                2 => reset(of(dice)),
                3 => forged(6, 0, 0, &[7; 8]),
                4 => forged(6, 1, 0, b"ringgate"),
                5 => settings(&[(4, dice.one(&[0, 1000, 1 << 20]))]),
                6..8 => window_update(0, 1 + dice.roll(100_000)),
                8 => window_update(of(dice), 1 + dice.roll(100_000)),
                9..12 => data(of(dice), dice.roll(2) == 0, &[b'd'; 500]),
                12..14 => crate::forge::headers(stream, false, &fields("POST", "/flow/0")),
                14 => crate::forge::headers(stream, true, &fields("GET", "/large/0")),
                15 => crate::forge::headers(stream, true, &fields("GET", "/sleep/700/0")),
                16 => crate::forge::headers(of(dice), dice.roll(2) == 0, &[("checksum", "1")]),
                _ => crate::forge::headers(stream, true, &fields("GET", "/hello/0")),
            }
        }
    }
}

fn fields(method: &'static str, path: &'static str) -> [(&'static str, &'static str); 4] {
    [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "test"),
    ]
}

/// The beginning of HTTP/2.
pub(crate) fn preface() -> Vec<u8> {
    [&PREFACE[..], &settings(&[]), &forged(4, 1, 0, &[])].concat()
}
