//! A handler's view of the header of the PROXY protocol that its connection began with. Made from what the
//! connection carries; one without a header has none.

use crate::client::proxy_header::{SharedAnnounced, tlv};
use std::fmt;
use std::net::SocketAddr;

/// The word of a proxy on a connection, before its first byte. Only trusted proxies are heard.
///
/// ```
/// use ringgate::{Request, Router};
///
/// async fn how(request: Request) -> String {
///     let header = request.proxy_header();
///     match header.as_ref().and_then(|header| header.tls()) {
///         None => "in the clear".to_owned(),
///         Some(tls) => format!("{:?} with {:?}", tls.version(), tls.cipher()),
///     }
/// }
/// # let router = Router::new().get("/how", how);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyHeader(SharedAnnounced);

impl ProxyHeader {
    pub(crate) fn new(announced: SharedAnnounced) -> ProxyHeader {
        ProxyHeader(announced)
    }

    /// The address of the client; None if it came to the proxy by a Unix socket.
    pub fn source(&self) -> Option<SocketAddr> {
        self.0.source
    }

    /// The address that the client connected to; None if that was a Unix socket.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.0.destination
    }

    /// The TLS that the client spoke with the proxy; None if it spoke none, or the proxy does not say.
    pub fn tls(&self) -> Option<ProxiedTls<'_>> {
        let ssl = tlv::Ssl::read(self.value(tlv::SSL)?)?;
        (ssl.flags & tlv::CLIENT_SSL != 0).then_some(ProxiedTls(ssl))
    }

    /// The protocol that the client agreed on with the proxy (ALPN, RFC 7301), such as `h2`.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.value(tlv::ALPN)
    }

    /// The name that the client asked for (SNI, RFC 6066 section 3).
    pub fn server_name(&self) -> Option<&str> {
        text(self.value(tlv::AUTHORITY)?)
    }

    /// A name that the proxy gave the connection.
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.value(tlv::UNIQUE_ID)
    }

    /// The first value of a kind (`PP2_TYPE_*`), as the proxy sent it. Kinds from 0xE0 on have a meaning between the
    /// proxy and the application alone.
    pub fn value(&self, kind: u8) -> Option<&[u8]> {
        let mut values = self.0.values();
        values.find_map(|(found, value)| (found == kind).then_some(value))
    }

    /// Every value with its kind, in the order in which the proxy sent them; none of version 1.
    pub fn values(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.values()
    }
}

impl fmt::Debug for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyHeader")
            .field("source", &self.source())
            .field("destination", &self.destination())
            .field("server_name", &self.server_name())
            .finish_non_exhaustive()
    }
}

/// The TLS that a client spoke with a proxy, as the proxy says.
///
/// ```
/// use ringgate::Request;
///
/// /// Whether the client spoke TLS with the proxy and showed a certificate that this has verified.
/// fn is_known(request: &Request) -> bool {
///     let header = request.proxy_header();
///     let tls = header.as_ref().and_then(|header| header.tls());
///     tls.is_some_and(|tls| tls.has_verified_certificate())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxiedTls<'a>(tlv::Ssl<'a>);

impl<'a> ProxiedTls<'a> {
    /// The version, such as `TLSv1.3`.
    pub fn version(&self) -> Option<&'a str> {
        text(self.0.value(tlv::SSL_VERSION)?)
    }

    /// The cipher, as the proxy names it.
    pub fn cipher(&self) -> Option<&'a str> {
        text(self.0.value(tlv::SSL_CIPHER)?)
    }

    /// The common name in the client's certificate, verified or not.
    pub fn common_name(&self) -> Option<&'a str> {
        text(self.0.value(tlv::SSL_COMMON_NAME)?)
    }

    /// Whether the client showed a certificate that the proxy has verified.
    pub fn has_verified_certificate(&self) -> bool {
        let shown = tlv::CLIENT_CERT_CONN | tlv::CLIENT_CERT_SESS;
        self.0.flags & shown != 0 && self.0.verify == 0
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
