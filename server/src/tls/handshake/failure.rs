//! Why a handshake failed: few causes for counting, and the library's words for the log. Made by
//! [`super`]; the alert that tells the client is in the output already.

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};
use std::fmt;

/// A handshake that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The cause, for counting.
    pub reason: FailReason,
    /// More about it, for the log; no secrets, and nothing of the client's choice but names of kinds.
    pub detail: String,
}

/// Causes for which a handshake fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailReason {
    /// A request without TLS. Nothing was put into the output: an answer without TLS can be read.
    PlainHttp,
    /// Bytes that are no record of TLS.
    NotTls,
    /// A message that cannot be parsed, or is too long.
    Malformed,
    /// No version in common.
    Version,
    /// No cipher suite, key exchange or signature in common.
    Cipher,
    /// No protocol (ALPN) in common.
    Protocol,
    /// The client showed no certificate, and one is required.
    ClientCertificateMissing,
    /// The client's certificate does not lead to a root of the listener, or is not valid now.
    ClientCertificateRefused,
    /// A record that does not open, or a signature that does not fit.
    DoesNotOpen,
    /// The client sent a fatal alert: it refuses the certificate, say.
    ClientAlert,
    /// The client gave up.
    ClientClosed,
    /// Messages that may not come, or not in this order.
    Misbehaved,
    /// The client did not finish in time.
    TimedOut,
    /// A failure that is not the client's.
    Internal,
}

impl FailReason {
    /// All of them, in the order of a metric's series.
    pub const ALL: [FailReason; 14] = [
        FailReason::PlainHttp,
        FailReason::NotTls,
        FailReason::Malformed,
        FailReason::Version,
        FailReason::Cipher,
        FailReason::Protocol,
        FailReason::ClientCertificateMissing,
        FailReason::ClientCertificateRefused,
        FailReason::DoesNotOpen,
        FailReason::ClientAlert,
        FailReason::ClientClosed,
        FailReason::Misbehaved,
        FailReason::TimedOut,
        FailReason::Internal,
    ];

    /// A name for a metric's label or a log field.
    pub const fn name(self) -> &'static str {
        match self {
            FailReason::PlainHttp => "plain-http",
            FailReason::NotTls => "not-tls",
            FailReason::Malformed => "malformed",
            FailReason::Version => "version",
            FailReason::Cipher => "cipher",
            FailReason::Protocol => "protocol",
            FailReason::ClientCertificateMissing => "client-certificate-missing",
            FailReason::ClientCertificateRefused => "client-certificate-refused",
            FailReason::DoesNotOpen => "does-not-open",
            FailReason::ClientAlert => "client-alert",
            FailReason::ClientClosed => "client-closed",
            FailReason::Misbehaved => "misbehaved",
            FailReason::TimedOut => "timed-out",
            FailReason::Internal => "internal",
        }
    }
}

impl Failure {
    pub(super) fn new(reason: FailReason, detail: impl Into<String>) -> Failure {
        Failure {
            reason,
            detail: detail.into(),
        }
    }

    /// More bytes than any handshake needs.
    pub(crate) fn too_long() -> Failure {
        Failure::new(FailReason::Malformed, "messages that are too long")
    }

    /// A connection for which there is no certificate.
    pub(crate) fn without_acceptor() -> Failure {
        Failure::new(FailReason::Internal, "no certificate is configured")
    }

    pub(super) fn of(error: &Error) -> Failure {
        Failure::new(reason_of(error), error.to_string())
    }
}

fn reason_of(error: &Error) -> FailReason {
    match error {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => FailReason::NotTls,
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => FailReason::Malformed,
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => FailReason::Version,
        Error::PeerIncompatible(_) => FailReason::Cipher,
        Error::NoApplicationProtocol => FailReason::Protocol,
        Error::NoCertificatesPresented => FailReason::ClientCertificateMissing,
        Error::InvalidCertificate(_) => FailReason::ClientCertificateRefused,
        Error::DecryptError => FailReason::DoesNotOpen,
        Error::AlertReceived(AlertDescription::CloseNotify | AlertDescription::UserCanceled) => {
            FailReason::ClientClosed
        }
        Error::AlertReceived(_) => FailReason::ClientAlert,
        Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => FailReason::Misbehaved,
        _ => FailReason::Internal,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.detail)
    }
}

impl std::error::Error for Failure {}
