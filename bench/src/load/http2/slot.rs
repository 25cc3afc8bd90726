//! One place for a connection of HTTP/2, and the requests that are outstanding on it.
//!
//! Decides in which bucket a request ends; called by the worker with what the socket did. The client decides
//! what the frames mean. Requests wait in a queue until a stream is opened for them; those that the server did
//! nothing for return to it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use mio::Token;
use ringgate::http2::{ErrorCode, Fault};

use crate::load::broken;
use crate::load::http2::PROTOCOL;
use crate::load::http2::client::{Client, End, Watch};
use crate::load::options::Mode;
use crate::load::place::{Effect, Place, connect_outcome};
use crate::load::shared::{Pending, Shared};
use crate::load::tally::Outcome;
use crate::load::wire::{self, Look, Wire};

/// Reads of one connection before the others get their turn.
const READS_PER_TURN_MAX: usize = 64;
/// Bytes of bodies that are queued at a time.
const UPLOAD_BYTES: usize = 256 * 1024;

/// The life of a slot's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No connection. Requests may be queued: then connecting is tried again.
    Vacant,
    /// The connect is under way.
    Connecting,
    /// Requests may be written and answers read.
    Open,
    /// Nothing more is asked here, all was answered, and we said so; the server's end of stream is awaited.
    Ending { since: Instant },
    /// The run is over and we said so; the server's end of stream is awaited.
    Settling,
}

/// One connection at a time, and what is outstanding on it.
pub(crate) struct Slot {
    token: Token,
    phase: Phase,
    wire: Option<Wire>,
    client: Option<Client<Pending>>,
    /// Requests without a stream.
    queue: VecDeque<Pending>,
    /// How the latest complete answer on this connection was counted.
    last: Option<Outcome>,
    /// The connection's own address.
    local: Option<SocketAddr>,
    had_connection: bool,
    had_answer: bool,
    /// Nothing can be written any more; what the server sent before counts.
    is_broken: bool,
    /// The worker has taken the slot and has not been told since that it is free.
    held: bool,
}

impl Place for Slot {
    fn new(token: Token) -> Self {
        Self {
            token,
            phase: Phase::Vacant,
            wire: None,
            client: None,
            queue: VecDeque::new(),
            last: None,
            local: None,
            had_connection: false,
            had_answer: false,
            is_broken: false,
            held: false,
        }
    }

    fn is_busy(&self) -> bool {
        self.open_streams() + self.queue.len() > 0
    }

    fn has_stream(&self) -> bool {
        self.wire.is_some()
    }

    fn take_up(&mut self, shared: &Shared<'_>) -> usize {
        self.held = true;
        self.room(shared)
    }

    fn is_let_go(&mut self) -> bool {
        std::mem::take(&mut self.held)
    }

    fn add(&mut self, shared: &mut Shared<'_>, since: Instant) {
        let pending = shared.take_up(since);
        self.queue.push_back(pending);
    }

    fn send(&mut self, shared: &mut Shared<'_>) -> Effect {
        match self.phase {
            Phase::Vacant if self.queue.is_empty() => return self.rest(shared),
            Phase::Vacant => match self.connect(shared) {
                Ok(()) => self.phase = Phase::Connecting,
                // Backlog of a Unix socket full: nothing was queued, the requests wait (unix(7)).
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Effect::Pause,
                Err(error) => return self.lose(shared, connect_outcome(&error)),
            },
            Phase::Connecting | Phase::Open => {}
            Phase::Ending { .. } | Phase::Settling => return Effect::Wait,
        }
        self.ask(shared);
        let seals = self.wire.as_ref().is_some_and(Wire::can_seal);
        let refresh = seals && shared.is_time_for_new_keys();
        shared.tally.tls.key_updates += u64::from(refresh);
        match self.pump(shared, refresh) {
            None => self.rest(shared),
            Some(effect) => effect,
        }
    }

    fn on_event(&mut self, shared: &mut Shared<'_>, readable: bool, ended: bool) -> Effect {
        let is_waiting = self.wire.as_ref().is_some_and(Wire::is_full);
        if is_waiting && let Some(effect) = self.pump(shared, false) {
            return effect;
        }
        match readable || ended {
            true => self.receive(shared, ended),
            false => self.rest(shared),
        }
    }

    fn receive(&mut self, shared: &mut Shared<'_>, ended: bool) -> Effect {
        if matches!(self.phase, Phase::Vacant | Phase::Connecting) {
            return Effect::Wait;
        }
        for _ in 0..READS_PER_TURN_MAX {
            match self.read(shared, ended) {
                Ok(Look::More) => {}
                Ok(Look::Empty) => return self.rest(shared),
                Ok(Look::Ended) => return self.end_of_stream(shared),
                Err(effect) => return effect,
            }
        }
        Effect::ReadMore
    }

    fn expire(&mut self, shared: &mut Shared<'_>, now: Instant) -> Effect {
        let timeout = shared.options.timeout;
        let late = |since: Instant| now.saturating_duration_since(since) >= timeout;
        if let Phase::Ending { since } = self.phase
            && late(since)
        {
            shared.tally.unclosed += 1;
            return self.lose(shared, Outcome::Cut);
        }
        let mut given_up: Vec<_> = (self.queue.iter().copied())
            .filter(|pending| late(pending.since))
            .collect();
        self.queue.retain(|pending| !late(pending.since));
        if let (Some(client), Some(wire)) = (&mut self.client, &mut self.wire) {
            let before = given_up.len();
            let is_late = |pending: &Pending| late(pending.since);
            client.cancel(is_late, wire.out(), |pending| given_up.push(pending));
            if given_up.len() > before {
                // A server that does not answer one request may not answer the next one either.
                client.retire();
            }
        }
        if !given_up.is_empty() {
            let (list, how) = (&mut shared.tally.broken, Outcome::Timeout.name());
            broken::note(list, self.local, how, given_up.len() as u64);
        }
        for pending in given_up {
            shared.end(pending, Outcome::Timeout, now);
        }
        match self.phase {
            // A pause goes on, or the slot is free already.
            Phase::Vacant => Effect::Wait,
            // Requests that were refused may be sent again.
            _ => self.send(shared),
        }
    }

    fn settle(&mut self, shared: &mut Shared<'_>) {
        if matches!(self.phase, Phase::Open) && !self.say_goodbye(shared, ErrorCode::NO_ERROR) {
            let _ = self.lose(shared, Outcome::Cut);
        }
        if self.wire.is_some() {
            self.phase = Phase::Settling;
        }
    }
}

impl Slot {
    fn open_streams(&self) -> usize {
        self.client.as_ref().map_or(0, Client::open)
    }

    /// How many requests may be added.
    fn room(&self, shared: &Shared<'_>) -> usize {
        let wanted = match shared.options.effective_mode() {
            Mode::Keepalive => shared.options.http2.streams,
            Mode::Close => 1,
        };
        let room = match (&self.client, self.phase) {
            (_, Phase::Ending { .. } | Phase::Settling) => 0,
            (None, _) => wanted,
            (Some(client), _) => client.room(wanted),
        };
        room.saturating_sub(self.queue.len())
    }

    fn connect(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        let (options, nth) = (shared.options, shared.connects_begun);
        let at = (&shared.registry, self.token);
        let mut wire = Wire::connect(options, shared.terms, nth, at)?;
        shared.connects_begun += 1;
        shared.tally.connects += 1;
        if self.had_connection && options.effective_mode() == Mode::Keepalive {
            shared.tally.reconnects += 1;
        }
        self.had_connection = true;
        self.local = wire.local_address();
        if let Some(address) = self.local {
            shared.tally.local_addresses.insert(address);
        }
        let track = (options.track_header.as_ref()).map(|name| name.to_ascii_lowercase().into());
        self.client = Some(Client::begin(options.http2.window, track, wire.out()));
        self.wire = Some(wire);
        Ok(())
    }

    /// Opens streams for queued requests, as many as there is room for.
    fn ask(&mut self, shared: &mut Shared<'_>) {
        let wanted = match shared.options.effective_mode() {
            Mode::Keepalive => shared.options.http2.streams,
            Mode::Close => 1,
        };
        let (Some(client), Some(wire)) = (&mut self.client, &mut self.wire) else {
            return;
        };
        let room = client.room(wanted).min(self.queue.len());
        for pending in self.queue.drain(..room) {
            let body = shared.template.body_bytes();
            client.ask(pending, &shared.blocks, body, wire.out());
            if shared.options.effective_mode() == Mode::Close {
                client.retire();
            }
        }
    }

    /// Writes what waits, and bodies as far as windows and socket allow. An effect is returned if the connection
    /// is gone. A write on a socket that still connects answers EAGAIN, on one that was refused ECONNREFUSED: no
    /// separate question is needed.
    fn pump(&mut self, shared: &mut Shared<'_>, mut refresh: bool) -> Option<Effect> {
        loop {
            let (Some(client), Some(wire)) = (&mut self.client, &mut self.wire) else {
                return None;
            };
            if self.is_broken {
                return None;
            }
            let most = UPLOAD_BYTES.saturating_sub(wire.waiting());
            let template = &shared.template;
            let has_more = client.upload(
                most,
                |pending, part, out| template.append_body(pending.number, part, out),
                wire.out(),
            );
            match wire.flush(std::mem::take(&mut refresh)) {
                Ok(written) => {
                    shared.tally.bytes_sent += written;
                    if written > 0 && self.phase == Phase::Connecting {
                        self.phase = Phase::Open;
                    }
                }
                Err(error) if self.phase == Phase::Connecting || wire::is_of_tls(&error) => {
                    return Some(self.fail(shared, &error));
                }
                Err(_) => {
                    self.is_broken = true;
                    return Some(self.receive(shared, true));
                }
            }
            // Before the end of a handshake nothing is sealed.
            if !has_more || wire.waiting() > 0 {
                return None;
            }
        }
    }

    /// Reads once and gives every answer found its outcome. Fails with an effect if the connection is gone.
    fn read(&mut self, shared: &mut Shared<'_>, ended: bool) -> Result<Look, Effect> {
        let (Some(client), Some(wire)) = (&mut self.client, &mut self.wire) else {
            return Ok(Look::Empty);
        };
        let mut scratch = std::mem::take(&mut shared.scratch);
        let mut said = std::mem::take(&mut shared.said);
        let was_secret = wire.agreed().is_some();
        let mut fault = None;
        let mut watcher = Watcher {
            shared,
            queue: &mut self.queue,
            last: &mut self.last,
            had_answer: &mut self.had_answer,
            local: self.local,
            is_open: self.phase == Phase::Open,
            now: Instant::now(),
        };
        let read = wire.read(&mut scratch, ended, |plain| {
            if fault.is_none() {
                fault = client.take(plain, &mut said, &mut watcher).err();
            }
        });
        wire.out().append(&mut said);
        (shared.scratch, shared.said) = (scratch, said);
        if !was_secret && let Some(agreed) = wire.agreed() {
            *shared.tally.tls.agreed.entry(agreed).or_default() += 1;
            if !wire.has_chosen(PROTOCOL) {
                let first = &mut shared.tally.tls.first_error;
                first.get_or_insert_with(|| "the server did not choose h2 (ALPN)".to_owned());
                return Err(self.lose(shared, Outcome::TlsFailed));
            }
        }
        if let Some(fault) = fault {
            return Err(self.break_off(shared, fault));
        }
        match read {
            Ok((look, bytes)) => {
                shared.tally.bytes_received += bytes;
                match self.pump(shared, false) {
                    None => Ok(look),
                    Some(effect) => Err(effect),
                }
            }
            Err(error) if self.open_streams() > 0 || wire::is_of_tls(&error) => {
                Err(self.fail(shared, &error))
            }
            Err(_) => Ok(Look::Ended),
        }
    }

    /// Nothing more can be done now: leaves a connection on which nothing more is asked, or says that the slot is
    /// free.
    fn rest(&mut self, shared: &mut Shared<'_>) -> Effect {
        let is_over =
            (self.client.as_ref()).is_some_and(|client| client.is_leaving() && client.open() == 0);
        match self.phase {
            _ if self.is_broken => return self.lose(shared, Outcome::Reset),
            Phase::Connecting if is_over => return self.lose(shared, Outcome::Cut),
            Phase::Open if is_over => {
                self.phase = Phase::Ending {
                    since: Instant::now(),
                };
                if !self.say_goodbye(shared, ErrorCode::NO_ERROR) {
                    return self.lose(shared, Outcome::Cut);
                }
            }
            _ => {}
        }
        match self.held && self.room(shared) > 0 {
            true => {
                self.held = false;
                Effect::Free
            }
            false => Effect::Wait,
        }
    }

    /// Says that nothing more comes from here. False if the server is gone.
    fn say_goodbye(&mut self, shared: &mut Shared<'_>, code: ErrorCode) -> bool {
        let (Some(client), Some(wire)) = (&mut self.client, &mut self.wire) else {
            return false;
        };
        client.leave(code, wire.out());
        let written = wire.end();
        shared.tally.bytes_sent += written.as_ref().copied().unwrap_or(0);
        written.is_ok()
    }

    /// The server ended the stream.
    fn end_of_stream(&mut self, shared: &mut Shared<'_>) -> Effect {
        // Without close_notify the end may be anybody's work (RFC 8446 section 6.1).
        let is_unnotified = self.wire.as_ref().is_some_and(Wire::is_unnotified);
        shared.tally.tls.unnotified += u64::from(is_unnotified);
        let is_announced = self.client.as_ref().is_none_or(Client::is_leaving);
        if self.phase == Phase::Open && self.open_streams() == 0 && !is_announced {
            shared.tally.idle_closed += 1;
        }
        self.lose(shared, Outcome::Cut)
    }

    /// The stream, or TLS, failed.
    fn fail(&mut self, shared: &mut Shared<'_>, error: &io::Error) -> Effect {
        let outcome = match self.phase {
            _ if wire::is_of_tls(error) => {
                let first = &mut shared.tally.tls.first_error;
                first.get_or_insert_with(|| error.to_string());
                // A last alert; the server may be gone: then nobody misses it.
                let _ = self.wire.as_mut().map(|wire| wire.flush(false));
                Outcome::TlsFailed
            }
            Phase::Connecting => connect_outcome(error),
            _ => Outcome::Reset,
        };
        self.lose(shared, outcome)
    }

    /// The server broke a rule: says which, and drops the connection.
    fn break_off(&mut self, shared: &mut Shared<'_>, fault: Fault) -> Effect {
        let first = &mut shared.tally.http2.first_error;
        first.get_or_insert_with(|| fault.to_string());
        // The server may be gone: then nobody misses it.
        let _ = self.say_goodbye(shared, fault.code);
        if fault.code != ErrorCode::STREAM_CLOSED {
            return self.lose(shared, Outcome::Wrong);
        }
        if let Some(last) = self.last.take() {
            shared.tally.reclassify(last, Outcome::Doubled);
        }
        self.lose(shared, Outcome::Doubled)
    }

    /// Drops the connection; what was asked on it ends as `outcome`. Requests without a stream go on to the next
    /// connection, unless none could be made.
    fn lose(&mut self, shared: &mut Shared<'_>, outcome: Outcome) -> Effect {
        let now = Instant::now();
        let mut lost = Vec::new();
        let is_announced = self.client.as_ref().is_none_or(Client::is_leaving);
        if let Some(mut client) = self.client.take() {
            lost.extend(client.abandon());
        }
        if matches!(self.phase, Phase::Vacant | Phase::Connecting) {
            lost.extend(self.queue.drain(..));
        }
        if !lost.is_empty() {
            let list = &mut shared.tally.broken;
            broken::note(list, self.local, outcome.name(), lost.len() as u64);
        } else if self.phase == Phase::Open && !is_announced {
            broken::note(&mut shared.tally.broken, self.local, "idle_closed", 0);
        }
        for pending in lost {
            shared.end(pending, outcome, now);
        }
        self.local = None;
        self.wire = None;
        self.phase = Phase::Vacant;
        self.last = None;
        self.is_broken = false;
        if !self.queue.is_empty() {
            return self.send(shared);
        }
        match outcome {
            Outcome::Refused | Outcome::Local => Effect::Pause,
            _ => self.rest(shared),
        }
    }
}

/// Counts what the server sends on one connection.
struct Watcher<'a, 'b> {
    shared: &'a mut Shared<'b>,
    queue: &'a mut VecDeque<Pending>,
    last: &'a mut Option<Outcome>,
    had_answer: &'a mut bool,
    local: Option<SocketAddr>,
    /// This side has not said that it leaves.
    is_open: bool,
    now: Instant,
}

impl Watch<Pending> for Watcher<'_, '_> {
    fn tracked(&mut self, value: Option<&[u8]>) {
        if self.shared.options.track_header.is_some() {
            self.shared.tally.track(value);
        }
    }

    fn body(&mut self, pending: &Pending, status: u16, offset: u64, piece: &[u8]) -> bool {
        !(200..300).contains(&status) || self.shared.template.matches(pending.number, offset, piece)
    }

    fn ended(&mut self, pending: Pending, end: End) {
        let tally = &mut self.shared.tally.http2;
        let answer = match end {
            End::Answered(answer) => answer,
            End::Reset(code) => {
                *tally.resets.entry(code.0).or_default() += 1;
                let (list, how) = (&mut self.shared.tally.broken, Outcome::StreamReset.name());
                broken::note(list, self.local, how, 1);
                return self.shared.end(pending, Outcome::StreamReset, self.now);
            }
            End::Refused => {
                tally.refused += 1;
                return self.queue.push_back(pending);
            }
            End::Unprocessed => {
                tally.unprocessed += 1;
                return self.queue.push_back(pending);
            }
        };
        if let Some(why) = answer.fault {
            tally.first_error.get_or_insert_with(|| why.to_owned());
        }
        let length = self.shared.template.expected_length();
        let outcome = match answer.status {
            _ if answer.fault.is_some() => Outcome::Wrong,
            200..300 if !answer.body_matches => Outcome::Wrong,
            200..300 if length.is_some_and(|length| length != answer.body_bytes) => Outcome::Wrong,
            200..300 => Outcome::Ok,
            status => Outcome::Status(status),
        };
        self.shared.end(pending, outcome, self.now);
        *self.last = Some(outcome);
        if !std::mem::replace(self.had_answer, true) {
            self.shared.unproven -= 1;
        }
    }

    fn left(&mut self, code: ErrorCode) {
        if self.is_open {
            let goaways = &mut self.shared.tally.http2.goaways;
            *goaways.entry(code.0).or_default() += 1;
        }
    }
}
