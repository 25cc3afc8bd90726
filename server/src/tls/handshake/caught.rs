//! The things that the library tells to nobody but its callbacks: the traffic secrets of TLS 1.3, which a
//! KeyUpdate needs and which only a key log is given, and the name that the client asks for, which only the
//! chooser of certificates hears. Both are called on the thread that feeds the connection, within the call
//! that feeds it; so a slot of the thread, read after each such call, is enough. Used by [`super`].

use rustls::KeyLog;
use std::cell::RefCell;
use zeroize::Zeroize;

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

thread_local! {
    static SLOT: RefCell<Caught> = RefCell::default();
}

/// The things caught of one connection. Zeroed when it is dropped.
#[derive(Default)]
pub(super) struct Caught {
    /// The first traffic secret of what the client sends; empty until it is known, and in TLS 1.2.
    pub(super) client: Vec<u8>,
    /// The same of what the server sends.
    pub(super) server: Vec<u8>,
    /// The name that the client asked for.
    pub(super) server_name: Option<Box<str>>,
    /// No certificate was found that the client can use.
    pub(super) is_without_certificate: bool,
}

impl Drop for Caught {
    fn drop(&mut self) {
        self.client.zeroize();
        self.server.zeroize();
    }
}

impl Caught {
    /// Empties the slot of this thread, before the library is called.
    pub(super) fn clear() {
        drop(SLOT.take());
    }

    /// Adds what the last call of the library left in the slot of this thread. The name comes with the
    /// first message, the secrets one flight before the handshake is over.
    pub(super) fn take(&mut self) {
        let mut caught = SLOT.take();
        if !caught.client.is_empty() && !caught.server.is_empty() {
            std::mem::swap(&mut self.client, &mut caught.client);
            std::mem::swap(&mut self.server, &mut caught.server);
        }
        if caught.server_name.is_some() {
            self.server_name = caught.server_name.take();
        }
        self.is_without_certificate |= caught.is_without_certificate;
    }
}

/// Called by the chooser of certificates.
pub(super) fn note_choice(server_name: Option<&str>, is_found: bool) {
    SLOT.with_borrow_mut(|slot| {
        slot.server_name = server_name.map(Box::from);
        slot.is_without_certificate = !is_found;
    });
}

/// The key log that puts the secrets into the thread's slot, and writes nothing.
#[derive(Debug)]
pub(super) struct Catcher;

impl KeyLog for Catcher {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        SLOT.with_borrow_mut(|slot| match label {
            CLIENT => slot.client = secret.to_vec(),
            SERVER => slot.server = secret.to_vec(),
            _ => {}
        });
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER)
    }
}
