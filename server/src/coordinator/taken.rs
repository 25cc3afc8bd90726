//! Waits for an address that is still taken, for some seconds: what a process that has just died listened
//! on stays open until the kernel has cleared its rings, and whoever starts it again comes sooner.
//!
//! Called where listeners are made at the start, before there is a coordinator. The wait blocks its
//! thread. After that time the address belongs to another process, and the caller tells the error.

use crate::process::starting;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
};
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How long it is tried in all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls `listen` again and again while the address is taken, and returns what it does.
///
/// # Errors
/// Any other error at once; `AddrInUse` after [`PATIENCE`]; `Interrupted` when the start is told to end.
pub(crate) fn when_free<T>(
    address: &dyn Display,
    mut listen: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut waited = Duration::ZERO;
    for pause in pauses() {
        match listen() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            done => return done,
        }
        if waited.is_zero() {
            tracing::warn!(
                %address,
                "the address is taken; trying for {} s, since the kernel frees late what a process \
                 that has just died listened on",
                PATIENCE.as_secs()
            );
        }
        starting::pause(pause)?;
        waited += pause;
    }
    let done = listen();
    if done.is_ok() {
        tracing::info!(%address, waited_ms = waited.as_millis() as u64, "the address is free");
    }
    done
}

/// As [`when_free`], for a Unix socket at `path`: a live server keeps its path, and nothing is waited for then.
///
/// # Errors
/// As [`when_free`]; `AddrInUse` at once if the process that made the socket lives.
pub(crate) fn when_left<T>(
    address: &dyn Display,
    path: &Path,
    mut listen: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let listen = || match listen() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_of_the_living(path) => {
            Ok(Err(error))
        }
        made => made.map(Ok),
    };
    when_free(address, listen).flatten()
}

/// The pauses between the attempts.
fn pauses() -> impl Iterator<Item = Duration> {
    let longer = |pause: &Duration| Some((*pause * 2).min(PAUSE_MAX));
    let mut left = PATIENCE;
    std::iter::successors(Some(FIRST_PAUSE), longer).map_while(move |pause| {
        let pause = pause.min(left);
        left -= pause;
        (!pause.is_zero()).then_some(pause)
    })
}

/// Whether a Unix socket answers at `path` and was made by a process that lives. A socket that a dead
/// process made answers by its rings, or by a process that it handed over to.
pub(crate) fn is_of_the_living(path: &Path) -> bool {
    let maker = || -> io::Result<i32> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let caller = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&caller, &SocketAddrUnix::new(path)?)?;
        let credentials = sockopt::socket_peercred(&caller)?;
        Ok(credentials.pid.as_raw_nonzero().get())
    };
    maker().is_ok_and(|pid| !is_dead(pid))
}

fn is_dead(pid: i32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // After the name, which may hold anything: the state, of which Z and X are dead (proc(5)).
        Ok(stat) => stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X'])),
        Err(error) => error.kind() == io::ErrorKind::NotFound && Path::new("/proc/self").exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_address_is_tried_ever_more_rarely_for_five_seconds() {
        let pauses: Vec<u128> = pauses().map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses[..6], [20, 40, 80, 160, 320, 500]);
        assert!(pauses[6..].iter().all(|pause| *pause <= 500));
        assert_eq!(pauses.iter().sum::<u128>(), PATIENCE.as_millis());
    }

    #[test]
    fn an_address_that_comes_free_is_had_and_any_other_error_is_told_at_once() {
        let mut answers = vec![
            Ok(7),
            Err(io::ErrorKind::AddrInUse),
            Err(io::ErrorKind::AddrInUse),
        ];
        let mut next = || {
            answers
                .pop()
                .expect("asked too often")
                .map_err(io::Error::from)
        };
        assert_eq!(when_free(&"here", &mut next).expect("free"), 7);
        let denied = when_free::<()>(&"here", || Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(denied.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn this_process_lives_and_one_without_a_number_does_not() {
        assert!(!is_dead(std::process::id() as i32));
        // Beyond the most that the kernel gives (PID_MAX_LIMIT is 2^22).
        assert!(is_dead(1 << 23));
    }
}
