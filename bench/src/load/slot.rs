//! One place for a connection of HTTP/1.1, and the requests that are outstanding on it.
//!
//! Decides in which bucket a request ends; called by the worker with what the socket did. The
//! worker decides when to issue requests: each method returns an [`Effect`] that the worker
//! performs.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use mio::Token;

use crate::load::broken;
use crate::load::options::Mode;
use crate::load::place::{Effect, Place, connect_outcome};
use crate::load::request::Template;
use crate::load::response::{Answer, Decoder, Inspect};
use crate::load::shared::{Pending, Shared};
use crate::load::stream::Stream;
use crate::load::tally::{Outcome, Tally};
use crate::load::tls::Session;

/// Reads of one connection before the others get their turn.
const READS_PER_TURN_MAX: usize = 64;

/// The life of a slot's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No connection. Requests may be outstanding: then connecting is tried again.
    Vacant,
    /// The connect is under way.
    Connecting,
    /// Requests may be written and answers read.
    Open,
    /// The server announced its close; its end of stream is awaited.
    Ending { since: Instant },
    /// The run is over and we said so; the server's end of stream is awaited.
    Settling,
}

/// One connection at a time, and what is outstanding on it.
pub(crate) struct Slot {
    token: Token,
    phase: Phase,
    stream: Option<Stream>,
    session: Option<Box<Session>>,
    /// Requests that TLS has not sealed yet.
    unsealed: Vec<u8>,
    outgoing: Vec<u8>,
    written: usize,
    outstanding: VecDeque<Pending>,
    /// Received bytes of an incomplete head or line.
    unparsed: Vec<u8>,
    decoder: Decoder,
    /// How the latest complete answer on this connection was counted.
    last: Option<Outcome>,
    /// The connection's own address.
    local: Option<SocketAddr>,
    had_connection: bool,
    had_answer: bool,
    /// Requests were added and the worker has not been told since that the slot is free.
    held: bool,
}

impl Place for Slot {
    fn new(token: Token) -> Self {
        Self {
            token,
            phase: Phase::Vacant,
            stream: None,
            session: None,
            unsealed: Vec::new(),
            outgoing: Vec::new(),
            written: 0,
            outstanding: VecDeque::new(),
            unparsed: Vec::new(),
            decoder: Decoder::new(),
            last: None,
            local: None,
            had_connection: false,
            had_answer: false,
            held: false,
        }
    }

    fn is_busy(&self) -> bool {
        !self.outstanding.is_empty()
    }

    fn has_stream(&self) -> bool {
        self.stream.is_some()
    }

    fn take_up(&mut self, shared: &Shared<'_>) -> usize {
        shared.options.pipeline
    }

    /// The pause began by letting it go.
    fn is_let_go(&mut self) -> bool {
        true
    }

    fn add(&mut self, shared: &mut Shared<'_>, since: Instant) {
        let pending = shared.take_up(since);
        self.held = true;
        let out = match shared.terms {
            None => &mut self.outgoing,
            Some(_) => &mut self.unsealed,
        };
        shared.template.append(pending.number, out);
        self.outstanding.push_back(pending);
    }

    fn send(&mut self, shared: &mut Shared<'_>) -> Effect {
        if self.phase == Phase::Vacant {
            match self.connect(shared) {
                Ok(()) => self.phase = Phase::Connecting,
                // Backlog of a Unix socket full: nothing was queued, the requests wait (unix(7)).
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Effect::Pause,
                Err(error) => return self.fail(shared, connect_outcome(&error)),
            }
        }
        match self.seal(shared) {
            None => self.flush(shared),
            Some(effect) => effect,
        }
    }

    fn on_event(&mut self, shared: &mut Shared<'_>, readable: bool, ended: bool) -> Effect {
        if self.written < self.outgoing.len() {
            match self.flush(shared) {
                Effect::Wait => {}
                effect => return effect,
            }
        }
        if readable || ended {
            self.receive(shared, ended)
        } else {
            Effect::Wait
        }
    }

    fn receive(&mut self, shared: &mut Shared<'_>, ended: bool) -> Effect {
        let effect = self.drain(shared, ended);
        if self.session.is_none() || self.written == self.outgoing.len() {
            return effect;
        }
        match (effect, self.flush(shared)) {
            (Effect::Wait, flushed) => flushed,
            _ => effect,
        }
    }

    fn expire(&mut self, shared: &mut Shared<'_>, now: Instant) -> Effect {
        let timeout = shared.options.timeout;
        let late = |since: Instant| now.saturating_duration_since(since) >= timeout;
        if self
            .outstanding
            .front()
            .is_some_and(|pending| late(pending.since))
        {
            let resting = self.phase == Phase::Vacant;
            let effect = self.fail(shared, Outcome::Timeout);
            // A slot that rests before its next connect is freed by the end of its pause.
            return if resting { Effect::Wait } else { effect };
        }
        match self.phase {
            Phase::Ending { since } if late(since) => {
                shared.tally.unclosed += 1;
                self.fail(shared, Outcome::Cut)
            }
            _ => Effect::Wait,
        }
    }

    fn settle(&mut self, shared: &mut Shared<'_>) {
        if self.phase == Phase::Open {
            self.phase = Phase::Settling;
            if let (Some(session), Some(stream)) = (&mut self.session, &mut self.stream) {
                session.notify(&mut self.outgoing);
                // A socket that is full or gone: the end of the stream says it as well.
                let _ = stream.write(&self.outgoing[self.written..]);
                self.forget_outgoing();
            }
            let said = self.stream.as_ref().map(Stream::shutdown_write);
            if let Some(Err(_)) = said {
                let _ = self.fail(shared, Outcome::Cut);
            }
        }
    }
}

impl Slot {
    /// Seals what TLS has to seal. An effect is returned if the connection is gone.
    fn seal(&mut self, shared: &mut Shared<'_>) -> Option<Effect> {
        let session = self.session.as_mut()?;
        if self.unsealed.is_empty() || !session.is_open() {
            return None;
        }
        let refresh = shared.is_time_for_new_keys();
        match session.seal(&mut self.unsealed, refresh, &mut self.outgoing) {
            Ok(()) => {
                shared.tally.tls.key_updates += u64::from(refresh);
                None
            }
            Err(error) => Some(self.fail_tls(shared, &error)),
        }
    }

    fn connect(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        let mut stream = Stream::connect(shared.options, shared.connects_begun)?;
        shared.connects_begun += 1;
        stream.register(&shared.registry, self.token)?;
        shared.tally.connects += 1;
        if self.had_connection && shared.options.effective_mode() == Mode::Keepalive {
            shared.tally.reconnects += 1;
        }
        self.had_connection = true;
        self.local = stream.local_address();
        if let Some(address) = self.local {
            shared.tally.local_addresses.insert(address);
        }
        if let Some(terms) = shared.terms {
            let session = Session::begin(terms, &mut self.outgoing).map_err(io::Error::other)?;
            self.session = Some(Box::new(session));
        }
        self.stream = Some(stream);
        Ok(())
    }

    /// Writes until all is written or the socket is full. A write on a socket that still connects
    /// answers EAGAIN, on one that was refused ECONNREFUSED: no separate question is needed.
    fn flush(&mut self, shared: &mut Shared<'_>) -> Effect {
        let Some(stream) = &mut self.stream else {
            return Effect::Wait;
        };
        while self.written < self.outgoing.len() {
            match stream.write(&self.outgoing[self.written..]) {
                Ok(n) => {
                    self.phase = if self.phase == Phase::Connecting {
                        Phase::Open
                    } else {
                        self.phase
                    };
                    self.written += n;
                    shared.tally.bytes_sent += n as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Effect::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.phase == Phase::Connecting => {
                    return self.fail(shared, connect_outcome(&error));
                }
                Err(_) => {
                    // What the server answered before it closed counts; then comes the error.
                    self.forget_outgoing();
                    return match self.receive(shared, true) {
                        Effect::Wait if self.is_busy() => self.fail(shared, Outcome::Reset),
                        Effect::Free => {
                            // All answered, but nothing more can be written here.
                            self.vacate();
                            Effect::Free
                        }
                        effect => effect,
                    };
                }
            }
        }
        self.forget_outgoing();
        Effect::Wait
    }

    fn forget_outgoing(&mut self) {
        self.outgoing.clear();
        self.written = 0;
    }

    fn drain(&mut self, shared: &mut Shared<'_>, ended: bool) -> Effect {
        if matches!(self.phase, Phase::Vacant | Phase::Connecting) {
            return Effect::Wait;
        }
        for _ in 0..READS_PER_TURN_MAX {
            let Some(stream) = &mut self.stream else {
                return Effect::Wait;
            };
            let kept = match &mut self.session {
                None => 0,
                Some(session) => session.restore(&mut shared.scratch),
            };
            let n = match stream.read(&mut shared.scratch[kept..]) {
                Ok(0) => return self.end_of_stream(shared),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.rest();
                }
                Err(_) if self.is_busy() => return self.fail(shared, Outcome::Reset),
                Err(_) => return self.end_of_stream(shared),
            };
            shared.tally.bytes_received += n as u64;
            let fed = match self.session {
                None => self.feed(shared, n),
                Some(_) => self.open(shared, kept + n),
            };
            if let Some(effect) = fed {
                return effect;
            }
            // A short read has emptied the socket (epoll(7)), unless the end is already announced.
            if kept + n < shared.scratch.len() && !ended {
                return self.rest();
            }
        }
        Effect::ReadMore
    }

    /// All that could be read has been read.
    fn rest(&mut self) -> Effect {
        if self.phase == Phase::Open && !self.is_busy() {
            self.release(Effect::Free)
        } else {
            Effect::Wait
        }
    }

    /// Tells the worker once, and only once, that the slot may be used again.
    fn release(&mut self, effect: Effect) -> Effect {
        if std::mem::take(&mut self.held) {
            effect
        } else {
            Effect::Wait
        }
    }

    /// Decodes the first `n` scratch bytes. An effect is returned if the connection is gone.
    fn feed(&mut self, shared: &mut Shared<'_>, n: usize) -> Option<Effect> {
        let scratch = std::mem::take(&mut shared.scratch);
        let effect = self.digest(shared, &scratch[..n]);
        shared.scratch = scratch;
        effect
    }

    /// Opens the first `n` scratch bytes and decodes what is in them. As [`Slot::feed`].
    fn open(&mut self, shared: &mut Shared<'_>, n: usize) -> Option<Effect> {
        let mut session = self.session.take()?;
        let mut scratch = std::mem::take(&mut shared.scratch);
        let mut said = std::mem::take(&mut shared.said);
        let was_open = session.is_open();
        let mut effect = None;
        let taken = session.take(&mut scratch[..n], &mut said, |plain| {
            effect = self.digest(shared, plain);
            effect.is_none()
        });
        shared.scratch = scratch;
        if effect.is_none() {
            self.outgoing.extend_from_slice(&said);
            if !was_open && let Some(agreed) = session.agreed().filter(|_| session.is_open()) {
                *shared.tally.tls.agreed.entry(agreed).or_default() += 1;
            }
            self.session = Some(session);
            effect = match taken {
                Ok(()) => self.seal(shared),
                Err(error) => Some(self.fail_tls(shared, &error)),
            };
        }
        said.clear();
        shared.said = said;
        effect
    }

    /// Decodes plain bytes behind those that wait for more. As [`Slot::feed`].
    fn digest(&mut self, shared: &mut Shared<'_>, plain: &[u8]) -> Option<Effect> {
        if self.unparsed.is_empty() {
            return self.decode(shared, plain);
        }
        let mut bytes = std::mem::take(&mut self.unparsed);
        bytes.extend_from_slice(plain);
        self.decode(shared, &bytes)
    }

    fn decode(&mut self, shared: &mut Shared<'_>, mut bytes: &[u8]) -> Option<Effect> {
        while !bytes.is_empty() {
            let Some(pending) = self.outstanding.front().copied() else {
                return Some(self.unasked(shared, bytes.len()));
            };
            let mut look = Look {
                template: &shared.template,
                number: pending.number,
                track: shared.options.track_header.as_deref(),
                tally: &mut shared.tally,
            };
            match self.decoder.advance(bytes, &mut look) {
                Err(_) => return Some(self.fail(shared, Outcome::Wrong)),
                Ok((used, None)) => {
                    self.unparsed.extend_from_slice(&bytes[used..]);
                    return None;
                }
                Ok((used, Some(answer))) => {
                    bytes = &bytes[used..];
                    self.complete(shared, answer, Instant::now());
                }
            }
        }
        None
    }

    /// The oldest outstanding request has its complete answer.
    fn complete(&mut self, shared: &mut Shared<'_>, answer: Answer, now: Instant) {
        let Some(pending) = self.outstanding.pop_front() else {
            return;
        };
        let length = shared.template.expected_length();
        let outcome = match answer.status {
            200..300 if !answer.body_matches => Outcome::Wrong,
            200..300 if length.is_some_and(|length| length != answer.body_bytes) => Outcome::Wrong,
            200..300 => Outcome::Ok,
            status => Outcome::Status(status),
        };
        shared.end(pending, outcome, now);
        self.last = Some(outcome);
        if !std::mem::replace(&mut self.had_answer, true) {
            shared.unproven -= 1;
        }
        // A client that said close sends nothing more, whatever the answer says (RFC 9112 section 9.6).
        if answer.close || shared.options.effective_mode() == Mode::Close {
            // Nobody will answer what was sent behind it (RFC 9112 section 9.6).
            self.end_outstanding(shared, Outcome::Cut, now);
            self.forget_outgoing();
            self.unsealed.clear();
            self.phase = Phase::Ending { since: now };
        }
    }

    /// Bytes that belong to no request: the answer before them was not the only one.
    fn unasked(&mut self, shared: &mut Shared<'_>, bytes: usize) -> Effect {
        shared.tally.unasked_bytes += bytes as u64;
        if let Some(last) = self.last.take() {
            shared.tally.reclassify(last, Outcome::Doubled);
        }
        self.fail(shared, Outcome::Doubled)
    }

    /// The server ended the stream.
    fn end_of_stream(&mut self, shared: &mut Shared<'_>) -> Effect {
        // Without close_notify the end may be anybody's work (RFC 8446 section 6.1).
        let session = self.session.as_ref();
        let is_notified = session.is_none_or(|session| session.is_notified());
        if !is_notified && session.is_some_and(|session| session.is_open()) {
            shared.tally.tls.unnotified += 1;
        }
        if let Some(answer) = self.decoder.end_of_stream().filter(|_| is_notified) {
            self.complete(shared, answer, Instant::now());
        } else if !self.is_busy() && self.phase == Phase::Open {
            shared.tally.idle_closed += 1;
            broken::note(&mut shared.tally.broken, self.local, "idle_closed", 0);
        }
        self.fail(shared, Outcome::Cut)
    }

    /// TLS cannot go on: says so to the server if it can be said at once, and drops the connection.
    fn fail_tls(&mut self, shared: &mut Shared<'_>, error: &rustls::Error) -> Effect {
        let first = &mut shared.tally.tls.first_error;
        first.get_or_insert_with(|| error.to_string());
        if let Some(stream) = &mut self.stream {
            // The server may be gone: then nobody misses the alert.
            let _ = stream.write(&self.outgoing[self.written..]);
        }
        self.fail(shared, Outcome::TlsFailed)
    }

    /// Drops the connection; what is still outstanding ends as `outcome`.
    fn fail(&mut self, shared: &mut Shared<'_>, outcome: Outcome) -> Effect {
        self.end_outstanding(shared, outcome, Instant::now());
        self.vacate();
        let pause = matches!(outcome, Outcome::Refused | Outcome::Local);
        self.release(if pause { Effect::Pause } else { Effect::Free })
    }

    /// Closes the connection, if any, and forgets what belonged to it.
    fn vacate(&mut self) {
        self.stream = None;
        self.local = None;
        self.session = None;
        self.phase = Phase::Vacant;
        self.forget_outgoing();
        self.unsealed.clear();
        self.unparsed.clear();
        self.decoder = Decoder::new();
        self.last = None;
    }

    fn end_outstanding(&mut self, shared: &mut Shared<'_>, outcome: Outcome, now: Instant) {
        let requests = self.outstanding.len() as u64;
        if requests > 0 {
            let list = &mut shared.tally.broken;
            broken::note(list, self.local, outcome.name(), requests);
        }
        while let Some(pending) = self.outstanding.pop_front() {
            shared.end(pending, outcome, now);
        }
    }
}

/// Looks at one answer: is the body right, and what does the tracked header say?
struct Look<'a> {
    template: &'a Template,
    number: u64,
    track: Option<&'a str>,
    tally: &'a mut Tally,
}

impl Inspect for Look<'_> {
    fn headers(&mut self, headers: &[httparse::Header<'_>]) {
        if let Some(name) = self.track {
            let field = headers
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(name));
            self.tally.track(field.map(|field| field.value));
        }
    }

    fn body(&mut self, status: u16, offset: u64, piece: &[u8]) -> bool {
        !(200..300).contains(&status) || self.template.matches(self.number, offset, piece)
    }
}
