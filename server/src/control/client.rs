//! `ringgate ctl`: asks a running server through its control socket.
//!
//! Called by the program; plain blocking sockets, for it has nothing else to do. How a status looks
//! to people is in `text`.

use super::protocol::{Outcome, Request};
use super::{live, text};
use crate::config::{Ctl, CtlCommand};
use ringgate_runtime::sys::process::user_id;
use ringgate_runtime::sys::socket::peer_credentials;
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the server may take for an answer. A resize that is waited for has no such limit: the
/// requests on a core that leaves take the time they take; nor has an upgrade, whose time the server
/// bounds, and events come when they come.
const PATIENCE: Duration = Duration::from_secs(15);
const ROOT: u32 = 0;

/// Why a command was not carried out. The [`fmt::Display`] of the error is one line that names the cure.
///
/// ```
/// use ringgate::config::{ControlPath, Ctl, CtlCommand};
/// use ringgate::control::client;
///
/// let ctl = Ctl {
///     control: ControlPath::At("/no/such/control.sock".into()),
///     command: CtlCommand::Drain,
/// };
/// let error = client::run(&ctl, &mut Vec::new()).unwrap_err();
/// assert!(error.to_string().contains("/no/such/control.sock"), "{error}");
/// ```
#[derive(Debug)]
pub struct CtlError {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nobody reads the result any more, as with `| head`.
    Unread,
    /// There is no server, or none any more.
    Gone,
    Other,
}

impl fmt::Display for CtlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CtlError {}

impl CtlError {
    pub(super) fn because(text: impl Into<String>) -> CtlError {
        CtlError {
            text: text.into(),
            kind: Kind::Other,
        }
    }

    fn gone(text: String) -> CtlError {
        CtlError {
            text,
            kind: Kind::Gone,
        }
    }

    /// Whether there is no server, or none any more.
    pub(super) fn is_gone(&self) -> bool {
        self.kind == Kind::Gone
    }

    /// The result cannot be written.
    pub(super) fn unwritten(error: io::Error) -> CtlError {
        CtlError {
            text: format!("cannot write the result: {error}"),
            kind: match error.kind() {
                io::ErrorKind::BrokenPipe => Kind::Unread,
                _ => Kind::Other,
            },
        }
    }
}

fn fail(text: impl Into<String>) -> CtlError {
    CtlError::because(text)
}

/// Carries out one command and writes its result to `out`: a status, events as they happen, what a
/// reload or an upgrade came to, and nothing for the others. Views that go on ([`CtlCommand::Top`],
/// [`CtlCommand::Watch`]) write one frame below the other; [`run_here`] has them in the terminal. A reader who has
/// had enough (EPIPE) is no failure.
///
/// ```
/// use ringgate::config::{ControlPath, Ctl, CtlCommand};
/// use ringgate::control::client::{self, CtlError};
///
/// /// The status of the server with this control socket, as JSON.
/// fn status(control: ControlPath) -> Result<Vec<u8>, CtlError> {
///     let mut text = Vec::new();
///     let command = CtlCommand::Status { json: true };
///     client::run(&Ctl { control, command }, &mut text)?;
///     Ok(text)
/// }
/// ```
///
/// # Errors
/// No server there, one that does not answer, or one that refuses.
pub fn run(ctl: &Ctl, out: &mut dyn Write) -> Result<(), CtlError> {
    carry_out(ctl, out, false)
}

/// The same as [`run`], with standard output for the result. If that and standard input are a terminal, views that
/// go on are shown in place, and `top` obeys keys; to find the terminal as it was at their end, the signals that end a
/// process are blocked meanwhile and read.
///
/// ```no_run
/// use ringgate::config::{ControlPath, Ctl, CtlCommand};
/// use ringgate::control::client;
/// use std::time::Duration;
///
/// let command = CtlCommand::Top { once: false, interval: Duration::from_secs(1) };
/// client::run_here(&Ctl { control: ControlPath::Auto, command })?;
/// # Ok::<(), client::CtlError>(())
/// ```
///
/// # Errors
/// The errors of [`run`], and a terminal that cannot be used.
pub fn run_here(ctl: &Ctl) -> Result<(), CtlError> {
    let on_screen = io::stdin().is_terminal() && io::stdout().is_terminal();
    carry_out(ctl, &mut io::stdout(), on_screen)
}

fn carry_out(ctl: &Ctl, out: &mut dyn Write, on_screen: bool) -> Result<(), CtlError> {
    match perform(ctl, out, on_screen) {
        Err(error) if error.kind == Kind::Unread => Ok(()),
        result => result,
    }
}

/// A server to be asked again and again, each time anew: after an upgrade another process answers.
pub(super) struct Query {
    place: [PathBuf; 1],
}

impl Query {
    /// Asks at the place where a server is now, and never at another one: a view that goes on does not go over to
    /// another server.
    fn new(places: &[PathBuf]) -> Result<Query, CtlError> {
        let place = match places {
            [only] => only,
            several => connect(several)?.1,
        };
        Ok(Query {
            place: [place.to_owned()],
        })
    }

    /// The line with the status.
    pub(super) fn status_line(&self) -> Result<String, CtlError> {
        Answers::ask(&self.place, &Request::Status)?.line()
    }

    pub(super) fn status(&self) -> Result<serde_json::Value, CtlError> {
        self.parsed(&self.status_line()?)
    }

    pub(super) fn parsed(&self, line: &str) -> Result<serde_json::Value, CtlError> {
        let name = named(&self.place);
        let outcome: Outcome = parsed(&name, line)?;
        match outcome.error {
            Some(error) => Err(fail(error)),
            None => parsed(&name, line),
        }
    }

    /// Gives an order that is answered with nothing but whether it was obeyed.
    pub(super) fn order(&self, request: &Request) -> Result<(), CtlError> {
        let mut server = Answers::ask(&self.place, request)?;
        let line = server.line()?;
        let outcome: Outcome = parsed(&server.name, &line)?;
        outcome.error.map_or(Ok(()), |error| Err(fail(error)))
    }
}

fn perform(ctl: &Ctl, out: &mut dyn Write, on_screen: bool) -> Result<(), CtlError> {
    let places = places(ctl)?;
    let (request, json) = match &ctl.command {
        CtlCommand::Status { json } | CtlCommand::Cores { json } => (Request::Status, *json),
        CtlCommand::Watch { json, interval } => {
            return live::watch(&Query::new(&places)?, *json, *interval, on_screen, out);
        }
        CtlCommand::Top { once, interval } => {
            return live::top(&Query::new(&places)?, *once, *interval, on_screen, out);
        }
        CtlCommand::Events { json } => (Request::Events, *json),
        CtlCommand::Resize { size, wait } => {
            let (size, wait) = (*size, *wait);
            (Request::Resize { size, wait }, false)
        }
        CtlCommand::Core { core, order } => {
            let (core, order) = (*core, *order);
            (Request::Core { core, order }, false)
        }
        CtlCommand::Limits(change) => (Request::Limits(*change), false),
        CtlCommand::Reload => (Request::Reload, false),
        CtlCommand::Upgrade { binary } => (Request::Upgrade(absolute(binary.as_deref())?), false),
        CtlCommand::Drain => (Request::Drain, false),
        CtlCommand::Stop => (Request::Stop, false),
    };
    tell(ctl, &places, &request, json, out)
}

/// Asks once, and writes what is answered.
fn tell(
    ctl: &Ctl,
    places: &[PathBuf],
    request: &Request,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CtlError> {
    let mut server = Answers::ask(places, request)?;
    let answer = server.line()?;
    let outcome: Outcome = parsed(&server.name, &answer)?;
    if let Some(error) = outcome.error {
        return Err(fail(error));
    }
    let mut say = |text: &str| {
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(CtlError::unwritten)
    };
    match request {
        Request::Status if matches!(ctl.command, CtlCommand::Cores { .. }) => {
            let status: serde_json::Value = parsed(&server.name, &answer)?;
            match json {
                true => say(&format!("{}\n", status["cores"])),
                false => say(&text::cores(&status)),
            }
        }
        Request::Status if json => say(&answer),
        Request::Status => say(&text::status(&parsed(&server.name, &answer)?)),
        Request::Events => loop {
            let line = match server.next()? {
                Some(line) if json => line,
                Some(line) => text::event(&parsed(&server.name, &line)?),
                None => return Ok(()),
            };
            say(&line)?;
        },
        Request::Upgrade(_) => match outcome.pid {
            Some(pid) if outcome.staying > 0 => say(&format!(
                "pid {pid} serves; it has no descriptors for {} connections, which stay with the older \
                 process until they end: raise the limit of open files (LimitNOFILE= in the unit)\n",
                outcome.staying
            )),
            Some(pid) => say(&format!("pid {pid} serves\n")),
            None => Ok(()),
        },
        Request::Core { .. } => say(&outcome.text),
        Request::Resize { .. }
        | Request::Limits(_)
        | Request::Reload
        | Request::Drain
        | Request::Stop => Ok(()),
    }
}

/// The server may have another working directory.
fn absolute(path: Option<&Path>) -> Result<Option<PathBuf>, CtlError> {
    path.map(std::path::absolute)
        .transpose()
        .map_err(|error| fail(format!("cannot tell what --binary means: {error}")))
}

/// The places to look for the server at, in turn.
fn places(ctl: &Ctl) -> Result<Vec<PathBuf>, CtlError> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
    let places = ctl.control.places(runtime_dir.as_deref(), user_id());
    match places.is_empty() {
        true => Err(fail("there is no control socket: control is none")),
        false => Ok(places),
    }
}

/// The places as text.
fn named(places: &[PathBuf]) -> String {
    let names: Vec<_> = places
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(" or ")
}

fn parsed<T: serde::de::DeserializeOwned>(name: &str, answer: &str) -> Result<T, CtlError> {
    serde_json::from_str(answer).map_err(|error| {
        fail(format!(
            "what answers at {name} is no ringgate of this version: {error}"
        ))
    })
}

/// Connects to the first place where a server is that this user may speak to. If there is none, a server that
/// this user may not speak to is told of rather than that there is none.
fn connect(places: &[PathBuf]) -> Result<(UnixStream, &Path), CtlError> {
    let mut refused = None;
    for path in places {
        match connect_to(path) {
            Ok(stream) => return Ok((stream, path)),
            Err(error) if error.is_gone() => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let name = named(places);
        CtlError::gone(format!(
            "no server at {name}; start one, or name its socket with --control (it prints the path at start)"
        ))
    }))
}

fn connect_to(path: &Path) -> Result<UnixStream, CtlError> {
    let name = path.display().to_string();
    let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            CtlError::gone(format!("no server at {name}"))
        }
        io::ErrorKind::PermissionDenied => fail(format!(
            "{name} belongs to another user; become that user or root"
        )),
        _ => fail(format!("cannot connect to {name}: {error}")),
    })?;
    let peer = peer_credentials(stream.as_fd())
        .map_err(|error| fail(format!("cannot tell who answers at {name}: {error}")))?;
    if ![user_id(), ROOT].contains(&peer.uid) && user_id() != ROOT {
        return Err(fail(format!(
            "{name} belongs to user {}, who is neither this user nor root",
            peer.uid
        )));
    }
    Ok(stream)
}

/// One line of command was sent; lines of answer come.
struct Answers {
    reader: BufReader<UnixStream>,
    name: String,
}

impl Answers {
    fn ask(places: &[PathBuf], request: &Request) -> Result<Answers, CtlError> {
        let (stream, place) = connect(places)?;
        let name = place.display().to_string();
        let unbounded = match request {
            Request::Resize { wait, .. } => *wait,
            Request::Events | Request::Upgrade(_) => true,
            Request::Core { .. } | Request::Limits(_) => false,
            Request::Status | Request::Reload | Request::Drain | Request::Stop => false,
        };
        stream
            .set_read_timeout((!unbounded).then_some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(|error| broken(&name, error))?;
        match (&stream).write_all(format!("{request}\n").as_bytes()) {
            // It may have closed without hearing the command, and said why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(broken(&name, error));
            }
            Ok(()) | Err(_) => {}
        }
        let reader = BufReader::new(stream);
        Ok(Answers { reader, name })
    }

    /// The next line with its line feed; None if the server ended.
    fn next(&mut self) -> Result<Option<String>, CtlError> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(_) if line.ends_with('\n') => Ok(Some(line)),
            Ok(_) => Ok(None),
            Err(error) => Err(broken(&self.name, error)),
        }
    }

    fn line(&mut self) -> Result<String, CtlError> {
        let line = self.next()?;
        line.ok_or_else(|| {
            let name = &self.name;
            CtlError::gone(format!(
                "the server at {name} closed the connection without an answer: it has ended, or too many speak to it at once"
            ))
        })
    }
}

fn broken(name: &str, error: io::Error) -> CtlError {
    match error.kind() {
        io::ErrorKind::WouldBlock => fail(format!(
            "the server at {name} has not answered for {} s; look at its log",
            PATIENCE.as_secs()
        )),
        _ => CtlError::gone(format!("the server at {name} went away: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_first_place_where_a_server_is_is_taken_and_all_are_named_if_there_is_none() {
        let name = format!("ringgate-client-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let places = ["missing", "stale", "live", "too"].map(|name| directory.join(name));
        drop(UnixListener::bind(&places[1]).unwrap());
        let none = connect(&places).unwrap_err();
        let mut named = places.iter().map(|path| path.display().to_string());
        let has_all = named.all(|path| none.text.contains(&path));
        assert!(none.is_gone() && has_all, "{none}");
        let _live = [&places[2], &places[3]].map(|path| UnixListener::bind(path).unwrap());
        assert_eq!(connect(&places).unwrap().1, places[2]);
        // A path that cannot be is told of, if nobody is elsewhere.
        let odd = directory.join("x".repeat(200));
        let places = [odd, places[0].clone()];
        let refused = connect(&places).unwrap_err();
        assert!(!refused.is_gone(), "{refused}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
