//! Close codes (RFC 6455 section 7.4), and why a conversation failed. Made by `frame`, `message` and
//! `deflate`; said to the peer by `conversation`.

use std::fmt;

/// A close code that may stand in a Close frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The server goes down, or the page was left.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// A message of a kind that is not taken, such as a binary one where text is spoken.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// A message whose payload is not what its kind promises, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// A policy of the server is violated, and no other code fits.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message larger than this side takes.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// The server cannot go on.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// The server restarts; the client may connect again (IANA's registry).
    pub const RESTART: CloseCode = CloseCode(1012);

    /// A code from its number. None for those that are no code, and for 1005, 1006 and 1015, which only say
    /// that no Close frame came and are never sent (section 7.4.1).
    pub const fn new(number: u16) -> Option<CloseCode> {
        match number {
            // 1012 to 1014 were registered after the RFC.
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(CloseCode(number)),
            _ => None,
        }
    }

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Causes for which this side fails a conversation (RFC 6455 section 7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A reserved bit is set that no extension gave a meaning.
    ReservedBit,
    /// An opcode that is not defined.
    ReservedOpcode,
    /// A frame of a client that is not masked.
    Unmasked,
    /// A frame of a server that is masked.
    Masked,
    /// A length that is not written in the fewest bytes.
    LengthNotMinimal,
    /// A length of 2^63 bytes or more.
    LengthOverflow,
    /// A control frame with more than 125 bytes.
    ControlTooLong,
    /// A control frame in fragments.
    ControlFragmented,
    /// A continuation of no message.
    NothingToContinue,
    /// A new message before the one in fragments is over.
    MessageInMessage,
    /// A Close frame with half a code.
    CloseMalformed,
    /// A Close frame with a code that may not be sent.
    CloseCodeInvalid,
    /// A text message or a close reason that is not UTF-8.
    NotUtf8,
    /// A compressed message that cannot be inflated.
    NotDeflate,
    /// A frame above the limit.
    FrameTooLarge,
    /// A message above the limit, as it is sent or inflated.
    MessageTooLarge,
    /// A message in more fragments than the limit.
    TooManyFragments,
    /// More control frames than the budget.
    ControlFlood,
    /// A message that was begun, and whose rest does not come.
    MessageStalled,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 19] = [
        Fault::ReservedBit,
        Fault::ReservedOpcode,
        Fault::Unmasked,
        Fault::Masked,
        Fault::LengthNotMinimal,
        Fault::LengthOverflow,
        Fault::ControlTooLong,
        Fault::ControlFragmented,
        Fault::NothingToContinue,
        Fault::MessageInMessage,
        Fault::CloseMalformed,
        Fault::CloseCodeInvalid,
        Fault::NotUtf8,
        Fault::NotDeflate,
        Fault::FrameTooLarge,
        Fault::MessageTooLarge,
        Fault::TooManyFragments,
        Fault::ControlFlood,
        Fault::MessageStalled,
    ];

    /// The code that tells the peer.
    pub const fn code(self) -> CloseCode {
        match self {
            Fault::ReservedBit
            | Fault::ReservedOpcode
            | Fault::Unmasked
            | Fault::Masked
            | Fault::LengthNotMinimal
            | Fault::LengthOverflow
            | Fault::ControlTooLong
            | Fault::ControlFragmented
            | Fault::NothingToContinue
            | Fault::MessageInMessage
            | Fault::CloseMalformed
            | Fault::CloseCodeInvalid => CloseCode::PROTOCOL_ERROR,
            Fault::NotUtf8 | Fault::NotDeflate => CloseCode::INVALID_PAYLOAD,
            Fault::FrameTooLarge | Fault::MessageTooLarge => CloseCode::TOO_BIG,
            Fault::TooManyFragments | Fault::ControlFlood | Fault::MessageStalled => {
                CloseCode::POLICY
            }
        }
    }

    /// A name for a metric's label or a log field.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::ReservedBit => "reserved-bit",
            Fault::ReservedOpcode => "reserved-opcode",
            Fault::Unmasked => "unmasked",
            Fault::Masked => "masked",
            Fault::LengthNotMinimal => "length-not-minimal",
            Fault::LengthOverflow => "length-overflow",
            Fault::ControlTooLong => "control-too-long",
            Fault::ControlFragmented => "control-fragmented",
            Fault::NothingToContinue => "nothing-to-continue",
            Fault::MessageInMessage => "message-in-message",
            Fault::CloseMalformed => "close-malformed",
            Fault::CloseCodeInvalid => "close-code-invalid",
            Fault::NotUtf8 => "not-utf8",
            Fault::NotDeflate => "not-deflate",
            Fault::FrameTooLarge => "frame-too-large",
            Fault::MessageTooLarge => "message-too-large",
            Fault::TooManyFragments => "too-many-fragments",
            Fault::ControlFlood => "control-flood",
            Fault::MessageStalled => "message-stalled",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code(), self.name())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_stands_at_its_own_place_among_all() {
        for (place, fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(*fault as usize, place);
        }
    }
}
