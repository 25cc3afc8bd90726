//! Any bytes as a session that another process hands over: no panic, each session has one form, and one that was
//! taken seals and opens.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringgate::tls::facts::Facts;
use ringgate::tls::record::{KeyCache, Records, Session};

fuzz_target!(|bytes: &[u8]| {
    if let Some(facts) = Facts::decode(bytes) {
        let again = facts.encode().expect("what was carried can be carried on");
        assert_eq!(Facts::decode(&again), Some(facts));
    }
    let Ok(mut session) = Session::decode(bytes) else {
        return;
    };
    assert_eq!(session.encode().as_ref(), bytes, "one session, one form");
    let mut keys = KeyCache::new(1);
    let mut out = Records::default();
    let sealed = session.seal(&mut keys, &[b"answer"], &mut out);
    assert!(sealed.is_ok() || out.len() < 1024);
    // Bytes that were sealed with another key.
    let opened = session.open(&mut keys, &mut out.to_vec());
    drop(opened);
    let carried = session.encode();
    let again = Session::decode(carried.as_ref()).expect("what was used can be carried on");
    assert_eq!(again.records(), session.records());
});
