//! A stream with or without TLS: bytes are queued, flushed, and come back as plaintext.
//!
//! Called by a connection, which alone knows what they mean.

use std::io::{self, ErrorKind};

use mio::{Registry, Token};

use crate::load::Options;
use crate::load::stream::Stream;
use crate::load::tls::{Agreed, Session, Terms};

/// How a look at the stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// An event will tell when there is more.
    Empty,
    /// There may be more.
    More,
    /// The server sends nothing more.
    Ended,
}

/// A stream, its TLS, and the bytes that wait to be written.
pub(super) struct Wire {
    stream: Stream,
    session: Option<Box<Session>>,
    /// Bytes that TLS has not sealed yet.
    unsealed: Vec<u8>,
    outgoing: Vec<u8>,
    written: usize,
}

impl Wire {
    /// Begins to connect; with `terms` a handshake of TLS comes first.
    pub(super) fn connect(
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
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        match self.session {
            None => &mut self.outgoing,
            Some(_) => &mut self.unsealed,
        }
    }

    /// What TLS agreed on, once its handshake is over.
    pub(super) fn agreed(&self) -> Option<Agreed> {
        let session = self.session.as_ref()?;
        session.agreed().filter(|_| session.is_open())
    }

    /// Whether TLS is spoken and the server has not said that nothing more comes.
    pub(super) fn is_unnotified(&self) -> bool {
        (self.session.as_ref()).is_some_and(|session| session.is_open() && !session.is_notified())
    }

    /// Seals what TLS has to seal, with new keys if `refresh`, and writes until all is written or the
    /// socket is full. Returns the bytes that were written. A write on a socket that still connects answers
    /// EAGAIN, on one that was refused ECONNREFUSED: no separate question is needed.
    pub(super) fn flush(&mut self, refresh: bool) -> io::Result<u64> {
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

    /// Forgets what was to be written.
    fn forget(&mut self) {
        self.outgoing.clear();
        self.written = 0;
    }

    /// Reads once and hands the plaintext to `deliver`, piece by piece. Returns also how many bytes came.
    /// `ended`: the end of the stream was announced, so that a short read is not taken for "no more".
    pub(super) fn read(
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

fn tls(error: &rustls::Error) -> io::Error {
    io::Error::other(format!("TLS: {error}"))
}
