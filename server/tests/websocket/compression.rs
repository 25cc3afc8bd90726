//! Compressed messages: RFC 7692.

use crate::forge::{
    BINARY, COMPRESSED, CONTINUATION, FIN, Heard, Listener, PING, PONG, TEXT, frame, frames,
    sent_code,
};
use ringgate::websocket::deflate::{Compression, Deflater, Inflater, Terms};
use ringgate::websocket::handshake::list::offers;
use ringgate::websocket::{Broadcast, Conversation, Fault, Message};

/// What is agreed on with a client that offers permessage-deflate with these parameters.
fn agreed(keeps_context: bool, params: &str) -> Terms {
    let offer = format!("permessage-deflate{params}");
    let offer = offers(offer.as_bytes())
        .next()
        .expect("an offer")
        .expect("sound");
    let compression = Compression {
        keeps_context,
        ..Compression::default()
    };
    compression.agree(&offer).expect("accepted")
}

pub(crate) fn forgetful(params: &str) -> Terms {
    agreed(false, params)
}

pub(crate) fn keeping() -> Terms {
    agreed(true, "")
}

/// "Hello" in one block (section 7.2.3.1).
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

fn hello() -> Heard {
    Heard::Text("Hello".to_owned())
}

#[test]
fn the_examples_of_the_rfc_are_inflated() {
    let mut listener = Listener::new(Some(forgetful("")));
    let examples: [&[u8]; 4] = [
        HELLO,
        // 7.2.3.3: a block that is not compressed.
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        // 7.2.3.4: a block that says it is the last.
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        // 7.2.3.5: two blocks.
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    ];
    for example in examples {
        listener.receive(&frame(TEXT | COMPRESSED, example));
        assert_eq!(listener.heard.pop(), Some(hello()), "{example:x?}");
    }
    // Section 6.1: fragments of one message; and one that is empty (7.2.3.6).
    listener.receive(&frame((TEXT | COMPRESSED) & !FIN, &HELLO[..3]));
    listener.receive(&frame(CONTINUATION, &HELLO[3..]));
    listener.receive(&frame(BINARY | COMPRESSED, b"\x00"));
    listener.receive(&frame(BINARY | COMPRESSED, b""));
    let empty = Heard::Binary(Vec::new());
    assert_eq!(listener.heard, [hello(), empty.clone(), empty]);
}

#[test]
fn a_block_behind_one_that_says_it_is_the_last_may_refer_to_it() {
    let text = "said once, and meant twice by whoever inflates it. ".repeat(3);
    let mut payload = Vec::new();
    let mut room = vec![0; 1000];
    let mut first = zlib_rs::Deflate::new(6, false, 15);
    let done = first.compress(text.as_bytes(), &mut room, zlib_rs::DeflateFlush::Finish);
    done.expect("room for all of it");
    payload.extend_from_slice(&room[..first.total_out() as usize]);
    let mut second = zlib_rs::Deflate::new(6, false, 15);
    second
        .set_dictionary(text.as_bytes())
        .expect("a dictionary");
    let done = second.compress(text.as_bytes(), &mut room, zlib_rs::DeflateFlush::SyncFlush);
    done.expect("room for all of it");
    assert!(
        second.total_out() < first.total_out() / 2,
        "it refers to the first"
    );
    payload.extend_from_slice(&room[..second.total_out() as usize - 4]);
    let mut inflater = Inflater::default();
    let inflated = inflater.inflate(forgetful(""), &payload, 1000);
    assert_eq!(inflated, Ok(text.repeat(2).as_bytes()));
}

#[test]
fn a_message_whose_last_block_says_so_belongs_to_the_context_that_is_kept() {
    // Section 7.2.3.4 lets a client end each message with such a block, and its window goes on nevertheless.
    let texts =
        ["said in the first message, ", "or in the second one, "].map(|text| text.repeat(2));
    let mut inflater = Inflater::default();
    let mut known = Vec::new();
    let mut sizes = Vec::new();
    for text in [&texts[0], &texts[1], &texts[0], &texts[1]] {
        let mut room = vec![0; 1000];
        let mut deflate = zlib_rs::Deflate::new(6, false, 15);
        if !known.is_empty() {
            deflate.set_dictionary(&known).expect("a dictionary");
        }
        let done = deflate.compress(text.as_bytes(), &mut room, zlib_rs::DeflateFlush::Finish);
        done.expect("room for all of it");
        room.truncate(deflate.total_out() as usize);
        sizes.push(room.len());
        room.push(0);
        let inflated = inflater.inflate(keeping(), &room, 1000);
        assert_eq!(inflated, Ok(text.as_bytes()));
        known.extend_from_slice(text.as_bytes());
    }
    assert!(
        2 * sizes[2] < sizes[0] && 2 * sizes[3] < sizes[1],
        "they refer to what was said before: {sizes:?}"
    );
}

#[test]
fn a_message_that_is_not_compressed_may_stand_between_others() {
    let mut listener = Listener::new(Some(forgetful("")));
    listener.receive(&frame(TEXT | COMPRESSED, HELLO));
    listener.receive(&frame(TEXT, b"Hello"));
    listener.receive(&frame(TEXT | COMPRESSED, HELLO));
    assert_eq!(listener.heard, [hello(), hello(), hello()]);
}

#[test]
fn the_compressed_bit_belongs_to_the_first_frame_alone() {
    for first in [
        CONTINUATION | COMPRESSED,
        PING | COMPRESSED,
        PONG | COMPRESSED,
    ] {
        let mut listener = Listener::new(Some(forgetful("")));
        listener.receive(&frame((TEXT | COMPRESSED) & !FIN, &HELLO[..3]));
        listener.receive(&frame(first, &HELLO[3..]));
        assert_eq!(listener.fault, Some(Fault::ReservedBit));
        assert_eq!(sent_code(&listener.out), 1002);
    }
}

#[test]
fn a_ping_between_compressed_fragments_is_plain() {
    let mut listener = Listener::new(Some(forgetful("")));
    listener.receive(&frame((TEXT | COMPRESSED) & !FIN, &HELLO[..3]));
    listener.receive(&frame(PING, b"plain"));
    listener.receive(&frame(CONTINUATION, &HELLO[3..]));
    assert_eq!(listener.heard, [Heard::Ping(b"plain".to_vec()), hello()]);
    assert_eq!(frames(&listener.out), [(PONG, b"plain".to_vec())]);
}

#[test]
fn a_context_that_is_kept_is_used_by_the_next_message() {
    // Section 7.2.3.2: the second Hello refers to the first.
    let second = b"\xf2\x00\x11\x00\x00";
    let mut listener = Listener::new(Some(keeping()));
    listener.receive(&frame(TEXT | COMPRESSED, HELLO));
    listener.receive(&frame(TEXT | COMPRESSED, second));
    assert_eq!(listener.heard, [hello(), hello()]);
    let mut listener = Listener::new(Some(forgetful("")));
    listener.receive(&frame(TEXT | COMPRESSED, HELLO));
    listener.receive(&frame(TEXT | COMPRESSED, second));
    assert_eq!(listener.fault, Some(Fault::NotDeflate));
    // The server's own second message is shorter, and its client understands it.
    let message = "a message that is said twice, ".repeat(20);
    let mut sizes = Vec::new();
    let (mut conversation, mut deflater) =
        (Conversation::new(Some(keeping())), Deflater::default());
    let mut inflater = Inflater::default();
    for _ in 0..3 {
        let mut out = Vec::new();
        let sent = conversation.send(Message::Text(&message), Some(&mut deflater), &mut out);
        assert_eq!(sent, Ok(()));
        let payload = frames(&out).remove(0).1;
        let inflated = inflater.inflate(keeping(), &payload, 1 << 20);
        assert_eq!(inflated, Ok(message.as_bytes()));
        sizes.push(payload.len());
    }
    assert!(sizes[1] < sizes[0] && sizes[2] <= sizes[1], "{sizes:?}");
}

#[test]
fn bytes_that_are_not_deflated_are_a_fault() {
    let bad: [&[u8]; 3] = [b"\xff\xff\xff", b"\x07", b"\x00\x05\x00\x00\x00Hello"];
    for bytes in bad {
        let mut listener = Listener::new(Some(forgetful("")));
        listener.receive(&frame(TEXT | COMPRESSED, bytes));
        assert_eq!(listener.fault, Some(Fault::NotDeflate), "{bytes:x?}");
        assert_eq!(sent_code(&listener.out), 1007);
    }
    // One bad message leaves nothing behind for the next connection that uses the inflater.
    let mut inflater = Inflater::default();
    assert!(inflater.inflate(forgetful(""), b"\xff\xff", 10).is_err());
    assert_eq!(
        inflater.inflate(forgetful(""), HELLO, 10),
        Ok(&b"Hello"[..])
    );
}

#[test]
fn compressed_text_that_is_not_utf8_is_a_fault() {
    let mut deflater = Deflater::default();
    let payload = deflater.deflate(forgetful(""), b"\xce\xba\xff").to_vec();
    let mut listener = Listener::new(Some(forgetful("")));
    listener.receive(&frame(BINARY | COMPRESSED, &payload));
    listener.receive(&frame(TEXT | COMPRESSED, &payload));
    assert_eq!(listener.heard, [Heard::Binary(b"\xce\xba\xff".to_vec())]);
    assert_eq!(listener.fault, Some(Fault::NotUtf8));
}

#[test]
fn a_message_may_say_sixteen_times_that_it_is_at_its_end() {
    let end = b"\x03\x00";
    for keeps in [forgetful(""), keeping()] {
        for (times, expected) in [
            (1, Ok(&b""[..])),
            (16, Ok(b"")),
            (17, Err(Fault::NotDeflate)),
            (1000, Err(Fault::NotDeflate)),
        ] {
            let mut inflater = Inflater::default();
            let found = inflater.inflate(keeps, &end.repeat(times), 10);
            assert_eq!(found, expected, "{times}");
        }
    }
}

#[test]
fn a_bomb_is_refused_at_the_limit() {
    let mut deflater = Deflater::default();
    for (size, expected) in [
        (100_000, None),
        (100_001, Some(Fault::MessageTooLarge)),
        (10_000_000, Some(Fault::MessageTooLarge)),
    ] {
        let payload = deflater.deflate(forgetful(""), &vec![0; size]).to_vec();
        let mut listener = Listener::new(Some(forgetful("")));
        listener.limits.message_size = 100_000;
        assert!(
            payload.len() < 100_000,
            "it is the inflated size that is too large"
        );
        listener.receive(&frame(BINARY | COMPRESSED, &payload));
        assert_eq!(listener.fault, expected, "{size}");
        match expected {
            Some(_) => assert_eq!(sent_code(&listener.out), 1009),
            None => assert_eq!(listener.heard, [Heard::Binary(vec![0; size])]),
        }
    }
}

/// Messages of different likeness.
fn messages() -> Vec<Vec<u8>> {
    let mut seed = 1u32;
    let mut noise = |length: usize| -> Vec<u8> {
        let byte = |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        (0..length).map(byte).collect()
    };
    let pattern = noise(3000);
    let mut messages = vec![Vec::new(), b"a".to_vec(), noise(255), noise(70_000)];
    messages.push(pattern.repeat(40));
    messages.push("a sentence. ".repeat(20_000).into_bytes());
    messages.push(vec![0; 200_000]);
    messages
}

#[test]
fn what_is_deflated_is_inflated_again() {
    for bits in 9..=15 {
        let terms = forgetful(&format!("; server_max_window_bits={bits}"));
        assert_eq!(terms.server_bits, bits);
        let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
        for message in messages() {
            let payload = deflater.deflate(terms, &message);
            let inflated = inflater.inflate(terms, payload, message.len());
            assert!(inflated == Ok(&message[..]), "{} at {bits}", message.len());
        }
    }
}

#[test]
fn a_small_window_is_not_exceeded() {
    // A repetition that lies further back than 2^9 bytes is of no use to a window of that size.
    let pattern: Vec<u8> = messages().swap_remove(2);
    let filler = &messages()[3][..2000];
    let message = [&pattern[..], filler, &pattern].concat();
    let mut deflater = Deflater::default();
    for (bits, sees_it) in [(9, false), (15, true)] {
        let terms = forgetful(&format!("; server_max_window_bits={bits}"));
        let mut inflater = zlib_rs::Inflate::new(false, bits);
        let mut payload = deflater.deflate(terms, &message).to_vec();
        assert_eq!(payload.len() < message.len(), sees_it, "{}", payload.len());
        payload.extend([0, 0, 0xff, 0xff]);
        let mut inflated = vec![0; message.len() + 1];
        let flush = zlib_rs::InflateFlush::SyncFlush;
        inflater
            .decompress(&payload, &mut inflated, flush)
            .expect("within the window");
        assert_eq!(inflated[..message.len()], message);
    }
}

#[test]
fn a_message_is_sent_compressed_only_if_that_makes_it_shorter() {
    let mut conversation = Conversation::new(Some(forgetful("")));
    let mut deflater = Deflater::default();
    let mut first = |message: Message<'_>, deflater: Option<&mut Deflater>| {
        let mut out = Vec::new();
        assert_eq!(conversation.send(message, deflater, &mut out), Ok(()));
        frames(&out).remove(0).0
    };
    let long = "a sentence. ".repeat(100);
    let noise = &messages()[3];
    assert_eq!(
        first(Message::Text(&long), Some(&mut deflater)),
        TEXT | COMPRESSED
    );
    assert_eq!(first(Message::Text(&long), None), TEXT);
    assert_eq!(first(Message::Text("short"), Some(&mut deflater)), TEXT);
    assert_eq!(first(Message::Binary(noise), Some(&mut deflater)), BINARY);
}

#[test]
fn messages_of_512_bytes_and_more_are_compressed() {
    for (length, expected) in [
        (0, TEXT),
        (1, TEXT),
        (511, TEXT),
        (512, TEXT | COMPRESSED),
        (513, TEXT | COMPRESSED),
    ] {
        for terms in [forgetful(""), keeping()] {
            let mut out = Vec::new();
            let (text, mut deflater) = ("a".repeat(length), Deflater::default());
            let sent = Conversation::new(Some(terms)).send(
                Message::Text(&text),
                Some(&mut deflater),
                &mut out,
            );
            assert_eq!((sent, frames(&out)[0].0), (Ok(()), expected), "{length}");
            assert!(out.capacity() <= length + 14, "{}", out.capacity());
        }
    }
}

#[test]
fn a_message_that_compression_leaves_as_long_as_it_is_is_sent_plain() {
    // With each byte that was there before, a message grows by one and its payload does not: at some time they are as
    // long.
    let noise = &messages()[3];
    let terms = forgetful("");
    let mut deflater = Deflater::default();
    let mut seen = [0; 3];
    for length in [512, 600, 700] {
        for repeated in 0..100 {
            let message = [&noise[..length], &noise[..repeated]].concat();
            let payload = deflater.deflate(terms, &message).to_vec();
            let order = payload.len().cmp(&message.len());
            seen[(order as i8 + 1) as usize] += 1;
            let mut out = Vec::new();
            let mut conversation = Conversation::new(Some(terms));
            let sent = conversation.send(Message::Binary(&message), Some(&mut deflater), &mut out);
            let expected = match order.is_lt() {
                true => (BINARY | COMPRESSED, payload),
                false => (BINARY, message),
            };
            assert_eq!((sent, frames(&out).remove(0)), (Ok(()), expected));
        }
    }
    assert!(!seen.contains(&0), "{seen:?}");
}

#[test]
fn a_message_in_a_context_that_is_kept_is_sent_as_it_went_through_it() {
    let mut conversation = Conversation::new(Some(keeping()));
    let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
    let noise = &messages()[3][..1000];
    for message in [noise, noise, &[7; 600]] {
        let mut out = Vec::new();
        let sent = conversation.send(Message::Binary(message), Some(&mut deflater), &mut out);
        assert_eq!(sent, Ok(()));
        let (first, payload) = frames(&out).remove(0);
        assert_eq!(first, BINARY | COMPRESSED);
        assert!(out.capacity() <= payload.len() + 14, "{}", out.capacity());
        let inflated = inflater.inflate(keeping(), &payload, 1000);
        assert_eq!(inflated, Ok(message));
    }
}

#[test]
fn a_compressed_broadcast_is_for_windows_as_large_as_its_message_and_for_the_largest() {
    for (bits, length, expected) in [
        (9, 512, BINARY | COMPRESSED),
        (9, 513, BINARY),
        (10, 1024, BINARY | COMPRESSED),
        (10, 1025, BINARY),
        (14, 16_384, BINARY | COMPRESSED),
        (14, 16_385, BINARY),
        (15, 32_768, BINARY | COMPRESSED),
        (15, 32_769, BINARY | COMPRESSED),
        (15, 1 << 20, BINARY | COMPRESSED),
    ] {
        let message = vec![0; length];
        let mut deflater = Deflater::default();
        let broadcast = Broadcast::new(Message::Binary(&message), Some(&mut deflater));
        let terms = forgetful(&format!("; server_max_window_bits={bits}"));
        let conversation = Conversation::new(Some(terms));
        let frame = conversation.send_broadcast(&broadcast).expect("open");
        assert_eq!(frame[0], expected, "{length} at {bits}");
    }
}

#[test]
fn a_broadcast_that_compression_does_not_make_shorter_is_one_for_all() {
    let noise = &messages()[3];
    let mut deflater = Deflater::default();
    let broadcast = Broadcast::new(Message::Binary(noise), Some(&mut deflater));
    let (one, other) = (
        Conversation::new(None),
        Conversation::new(Some(forgetful(""))),
    );
    let one = one.send_broadcast(&broadcast).expect("open");
    let other = other.send_broadcast(&broadcast).expect("open");
    assert_eq!(frames(one), [(BINARY, noise.clone())]);
    assert_eq!(one.as_ptr(), other.as_ptr());
}

#[test]
fn a_compressed_message_half_received_takes_no_more_memory_than_twice_what_came() {
    let mut listener = Listener::new(Some(forgetful("")));
    let stream = frame(BINARY | COMPRESSED, &vec![7; 1 << 20]);
    let mut came = 14;
    listener.receive(&stream[..came]);
    for piece in stream[came..].chunks(1000).take(50) {
        listener.receive(piece);
        came += piece.len();
        let held = listener.conversation.held();
        assert!((came - 14..=2 * came).contains(&held), "{held} for {came}");
    }
}

#[test]
fn a_broadcast_is_compressed_once_for_those_who_understand_it() {
    let long = "a sentence. ".repeat(100);
    let broadcast = Broadcast::new(Message::Text(&long), Some(&mut Deflater::default()));
    let first = |terms| {
        let conversation = Conversation::new(terms);
        conversation.send_broadcast(&broadcast).expect("open")[0]
    };
    assert_eq!(first(None), TEXT);
    assert_eq!(first(Some(forgetful(""))), TEXT | COMPRESSED);
    assert_eq!(
        first(Some(forgetful("; server_max_window_bits=11"))),
        TEXT | COMPRESSED
    );
    assert_eq!(first(Some(forgetful("; server_max_window_bits=10"))), TEXT);
    assert_eq!(first(Some(keeping())), TEXT);
}
