//! Panics as log lines: what is told at once by the thread that panics, and what is left to a thread of the log.
//!
//! [`panics_to_log`] is called once by the program. The thread that panics writes one line and, if
//! `RUST_BACKTRACE` asks for it, walks its stack. The names of the frames stand in the program's debug
//! information; reading it takes half a second and more, so a thread of its own does it
//! (`writer.rs`), and no line waits. The catcher of a panic decides what becomes of it.

use std::fmt::Write;
use std::panic;
use std::sync::Arc;
use std::time::SystemTime;

use ringgate_runtime::sys::stack::Stack;

use super::LogHandle;

/// A panic whose frames have no names yet.
pub(super) struct Panicked {
    pub(super) at: SystemTime,
    pub(super) thread: String,
    pub(super) place: String,
    pub(super) stack: Stack,
}

/// Makes panics a log line (`error`, with message, place and thread) instead of a direct write to
/// stderr, where a core would wait for a stalled reader.
///
/// With `RUST_BACKTRACE` set to anything but `0` a second line follows, with the frames in its field
/// `backtrace`. A thread of the log, `rg-names`, finds their names; the one that panicked goes on.
///
/// Call it after [`init`](super::init): with no subscriber a panic would go unseen. Code that ends the
/// process after a panic calls [`LogHandle::flush`] first.
///
/// ```
/// use ringgate::observe::log::{self, LogOptions};
///
/// let log = log::init(LogOptions::default())?;
/// log::panics_to_log(&log);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn panics_to_log(log: &LogHandle) {
    let wants_backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    let front = Arc::clone(&log.front);
    panic::set_hook(Box::new(move |info| {
        let message = info
            .payload_as_str()
            .unwrap_or("(a payload that is not text)");
        let at = info.location().map(tracing::field::display);
        let thread = std::thread::current();
        let on = thread.name().unwrap_or("unnamed");
        tracing::error!(panic = message, at, on, "a thread panicked");
        if wants_backtrace && tracing::enabled!(tracing::Level::ERROR) {
            front.offer_panic(Panicked {
                at: SystemTime::now(),
                thread: on.to_owned(),
                place: info.location().map(ToString::to_string).unwrap_or_default(),
                stack: Stack::here(),
            });
        }
    }));
}

/// The frames from the one that panicked outwards, in one line. Frames of the machinery that panics
/// and catches are left out.
pub(super) fn frames(stack: &Stack) -> String {
    let named = stack.to_string();
    let frames: Vec<&str> = named.lines().map(name_of).collect();
    let is_panicking = |frame: &&str| PANICKING.iter().any(|part| frame.contains(part));
    let first = frames.iter().rposition(is_panicking);
    let mut line = String::new();
    for frame in &frames[first.map_or(0, |at| at + 1)..] {
        if frame.contains(THREAD_START) {
            break;
        }
        if MACHINERY.iter().any(|part| frame.contains(part)) {
            continue;
        }
        let between = if line.is_empty() { "" } else { " < " };
        let _ = write!(line, "{between}{frame}");
    }
    line
}

/// Between the one that panics and the hook.
const PANICKING: [&str; 3] = ["rust_begin_unwind", "core::panicking::", "panic_fmt"];
/// Calls of a closure and catching of a panic: every task goes through them, and they say nothing.
const MACHINERY: [&str; 6] = [
    "std::panicking::",
    "std::panic::catch_unwind",
    "ringgate_runtime::task::join::catch_panic",
    "core::panic::unwind_safe::",
    "core::ops::function::",
    "__rust_try",
];

/// Where the standard library begins a thread.
const THREAD_START: &str = "__rust_begin_short_backtrace";

/// A frame without its number.
fn name_of(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(_, name)| name)
}
