//! A client that sends bytes as they are given and takes answers apart without forgiving anything.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    ended: bool,
}

/// An answer, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The statuses of interim answers before it.
    pub interim: Vec<u16>,
    /// Status.
    pub status: u16,
    /// Fields by lower-case name, in order of name.
    pub fields: Vec<(String, String)>,
    /// Content, without the framing.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Vec<(String, String)>,
    /// Whether the body came whole.
    pub whole: bool,
}

impl Answer {
    /// The first field of a name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The content as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]);
        f.debug_struct("Answer")
            .field("interim", &self.interim)
            .field("status", &self.status)
            .field("fields", &self.fields)
            .field("len", &self.body.len())
            .field("body", &start)
            .field("trailers", &self.trailers)
            .field("whole", &self.whole)
            .finish()
    }
}

impl Client {
    /// Connects.
    pub fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Client {
            stream,
            received: Vec::new(),
            ended: false,
        }
    }

    /// Sends bytes. A server that has refused them need not take all.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a GET.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes());
        self.answer(false).expect("an answer")
    }

    /// The next bytes, or None at the end of the connection.
    fn more(&mut self) -> Option<()> {
        if self.ended {
            return None;
        }
        let mut buffer = [0; 65_536];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(n) => self.received.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.ended = true,
            Err(error) => panic!("no more came: {error}; so far {:?}", self.received),
        }
        (!self.ended).then_some(())
    }

    /// All up to and with `end`.
    pub fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.received.windows(end.len()).position(|at| at == end);
            if let Some(at) = found {
                return Some(self.received.drain(..at + end.len()).collect());
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.received.len() < len {
            self.more()?;
        }
        Some(self.received.drain(..len).collect())
    }

    fn rest(&mut self) -> Vec<u8> {
        while self.more().is_some() {}
        std::mem::take(&mut self.received)
    }

    /// A head: its status and fields.
    pub fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let head = self.until(b"\r\n\r\n")?;
        let head = String::from_utf8(head).expect("text");
        let mut lines = head.split("\r\n");
        let status = lines.next().expect("a line");
        assert!(status.starts_with("HTTP/1."), "{status}");
        let status = status[9..12].parse().expect("a status");
        Some((status, fields(lines)))
    }

    /// The next answer, to a HEAD or to another method; None if the connection ended instead.
    pub fn answer(&mut self, to_head: bool) -> Option<Answer> {
        let mut interim = Vec::new();
        let (status, mut fields) = loop {
            let (status, fields) = self.head()?;
            if status >= 200 {
                break (status, fields);
            }
            interim.push(status);
        };
        let mut trailers = Vec::new();
        let of = |name: &str| {
            let found = fields.iter().find(|(have, _)| have == name);
            found.map(|(_, value)| value.clone())
        };
        let mut body = Vec::new();
        let whole = if to_head || status == 204 || status == 304 {
            true
        } else if of("transfer-encoding").as_deref() == Some("chunked") {
            self.chunks(&mut body, &mut trailers).is_some()
        } else if let Some(len) = of("content-length") {
            let len = len.parse().expect("a number");
            let exact = self.exactly(len);
            let whole = exact.is_some();
            body = exact.unwrap_or_default();
            whole
        } else {
            body = self.rest();
            true
        };
        fields.sort();
        Some(Answer {
            interim,
            status,
            fields,
            body,
            trailers,
            whole,
        })
    }

    fn chunks(&mut self, body: &mut Vec<u8>, trailers: &mut Vec<(String, String)>) -> Option<()> {
        loop {
            let line = String::from_utf8(self.until(b"\r\n")?).expect("text");
            let len = usize::from_str_radix(line.trim_end(), 16).expect("a length");
            if len == 0 {
                break;
            }
            body.extend(self.exactly(len)?);
            assert_eq!(self.exactly(2)?, b"\r\n");
        }
        let mut lines = String::new();
        while !lines.ends_with("\r\n\r\n") && lines != "\r\n" {
            lines += &String::from_utf8(self.until(b"\r\n")?).expect("text");
        }
        *trailers = fields(lines.split("\r\n"));
        trailers.sort();
        Some(())
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let lines = lines.filter(|line| !line.is_empty());
    let split = lines.map(|line| line.split_once(':').expect("a field"));
    split
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect()
}
