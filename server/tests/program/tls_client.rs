//! A client of TLS for the tests of the program: rustls over a blocking socket, which takes any certificate
//! and says which one it was shown.

use crate::any_server::AnyServer;
use crate::common::connect;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A client that remembers its sessions.
#[derive(Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    pub(crate) fn new() -> Client {
        Client::of(rustls::DEFAULT_VERSIONS, None)
    }

    /// One that speaks these versions, and shows this certificate.
    pub(crate) fn of(
        versions: &[&'static rustls::SupportedProtocolVersion],
        shown: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> Client {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer));
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(vec![certificate], key)
                .expect("a pair"),
        };
        Client(Arc::new(config))
    }

    /// A connection whose handshake is over, and that has had its first answer.
    pub(crate) fn connect(&self, address: &str, name: &str) -> Result<Connection, std::io::Error> {
        self.over(connect(address), name)
    }

    /// The same, on a socket that is connected.
    pub(crate) fn over(&self, stream: TcpStream, name: &str) -> Result<Connection, std::io::Error> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connection = ClientConnection::new(self.0.clone(), name).expect("a client");
        let mut connection = Connection(StreamOwned::new(connection, stream));
        connection.ask()?;
        Ok(connection)
    }
}

/// A connection, kept alive.
pub(crate) struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    /// Asks once more, and reads the whole answer.
    pub(crate) fn ask(&mut self) -> Result<(), std::io::Error> {
        self.send()?;
        self.answer()
    }

    /// Asks, and reads nothing yet.
    pub(crate) fn send(&mut self) -> Result<(), std::io::Error> {
        self.0
            .write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n")
    }

    /// Reads the whole answer.
    pub(crate) fn answer(&mut self) -> Result<(), std::io::Error> {
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.ends_with(b"Hello, World!") {
            match self.0.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                length => answer.extend_from_slice(&buffer[..length]),
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
        Ok(())
    }

    /// Whom the server takes for the client.
    pub(crate) fn peer(&mut self) -> Result<String, std::io::Error> {
        self.0
            .write_all(b"GET /peer HTTP/1.1\r\nHost: test\r\n\r\n")?;
        let (mut answer, mut buffer) = (String::new(), [0; 1024]);
        while !answer.contains("\nlocal ") || !answer.ends_with('\n') {
            match self.0.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                length => answer.push_str(&String::from_utf8_lossy(&buffer[..length])),
            }
        }
        let (_, rest) = answer.split_once("\r\n\r\nclient ").expect("a body");
        Ok(rest.lines().next().unwrap_or_default().to_owned())
    }

    /// The certificate that the server showed; of a resumed session that of the first handshake.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let chain = self.0.conn.peer_certificates().expect("a certificate");
        chain[0].to_vec()
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        self.0.conn.protocol_version()
    }
}
