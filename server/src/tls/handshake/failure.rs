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
    /// The client gave up: it said so, or left.
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

    /// The connection ended, or broke, in the middle of the handshake.
    pub(crate) fn left() -> Failure {
        Failure::new(
            FailReason::ClientClosed,
            "the client left in the middle of the handshake",
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{CertificateError, ContentType, HandshakeType, InconsistentKeys, PeerMisbehaved};

    #[test]
    fn each_cause_has_the_name_that_the_documents_give() {
        let names = [
            "plain-http",
            "not-tls",
            "malformed",
            "version",
            "cipher",
            "protocol",
            "client-certificate-missing",
            "client-certificate-refused",
            "does-not-open",
            "client-alert",
            "client-closed",
            "misbehaved",
            "timed-out",
            "internal",
        ];
        assert_eq!(FailReason::ALL.map(FailReason::name), names);
        let documents = [
            include_str!("../../../../docs/status.md"),
            include_str!("../../../../docs/tls.md"),
        ];
        for (reason, name) in FailReason::ALL.into_iter().zip(names) {
            for document in documents {
                assert!(document.contains(&format!("`{name}`")), "{name}");
            }
            let failure = Failure::new(reason, "more about it");
            assert_eq!(failure.to_string(), format!("{name}: more about it"));
        }
    }

    #[test]
    fn each_error_of_the_library_is_counted_by_its_cause() {
        use PeerIncompatible as Peer;
        let alert = |alert| Error::AlertReceived(alert);
        let of_another_kind = Error::InappropriateMessage {
            expect_types: vec![ContentType::Handshake],
            got_type: ContentType::ApplicationData,
        };
        let another_message = Error::InappropriateHandshakeMessage {
            expect_types: vec![HandshakeType::ClientHello],
            got_type: HandshakeType::Finished,
        };
        let missing = InvalidMessage::MissingData("SessionID");
        let not_tls = [
            InvalidMessage::InvalidContentType,
            InvalidMessage::UnknownProtocolVersion,
        ];
        let malformed = [
            InvalidMessage::MessageTooLarge,
            InvalidMessage::HandshakePayloadTooLarge,
            missing,
        ];
        let version = [
            Peer::Tls12NotOffered,
            Peer::Tls12NotOfferedOrEnabled,
            Peer::ServerDoesNotSupportTls12Or13,
            Peer::ServerTlsVersionIsDisabledByOurConfig,
            Peer::SupportedVersionsExtensionRequired,
        ];
        let cipher = [
            Peer::NoCipherSuitesInCommon,
            Peer::NoKxGroupsInCommon,
            Peer::NoSignatureSchemesInCommon,
            Peer::SignatureAlgorithmsExtensionRequired,
        ];
        let rows: [(FailReason, Vec<Error>); 12] = [
            (
                FailReason::NotTls,
                not_tls.map(Error::InvalidMessage).to_vec(),
            ),
            (
                FailReason::Malformed,
                malformed.map(Error::InvalidMessage).to_vec(),
            ),
            (FailReason::Malformed, vec![Error::PeerSentOversizedRecord]),
            (
                FailReason::Version,
                version.map(Error::PeerIncompatible).to_vec(),
            ),
            (
                FailReason::Cipher,
                cipher.map(Error::PeerIncompatible).to_vec(),
            ),
            (FailReason::Protocol, vec![Error::NoApplicationProtocol]),
            (
                FailReason::ClientCertificateMissing,
                vec![Error::NoCertificatesPresented],
            ),
            (
                FailReason::ClientCertificateRefused,
                vec![
                    Error::InvalidCertificate(CertificateError::UnknownIssuer),
                    Error::InvalidCertificate(CertificateError::Expired),
                ],
            ),
            (FailReason::DoesNotOpen, vec![Error::DecryptError]),
            (
                FailReason::ClientClosed,
                vec![
                    alert(AlertDescription::CloseNotify),
                    alert(AlertDescription::UserCanceled),
                ],
            ),
            (
                FailReason::ClientAlert,
                vec![
                    alert(AlertDescription::UnknownCA),
                    alert(AlertDescription::HandshakeFailure),
                ],
            ),
            (
                FailReason::Misbehaved,
                vec![
                    Error::PeerMisbehaved(PeerMisbehaved::MessageInterleavedWithHandshakeMessage),
                    of_another_kind,
                    another_message,
                ],
            ),
        ];
        for (expected, errors) in rows {
            for error in errors {
                let Failure { reason, detail } = Failure::of(&error);
                assert_eq!((reason, detail), (expected, error.to_string()));
            }
        }
        // What is not the client's doing.
        for error in [
            Error::EncryptError,
            Error::FailedToGetRandomBytes,
            Error::General("trouble".to_owned()),
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        ] {
            assert_eq!(Failure::of(&error).reason, FailReason::Internal, "{error}");
        }
    }

    #[test]
    fn failures_that_the_library_does_not_know_have_a_cause_too() {
        let reasons = [
            Failure::too_long(),
            Failure::left(),
            Failure::without_acceptor(),
        ];
        let reasons = reasons.map(|failure| failure.reason);
        let expected = [
            FailReason::Malformed,
            FailReason::ClientClosed,
            FailReason::Internal,
        ];
        assert_eq!(reasons, expected);
    }
}
