//! The probe against the real kernel, and against seccomp filters that forbid it io_uring.

mod common;

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::PATIENCE;
use ringgate_runtime::probe::{Cause, Feature, Need, Report, probe, probe_for_start};

/// Runs the probe on a thread under a seccomp filter that answers `errno` to system call `forbidden`
/// and allows everything else. The filter ends with the thread.
fn probe_where(forbidden: libc::c_long, errno: i32) -> Report {
    std::thread::spawn(move || {
        forbid(forbidden, errno);
        probe()
    })
    .join()
    .unwrap()
}

fn forbid(forbidden: libc::c_long, errno: i32) {
    let statement = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let answer = libc::SECCOMP_RET_ERRNO | errno as u32;
    let mut program = [
        // The number of the call is the first word of seccomp_data.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            forbidden as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, answer),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: prctl(2) PR_SET_NO_NEW_PRIVS takes numbers; PR_SET_SECCOMP reads the program, which
    // lives until after the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter),
            0
        );
    }
}

#[test]
fn every_feature_of_this_kernel_is_found() {
    let report = probe();
    let missing: Vec<_> = report
        .missing()
        .map(|finding| {
            (
                finding.feature.facts().name,
                finding.failure.clone().unwrap().to_string(),
            )
        })
        .collect();
    assert_eq!(report.findings.len(), Feature::ALL.len());
    assert_eq!(report.unavailable, None, "{missing:?}");
    // What is optional may be missing on an older kernel; each must then say what was answered.
    for (name, answer) in missing {
        println!("{name}: {answer}");
        assert!(answer.contains(": "));
    }
}

#[test]
fn the_probe_takes_no_time_that_anybody_would_notice() {
    let begun = Instant::now();
    probe();
    // A trial that waited for something that never comes takes ten seconds. On an emulated machine all of them
    // together have taken five.
    assert!(begun.elapsed().as_secs() < 9, "{:?}", begun.elapsed());
}

#[test]
fn the_probe_leaves_no_descriptor_behind() {
    // In a process of its own: other tests open descriptors meanwhile.
    const NAME: &str = "the_probe_leaves_no_descriptor_behind";
    const CHILD: &str = "RINGGATE_TEST_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("counted"), "{said}");
        return;
    }
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    probe();
    assert_eq!(open(), before);
    println!("counted");
}

#[test]
fn a_start_tries_what_is_required_and_the_pin() {
    let report = probe_for_start(&[Feature::MultishotRecv]);
    assert_eq!(report.unavailable, None);
    let tried = |feature| report.findings.iter().any(|one| one.feature == feature);
    for feature in Feature::ALL {
        let decides = feature.facts().need == Need::Required || feature == Feature::Pin;
        let expected = decides && feature != Feature::MultishotRecv;
        assert_eq!(tried(feature), expected, "{feature:?}");
    }
}

#[test]
fn a_forbidden_pin_is_missing_and_nothing_else_is() {
    let report = probe_where(libc::SYS_sched_setaffinity, libc::EPERM);
    assert_eq!(report.unavailable, None);
    assert!(!report.has(Feature::Pin) && report.has(Feature::Enter));
    let free = probe();
    let missing = |report: &Report| report.missing().count();
    assert_eq!(missing(&report), missing(&free) + 1);
}

#[test]
fn a_seccomp_profile_is_named_with_its_cure() {
    for forbidden in [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter] {
        let report = probe_where(forbidden, libc::EPERM);
        let refusal = report.unavailable.expect("forbidden");
        assert_eq!(refusal.cause, Cause::Seccomp, "{refusal}");
        let text = refusal.to_string();
        assert!(
            text.contains("a seccomp profile forbids it to this process"),
            "{text}"
        );
        assert!(
            text.contains("cure: allow io_uring_setup, io_uring_enter"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
        assert!(report.findings.iter().all(|finding| !finding.present()));
    }
}

#[test]
fn a_seccomp_profile_that_forbids_only_buffer_rings_is_not_an_old_kernel() {
    let report = probe_where(libc::SYS_io_uring_register, libc::EPERM);
    assert!(
        report.has(Feature::MultishotAccept),
        "what needs no registering works"
    );
    assert!(!report.has(Feature::BufferRing));
    let refusal = report.unavailable.expect("buffer rings are needed");
    assert_eq!(refusal.cause, Cause::Seccomp, "{refusal}");
}

#[test]
fn a_seccomp_profile_that_denies_the_call_exists_is_seen_through() {
    let report = probe_where(libc::SYS_io_uring_setup, libc::ENOSYS);
    let refusal = report.unavailable.expect("forbidden");
    assert_eq!(refusal.cause, Cause::Seccomp, "{refusal}");
    assert!(refusal.to_string().contains("answers ENOSYS"), "{refusal}");
    assert!(refusal.to_string().contains("in the profile"), "{refusal}");
}

#[test]
fn a_kernel_that_refuses_the_operation_lacks_the_feature() {
    // The same path as an old kernel: registering a buffer ring is an unknown opcode there.
    let report = probe_where(libc::SYS_io_uring_register, libc::EINVAL);
    let refusal = report.unavailable.expect("buffer rings are needed");
    assert_eq!(refusal.cause, Cause::TooOld);
    let text = refusal.to_string();
    let kernel = &report.kernel;
    assert!(
        text.starts_with(&format!(
            "io_uring cannot be used: kernel {kernel} lacks buffer-ring, multishot-recv;"
        )),
        "{text}"
    );
    assert!(text.ends_with("cure: run Linux 6.1 or newer"), "{text}");
}

#[test]
fn a_probe_interrupts_no_system_call_of_its_caller() {
    let (mut here, _there) = UnixStream::pair().expect("two sockets");
    here.set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a time limit");
    for _ in 0..10 {
        probe();
        let waited = here.read(&mut [0]).expect_err("nobody writes");
        assert_eq!(waited.kind(), ErrorKind::WouldBlock, "{waited}");
    }
}

/// Tells this program that it is the child of the test below.
const STOPPED: &str = "RINGGATE_TEST_STOPPED";

#[test]
fn a_process_that_is_stopped_and_continued_finds_what_others_find() {
    if std::env::var_os(STOPPED).is_some() {
        for _ in 0..50 {
            let report = probe_for_start(&[]);
            assert_eq!(report.unavailable, None, "{report:?}");
        }
        return;
    }
    let name = "a_process_that_is_stopped_and_continued_finds_what_others_find";
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name])
        .env(STOPPED, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("ours") {
            break status;
        }
        for signal in [libc::SIGSTOP, libc::SIGCONT] {
            // SAFETY: kill(2) takes no pointer; nobody has waited for the child, so that its number is its own.
            unsafe { libc::kill(child.id() as i32, signal) };
            std::thread::sleep(Duration::from_micros(300)); // for the child to be stopped, and to run
        }
        if Instant::now() > deadline {
            child.kill().expect("ours");
        }
    };
    let mut told = String::new();
    let mut pipe = child.stdout.take().expect("a pipe");
    pipe.read_to_string(&mut told).expect("text");
    assert!(status.success(), "{status}: {told}");
}
