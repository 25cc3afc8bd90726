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

#[test]
fn each_fault_has_the_code_of_its_kind() {
    let of = |fault: Fault| fault.code().number();
    assert_eq!(of(Fault::NotUtf8), 1007);
    assert_eq!(of(Fault::NotDeflate), 1007);
    assert_eq!(of(Fault::MessageTooLarge), 1009);
    assert_eq!(of(Fault::FrameTooLarge), 1009);
    assert_eq!(of(Fault::TooManyFragments), 1008);
    assert_eq!(of(Fault::ControlFlood), 1008);
    assert_eq!(of(Fault::Unmasked), 1002);
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
