//! Raw floors: the least a server can do with one thread, so that figures have a zero to count from.
//!
//! Floors parse nothing: each empty line (`\r\n\r\n`) in what a client sends is answered with one
//! constant answer, as long as a typical `/plaintext` answer, and the answers of one receive leave
//! in one send. They have no limits, no timeouts and no date. Never expose one; the command line
//! only binds loopback.

#[allow(unsafe_code)]
mod buffer_ring;
pub mod epoll;
#[allow(unsafe_code)]
pub mod uring;

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// Backlog of the listener; the same as the peers ask for.
const BACKLOG: i32 = 4096;
/// Answers laid out one behind the other, so that a batch is one slice.
const ANSWERS_PER_SEND_MAX: usize = 1024;

/// The constant answer of a connection that goes on.
pub const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: x\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 13\r\n\
    Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    \r\n\
    Hello, World!";
/// The constant answer of a connection that ends behind it.
pub const LAST_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: x\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 13\r\n\
    Connection: close\r\n\
    Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    \r\n\
    Hello, World!";
/// Length of a typical `/plaintext` answer, which [`ANSWER`] must have.
const TYPICAL_ANSWER_BYTES: usize = 126;
const _: () = assert!(ANSWER.len() == TYPICAL_ANSWER_BYTES);

/// The fate of a connection after its first answers. A floor parses nothing, so it cannot obey
/// a `Connection: close`; it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The connection goes on until the client ends it.
    Keep,
    /// The floor ends it.
    Close,
}

/// A listener with TCP_NODELAY, which accepted sockets inherit (tcp(7)).
///
/// # Errors
/// Errors of socket(2), bind(2) and listen(2), with the address and the cure for a taken port.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into()).map_err(|error| {
        let cure = if error.kind() == io::ErrorKind::AddrInUse {
            "; end the program that listens there, or choose another port"
        } else {
            ""
        };
        io::Error::new(
            error.kind(),
            format!("cannot listen on {address}: {error}{cure}"),
        )
    })?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Answers laid out back to back; what is owed to a client is a slice of them.
struct Answers {
    bytes: Vec<u8>,
    period: usize,
}

impl Answers {
    fn new(after: After) -> Self {
        let answer = match after {
            After::Keep => ANSWER,
            After::Close => LAST_ANSWER,
        };
        Self {
            bytes: answer.repeat(ANSWERS_PER_SEND_MAX),
            period: answer.len(),
        }
    }

    /// The next bytes for a client that is owed `debt`; shorter than the debt if that is large.
    fn next(&self, debt: &Debt) -> &[u8] {
        let length = debt.bytes.min((self.bytes.len() - debt.offset) as u64) as usize;
        &self.bytes[debt.offset..debt.offset + length]
    }
}

/// Bytes owed to a client, and where in the answer they begin after a short send.
#[derive(Debug, Default)]
struct Debt {
    bytes: u64,
    offset: usize,
}

impl Debt {
    fn add(&mut self, answers: &Answers, count: u64) {
        self.bytes += count * answers.period as u64;
    }

    fn pay(&mut self, answers: &Answers, bytes: usize) {
        self.bytes -= bytes as u64;
        self.offset = (self.offset + bytes) % answers.period;
    }
}

/// Counts empty lines over any cut of the bytes.
#[derive(Debug, Default)]
struct EmptyLines {
    matched: u8,
}

impl EmptyLines {
    fn count(&mut self, bytes: &[u8]) -> u64 {
        let mut found = 0;
        for byte in bytes {
            self.matched = match (self.matched, byte) {
                (0 | 2, b'\r') => self.matched + 1,
                (1, b'\n') => 2,
                (3, b'\n') => {
                    found += 1;
                    0
                }
                (_, b'\r') => 1,
                _ => 0,
            };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_are_counted_wherever_the_bytes_are_cut() {
        let bytes = b"GET / HTTP/1.1\r\nA: b\r\n\r\n\r\r\n\r\nx\r\n\n\r\n\r\n";
        for cut in 0..=bytes.len() {
            let mut lines = EmptyLines::default();
            assert_eq!(
                lines.count(&bytes[..cut]) + lines.count(&bytes[cut..]),
                3,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_debt_paid_in_odd_pieces_yields_whole_answers() {
        let answers = Answers::new(After::Keep);
        let (mut debt, mut sent) = (Debt::default(), Vec::new());
        debt.add(&answers, 3000);
        while debt.bytes > 0 {
            let piece = answers.next(&debt);
            let piece = &piece[..piece.len().min(100_003)];
            sent.extend_from_slice(piece);
            debt.pay(&answers, piece.len());
        }
        assert!(sent == ANSWER.repeat(3000));
    }
}
