//! The clients that misuse a server: so many sockets, each of which sends what its offence says until it is ended, and
//! hears how. One thread, one event loop. `offence` says what an end is; `super` what it means.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use ringgate::http2::frame::{self, Frame, HEADER_SIZE_BYTES};
use socket2::SockRef;

use super::offence::{Ending, Offence};

/// Bytes that are made ready at a time.
const AHEAD_BYTES: usize = 16 << 10;
/// Bytes that are read at a time.
const READ_BYTES: usize = 64 << 10;
/// Events taken in one turn.
const EVENTS_MAX: usize = 1024;
/// The longest wait for an event, so that those that are due begin.
const GLANCE: Duration = Duration::from_millis(5);
/// The receive buffer of a client that takes nothing: it is to be full soon.
const DEAF_BUFFER_BYTES: usize = 4 << 10;
/// The receive buffer of such a client when it takes what there is after all.
const HEARING_BUFFER_BYTES: usize = 1 << 20;
/// How long a client that takes nothing leaves the server to fill that, before it goes on.
const DEAF_PAUSE: Duration = Duration::from_millis(300);

/// Counts of the clients by how they ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fates {
    /// Were told why.
    pub(super) told: u64,
    /// Saw the connection reset, and no reason.
    pub(super) reset: u64,
    /// Saw the end of the connection, and no reason.
    pub(super) cut: u64,
    /// Were told something else.
    pub(super) otherwise: u64,
    /// Were still there when the time was over.
    pub(super) left: u64,
    /// From the first client's beginning to the last one's end.
    pub(super) took: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Told,
    Reset,
    Cut,
    Otherwise,
}

/// Lets `count` clients misuse the server at `address`; they begin one after the other within `over`, and have `patience` from
/// then on.
///
/// # Errors
/// A connection that cannot be made.
pub(super) fn run(
    address: SocketAddr,
    offence: Offence,
    count: usize,
    over: Duration,
    patience: Duration,
) -> io::Result<Fates> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; READ_BYTES];
    let mut offenders: Vec<Offender> = Vec::with_capacity(count);
    let mut fates = Fates::default();
    let mut open = 0;
    let began = Instant::now();
    let end = began + over + patience;
    loop {
        let now = Instant::now();
        let due = match over.is_zero() {
            true => count,
            false => {
                let part = (now - began).as_secs_f64() / over.as_secs_f64();
                count.min((part * count as f64) as usize + 1)
            }
        };
        while offenders.len() < due {
            let mut offender = Offender::new(address, offence, now)?;
            let token = Token(offenders.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(&mut offender.socket, token, both)?;
            offenders.push(offender);
            open += 1;
        }
        if offenders.len() == count && open == 0 || now >= end {
            break;
        }
        let is_busy = offenders.iter().any(|offender| offender.is_ready(now));
        let wait = if is_busy { Duration::ZERO } else { GLANCE };
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for event in &events {
            if let Some(offender) = offenders.get_mut(event.token().0) {
                offender.may_read |= event.is_readable();
                offender.may_write |= event.is_writable();
            }
        }
        for offender in offenders.iter_mut().filter(|one| one.is_ready(now)) {
            if offender.fate.is_none() {
                offender.go_on(&mut buffer);
                if let Some(fate) = offender.fate {
                    open -= 1;
                    fates.count(fate);
                    poll.registry().deregister(&mut offender.socket)?;
                }
            }
        }
    }
    fates.left = open;
    fates.took = began.elapsed();
    Ok(fates)
}

impl Fates {
    fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::Told => &mut self.told,
            Fate::Reset => &mut self.reset,
            Fate::Cut => &mut self.cut,
            Fate::Otherwise => &mut self.otherwise,
        } += 1;
    }
}

/// One client.
struct Offender {
    offence: Offence,
    socket: TcpStream,
    out: Vec<u8>,
    sent: usize,
    acts: u32,
    has_acts: bool,
    /// The client does nothing before.
    rests_until: Option<Instant>,
    may_read: bool,
    may_write: bool,
    /// Whether a write was answered with a reset.
    was_reset: bool,
    inbox: Vec<u8>,
    /// Streams that were reset as they were to be.
    resets: u32,
    fate: Option<Fate>,
}

impl Offender {
    fn new(address: SocketAddr, offence: Offence, now: Instant) -> io::Result<Offender> {
        let socket = TcpStream::connect(address)?;
        if offence.is_deaf() {
            SockRef::from(&socket).set_recv_buffer_size(DEAF_BUFFER_BYTES)?;
        }
        let mut out = Vec::new();
        offence.begin(&mut out);
        Ok(Offender {
            offence,
            socket,
            out,
            sent: 0,
            acts: 0,
            has_acts: true,
            rests_until: offence.is_deaf().then_some(now + DEAF_PAUSE),
            may_read: false,
            may_write: false,
            was_reset: false,
            inbox: Vec::new(),
            resets: 0,
            fate: None,
        })
    }

    /// Whether it has something to send, be it that it has to make it first.
    fn has_more(&self, now: Instant) -> bool {
        let rests = self.rests_until.is_some_and(|until| now < until);
        self.sent < self.out.len() || self.has_acts && !rests
    }

    /// Whether it takes what the server sends.
    fn listens(&self) -> bool {
        !self.offence.is_deaf() || !self.has_acts && self.sent == self.out.len()
    }

    fn is_ready(&self, now: Instant) -> bool {
        let reads = self.may_read && self.listens();
        self.fate.is_none() && (reads || self.may_write && self.has_more(now))
    }

    fn go_on(&mut self, buffer: &mut [u8]) {
        if self.may_write {
            self.write();
        }
        if self.may_read && self.listens() {
            self.read(buffer);
        }
    }

    fn write(&mut self) {
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
            while self.has_acts && self.out.len() < AHEAD_BYTES {
                self.has_acts = self.offence.act(self.acts, &mut self.out);
                self.acts += 1;
            }
            if self.offence.is_deaf() && !self.has_acts {
                // If it cannot be larger it takes longer.
                let _ = SockRef::from(&self.socket).set_recv_buffer_size(HEARING_BUFFER_BYTES);
            }
        }
        match self.socket.write(&self.out[self.sent..]) {
            Ok(count) => self.sent += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_write = false,
            // The server has closed: what it said before that may be there to read.
            Err(error) => {
                // The error of a reset is told once.
                self.was_reset |= matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                );
                self.has_acts = false;
                self.out.clear();
                self.sent = 0;
                self.may_read = true;
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        match self.socket.read(buffer) {
            Ok(0) if self.was_reset => self.fate = Some(Fate::Reset),
            Ok(0) => self.fate = Some(Fate::Cut),
            Ok(count) => self.hear(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
            Err(_) => self.fate = Some(Fate::Reset),
        }
    }

    /// Looks for the end in what the server sends.
    fn hear(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        let mut at = 0;
        while self.fate.is_none()
            && let Ok(Some(header)) = frame::read_header(&self.inbox[at..])
        {
            let from = at + HEADER_SIZE_BYTES;
            let to = from + header.length as usize;
            let Some(payload) = self.inbox.get(from..to) else {
                break;
            };
            match (frame::parse(&header, payload), self.offence.ending()) {
                (Ok(Frame::GoAway(code)), ending) => {
                    let is_due = ending == Ending::Connection && code == Offence::CODE;
                    self.fate = Some(if is_due { Fate::Told } else { Fate::Otherwise });
                }
                (Ok(Frame::ResetStream(code)), Ending::Streams(count)) => {
                    self.resets += u32::from(code == Offence::CODE);
                    if self.resets == count {
                        self.fate = Some(Fate::Told);
                    }
                }
                (Ok(Frame::Settings(_)), Ending::Itself) => self.fate = Some(Fate::Told),
                _ => {}
            }
            at = to;
        }
        self.inbox.drain(..at);
    }
}
