//! The meaning of a received record: the header is checked, the record opened where it lies, and its kind
//! told. Called with all bytes received and not consumed; one record a call. Handshake messages go to
//! `post`.

use super::alert::{Alert, Ended, Reason, WARNING};
use super::keys::KeyCache;
use super::session::Session;
use super::suite::Version;
use super::{HEADER_SIZE_BYTES, PLAIN_SIZE_BYTES_MAX, TAG_SIZE_BYTES, kind};
use aws_lc_rs::aead;
use std::ops::Range;

/// The meaning of the first record of a slice. `used` bytes of the slice are done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Nothing can be said, and nothing was changed, before the slice is this long.
    Needs(usize),
    /// Data for the application.
    Data {
        /// Where in the slice the plaintext lies now; not empty.
        plain: Range<usize>,
        /// Length of the record.
        used: usize,
    },
    /// The peer changed its key; whether it wants the same of us, [`Session::is_update_due`] says.
    KeyUpdated {
        /// Length of the record.
        used: usize,
    },
    /// Nothing for anybody: an empty record, part of a KeyUpdate, a warning.
    Ignored {
        /// Length of the record.
        used: usize,
    },
    /// The peer sends nothing more (close_notify). Later bytes are to be ignored.
    Closed {
        /// Length of the record.
        used: usize,
    },
}

/// A record whose header was checked.
struct Header {
    outer: u8,
    /// Length of the whole record.
    used: usize,
}

impl Session {
    /// Opens the first record of `bytes`, in place.
    ///
    /// A record that is not whole is left as it is; the caller calls again when more has come, and needs
    /// to gather no more than one record ([`super::RECORD_SIZE_BYTES_MAX`]).
    ///
    /// # Errors
    ///
    /// The connection is over; with [`Ended::ByUs`], [`Session::seal_alert`] tells the peer why.
    pub fn open(&mut self, keys: &mut KeyCache, bytes: &mut [u8]) -> Result<Opened, Ended> {
        let Some(header) = self.read_header(bytes)? else {
            return Ok(Opened::Needs(HEADER_SIZE_BYTES));
        };
        let used = header.used;
        let Some(record) = bytes.get_mut(..used) else {
            return Ok(Opened::Needs(used));
        };
        let body = self.decrypt(keys, header.outer, record)?;
        let (kind, plain) = match self.version {
            Version::Tls12 => (header.outer, body),
            Version::Tls13 => take_padding_off(record, body)?,
        };
        if plain.len() > PLAIN_SIZE_BYTES_MAX {
            return Err(Reason::TooLong.into());
        }
        // RFC 8446 section 5.1: no other record comes between the parts of a handshake message.
        if self.partial != 0 && kind != kind::HANDSHAKE {
            return Err(Reason::UnexpectedMessage.into());
        }
        match kind {
            kind::DATA if plain.is_empty() => {
                self.count_fruitless()?;
                Ok(Opened::Ignored { used })
            }
            kind::DATA => {
                self.fruitless = 0;
                Ok(Opened::Data { plain, used })
            }
            kind::ALERT => self.take_alert(&record[plain], used),
            kind::HANDSHAKE => match self.take_message(keys, &record[plain])? {
                true => Ok(Opened::KeyUpdated { used }),
                false => Ok(Opened::Ignored { used }),
            },
            _ => Err(Reason::UnknownKind.into()),
        }
    }

    /// Checks what can be checked before a record is whole. None when the header is not.
    fn read_header(&self, bytes: &[u8]) -> Result<Option<Header>, Ended> {
        let Some(&[outer, major, _, high, low]) = bytes.first_chunk::<HEADER_SIZE_BYTES>() else {
            return Ok(None);
        };
        if major != 3 || !(kind::CHANGE_CIPHER_SPEC..=kind::DATA).contains(&outer) {
            return Err(Reason::NotARecord.into());
        }
        // RFC 8446 section 5.2, RFC 5246 section 6.2.3.
        let expansion = match self.version {
            Version::Tls12 => 2048,
            Version::Tls13 => 256,
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > PLAIN_SIZE_BYTES_MAX + expansion {
            return Err(Reason::TooLong.into());
        }
        // RFC 8446 section 5: every record is disguised as data, and change_cipher_spec belongs to the
        // handshake.
        let is_disguised = self.version == Version::Tls12 || outer == kind::DATA;
        if outer == kind::CHANGE_CIPHER_SPEC || !is_disguised {
            return Err(Reason::InTheClear.into());
        }
        Ok(Some(Header {
            outer,
            used: HEADER_SIZE_BYTES + length,
        }))
    }

    /// Opens a whole record in place and says where its plaintext lies.
    fn decrypt(
        &mut self,
        keys: &mut KeyCache,
        outer: u8,
        record: &mut [u8],
    ) -> Result<Range<usize>, Ended> {
        let explicit = self.aead.explicit_nonce_len(self.version);
        let start = HEADER_SIZE_BYTES + explicit;
        let end = record.len().saturating_sub(TAG_SIZE_BYTES);
        if end < start || self.receiving.seq == u64::MAX {
            return Err(Reason::DoesNotOpen.into());
        }
        let mut nonce = self.receiving.nonce();
        if explicit != 0 {
            nonce[4..].copy_from_slice(&record[HEADER_SIZE_BYTES..start]);
        }
        let (head, body) = record.split_at_mut(start);
        let (body, tag) = body.split_at_mut(end - start);
        let seq = self.receiving.seq;
        let of_tls12;
        let additional: &[u8] = match self.version {
            Version::Tls13 => &head[..HEADER_SIZE_BYTES],
            Version::Tls12 => {
                of_tls12 = additional_data(seq, outer, body.len());
                &of_tls12
            }
        };
        let key = keys
            .pair(&mut self.place)
            .receiving
            .get_or_insert_with(|| self.receiving.expand(self.aead));
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        key.open_in_place_separate_tag(nonce, aead::Aad::from(additional), tag, body)
            .map_err(|_| Reason::DoesNotOpen)?;
        self.receiving.seq += 1;
        Ok(start..end)
    }

    fn take_alert(&mut self, body: &[u8], used: usize) -> Result<Opened, Ended> {
        let &[level, description] = body else {
            // RFC 8446 section 5.4 has an alert of its own for the empty one.
            return Err(match body.is_empty() && self.version == Version::Tls13 {
                true => Reason::UnexpectedMessage.into(),
                false => Reason::MalformedAlert.into(),
            });
        };
        let alert = Alert(description);
        let is_harmless = match self.version {
            Version::Tls13 => alert == Alert::USER_CANCELED,
            Version::Tls12 => level == WARNING,
        };
        if alert == Alert::CLOSE_NOTIFY {
            return Ok(Opened::Closed { used });
        }
        if !is_harmless {
            return Err(Ended::ByPeer(alert));
        }
        self.count_fruitless()?;
        Ok(Opened::Ignored { used })
    }
}

/// The kind and the plaintext of TLS 1.3's inner plaintext: content, kind, zeros (RFC 8446 section 5.4).
fn take_padding_off(record: &[u8], body: Range<usize>) -> Result<(u8, Range<usize>), Ended> {
    if body.len() > PLAIN_SIZE_BYTES_MAX + 1 {
        return Err(Reason::TooLong.into());
    }
    let Some(last) = record[body.clone()].iter().rposition(|byte| *byte != 0) else {
        return Err(Reason::UnknownKind.into());
    };
    let end = body.start + last;
    Ok((record[end], body.start..end))
}

/// The additional data of an AEAD record of TLS 1.2 (RFC 5246 section 6.2.3.3).
pub(super) fn additional_data(seq: u64, kind: u8, length: usize) -> [u8; 13] {
    let [high, low] = u16::try_from(length)
        .expect("a record's length")
        .to_be_bytes();
    let mut data = [0; 13];
    data[..8].copy_from_slice(&seq.to_be_bytes());
    data[8..].copy_from_slice(&[kind, 3, 3, high, low]);
    data
}
