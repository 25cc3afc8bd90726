//! The terminal of a live view: keys one by one and without echo, a screen of its own, and all of it as before when
//! the view ends, by a signal too.
//!
//! Called by `mod.rs` where standard input and output are a terminal. `frame.rs` decides what is painted.

use super::super::client::CtlError;
use ringgate_runtime::sys::signals::{Signal, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use std::io::{self, Stdin, Stdout, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Enters the screen that leaves no trace, and hides the cursor (xterm's control sequences, ECMA-48).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Begins what follows a key without a letter, such as an arrow.
const ESCAPE: u8 = 0x1b;

/// Keys or a signal.
pub(super) enum Heard {
    Keys(Vec<u8>),
    /// A signal to end, or the terminal is gone.
    End,
}

/// A terminal in use; dropped, it is as it was before.
pub(super) struct Screen {
    input: Stdin,
    output: Stdout,
    before: Termios,
    signals: SignalFd,
}

impl Screen {
    /// The terminal of this process, or None if that is not asked for.
    pub(super) fn if_asked(asked: bool) -> Result<Option<Screen>, CtlError> {
        let open = || -> io::Result<Screen> {
            // They would end the process with the terminal as it is.
            let signals = SignalFd::new(&[Signal::Int, Signal::Term, Signal::Hup, Signal::Quit])?;
            let (input, mut output) = (io::stdin(), io::stdout());
            let before = tcgetattr(&input)?;
            let mut modes = before.clone();
            modes.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            // A read gives what is there, if that is nothing too (termios(3)).
            modes.special_codes[SpecialCodeIndex::VMIN] = 0;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(&input, OptionalActions::Now, &modes)?;
            let screen = Screen {
                input,
                before,
                signals,
                output: io::stdout(),
            };
            output.write_all(ENTER.as_bytes())?;
            output.flush()?;
            Ok(screen)
        };
        let opened = asked.then(open).transpose();
        opened.map_err(|error| CtlError::because(format!("cannot use the terminal: {error}")))
    }

    /// Columns and rows, as they are now.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(&self.output) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.into(), size.ws_row.into())
            }
            _ => (super::COLUMNS, 24),
        }
    }

    /// Waits for keys; None when the time has come.
    pub(super) fn hear(&self, until: Instant) -> Result<Option<Heard>, CtlError> {
        self.poll(until)
            .map_err(|error| CtlError::because(format!("cannot read the terminal: {error}")))
    }

    fn poll(&self, until: Instant) -> io::Result<Option<Heard>> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let mut on = [
                PollFd::new(&self.input, PollFlags::IN),
                PollFd::new(&self.signals, PollFlags::IN),
            ];
            let timeout = Timespec::try_from(left.max(Duration::from_millis(1)));
            match poll(&mut on, timeout.ok().as_ref()) {
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            let [keys, signals] = on.map(|on| !on.revents().is_empty());
            if signals && self.signals.read()?.is_some() {
                return Ok(Some(Heard::End));
            }
            if keys {
                let mut bytes = [0; 64];
                let count = read(self.input.as_fd(), &mut bytes)?;
                return Ok(Some(match count {
                    0 => Heard::End,
                    count => Heard::Keys(plain(&bytes[..count])),
                }));
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = self.output.write_all(LEAVE.as_bytes());
        let _ = self.output.flush();
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}

/// The keys with a letter. The bytes of arrows and the like are left out: ESC, `[` or `O`, digits and the like, and
/// a letter (ECMA-48 section 5.4).
fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut keys = Vec::new();
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != ESCAPE {
            keys.push(byte);
        } else if rest.next_if(|next| matches!(next, b'[' | b'O')).is_some() {
            while rest.next_if(|next| !matches!(next, 0x40..=0x7e)).is_some() {}
            rest.next();
        }
    }
    keys
}

/// The text that puts these lines on the screen in the place of the ones before, without a flicker: each line is
/// written over the old one, and what is left of it is erased.
pub(super) fn paint(lines: &[String]) -> String {
    let mut text = String::from("\x1b[H");
    for (row, line) in lines.iter().enumerate() {
        if row > 0 {
            text.push_str("\r\n");
        }
        text.push_str(line);
        text.push_str("\x1b[K");
    }
    text.push_str("\x1b[J");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_letter_are_left_out_and_those_around_them_are_heard() {
        let check = |bytes: &[u8], keys: &[u8]| assert_eq!(plain(bytes), keys, "{bytes:?}");
        check(b"sp", b"sp");
        check(b"s\x1b[Ap", b"sp");
        check(b"\x1b[3~d\x1bOPq\x1b", b"dq");
        check(b"\x1b[1;5C", b"");
    }
}
