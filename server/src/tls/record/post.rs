//! The meaning of a handshake message after the handshake: KeyUpdate in TLS 1.3, and nothing else. Called
//! by [`super::open`]. Left out: renegotiation, authentication after the handshake; both are refused.

use super::alert::{Alert, Ended, Fault, Reason};
use super::keys::KeyCache;
use super::session::Session;
use super::suite::Version;

/// All but the last byte of a KeyUpdate: the type, and the length of one byte (RFC 8446 sections 4 and
/// 4.6.3).
const KEY_UPDATE_BEGIN: [u8; 4] = [24, 0, 0, 1];
/// Length of a KeyUpdate, in bytes.
const KEY_UPDATE_SIZE_BYTES: usize = KEY_UPDATE_BEGIN.len() + 1;

/// A KeyUpdate; `ask` wants one of the peer's in return.
pub(super) const fn key_update(ask: bool) -> [u8; KEY_UPDATE_SIZE_BYTES] {
    let [kind, high, middle, low] = KEY_UPDATE_BEGIN;
    [kind, high, middle, low, ask as u8]
}

/// Longest part of a KeyUpdate that a session may hold.
pub(super) const PARTIAL_SIZE_BYTES_MAX: u8 = KEY_UPDATE_BEGIN.len() as u8;

impl Session {
    /// Obeys the handshake message in `body`; whether the peer's key was changed.
    pub(super) fn take_message(&mut self, keys: &mut KeyCache, body: &[u8]) -> Result<bool, Ended> {
        if self.version == Version::Tls12 {
            return Err(Reason::Renegotiation.into());
        }
        self.count_fruitless()?;
        if body.is_empty() {
            return Err(Reason::UnexpectedMessage.into());
        }
        let mut rest = body;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            let at = usize::from(self.partial);
            match KEY_UPDATE_BEGIN.get(at) {
                Some(&expected) if byte == expected => self.partial += 1,
                // Of another type, or a KeyUpdate of a length that none has.
                Some(_) if at == 0 => return Err(Reason::UnexpectedMessage.into()),
                Some(_) => return Err(Reason::MalformedMessage.into()),
                None => {
                    self.partial = 0;
                    return self.obey_key_update(keys, byte, rest);
                }
            }
        }
        Ok(false)
    }

    fn obey_key_update(
        &mut self,
        keys: &mut KeyCache,
        request: u8,
        behind: &[u8],
    ) -> Result<bool, Ended> {
        // RFC 8446 section 5.1: what follows is protected with another key, and so in another record.
        if !behind.is_empty() {
            return Err(Reason::UnexpectedMessage.into());
        }
        if request > 1 {
            return Err(Ended::ByUs(Fault {
                alert: Alert::ILLEGAL_PARAMETER,
                reason: Reason::MalformedMessage,
            }));
        }
        self.receiving.advance(self.aead);
        keys.pair(&mut self.place).receiving = None;
        // RFC 8446 section 4.6.3 lets several requests be answered by one KeyUpdate: so a flood of them
        // makes us send nothing.
        self.update_due |= request == 1;
        Ok(true)
    }
}
