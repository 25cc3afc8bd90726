//! The things that the library tells to nobody but its callbacks: the traffic secrets of TLS 1.3, which a
//! KeyUpdate needs and which only a key log is given, and the name that the client asks for, which only the
//! chooser of certificates hears; and the end of a session, which its ticket carries from one handshake to the next
//! ([`super::lifetime`]). All are called on the thread that feeds the connection, within the call
//! that feeds it; so a slot of the thread, read after each such call, is enough. Used by [`super`].

use rustls::KeyLog;
use std::cell::RefCell;
use zeroize::Zeroizing;

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

thread_local! {
    static SLOT: RefCell<Caught> = RefCell::default();
}

/// The things caught of one connection.
#[derive(Default)]
pub(super) struct Caught {
    /// The first traffic secret of what the client sends; empty until it is known, and in TLS 1.2.
    pub(super) client: Zeroizing<Vec<u8>>,
    /// The same of what the server sends.
    pub(super) server: Zeroizing<Vec<u8>>,
    /// The name that the client asked for.
    pub(super) server_name: Option<Box<str>>,
    /// No certificate was found that the client can use.
    pub(super) is_without_certificate: bool,
    /// Until when the session may be resumed, in seconds since 1970, as far as the client's certificates or its ticket say.
    pub(super) end: Option<u64>,
}

impl Caught {
    /// Empties the slot of this thread, before the library is called, but for what the callbacks want to know of the
    /// calls before.
    pub(super) fn begin(&self) {
        SLOT.set(Caught {
            end: self.end,
            ..Caught::default()
        });
    }

    /// Adds what the last call of the library left in the slot of this thread. The name comes with the
    /// first message, the secrets one flight before the handshake is over.
    pub(super) fn take(&mut self) {
        let caught = SLOT.take();
        if !caught.client.is_empty() && !caught.server.is_empty() {
            (self.client, self.server) = (caught.client, caught.server);
        }
        if caught.server_name.is_some() {
            self.server_name = caught.server_name;
        }
        self.is_without_certificate |= caught.is_without_certificate;
        self.end = caught.end.or(self.end);
    }
}

/// Called by the chooser of certificates.
pub(super) fn note_choice(server_name: Option<&str>, is_found: bool) {
    SLOT.with_borrow_mut(|slot| {
        slot.server_name = server_name.map(Box::from);
        slot.is_without_certificate = !is_found;
    });
}

/// Called where it is found out until when the session at hand may be resumed.
pub(super) fn note_end(end: u64) {
    SLOT.with_borrow_mut(|slot| slot.end = Some(end));
}

/// The end that was noted last of the session at hand.
pub(super) fn noted_end() -> Option<u64> {
    SLOT.with_borrow(|slot| slot.end)
}

/// The key log that puts the secrets into the thread's slot, and writes nothing.
#[derive(Debug)]
pub(super) struct Catcher;

impl KeyLog for Catcher {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        SLOT.with_borrow_mut(|slot| match label {
            CLIENT => slot.client = Zeroizing::new(secret.to_vec()),
            SERVER => slot.server = Zeroizing::new(secret.to_vec()),
            _ => {}
        });
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels that the library has for the secrets of both versions of TLS.
    const LABELS: [&str; 8] = [
        "CLIENT_RANDOM",
        "CLIENT_EARLY_TRAFFIC_SECRET",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        CLIENT,
        SERVER,
        "EXPORTER_SECRET",
        "EARLY_EXPORTER_SECRET",
    ];

    #[test]
    fn the_library_shows_no_secrets_but_the_two_that_a_key_update_needs() {
        let shown = LABELS.map(|label| Catcher.will_log(label));
        assert_eq!(
            shown,
            [false, false, false, false, true, true, false, false]
        );
        // Nor is any other kept, for what is told in TLS 1.2 is told without a question.
        Caught::default().begin();
        for label in LABELS {
            Catcher.log(label, &[], label.as_bytes());
        }
        let mut caught = Caught::default();
        caught.take();
        assert_eq!(caught.client.as_slice(), CLIENT.as_bytes());
        assert_eq!(caught.server.as_slice(), SERVER.as_bytes());
    }

    #[test]
    fn nothing_of_one_connection_is_caught_for_the_next() {
        Caught::default().begin();
        for label in [CLIENT, SERVER] {
            Catcher.log(label, &[], b"secret");
        }
        note_choice(Some("one.example"), false);
        note_end(7);
        Caught::default().begin();
        assert_eq!(noted_end(), None);
        let mut next = Caught::default();
        next.take();
        assert!(next.client.is_empty() && next.server.is_empty());
        assert_eq!(next.server_name, None);
        assert!(!next.is_without_certificate);
    }

    #[test]
    fn the_choice_of_a_certificate_is_kept_until_the_handshake_is_over() {
        for is_found in [false, true] {
            let mut caught = Caught::default();
            note_choice(Some("one.example"), is_found);
            // The later calls of the library choose no certificate.
            for _ in 0..2 {
                caught.take();
                assert_eq!(caught.server_name.as_deref(), Some("one.example"));
                assert_eq!(caught.is_without_certificate, !is_found);
            }
        }
    }

    #[test]
    fn the_end_of_a_session_is_known_to_the_later_calls_of_its_handshake() {
        let mut caught = Caught::default();
        caught.begin();
        note_end(7);
        caught.take();
        for _ in 0..2 {
            caught.begin();
            assert_eq!(noted_end(), Some(7));
            caught.take();
        }
        note_end(8);
        caught.take();
        assert_eq!(caught.end, Some(8), "what is found out later counts");
    }

    #[test]
    fn one_secret_without_the_other_is_not_taken() {
        for label in [CLIENT, SERVER] {
            Caught::default().begin();
            Catcher.log(label, &[], b"secret");
            let mut caught = Caught::default();
            caught.take();
            assert!(
                caught.client.is_empty() && caught.server.is_empty(),
                "{label}"
            );
        }
    }
}
