//! What bounds a conversation and keeps it going: limits (RFC 6455 section 10.4), floods, slow clients,
//! deadlines, and messages in parts.

use crate::forge::{
    BINARY, CONTINUATION, FIN, Heard, Listener, PING, PONG, TEXT, frame, frames, hear, sent_code,
};
use ringgate::websocket::life::{Deadline, Effect, Event};
use ringgate::websocket::limits::CONTROL_WINDOW_SECONDS;
use ringgate::websocket::{
    Broadcast, Conversation, Delivery, Fault, Kind, Limits, Message, SendError,
};

fn limited(limits: Limits) -> Listener {
    let mut listener = Listener::new(None);
    listener.limits = limits;
    listener
}

#[test]
fn an_idle_conversation_is_plain_data_of_24_bytes() {
    assert_eq!(size_of::<Conversation>(), 24);
    let mut listener = hear(&frame(TEXT & !FIN, b"half"));
    assert!(!listener.conversation.is_idle());
    listener.receive(&frame(CONTINUATION, b" a message"));
    assert!(listener.conversation.is_idle());
}

#[test]
fn a_frame_above_the_limit_is_refused_at_its_header() {
    let limits = Limits {
        frame_size: 200,
        ..Limits::default()
    };
    let mut listener = limited(limits);
    listener.receive(&frame(BINARY, &[0; 200]));
    assert_eq!(listener.heard.len(), 1);
    let header = &frame(BINARY, &[0; 201])[..8];
    listener.receive(header);
    assert_eq!(listener.fault, Some(Fault::FrameTooLarge));
    assert_eq!(sent_code(&listener.out), 1009);
    // So is one that promises more than any memory holds.
    let mut listener = limited(limits);
    let header = [
        &[BINARY, 0xff][..],
        &(i64::MAX as u64).to_be_bytes(),
        &[0; 4],
    ]
    .concat();
    listener.receive(&header);
    assert_eq!(listener.fault, Some(Fault::FrameTooLarge));
}

#[test]
fn a_message_above_the_limit_is_refused_at_the_header_that_exceeds_it() {
    let limits = Limits {
        message_size: 200,
        ..Limits::default()
    };
    let mut listener = limited(limits);
    listener.receive(&frame(BINARY & !FIN, &[0; 100]));
    listener.receive(&frame(CONTINUATION, &[0; 100]));
    assert_eq!(listener.heard.len(), 1);
    listener.receive(&frame(BINARY & !FIN, &[0; 100]));
    listener.receive(&frame(CONTINUATION, &[0; 101])[..6]);
    assert_eq!(listener.fault, Some(Fault::MessageTooLarge));
    assert_eq!(sent_code(&listener.out), 1009);
    let mut listener = limited(limits);
    listener.receive(&frame(TEXT, &[b'a'; 201])[..8]);
    assert_eq!(listener.fault, Some(Fault::MessageTooLarge));
}

#[test]
fn a_message_half_received_takes_no_more_memory_than_twice_what_came() {
    for first in [TEXT, BINARY] {
        let mut listener = Listener::new(None);
        // The header promises all that the limit allows.
        let stream = frame(first, &[b'a'; 1 << 20]);
        let mut came = 14;
        listener.receive(&stream[..came]);
        assert_eq!(listener.conversation.held(), 0);
        for piece in stream[came..].chunks(1000).take(100) {
            listener.receive(piece);
            came += piece.len();
            let held = listener.conversation.held();
            assert!(held <= 2 * came, "{held} for {came}");
        }
    }
}

#[test]
fn a_message_in_too_many_fragments_is_refused() {
    let mut listener = limited(Limits {
        fragments: 3,
        ..Limits::default()
    });
    let more = frame(CONTINUATION & !FIN, b"");
    listener.receive(&frame(TEXT & !FIN, b""));
    listener.receive(&more);
    listener.receive(&frame(CONTINUATION, b"three"));
    assert_eq!(listener.heard, [Heard::Text("three".to_owned())]);
    listener.receive(&frame(TEXT & !FIN, b""));
    listener.receive(&[&more[..], &more].concat());
    assert_eq!(listener.fault, None);
    listener.receive(&more);
    assert_eq!(listener.fault, Some(Fault::TooManyFragments));
    assert_eq!(sent_code(&listener.out), 1008);
}

#[test]
fn more_control_frames_than_the_budget_are_refused() {
    let mut listener = limited(Limits {
        controls: 10,
        ..Limits::default()
    });
    for window in 0..3 {
        listener.seconds = window * CONTROL_WINDOW_SECONDS + 7;
        for _ in 0..5 {
            listener.receive(&[frame(PING, b""), frame(PONG, b"")].concat());
        }
    }
    assert_eq!(listener.fault, None);
    listener.receive(&frame(TEXT, b"messages are not counted"));
    assert_eq!(listener.fault, None);
    listener.seconds += CONTROL_WINDOW_SECONDS - 1;
    listener.receive(&frame(PING, b""));
    assert_eq!(listener.fault, Some(Fault::ControlFlood));
    assert_eq!(sent_code(&listener.out), 1008);
}

#[test]
fn the_time_over_which_control_frames_are_counted_passes_over_the_end_of_the_clock() {
    assert_eq!(CONTROL_WINDOW_SECONDS, 10);
    for begin in [0, 5, 10, u32::MAX - 3, u32::MAX] {
        for (passed, is_new) in [(0, false), (1, false), (9, false), (10, true), (500, true)] {
            let mut listener = limited(Limits {
                controls: 2,
                ..Limits::default()
            });
            // A window of its own begins here, since the one of a new conversation began at 0.
            listener.seconds = begin.wrapping_sub(20);
            listener.receive(&frame(PING, b""));
            listener.seconds = begin;
            listener.receive(&[frame(PING, b""), frame(PONG, b"")].concat());
            listener.seconds = begin.wrapping_add(passed);
            listener.receive(&frame(PING, b""));
            let expected = (!is_new).then_some(Fault::ControlFlood);
            assert_eq!(listener.fault, expected, "{passed} after {begin}");
        }
    }
}

#[test]
fn the_usual_limits_are_those_that_are_documented() {
    let usual = Limits {
        frame_size: 1_048_576,
        message_size: 1_048_576,
        fragments: 4096,
        controls: 1000,
        delivery: Delivery::Whole,
    };
    assert_eq!(Limits::default(), usual);
}

#[test]
fn larger_messages_may_come_in_as_many_frames_of_64_bytes_and_4096_at_least() {
    let other = Limits {
        controls: 7,
        delivery: Delivery::Parts,
        ..Limits::default()
    };
    for (size, fragments) in [
        (0, 4096),
        (1, 4096),
        (262_143, 4096),
        (262_144, 4096),
        (262_207, 4096),
        (262_208, 4097),
        (1 << 20, 16_384),
        (1 << 30, 16_777_216),
    ] {
        let expected = Limits {
            frame_size: size,
            message_size: size,
            fragments,
            ..other
        };
        assert_eq!(other.with_messages_of(size), expected);
    }
}

#[test]
fn what_a_slice_needs_is_told_before_anything_is_changed() {
    use ringgate::websocket::deflate::Inflater;
    use ringgate::websocket::{Arrival, Desk};
    let needs = |stream: &[u8], cut: usize| {
        let mut desk = Desk {
            limits: &Limits::default(),
            seconds: 0,
            out: &mut Vec::new(),
        };
        let (mut bytes, mut inflater) = (stream[..cut].to_vec(), Inflater::default());
        let mut conversation = Conversation::new(None);
        let received = conversation.receive(&mut bytes, &mut inflater, &mut desk);
        let received = received.expect("a sound frame");
        let needs = match received.arrival {
            Arrival::Needs(needs) => (received.used, needs),
            other => panic!("{other:?}"),
        };
        assert_eq!(bytes, stream[..cut], "unmasked before it is whole");
        needs
    };
    // A header in at least one byte more; a control frame, whose length is known, as a whole.
    for (length, header) in [(10, 6), (300, 8), (70_000, 14)] {
        let stream = frame(BINARY, &vec![1; length]);
        for cut in 0..header {
            assert_eq!(needs(&stream, cut), (0, cut + 1), "{cut} of {length}");
        }
    }
    for length in [0, 1, 125] {
        let stream = frame(PING, &vec![1; length]);
        for cut in 0..stream.len() {
            let expected = if cut < 6 { cut + 1 } else { stream.len() };
            assert_eq!(needs(&stream, cut), (0, expected), "{cut} of {length}");
        }
    }
}

#[test]
fn no_bytes_are_no_sign_of_life() {
    use ringgate::websocket::Desk;
    use ringgate::websocket::deflate::Inflater;
    for (bytes, deadline) in [(&[][..], Deadline::Pong), (&[BINARY], Deadline::Quiet)] {
        let mut conversation = Conversation::new(None);
        let mut out = Vec::new();
        let quiet = Event::DeadlinePassed(Deadline::Quiet);
        assert_eq!(conversation.on(quiet, "", &mut out), Effect::Ping);
        let mut desk = Desk {
            limits: &Limits::default(),
            seconds: 0,
            out: &mut out,
        };
        let (mut bytes, mut inflater) = (bytes.to_vec(), Inflater::default());
        let received = conversation.receive(&mut bytes, &mut inflater, &mut desk);
        assert!(received.is_ok());
        assert_eq!(conversation.deadline(false), Some(deadline));
    }
}

#[test]
fn bytes_that_were_looked_at_before_are_no_sign_of_life_and_those_behind_them_are() {
    use ringgate::websocket::Desk;
    use ringgate::websocket::deflate::Inflater;
    for frame in [frame(TEXT, &[b'a'; 70_000]), frame(PING, &[b'a'; 125])] {
        let mut conversation = Conversation::new(None);
        let (mut out, mut inflater) = (Vec::new(), Inflater::default());
        for length in 1..=10 {
            for deadline in [Deadline::Quiet, Deadline::Pong] {
                let quiet = Event::DeadlinePassed(Deadline::Quiet);
                if conversation.deadline(false) == Some(Deadline::Quiet) {
                    assert_eq!(conversation.on(quiet, "", &mut out), Effect::Ping);
                }
                let mut desk = Desk {
                    limits: &Limits::default(),
                    seconds: 0,
                    out: &mut out,
                };
                let mut bytes = frame[..length].to_vec();
                let received = conversation.receive(&mut bytes, &mut inflater, &mut desk);
                assert_eq!(received.map(|received| received.used), Ok(0));
                assert_eq!(conversation.deadline(false), Some(deadline), "{length}");
            }
        }
    }
}

#[test]
fn a_message_takes_no_more_of_an_output_than_its_frame() {
    for length in [0, 1, 125, 126, 1000, 65_535, 65_536, 1 << 20] {
        let mut out = Vec::new();
        let message = vec![b'a'; length];
        let sent = Conversation::new(None).send(Message::Binary(&message), None, &mut out);
        assert_eq!((sent, out.is_empty()), (Ok(()), false));
        assert!(
            out.capacity() <= length + 14,
            "{} for {length}",
            out.capacity()
        );
    }
}

#[test]
fn a_quiet_client_is_asked_and_one_that_does_not_answer_is_given_up() {
    let mut listener = Listener::new(None);
    let Listener {
        conversation, out, ..
    } = &mut listener;
    assert_eq!(conversation.deadline(true), Some(Deadline::Write));
    assert_eq!(conversation.deadline(false), Some(Deadline::Quiet));
    let effect = conversation.on(Event::DeadlinePassed(Deadline::Quiet), "", out);
    assert_eq!(effect, Effect::Ping);
    assert_eq!(frames(out), [(PING, vec![])]);
    assert_eq!(conversation.deadline(false), Some(Deadline::Pong));
    // Any byte is a sign of life.
    listener.receive(&frame(TEXT, b"here")[..3]);
    assert_eq!(listener.conversation.deadline(false), Some(Deadline::Quiet));
    let Listener {
        conversation, out, ..
    } = &mut listener;
    let _: Effect = conversation.on(Event::DeadlinePassed(Deadline::Quiet), "", out);
    let effect = conversation.on(Event::DeadlinePassed(Deadline::Pong), "", out);
    assert_eq!(effect, Effect::Abort);
    assert_eq!(conversation.deadline(false), None);
}

#[test]
fn a_message_whose_rest_does_not_come_is_given_up_with_1008() {
    let mut listener = hear(&frame(TEXT & !FIN, b"half"));
    let Listener {
        conversation, out, ..
    } = &mut listener;
    assert_eq!(conversation.deadline(false), Some(Deadline::Message));
    let effect = conversation.on(Event::DeadlinePassed(Deadline::Message), "", out);
    assert_eq!(effect, Effect::Close(Fault::MessageStalled.code()));
    assert_eq!(sent_code(out), 1008);
}

fn in_parts() -> Listener {
    limited(Limits {
        delivery: Delivery::Parts,
        message_size: 10,
        fragments: 1,
        ..Limits::default()
    })
}

#[test]
fn a_message_in_parts_is_delivered_as_it_comes_and_not_bounded_as_a_whole() {
    let mut listener = in_parts();
    let mut sent = Vec::new();
    for at in 0..100u8 {
        let payload = [at; 1000];
        let first = if at == 0 { BINARY } else { CONTINUATION };
        let last = if at == 99 { FIN } else { 0 };
        let frame = frame(first & !FIN | last, &payload);
        listener.receive(&frame[..500]);
        listener.receive(&frame[500..]);
        sent.extend_from_slice(&payload);
    }
    assert_eq!(listener.heard, [Heard::Binary(sent)]);
}

#[test]
fn text_in_parts_may_be_cut_within_a_character_and_is_validated() {
    let text = "καλημέρα 🌍";
    let stream = frame(TEXT, text.as_bytes());
    let mut listener = in_parts();
    for byte in &stream {
        listener.receive(&[*byte]);
    }
    assert_eq!(listener.heard, [Heard::Text(text.to_owned())]);
    listener.receive(&frame(TEXT & !FIN, b"\xce"));
    assert_eq!(listener.fault, None);
    listener.receive(&frame(CONTINUATION & !FIN, b"\xce"));
    assert_eq!(listener.fault, Some(Fault::NotUtf8));
    let mut listener = in_parts();
    listener.receive(&frame(TEXT & !FIN, b"\xce"));
    listener.receive(&frame(CONTINUATION, b""));
    assert_eq!(listener.fault, Some(Fault::NotUtf8));
}

#[test]
fn a_message_is_sent_in_parts_with_the_kind_in_the_first() {
    let mut conversation = Conversation::new(None);
    let mut out = Vec::new();
    for (bytes, last) in [(&b"pa"[..], false), (b"r", false), (b"t", true)] {
        let sent = conversation.send_part(Kind::Text, bytes, last, &mut out);
        assert_eq!(sent, Ok(()));
        assert_eq!(conversation.is_idle(), last);
        if !last {
            let whole = conversation.send(Message::Text("whole"), None, &mut out);
            assert_eq!(whole, Err(SendError::HalfSent));
        }
    }
    let expected = [
        (TEXT & !FIN, b"pa".to_vec()),
        (CONTINUATION & !FIN, b"r".to_vec()),
        (CONTINUATION, b"t".to_vec()),
    ];
    assert_eq!(frames(&out), expected);
}

#[test]
fn a_broadcast_is_the_same_bytes_for_all_who_hear_it() {
    let broadcast = Broadcast::new(Message::Text("to all"), None);
    let (one, other) = (Conversation::new(None), Conversation::new(None));
    let one = one.send_broadcast(&broadcast).expect("open");
    let other = other.send_broadcast(&broadcast).expect("open");
    assert_eq!(frames(one), [(TEXT, b"to all".to_vec())]);
    assert_eq!(one.as_ptr(), other.as_ptr());
}

#[test]
fn a_message_that_is_half_sent_holds_up_whole_ones_and_the_end_all() {
    let broadcast = Broadcast::new(Message::Text("to all"), None);
    let mut conversation = Conversation::new(None);
    let mut out = Vec::new();
    let sent = conversation.send_part(Kind::Text, b"half", false, &mut out);
    assert_eq!((sent, conversation.may_send()), (Ok(()), true));
    let mut refused = |conversation: &mut Conversation, error| {
        let length = out.len();
        let whole = conversation.send(Message::Text("whole"), None, &mut out);
        assert_eq!((whole, out.len()), (Err(error), length));
        assert_eq!(conversation.send_broadcast(&broadcast), Err(error));
    };
    refused(&mut conversation, SendError::HalfSent);
    let effect = conversation.on(Event::PeerEof, "", &mut Vec::new());
    assert_eq!((effect, conversation.may_send()), (Effect::Nothing, false));
    refused(&mut conversation, SendError::Closed);
}

#[test]
fn the_first_part_of_a_message_is_the_first_that_has_bytes_or_is_the_last() {
    use ringgate::websocket::deflate::Inflater;
    use ringgate::websocket::{Arrival, Desk};
    let limits = in_parts().limits;
    let stream = [
        frame(TEXT & !FIN, b""),
        frame(CONTINUATION & !FIN, b"one"),
        frame(CONTINUATION & !FIN, b""),
        frame(CONTINUATION & !FIN, b"two"),
        frame(CONTINUATION, b""),
        frame(BINARY & !FIN, b""),
        frame(CONTINUATION, b""),
    ];
    let mut conversation = Conversation::new(None);
    let mut desk = Desk {
        limits: &limits,
        seconds: 0,
        out: &mut Vec::new(),
    };
    let mut parts = Vec::new();
    for mut frame in stream {
        let mut inflater = Inflater::default();
        let received = conversation.receive(&mut frame, &mut inflater, &mut desk);
        match received.expect("a sound frame").arrival {
            Arrival::Nothing => {}
            Arrival::Part(part) => {
                parts.push((part.kind, part.first, part.last, part.bytes.to_vec()));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(conversation.held(), 0);
    }
    let expected = [
        (Kind::Text, true, false, b"one".to_vec()),
        (Kind::Text, false, false, b"two".to_vec()),
        (Kind::Text, false, true, Vec::new()),
        (Kind::Binary, true, true, Vec::new()),
    ];
    assert_eq!(parts, expected);
}

#[test]
fn what_a_message_was_gathered_in_is_given_up_when_the_conversation_ends() {
    let mut listener = hear(&frame(TEXT & !FIN, &[b'a'; 1000]));
    let Listener {
        conversation, out, ..
    } = &mut listener;
    assert!(conversation.held() >= 1000);
    let effect = conversation.on(Event::PeerEof, "", out);
    assert_eq!((effect, conversation.held()), (Effect::Nothing, 0));
    // With half a message it would be Message; what is left is to send what is queued.
    assert_eq!(conversation.deadline(false), Some(Deadline::Write));
    let effect = conversation.on(Event::Flushed, "", out);
    assert_eq!(effect, Effect::Release);
}
