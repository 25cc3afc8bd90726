//! A client of TLS at a simulated socket, in memory: what it has said is opened and sealed by rustls.
//! Used by `simulated_tls.rs`, `simulated_tls_limits.rs` and `simulated_certificates.rs`.

use crate::any_server::AnyServer;
use ringgate::runtime::driver::simulated::Client;
use ringgate::simulation::Simulation;
use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ConfigBuilder};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// The terms of a client that takes any server's certificate.
pub(crate) fn anybody() -> ConfigBuilder<ClientConfig, WantsClientCert> {
    anybody_with(rustls::crypto::aws_lc_rs::default_provider())
}

/// The same with other means.
pub(crate) fn anybody_with(
    provider: CryptoProvider,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
}

/// A client of TLS at a simulated socket.
pub(crate) struct TlsClient {
    pub(crate) socket: Client,
    pub(crate) tls: ClientConnection,
    /// Bytes that a send brings at most, and the pause between two.
    piece: usize,
    pub(crate) heard: Vec<u8>,
    /// Whether the server has said that nothing more comes.
    pub(crate) told_end: bool,
    pub(crate) failed: Option<rustls::Error>,
}

impl TlsClient {
    pub(crate) fn new(socket: Client, piece: usize) -> TlsClient {
        TlsClient::offering(socket, piece, &[])
    }

    /// A client that offers these protocols by ALPN.
    pub(crate) fn offering(socket: Client, piece: usize, protocols: &[&str]) -> TlsClient {
        let mut config = anybody().with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| (*name).into()).collect();
        TlsClient::of(socket, piece, config)
    }

    pub(crate) fn of(socket: Client, piece: usize, config: ClientConfig) -> TlsClient {
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        tls.set_buffer_limit(None);
        let mut client = TlsClient {
            socket,
            tls,
            piece,
            heard: Vec::new(),
            told_end: false,
            failed: None,
        };
        client.flush();
        client
    }

    pub(crate) fn flush(&mut self) {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).expect("into memory");
        }
        match self.piece {
            0 => self.socket.send(&bytes),
            piece => self
                .socket
                .send_in_pieces(&bytes, piece, Duration::from_micros(50)),
        }
    }

    /// Queues plaintext, which goes out as soon as it may.
    pub(crate) fn say(&mut self, text: &[u8]) {
        self.tls.writer().write_all(text).expect("room");
        self.flush();
    }

    pub(crate) fn get(&mut self, path: &str) {
        self.say(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
    }

    /// Takes in what the socket has received.
    pub(crate) fn hear(&mut self) {
        let bytes = self.socket.take_received();
        for mut bytes in bytes.chunks(4096) {
            while !bytes.is_empty() {
                self.tls.read_tls(&mut bytes).expect("from memory");
                match self.tls.process_new_packets() {
                    Ok(state) => self.told_end |= state.peer_has_closed(),
                    Err(error) => return self.failed = Some(error),
                }
                let _ = self.tls.reader().read_to_end(&mut self.heard);
            }
        }
        self.flush();
    }

    /// Runs the simulation until this client has heard so much.
    pub(crate) fn until(&mut self, simulation: &mut Simulation, done: impl Fn(&TlsClient) -> bool) {
        let turns = 200_000;
        for _ in 0..turns {
            simulation.turn();
            self.hear();
            if done(self) {
                return;
            }
        }
        panic!(
            "it never comes: {} bytes heard, failed {:?}, told the end {}",
            self.heard.len(),
            self.failed,
            self.told_end
        );
    }

    pub(crate) fn until_body(&mut self, simulation: &mut Simulation, body: &str) {
        self.until(simulation, |client| client.heard.ends_with(body.as_bytes()));
        self.heard.clear();
    }
}
