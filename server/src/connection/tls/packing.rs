//! The state of TLS as bytes, for another process of the same server: the session with its keys, what was
//! agreed on, and received bytes that are not opened yet. Called by `packing.rs` of the connection.

use super::{Phase, Tls};
use crate::tls::facts::{FACTS_SIZE_BYTES_MAX, Facts};
use crate::tls::record::{RECORD_SIZE_BYTES_MAX, Session};
use bytes::BytesMut;

/// Appends the state, in three parts with their lengths. A connection whose handshake has not begun has none.
pub(in crate::connection) fn pack_tls(tls: &Tls, facts: Option<&Facts>, out: &mut Vec<u8>) {
    let session = match &tls.phase {
        Phase::Open(session) => Some(session.encode()),
        Phase::Expected | Phase::Shaking(_) | Phase::Over => None,
    };
    let facts = facts.and_then(Facts::encode);
    let received = tls.rest.as_ref().map(|rest| &rest.received[..]);
    let parts = [
        session.as_ref().map(AsRef::as_ref),
        facts.as_deref(),
        received,
    ];
    for part in parts {
        let part: &[u8] = part.unwrap_or_default();
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
    }
}

/// Reads back what [`pack_tls`] wrote, and leaves the bytes behind it; None if it is something else.
pub(in crate::connection) fn unpack_tls(bytes: &mut &[u8]) -> Option<(Tls, Option<Facts>)> {
    let mut next = |most: usize| {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        *bytes = rest;
        (length <= most).then_some(part)
    };
    let session = next(usize::MAX)?;
    let facts = next(FACTS_SIZE_BYTES_MAX)?;
    let received = next(RECORD_SIZE_BYTES_MAX)?;
    let mut tls = Tls {
        phase: match session {
            [] => Phase::Expected,
            session => Phase::Open(Session::decode(session).ok()?),
        },
        ..Tls::default()
    };
    tls.keep_received(BytesMut::from(received));
    let facts = match facts {
        [] => None,
        facts => Some(Facts::decode(facts)?),
    };
    Some((tls, facts))
}

impl Tls {
    /// Whether all of the state can ever go to another process, with what was agreed on.
    pub(in crate::connection) fn may_be_packed(&self) -> bool {
        !self.is_bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::record::{Aead, Traffic, Version};
    use proptest::prelude::*;

    fn session() -> Session {
        Session::from_secrets(Aead::Aes128Gcm, &[1; 32], &[2; 32]).expect("secrets of this length")
    }

    #[test]
    fn a_session_and_what_it_has_not_opened_are_the_same_on_the_other_side() {
        let mut tls = Tls {
            phase: Phase::Open(session()),
            ..Tls::default()
        };
        tls.keep_received(BytesMut::from(&b"front of a record"[..]));
        let mut bytes = Vec::new();
        pack_tls(&tls, None, &mut bytes);
        bytes.extend_from_slice(b"behind");
        let mut rest = &bytes[..];
        let (mut there, facts) = unpack_tls(&mut rest).expect("whole");
        assert_eq!(rest, b"behind");
        assert_eq!(facts, None);
        assert_eq!(there.take_received(), tls.take_received());
        let Phase::Open(session) = &there.phase else {
            panic!("it is established");
        };
        let Phase::Open(before) = &tls.phase else {
            panic!("it was established");
        };
        assert_eq!(session.encode().as_ref(), before.encode().as_ref());
    }

    #[test]
    fn a_connection_that_waits_for_its_handshake_waits_on_the_other_side() {
        let mut bytes = Vec::new();
        pack_tls(&Tls::default(), None, &mut bytes);
        let (tls, _) = unpack_tls(&mut &bytes[..]).expect("whole");
        assert!(matches!(tls.phase, Phase::Expected));
    }

    #[test]
    fn a_connection_whose_key_is_nearly_worn_out_is_to_be_announced_an_end() {
        let worn_after = |seq| {
            let way = Traffic {
                seq,
                key: &[1; 16],
                iv: &[2; 12],
                secret: &[],
            };
            let session = Session::new(Version::Tls12, Aead::Aes128Gcm, &way, &way);
            let phase = Phase::Open(session.expect("sound"));
            let tls = Tls {
                phase,
                ..Tls::default()
            };
            tls.is_worn()
        };
        assert!(!worn_after(1) && worn_after(1 << 24));
    }

    proptest! {
        #[test]
        fn unpacking_never_panics(bytes in any::<Vec<u8>>()) {
            let _ = unpack_tls(&mut &bytes[..]);
        }
    }
}
