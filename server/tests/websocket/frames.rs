//! Frames that clients send: RFC 6455 section 5.

use crate::forge::{
    BINARY, CLOSE, CONTINUATION, FIN, Heard, Listener, MASK, PING, PONG, TEXT, fault, frame,
    frames, hear,
};
use ringgate::websocket::frame::{Header, Opcode, Side, read};
use ringgate::websocket::{Fault, Kind, Message, mask};

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

#[test]
fn a_message_in_one_frame_is_delivered_at_every_length_of_its_header() {
    for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0x1_0001] {
        let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let listener = hear(&frame(BINARY, &payload));
        assert_eq!(listener.heard, [Heard::Binary(payload)], "{length}");
        assert!(listener.out.is_empty() && !listener.has_unread());
    }
}

#[test]
fn a_message_in_one_frame_is_unmasked_where_it_lies() {
    use ringgate::websocket::deflate::Inflater;
    use ringgate::websocket::{Arrival, Conversation, Desk, Limits};
    use std::borrow::Cow;
    let mut bytes = frame(TEXT, b"where it lies");
    let place = bytes.as_ptr_range();
    let mut inflater = Inflater::default();
    let mut desk = Desk {
        limits: &Limits::default(),
        seconds: 0,
        out: &mut Vec::new(),
    };
    let mut conversation = Conversation::new(None);
    let received = conversation.receive(&mut bytes, &mut inflater, &mut desk);
    match received.expect("a sound frame").arrival {
        Arrival::Text(Cow::Borrowed(text)) => {
            assert_eq!(text, "where it lies");
            assert!(place.contains(&text.as_ptr()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_does_not_mask_is_closed() {
    assert_eq!(fault(&[TEXT, 5]), (Fault::Unmasked, 1002));
    assert_eq!(fault(&[PING, 0]), (Fault::Unmasked, 1002));
}

#[test]
fn nothing_that_a_server_sends_is_masked() {
    let mut listener = hear(&frame(PING, b"ping"));
    let Listener {
        conversation, out, ..
    } = &mut listener;
    let sent = [
        conversation.send(Message::Text("text"), None, out),
        conversation.send(Message::Binary(&[7; 70_000]), None, out),
        conversation.send_part(Kind::Text, b"pa", false, out),
        conversation.send_part(Kind::Text, b"rt", true, out),
    ];
    assert_eq!(sent, [Ok(()); 4]);
    listener.receive(&frame(CLOSE, &[]));
    // Whoever reads the frames sees to it.
    let firsts: Vec<u8> = frames(&listener.out).iter().map(|frame| frame.0).collect();
    assert_eq!(
        firsts,
        [PONG, TEXT, BINARY, TEXT & !FIN, CONTINUATION, CLOSE]
    );
}

#[test]
fn a_masked_frame_of_a_server_is_a_fault() {
    assert_eq!(
        read(&frame(TEXT, b"a"), Side::Server, false),
        Err(Fault::Masked)
    );
    let header = Header::of_server(Opcode::Text, 1);
    assert_eq!(read(&[TEXT, 1], Side::Server, false), Ok(Some((header, 2))));
}

#[test]
fn each_reserved_bit_is_a_fault() {
    for bit in [0x40, 0x20, 0x10] {
        for first in [TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE] {
            assert_eq!(fault(&[first | bit]), (Fault::ReservedBit, 1002));
        }
    }
}

#[test]
fn each_reserved_opcode_is_a_fault() {
    for opcode in (3..=7).chain(11..=15) {
        assert_eq!(fault(&[0x80 | opcode]), (Fault::ReservedOpcode, 1002));
    }
}

#[test]
fn close_ping_and_pong_control_a_conversation_and_the_others_carry_it() {
    for (opcode, number, is_control) in [
        (Opcode::Continuation, 0, false),
        (Opcode::Text, 1, false),
        (Opcode::Binary, 2, false),
        (Opcode::Close, 8, true),
        (Opcode::Ping, 9, true),
        (Opcode::Pong, 10, true),
    ] {
        assert_eq!(opcode.is_control(), is_control, "{opcode:?}");
        let header = Header::of_server(opcode, 5);
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        assert_eq!(bytes, [FIN | number, 5]);
        assert_eq!(read(&bytes, Side::Server, false), Ok(Some((header, 2))));
    }
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_a_fault() {
    let found = (Fault::LengthNotMinimal, 1002);
    for length in [0u16, 125] {
        let [high, low] = length.to_be_bytes();
        assert_eq!(fault(&[BINARY, 0xfe, high, low]), found, "{length}");
    }
    for length in [0u64, 126, 0xffff] {
        let header = [&[BINARY, 0xff][..], &length.to_be_bytes()].concat();
        assert_eq!(fault(&header), found, "{length}");
    }
}

#[test]
fn a_length_of_two_to_the_sixty_third_is_a_fault() {
    let header = [&[BINARY, 0xff][..], &(1u64 << 63).to_be_bytes()].concat();
    assert_eq!(fault(&header), (Fault::LengthOverflow, 1002));
}

#[test]
fn headers_are_written_in_the_fewest_bytes_and_read_again() {
    let lengths = [
        0,
        125,
        126,
        0xffff,
        0x1_0000,
        u64::from(u32::MAX),
        i64::MAX as u64,
    ];
    let sizes = [2, 2, 4, 4, 10, 10, 10];
    for (length, size) in lengths.into_iter().zip(sizes) {
        for (mask, sender) in [(None, Side::Server), (Some(MASK), Side::Client)] {
            let header = Header {
                fin: true,
                compressed: true,
                opcode: Opcode::Binary,
                mask,
                length,
            };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            let size = size + mask.map_or(0, |mask| mask.len());
            assert_eq!(bytes.len(), size);
            assert_eq!(read(&bytes, sender, true), Ok(Some((header, size))));
            for cut in 0..size {
                assert_eq!(read(&bytes[..cut], sender, true), Ok(None), "{cut}");
            }
        }
    }
}

#[test]
fn a_mask_is_taken_off_from_any_offset() {
    let bytes: Vec<u8> = (0..200).collect();
    for length in 0..bytes.len() {
        for offset in 0..9u64 {
            let mut masked = bytes[..length].to_vec();
            mask::apply(MASK, offset, &mut masked);
            for (at, (is, was)) in masked.iter().zip(&bytes).enumerate() {
                let mask = MASK[(offset as usize + at) % 4];
                assert_eq!(*is, was ^ mask, "{at} of {length}, offset {offset}");
            }
        }
    }
}

#[test]
fn fragments_are_joined_in_order() {
    let stream = [
        frame(TEXT & !FIN, b"one "),
        frame(CONTINUATION & !FIN, b""),
        frame(CONTINUATION & !FIN, b"two "),
        frame(CONTINUATION, b"three"),
        frame(BINARY & !FIN, &[1]),
        frame(CONTINUATION, &[2; 300]),
    ];
    let listener = hear(&stream.concat());
    let binary = [&[1][..], &[2; 300]].concat();
    let expected = [text("one two three"), Heard::Binary(binary)];
    assert_eq!(listener.heard, expected);
    assert!(listener.conversation.is_idle());
}

#[test]
fn control_frames_between_fragments_are_answered_at_once() {
    let mut listener = hear(&frame(TEXT & !FIN, b"one "));
    listener.receive(&frame(PING, b"there?"));
    assert_eq!(frames(&listener.out), [(PONG, b"there?".to_vec())]);
    listener.receive(&frame(CONTINUATION, b"two"));
    let expected = [Heard::Ping(b"there?".to_vec()), text("one two")];
    assert_eq!(listener.heard, expected);
}

#[test]
fn a_message_within_a_message_is_a_fault() {
    for second in [TEXT, BINARY] {
        let stream = [frame(TEXT & !FIN, b"one"), frame(second, b"two")].concat();
        assert_eq!(fault(&stream), (Fault::MessageInMessage, 1002));
    }
}

#[test]
fn a_continuation_of_nothing_is_a_fault() {
    let found = (Fault::NothingToContinue, 1002);
    assert_eq!(fault(&frame(CONTINUATION, b"two")), found);
    let after_whole = [frame(TEXT, b"one"), frame(CONTINUATION & !FIN, b"two")];
    assert_eq!(fault(&after_whole.concat()), found);
    let after_last = [
        frame(TEXT & !FIN, b"one"),
        frame(CONTINUATION, b"two"),
        frame(CONTINUATION, b"three"),
    ];
    assert_eq!(fault(&after_last.concat()), found);
}

#[test]
fn a_control_frame_in_fragments_is_a_fault() {
    for first in [PING, PONG, CLOSE] {
        assert_eq!(fault(&[first & !FIN]), (Fault::ControlFragmented, 1002));
    }
}

#[test]
fn a_control_frame_of_more_than_125_bytes_is_a_fault() {
    for first in [PING, PONG, CLOSE] {
        for length in [126, 127] {
            let found = fault(&[first, 0x80 | length]);
            assert_eq!(found, (Fault::ControlTooLong, 1002));
        }
    }
    let listener = hear(&frame(PING, &[9; 125]));
    assert_eq!(frames(&listener.out), [(PONG, vec![9; 125])]);
}

#[test]
fn a_ping_is_answered_with_its_own_bytes() {
    let pings = (0..10).map(|at| frame(PING, format!("ping {at}").as_bytes()));
    let listener = hear(&pings.collect::<Vec<_>>().concat());
    let expected = (0..10).map(|at| (PONG, format!("ping {at}").into_bytes()));
    assert_eq!(frames(&listener.out), expected.collect::<Vec<_>>());
}

#[test]
fn a_pong_that_nobody_asked_for_is_not_answered() {
    let listener = hear(&frame(PONG, b"here"));
    assert_eq!(listener.heard, [Heard::Pong(b"here".to_vec())]);
    assert!(listener.out.is_empty() && listener.fault.is_none());
}

/// Texts that are not UTF-8, and the place of the byte at which that shows.
const NOT_UTF8: [(&[u8], usize); 9] = [
    (b"\xff", 0),
    (b"\x80", 0),
    (b"\xc0\xaf", 0),
    (b"ok \xe2\x28\xa1", 4),
    (b"\xed\xa0\x80", 1),
    (b"\xf0\x80\x80\x80", 1),
    (b"\xf4\x90\x80\x80", 1),
    (b"\xf5", 0),
    (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        12,
    ),
];

#[test]
fn text_that_is_not_utf8_is_a_fault_at_its_first_wrong_byte() {
    for (bytes, wrong) in NOT_UTF8 {
        assert_eq!(fault(&frame(TEXT, bytes)), (Fault::NotUtf8, 1007));
        let binary = hear(&frame(BINARY, bytes));
        assert_eq!(binary.heard, [Heard::Binary(bytes.to_vec())]);
        // In fragments of one byte, and in one frame byte by byte: the fault comes with the wrong byte, and
        // not before it.
        let mut listener = Listener::new(None);
        for (at, byte) in bytes.iter().enumerate().take(wrong + 1) {
            assert_eq!(listener.fault, None, "{at} of {bytes:x?}");
            let first = if at == 0 { TEXT } else { CONTINUATION };
            listener.receive(&frame(first & !FIN, &[*byte]));
        }
        assert_eq!(listener.fault, Some(Fault::NotUtf8), "{bytes:x?}");
        let whole = frame(TEXT, &[bytes, b"and more"].concat());
        let header = whole.len() - bytes.len() - 8;
        let mut listener = hear(&whole[..header]);
        for (at, byte) in whole[header..].iter().enumerate().take(wrong + 1) {
            assert_eq!(listener.fault, None, "{at} of {bytes:x?}");
            listener.receive(&[*byte]);
        }
        assert_eq!(listener.fault, Some(Fault::NotUtf8), "{bytes:x?}");
    }
}

#[test]
fn each_character_is_joined_wherever_it_is_cut() {
    use ringgate::websocket::utf8::HalfCharacter;
    // All of one and two bytes, and of the longer ones each first and last and many between.
    let edges = [0xfff, 0x1000, 0xd7ff, 0xe000, 0xffff, 0x1_0000, 0x10_ffff];
    let numbers = (0..0x900)
        .chain((0x900..0x11_0000).step_by(61))
        .chain(edges);
    for character in numbers.filter_map(char::from_u32) {
        let text = format!("a{character}z");
        for cut in 0..=text.len() {
            let (front, back) = text.as_bytes().split_at(cut);
            let (mut half, mut joined) = (HalfCharacter::default(), String::new());
            for piece in [front, b"", back] {
                let taken = half.join(piece, |characters| joined.push_str(characters));
                assert_eq!(taken, Ok(()), "{character:?} cut at {cut}");
                let is_half = joined.len() < cut && joined.len() < text.len();
                assert_eq!(half.is_none(), !is_half, "{character:?} cut at {cut}");
            }
            assert_eq!(joined, text, "cut at {cut}");
        }
    }
}

#[test]
fn text_that_ends_within_a_character_is_a_fault_at_its_end() {
    let whole = "καλημέρα 🌍".as_bytes();
    for cut in 0..=whole.len() {
        let is_text = std::str::from_utf8(&whole[..cut]).is_ok();
        let expected = (!is_text).then_some(Fault::NotUtf8);
        assert_eq!(hear(&frame(TEXT, &whole[..cut])).fault, expected);
        let (front, back) = whole[..cut].split_at(cut / 2);
        let mut listener = hear(&frame(TEXT & !FIN, front));
        assert_eq!(listener.fault, None);
        listener.receive(&frame(CONTINUATION, back));
        assert_eq!(listener.fault, expected, "{cut}");
    }
}
