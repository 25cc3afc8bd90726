//! Any bytes as a whole connection, cut at places that the first bytes choose: the same requests
//! and the same end as from the uncut stream. A difference is a desynchronisation.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/http_protocol/conversation.rs"]
mod conversation;

fuzz_target!(|bytes: &[u8]| {
    let Some((cuts, stream)) = bytes.split_at_checked(8) else {
        return;
    };
    // A refusal of an unfinished line may wait for the end of the line.
    let stream = [stream, b"\r\n"].concat();
    let mut pieces = Vec::new();
    let mut rest = &stream[..];
    for &cut in cuts.iter().cycle().take(4096) {
        let (piece, next) = rest.split_at(rest.len().min(1 + usize::from(cut)));
        pieces.push(piece);
        rest = next;
    }
    pieces.push(rest);
    assert_eq!(
        conversation::conversation(&pieces),
        conversation::conversation(&[&stream])
    );
});
