//! The ends of conversations: RFC 6455 sections 5.5.1 and 7. The whole table of states is in
//! `life_cycle.txt`; after a change that is meant, run the test with `RINGGATE_BLESS=1` and read the
//! difference.

use crate::forge::{
    CLOSE, CONTINUATION, FIN, Heard, Listener, PING, TEXT, close_body, fault, frame, frames, hear,
    sent_code,
};
use ringgate::websocket::life::{Deadline, Effect, Event, State, Waiting};
use ringgate::websocket::{CloseCode, Fault, Kind, Message, SendError};
use std::fmt::Write;

#[test]
fn a_close_is_answered_with_its_code() {
    for code in [1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999] {
        let listener = hear(&frame(CLOSE, &close_body(code, "bye")));
        let heard = Heard::Close(CloseCode::new(code), "bye".to_owned());
        assert_eq!(listener.heard, [heard]);
        let answer = (CLOSE, close_body(code, ""));
        assert_eq!(frames(&listener.out), [answer]);
        assert_eq!(listener.conversation.state(), State::Leaving);
    }
    let listener = hear(&frame(CLOSE, &[]));
    assert_eq!(listener.heard, [Heard::Close(None, String::new())]);
    assert_eq!(frames(&listener.out), [(CLOSE, vec![])]);
}

#[test]
fn each_code_that_may_not_be_sent_is_a_fault() {
    let senseless = [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ];
    for code in senseless {
        let found = fault(&frame(CLOSE, &close_body(code, "")));
        assert_eq!(found, (Fault::CloseCodeInvalid, 1002), "{code}");
        assert_eq!(CloseCode::new(code), None);
    }
}

#[test]
fn a_close_with_half_a_code_is_a_fault() {
    assert_eq!(fault(&frame(CLOSE, &[3])), (Fault::CloseMalformed, 1002));
}

#[test]
fn a_reason_that_is_not_utf8_is_a_fault() {
    let body = [&1000u16.to_be_bytes()[..], b"\xce\xba\xff"].concat();
    assert_eq!(fault(&frame(CLOSE, &body)), (Fault::NotUtf8, 1007));
}

#[test]
fn nothing_is_sent_after_a_close() {
    let mut listener = Listener::new(None);
    let Listener {
        conversation, out, ..
    } = &mut listener;
    let effect = conversation.on(Event::CloseWanted(CloseCode::NORMAL), "done", out);
    assert_eq!(effect, Effect::Close(CloseCode::NORMAL));
    let closed = Err(SendError::Closed);
    assert_eq!(conversation.send(Message::Text("late"), None, out), closed);
    assert_eq!(
        conversation.send_part(Kind::Text, b"late", true, out),
        closed
    );
    let again = conversation.on(Event::CloseWanted(CloseCode::POLICY), "", out);
    assert_eq!(again, Effect::Nothing);
    // Neither Pong nor Close answers what comes now.
    listener.receive(&frame(PING, b"there?"));
    listener.receive(&frame(CLOSE, &close_body(1000, "")));
    let sent = (CLOSE, close_body(1000, "done"));
    assert_eq!(frames(&listener.out), [sent]);
    assert_eq!(listener.conversation.state(), State::Leaving);
}

#[test]
fn messages_that_were_on_their_way_when_this_side_closed_are_delivered() {
    let mut listener = hear(&frame(TEXT & !FIN, b"on its "));
    let Listener {
        conversation, out, ..
    } = &mut listener;
    let _: Effect = conversation.on(Event::Drain(CloseCode::GOING_AWAY), "", out);
    listener.receive(&frame(CONTINUATION, b"way"));
    assert_eq!(listener.heard, [Heard::Text("on its way".to_owned())]);
    assert_eq!(sent_code(&listener.out), 1001);
}

#[test]
fn a_fault_is_told_and_nothing_after_it_is_read() {
    let mut listener = hear(&[TEXT | 0x10]);
    assert_eq!(listener.fault, Some(Fault::ReservedBit));
    listener.receive(&frame(TEXT, b"more"));
    assert!(listener.heard.is_empty() && !listener.has_unread());
    assert_eq!(frames(&listener.out), [(CLOSE, close_body(1002, ""))]);
}

#[test]
fn a_fault_after_a_close_of_this_side_is_not_told() {
    let mut listener = Listener::new(None);
    let Listener {
        conversation, out, ..
    } = &mut listener;
    let _: Effect = conversation.on(Event::CloseWanted(CloseCode::NORMAL), "", out);
    listener.receive(&[TEXT | 0x10]);
    assert_eq!(listener.fault, Some(Fault::ReservedBit));
    assert_eq!(frames(&listener.out), [(CLOSE, close_body(1000, ""))]);
}

#[test]
fn a_reason_that_is_too_long_is_cut_between_two_characters() {
    let mut listener = Listener::new(None);
    let Listener {
        conversation, out, ..
    } = &mut listener;
    let reason = "é".repeat(62);
    let _: Effect = conversation.on(Event::CloseWanted(CloseCode::INTERNAL), &reason, out);
    let body = close_body(1011, &"é".repeat(61));
    assert_eq!(frames(&listener.out), [(CLOSE, body)]);
}

/// Each fault with its code (RFC 6455 section 7.4.1) and the name that logs and metrics know it by.
const FAULTS: [(Fault, u16, &str); 19] = [
    (Fault::ReservedBit, 1002, "reserved-bit"),
    (Fault::ReservedOpcode, 1002, "reserved-opcode"),
    (Fault::Unmasked, 1002, "unmasked"),
    (Fault::Masked, 1002, "masked"),
    (Fault::LengthNotMinimal, 1002, "length-not-minimal"),
    (Fault::LengthOverflow, 1002, "length-overflow"),
    (Fault::ControlTooLong, 1002, "control-too-long"),
    (Fault::ControlFragmented, 1002, "control-fragmented"),
    (Fault::NothingToContinue, 1002, "nothing-to-continue"),
    (Fault::MessageInMessage, 1002, "message-in-message"),
    (Fault::CloseMalformed, 1002, "close-malformed"),
    (Fault::CloseCodeInvalid, 1002, "close-code-invalid"),
    (Fault::NotUtf8, 1007, "not-utf8"),
    (Fault::NotDeflate, 1007, "not-deflate"),
    (Fault::FrameTooLarge, 1009, "frame-too-large"),
    (Fault::MessageTooLarge, 1009, "message-too-large"),
    (Fault::TooManyFragments, 1008, "too-many-fragments"),
    (Fault::ControlFlood, 1008, "control-flood"),
    (Fault::MessageStalled, 1008, "message-stalled"),
];

#[test]
fn each_fault_has_the_code_of_its_kind_and_a_name_of_its_own() {
    assert_eq!(FAULTS.map(|(fault, ..)| fault), Fault::ALL);
    for (fault, code, name) in FAULTS {
        assert_eq!((fault.code().number(), fault.name()), (code, name));
        assert_eq!(fault.to_string(), format!("{code} ({name})"));
    }
}

#[test]
fn a_close_code_is_one_that_may_stand_in_a_frame_and_says_its_number() {
    for number in 0..=u16::MAX {
        // RFC 6455 section 7.4; IANA's registry has 1012 to 1014 beside.
        let may_be_sent = matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let code = CloseCode::new(number);
        assert_eq!(code.map(CloseCode::number), may_be_sent.then_some(number));
        if let Some(code) = code {
            let said = (code.to_string(), format!("{code:?}"));
            assert_eq!(said, (number.to_string(), number.to_string()));
        }
    }
    for (code, number) in [
        (CloseCode::NORMAL, 1000),
        (CloseCode::GOING_AWAY, 1001),
        (CloseCode::PROTOCOL_ERROR, 1002),
        (CloseCode::UNSUPPORTED, 1003),
        (CloseCode::INVALID_PAYLOAD, 1007),
        (CloseCode::POLICY, 1008),
        (CloseCode::TOO_BIG, 1009),
        (CloseCode::INTERNAL, 1011),
        (CloseCode::RESTART, 1012),
    ] {
        assert_eq!(Some(code), CloseCode::new(number));
    }
}

#[test]
fn a_message_that_is_not_sent_says_why() {
    for (error, text) in [
        (SendError::Closed, "the WebSocket is closed"),
        (
            SendError::HalfSent,
            "another message is half sent; end it first",
        ),
        (
            SendError::Full,
            "too much waits for the client already; send again later",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_reason_has_what_a_control_frame_holds_behind_the_code() {
    for (length, sent) in [
        (0, 0),
        (1, 1),
        (122, 122),
        (123, 123),
        (124, 123),
        (500, 123),
    ] {
        let mut listener = Listener::new(None);
        let Listener {
            conversation, out, ..
        } = &mut listener;
        let closing = Event::CloseWanted(CloseCode::NORMAL);
        let _: Effect = conversation.on(closing, &"r".repeat(length), out);
        let body = close_body(1000, &"r".repeat(sent));
        assert_eq!(frames(&listener.out), [(CLOSE, body)], "{length}");
    }
}

#[test]
fn a_limit_on_what_the_client_takes_goes_before_one_on_what_it_says() {
    for (sending, asked, in_message, deadline) in [
        (false, false, false, Deadline::Quiet),
        (false, false, true, Deadline::Message),
        (false, true, false, Deadline::Pong),
        (false, true, true, Deadline::Pong),
        (true, false, false, Deadline::Write),
        (true, false, true, Deadline::Write),
        (true, true, false, Deadline::Write),
        (true, true, true, Deadline::Write),
    ] {
        let waiting = Waiting {
            sending,
            asked,
            in_message,
        };
        assert_eq!(State::Open.deadline(waiting), Some(deadline), "{waiting:?}");
        let expected = |state: State| match state {
            State::Open => Some(deadline),
            State::Closing => Some(Deadline::Close),
            State::Leaving | State::Ended => Some(Deadline::Write),
            State::Lingering => Some(Deadline::Linger),
            State::Closed => None,
        };
        for state in STATES {
            assert_eq!(state.deadline(waiting), expected(state), "{state:?}");
        }
    }
}

#[test]
fn half_a_message_is_kept_only_while_its_rest_is_awaited() {
    for (event, is_awaited) in [
        (Event::Flushed, true),
        (Event::DeadlinePassed(Deadline::Quiet), true),
        (Event::CloseWanted(CloseCode::NORMAL), true),
        (Event::Drain(CloseCode::RESTART), true),
        (Event::CloseReceived, false),
        (Event::Failed(Fault::ControlFlood), false),
        (Event::DeadlinePassed(Deadline::Message), false),
        (Event::DeadlinePassed(Deadline::Pong), false),
        (Event::PeerEof, false),
        (Event::Gone, false),
        (Event::Force, false),
    ] {
        let mut listener = hear(&frame(TEXT & !FIN, &[b'a'; 100]));
        let Listener {
            conversation, out, ..
        } = &mut listener;
        assert!(conversation.held() >= 100);
        let effect = conversation.on(event, "", out);
        assert_ne!(effect, Effect::Impossible);
        assert_eq!(conversation.held() >= 100, is_awaited, "{event:?}");
    }
}

const STATES: [State; 6] = [
    State::Open,
    State::Closing,
    State::Leaving,
    State::Ended,
    State::Lingering,
    State::Closed,
];

const EVENTS: [Event; 15] = [
    Event::BytesArrived,
    Event::CloseReceived,
    Event::CloseWanted(CloseCode::NORMAL),
    Event::Failed(Fault::NotUtf8),
    Event::Flushed,
    Event::PeerEof,
    Event::Gone,
    Event::DeadlinePassed(Deadline::Write),
    Event::DeadlinePassed(Deadline::Quiet),
    Event::DeadlinePassed(Deadline::Pong),
    Event::DeadlinePassed(Deadline::Message),
    Event::DeadlinePassed(Deadline::Close),
    Event::DeadlinePassed(Deadline::Linger),
    Event::Drain(CloseCode::RESTART),
    Event::Force,
];

/// Every state and event, without what cannot happen.
fn table() -> String {
    let mut table = String::new();
    for state in STATES {
        let deadline = |waiting| match state.deadline(waiting) {
            Some(deadline) => format!("{deadline:?}"),
            None => "none".to_owned(),
        };
        let quiet = Waiting::default();
        let sending = Waiting {
            sending: true,
            ..quiet
        };
        let asked = Waiting {
            asked: true,
            ..quiet
        };
        let in_message = Waiting {
            in_message: true,
            ..quiet
        };
        let _ = writeln!(
            table,
            "{state:?} (deadline {}, while sending {}, asked {}, in a message {})",
            deadline(quiet),
            deadline(sending),
            deadline(asked),
            deadline(in_message),
        );
        for event in EVENTS {
            let (next, effect) = state.on(event);
            if effect != Effect::Impossible {
                let event = format!("{event:?}");
                let _ = writeln!(
                    table,
                    "    {event:<26} {:<10} {effect:?}",
                    format!("{next:?}")
                );
            }
        }
    }
    table
}

#[test]
fn the_life_cycle_is_the_one_in_the_file() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/websocket/life_cycle.txt"
    );
    let table = table();
    if std::env::var_os("RINGGATE_BLESS").is_some() {
        std::fs::write(path, &table).expect("written");
    }
    let file = std::fs::read_to_string(path).unwrap_or_default();
    assert!(table == file, "not the table in the file:\n{table}");
}

#[test]
fn from_every_state_some_deadline_leads_to_the_end() {
    for start in STATES {
        let mut state = start;
        let mut asked = false;
        for _ in 0..8 {
            let waiting = Waiting {
                asked,
                ..Waiting::default()
            };
            let Some(deadline) = state.deadline(waiting) else {
                break;
            };
            let (next, effect) = state.on(Event::DeadlinePassed(deadline));
            assert_ne!(effect, Effect::Impossible, "{deadline:?} in {state:?}");
            asked |= effect == Effect::Ping;
            state = next;
        }
        assert_eq!(state, State::Closed, "from {start:?}");
    }
}
