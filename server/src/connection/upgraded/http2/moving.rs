//! Connections that move with WebSockets on their streams: each of these is plain data between two messages, and so is the
//! session. Called by [`super`] and by the moves of connections; what is on its way, [`carry`](crate::connection::upgraded::carry)
//! has.

use super::seconds;
use super::spoken::{Speech, Spoken};
use crate::connection::engine::{Course, Engine};
use crate::connection::exchanges::{Exchange, Terms};
use crate::connection::key::{ConnectionKey, ExchangeKey, Speaker};
use crate::connection::upgraded::CarriedStream;
use crate::connection::upgraded::carry::Ready;
use crate::connection::upgraded::socket::Talking;
use ringgate_runtime::Core;
use std::rc::Rc;

/// The most bytes of a session and the WebSockets on its streams on their way to another process.
const PACKED_SIZE_BYTES_MAX: usize = 72 << 10;

impl Engine {
    /// Whether a connection could go elsewhere now: nothing is under way on it, but that its streams may have
    /// WebSockets that rest.
    pub(in crate::connection::upgraded) fn http2_rests(
        &mut self,
        key: ConnectionKey,
        leaves_process: bool,
    ) -> bool {
        let Some(http2) = self.upgrades.http2(key) else {
            return false;
        };
        let is_spoken_alone = http2.spoken as usize == http2.kept.len();
        if http2.is_idle() || !is_spoken_alone || !http2.session.rests() {
            return http2.is_idle();
        }
        let mut size = 0;
        for (_, request) in &http2.kept {
            let exchange = self.exchanges.get(*request);
            let spoken = exchange.and_then(|exchange| exchange.spoken());
            let Some(talking) = spoken
                .filter(|spoken| spoken.rests())
                .and_then(Spoken::talking)
            else {
                return false;
            };
            if leaves_process {
                match talking.packed_size() {
                    Some(packed) => size += packed,
                    None => return false,
                }
            }
        }
        if leaves_process {
            let session = http2.session.encode();
            size += session.map_or(0, |bytes| bytes.len());
        }
        size <= PACKED_SIZE_BYTES_MAX
    }

    /// The requests that are kept on the streams of a connection.
    pub(in crate::connection) fn kept_on_streams(
        &mut self,
        key: ConnectionKey,
    ) -> Vec<ExchangeKey> {
        let http2 = self.upgrades.http2(key);
        let kept = http2.map(|http2| http2.kept.iter().map(|(_, request)| *request).collect());
        kept.unwrap_or_default()
    }

    /// A connection with nothing but WebSockets that rest goes where the course of its core leads.
    pub(super) fn go_with_streams(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if let Course::Leaving(_) = self.course
            && self
                .upgrades
                .http2(key)
                .is_some_and(|http2| http2.spoken > 0)
            && self.http2_rests(key, self.leaves_process())
        {
            self.follow_course(core, key);
        }
    }

    /// Takes the WebSocket of a stream, to move it with its connection.
    pub(in crate::connection::upgraded) fn take_spoken(
        &mut self,
        request: ExchangeKey,
        is_counted: bool,
    ) -> Option<CarriedStream> {
        let exchange = self.exchanges.remove(request)?;
        let on = exchange.on?;
        let spoken = on.spoken?;
        let since = Some(spoken.since);
        let Some(Speech::WebSocket(talking)) = spoken.speech else {
            debug_assert!(false, "nothing else rests");
            return None;
        };
        self.stats.websockets.fall();
        match is_counted {
            true => self.places.goes_along(),
            false => self.places.leave(),
        }
        Some(CarriedStream {
            id: on.id,
            socket: talking.into_carried(),
            since,
            noted: exchange.noted,
        })
    }

    /// Puts down the WebSocket of a stream that moved in with its connection.
    pub(in crate::connection::upgraded) fn put_spoken(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        stream: CarriedStream,
        is_counted: bool,
    ) {
        let (conversation, ready) = stream.socket.unpack(&*self.app);
        let is_known = ready.is_some();
        let talking = Talking::of(conversation, ready.unwrap_or_else(Ready::unknown));
        let spoken = Spoken {
            phase: talking.stands(),
            speech: Some(Speech::WebSocket(Box::new(talking))),
            since: stream.since.unwrap_or_else(|| seconds(core)),
            ..Spoken::default()
        };
        let request = self.exchanges.name_next();
        let terms = Terms::switched(core.now());
        let mut exchange = Exchange::on_stream(key, terms, stream.id);
        exchange.noted = stream.noted;
        if let Some(on) = &mut exchange.on {
            on.spoken = Some(Box::new(spoken));
            on.is_switched = true;
        }
        self.keep_on_stream(request, exchange);
        self.stats.websockets.rise();
        self.take_place(is_counted);
        self.arrive_as(core, Speaker::Stream(request), is_known);
    }
}
