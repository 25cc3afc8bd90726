//! Another protocol's state on its way to another core, or as bytes to another process. A session of HTTP/2 is plain
//! data, and goes as it is, with the WebSockets on its streams.
//!
//! Of a WebSocket, the application's value goes along as it is within the process; it is `Send`. To another process go
//! the conversation, the name of its kind and the bytes that the application makes of its state
//! ([`OnMessage::hand_over`]); the router there makes a value of them. A WebSocket that cannot be made there is closed
//! with 1012, so that its client connects again.

use super::feeds::Feed;
use crate::connection::access::Noted;
use crate::handler::{Application, Hearing, OnMessage, SocketTerms};
use crate::http1::upgraded::Phase;
use crate::http2::{Session, StreamId};
use crate::websocket::Conversation;
use crate::websocket::carry::CARRIED_SIZE_BYTES;
use ringgate_runtime::task::catch_panic;
use std::sync::Arc;

/// The largest state that an application hands over.
pub(super) const STATE_SIZE_BYTES_MAX: usize = 64 << 10;

/// The state of another protocol that belongs to no core.
pub(in crate::connection) enum Carried {
    WebSocket(CarriedSocket),
    Http2(Box<Session>, Vec<CarriedStream>),
}

/// A WebSocket on a stream of a session that belongs to no core.
pub(in crate::connection) struct CarriedStream {
    pub(super) id: StreamId,
    pub(super) socket: CarriedSocket,
    /// The second from which the time of its client counts; None if it comes from a process that does not say so.
    pub(super) since: Option<u32>,
    /// The note on its request, within the process.
    pub(super) noted: Option<Box<Noted>>,
}

/// A WebSocket that belongs to no core.
pub(in crate::connection) struct CarriedSocket {
    conversation: Conversation,
    luggage: Luggage,
}

enum Luggage {
    /// The application's end.
    Here(Ready),
    /// The bytes that another process made of it.
    Packed(Packed),
}

/// The application's end of a WebSocket, and the terms of its kind.
pub(super) struct Ready {
    pub(super) end: Option<Box<dyn OnMessage>>,
    pub(super) terms: Arc<SocketTerms>,
    pub(super) protocol: Option<u8>,
    /// The hub that it follows, within the process.
    pub(super) feed: Option<Box<Feed>>,
    /// The line to it, within the process.
    pub(super) line: Option<Hearing>,
}

/// The application's end as bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Packed {
    /// The name of its kind. Empty if the application has no state to hand over.
    name: String,
    /// The subprotocol; empty for none.
    protocol: String,
    state: Vec<u8>,
}

impl Carried {
    /// Where the other protocol stands, which is at rest.
    pub(in crate::connection) fn phase(&self) -> Phase {
        match self {
            Carried::WebSocket(socket) => socket.phase(),
            Carried::Http2(_, streams) if streams.is_empty() => Phase::Rest,
            Carried::Http2(..) => Phase::Streams,
        }
    }

    /// Whether another process could take it up.
    pub(in crate::connection) fn may_be_packed(&self) -> bool {
        match self {
            Carried::WebSocket(socket) => socket.may_be_packed(),
            Carried::Http2(session, streams) => {
                let mut sockets = streams.iter().map(|stream| &stream.socket);
                session.rests() && sockets.all(CarriedSocket::may_be_packed)
            }
        }
    }

    /// Appends the whole of it.
    pub(in crate::connection) fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Carried::WebSocket(socket) => socket.pack(out),
            // None but a session at rest is carried.
            Carried::Http2(session, streams) => {
                write_part(&session.encode().unwrap_or_default(), out);
                for stream in streams {
                    stream.socket.pack(out);
                }
            }
        }
    }

    /// The seconds from which the times of clients on streams count, in the order of the streams.
    pub(in crate::connection) fn silences(&self) -> Vec<u32> {
        match self {
            Carried::WebSocket(_) => Vec::new(),
            Carried::Http2(_, streams) => streams.iter().filter_map(|one| one.since).collect(),
        }
    }

    /// The same WebSockets, with the times that [`Carried::silences`] gave.
    pub(in crate::connection) fn set_silences(&mut self, silences: &[u32]) {
        if let Carried::Http2(_, streams) = self
            && streams.len() == silences.len()
        {
            for (stream, since) in streams.iter_mut().zip(silences) {
                stream.since = Some(*since);
            }
        }
    }

    /// Takes so many seconds in which nobody heard the clients out of their times.
    pub(in crate::connection) fn has_waited(&mut self, seconds: u32) {
        if let Carried::Http2(_, streams) = self {
            for since in streams.iter_mut().filter_map(|one| one.since.as_mut()) {
                *since = since.wrapping_add(seconds);
            }
        }
    }

    /// Reads what [`Carried::pack`] wrote of HTTP/2 from the front of `bytes`; None if it is something else.
    pub(in crate::connection) fn read_http2(bytes: &mut &[u8], seconds: u32) -> Option<Carried> {
        let session = Session::decode(part(bytes)?, seconds).ok()?;
        let ids: Vec<StreamId> = session.open_streams().collect();
        let mut streams = Vec::with_capacity(ids.len());
        for id in ids {
            let socket = CarriedSocket::read(bytes)?;
            streams.push(CarriedStream {
                id,
                socket,
                since: None,
                noted: None,
            });
        }
        Some(Carried::Http2(Box::new(session), streams))
    }

    /// The same of a WebSocket.
    pub(in crate::connection) fn read_socket(bytes: &mut &[u8]) -> Option<Carried> {
        Some(Carried::WebSocket(CarriedSocket::read(bytes)?))
    }
}

impl CarriedSocket {
    pub(super) fn new(conversation: Conversation, ready: Ready) -> CarriedSocket {
        CarriedSocket {
            conversation,
            luggage: Luggage::Here(ready),
        }
    }

    /// Where the WebSocket stands, which is idle.
    fn phase(&self) -> Phase {
        use crate::websocket::life::Deadline;
        match self.conversation.deadline(false) {
            Some(Deadline::Pong) => Phase::Asked,
            _ => Phase::Open,
        }
    }

    /// Nothing can be sent to one that may be any more: nobody would see to it that it goes along.
    fn may_be_packed(&self) -> bool {
        match &self.luggage {
            Luggage::Here(ready) => {
                let line = ready.line.as_ref();
                ready.packed().is_some() && line.is_none_or(Hearing::close_if_empty)
            }
            Luggage::Packed(_) => true,
        }
    }

    /// The conversation, and the application's end on this core. Without the latter nobody here knows its kind.
    pub(super) fn unpack(self, app: &dyn Application) -> (Conversation, Option<Ready>) {
        let ready = match self.luggage {
            Luggage::Here(ready) => Some(ready),
            Luggage::Packed(packed) => packed.restored(app),
        };
        (self.conversation, ready)
    }

    /// Appends the whole of it: the conversation, then name, subprotocol and state, each behind its length.
    fn pack(&self, out: &mut Vec<u8>) {
        let none = Conversation::default().encode();
        let encoded = self.conversation.encode().or(none);
        out.extend_from_slice(&encoded.unwrap_or_default());
        let made = match &self.luggage {
            Luggage::Here(ready) => ready.packed().unwrap_or_default(),
            Luggage::Packed(packed) => return packed.write(out),
        };
        made.write(out);
    }

    /// Reads what [`CarriedSocket::pack`] wrote from the front of `bytes`; None if it is something else.
    fn read(bytes: &mut &[u8]) -> Option<CarriedSocket> {
        let (conversation, rest) = bytes.split_at_checked(CARRIED_SIZE_BYTES)?;
        *bytes = rest;
        let conversation = Conversation::decode(conversation).ok()?;
        let name = text(part(bytes)?)?;
        let protocol = text(part(bytes)?)?;
        let state = part(bytes)?.to_vec();
        let packed = Packed {
            name,
            protocol,
            state,
        };
        Some(CarriedSocket {
            conversation,
            luggage: Luggage::Packed(packed),
        })
    }
}

impl Ready {
    /// No application, for a WebSocket whose kind is not known here.
    pub(super) fn unknown() -> Ready {
        Ready {
            end: None,
            terms: Arc::default(),
            protocol: None,
            feed: None,
            line: None,
        }
    }

    /// The bytes for another process; None if the application has none, or too many.
    fn packed(&self) -> Option<Packed> {
        let name = self.terms.name.as_deref()?;
        let end = self.end.as_ref()?;
        let state = catch_panic(|| end.hand_over()).ok()??;
        let protocols = &self.terms.policy.protocols;
        let protocol = self.protocol.and_then(|at| protocols.get(usize::from(at)));
        (state.len() <= STATE_SIZE_BYTES_MAX).then(|| Packed {
            name: name.to_owned(),
            protocol: protocol.cloned().unwrap_or_default(),
            state,
        })
    }
}

impl Packed {
    fn write(&self, out: &mut Vec<u8>) {
        for part in [self.name.as_bytes(), self.protocol.as_bytes(), &self.state] {
            write_part(part, out);
        }
    }

    fn restored(self, app: &dyn Application) -> Option<Ready> {
        let (terms, end) = catch_panic(|| app.restore(&self.name, &self.state)).ok()??;
        let mut protocols = terms.policy.protocols.iter();
        let protocol = match self.protocol.is_empty() {
            true => None,
            false => {
                let place = protocols.position(|name| *name == self.protocol)?;
                Some(u8::try_from(place).ok()?)
            }
        };
        Some(Ready {
            end: Some(end),
            terms,
            protocol,
            feed: None,
            line: None,
        })
    }
}

/// Appends bytes behind their length.
fn write_part(part: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(part.len() as u32).to_le_bytes());
    out.extend_from_slice(part);
}

/// The bytes behind a length.
fn part<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *bytes = rest;
    Some(part)
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerHandle;
    use crate::handler::websocket::{Message, OnMessage, Socket, WebSocket};
    use crate::handler::{Router, application};
    use proptest::prelude::*;
    use std::rc::Rc;

    struct Keeping(Vec<u8>);

    impl OnMessage for Keeping {
        fn message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}

        fn hand_over(&self) -> Option<Vec<u8>> {
            Some(self.0.clone())
        }
    }

    /// An application that knows kinds of this name, and takes no state that begins with 7.
    fn app(name: &str) -> Rc<dyn Application> {
        let sockets = WebSocket::new().named(name).protocol("b").protocol("a");
        let router = Router::<()>::new().restore_websocket(&sockets, |_, state| {
            (state.first() != Some(&7)).then(|| Keeping(state.to_vec()))
        });
        application(&Arc::new(router.sealed()), (), &ServerHandle::alone())
    }

    fn carried(name: Option<&str>, protocol: Option<u8>, state: &[u8]) -> CarriedSocket {
        let mut sockets = WebSocket::new().protocol("a").protocol("b");
        if let Some(name) = name {
            sockets = sockets.named(name);
        }
        let ready = Ready {
            end: Some(Box::new(Keeping(state.to_vec()))),
            terms: sockets.terms().clone(),
            protocol,
            feed: None,
            line: None,
        };
        CarriedSocket::new(Conversation::default(), ready)
    }

    fn sent(carried: &CarriedSocket, behind: &[u8]) -> CarriedSocket {
        let mut bytes = Vec::new();
        carried.pack(&mut bytes);
        bytes.extend_from_slice(behind);
        let mut rest = &bytes[..];
        let there = CarriedSocket::read(&mut rest).expect("it was packed");
        assert_eq!(rest, behind);
        there
    }

    proptest! {
        #[test]
        fn a_websocket_that_is_packed_is_the_same_on_the_other_side(
            protocol in proptest::option::of(0u8..2),
            mut state in any::<Vec<u8>>(),
            unread in any::<Vec<u8>>(),
        ) {
            if let Some(first) = state.first_mut() {
                *first |= 8;
            }
            let (_, ready) = sent(&carried(Some("kind"), protocol, &state), &unread).unpack(&*app("kind"));
            let ready = ready.expect("it is known");
            prop_assert_eq!(ready.end.and_then(|end| end.hand_over()), Some(state));
            // The other program lists them the other way round.
            prop_assert_eq!(ready.protocol, protocol.map(|place| 1 - place));
        }

        #[test]
        fn reading_never_panics(bytes in any::<Vec<u8>>()) {
            let _ = CarriedSocket::read(&mut &bytes[..]);
        }
    }

    #[test]
    fn what_the_other_program_does_not_know_or_refuses_has_no_end_there() {
        let known = carried(Some("kind"), None, b"state");
        assert!(sent(&known, b"").unpack(&*app("other")).1.is_none());
        let refused = carried(Some("kind"), None, &[7]);
        assert!(sent(&refused, b"").unpack(&*app("kind")).1.is_none());
    }

    #[test]
    fn what_was_sent_to_it_keeps_it_in_its_process_and_nothing_is_taken_once_it_may_go() {
        let hearing = Hearing::new();
        let sender = hearing.sender();
        let mut carried = carried(Some("kind"), None, b"");
        if let Luggage::Here(ready) = &mut carried.luggage {
            ready.line = Some(hearing);
        }
        assert_eq!(sender.send(Message::Text("words")), Ok(()));
        assert!(!carried.may_be_packed());
        assert_eq!(sender.send(Message::Text("more")), Ok(()));
        if let Luggage::Here(ready) = &mut carried.luggage {
            while ready.line.as_ref().and_then(Hearing::take).is_some() {}
        }
        assert!(carried.may_be_packed() && carried.may_be_packed());
        assert!(sender.send(Message::Text("late")).is_err());
    }

    #[test]
    fn without_a_name_or_with_too_much_state_it_stays_in_its_process() {
        assert!(carried(Some("kind"), None, b"").may_be_packed());
        assert!(!carried(None, None, b"").may_be_packed());
        let large = vec![0; STATE_SIZE_BYTES_MAX + 1];
        assert!(!carried(Some("kind"), None, &large).may_be_packed());
    }
}
