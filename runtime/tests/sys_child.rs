//! A child that inherits a socket, against the real kernel.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::time::Duration;

use ringgate_runtime::sys::child::{
    Reaped, inherited_message_socket, message_pair, reap, spawn_with,
};
use ringgate_runtime::sys::scm::recv_with_fds;
use ringgate_runtime::sys::socket::poll_readable;

fn shell(script: &str) -> [OsString; 2] {
    ["-c".into(), script.into()]
}

#[test]
fn a_child_talks_over_the_end_it_inherits() {
    let (ours, theirs) = message_pair().unwrap();
    let (other, kept) = message_pair().unwrap();
    let number = OsString::from(theirs.as_raw_fd().to_string());
    // Says whether the other pair is open there too, into the socket.
    let script = format!(
        "[ -e /proc/self/fd/{} ] && echo leaked >&$NUMBER || echo alone >&$NUMBER",
        kept.as_raw_fd()
    );
    let child = spawn_with(
        Path::new("/bin/bash"),
        &shell(&script),
        ("NUMBER", &number),
        &[theirs.as_fd()],
    );
    let mut child = child.unwrap();
    drop((theirs, other));
    assert!(poll_readable(ours.as_fd(), Some(Duration::from_secs(20))).unwrap());
    let mut said = [0; 64];
    let got = recv_with_fds(ours.as_fd(), &mut said, 1).unwrap();
    let (count, fds) = (got.bytes, got.fds);
    assert_eq!((&said[..count], fds.len()), (&b"alone\n"[..], 0));
    assert!(child.wait().unwrap().success());
    // Not at once: a child that another test has forked meanwhile holds a copy
    // of every socket of this process until it executes its own program.
    assert!(poll_readable(ours.as_fd(), Some(Duration::from_secs(20))).unwrap());
    let end = recv_with_fds(ours.as_fd(), &mut said, 1).unwrap().bytes;
    assert_eq!(end, 0, "the child's end is closed with it");
}

#[test]
fn a_program_that_is_not_there_is_an_error_and_no_child() {
    let variable = ("NUMBER", "1".as_ref());
    let error = spawn_with(Path::new("/nonexistent/program"), &[], variable, &[]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_number_that_is_no_message_socket_is_not_taken_over() {
    let file = File::open("/dev/null").unwrap();
    for number in [-1, 0, 2, file.as_raw_fd(), 1_000_000] {
        assert!(inherited_message_socket(number).unwrap().is_none());
    }
    let (ours, _theirs) = message_pair().unwrap();
    let number = std::os::fd::IntoRawFd::into_raw_fd(ours);
    let taken = inherited_message_socket(number).unwrap();
    assert_eq!(taken.as_ref().map(AsRawFd::as_raw_fd), Some(number));
    assert!(inherited_message_socket(number).unwrap().is_none(), "once");
}

/// Collects the children of the whole process, so it runs in one of its own.
#[test]
#[expect(clippy::zombie_processes, reason = "collecting it is what is shown")]
fn children_are_collected_once() {
    const INNER: &str = "RINGGATE_TEST_REAP";
    if std::env::var_os(INNER).is_none() {
        let this = std::env::current_exe().unwrap();
        let mut inner = std::process::Command::new(this);
        let inner = inner
            .args(["--exact", "children_are_collected_once"])
            .env(INNER, "1");
        let inner = inner.output().unwrap();
        assert!(inner.status.success(), "{inner:?}");
        return;
    }
    assert_eq!(reap().unwrap(), Reaped::NoChildren);
    let variable = ("NUMBER", "1".as_ref());
    let shell_path = Path::new("/bin/sh");
    let child = spawn_with(shell_path, &shell("exit 7"), variable, &[]).unwrap();
    let pid = child.id();
    let reaped = loop {
        match reap().unwrap() {
            Reaped::NoneYet => std::thread::yield_now(),
            other => break other,
        }
    };
    let exit_code = 7;
    assert_eq!(reaped, Reaped::Child { pid, exit_code });
    assert_eq!(reap().unwrap(), Reaped::NoChildren);
}
