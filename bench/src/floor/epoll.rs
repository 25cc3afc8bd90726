//! The epoll floor: one thread, level-triggered epoll, one read and one send for each batch.
//!
//! Called by `ringgate-bench floor epoll`. Safe code: rustix wraps the calls without adding any.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketFlags};

use crate::floor::{After, Answers, Debt, EmptyLines};

/// Events taken by one epoll_wait(2).
const EVENTS_PER_TURN_MAX: usize = 1024;
/// Bytes taken by one read(2).
const READ_BYTES: usize = 16 * 1024;
/// `EventData` of the listener; no descriptor has this number.
const LISTENER: u64 = u64::MAX;

struct Connection {
    socket: OwnedFd,
    lines: EmptyLines,
    debt: Debt,
    /// Watched for room in the socket instead of for requests.
    stuffed: bool,
}

/// Serves `listener` until something fails that a floor cannot live with.
pub fn serve(listener: &TcpListener, after: After) -> io::Error {
    match run(listener, after) {
        Ok(never) => match never {},
        Err(error) => error.into(),
    }
}

fn run(listener: &TcpListener, after: After) -> rustix::io::Result<std::convert::Infallible> {
    let answers = Answers::new(after);
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(listener, true)?;
    epoll::add(
        &epoll,
        listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS_PER_TURN_MAX);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        for event in &events {
            let token = event.data.u64();
            if token == LISTENER {
                accept(listener, epoll.as_fd(), &mut connections)?;
                continue;
            }
            let place = &mut connections[token as usize];
            let Some(connection) = place else { continue };
            if turn(connection, &answers, after, epoll.as_fd(), &mut buffer).is_err() {
                // Closing also takes it out of the epoll set: no duplicate of it exists (epoll(7)).
                *place = None;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    epoll: BorrowedFd<'_>,
    connections: &mut Vec<Option<Connection>>,
) -> rustix::io::Result<()> {
    loop {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = match rustix::net::accept_with(listener, flags) {
            Ok(socket) => socket,
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR | Errno::CONNABORTED) => continue,
            Err(error) => return Err(error),
        };
        let index = socket.as_raw_fd() as usize;
        epoll::add(
            epoll,
            &socket,
            EventData::new_u64(index as u64),
            EventFlags::IN,
        )?;
        if connections.len() <= index {
            connections.resize_with(index + 1, || None);
        }
        let (lines, debt) = Default::default();
        connections[index] = Some(Connection {
            socket,
            lines,
            debt,
            stuffed: false,
        });
    }
}

/// The connection is over; it does not matter why.
struct Over;

impl From<Errno> for Over {
    fn from(_: Errno) -> Self {
        Self
    }
}

fn turn(
    connection: &mut Connection,
    answers: &Answers,
    after: After,
    epoll: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(), Over> {
    if !connection.stuffed {
        match rustix::io::read(&connection.socket, &mut *buffer) {
            Ok(0) => return Err(Over),
            Ok(n) => connection
                .debt
                .add(answers, connection.lines.count(&buffer[..n])),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(_) => return Err(Over),
        }
    }
    let owed = connection.debt.bytes > 0;
    while connection.debt.bytes > 0 {
        let piece = answers.next(&connection.debt);
        match rustix::net::send(&connection.socket, piece, SendFlags::NOSIGNAL) {
            Ok(n) => connection.debt.pay(answers, n),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return watch(connection, epoll, true),
            Err(_) => return Err(Over),
        }
    }
    if owed && after == After::Close {
        return Err(Over);
    }
    watch(connection, epoll, false)
}

/// Watches for room to send, or for requests, if that is not what is watched already.
fn watch(connection: &mut Connection, epoll: BorrowedFd<'_>, stuffed: bool) -> Result<(), Over> {
    if connection.stuffed != stuffed {
        let flags = if stuffed {
            EventFlags::OUT
        } else {
            EventFlags::IN
        };
        let data = EventData::new_u64(connection.socket.as_raw_fd() as u64);
        epoll::modify(epoll, &connection.socket, data, flags)?;
        connection.stuffed = stuffed;
    }
    Ok(())
}
