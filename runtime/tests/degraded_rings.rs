//! The runtime in each of its lesser modes: without each set-up flag, with single-shot operations,
//! spinning before it sleeps, and under a small limit on locked memory. From Linux 6.1.

mod common;

use common::{PATIENCE, Recorder, client, finish, options, size, turn_until};
use ringgate_runtime::driver::{RingFlag, RingFlags};
use ringgate_runtime::{Core, CoreOptions, SendBuffer};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

/// Accepts, receives and answers some connections in the given mode, arming again whatever ends
/// after one event.
fn serves(core: &Rc<Core>, mode: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    let mut recorder = Recorder::default();
    let mut accept = core.accept(&listener, 0);
    for round in 1..=size(5) {
        let mut theirs = client(address);
        turn_until(core, &mut recorder, mode, |r| r.accepted.len() == round);
        if recorder.ended.contains(&0) {
            recorder.ended.clear();
            accept = core.accept(&listener, 0);
        }
        let mut receive = core.receive(&recorder.accepted[round - 1], 1);
        for piece in 1..=3 {
            theirs.write_all(b"12345").expect("write");
            turn_until(core, &mut recorder, mode, |r| r.bytes.len() == 5 * piece);
            if recorder.has_ended(1) {
                recorder.ended.clear();
                receive = core.receive(&recorder.accepted[round - 1], 1);
            }
        }
        let bytes = SendBuffer::Vec(std::mem::take(&mut recorder.bytes));
        let all = 0..bytes.len();
        core.send(&recorder.accepted[round - 1], bytes, all, false, 2);
        turn_until(core, &mut recorder, mode, |r| r.has_ended(2));
        let mut echoed = [0; 15];
        theirs.read_exact(&mut echoed).expect("read");
        assert_eq!(&echoed, b"123451234512345", "{mode}");
        core.cancel(receive);
        turn_until(core, &mut recorder, mode, |r| r.has_ended(1));
        recorder.ended.clear();
    }
    core.cancel(accept);
    turn_until(core, &mut recorder, mode, |r| r.has_ended(0));
}

#[test]
fn a_ring_without_any_one_flag_serves() {
    for flag in RingFlag::ALL {
        let flags = RingFlags::all().without(flag);
        let core = Core::new(CoreOptions { flags, ..options() }).expect("a core");
        let has = core.ring_flags().expect("a kernel's ring");
        assert!(!has.has(flag), "{}", flag.name());
        serves(&core, flag.name());
        finish(core);
    }
}

#[test]
fn a_ring_without_all_flags_serves() {
    let flags = RingFlags::default();
    let core = Core::new(CoreOptions { flags, ..options() }).expect("a core");
    assert_eq!(core.ring_flags(), Some(flags));
    serves(&core, "no flag");
    finish(core);
}

#[test]
fn accepts_and_receives_one_by_one_serve() {
    for (multishot_accept, multishot_receive) in [(false, true), (true, false), (false, false)] {
        let core = Core::new(CoreOptions {
            multishot_accept,
            multishot_receive,
            ..options()
        })
        .expect("a core");
        let mode = format!("multishot accept {multishot_accept}, receive {multishot_receive}");
        serves(&core, &mode);
        finish(core);
    }
}

#[test]
fn a_core_without_no_iowait_serves() {
    let core = Core::new(CoreOptions {
        no_iowait: false,
        ..options()
    })
    .expect("a core");
    serves(&core, "no_iowait off");
    finish(core);
}

#[test]
fn a_core_that_spins_before_it_sleeps_serves_and_hears_others() {
    let core = Core::new(CoreOptions {
        spin: Duration::from_micros(200),
        ..options()
    })
    .expect("a core");
    serves(&core, "spin");
    let remote = core.remote();
    let ringer = std::thread::spawn(move || remote.notify());
    let mut recorder = Recorder::default();
    turn_until(&core, &mut recorder, "the bell", |r| r.notified == 1);
    ringer.join().expect("it rang");
    finish(core);
}

/// Exit code of the child whose ring was refused with one line.
const REFUSED: i32 = 42;

#[test]
fn a_small_memlock_limit_is_enough_or_the_refusal_names_the_cure() {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "a_core_under_the_limits_it_got", "--nocapture"]);
    // SAFETY: setrlimit(2) is async-signal-safe and reads one rlimit of the child's own stack.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit {
                rlim_cur: 4096,
                rlim_max: 4096,
            };
            match libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let output = command.output().expect("run");
    let text = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        Some(REFUSED) => {
            let refusals: Vec<_> = text.lines().filter(|l| l.contains("io_uring")).collect();
            assert_eq!(refusals.len(), 1, "one line: {text}");
            assert!(refusals[0].contains("cure:"), "{text}");
            assert!(refusals[0].to_lowercase().contains("memlock"), "{text}");
        }
        other => panic!("{other:?}: {text}"),
    }
}

#[test]
fn a_core_under_the_limits_it_got() {
    // The sizes a server has.
    match Core::new(CoreOptions::default()) {
        Ok(core) => {
            serves(&core, "small memlock limit");
            core.teardown(&mut (), PATIENCE).expect("all taken");
        }
        Err(why) => {
            eprintln!("{why}");
            std::process::exit(REFUSED);
        }
    }
}
