//! The clients that behave: requests at random instants on connections of their own, one at a time on each. One thread.
//!
//! How long each takes is told twice. As its client sees it: from the instant at which it was due to the one at which this
//! thread has its answer. And as the server answers for it: from the call that sends it to the instant at which the kernel had the answer
//! for the client's socket (SO_TIMESTAMPNS, socket(7)), on whichever CPU the server runs. Between the two lies the time in which this thread waits
//! for a CPU that it shares with the offenders, and with what the kernel does for them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use ringgate::http2::StreamId;
use ringgate::http2::frame::{self, Flags, Frame, HEADER_SIZE_BYTES, PREFACE};
use ringgate::http2::settings::{WINDOW_BYTES_INITIAL, write_ack};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::offence::{GET, WINDOW_BYTES_MAX, ask, settings};
use crate::load::Options;
use crate::load::request::PLAINTEXT;
use crate::load::schedule::{Budget, Timetable};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest wait for an event.
const GLANCE: Duration = Duration::from_millis(100);
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
/// Bytes that are read at a time.
const READ_BYTES: usize = 4 << 10;

/// Latencies and the first failure, as the clients saw them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From the timetable to the answer in hand, in microseconds; sorted.
    pub(super) late_us: Vec<f64>,
    /// From the call that sends the request to the answer at the socket, in microseconds; sorted.
    pub(super) served_us: Vec<f64>,
    /// Requests that were due.
    pub(super) due: u64,
    /// Requests that were answered as they had to be.
    pub(super) answered: u64,
    /// The first thing that was not as it had to be.
    pub(super) fault: Option<String>,
}

impl Seen {
    /// Why the requests did not all end well, if they did not.
    pub(super) fn failure(&self) -> Option<String> {
        let is_well = self.answered == self.due && self.due > 0;
        (!is_well).then(|| {
            let (answered, due) = (self.answered, self.due);
            let why = self.fault.as_deref().unwrap_or("the others got no answer");
            format!("{answered} of {due} requests were answered: {why}")
        })
    }
}

/// Asks the server at `address` for `path`, which answers [`PLAINTEXT`], as the options say.
///
/// # Errors
/// A connection that cannot be made, or a kernel that cannot be asked.
pub(super) fn run(address: SocketAddr, path: &str, options: &Options) -> io::Result<Seen> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut clients = Vec::with_capacity(options.connections);
    for nth in 0..options.connections {
        let client = Client::connect(address)?;
        epoll::add(
            &epoll,
            &client.socket,
            EventData::new_u64(nth as u64),
            EventFlags::IN,
        )?;
        clients.push(client);
    }
    let began = Instant::now();
    let mut budget = Budget::new(options, 0, began);
    let rate = "the observer needs a timetable";
    let mut table = Timetable::new(options, 0, began).ok_or_else(|| io::Error::other(rate))?;
    let mut free: VecDeque<usize> = (0..clients.len()).collect();
    let mut seen = Seen::default();
    let mut events = Vec::with_capacity(options.connections);
    let counts_from = began + options.warm_up;
    let mut progress = began;
    loop {
        let now = Instant::now();
        seen.due += table.collect(&mut budget, now);
        while let Some(nth) = free.front().copied()
            && let Some(due) = table.due.pop_front()
        {
            free.pop_front();
            if let Err(error) = clients[nth].ask(path, due) {
                seen.fault.get_or_insert(format!("a request: {error}"));
            }
        }
        let upcoming = table.upcoming(&budget);
        let is_waiting = clients.iter().any(|client| client.asked.is_some());
        if upcoming.is_none() && !is_waiting || now - progress > PATIENCE {
            break;
        }
        let wait = upcoming.map_or(GLANCE, |at| at.saturating_duration_since(now).min(GLANCE));
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: wait.as_nanos() as _,
        };
        let mut ready = [PollFd::new(&epoll, PollFlags::IN)];
        // The timeout of epoll_wait(2) is in milliseconds, that of ppoll(2) is not.
        match poll(&mut ready, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), Some(&AT_ONCE)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let nth = event.data.u64() as usize;
            match clients[nth].read() {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    progress = Instant::now();
                    free.push_back(nth);
                    seen.answered += 1;
                    if answer.due >= counts_from {
                        seen.late_us
                            .push((progress - answer.due).as_secs_f64() * 1e6);
                        seen.served_us.push(answer.served.as_secs_f64() * 1e6);
                    }
                }
                Err(error) => {
                    // It is watched no more, so its request stays without an answer.
                    epoll::delete(&epoll, &clients[nth].socket)?;
                    seen.fault.get_or_insert(error.to_string());
                }
            }
        }
    }
    seen.late_us.sort_by(f64::total_cmp);
    seen.served_us.sort_by(f64::total_cmp);
    Ok(seen)
}

/// One connection.
struct Client {
    socket: TcpStream,
    inbox: Vec<u8>,
    control: Vec<u8>,
    next: u32,
    /// The request that is under way: when it was due, and when it was sent.
    asked: Option<(Instant, SystemTime)>,
    /// Whether its content came.
    has_content: bool,
}

struct Answer {
    due: Instant,
    served: Duration,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Client> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        let mut out = PREFACE.to_vec();
        settings(WINDOW_BYTES_INITIAL, &mut out);
        write_ack(&mut out);
        let more = WINDOW_BYTES_MAX - WINDOW_BYTES_INITIAL;
        frame::write_window_update(StreamId::CONNECTION, more, &mut out);
        socket.write_all(&out)?;
        socket.set_nonblocking(true)?;
        Ok(Client {
            socket,
            inbox: Vec::new(),
            control: nix::cmsg_space!(TimeSpec),
            next: 1,
            asked: None,
            has_content: false,
        })
    }

    fn ask(&mut self, path: &str, due: Instant) -> io::Result<()> {
        let mut out = Vec::new();
        ask(&GET, self.next, true, path, &mut out);
        self.next += 2;
        self.has_content = false;
        self.asked = Some((due, SystemTime::now()));
        self.socket.write_all(&out)
    }

    /// Takes what came: the end of the answer, once that is there.
    fn read(&mut self) -> io::Result<Option<Answer>> {
        let mut buffer = [0; READ_BYTES];
        let mut pieces = [IoSliceMut::new(&mut buffer)];
        let fd = self.socket.as_raw_fd();
        let control = Some(&mut self.control[..]);
        let (count, at) = match recvmsg::<()>(fd, &mut pieces, control, MsgFlags::empty()) {
            Ok(message) => {
                let at = message.cmsgs()?.find_map(|one| match one {
                    ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                    _ => None,
                });
                (message.bytes, at)
            }
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.inbox.extend_from_slice(&buffer[..count]);
        let mut is_answered = false;
        let mut taken = 0;
        while let Some(frame) = whole(&self.inbox[taken..])? {
            let (header, payload) = frame;
            let stream = header.stream.0;
            match frame::parse(&header, payload) {
                Ok(Frame::GoAway(code)) => return Err(wrong(&format!("GOAWAY {code}"))),
                Ok(Frame::ResetStream(code)) => return Err(wrong(&format!("a reset {code}"))),
                Ok(_) if stream == 0 => {}
                Ok(_) if stream + 2 != self.next => return Err(wrong("another stream")),
                Ok(frame) => {
                    self.has_content |= frame == Frame::Data(PLAINTEXT);
                    is_answered |= header.flags.has(Flags::END_STREAM);
                }
                Err(_) => return Err(wrong("a frame that is none")),
            }
            taken += HEADER_SIZE_BYTES + payload.len();
        }
        self.inbox.drain(..taken);
        if !is_answered {
            return Ok(None);
        }
        let Some((due, sent)) = self.asked.take().filter(|_| self.has_content) else {
            return Err(wrong("not what was asked for"));
        };
        let at = at.ok_or_else(|| wrong("no time stamp"))?;
        let served = (SystemTime::UNIX_EPOCH + at).duration_since(sent);
        Ok(Some(Answer {
            due,
            // The clock was set back meanwhile.
            served: served.unwrap_or_default(),
        }))
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the answer was {what}"))
}

/// The frame at the front, if all of it is there.
fn whole(bytes: &[u8]) -> io::Result<Option<(frame::Header, &[u8])>> {
    let header = frame::read_header(bytes).map_err(|fault| wrong(&fault.to_string()))?;
    let end = |header: &frame::Header| HEADER_SIZE_BYTES + header.length as usize;
    let whole = header.and_then(|header| Some((header, bytes.get(..end(&header))?)));
    Ok(whole.map(|(header, bytes)| (header, &bytes[HEADER_SIZE_BYTES..])))
}
