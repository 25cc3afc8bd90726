//! How plaintext, alerts and KeyUpdates become records, appended to the output of the connection. The
//! order of sealing is the order of sending. Plaintext of a long record that lies in one place is sealed from
//! there; what is short or lies in several is gathered in the record first. Deliberately absent: a bound on the output;
//! the caller seals no more than it may have ahead of the socket.

use super::alert::{Alert, Ended, Reason};
use super::keys::KeyCache;
use super::open::additional_data;
use super::post::key_update;
use super::records::Records;
use super::session::Session;
use super::suite::Version;
use super::way::IV_SIZE_BYTES;
use super::{HEADER_SIZE_BYTES, TAG_SIZE_BYTES, kind};
use aws_lc_rs::aead;

/// Plaintext that is copied into its record before it is sealed, wherever it lies: that costs less than to seal the
/// byte behind it, which says its kind, apart.
const COPIED_SIZE_BYTES_MAX: usize = 512;

/// Plaintext that lies in several places, taken from the front.
struct Pieces<'a> {
    first: &'a [u8],
    others: &'a [&'a [u8]],
}

impl<'a> Pieces<'a> {
    /// The next bytes, if so many lie in one place.
    fn take_whole(&mut self, length: usize) -> Option<&'a [u8]> {
        while self.first.is_empty()
            && let Some((first, others)) = self.others.split_first()
        {
            (self.first, self.others) = (first, others);
        }
        let (taken, rest) = self.first.split_at_checked(length)?;
        self.first = rest;
        Some(taken)
    }

    /// Fills `out` with the next bytes.
    fn take(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            let length = self.first.len().min(out.len());
            let (taken, rest) = self.first.split_at(length);
            let (place, behind) = out.split_at_mut(length);
            place.copy_from_slice(taken);
            (self.first, out) = (rest, behind);
            if rest.is_empty()
                && let Some((first, others)) = self.others.split_first()
            {
                (self.first, self.others) = (first, others);
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
        out: &mut Records,
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
        out: &mut Records,
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
    pub fn seal_alert(&mut self, keys: &mut KeyCache, alert: Alert, out: &mut Records) {
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
        out: &mut Records,
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
        out: &mut Records,
    ) -> Result<(), Ended> {
        if self.sending.seq == u64::MAX {
            return Err(Reason::KeyWornOut.into());
        }
        let nonce = self.sending.nonce();
        let overhead = self.overhead();
        let outer = match self.version {
            Version::Tls13 => kind::DATA,
            Version::Tls12 => kind,
        };
        let body = u16::try_from(length + overhead - HEADER_SIZE_BYTES).expect("a record's length");
        let [high, low] = body.to_be_bytes();
        let header = [outer, 3, 3, high, low];
        let inner = [kind];
        let of_tls12;
        let (additional, inner): (&[u8], &[u8]) = match self.version {
            Version::Tls13 => (&header, &inner),
            Version::Tls12 => {
                of_tls12 = additional_data(self.sending.seq, kind, length);
                (&of_tls12, &[])
            }
        };
        let explicit = self.aead.explicit_nonce_len(self.version);
        let record = out.room(length + overhead);
        let (head, sealed) = record.split_at_mut(HEADER_SIZE_BYTES + explicit);
        head[..HEADER_SIZE_BYTES].copy_from_slice(&header);
        head[HEADER_SIZE_BYTES..].copy_from_slice(&nonce[IV_SIZE_BYTES - explicit..]);
        let key = keys
            .pair(&mut self.place)
            .sending
            .get_or_insert_with(|| self.sending.expand(self.aead));
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let additional = aead::Aad::from(additional);
        let in_one_place = match length > COPIED_SIZE_BYTES_MAX {
            true => pieces.take_whole(length),
            false => None,
        };
        let told = match in_one_place {
            Some(plain) => {
                let (sealed, end) = sealed.split_at_mut(length);
                key.seal_out_of_place_scatter(nonce, additional, plain, sealed, inner, end)
            }
            None => {
                let (sealed, tag) = sealed.split_at_mut(length + inner.len());
                pieces.take(&mut sealed[..length]);
                sealed[length..].copy_from_slice(inner);
                key.seal_in_place_scatter(nonce, additional, sealed, &[], tag)
            }
        };
        told.map_err(|_| Reason::SealFailed)?;
        out.keep(length + overhead);
        self.sending.seq += 1;
        Ok(())
    }
}
