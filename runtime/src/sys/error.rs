//! The name of a failed system call.
//!
//! Decides the text of an error (call, object, meaning, cure) and keeps its number; every file of
//! `sys` builds its errors here. Deliberately does not decide what a caller does about one.

use std::{fmt, io};

/// A failed system call: which one, on what, why, and the cure if there is a known one.
///
/// Travels inside an [`io::Error`] of the matching kind; [`errno`] finds it there.
#[derive(Debug)]
pub struct CallError {
    call: &'static str,
    object: String,
    errno: i32,
    cure: &'static str,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.call)?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        write!(f, ": {}", io::Error::from_raw_os_error(self.errno))?;
        if !self.cure.is_empty() {
            write!(f, "; {}", self.cure)?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

/// The error number inside `error`, whether it comes from `sys` or straight from the kernel.
pub fn errno(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<CallError>())
            .map(|call| call.errno)
    })
}

/// The error of a call that has just failed on this thread (`errno` is read here).
pub(super) fn last(call: &'static str, object: impl Into<String>) -> io::Error {
    named(io::Error::last_os_error(), call, object, "")
}

/// `error` with the call, its object and a cure in front of the bare number.
pub(super) fn named(
    error: io::Error,
    call: &'static str,
    object: impl Into<String>,
    cure: &'static str,
) -> io::Error {
    match errno(&error) {
        Some(errno) => io::Error::new(
            error.kind(),
            CallError {
                call,
                object: object.into(),
                errno,
                cure,
            },
        ),
        None => error,
    }
}

/// `error` of a call that `sys` has named already, with its object and a cure.
pub(super) fn explained(
    error: io::Error,
    object: impl Into<String>,
    cure: &'static str,
) -> io::Error {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<CallError>())
    {
        Some(inner) => named(
            io::Error::from_raw_os_error(inner.errno),
            inner.call,
            object,
            cure,
        ),
        None => error,
    }
}

/// The result of a call that answers -1 on failure and sets `errno`.
pub(super) fn check(
    result: libc::c_int,
    call: &'static str,
    object: impl Into<String>,
) -> io::Result<libc::c_int> {
    if result == -1 {
        Err(last(call, object))
    } else {
        Ok(result)
    }
}

/// The result of a call of `rustix`, whose error has a number and nothing else.
pub(super) fn called<T>(
    result: rustix::io::Result<T>,
    call: &'static str,
    object: impl Into<String>,
) -> io::Result<T> {
    result.map_err(|errno| named(errno.into(), call, object, ""))
}

/// The text of a file under `/proc`, with the path in the error.
pub(super) fn proc_text(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path).map_err(|error| named(error, "read", path, ""))
}

/// The one number in a file under `/proc`.
pub(super) fn proc_number(path: &str) -> io::Result<u64> {
    let text = proc_text(path)?;
    text.trim().parse().map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{path}: expected a number, got {:?}", text.trim()),
        )
    })
}
