//! The bytes of a client of WebSockets, for the tests that hold the server to them.
#![allow(dead_code, reason = "no test uses all of it")]

/// The head that asks for a WebSocket.
pub(crate) fn handshake(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// A frame of a client's: first byte, payload.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 70, 170, 77];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        medium @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// A text in one frame.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// A Close with this code.
pub(crate) fn close_frame(code: u16) -> Vec<u8> {
    frame(0x88, &code.to_be_bytes())
}
