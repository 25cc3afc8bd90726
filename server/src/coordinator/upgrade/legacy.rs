//! The legacy of an older generation: found at the start, before anything is bound.
//!
//! Called by the program's `main` and by `Server::start`. Reads until every listener is there; what
//! is said from then on the coordinator hears.

use super::channel::{Attached, Channel, HearError};
use super::error::LegacyError;
use super::word::{VERSION, Word};
use crate::tls::tickets::TicketSecret;
use ringgate_runtime::sys::child::inherited_message_socket;
use ringgate_runtime::sys::socket::poll_readable;
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

/// All that an older generation left to this process.
pub(crate) struct Legacy {
    pub(crate) channel: Channel,
    pub(crate) pid: u32,
    pub(crate) control: Option<PathBuf>,
    pub(crate) ticket_secret: Option<TicketSecret>,
    pub(crate) listeners: Vec<InheritedListener>,
    /// The listener for metrics with its configured and its bound address.
    pub(crate) metrics: Option<(String, String, OwnedFd)>,
}

impl Legacy {
    /// Takes over what an older generation left, if this process was started by one. Once: who asks
    /// a second time finds nothing.
    ///
    /// # Errors
    /// The older process went away, or is of a version that says other words.
    pub(crate) fn from_environment() -> Result<Option<Legacy>, LegacyError> {
        let number = std::env::var(VARIABLE).ok();
        let Some(number) = number.and_then(|number| number.parse().ok()) else {
            return Ok(None);
        };
        let Some(socket) = inherited_message_socket(number).map_err(LegacyError::Socket)? else {
            return Ok(None);
        };
        super::super::rehearsal::step("start");
        Legacy::receive(Channel::new(socket)).map(Some)
    }

    fn receive(mut channel: Channel) -> Result<Legacy, LegacyError> {
        let (pid, units, control, ticket_secret) = match next(&mut channel) {
            Ok((
                Word::Hello {
                    version: VERSION,
                    pid,
                    units,
                    control,
                    ticket_secret,
                },
                _,
            )) => (pid, units, control, ticket_secret),
            other => {
                let error = match other {
                    Ok((word, _)) => LegacyError::OtherVersion(format!("{word:?}")),
                    Err(error) => error,
                };
                let text = error.to_string();
                channel.say(&Word::Refused { error: text });
                return Err(error);
            }
        };
        let mut legacy = Legacy {
            channel,
            pid,
            control,
            ticket_secret: ticket_secret.and_then(|secret| secret.read()),
            listeners: Vec::new(),
            metrics: None,
        };
        while legacy.listeners.len() < units as usize {
            if let Err(error) = legacy.hear_listener() {
                let text = error.to_string();
                legacy.channel.say(&Word::Refused { error: text });
                return Err(error);
            }
        }
        super::super::rehearsal::step("listeners");
        Ok(legacy)
    }

    fn hear_listener(&mut self) -> Result<(), LegacyError> {
        let (word, attached) = next(&mut self.channel)?;
        let socket = match attached {
            Attached::Socket(socket) => Some(socket),
            Attached::Nothing | Attached::Lost => None,
        };
        match (word, socket) {
            (
                Word::Listener {
                    unit,
                    configured,
                    bound,
                    slot,
                    shared,
                },
                Some(socket),
            ) => self.listeners.push(InheritedListener {
                unit,
                configured,
                bound,
                slot,
                shared,
                socket,
            }),
            (Word::Metrics { configured, bound }, Some(socket)) => {
                self.metrics = Some((configured, bound, socket));
            }
            (Word::Listener { bound, .. } | Word::Metrics { bound, .. }, None) => {
                return Err(LegacyError::NoDescriptor(bound));
            }
            (word, _) => return Err(LegacyError::OtherVersion(format!("{word:?}"))),
        }
        Ok(())
    }

    /// Tells the older generation why this one does not serve; it goes on then.
    pub(crate) fn refuse(mut self, error: &str) {
        let error = error.to_owned();
        self.channel.say(&Word::Refused { error });
    }
}

fn next(channel: &mut Channel) -> Result<(Word, Attached), LegacyError> {
    loop {
        match channel.hear() {
            Ok(Some(heard)) => return Ok((heard.word, heard.attached)),
            Ok(None) => {}
            Err(HearError::Ended) => return Err(LegacyError::Gone),
            Err(HearError::NotUnderstood(said)) => return Err(LegacyError::OtherVersion(said)),
            Err(HearError::Failed(error)) => return Err(LegacyError::Socket(error)),
        }
        let said = poll_readable(channel.as_fd(), Some(PATIENCE)).map_err(LegacyError::Socket)?;
        if !said {
            return Err(LegacyError::Silent(PATIENCE));
        }
    }
}
