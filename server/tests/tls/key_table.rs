//! The table of expanded keys: losing an entry costs time and nothing else.

use crate::forge::{DATA, Ends, KINDS, ends};
use crate::world::{moved, open_all};
use ringgate::tls::record::{KeyCache, Records};

#[test]
fn more_busy_connections_than_places_are_all_served() {
    let mut keys = KeyCache::new(3);
    let mut all: Vec<_> = (0..10)
        .map(|at| {
            let (version, aead) = KINDS[at % KINDS.len()];
            ends(version, aead)
        })
        .collect();
    for _ in 0..5 {
        for Ends {
            session,
            peer,
            peer_session,
        } in &mut all
        {
            let sent = peer.record(DATA, b"question");
            assert_eq!(open_all(session, &mut keys, sent), b"question");
            let mut out = Records::default();
            session
                .seal(&mut keys, &[b"answer"], &mut out)
                .expect("sealed");
            let data = open_all(peer_session, &mut KeyCache::default(), out.into_vec());
            assert_eq!(data, b"answer");
            assert!(keys.len() <= 3);
        }
    }
}

#[test]
fn a_connection_that_is_forgotten_gets_its_keys_again_at_its_next_use() {
    let mut keys = KeyCache::default();
    let (version, aead) = KINDS[0];
    let Ends {
        mut session,
        mut peer,
        ..
    } = ends(version, aead);
    open_all(&mut session, &mut keys, peer.record(DATA, b"one"));
    assert!(keys.holds(&session) && keys.len() == 1);
    keys.forget(&session);
    assert!(!keys.holds(&session) && keys.is_empty());
    keys.forget(&session);
    assert_eq!(
        open_all(&mut session, &mut keys, peer.record(DATA, b"two")),
        b"two"
    );
    assert!(keys.holds(&session));
}

#[test]
fn a_connection_on_another_core_finds_no_keys_of_anybody_else() {
    let (mut here, mut there) = (KeyCache::default(), KeyCache::default());
    let (version, aead) = KINDS[1];
    let mut one = ends(version, aead);
    let mut other = ends(version, aead);
    open_all(&mut one.session, &mut here, one.peer.record(DATA, b"one"));
    // The first entry of each table: the same index, another name.
    open_all(
        &mut other.session,
        &mut there,
        other.peer.record(DATA, b"other"),
    );
    assert!(!there.holds(&one.session) && !here.holds(&other.session));
    open_all(&mut one.session, &mut there, one.peer.record(DATA, b"one"));
    assert!(there.holds(&one.session) && there.holds(&other.session));
    let away = moved(one.session);
    assert!(!there.holds(&away), "a session from elsewhere has no place");
}
