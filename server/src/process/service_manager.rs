//! The messages to systemd, or to any other manager that speaks sd_notify(3), and the sockets that it
//! passes (sd_listen_fds(3)).
//!
//! Made by the program from its environment; a library's server has none unless it is given one.
//! Messages are datagrams, and hold nobody up: a manager that does not listen is forgotten, and one whose
//! queue is full hears later what it has to know.

use crate::coordinator::Degraded;
use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// First descriptor that a manager passes (SD_LISTEN_FDS_START).
pub(crate) const FIRST_PASSED: i32 = 3;

/// A connection to the manager of this service.
///
/// ```
/// use ringgate::ServiceManager;
///
/// /// Without a manager in the environment everything that is told to it goes nowhere.
/// let manager = ServiceManager::from_environment()?;
/// let server = ringgate::Server::new(ringgate::config::Config::default(), ringgate::Router::new())
///     .with_service_manager(manager);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct ServiceManager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    /// Messages that the manager's queue had no room for, in their order, the newest of each kind.
    unsaid: Vec<(Kind, String)>,
}

/// The kinds of messages: of each only the newest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ready,
    Serving,
    Reloading,
    Reloaded,
    Stopping,
    MainPid,
    Watchdog,
}

impl ServiceManager {
    /// The manager that this process's environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC`,
    /// `WATCHDOG_PID`. Without one, everything here does nothing.
    ///
    /// # Errors
    /// A line: the socket it names cannot be.
    pub fn from_environment() -> Result<ServiceManager, String> {
        let none = ServiceManager {
            socket: None,
            watchdog: None,
            unsaid: Vec::new(),
        };
        let Some(name) = env::var_os("NOTIFY_SOCKET") else {
            return Ok(none);
        };
        let fail = |error: io::Error| format!("NOTIFY_SOCKET={}: {error}", name.display());
        let address = match name.as_bytes() {
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
            _ => SocketAddr::from_pathname(&name),
        };
        let address = address.map_err(fail)?;
        let socket = UnixDatagram::unbound().map_err(fail)?;
        socket.set_nonblocking(true).map_err(fail)?;
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        // After an upgrade the number is that of the process before, whose place this one takes.
        let own = u64::from(std::process::id());
        let meant = number("WATCHDOG_PID").is_none_or(|pid| pid == own)
            || env::var_os(crate::coordinator::INHERIT_VARIABLE).is_some();
        let watchdog = number("WATCHDOG_USEC").filter(|usec| *usec > 0 && meant);
        Ok(ServiceManager {
            socket: Some((socket, address)),
            watchdog: watchdog.map(Duration::from_micros),
            ..none
        })
    }

    /// How often the manager wants to hear that all is well: half of what it waits.
    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / 2)
    }

    /// Says it behind all that is still unsaid.
    fn say(&mut self, kind: Kind, words: String) {
        self.unsaid.retain(|(unsaid, _)| *unsaid != kind);
        self.unsaid.push((kind, words));
        self.say_again();
    }

    /// Says what the manager has not taken yet, as far as it takes it now. The newest of each kind are few.
    pub(crate) fn say_again(&mut self) {
        let Some((socket, address)) = &self.socket else {
            return self.unsaid.clear();
        };
        let is_full = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let is_over =
            |(_, words): &(Kind, String)| match socket.send_to_addr(words.as_bytes(), address) {
                Err(error) if is_full(&error) => false,
                Err(error) => {
                    tracing::debug!(%error, words, "the service manager does not listen");
                    true
                }
                Ok(_) => true,
            };
        let left = self.unsaid.iter().position(|unsaid| !is_over(unsaid));
        self.unsaid.drain(..left.unwrap_or(self.unsaid.len()));
    }

    /// Whether the manager does not know yet which process it is to watch, and takes the end of this one for that
    /// of the service.
    pub(crate) fn owes_main_pid(&self) -> bool {
        self.unsaid.iter().any(|(kind, _)| *kind == Kind::MainPid)
    }

    /// Tells the manager that the server serves, and that this is the process to watch.
    pub(crate) fn ready(&mut self) {
        let pid = std::process::id();
        let words = format!("READY=1\nMAINPID={pid}\nSTATUS=Serving");
        self.say(Kind::Ready, words);
    }

    /// How it serves: with every core, or with fewer than are wanted.
    pub(crate) fn serving(&mut self, degraded: Option<Degraded>) {
        let words = match degraded {
            Some(degraded) => format!("STATUS=Serving, {degraded}"),
            None => "STATUS=Serving".to_owned(),
        };
        self.say(Kind::Serving, words);
    }

    /// The configuration is read again since `now`, in microseconds of CLOCK_MONOTONIC; followed by
    /// [`ServiceManager::reloaded`].
    pub(crate) fn reloading(&mut self, now: u64) {
        let words = format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=Reading the configuration");
        self.say(Kind::Reloading, words);
    }

    /// The reload is over.
    pub(crate) fn reloaded(&mut self, result: &Result<(), String>) {
        let words = match result {
            Ok(()) => "READY=1\nSTATUS=Serving".to_owned(),
            // One line: a message of this protocol ends there.
            Err(error) => {
                let error = error.replace('\n', " ");
                format!("READY=1\nSTATUS=Serving; reload refused: {error}")
            }
        };
        self.say(Kind::Reloaded, words);
    }

    /// The server begins to end.
    pub(crate) fn stopping(&mut self) {
        let words = "STOPPING=1\nSTATUS=Finishing what was begun";
        self.say(Kind::Stopping, words.to_owned());
    }

    /// Another process serves from now on: the manager is to watch that one. The manager hears this
    /// only from the process it watches.
    pub(crate) fn main_pid(&mut self, pid: u32) {
        self.say(Kind::MainPid, format!("MAINPID={pid}"));
    }

    /// All is well.
    pub(crate) fn watchdog(&mut self) {
        self.say(Kind::Watchdog, "WATCHDOG=1".to_owned());
    }
}

/// A listening socket that the manager has passed.
///
/// ```
/// use ringgate::PassedSocket;
///
/// fn is_for_operators(socket: &PassedSocket) -> bool {
///     socket.name == "metrics"
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedSocket {
    /// Descriptor of the socket, for `fd:N`.
    pub number: i32,
    /// Name of the socket in the unit (`FileDescriptorName=`); `unknown` if the unit names none.
    pub name: String,
}

/// The sockets that a manager has passed to this process (socket activation): `LISTEN_FDS`,
/// `LISTEN_PID`, `LISTEN_FDNAMES`. The sockets stay as they are until a listener `fd:N` uses them.
///
/// ```
/// for socket in ringgate::passed_sockets() {
///     println!("--listen fd:{} is {}", socket.number, socket.name);
/// }
/// ```
pub fn passed_sockets() -> Vec<PassedSocket> {
    let variable = |name: &str| env::var(name).ok();
    // After an upgrade the number is that of the first process. Its sockets are inherited then, under
    // the names that they had there.
    let own = match env::var_os(crate::coordinator::INHERIT_VARIABLE) {
        Some(_) => variable("LISTEN_PID").and_then(|pid| pid.parse().ok()),
        None => Some(std::process::id()),
    };
    passed(variable, own.unwrap_or(0))
}

fn passed(variable: impl Fn(&str) -> Option<String>, own: u32) -> Vec<PassedSocket> {
    let number = |name: &str| variable(name)?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(own) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0);
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    (0..count.min(1024))
        .map(|index| PassedSocket {
            number: FIRST_PASSED + index as i32,
            name: match names.next() {
                Some(name) if !name.is_empty() => name.to_owned(),
                _ => "unknown".to_owned(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_with(variables: &[(&str, &str)]) -> Vec<(i32, String)> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(have, _)| *have == name);
            found.map(|(_, value)| value.to_string())
        };
        let sockets = passed(variable, 7).into_iter();
        sockets.map(|socket| (socket.number, socket.name)).collect()
    }

    #[test]
    fn sockets_are_ours_only_if_the_manager_means_this_process() {
        let two = [
            ("LISTEN_PID", "7"),
            ("LISTEN_FDS", "2"),
            ("LISTEN_FDNAMES", "web:metrics"),
        ];
        assert_eq!(
            passed_with(&two),
            [(3, "web".to_owned()), (4, "metrics".to_owned())]
        );
        assert_eq!(passed_with(&two[..2])[1].1, "unknown");
        assert!(passed_with(&[("LISTEN_PID", "8"), ("LISTEN_FDS", "2")]).is_empty());
        assert!(passed_with(&[("LISTEN_FDS", "2")]).is_empty());
        assert!(passed_with(&[("LISTEN_PID", "7")]).is_empty());
    }
}
