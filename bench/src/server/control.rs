//! The control socket of a server that this program started: a folder of its own for it, and one command at a time.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

/// How long the server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The place of a control socket; dropping it removes the folder.
#[derive(Debug)]
pub(crate) struct Control {
    folder: PathBuf,
}

impl Control {
    /// Makes a folder with `name` in its own.
    ///
    /// # Errors
    /// Errors of the file system.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("ringgate-{name}-{}-{nth}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// The folder itself, for whatever else there is to keep.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the socket is to be.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// How the server is told of it.
    pub(crate) fn arguments(&self) -> [String; 2] {
        let socket = self.socket();
        ["--control".to_owned(), socket.display().to_string()]
    }

    /// The answer to one command.
    ///
    /// # Errors
    /// Nobody listens there, or the answer is no JSON.
    pub(crate) fn ask(&self, command: &str) -> io::Result<Value> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        writeln!(stream, "{command}")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    }

    /// The events from now on, a line each.
    ///
    /// # Errors
    /// Nobody listens there, or it does not tell of events.
    pub(crate) fn events(&self) -> io::Result<impl Iterator<Item = io::Result<Value>> + use<>> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        writeln!(stream, "events")?;
        let lines = BufReader::new(stream).lines();
        let mut events =
            lines.map(|line| serde_json::from_str::<Value>(&line?).map_err(io::Error::other));
        match events.next() {
            Some(Ok(first)) if first["ok"] == true => Ok(events),
            other => Err(io::Error::other(format!("no events: {other:?}"))),
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
