//! Which sessions may be resumed: tickets are sealed with keys that come from one secret and the time.
//! Every core, process and host with the secret takes the tickets. Made by the coordinator, used by the
//! handshakes of all cores; immutable, so nothing is locked: when an epoch ends, the next [`TicketKeys`]
//! replace these. Left to others: where the secret comes from.
//!
//! A ticket resumes what was agreed on before, the client's certificate among it. So the keys also depend
//! on a context: what one listener demands of its clients. A ticket from a listener that asks for nothing
//! does not open at one that does.

use aws_lc_rs::{aead, hkdf, rand};
use std::fmt;
use zeroize::Zeroize;

/// Length of the secret, in bytes.
pub const TICKET_SECRET_SIZE_BYTES: usize = 32;
/// Time in which tickets are sealed with the same key.
pub const EPOCH_SECS: u64 = 6 * 60 * 60;
/// Epochs whose tickets are taken: the one in force and those before it.
pub const EPOCHS_TAKEN: u64 = 3;
/// How long a ticket is good for at least, which clients are told: it may be sealed at the end of its
/// epoch. Its session may end before that ([`super::handshake`]).
pub const TICKET_LIFETIME_SECS: u64 = (EPOCHS_TAKEN - 1) * EPOCH_SECS;

/// Epoch, nonce.
const HEAD_SIZE_BYTES: usize = EPOCH_SIZE_BYTES + aead::NONCE_LEN;
const EPOCH_SIZE_BYTES: usize = 8;

/// The origin of all ticket keys. Zeroed when it is dropped.
pub struct TicketSecret([u8; TICKET_SECRET_SIZE_BYTES]);

impl TicketSecret {
    /// A secret that somebody else chose, such as a file that several hosts share.
    pub fn new(bytes: [u8; TICKET_SECRET_SIZE_BYTES]) -> TicketSecret {
        TicketSecret(bytes)
    }

    /// A random secret; None when the system gives no random bytes.
    pub fn random() -> Option<TicketSecret> {
        let mut bytes = [0; TICKET_SECRET_SIZE_BYTES];
        rand::fill(&mut bytes).ok()?;
        Some(TicketSecret(bytes))
    }

    /// The bytes, for the next generation of the server.
    pub fn expose(&self) -> &[u8; TICKET_SECRET_SIZE_BYTES] {
        &self.0
    }
}

impl Drop for TicketSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Says no bytes.
impl fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketSecret(..)")
    }
}

/// The key of one epoch.
struct EpochKey {
    epoch: u64,
    key: aead::LessSafeKey,
}

/// The keys of the epochs around a point in time, for one context.
pub struct TicketKeys {
    /// The next epoch first, for the tickets of a host or a core that is ahead by a moment; then the one
    /// in force; then those before.
    keys: Vec<EpochKey>,
    in_force: u64,
}

impl TicketKeys {
    /// The keys at this time, in seconds since 1970, for what a listener demands of its clients.
    pub fn at(unix_secs: u64, secret: &TicketSecret, context: &[u8]) -> TicketKeys {
        let in_force = unix_secs / EPOCH_SECS;
        let oldest = in_force.saturating_sub(EPOCHS_TAKEN - 1);
        let keys = (oldest..=in_force + 1).rev().map(|epoch| EpochKey {
            epoch,
            key: derive(secret, context, epoch),
        });
        TicketKeys {
            keys: keys.collect(),
            in_force,
        }
    }

    /// When these keys should be replaced, in seconds since 1970. Used on, they still work, but seal
    /// tickets with the key of an epoch that is over.
    pub fn due_at(&self) -> u64 {
        (self.in_force + 1) * EPOCH_SECS
    }

    /// Seals a session as a ticket; None when the system gives no random bytes.
    pub fn seal(&self, session: &[u8]) -> Option<Vec<u8>> {
        let key = &self.keys.iter().find(|key| key.epoch == self.in_force)?.key;
        let mut nonce = [0; aead::NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let epoch = self.in_force.to_be_bytes();
        let size = HEAD_SIZE_BYTES + session.len() + aead::MAX_TAG_LEN;
        let mut ticket = Vec::with_capacity(size);
        ticket.extend_from_slice(&epoch);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(session);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let body = &mut ticket[HEAD_SIZE_BYTES..];
        let sealed = key.seal_in_place_separate_tag(nonce, aead::Aad::from(epoch), body);
        let Ok(tag) = sealed else {
            ticket.zeroize();
            return None;
        };
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    /// The session in a ticket; None for what these keys did not seal.
    pub fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (&epoch, rest) = ticket.split_first_chunk::<EPOCH_SIZE_BYTES>()?;
        let (&nonce, sealed) = rest.split_first_chunk::<{ aead::NONCE_LEN }>()?;
        let named = u64::from_be_bytes(epoch);
        let key = &self.keys.iter().find(|key| key.epoch == named)?.key;
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let mut session = sealed.to_vec();
        let opened = key.open_in_place(nonce, aead::Aad::from(epoch), &mut session);
        let length = opened.ok()?.len();
        session.truncate(length);
        Some(session)
    }
}

/// Says epochs, no keys.
impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKeys")
            .field("in_force", &self.in_force)
            .finish_non_exhaustive()
    }
}

/// The key of an epoch. All hosts with the secret seal with it, each with random nonces, and nobody counts
/// how often: hence AES-GCM-SIV (RFC 8452), which bears a repeated nonce.
fn derive(secret: &TicketSecret, context: &[u8], epoch: u64) -> aead::LessSafeKey {
    let algorithm = &aead::AES_256_GCM_SIV;
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ringgate session tickets").extract(&secret.0);
    let info = [&epoch.to_be_bytes()[..], context];
    let mut key = [0; 32];
    let made = prk
        .expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key));
    made.expect("one hash is asked for");
    let unbound = aead::UnboundKey::new(algorithm, &key).expect("a key of the AEAD's length");
    key.zeroize();
    aead::LessSafeKey::new(unbound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn keys_at(unix_secs: u64) -> TicketKeys {
        TicketKeys::at(unix_secs, &TicketSecret::new([7; 32]), b"a listener")
    }

    #[test]
    fn a_ticket_is_taken_for_three_epochs() {
        let ticket = keys_at(NOW).seal(b"a session").expect("sealed");
        for later in 0..EPOCHS_TAKEN {
            let keys = keys_at(NOW + later * EPOCH_SECS);
            assert_eq!(
                keys.open(&ticket).as_deref(),
                Some(&b"a session"[..]),
                "{later}"
            );
        }
        assert_eq!(keys_at(NOW + EPOCHS_TAKEN * EPOCH_SECS).open(&ticket), None);
    }

    #[test]
    fn a_ticket_of_a_host_ahead_by_a_moment_is_taken() {
        let keys = keys_at(NOW);
        let ahead = keys_at(keys.due_at()).seal(b"a session").expect("sealed");
        assert!(keys.open(&ahead).is_some());
        assert!(keys_at(keys.due_at() - 1).due_at() == keys.due_at());
    }

    #[test]
    fn another_secret_or_another_listener_opens_nothing() {
        let ticket = keys_at(NOW).seal(b"a session").expect("sealed");
        let other = TicketKeys::at(NOW, &TicketSecret::new([8; 32]), b"a listener");
        assert_eq!(other.open(&ticket), None);
        let other = TicketKeys::at(NOW, &TicketSecret::new([7; 32]), b"another");
        assert_eq!(other.open(&ticket), None);
    }

    #[test]
    fn a_ticket_that_was_altered_or_cut_opens_nowhere() {
        let keys = keys_at(NOW);
        let ticket = keys.seal(b"a session").expect("sealed");
        for at in 0..ticket.len() {
            let mut altered = ticket.clone();
            altered[at] ^= 1;
            assert_eq!(keys.open(&altered), None, "byte {at}");
            assert_eq!(keys.open(&ticket[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn no_two_tickets_of_a_session_are_alike_and_none_shows_it() {
        let keys = keys_at(NOW);
        let session = [0x5a; 64];
        let (one, other) = (keys.seal(&session), keys.seal(&session));
        let (one, other) = (one.expect("sealed"), other.expect("sealed"));
        assert_ne!(one, other);
        assert!(!one.windows(8).any(|window| window == &session[..8]));
        let secret = TicketSecret::new([0x5a; 32]);
        assert!(!format!("{secret:?} {keys:?}").contains("90"));
    }
}
