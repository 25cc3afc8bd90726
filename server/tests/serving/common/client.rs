//! A client that sends exactly the bytes it is told and reads answers strictly.

use super::PATIENCE;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// One answer, its body decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a field; a field that is there twice is a failure.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (have, value) = line.split_once(':')?;
            have.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice in {}", self.head);
        value
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    /// Whether the answer announces the end of the connection.
    pub(crate) fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        Client::from_stream(TcpStream::connect(address).expect("the server listens"))
    }

    /// With a receive buffer of about `bytes`, which has to be asked for before connect(2).
    pub(crate) fn connect_with_buffer(address: SocketAddr, bytes: usize) -> Client {
        use rustix::net;
        let family = net::AddressFamily::INET;
        let socket = net::socket(family, net::SocketType::STREAM, None).expect("a socket");
        net::sockopt::set_socket_recv_buffer_size(&socket, bytes).expect("SO_RCVBUF");
        net::connect(&socket, &address).expect("the server listens");
        Client::from_stream(TcpStream::from(socket))
    }

    pub(crate) fn from_stream(stream: TcpStream) -> Client {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Client {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("sent");
    }

    /// Sends no more; still reads.
    pub(crate) fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("shut down");
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, "", b"")
    }

    /// Ends with a reset (socket(7), SO_LINGER): unlike the end of sending alone, nobody can take
    /// it for a client that still reads.
    pub(crate) fn reset_when_dropped(&self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(std::time::Duration::ZERO))
            .expect("SO_LINGER");
    }

    /// Sends a request and reads its answer. `fields` are whole lines.
    #[track_caller]
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &[u8],
    ) -> Answer {
        let length = match body.is_empty() {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n{length}{fields}\r\n");
        self.send([head.as_bytes(), body].concat());
        self.answer_to(method)
    }

    /// Reads the answer to a GET or POST.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    #[track_caller]
    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        let head = self.head();
        let mut answer = Answer {
            status: head[9..12].parse().expect("a status"),
            head,
            body: Vec::new(),
        };
        let bodiless =
            method == "HEAD" || answer.status < 200 || [204, 304].contains(&answer.status);
        let chunked = answer.header("transfer-encoding").is_some();
        let length = answer
            .header("content-length")
            .map(|len| len.parse::<usize>());
        answer.body = match length {
            _ if bodiless => Vec::new(),
            Some(length) => self.take(length.expect("a length")),
            None if chunked => self.chunks(),
            None => self.rest(),
        };
        answer
    }

    /// Reads a head, with its empty line.
    #[track_caller]
    pub(crate) fn head(&mut self) -> String {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill("a head");
        };
        let head = String::from_utf8(self.take(end)).expect("an answer's head is ASCII");
        assert!(head.starts_with("HTTP/1.1 "), "{head}");
        head
    }

    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            self.fill("more bytes");
        }
        self.unread.drain(..count).collect()
    }

    /// Takes what is there, at most `most` bytes, and answers how many.
    #[track_caller]
    pub(crate) fn take_some(&mut self, most: usize) -> usize {
        if !self.unread.is_empty() {
            let count = self.unread.len().min(most);
            return self.take(count).len();
        }
        let mut buffer = vec![0; most];
        let count = read_some(&mut self.stream, &mut buffer).expect("bytes");
        assert!(count > 0, "cut off");
        count
    }

    /// One chunk; empty at the last.
    #[track_caller]
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        let size = self.line();
        let size = usize::from_str_radix(&size, 16).expect("the size of a chunk");
        let chunk = self.take(size);
        assert_eq!(self.line(), "", "the end of a chunk");
        chunk
    }

    #[track_caller]
    fn chunks(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return all;
            }
            all.extend(chunk);
        }
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let end = loop {
            if let Some(at) = self.unread.windows(2).position(|two| two == b"\r\n") {
                break at;
            }
            self.fill("a line");
        };
        let line = self.take(end + 2);
        String::from_utf8_lossy(&line[..end]).into_owned()
    }

    /// All up to the end of the connection; a reset ends it too.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.unread);
        match self.stream.read_to_end(&mut all) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection neither ends nor goes on: {error}"),
        }
        all
    }

    /// The server has closed, and said nothing more.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more: {}", shown(&rest));
    }

    #[track_caller]
    fn fill(&mut self, wanted: &str) {
        let mut buffer = [0; 64 << 10];
        let count = match read_some(&mut self.stream, &mut buffer) {
            Ok(count) => count,
            Err(error) => panic!("no {wanted} ({error}) after {:?}", shown(&self.unread)),
        };
        let so_far = shown(&self.unread);
        assert!(
            count > 0,
            "the connection ended before {wanted}, after {so_far:?}"
        );
        self.unread.extend_from_slice(&buffer[..count]);
    }
}

/// A read with a time limit ends with EINTR when the process was stopped and continued (signal(7)).
fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The first bytes, for people.
fn shown(bytes: &[u8]) -> String {
    let front = &bytes[..bytes.len().min(300)];
    format!("{} bytes: {}", bytes.len(), front.escape_ascii())
}
