//! A client of the world: it speaks one protocol after another in random cuts, over TLS or not, and goes as it likes.

use crate::any_server::AnyServer;
use crate::requests::{Speech, piece, preface, request};
use crate::seeds::Dice;
use crate::{BEHIND_A_PROXY, TLS};
use ringgate::runtime::driver::simulated::Client;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

const PROXY: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";

pub(crate) struct Guest {
    pub(crate) socket: Client,
    tls: Option<Box<ClientConnection>>,
    speech: Speech,
    /// Bytes that are not sent yet.
    waiting: Vec<u8>,
    /// All that was heard while HTTP/1.1 was spoken.
    heard: Vec<u8>,
    /// The number of the next request.
    next: u32,
    is_over: bool,
}

impl Guest {
    pub(crate) fn new(socket: Client, listen: usize, dice: &mut Dice) -> Guest {
        if dice.roll(4) == 0 {
            socket.window(u64::from(dice.roll(100_000)));
        }
        let speech = match dice.roll(6) {
            0 => Speech::Http2,
            _ => Speech::Http1,
        };
        let mut guest = Guest {
            socket,
            tls: (listen == TLS).then(|| tls(speech)),
            speech,
            waiting: Vec::new(),
            heard: Vec::new(),
            next: 1,
            is_over: false,
        };
        if listen == BEHIND_A_PROXY {
            let header = match dice.roll(8) {
                0 => &b"PROXY what?\r\n"[..],
                _ => PROXY,
            };
            guest.waiting.extend(header);
        }
        if speech == Speech::Http2 {
            guest.waiting.extend(preface());
        }
        guest
    }

    pub(crate) fn act(&mut self, dice: &mut Dice) {
        match dice.roll(64) {
            0 => self.socket.reset(),
            1 => self.socket.close(),
            2 => self.socket.shutdown_write(),
            3 => self.socket.window(dice.one(&[0, 1, 1000, 50_000])),
            4..8 => self.socket.read(u64::from(1 + dice.roll(200_000))),
            // Nobody can make sense of it, where TLS is spoken.
            8 if self.tls.is_some() => self
                .socket
                .send(b"\x17\x03\x03\0\x20 and so on and so on and so on"),
            9..16 => {}
            _ => self.speak(dice),
        }
    }

    fn speak(&mut self, dice: &mut Dice) {
        if self.waiting.len() < 200_000 {
            if self.speech == Speech::Http1 {
                let (bytes, behind) = request(dice, self.next);
                self.waiting.extend(bytes);
                self.speech = behind;
            } else {
                self.waiting.extend(piece(self.speech, dice, self.next));
            }
            self.next += 1;
        }
        let most = dice.one(&[1, 9, 100, 3000, 20_000, 1 << 20, 1 << 20]);
        let count = self.waiting.len().min(most);
        let front: Vec<u8> = self.waiting.drain(..count).collect();
        match &mut self.tls {
            None => self.socket.send(&front),
            // One that was told nonsense sends nothing more.
            Some(tls) => self.is_over |= tls.writer().write_all(&front).is_err(),
        }
        self.flush();
    }

    fn flush(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).expect("into memory");
        }
        self.socket.send(&bytes);
    }

    /// Takes in what has come.
    pub(crate) fn hear(&mut self) {
        let bytes = self.socket.take_received();
        match &mut self.tls {
            None => self.heard.extend(bytes),
            Some(_) if self.is_over => {}
            Some(tls) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let taken = tls.read_tls(&mut rest);
                    // Whoever was told nonsense ends in an alert.
                    if taken.is_err() || tls.process_new_packets().is_err() {
                        self.is_over = true;
                        break;
                    }
                    let _ = tls.reader().read_to_end(&mut self.heard);
                }
                self.flush();
            }
        }
    }

    /// Holds that no answer came twice or before one that was asked for earlier.
    pub(crate) fn check(&self) {
        if self.speech != Speech::Http1 {
            return;
        }
        let mut last = 0;
        let marks = self.heard.split(|byte| *byte == b'<').skip(1);
        for mark in marks {
            let number = mark.split(|byte| *byte == b'>').next().unwrap_or_default();
            let number = std::str::from_utf8(number)
                .ok()
                .and_then(|text| text.parse().ok());
            let Some(number) = number.filter(|number| *number > 0) else {
                continue;
            };
            assert!(number > last, "{number} behind {last}");
            assert!(number < self.next, "nobody asked for {number}");
            last = number;
        }
    }
}

fn tls(speech: Speech) -> Box<ClientConnection> {
    static CONFIGS: OnceLock<[Arc<ClientConfig>; 2]> = OnceLock::new();
    let made = |protocols: &[&[u8]]| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer))
            .with_no_client_auth();
        // A run must not hang on those before it.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    };
    let [plain, http2] = CONFIGS.get_or_init(|| [made(&[]), made(&[b"h2"])]);
    let config = match speech {
        Speech::Http2 => http2,
        Speech::Http1 | Speech::WebSocket | Speech::Bytes => plain,
    };
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = ClientConnection::new(config.clone(), name).expect("a client");
    tls.set_buffer_limit(None);
    Box::new(tls)
}
