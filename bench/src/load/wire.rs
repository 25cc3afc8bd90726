//! A stream with or without TLS: bytes are queued, flushed, and come back as plaintext.
//!
//! Called by the connections of WebSocket and HTTP/2, which alone know what they mean.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::{Registry, Token};

use crate::load::Options;
use crate::load::stream::Stream;
use crate::load::tls::{Agreed, Session, Terms};

/// How a look at the stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// An event will tell when there is more.
    Empty,
    /// There may be more.
    More,
    /// The server sends nothing more.
    Ended,
}

/// A stream, its TLS, and the bytes that wait to be written.
pub(crate) struct Wire {
    stream: Stream,
    session: Option<Box<Session>>,
    /// Bytes that TLS has not sealed yet.
    unsealed: Vec<u8>,
    outgoing: Vec<u8>,
    written: usize,
}

impl Wire {
    /// Begins to connect; with `terms` a handshake of TLS comes first.
    pub(crate) fn connect(
        options: &Options,
        terms: Option<&Terms>,
        nth: u64,
        (registry, token): (&Registry, Token),
    ) -> io::Result<Self> {
        let mut stream = Stream::connect(options, nth)?;
        stream.register(registry, token)?;
        let mut outgoing = Vec::new();
        let session = match terms {
            None => None,
            Some(terms) => Some(Box::new(
                Session::begin(terms, &mut outgoing).map_err(io::Error::other)?,
            )),
        };
        Ok(Self {
            stream,
            session,
            unsealed: Vec::new(),
            outgoing,
            written: 0,
        })
    }

    /// Where bytes are queued; [`Wire::flush`] sends them.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        match self.session {
            None => &mut self.outgoing,
            Some(_) => &mut self.unsealed,
        }
    }

    /// Bytes that wait to be sealed or written.
    pub(crate) fn waiting(&self) -> usize {
        self.unsealed.len() + self.outgoing.len() - self.written
    }

    /// Whether bytes wait for the socket to take them.
    pub(crate) fn is_full(&self) -> bool {
        self.written < self.outgoing.len()
    }

    /// Whether bytes wait that TLS can seal now.
    pub(crate) fn can_seal(&self) -> bool {
        let is_open = (self.session.as_ref()).is_some_and(|session| session.is_open());
        is_open && !self.unsealed.is_empty()
    }

    /// The local address of a TCP connection.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.stream.local_address()
    }

    /// Whether the server has chosen `protocol` (RFC 7301), once the handshake is over.
    pub(crate) fn has_chosen(&self, protocol: &[u8]) -> bool {
        (self.session.as_ref()).is_some_and(|session| session.protocol() == Some(protocol))
    }

    /// The result of the TLS handshake, once it is over.
    pub(crate) fn agreed(&self) -> Option<Agreed> {
        let session = self.session.as_ref()?;
        session.agreed().filter(|_| session.is_open())
    }

    /// Whether TLS is spoken and the server has not said that nothing more comes.
    pub(crate) fn is_unnotified(&self) -> bool {
        (self.session.as_ref()).is_some_and(|session| session.is_open() && !session.is_notified())
    }

    /// Seals what TLS has to seal, with new keys if `refresh`, and writes until all is written or the
    /// socket is full. Returns the bytes that were written. A write on a socket that still connects answers
    /// EAGAIN, on one that was refused ECONNREFUSED: no separate question is needed.
    pub(crate) fn flush(&mut self, refresh: bool) -> io::Result<u64> {
        if let Some(session) = &mut self.session
            && !self.unsealed.is_empty()
            && session.is_open()
        {
            session
                .seal(&mut self.unsealed, refresh, &mut self.outgoing)
                .map_err(|error| tls(&error))?;
        }
        let mut all = 0;
        while self.written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.written..]) {
                Ok(n) => {
                    self.written += n;
                    all += n as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(all),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.forget();
                    return Err(error);
                }
            }
        }
        self.forget();
        Ok(all)
    }

    /// Says that nothing more comes, as far as it can be said at once. Returns the bytes that were written.
    ///
    /// # Errors
    /// The server is gone.
    pub(crate) fn end(&mut self) -> io::Result<u64> {
        // A socket that is full: the end of the stream says it as well.
        let mut written = self.flush(false)?;
        if let Some(session) = &mut self.session {
            session.notify(&mut self.outgoing);
            written += self.flush(false)?;
        }
        self.stream.shutdown_write()?;
        Ok(written)
    }

    /// Forgets what was to be written.
    fn forget(&mut self) {
        self.outgoing.clear();
        self.written = 0;
    }

    /// Reads once and hands the plaintext to `deliver`, piece by piece. Returns also how many bytes came.
    /// `ended`: the end of the stream was announced, so that a short read is not taken for "no more".
    pub(crate) fn read(
        &mut self,
        scratch: &mut Vec<u8>,
        ended: bool,
        mut deliver: impl FnMut(&[u8]),
    ) -> io::Result<(Look, u64)> {
        let kept = match &mut self.session {
            None => 0,
            Some(session) => session.restore(scratch),
        };
        let n = match self.stream.read(&mut scratch[kept..]) {
            Ok(0) => return Ok((Look::Ended, 0)),
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok((Look::More, 0)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((Look::Empty, 0)),
            Err(error) => return Err(error),
        };
        let is_short = kept + n < scratch.len();
        match &mut self.session {
            None => deliver(&scratch[..n]),
            Some(session) => session
                .take(&mut scratch[..kept + n], &mut self.outgoing, |plain| {
                    deliver(plain);
                    true
                })
                .map_err(|error| tls(&error))?,
        }
        // A short read has emptied the socket (epoll(7)).
        let look = match is_short && !ended {
            true => Look::Empty,
            false => Look::More,
        };
        Ok((look, n as u64))
    }
}

/// A failure of TLS, inside an [`io::Error`].
#[derive(Debug)]
struct TlsFailure(String);

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS: {}", self.0)
    }
}

impl std::error::Error for TlsFailure {}

fn tls(error: &rustls::Error) -> io::Error {
    io::Error::other(TlsFailure(error.to_string()))
}

/// Whether it was TLS that failed, and not the stream.
pub(crate) fn is_of_tls(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<TlsFailure>())
}
