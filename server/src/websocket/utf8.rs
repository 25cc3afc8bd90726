//! Whether bytes that come in pieces are UTF-8, told at the first byte that no continuation could mend
//! (RFC 6455 section 8.1). Called by `message` with each piece of a text message.

use std::str::from_utf8;

/// The text has a byte that cannot stand where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

/// The front of a character whose rest is still to come: nothing, or up to three bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct HalfCharacter {
    bytes: [u8; 4],
    len: u8,
}

impl HalfCharacter {
    /// Whether the text so far ends with a whole character.
    pub const fn is_none(&self) -> bool {
        self.len == 0
    }

    /// Goes on with `piece`; `take` is given the characters that are whole now, in order.
    ///
    /// # Errors
    /// The text is not UTF-8, whatever follows.
    pub fn join(&mut self, mut piece: &[u8], mut take: impl FnMut(&str)) -> Result<(), NotUtf8> {
        while self.len != 0 {
            let Some((&next, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.bytes[usize::from(self.len)] = next;
            self.len += 1;
            match from_utf8(&self.bytes[..usize::from(self.len)]) {
                Ok(character) => {
                    take(character);
                    self.len = 0;
                }
                // The standard library says None while the bytes could be the front of a character, of
                // which the longest has four.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(NotUtf8),
            }
        }
        let error = match from_utf8(piece) {
            Ok(text) => {
                take(text);
                return Ok(());
            }
            Err(error) => error,
        };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        let (whole, half) = piece.split_at(error.valid_up_to());
        take(from_utf8(whole).map_err(|_| NotUtf8)?);
        self.bytes[..half.len()].copy_from_slice(half);
        self.len = half.len() as u8;
        Ok(())
    }
}
