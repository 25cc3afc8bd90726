//! A script of what a peer seals and of what happens to it on the way: no panic, each call makes progress, and what
//! is opened is the front of what was sealed. Nothing that was altered, left out, repeated or made up is data; what was left
//! alone is data to its end, wherever it was cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::tls::record::{
    Aead, KeyCache, Opened, RECORD_SIZE_BYTES_MAX, Records, Session, Traffic, Version,
};

/// KeyUpdates of a script that can be no flood.
const UPDATES_SOUND_MAX: u32 = 16;

struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> usize {
        let (high, low) = (self.next().unwrap_or(0), self.next().unwrap_or(0));
        usize::from(u16::from_be_bytes([high, low]))
    }
}

/// Both ends of a connection.
fn ends(kind: u8) -> (Session, Session) {
    let aead = match kind % 3 {
        0 => Aead::Aes128Gcm,
        1 => Aead::Aes256Gcm,
        _ => Aead::ChaCha20Poly1305,
    };
    if kind < 128 {
        let (one, other) = (vec![1; aead.secret_len()], vec![2; aead.secret_len()]);
        let session = |receiving, sending| Session::from_secrets(aead, receiving, sending);
        let (here, there) = (session(&one, &other), session(&other, &one));
        return (here.expect("secrets"), there.expect("secrets"));
    }
    let (one, other) = (vec![1; aead.key_len()], vec![2; aead.key_len()]);
    let traffic = |key| Traffic {
        seq: 0,
        key,
        iv: &[3; 12],
        secret: &[],
    };
    let session = |receiving, sending| {
        Session::new(Version::Tls12, aead, &traffic(receiving), &traffic(sending))
    };
    let (here, there) = (session(&one, &other), session(&other, &one));
    (here.expect("keys"), there.expect("keys"))
}

/// Place and length of a record on the wire, some records behind its front; if they were altered, of some bytes.
fn record(wire: &[u8], skipped: u8) -> (usize, usize) {
    let length_at = |at: usize| match wire.get(at + 3..at + 5) {
        Some(&[high, low]) => 5 + usize::from(u16::from_be_bytes([high, low])),
        _ => wire.len() - at,
    };
    let mut at = 0;
    for _ in 0..skipped {
        let next = at + length_at(at);
        if next >= wire.len() {
            break;
        }
        at = next;
    }
    (at, length_at(at).min(wire.len() - at))
}

/// Opens what is whole at the front; false when the connection is over.
fn open(
    session: &mut Session,
    keys: &mut KeyCache,
    inbox: &mut Vec<u8>,
    data: &mut Vec<u8>,
) -> bool {
    loop {
        let used = match session.open(keys, inbox) {
            Ok(Opened::Needs(length)) => {
                assert!(length > inbox.len() && length <= RECORD_SIZE_BYTES_MAX);
                return true;
            }
            Ok(Opened::Data { plain, used }) => {
                assert!(!plain.is_empty() && plain.end <= used);
                data.extend_from_slice(&inbox[plain]);
                used
            }
            Ok(Opened::KeyUpdated { used } | Opened::Ignored { used }) => used,
            Ok(Opened::Closed { .. }) | Err(_) => return false,
        };
        assert!(used > 0 && used <= inbox.len());
        inbox.drain(..used);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut script = Script(bytes);
    let Some(kind) = script.next() else { return };
    let (mut here, mut there) = ends(kind);
    let (mut keys, mut peers_keys) = (KeyCache::new(1), KeyCache::new(1));
    let (mut wire, mut inbox) = (Vec::new(), Vec::new());
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    let (mut is_sound, mut updates, mut is_open) = (true, 0, true);
    while let Some(step) = script.next() {
        match step % 8 {
            0 | 1 => {
                let plain = vec![step; script.number() % 20_000];
                let mut records = Records::behind(wire);
                there
                    .seal(&mut peers_keys, &[&plain], &mut records)
                    .expect("sealed");
                wire = records.into_vec();
                sealed.extend_from_slice(&plain);
            }
            2 if there.version() == Version::Tls13 => {
                let asks = step & 8 != 0;
                let mut records = Records::behind(wire);
                there
                    .update_key(&mut peers_keys, asks, &mut records)
                    .expect("updated");
                wire = records.into_vec();
                updates += 1;
            }
            3 if !wire.is_empty() => {
                let at = script.number() % wire.len();
                wire[at] ^= script.next().unwrap_or(0).max(1);
                is_sound = false;
            }
            4 if !wire.is_empty() => {
                let (at, length) = record(&wire, script.next().unwrap_or(0) % 4);
                let taken: Vec<u8> = wire.drain(at..at + length).collect();
                // Left out, sent later, or sent twice.
                for _ in 0..step / 8 % 3 {
                    wire.extend_from_slice(&taken);
                }
                is_sound = false;
            }
            5 => {
                let length = usize::from(script.next().unwrap_or(0)).min(script.0.len());
                let (made_up, rest) = script.0.split_at(length);
                script.0 = rest;
                wire.extend_from_slice(made_up);
                is_sound &= made_up.is_empty();
            }
            6 => {
                // The way back is sound in any case.
                // In pieces, and over what was there before.
                let (mut answer, mut heard) = (Records::over(vec![step; 999]), Vec::new());
                let plain = vec![step; script.number() % 20_000];
                let (front, back) = plain.split_at(script.number() % (plain.len() + 1));
                here.seal(&mut keys, &[front, back], &mut answer)
                    .expect("sealed");
                let mut answer = answer.into_vec();
                assert!(open(&mut there, &mut peers_keys, &mut answer, &mut heard));
                assert_eq!(heard, plain);
            }
            _ => {
                let length = (script.number() + 1).min(wire.len());
                inbox.extend(wire.drain(..length));
                is_open = is_open && open(&mut here, &mut keys, &mut inbox, &mut opened);
            }
        }
        assert!(
            sealed.starts_with(&opened),
            "data that nobody sealed, or in another order"
        );
    }
    inbox.append(&mut wire);
    is_open = is_open && open(&mut here, &mut keys, &mut inbox, &mut opened);
    assert!(
        sealed.starts_with(&opened),
        "data that nobody sealed, or in another order"
    );
    if is_sound && updates <= UPDATES_SOUND_MAX {
        assert!(
            is_open && opened == sealed,
            "sound records that did not open"
        );
    }
});
