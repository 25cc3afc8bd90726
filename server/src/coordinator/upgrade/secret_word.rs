//! The secret of session tickets as a word of an upgrade: hexadecimal on its way, and silent in every log.
//! Used by [`super::word`].

use crate::tls::tickets::{TICKET_SECRET_SIZE_BYTES, TicketSecret};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// See the module. Zeroed when it is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretWord(String);

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl From<&TicketSecret> for SecretWord {
    fn from(secret: &TicketSecret) -> SecretWord {
        // With room for all of it: a string that grows would leave parts behind.
        let mut text = String::with_capacity(2 * TICKET_SECRET_SIZE_BYTES);
        for byte in secret.expose() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(DIGITS[usize::from(digit)]));
            }
        }
        SecretWord(text)
    }
}

impl SecretWord {
    /// The secret; None for what is no secret of this version.
    pub(crate) fn read(&self) -> Option<TicketSecret> {
        let mut bytes = Zeroizing::new([0; TICKET_SECRET_SIZE_BYTES]);
        let (pairs, rest) = self.0.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let digit = |digit: u8| Some(char::from(digit).to_digit(16)? as u8);
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(TicketSecret::new(*bytes))
    }
}

impl Drop for SecretWord {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Says nothing of it.
impl fmt::Debug for SecretWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretWord(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_and_nothing_else_is_one() {
        let bytes: [u8; TICKET_SECRET_SIZE_BYTES] = std::array::from_fn(|at| (at * 9) as u8);
        let word = SecretWord::from(&TicketSecret::new(bytes));
        assert_eq!(word.read().expect("a secret").expose(), &bytes);
        for wrong in [
            "",
            "00",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"é".repeat(32),
        ] {
            assert!(SecretWord((*wrong).to_owned()).read().is_none(), "{wrong}");
        }
    }
}
