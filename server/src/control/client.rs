//! `ringgate ctl`: asks a running server through its control socket.
//!
//! Called by the program; plain blocking sockets, for it has nothing else to do. How a status looks
//! to people is in `text`.

use super::protocol::{Outcome, Request};
use super::text;
use crate::config::{Ctl, CtlCommand};
use ringgate_runtime::sys::process::user_id;
use ringgate_runtime::sys::socket::peer_credentials;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the server may take for an answer. A resize that is waited for has no such limit: the
/// requests on a core that leaves take the time they take.
const PATIENCE: Duration = Duration::from_secs(15);
const ROOT: u32 = 0;

/// Why a command was not carried out. Its [`fmt::Display`] is one line that names the cure.
#[derive(Debug)]
pub struct CtlError(String);

impl fmt::Display for CtlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CtlError {}

fn fail(text: impl Into<String>) -> CtlError {
    CtlError(text.into())
}

/// Carries out one command and writes its result to `out`: a status, and nothing for the others.
///
/// # Errors
/// No server there, one that does not answer, or one that refuses.
pub fn run(ctl: &Ctl, out: &mut dyn Write) -> Result<(), CtlError> {
    let path = path(ctl)?;
    let (request, json) = match ctl.command {
        CtlCommand::Status { json } => (Request::Status, json),
        CtlCommand::Resize { size, wait } => (Request::Resize { size, wait }, false),
        CtlCommand::Cores { json } => (Request::Status, json),
        CtlCommand::Core { core, order } => (Request::Core { core, order }, false),
        CtlCommand::Limits(change) => (Request::Limits(change), false),
        CtlCommand::Drain => (Request::Drain, false),
        CtlCommand::Stop => (Request::Stop, false),
    };
    let answer = ask(&path, request)?;
    let outcome: Outcome = parsed(&path, &answer)?;
    if let Some(error) = outcome.error {
        return Err(fail(error));
    }
    if request == Request::Status || !outcome.text.is_empty() {
        let text = match (&ctl.command, json) {
            (CtlCommand::Cores { .. }, true) => {
                let status: serde_json::Value = parsed(&path, &answer)?;
                format!("{}\n", status["cores"])
            }
            (CtlCommand::Cores { .. }, false) => text::cores(&parsed(&path, &answer)?),
            (CtlCommand::Core { .. }, _) => outcome.text,
            (_, true) => answer,
            (_, false) => text::status(&parsed(&path, &answer)?),
        };
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| fail(format!("cannot write the result: {error}")))?;
    }
    Ok(())
}

fn path(ctl: &Ctl) -> Result<PathBuf, CtlError> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
    let path = ctl.control.resolve(runtime_dir.as_deref(), user_id());
    path.ok_or_else(|| fail("there is no control socket: control is none"))
}

fn parsed<T: serde::de::DeserializeOwned>(path: &Path, answer: &str) -> Result<T, CtlError> {
    serde_json::from_str(answer).map_err(|error| {
        let path = path.display();
        fail(format!(
            "what answers at {path} is no ringgate of this version: {error}"
        ))
    })
}

/// One line of command, one line of answer, with its line feed.
fn ask(path: &Path, request: Request) -> Result<String, CtlError> {
    let name = path.display();
    let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => fail(format!(
            "no server at {name}; start one, or name its socket with --control (it prints the path at start)"
        )),
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
    let unbounded = matches!(request, Request::Resize { wait: true, .. });
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock => fail(format!(
            "the server at {name} has not answered for {} s; look at its log",
            PATIENCE.as_secs()
        )),
        _ => fail(format!("the server at {name} went away: {error}")),
    };
    stream
        .set_read_timeout((!unbounded).then_some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .map_err(broken)?;
    match (&stream).write_all(format!("{request}\n").as_bytes()) {
        // It may have closed without hearing the command, and said why.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(broken(error)),
        Ok(()) | Err(_) => {}
    }
    let mut answer = String::new();
    BufReader::new(&stream)
        .read_line(&mut answer)
        .map_err(broken)?;
    if answer.ends_with('\n') {
        Ok(answer)
    } else {
        Err(fail(format!(
            "the server at {name} ended before it answered"
        )))
    }
}
