//! The same streams through tungstenite, an implementation by others: the same messages come out, up to the
//! same fault. The two differ on purpose in what is listed at [`is_alike`].

use crate::forge::{
    BINARY, CLOSE, CONTINUATION, FIN, Heard, Listener, PING, PONG, TEXT, close_body, frame, frames,
};
use proptest::prelude::*;
use ringgate::websocket::CloseCode;
use std::io::{self, Read, Write};
use tungstenite::protocol::{Message, Role, WebSocket};

/// A stream of bytes that arrive in pieces, and what was answered to them.
struct Pipe {
    pieces: Vec<Vec<u8>>,
    answered: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.pieces.first_mut() else {
            return Ok(0);
        };
        let length = piece.len().min(room.len());
        room[..length].copy_from_slice(&piece[..length]);
        piece.drain(..length);
        if piece.is_empty() {
            self.pieces.remove(0);
        }
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite hears, whether it finds a fault, and its Pongs.
fn theirs(pieces: Vec<Vec<u8>>) -> (Vec<Heard>, bool, Vec<Vec<u8>>) {
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
    let pipe = Pipe {
        pieces: pieces.collect(),
        answered: Vec::new(),
    };
    let mut socket = WebSocket::from_raw_socket(pipe, Role::Server, None);
    let mut heard = Vec::new();
    let failed = loop {
        match socket.read() {
            Ok(Message::Text(text)) => heard.push(Heard::Text(text.as_str().to_owned())),
            Ok(Message::Binary(bytes)) => heard.push(Heard::Binary(bytes.to_vec())),
            Ok(Message::Ping(payload)) => heard.push(Heard::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => heard.push(Heard::Pong(payload.to_vec())),
            Ok(Message::Close(frame)) => {
                let code = frame.as_ref().map(|frame| u16::from(frame.code));
                let reason = frame.map(|frame| frame.reason.as_str().to_owned());
                let code = code.and_then(CloseCode::new);
                heard.push(Heard::Close(code, reason.unwrap_or_default()));
                break false;
            }
            Ok(Message::Frame(_)) => {}
            // The end of the stream without a Close.
            Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => break false,
            Err(_) => break true,
        }
    };
    let _ = socket.flush();
    let answered = socket.get_ref().answered.clone();
    (heard, failed, pongs(&answered))
}

fn pongs(answered: &[u8]) -> Vec<Vec<u8>> {
    let pongs = frames(answered).into_iter().filter(|frame| frame.0 == PONG);
    pongs.map(|frame| frame.1).collect()
}

/// What is heard here, whether a fault is found, and the Pongs.
fn ours(pieces: &[Vec<u8>]) -> (Vec<Heard>, bool, Vec<Vec<u8>>) {
    let mut listener = Listener::new(None);
    for piece in pieces {
        listener.receive(piece);
    }
    let pongs = pongs(&listener.out);
    (listener.heard, listener.fault.is_some(), pongs)
}

/// A frame on which both agree.
///
/// Left out: lengths in more bytes than they need, which tungstenite takes; and Close frames with a code that
/// may not be sent, or a reason that is not UTF-8, which it hears before it complains.
fn is_alike() -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![
        8 => prop::sample::select(vec![TEXT, BINARY]),
        4 => prop::sample::select(vec![TEXT & !FIN, BINARY & !FIN]),
        6 => Just(CONTINUATION & !FIN),
        8 => Just(CONTINUATION),
    ];
    let payload = prop_oneof![
        6 => "[a-zé🌍]{0,40}".prop_map(String::into_bytes),
        3 => prop::collection::vec(any::<u8>(), 0..300),
        1 => (65_500..65_600usize).prop_map(|length| vec![b'l'; length]),
    ];
    let codes = prop::sample::select(vec![1000u16, 1001, 1003, 1011, 3000, 4999]);
    prop_oneof![
        20 => (data, payload).prop_map(|(first, payload)| frame(first, &payload)),
        4 => (
            prop::sample::select(vec![PING, PONG]),
            prop::collection::vec(any::<u8>(), 0..125),
        )
            .prop_map(|(first, payload)| frame(first, &payload)),
        1 => codes.prop_map(|code| frame(CLOSE, &close_body(code, "why"))),
        1 => Just(frame(CLOSE, &[])),
        1 => (3u8..8).prop_map(|opcode| frame(0x80 | opcode, b"reserved")),
        1 => Just(frame(PING & !FIN, b"in parts")),
        1 => Just(frame(TEXT | 0x20, b"a bit")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn tungstenite_hears_the_same(
        frames in prop::collection::vec(is_alike(), 0..16),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stream = frames.concat();
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.sort_unstable();
        let mut pieces = Vec::new();
        let mut begin = 0;
        for place in places.into_iter().chain([stream.len()]) {
            pieces.push(stream[begin..place].to_vec());
            begin = place;
        }
        let (ours, ours_failed, our_pongs) = ours(&pieces);
        let (theirs, theirs_failed, their_pongs) = theirs(pieces);
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(ours_failed, theirs_failed);
        // It answers the newest of the Pings that it read in one go; here each is answered.
        prop_assert!(their_pongs.iter().all(|pong| our_pongs.contains(pong)));
    }
}
