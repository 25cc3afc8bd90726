//! An idle conversation as bytes, for another process of the same server, and back. Left to the caller: the
//! descriptor, the subprotocol, what the application keeps, and that the conversation is not used any more
//! once its bytes have left.

use super::conversation::Conversation;
use super::deflate::{Terms, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use std::fmt;

/// The layout below. A process that does not know it refuses the conversation.
const FORMAT: u8 = 1;
/// Format, whether a Ping is unanswered, the server's window or 0 without compression.
pub const CARRIED_SIZE_BYTES: usize = 3;

/// Why bytes are no conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarryError {
    /// A layout that this version of the program does not know.
    Format(u8),
    /// More or fewer bytes than a conversation has.
    Length(usize),
    /// A field with a value that no conversation has.
    Field(&'static str),
}

impl fmt::Display for CarryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CarryError::Format(found) => write!(
                f,
                "a WebSocket in layout {found}, of which this program knows {FORMAT}; \
                 hand over between versions that share a layout, or drain"
            ),
            CarryError::Length(found) => {
                write!(
                    f,
                    "a WebSocket of {found} bytes instead of {CARRIED_SIZE_BYTES}"
                )
            }
            CarryError::Field(field) => write!(f, "a WebSocket with a senseless {field}"),
        }
    }
}

impl std::error::Error for CarryError {}

impl Conversation {
    /// The conversation as bytes. None unless it is idle ([`Conversation::is_idle`]).
    pub fn encode(&self) -> Option<[u8; CARRIED_SIZE_BYTES]> {
        let bits = self.terms.map_or(0, |terms| terms.server_bits);
        let carried = [FORMAT, u8::from(self.asked), bits];
        self.is_idle().then_some(carried)
    }

    /// A conversation from the bytes that [`Conversation::encode`] gave. The count of control frames begins
    /// anew.
    ///
    /// # Errors
    /// The bytes are no conversation of this layout.
    pub fn decode(bytes: &[u8]) -> Result<Conversation, CarryError> {
        let format = bytes.first().copied();
        if let Some(other) = format.filter(|format| *format != FORMAT) {
            return Err(CarryError::Format(other));
        }
        let &[_, asked, bits] = bytes else {
            return Err(CarryError::Length(bytes.len()));
        };
        let terms = match bits {
            0 => None,
            WINDOW_BITS_MIN..=WINDOW_BITS_MAX => Some(Terms::forgetful(bits)),
            _ => return Err(CarryError::Field("window")),
        };
        if asked > 1 {
            return Err(CarryError::Field("Ping"));
        }
        let mut conversation = Conversation::new(terms);
        conversation.asked = asked == 1;
        Ok(conversation)
    }
}
