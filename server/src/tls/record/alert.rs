//! Alerts (RFC 8446 section 6, RFC 5246 section 7.2), and why a connection is over. Made by `open` and
//! `seal`; whether and when an alert is sent is the caller's to decide.

use std::fmt;

/// An alert's description.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Alert(pub u8);

impl Alert {
    /// The sender sends nothing more.
    pub const CLOSE_NOTIFY: Alert = Alert(0);
    /// A record or message of a kind that may not come now.
    pub const UNEXPECTED_MESSAGE: Alert = Alert(10);
    /// A record that does not open.
    pub const BAD_RECORD_MAC: Alert = Alert(20);
    /// A record longer than any may be.
    pub const RECORD_OVERFLOW: Alert = Alert(22);
    /// Nothing in common.
    pub const HANDSHAKE_FAILURE: Alert = Alert(40);
    /// A field out of its range.
    pub const ILLEGAL_PARAMETER: Alert = Alert(47);
    /// Bytes that cannot be parsed.
    pub const DECODE_ERROR: Alert = Alert(50);
    /// No version in common.
    pub const PROTOCOL_VERSION: Alert = Alert(70);
    /// A failure that is not the peer's.
    pub const INTERNAL_ERROR: Alert = Alert(80);
    /// The peer gave up the handshake; close_notify follows.
    pub const USER_CANCELED: Alert = Alert(90);
    /// No new handshake on this connection (RFC 5246 section 7.2.2).
    pub const NO_RENEGOTIATION: Alert = Alert(100);

    /// The level byte that goes with it. TLS 1.3 ignores the level but wants these.
    pub(super) const fn level(self) -> u8 {
        match self {
            Alert::CLOSE_NOTIFY | Alert::USER_CANCELED | Alert::NO_RENEGOTIATION => WARNING,
            _ => FATAL,
        }
    }

    /// The record of this alert before anything is encrypted.
    pub(crate) const fn in_the_clear(self) -> [u8; 7] {
        [21, 3, 3, 0, 2, self.level(), self.0]
    }

    /// The name in the RFC, for those that have a constant here.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Alert::CLOSE_NOTIFY => Some("close_notify"),
            Alert::UNEXPECTED_MESSAGE => Some("unexpected_message"),
            Alert::BAD_RECORD_MAC => Some("bad_record_mac"),
            Alert::RECORD_OVERFLOW => Some("record_overflow"),
            Alert::HANDSHAKE_FAILURE => Some("handshake_failure"),
            Alert::ILLEGAL_PARAMETER => Some("illegal_parameter"),
            Alert::DECODE_ERROR => Some("decode_error"),
            Alert::PROTOCOL_VERSION => Some("protocol_version"),
            Alert::INTERNAL_ERROR => Some("internal_error"),
            Alert::USER_CANCELED => Some("user_canceled"),
            Alert::NO_RENEGOTIATION => Some("no_renegotiation"),
            _ => None,
        }
    }
}

/// Level of an alert that does not end the connection by itself.
pub(super) const WARNING: u8 = 1;
const FATAL: u8 = 2;

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// This side ends it: the alert is to be sent, then the connection closed.
    ByUs(Fault),
    /// The peer sent this fatal alert; nothing is to be sent any more.
    ByPeer(Alert),
}

/// A fault that this side found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The alert that tells the peer.
    pub alert: Alert,
    /// The cause, for counting and for the log.
    pub reason: Reason,
}

/// Causes for which this side ends an established connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Bytes that are no record of TLS.
    NotARecord,
    /// A record whose length, or whose plaintext, is beyond the limit.
    TooLong,
    /// A record that is not encrypted, or changes ciphers.
    InTheClear,
    /// A record that was altered, cut, repeated or reordered.
    DoesNotOpen,
    /// A plaintext of a kind that does not exist, or of none.
    UnknownKind,
    /// An alert that is not two bytes.
    MalformedAlert,
    /// A handshake message that cannot be parsed.
    MalformedMessage,
    /// A handshake message that may not come after the handshake, or not there.
    UnexpectedMessage,
    /// A new handshake, which is never granted.
    Renegotiation,
    /// Too many records in a row without data.
    Fruitless,
    /// A key that may seal no more, with none to follow.
    KeyWornOut,
    /// The AEAD failed to seal.
    SealFailed,
}

impl Reason {
    /// All of them, in the order of a metric's series.
    pub const ALL: [Reason; 12] = [
        Reason::NotARecord,
        Reason::TooLong,
        Reason::InTheClear,
        Reason::DoesNotOpen,
        Reason::UnknownKind,
        Reason::MalformedAlert,
        Reason::MalformedMessage,
        Reason::UnexpectedMessage,
        Reason::Renegotiation,
        Reason::Fruitless,
        Reason::KeyWornOut,
        Reason::SealFailed,
    ];

    /// The fault for this reason, with the alert that the RFC asks for.
    pub(super) const fn fault(self) -> Fault {
        let alert = match self {
            Reason::NotARecord | Reason::MalformedAlert | Reason::MalformedMessage => {
                Alert::DECODE_ERROR
            }
            Reason::TooLong => Alert::RECORD_OVERFLOW,
            Reason::DoesNotOpen => Alert::BAD_RECORD_MAC,
            Reason::InTheClear
            | Reason::UnknownKind
            | Reason::UnexpectedMessage
            | Reason::Fruitless => Alert::UNEXPECTED_MESSAGE,
            Reason::Renegotiation => Alert::NO_RENEGOTIATION,
            Reason::KeyWornOut => Alert::CLOSE_NOTIFY,
            Reason::SealFailed => Alert::INTERNAL_ERROR,
        };
        Fault {
            alert,
            reason: self,
        }
    }

    /// A name for a metric's label or a log field.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::NotARecord => "not-a-record",
            Reason::TooLong => "too-long",
            Reason::InTheClear => "in-the-clear",
            Reason::DoesNotOpen => "does-not-open",
            Reason::UnknownKind => "unknown-kind",
            Reason::MalformedAlert => "malformed-alert",
            Reason::MalformedMessage => "malformed-message",
            Reason::UnexpectedMessage => "unexpected-message",
            Reason::Renegotiation => "renegotiation",
            Reason::Fruitless => "fruitless",
            Reason::KeyWornOut => "key-worn-out",
            Reason::SealFailed => "seal-failed",
        }
    }
}

impl From<Reason> for Ended {
    fn from(reason: Reason) -> Ended {
        Ended::ByUs(reason.fault())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::ByUs(fault) => write!(f, "{} ({})", fault.alert, fault.reason.name()),
            Ended::ByPeer(alert) => write!(f, "the client sent {alert}"),
        }
    }
}

impl std::error::Error for Ended {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8446_section_6_closing_alerts_are_warnings_and_errors_are_fatal() {
        for number in 0..=u8::MAX {
            let level = match number {
                0 | 90 | 100 => 1,
                _ => 2,
            };
            let record = Alert(number).in_the_clear();
            assert_eq!(record, [21, 3, 3, 0, 2, level, number]);
        }
    }
}
