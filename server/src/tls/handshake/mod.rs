//! How a connection is established. The handshake itself is rustls's work; this room shows it bytes,
//! takes what is to be sent, and at the end takes the connection apart into a [`Session`] and the facts
//! that were agreed on. Called by the connection code with all bytes received and not consumed. No other
//! room knows rustls, so that its next version changes files of this room only.
//!
//! In reading order:
//!
//! | module | decides |
//! |---|---|
//! | [`terms`] | what a listener offers its clients and demands of them |
//! | `credential` | a certificate with its key, in the library's form |
//! | `caught` | how the traffic secrets and the server's name are had |
//! | `lifetime` | how long a session may be resumed |
//! | [`failure`] | why a handshake failed, for counting |
//!
//! The library is shown **one record at a time** and is left when the handshake is over. So nothing that
//! it has decrypted, buffered or half read is lost when it is taken apart, and the records behind the
//! handshake lie untouched in the input. Shown more, it would obey a KeyUpdate behind the handshake whose
//! answer is then lost: the test `records_right_behind_the_handshake_are_left_for_the_session` would fail.

mod caught;
pub mod credential;
pub mod failure;
mod lifetime;
pub mod terms;

use self::caught::Caught;
use self::failure::{FailReason, Failure};
use self::terms::Acceptor;
pub use super::facts::Facts;
use super::record::{Aead, Alert, HEADER_SIZE_BYTES, Session, Traffic, Version};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{ConnectionTrafficSecrets, HandshakeKind, ProtocolVersion};
use std::fmt;

/// Most bytes that a caller has to keep for a handshake: one message of the longest kind, which may come
/// in pieces, and the record that ends it.
pub const HANDSHAKE_INPUT_SIZE_BYTES_MAX: usize = (64 << 10) + super::record::RECORD_SIZE_BYTES_MAX;

/// A handshake under way: 1 KB, and up to 6 KB of heap.
pub struct Handshake {
    connection: UnbufferedServerConnection,
    /// Bytes at the front of the input that the library was shown and wants to see again.
    shown: usize,
    /// Whether anything came yet.
    is_begun: bool,
    caught: Caught,
}

/// The result of feeding bytes.
#[derive(Debug)]
pub struct Fed {
    /// Bytes at the front of the input that are done with. The others, which may have been changed, are
    /// to be shown again, with more behind them.
    pub used: usize,
    /// How the handshake stands. In each case what was appended to the output is to be sent.
    pub outcome: Outcome,
}

/// How a handshake stands.
#[derive(Debug)]
pub enum Outcome {
    /// More bytes are needed.
    Going(Box<Handshake>),
    /// The rest of the input are records for the session.
    Established(Box<Established>),
    /// The connection is to be closed once the output is sent.
    Failed(Failure),
}

/// A connection whose handshake is over.
#[derive(Debug)]
pub struct Established {
    /// The connection from here on.
    pub session: Session,
    /// The agreement.
    pub facts: Facts,
}

/// The result of one call of the library.
enum Turn {
    /// Another call may do more.
    Again,
    /// The library waits for bytes.
    Waits,
}

impl Handshake {
    /// A handshake that waits for the first bytes of a client.
    ///
    /// # Errors
    ///
    /// The library refuses its configuration, or gets no random bytes.
    pub fn new(acceptor: &Acceptor) -> Result<Box<Handshake>, Failure> {
        let connection = UnbufferedServerConnection::new(acceptor.config().clone())
            .map_err(|error| Failure::of(&error))?;
        Ok(Box::new(Handshake {
            connection,
            shown: 0,
            is_begun: false,
            caught: Caught::default(),
        }))
    }

    /// Goes on with `input`, all bytes received and not consumed, and appends what is to be sent to
    /// `output`.
    pub fn feed(mut self: Box<Self>, input: &mut [u8], output: &mut Vec<u8>) -> Fed {
        let mut used = 0;
        let outcome = match self.run(input, &mut used, output) {
            Err(failure) => Outcome::Failed(failure),
            Ok(()) if self.connection.is_handshaking() => Outcome::Going(self),
            Ok(()) => match self.finish() {
                Ok(established) => Outcome::Established(Box::new(established)),
                Err(failure) => Outcome::Failed(failure),
            },
        };
        Fed { used, outcome }
    }

    /// Whether all that the client was told so far is to begin anew with another key share (HelloRetryRequest): the costly
    /// step is still to come.
    pub fn begins_anew(&self) -> bool {
        let kind = self.connection.handshake_kind();
        kind == Some(HandshakeKind::FullWithHelloRetryRequest) && self.caught.server.is_empty()
    }

    /// Shows the library record after record until it waits for more than there is, or is done.
    fn run(
        &mut self,
        input: &mut [u8],
        used: &mut usize,
        output: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if !self.is_begun {
            // No record begins with a letter, and a request does.
            match input.first() {
                Some(first) if first.is_ascii_uppercase() => {
                    return Err(Failure::new(FailReason::PlainHttp, "a request without TLS"));
                }
                Some(_) => self.is_begun = true,
                None => return Ok(()),
            }
        }
        if input.len() < self.shown {
            let detail = "bytes that were not used are not shown again";
            return Err(Failure::new(FailReason::Internal, detail));
        }
        loop {
            let shown = &mut input[*used..][..self.shown];
            if let Turn::Again = self.call(shown, used, output)? {
                continue;
            }
            if !self.connection.is_handshaking() {
                return Ok(());
            }
            match next_record(&input[*used..][self.shown..]) {
                Next::Record(length) => self.shown += length,
                Next::Partial => return Ok(()),
                Next::Foreign => {
                    let failure = Failure::new(FailReason::NotTls, "a record of SSL 2 or DTLS");
                    self.tell(failure.reason, output);
                    return Err(failure);
                }
            }
        }
    }

    /// Calls the library once with the bytes that it is to see.
    fn call(
        &mut self,
        shown: &mut [u8],
        used: &mut usize,
        output: &mut Vec<u8>,
    ) -> Result<Turn, Failure> {
        self.caught.begin();
        let is_of_old_client = is_old_hello(shown);
        let UnbufferedStatus { discard, state } = self.connection.process_tls_records(shown);
        let turn = match state {
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, output).map(|()| Turn::Again),
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Ok(Turn::Again)
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => {
                Ok(Turn::Waits)
            }
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Err(Failure::new(
                FailReason::ClientClosed,
                "the client gave up the handshake",
            )),
            Ok(other) => {
                let detail = format!("a state that no handshake has: {other:?}");
                Err(Failure::new(FailReason::Internal, detail))
            }
            Err(error) => Err(Failure::of(&error)),
        };
        self.caught.take();
        *used += discard;
        self.shown -= discard;
        let is_without_certificate = self.caught.is_without_certificate;
        // The library looks at the client's signatures, which TLS 1.1 cannot name, before its version.
        let is_too_old = is_of_old_client
            && matches!(&turn, Err(failure) if failure.reason == FailReason::Cipher);
        let turn = turn.map_err(|failure| match is_without_certificate {
            _ if is_too_old => Failure::new(
                FailReason::Version,
                "the client speaks nothing newer than TLS 1.1",
            ),
            true => Failure::new(
                FailReason::Cipher,
                "no certificate that the client can check",
            ),
            false => failure,
        });
        if let Err(failure) = &turn {
            let begin = output.len();
            if !is_too_old {
                self.take_alert(output);
            }
            if output.len() == begin {
                self.tell(failure.reason, output);
            }
        }
        turn
    }

    /// Appends what the library has left to say after an error: the alert. The library is asked only
    /// while it has something to say, for then it looks at no bytes: bytes that it has seen, it would
    /// judge a second time.
    fn take_alert(&mut self, output: &mut Vec<u8>) {
        while self.connection.wants_write() {
            let asked = self.connection.process_tls_records(&mut []);
            let Ok(ConnectionState::EncodeTlsData(data)) = asked.state else {
                return;
            };
            if encode(data, output).is_err() {
                return;
            }
        }
    }

    /// The library says nothing about a message that claims to be too long or that another one
    /// interrupts, nor to some clients with which there is nothing in common, and something else to those
    /// whose versions are too old. As long as nothing is encrypted, the alert is made here.
    fn tell(&self, reason: FailReason, output: &mut Vec<u8>) {
        let alert = match reason {
            FailReason::Malformed | FailReason::NotTls => Alert::DECODE_ERROR,
            FailReason::Misbehaved => Alert::UNEXPECTED_MESSAGE,
            FailReason::Cipher => Alert::HANDSHAKE_FAILURE,
            FailReason::Version => Alert::PROTOCOL_VERSION,
            _ => return,
        };
        let is_resumed = self.connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let is_in_the_clear = match self.connection.protocol_version() {
            None => true,
            Some(version) => version == ProtocolVersion::TLSv1_2 && !is_resumed,
        };
        if is_in_the_clear {
            output.extend_from_slice(&alert.in_the_clear());
        }
    }

    /// Takes the library's connection apart.
    fn finish(mut self) -> Result<Established, Failure> {
        let internal = |detail: &str| Failure::new(FailReason::Internal, detail);
        if self.shown != 0 {
            return Err(internal(
                "bytes are left of the record that ends the handshake",
            ));
        }
        let server_name = self.caught.server_name.take();
        let facts = facts(&self.connection, server_name)
            .ok_or_else(|| internal("no version or no suite"))?;
        let (extracted, _kernel) = self
            .connection
            .dangerous_into_kernel_connection()
            .map_err(|error| Failure::of(&error))?;
        let (receiving_seq, receiving) = extracted.rx;
        let (sending_seq, sending) = extracted.tx;
        let unknown = || internal("an AEAD without a record layer");
        let (aead, receiving) = keys(&receiving).ok_or_else(unknown)?;
        let (_, sending) = keys(&sending).ok_or_else(unknown)?;
        let traffic = |seq, (key, iv), secret| Traffic {
            seq,
            key,
            iv,
            secret,
        };
        // TLS 1.2 has no traffic secrets, and none were caught.
        let session = Session::new(
            facts.version,
            aead,
            &traffic(receiving_seq, receiving, &self.caught.client),
            &traffic(sending_seq, sending, &self.caught.server),
        );
        let session = session.ok_or_else(|| internal("secrets that do not give the keys"))?;
        Ok(Established { session, facts })
    }
}

/// The bytes behind those that were shown.
enum Next {
    /// So many bytes are a record, or nothing that the library would wait for: it refuses what is no record by its header.
    Record(usize),
    /// A record that is not whole.
    Partial,
    /// A header of another protocol that the library knows by name. The library would wait until such a record is
    /// whole.
    Foreign,
}

fn next_record(rest: &[u8]) -> Next {
    let Some(&[outer, major, minor, high, low]) = rest.first_chunk::<HEADER_SIZE_BYTES>() else {
        return Next::Partial;
    };
    // Heartbeats (24) are refused as well, but only when they are whole.
    let is_known = (20..=24).contains(&outer);
    match (major, minor) {
        (3, _) if is_known => {}
        // SSL 2, and DTLS 1.0, 1.2 and 1.3 (RFC 9147 section 5.3).
        (0, 2) | (0xfe, 0xff | 0xfd | 0xfc) => return Next::Foreign,
        _ => return Next::Record(rest.len()),
    }
    let length = HEADER_SIZE_BYTES + usize::from(u16::from_be_bytes([high, low]));
    // A record that is too long is refused by its header, before it is whole.
    let is_refused = length > super::record::RECORD_SIZE_BYTES_MAX;
    match is_refused {
        true => Next::Record(rest.len()),
        false if rest.len() >= length => Next::Record(length),
        false => Next::Partial,
    }
}

/// Whether a record begins a ClientHello whose version is older than TLS 1.2; every newer client says 1.2
/// there (RFC 8446 section 4.1.2).
fn is_old_hello(record: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    matches!(
        record,
        [HANDSHAKE, _, _, _, _, CLIENT_HELLO, _, _, _, 3, minor, ..] if *minor < 3
    )
}

/// Appends a message of the library's to the output.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, output: &mut Vec<u8>) -> Result<(), Failure> {
    let begin = output.len();
    // Asked with no room, the library says how much it needs.
    let needed = match data.encode(&mut []) {
        Ok(_) => return Ok(()),
        Err(EncodeError::InsufficientSize(size)) => size.required_size,
        Err(EncodeError::AlreadyEncoded) => return Ok(()),
    };
    output.resize(begin + needed, 0);
    match data.encode(&mut output[begin..]) {
        Ok(length) => {
            output.truncate(begin + length);
            Ok(())
        }
        Err(error) => {
            output.truncate(begin);
            Err(Failure::new(FailReason::Internal, error.to_string()))
        }
    }
}

fn facts(connection: &UnbufferedServerConnection, server_name: Option<Box<str>>) -> Option<Facts> {
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_2 => Version::Tls12,
        ProtocolVersion::TLSv1_3 => Version::Tls13,
        _ => return None,
    };
    let cipher = connection.negotiated_cipher_suite()?.suite().as_str()?;
    Some(Facts {
        version,
        cipher,
        server_name,
        protocol: connection.alpn_protocol().map(Box::from),
        client_chain: connection.peer_certificates().unwrap_or(&[]).to_vec(),
        is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
    })
}

/// A key and an IV.
type KeyAndIv<'a> = (&'a [u8], &'a [u8]);

fn keys(secrets: &ConnectionTrafficSecrets) -> Option<(Aead, KeyAndIv<'_>)> {
    let (aead, key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Aead::Aes128Gcm, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Aead::Aes256Gcm, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (Aead::ChaCha20Poly1305, key, iv),
        _ => return None,
    };
    Some((aead, (key.as_ref(), iv.as_ref())))
}

/// Says how far it is, no secrets.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("is_begun", &self.is_begun)
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}
