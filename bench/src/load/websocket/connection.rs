//! One connection of a run: its handshake, what it sends, and what is made of the frames that come.
//!
//! Decides how each message that comes is counted, and when the connection is at its end. Called by the
//! worker, which decides when to send; a connection that ended is never made anew.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use crate::load::Options;
use crate::load::tls::Terms;
use crate::load::websocket::frame::{self, Frame, Opcode};
use crate::load::websocket::handshake::Handshake;
use crate::load::websocket::ledger::{Came, Ledger};
use crate::load::websocket::message::{Stamp, Template};
use crate::load::websocket::options::Pattern;
use crate::load::websocket::tally::Tally;
use crate::load::wire::{Look, Wire};

/// Reads of one connection before the others get their turn.
const READS_PER_TURN_MAX: usize = 64;
/// The normal end (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;
/// Status code that stands for a Close without one (section 7.1.5).
const NO_CODE: u16 = 1005;
/// Number of the connection that sends in a fan-out.
pub(super) const PUBLISHER: u32 = 0;

/// Why a connection ended before the run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The key under which it is counted.
    pub(super) reason: String,
    /// The fault, if the reason does not say it all.
    pub(super) detail: String,
}

impl End {
    fn new(reason: &str, detail: &str) -> Self {
        let (reason, detail) = (reason.to_owned(), detail.to_owned());
        Self { reason, detail }
    }

    /// No message came for `--timeout` although one was due.
    pub(super) fn timeout() -> Self {
        Self::new("timeout", "")
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::new("reset", ""),
            _ => Self::new("error", &error.to_string()),
        }
    }
}

/// The state that all connections of a worker share.
pub(super) struct Run<'a> {
    pub(super) options: &'a Options,
    pub(super) pattern: Pattern,
    pub(super) template: Template,
    pub(super) tally: Tally,
    pub(super) scratch: Vec<u8>,
    /// Zero of all stamps.
    pub(super) start: Instant,
    /// Messages of a fan-out.
    pub(super) published: u32,
    /// Deliveries that are due on connections that live.
    pub(super) outstanding: u64,
    /// State of the generator (xorshift64) of masks, keys, and of when TLS replaces its keys.
    random: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(options: &'a Options, pattern: Pattern, thread: usize) -> Self {
        let opcode = match options.websocket.binary {
            true => Opcode::Binary,
            false => Opcode::Text,
        };
        let start = Instant::now();
        Self {
            options,
            pattern,
            template: Template::new(opcode, options.websocket.payload),
            tally: Tally::new(start),
            scratch: vec![0; 64 * 1024],
            start,
            published: 0,
            outstanding: 0,
            random: 0x9e37_79b9_7f4a_7c15 ^ thread as u64,
        }
    }

    pub(super) fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn mask(&mut self) -> [u8; 4] {
        (self.random() as u32).to_ne_bytes()
    }

    /// Whether it is this batch before which TLS replaces its keys.
    fn is_time_for_new_keys(&mut self) -> bool {
        let Some(one_in) = self.options.tls.key_updates else {
            return false;
        };
        self.random().is_multiple_of(u64::from(one_in))
    }

    /// `at` as a stamp has it.
    pub(super) fn stamp(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64
    }
}

/// Where a conversation stands.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The answer to the handshake is awaited.
    Asking(Handshake),
    Open,
    /// The run is over and our Close is out.
    Closing,
    /// The server's Close has come as well; the end of the stream is awaited.
    Leaving,
}

/// The conversation on a connection.
struct Talk {
    number: u32,
    phase: Phase,
    sent: u32,
    ledger: Ledger,
    /// Received bytes of an incomplete frame or head.
    inbox: Vec<u8>,
    /// The fragments of a message that have come.
    fragments: Option<(Opcode, Vec<u8>)>,
    /// Frames that answer what came.
    replies: Vec<u8>,
    /// The first reason to end.
    end: Option<End>,
    /// Since when nothing has come although something was due.
    waits_since: Instant,
}

/// A connection that lives.
pub(super) struct Connection {
    wire: Wire,
    talk: Talk,
}

impl Connection {
    /// Begins to connect and asks for WebSocket.
    pub(super) fn begin(
        run: &mut Run<'_>,
        terms: Option<&Terms>,
        number: u32,
        at: (&Registry, Token),
    ) -> io::Result<Self> {
        let mut wire = Wire::connect(run.options, terms, u64::from(number), at)?;
        let key = u128::from(run.random()) << 64 | u128::from(run.random());
        let handshake = Handshake::new(key);
        handshake.append(&run.options.target, &run.options.headers, wire.out());
        let talk = Talk {
            number,
            phase: Phase::Asking(handshake),
            sent: 0,
            ledger: Ledger::default(),
            inbox: Vec::new(),
            fragments: None,
            replies: Vec::new(),
            end: None,
            waits_since: Instant::now(),
        };
        Ok(Self { wire, talk })
    }

    /// Whether the handshake is over.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.talk.phase, Phase::Asking(_))
    }

    /// The local address, over TCP.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.wire.local_address()
    }

    /// Messages that are due here.
    pub(super) fn due(&self, run: &Run<'_>) -> u32 {
        self.talk.due(run)
    }

    /// Messages that came, each counted once.
    pub(super) fn received(&self) -> u32 {
        self.talk.ledger.received()
    }

    /// Whether nothing has come for `timeout` although something was due.
    pub(super) fn is_late(&self, run: &Run<'_>, now: Instant, timeout: Duration) -> bool {
        self.talk.due(run) > 0 && now.saturating_duration_since(self.talk.waits_since) >= timeout
    }

    /// A message is due here from now on.
    pub(super) fn expect(&mut self, run: &Run<'_>, now: Instant) {
        if self.talk.due(run) == 0 {
            self.talk.waits_since = now;
        }
    }

    /// Queues the next message, sent or due at `at`; [`Connection::flush`] sends what is queued.
    pub(super) fn queue(&mut self, run: &mut Run<'_>, at: Instant) {
        let stamp = Stamp {
            sender: self.talk.number,
            number: self.talk.sent,
            at: run.stamp(at),
        };
        self.talk.sent += 1;
        run.tally.sent += 1;
        let mask = run.mask();
        run.template.append(stamp, mask, self.wire.out());
    }

    /// Writes what waits, a batch with new keys now and then. A socket that takes nothing more shows its end
    /// to the reader.
    pub(super) fn flush(&mut self, run: &mut Run<'_>) {
        let refresh = run.is_time_for_new_keys();
        self.write(run, refresh);
        run.tally.tls.key_updates += u64::from(refresh);
    }

    fn write(&mut self, run: &mut Run<'_>, refresh: bool) {
        match self.wire.flush(refresh) {
            Ok(written) => run.tally.bytes_sent += written,
            Err(error) => {
                self.talk.end.get_or_insert(End::of(&error));
            }
        }
    }

    /// The socket reported something. Returns whether there is more to read without a further event, or how
    /// the connection ended: None is the end that was asked for.
    pub(super) fn on_event(
        &mut self,
        run: &mut Run<'_>,
        readable: bool,
        ended: bool,
    ) -> Result<bool, Option<End>> {
        self.write(run, false);
        let is_broken = self.talk.end.is_some();
        let more = match readable || ended || is_broken {
            true => self.receive(run, ended || is_broken)?,
            false => false,
        };
        match self.talk.end.take() {
            Some(end) => {
                // A last frame to say why; the server may be gone already.
                let _ = self.wire.flush(false);
                Err(Some(end))
            }
            None => Ok(more),
        }
    }

    fn receive(&mut self, run: &mut Run<'_>, ended: bool) -> Result<bool, Option<End>> {
        for _ in 0..READS_PER_TURN_MAX {
            let mut scratch = std::mem::take(&mut run.scratch);
            let was_secret = self.wire.agreed().is_some();
            let now = Instant::now();
            let talk = &mut self.talk;
            let read = self.wire.read(&mut scratch, ended, |plain| {
                if let Err(end) = talk.take(plain, run, now) {
                    talk.end.get_or_insert(end);
                }
            });
            run.scratch = scratch;
            if !was_secret && let Some(agreed) = self.wire.agreed() {
                *run.tally.tls.agreed.entry(agreed).or_default() += 1;
            }
            self.wire.out().append(&mut self.talk.replies);
            self.write(run, false);
            let look = match read {
                Err(error) => {
                    let end = self.talk.end.take().unwrap_or_else(|| End::of(&error));
                    return Err(Some(end));
                }
                Ok((look, bytes)) => {
                    run.tally.bytes_received += bytes;
                    look
                }
            };
            match look {
                Look::Empty => return Ok(false),
                Look::More if self.talk.end.is_some() => return Ok(false),
                Look::More => {}
                Look::Ended => return Err(self.end_of_stream(run)),
            }
        }
        Ok(true)
    }

    /// The server ended the stream.
    fn end_of_stream(&mut self, run: &mut Run<'_>) -> Option<End> {
        // Without close_notify the end may be anybody's work (RFC 8446 section 6.1).
        run.tally.tls.unnotified += u64::from(self.wire.is_unnotified());
        let end = self.talk.end.take();
        match self.talk.phase {
            Phase::Leaving => end,
            Phase::Asking(_) => Some(End::new("cut", "it ended the connection without an answer")),
            Phase::Open | Phase::Closing => end.or(Some(End::new("cut", ""))),
        }
    }

    /// The run is over: says so (RFC 6455 section 7.1.2).
    pub(super) fn close(&mut self, run: &mut Run<'_>) {
        let mask = run.mask();
        frame::append(Opcode::Close, &NORMAL.to_be_bytes(), mask, self.wire.out());
        self.talk.phase = Phase::Closing;
        self.write(run, false);
    }
}

impl Talk {
    fn due(&self, run: &Run<'_>) -> u32 {
        self.sent_to_us(run) - self.ledger.received()
    }

    /// How many messages this connection has to have had, once all are here.
    fn sent_to_us(&self, run: &Run<'_>) -> u32 {
        match run.pattern {
            Pattern::Echo => self.sent,
            Pattern::FanOut if self.number == PUBLISHER => 0,
            Pattern::FanOut => run.published,
        }
    }

    /// Takes plaintext that came.
    fn take(&mut self, plain: &[u8], run: &mut Run<'_>, now: Instant) -> Result<(), End> {
        if self.inbox.is_empty() {
            let used = self.read(plain, run, now)?;
            self.inbox.extend_from_slice(&plain[used..]);
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.inbox);
        bytes.extend_from_slice(plain);
        let used = self.read(&bytes, run, now)?;
        bytes.drain(..used);
        self.inbox = bytes;
        Ok(())
    }

    /// Takes what is whole at the front of `bytes`, and says how much that is.
    fn read(&mut self, bytes: &[u8], run: &mut Run<'_>, now: Instant) -> Result<usize, End> {
        let mut used = 0;
        if let Phase::Asking(handshake) = self.phase {
            let judged = handshake.judge(bytes);
            match judged.map_err(|reason| End::new("handshake", &reason))? {
                None => return Ok(0),
                Some(size) => used = size,
            }
            self.phase = Phase::Open;
        }
        while used < bytes.len() {
            let read = frame::read(&bytes[used..]);
            match read.map_err(|fault| End::new("protocol", fault))? {
                None => break,
                Some(frame) => {
                    used += frame.size;
                    self.on_frame(&frame, run, now)?;
                }
            }
        }
        Ok(used)
    }

    fn on_frame(&mut self, frame: &Frame<'_>, run: &mut Run<'_>, now: Instant) -> Result<(), End> {
        if matches!(self.phase, Phase::Leaving) {
            return Err(End::new("protocol", "a frame behind a Close"));
        }
        match (frame.opcode, &mut self.fragments) {
            (Opcode::Ping, _) => {
                run.tally.pings += 1;
                frame::append(Opcode::Pong, frame.payload, run.mask(), &mut self.replies);
                Ok(())
            }
            (Opcode::Pong, _) => Ok(()),
            (Opcode::Close, _) => self.on_close(frame.payload, run),
            (Opcode::Continuation, None) => Err(End::new("protocol", "a fragment of no message")),
            (Opcode::Continuation, Some((_, message))) => {
                message.extend_from_slice(frame.payload);
                match self.fragments.take_if(|_| frame.fin) {
                    None => Ok(()),
                    Some((opcode, message)) => self.on_message(opcode, &message, run, now),
                }
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                Err(End::new("protocol", "a message within a message"))
            }
            (opcode @ (Opcode::Text | Opcode::Binary), None) if frame.fin => {
                self.on_message(opcode, frame.payload, run, now)
            }
            (opcode @ (Opcode::Text | Opcode::Binary), None) => {
                self.fragments = Some((opcode, frame.payload.to_vec()));
                Ok(())
            }
        }
    }

    fn on_close(&mut self, payload: &[u8], run: &mut Run<'_>) -> Result<(), End> {
        if matches!(self.phase, Phase::Closing) {
            self.phase = Phase::Leaving;
            return Ok(());
        }
        frame::append(Opcode::Close, payload, run.mask(), &mut self.replies);
        let code = payload.first_chunk::<2>();
        let code = code.map_or(NO_CODE, |code| u16::from_be_bytes(*code));
        let reason = payload.get(2..).unwrap_or_default();
        let reason = String::from_utf8_lossy(reason).into_owned();
        Err(End::new(&format!("close {code}"), &reason))
    }

    fn on_message(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        run: &mut Run<'_>,
        now: Instant,
    ) -> Result<(), End> {
        let sender = match run.pattern {
            Pattern::Echo => self.number,
            Pattern::FanOut if self.number == PUBLISHER => return Ok(()),
            Pattern::FanOut => PUBLISHER,
        };
        let stamp = run.template.read(opcode, payload);
        let Some(stamp) = stamp.filter(|stamp| stamp.sender == sender) else {
            run.tally.wrong += 1;
            return Err(End::new("wrong", "a message that was not sent like this"));
        };
        match self.ledger.take(stamp.number, self.sent_to_us(run)) {
            Came::Unsent => {
                run.tally.wrong += 1;
                return Err(End::new("wrong", "a message that was not sent yet"));
            }
            Came::Again => {
                run.tally.doubled += 1;
                return Ok(());
            }
            Came::Late => run.tally.out_of_order += 1,
            Came::InOrder => {}
        }
        self.waits_since = now;
        run.outstanding -= 1;
        let tally = &mut run.tally;
        tally.received += 1;
        tally.last = now;
        if u128::from(stamp.at) >= run.options.warm_up.as_nanos() {
            let at = now.saturating_duration_since(run.start).as_nanos() as u64;
            let took = at.saturating_sub(stamp.at).max(1);
            tally.latency.saturating_record(took);
        }
        Ok(())
    }
}
