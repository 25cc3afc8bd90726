//! How plaintext, alerts and KeyUpdates become records, appended to the output of the connection. The
//! order of sealing is the order of sending. Deliberately absent: a bound on the output; the caller
//! seals no more than it may have ahead of the socket.

use super::alert::{Alert, Ended, Reason};
use super::keys::KeyCache;
use super::open::additional_data;
use super::post::key_update;
use super::session::Session;
use super::suite::Version;
use super::{HEADER_SIZE_BYTES, TAG_SIZE_BYTES, kind};
use aws_lc_rs::aead;

/// Plaintext that lies in several places, taken from the front.
struct Pieces<'a> {
    first: &'a [u8],
    others: &'a [&'a [u8]],
}

impl Pieces<'_> {
    /// Appends the next `length` bytes to `out`.
    fn take(&mut self, mut length: usize, out: &mut Vec<u8>) {
        while length > 0 {
            let (taken, rest) = self.first.split_at(length.min(self.first.len()));
            out.extend_from_slice(taken);
            length -= taken.len();
            self.first = rest;
            if rest.is_empty()
                && let Some((first, others)) = self.others.split_first()
            {
                self.first = first;
                self.others = others;
            }
        }
    }
}

impl Session {
    /// Appends `pieces`, one after the other, as records of data to `out`. A KeyUpdate that is due, or
    /// that the key's limit asks for, goes before.
    ///
    /// # Errors
    ///
    /// The key may seal no more and none follows (TLS 1.2), or sealing failed; `out` holds the whole
    /// records before.
    pub fn seal(
        &mut self,
        keys: &mut KeyCache,
        pieces: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        let mut left: usize = pieces.iter().map(|piece| piece.len()).sum();
        out.reserve(left + self.overhead() * self.sizes.count(left));
        let mut pieces = Pieces {
            first: &[],
            others: pieces,
        };
        while left > 0 {
            if self.update_due || self.sending.seq >= self.aead.records_max() {
                self.update_key(keys, false, out)?;
            }
            let length = self.sizes.next(left);
            self.seal_record(keys, kind::DATA, length, &mut pieces, out)?;
            left -= length;
        }
        Ok(())
    }

    /// Changes the key of the sending direction and says so to the peer, whose own change `ask` wants.
    ///
    /// # Errors
    ///
    /// TLS 1.2 has no other key, or sealing failed.
    pub fn update_key(
        &mut self,
        keys: &mut KeyCache,
        ask: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        if self.version == Version::Tls12 {
            return Err(Reason::KeyWornOut.into());
        }
        self.seal_whole(keys, kind::HANDSHAKE, &key_update(ask), out)?;
        self.sending.advance(self.aead);
        keys.pair(&mut self.place).sending = None;
        self.update_due = false;
        Ok(())
    }

    /// Appends an alert, such as [`Alert::CLOSE_NOTIFY`] before the connection is closed. An alert that
    /// cannot be sealed is left out: the connection is over in any case.
    pub fn seal_alert(&mut self, keys: &mut KeyCache, alert: Alert, out: &mut Vec<u8>) {
        let told = self.seal_whole(keys, kind::ALERT, &[alert.level(), alert.0], out);
        // Nobody is left to be told that telling failed.
        let _: Result<(), Ended> = told;
    }

    /// Bytes that one record is longer than its plaintext.
    pub fn overhead(&self) -> usize {
        let kind = usize::from(self.version == Version::Tls13);
        let explicit = self.aead.explicit_nonce_len(self.version);
        HEADER_SIZE_BYTES + explicit + kind + TAG_SIZE_BYTES
    }

    fn seal_whole(
        &mut self,
        keys: &mut KeyCache,
        kind: u8,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        let mut pieces = Pieces {
            first: plain,
            others: &[],
        };
        self.seal_record(keys, kind, plain.len(), &mut pieces, out)
    }

    /// Appends one record with the next `length` bytes of `pieces`.
    fn seal_record(
        &mut self,
        keys: &mut KeyCache,
        kind: u8,
        length: usize,
        pieces: &mut Pieces<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        if self.sending.seq == u64::MAX {
            return Err(Reason::KeyWornOut.into());
        }
        let nonce = self.sending.nonce();
        let overhead = self.overhead();
        let begin = out.len();
        out.reserve(length + overhead);
        let outer = match self.version {
            Version::Tls13 => kind::DATA,
            Version::Tls12 => kind,
        };
        let body = u16::try_from(length + overhead - HEADER_SIZE_BYTES).expect("a record's length");
        let [high, low] = body.to_be_bytes();
        let header = [outer, 3, 3, high, low];
        out.extend_from_slice(&header);
        if self.aead.explicit_nonce_len(self.version) != 0 {
            out.extend_from_slice(&nonce[4..]);
        }
        let start = out.len();
        pieces.take(length, out);
        let of_tls12;
        let additional: &[u8] = match self.version {
            Version::Tls13 => {
                out.push(kind);
                &header
            }
            Version::Tls12 => {
                of_tls12 = additional_data(self.sending.seq, kind, length);
                &of_tls12
            }
        };
        let key = keys
            .pair(&mut self.place)
            .sending
            .get_or_insert_with(|| self.sending.expand(self.aead));
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let sealed =
            key.seal_in_place_separate_tag(nonce, aead::Aad::from(additional), &mut out[start..]);
        let Ok(tag) = sealed else {
            out.truncate(begin);
            return Err(Reason::SealFailed.into());
        };
        out.extend_from_slice(tag.as_ref());
        self.sending.seq += 1;
        Ok(())
    }
}
