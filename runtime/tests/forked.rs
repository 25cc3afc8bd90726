//! A process that forks without executing a program: its child holds neither rings nor listeners, so
//! that they end with their process and swallow no connection.

mod common;

use common::{PATIENCE, options};
use ringgate_runtime::sys::child::{message_pair, spawn_with};
use ringgate_runtime::sys::fork::NotInChildren;
use ringgate_runtime::sys::scm::recv_with_fds;
use ringgate_runtime::sys::socket::poll_readable;
use ringgate_runtime::{Core, Event, Sink};
use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

const INNER: &str = "RINGGATE_TEST_FORKED";
const CLIENTS: usize = 20;

#[derive(Default)]
struct Counter {
    accepted: usize,
}

impl Sink for Counter {
    fn on_event(&mut self, core: &Rc<Core>, event: Event) {
        if let Event::Accepted {
            result: Ok(socket), ..
        } = event
        {
            self.accepted += 1;
            core.close(socket);
        }
    }
}

/// The process that serves, forks, and is killed.
fn serve_and_fork(numbers: &str) {
    let mut numbers = numbers.split(',').map(|n| n.parse().expect("a number"));
    let mut own = || {
        let number: RawFd = numbers.next().expect("two numbers");
        // SAFETY: the parent left both to this process, which takes each over once.
        unsafe { OwnedFd::from_raw_fd(number) }
    };
    let (listener, channel) = (own(), own());
    let _own = NotInChildren::new(listener.as_fd());
    let core = Core::new(options()).expect("a core");
    core.accept(&listener, 0);
    let mut counter = Counter::default();
    core.turn(&mut counter, Some(Duration::ZERO));
    // SAFETY: fork(2); the child of this threaded process makes only calls of signal-safety(7).
    if unsafe { libc::fork() } == 0 {
        // SAFETY: write(2) reads the number on this stack; the others take no pointer. The child ends
        // by itself if nobody ends it.
        unsafe {
            let own = libc::getpid().to_ne_bytes();
            libc::write(channel.as_raw_fd(), own.as_ptr().cast(), own.len());
            libc::alarm(60);
            libc::pause();
            libc::_exit(0);
        }
    }
    loop {
        core.turn(&mut counter, Some(Duration::from_secs(1)));
    }
}

#[test]
fn a_child_that_executes_nothing_keeps_no_ring_of_a_dead_process() {
    if let Some(numbers) = std::env::var_os(INNER) {
        return serve_and_fork(numbers.to_str().expect("numbers"));
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (ours, theirs) = message_pair().expect("a pair");
    let numbers = format!("{},{}", listener.as_raw_fd(), theirs.as_raw_fd());
    let name = "a_child_that_executes_nothing_keeps_no_ring_of_a_dead_process";
    let mut server = spawn_with(
        &std::env::current_exe().expect("this program"),
        &[OsString::from("--exact"), OsString::from(name)],
        (INNER, numbers.as_ref()),
        &[listener.as_fd(), theirs.as_fd()],
    )
    .expect("a process");
    drop(theirs);
    assert!(poll_readable(ours.as_fd(), Some(PATIENCE)).expect("poll"));
    let mut said = [0; 4];
    recv_with_fds(ours.as_fd(), &mut said, 0).expect("the child's number");
    let child = i32::from_ne_bytes(said);
    server.kill().expect("kill");
    server.wait().expect("wait");
    let link = |path: String| fs::read_link(path).expect("a link");
    let own = link(format!("/proc/self/fd/{}", listener.as_raw_fd()));
    for entry in fs::read_dir(format!("/proc/{child}/fd")).expect("the child is alive") {
        let kept = fs::read_link(entry.expect("an entry").path()).expect("a link");
        assert_ne!(kept, Path::new("anon_inode:[io_uring]"));
        assert_ne!(kept, own, "the listener");
    }
    let maps = fs::read_to_string(format!("/proc/{child}/maps")).expect("maps");
    assert!(!maps.contains("io_uring"), "{maps}");

    let core = Core::new(options()).expect("a core");
    core.accept(&listener, 0);
    let mut counter = Counter::default();
    let address = listener.local_addr().expect("bound");
    // The kernel clears the dead ring aside, so the first wake-ups may still be lost in it.
    let deadline = Instant::now() + PATIENCE;
    let mut in_a_row = 0;
    while in_a_row < CLIENTS {
        let before = counter.accepted;
        let client = TcpStream::connect(address).expect("connect");
        let soon = Instant::now() + Duration::from_millis(500);
        while counter.accepted == before && Instant::now() < soon {
            core.turn(&mut counter, Some(Duration::from_millis(10)));
        }
        in_a_row = match counter.accepted > before {
            true => in_a_row + 1,
            false => 0,
        };
        assert!(Instant::now() < deadline, "wake-ups are swallowed still");
        drop(client);
    }
    // SAFETY: kill(2) takes no pointer; the child is alive, or its number is not given again so soon.
    unsafe { libc::kill(child, libc::SIGKILL) };
    core.teardown(&mut counter, PATIENCE).expect("all taken");
}
