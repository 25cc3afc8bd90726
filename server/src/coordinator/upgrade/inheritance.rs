//! What an older generation left to this process: found at the start, before anything is bound.
//!
//! Called by the program's `main` and by `Server::start`. Reads until every listener is there; what
//! is said from then on the coordinator hears.

use super::channel::Channel;
use super::word::{VERSION, Word};
use ringgate_runtime::sys::child::inherited_message_socket;
use ringgate_runtime::sys::socket::poll_readable;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// Names the inherited end of the socket, as a descriptor number.
pub(crate) const VARIABLE: &str = "RINGGATE_INHERIT";
/// How long the older generation may take for its next word; it says all of them at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener that was left to us.
pub(crate) struct InheritedListener {
    pub(crate) unit: u32,
    pub(crate) configured: String,
    pub(crate) bound: String,
    pub(crate) slot: u32,
    pub(crate) shared: bool,
    pub(crate) socket: OwnedFd,
}

/// What an older generation left to this process.
pub(crate) struct Inheritance {
    pub(crate) channel: Channel,
    pub(crate) pid: u32,
    pub(crate) control: Option<PathBuf>,
    pub(crate) listeners: Vec<InheritedListener>,
    /// The listener for metrics with its configured and its bound address.
    pub(crate) metrics: Option<(String, String, OwnedFd)>,
}

impl Inheritance {
    /// Takes over what an older generation left, if this process was started by one. Once: who asks
    /// a second time finds nothing.
    ///
    /// # Errors
    /// It went away, or is of a version that says other words.
    pub(crate) fn from_environment() -> io::Result<Option<Inheritance>> {
        let number = std::env::var(VARIABLE).ok();
        let Some(number) = number.and_then(|number| number.parse().ok()) else {
            return Ok(None);
        };
        let Some(socket) = inherited_message_socket(number)? else {
            return Ok(None);
        };
        super::super::rehearsal::step("start");
        Inheritance::receive(Channel::new(socket)).map(Some)
    }

    fn receive(mut channel: Channel) -> io::Result<Inheritance> {
        let Word::Hello {
            version: VERSION,
            pid,
            units,
            control,
        } = next(&mut channel)?.0
        else {
            let text = "the running server is of another version; restart it instead";
            let error = text.to_owned();
            channel.say(&Word::Refused { error });
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        };
        let mut inheritance = Inheritance {
            channel,
            pid,
            control,
            listeners: Vec::new(),
            metrics: None,
        };
        while inheritance.listeners.len() < units as usize {
            match next(&mut inheritance.channel)? {
                (
                    Word::Listener {
                        unit,
                        configured,
                        bound,
                        slot,
                        shared,
                    },
                    Some(socket),
                ) => inheritance.listeners.push(InheritedListener {
                    unit,
                    configured,
                    bound,
                    slot,
                    shared,
                    socket,
                }),
                (Word::Metrics { configured, bound }, Some(socket)) => {
                    inheritance.metrics = Some((configured, bound, socket));
                }
                (word, _) => {
                    let text = format!("{word:?} where a listener was expected");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
        }
        super::super::rehearsal::step("listeners");
        Ok(inheritance)
    }

    /// Tells the older generation why this one does not serve; it goes on then.
    pub(crate) fn refuse(mut self, error: &str) {
        let error = error.to_owned();
        self.channel.say(&Word::Refused { error });
    }
}

fn next(channel: &mut Channel) -> io::Result<(Word, Option<OwnedFd>)> {
    loop {
        if let Some(heard) = channel.hear()? {
            return Ok((heard.word, heard.socket));
        }
        if !poll_readable(channel.as_fd(), Some(PATIENCE))? {
            let text = "the older generation says nothing";
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
    }
}
