//! Idle conversations as bytes, for another process.

use crate::compression::forgetful;
use crate::forge::{FIN, Heard, Listener, TEXT, frame};
use ringgate::websocket::carry::CarryError;
use ringgate::websocket::life::{Deadline, Effect, Event};
use ringgate::websocket::{CloseCode, Conversation, Kind};

#[test]
fn an_idle_conversation_goes_on_where_it_was() {
    for terms in [
        None,
        Some(forgetful("")),
        Some(forgetful("; server_max_window_bits=10")),
    ] {
        let mut listener = Listener::new(terms);
        listener.receive(&frame(TEXT, b"before"));
        let carried = listener.conversation.encode().expect("idle");
        listener.conversation = Conversation::decode(&carried).expect("its own bytes");
        let bits = |terms: Option<ringgate::websocket::deflate::Terms>| {
            terms.map(|terms| (terms.server_bits, terms.keeps_context()))
        };
        assert_eq!(bits(listener.conversation.terms()), bits(terms));
        listener.receive(&frame(TEXT, b"after"));
        let expected = ["before", "after"].map(|text| Heard::Text(text.to_owned()));
        assert_eq!(listener.heard, expected);
        let again = listener.conversation.encode();
        assert_eq!(again, Some(carried));
    }
}

#[test]
fn a_ping_without_an_answer_is_carried() {
    let mut conversation = Conversation::new(None);
    let effect = conversation.on(Event::DeadlinePassed(Deadline::Quiet), "", &mut Vec::new());
    assert_eq!(effect, Effect::Ping);
    let carried = conversation.encode().expect("idle");
    let carried = Conversation::decode(&carried).expect("its own bytes");
    assert_eq!(carried.deadline(false), Some(Deadline::Pong));
}

#[test]
fn a_conversation_with_something_half_done_is_not_carried() {
    let mut listener = Listener::new(None);
    listener.receive(&frame(TEXT & !FIN, b"half"));
    assert_eq!(listener.conversation.encode(), None);
    let mut listener = Listener::new(None);
    let out = &mut listener.out;
    let sent = listener
        .conversation
        .send_part(Kind::Text, b"half", false, out);
    assert_eq!((sent, listener.conversation.encode()), (Ok(()), None));
    let mut conversation = Conversation::new(None);
    let closing = Event::CloseWanted(CloseCode::NORMAL);
    let _: Effect = conversation.on(closing, "", &mut Vec::new());
    assert_eq!(conversation.encode(), None);
    let kept = crate::compression::keeping();
    assert_eq!(Conversation::new(Some(kept)).encode(), None);
}

#[test]
fn bytes_that_are_no_conversation_are_told_from_others() {
    let sound = Conversation::new(None).encode().expect("idle");
    for (bytes, error) in [
        (&[][..], CarryError::Length(0)),
        (&sound[..2], CarryError::Length(2)),
        (&[1, 0, 0, 0], CarryError::Length(4)),
        (&[9, 0, 0], CarryError::Format(9)),
        (&[1, 2, 0], CarryError::Field("Ping")),
        (&[1, 0, 8], CarryError::Field("window")),
        (&[1, 0, 16], CarryError::Field("window")),
    ] {
        assert_eq!(Conversation::decode(bytes).err(), Some(error), "{bytes:?}");
    }
    for (error, text) in [
        (
            CarryError::Format(9),
            "a WebSocket in layout 9, of which this program knows 1; hand over between versions that share a layout, \
             or drain",
        ),
        (CarryError::Length(4), "a WebSocket of 4 bytes instead of 3"),
        (
            CarryError::Field("window"),
            "a WebSocket with a senseless window",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn each_byte_of_a_carried_conversation_has_its_values_and_no_others() {
    for byte in 0..=u8::MAX {
        let of =
            |bytes: [u8; 3]| Conversation::decode(&bytes).map(|conversation| conversation.encode());
        let format = [byte, 1, 12];
        match byte {
            1 => assert_eq!(of(format), Ok(Some(format))),
            _ => assert_eq!(of(format), Err(CarryError::Format(byte))),
        }
        let asked = [1, byte, 12];
        match byte {
            0 | 1 => assert_eq!(of(asked), Ok(Some(asked))),
            _ => assert_eq!(of(asked), Err(CarryError::Field("Ping"))),
        }
        let window = [1, 0, byte];
        match byte {
            0 | 9..=15 => assert_eq!(of(window), Ok(Some(window))),
            _ => assert_eq!(of(window), Err(CarryError::Field("window"))),
        }
    }
}
