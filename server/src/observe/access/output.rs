//! The output of the access log: a file or a pipe, the socket of syslog, the journal of systemd.
//!
//! Called by the thread that writes, which alone may wait. A regular file gets a batch in one write, and pipes get whole
//! lines in writes of at most `PIPE_BUF` bytes: both are taken as a whole (write(2), pipe(7)), so that lines of two
//! processes, as in an upgrade, do not mix.

use crate::config::AccessTarget;
use crate::observe::log::{is_torn, look_at_file, open_file};
use crate::process::privileges::Identity;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The option that names the file, for what is said of it.
const OPTION: &str = "access_log";
/// Bytes that a pipe takes as a whole (pipe(7)).
const PIPE_BUF: usize = 4096;
/// How long to wait before a full output is tried again.
const RETRY: Duration = Duration::from_millis(5);
/// Where journald takes lines in its own protocol (systemd's "Native Journal Protocol").
const JOURNAL: &str = "/run/systemd/journal/socket";
/// Facility `local7`, severity `info` (RFC 3164 section 4.1.1), as nginx has them.
const PRIORITY: &str = "<190>";

/// Writing stopped, with so many lines written.
pub(super) struct Stopped {
    pub(super) written: u64,
    pub(super) error: io::Error,
}

/// Where lines go.
pub(super) enum Output {
    Stream(Stream),
    Socket(Socket),
}

impl Output {
    /// Opens it; None where there is no access log. `identity` is whom this process is to become.
    ///
    /// # Errors
    /// One line with the cure.
    pub(super) fn open(
        target: &AccessTarget,
        identity: Option<&Identity>,
    ) -> io::Result<Option<Output>> {
        Ok(Some(match target {
            AccessTarget::Off => return Ok(None),
            AccessTarget::Stderr => {
                let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
                Output::Stream(Stream::new(stderr, None)?)
            }
            AccessTarget::File(path) => {
                let file = open(path, identity)?;
                Output::Stream(Stream::new(file, Some(path.clone()))?)
            }
            AccessTarget::Syslog(path) => {
                let before = format!("{PRIORITY}{}[{}]: ", program(), std::process::id());
                Output::Socket(Socket::connect(path.clone(), before, "")?)
            }
            AccessTarget::Journald => {
                let before = format!("PRIORITY=6\nSYSLOG_IDENTIFIER={}\nMESSAGE=", program());
                // A field without its newline is dropped by journald (systemd 252), and the entry kept without it.
                Output::Socket(Socket::connect(JOURNAL.into(), before, "\n")?)
            }
        }))
    }

    /// Whether [`Output::open`] would open it, found without making a file.
    ///
    /// # Errors
    /// One line with the cure.
    pub(super) fn look(target: &AccessTarget, identity: Option<&Identity>) -> io::Result<()> {
        match target {
            AccessTarget::File(path) if !is_pipe_at(path) => look_at_file(path, identity, OPTION),
            other => Output::open(other, identity).map(drop),
        }
    }

    /// Writes whole lines, and waits for room unless `gives_up`.
    pub(super) fn write(
        &mut self,
        lines: &[u8],
        gives_up: &dyn Fn() -> bool,
    ) -> Result<(), Stopped> {
        match self {
            Output::Stream(stream) => stream.write(lines, gives_up),
            Output::Socket(socket) => socket.write(lines, gives_up),
        }
    }

    /// Whether it is one that is opened again. Lines of it that are written are the first ones.
    pub(super) fn reopens(&self) -> bool {
        matches!(self, Output::Stream(Stream { path: Some(_), .. }))
    }

    /// Opens a file again under its name, for whoever renamed it.
    ///
    /// # Errors
    /// The file cannot be opened, and the old one stays.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Output::Stream(stream) = self
            && let Some(path) = stream.path.take()
        {
            match open(&path, None).and_then(|file| Stream::new(file, Some(path.clone()))) {
                Ok(mut again) => {
                    again.is_torn |= stream.is_torn && is_same(&stream.out, &again.out);
                    *stream = again;
                }
                Err(error) => {
                    stream.path = Some(path);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// The name of this program, for those who sort lines by it.
fn program() -> String {
    let path = std::env::args_os().next().map(PathBuf::from);
    let name = path.as_deref().and_then(Path::file_name);
    let name = name.map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "ringgate".to_owned());
    name.replace(|c: char| !c.is_ascii_graphic() || c == '[' || c == ':', "_")
}

/// A file, or a pipe that has a name. The pipe is opened for both directions, so that it may be there before its reader
/// and no end of a reader ends it (fifo(7)).
fn open(path: &Path, identity: Option<&Identity>) -> io::Result<File> {
    if !is_pipe_at(path) {
        return open_file(path, identity, OPTION);
    }
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(flags.bits().cast_signed());
    let opened = match identity {
        None => options.open(path),
        Some(identity) => identity.with_its_rights(|| options.open(path))?,
    };
    let named = |error: io::Error| {
        let text = format!("cannot open the pipe {}: {error}", path.display());
        io::Error::new(error.kind(), text)
    };
    let file = opened.map_err(named)?;
    match file.metadata()?.file_type().is_fifo() {
        true => Ok(file),
        false => Err(named(io::Error::other("it was replaced meanwhile"))),
    }
}

fn is_pipe_at(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// Whether both are one file, or one pipe.
fn is_same(one: &File, other: &File) -> bool {
    let name = |file: &File| file.metadata().map(|about| (about.dev(), about.ino())).ok();
    name(one).is_some_and(|one| name(other) == Some(one))
}

/// A file or a pipe.
pub(super) struct Stream {
    out: File,
    /// The path that is opened again.
    path: Option<PathBuf>,
    is_regular: bool,
    /// A write failed in the middle of a line, in this process or before it: the next one must not continue it.
    is_torn: bool,
}

impl Stream {
    fn new(out: File, path: Option<PathBuf>) -> io::Result<Stream> {
        let is_regular = out.metadata()?.is_file();
        Ok(Stream {
            out,
            is_torn: is_regular && path.as_deref().is_some_and(is_torn),
            path,
            is_regular,
        })
    }

    fn write(&mut self, lines: &[u8], gives_up: &dyn Fn() -> bool) -> Result<(), Stopped> {
        let mut done = 0;
        while done < lines.len() {
            let piece = match self.is_regular {
                true => &lines[done..],
                false => front(&lines[done..]),
            };
            let (count, ended) = self.piece(piece, gives_up);
            if let Err(error) = ended {
                let out = &lines[..done + count];
                let written = out.iter().filter(|byte| **byte == b'\n').count() as u64;
                self.is_torn |= count > 0 && out.last() != Some(&b'\n');
                return Err(Stopped { written, error });
            }
            done += count;
        }
        Ok(())
    }

    /// Writes a piece, and says how much of it is out.
    fn piece(&mut self, piece: &[u8], gives_up: &dyn Fn() -> bool) -> (usize, io::Result<()>) {
        if self.is_torn {
            let (count, ended) = self.all(b"\n", gives_up);
            if count == 0 {
                return (0, ended);
            }
            self.is_torn = false;
        }
        self.all(piece, gives_up)
    }

    fn all(&mut self, bytes: &[u8], gives_up: &dyn Fn() -> bool) -> (usize, io::Result<()>) {
        let mut done = 0;
        while done < bytes.len() {
            match self.out.write(&bytes[done..]) {
                Ok(0) => return (done, Err(ErrorKind::WriteZero.into())),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !gives_up() => {
                    std::thread::sleep(RETRY);
                }
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }
}

/// As many whole lines as a pipe takes as a whole, and one at least.
fn front(lines: &[u8]) -> &[u8] {
    let within = &lines[..lines.len().min(PIPE_BUF)];
    let end = within.iter().rposition(|byte| *byte == b'\n');
    let end = end.or_else(|| lines.iter().position(|byte| *byte == b'\n'));
    &lines[..end.map_or(lines.len(), |end| end + 1)]
}

/// A socket that takes a line as a datagram.
pub(super) struct Socket {
    socket: UnixDatagram,
    path: PathBuf,
    /// Stands before each line.
    before: String,
    /// Stands behind each line.
    after: &'static str,
    datagram: Vec<u8>,
}

impl Socket {
    fn connect(path: PathBuf, before: String, after: &'static str) -> io::Result<Socket> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(RETRY))?;
        socket.connect(&path).map_err(|error| {
            let place = path.display();
            let text = format!(
                "cannot reach the socket {place} of {OPTION}: {error}; start the daemon that listens there, or \
                 give {OPTION} another value"
            );
            io::Error::new(error.kind(), text)
        })?;
        Ok(Socket {
            socket,
            path,
            before,
            after,
            datagram: Vec::new(),
        })
    }

    fn write(&mut self, lines: &[u8], gives_up: &dyn Fn() -> bool) -> Result<(), Stopped> {
        let mut written = 0;
        let mut first_error = None;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            self.datagram.clear();
            self.datagram.extend_from_slice(self.before.as_bytes());
            self.datagram.extend_from_slice(line);
            self.datagram.extend_from_slice(self.after.as_bytes());
            // One that is too long says nothing of the next.
            match self.send(gives_up) {
                Ok(()) => written += 1,
                Err(error) => drop(first_error.get_or_insert(error)),
            }
        }
        match first_error {
            None => Ok(()),
            Some(error) => Err(Stopped { written, error }),
        }
    }

    fn send(&mut self, gives_up: &dyn Fn() -> bool) -> io::Result<()> {
        let mut may_reconnect = true;
        loop {
            let error = match self.socket.send(&self.datagram) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock if !gives_up() => {}
                // The daemon was started anew, at the same path.
                ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::NotConnected
                | ErrorKind::BrokenPipe
                    if may_reconnect =>
                {
                    may_reconnect = false;
                    self.socket.connect(&self.path)?;
                }
                _ => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gets_whole_lines_in_pieces_that_it_takes_as_a_whole() {
        let short = b"0123456789\n".repeat(1000);
        let mut rest = &short[..];
        while !rest.is_empty() {
            let piece = front(rest);
            assert!(piece.len() <= PIPE_BUF && piece.ends_with(b"\n"));
            rest = &rest[piece.len()..];
        }
        let mut long = vec![b'x'; 2 * PIPE_BUF];
        long.extend_from_slice(b"\nnext\n");
        assert_eq!(front(&long).len(), 2 * PIPE_BUF + 1);
    }
}
