//! A handler's view of the TLS that its request came through. Made from the agreement of the
//! handshake, which the connection carries; a request without TLS has none.

use crate::tls::facts::Facts;
use crate::tls::record::Version;
use std::fmt;
use std::sync::Arc;

/// The agreement of client and server about TLS, of the connection that a request came on.
///
/// Cheap to clone; connections with the same agreement share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls(Arc<Facts>);

impl Tls {
    pub(crate) fn new(facts: Arc<Facts>) -> Tls {
        Tls(facts)
    }

    /// The version: `TLSv1.2` or `TLSv1.3`.
    pub fn version(&self) -> &'static str {
        match self.0.version {
            Version::Tls12 => "TLSv1.2",
            Version::Tls13 => "TLSv1.3",
        }
    }

    /// The cipher suite, such as `TLS13_AES_128_GCM_SHA256` or `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub fn cipher(&self) -> &'static str {
        self.0.cipher
    }

    /// The name that the client asked for (SNI, RFC 6066 section 3), in lower case; None if it asked for
    /// none.
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// The protocol that was chosen (ALPN, RFC 7301), `h2` or `http/1.1`; None if the client offered none.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.protocol.as_deref()
    }

    /// The certificate that the client showed, in DER form, checked against `client_ca`; None if it showed
    /// none.
    ///
    /// ```
    /// use ringgate::{Request, Response, Router, http::StatusCode};
    ///
    /// /// For clients with a certificate (`client_certificates = "optional"`).
    /// async fn inner(request: Request) -> Response {
    ///     match request.tls().as_ref().and_then(|tls| tls.client_certificate()) {
    ///         Some(certificate) => Response::text(format!("{} bytes of DER\n", certificate.len())),
    ///         None => Response::error(StatusCode::FORBIDDEN, "a certificate is asked for"),
    ///     }
    /// }
    /// # let router = Router::new().get("/inner", inner);
    /// ```
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.0.client_chain.first().map(|der| &**der)
    }

    /// The certificates that the client showed, its own first, in DER form.
    pub fn client_chain(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.client_chain.iter().map(|der| &**der)
    }

    /// Whether a session was resumed by a ticket. The client's certificate is that of its first handshake
    /// then.
    pub fn is_resumed(&self) -> bool {
        self.0.is_resumed
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("version", &self.version())
            .field("cipher", &self.cipher())
            .field("server_name", &self.server_name())
            .field("client_chain", &self.0.client_chain.len())
            .field("is_resumed", &self.is_resumed())
            .finish_non_exhaustive()
    }
}
