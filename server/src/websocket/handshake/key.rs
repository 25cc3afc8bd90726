//! Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 sections 4.2.1 and 4.2.2): the proof that a server
//! understood the handshake. Called by `judge`.

use aws_lc_rs::digest;

/// Length of Sec-WebSocket-Accept: the 20 bytes of a SHA-1 in base64.
pub(super) const ACCEPT_SIZE_BYTES: usize = 28;
/// Length of Sec-WebSocket-Key: 16 bytes in base64.
const KEY_SIZE_BYTES: usize = 24;
/// The text that every server appends to the key.
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The answer to a key. None if the key is not 16 bytes in base64.
pub(super) fn accept(key: &[u8]) -> Option<[u8; ACCEPT_SIZE_BYTES]> {
    if !is_key(key) {
        return None;
    }
    let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key);
    sha1.update(SUFFIX);
    Some(encode(sha1.finish().as_ref()))
}

/// Whether this is base64 of 16 bytes: 22 digits, of which the last has two bits, and two signs of padding.
/// The other bits of the last digit are 0 as encoders write them, and not looked at here (RFC 4648 section
/// 3.5 leaves that open, and the value itself is never used).
fn is_key(key: &[u8]) -> bool {
    let Some((digits, b"==")) = key.split_last_chunk::<2>() else {
        return false;
    };
    key.len() == KEY_SIZE_BYTES && digits.iter().all(|digit| ALPHABET.contains(digit))
}

/// Base64 of 20 bytes, with padding.
fn encode(bytes: &[u8]) -> [u8; ACCEPT_SIZE_BYTES] {
    let mut text = [b'='; ACCEPT_SIZE_BYTES];
    for (group, digits) in bytes.chunks(3).zip(text.chunks_mut(4)) {
        let mut word = [0; 4];
        word[1..=group.len()].copy_from_slice(group);
        let word = u32::from_be_bytes(word);
        // A group of one byte has two digits, one of two bytes three.
        for (at, digit) in digits.iter_mut().enumerate().take(group.len() + 1) {
            *digit = ALPHABET[(word >> (18 - 6 * at)) as usize % 64];
        }
    }
    text
}
