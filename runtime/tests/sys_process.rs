//! CPUs, threads, limits, signals and processes against the real kernel.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use ringgate_runtime::sys::cpu::{
    cpu_mask, current_cpu, pin_current_thread, thread_cpu_mask, unpin_current_thread,
};
use ringgate_runtime::sys::event::EventFd;
use ringgate_runtime::sys::limits;
use ringgate_runtime::sys::pidfd::PidFd;
use ringgate_runtime::sys::process::{kernel_release, rss_bytes, unblock_signals};
use ringgate_runtime::sys::signals::{
    Signal, SignalFd, block_signals, ignore_sigpipe, ignore_sigxfsz, send_signal, wait_for_signal,
    without_signals,
};
use ringgate_runtime::sys::thread::{
    THREAD_NAME_BYTES_MAX, monotonic_nanos, set_thread_name, thread_cpu_time,
};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_mask_is_the_one_in_proc() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap();
    let mut cpus = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(first.parse::<usize>().unwrap()..=last.parse().unwrap());
    }
    assert_eq!(cpu_mask().unwrap(), cpus);
}

#[test]
fn a_thread_that_a_pinned_one_starts_can_be_unpinned() {
    let cpu = cpu_mask().unwrap()[0];
    let seen = std::thread::spawn(move || {
        pin_current_thread(cpu).unwrap();
        let child = std::thread::spawn(|| {
            let inherited = thread_cpu_mask().unwrap();
            unpin_current_thread().unwrap();
            (inherited, thread_cpu_mask().unwrap())
        });
        child.join().unwrap()
    });
    assert_eq!(seen.join().unwrap(), (vec![cpu], cpu_mask().unwrap()));
}

#[test]
fn a_pinned_thread_runs_where_it_was_pinned() {
    for cpu in cpu_mask().unwrap() {
        std::thread::spawn(move || {
            pin_current_thread(cpu).unwrap();
            assert_eq!(thread_cpu_mask().unwrap(), [cpu]);
            assert_eq!(current_cpu(), cpu);
            assert!(
                cpu_mask().unwrap().contains(&cpu),
                "the process keeps its mask"
            );
        })
        .join()
        .unwrap();
    }
}

#[test]
fn a_cpu_outside_the_mask_is_refused_by_name() {
    for cpu in [cpu_mask().unwrap().last().unwrap() + 1, usize::MAX] {
        let error = pin_current_thread(cpu).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(
            error
                .to_string()
                .starts_with(&format!("cpu {cpu} is not among")),
            "{error}"
        );
    }
}

#[test]
fn a_thread_bears_the_name_it_was_given() {
    std::thread::spawn(|| {
        let longest = "n".repeat(THREAD_NAME_BYTES_MAX);
        for name in ["ringgate-0", &longest] {
            set_thread_name(name).unwrap();
            let comm = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
            assert_eq!(comm.trim_end(), name);
        }
        let too_long = "n".repeat(THREAD_NAME_BYTES_MAX + 1);
        assert_eq!(
            set_thread_name(&too_long).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            set_thread_name("a\0b").unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    })
    .join()
    .unwrap();
}

#[test]
fn cpu_time_grows_with_work_and_not_with_sleep() {
    let begun = thread_cpu_time();
    let deadline = Instant::now() + PATIENCE;
    while thread_cpu_time() - begun < Duration::from_millis(5) {
        assert!(Instant::now() < deadline, "work costs no CPU time");
    }
    let (before, slept) = (thread_cpu_time(), Duration::from_millis(100));
    std::thread::sleep(slept); // costs no CPU time, which is under test
    assert!(thread_cpu_time() - before < slept / 2);
}

#[test]
fn the_monotonic_clock_keeps_step_with_instant() {
    let (begun, nanos) = (Instant::now(), monotonic_nanos());
    std::thread::sleep(Duration::from_millis(20)); // the time that both clocks measure
    let passed = Duration::from_nanos(monotonic_nanos() - nanos);
    assert!(passed >= Duration::from_millis(20));
    assert!(passed <= begun.elapsed());
}

#[test]
fn descriptors_are_raised_to_the_hard_limit() {
    let before = limits::nofile().unwrap();
    let raised = limits::raise_nofile().unwrap();
    assert_eq!(raised, limits::nofile().unwrap());
    assert_eq!((raised.soft, raised.hard), (before.hard, before.hard));
    limits::memlock().unwrap();
}

#[test]
fn the_kernels_listening_limits_are_read() {
    assert!(limits::somaxconn().unwrap() > 0);
    assert!(limits::tcp_max_syn_backlog().unwrap() > 0);
}

#[test]
fn a_limit_is_written_with_words_where_there_is_no_number() {
    let limit = limits::Limit {
        soft: Some(1024),
        hard: None,
    };
    assert_eq!(limit.to_string(), "1024 (hard unlimited)");
}

#[test]
fn a_notified_eventfd_is_drained_once() {
    let event = EventFd::new().unwrap();
    assert_eq!(event.drain().unwrap(), 0);
    event.notify().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| event.notify().unwrap());
    });
    assert_eq!(event.drain().unwrap(), 2);
    assert_eq!(event.drain().unwrap(), 0);
}

/// Sends a signal to the calling thread alone.
fn raise(signal: Signal) {
    // SAFETY: pthread_kill(3) on the calling thread, which is alive.
    let errno = unsafe { libc::pthread_kill(libc::pthread_self(), signal.number()) };
    assert_eq!(errno, 0);
}

#[test]
fn a_blocked_signal_is_read_and_kills_nobody() {
    std::thread::spawn(|| {
        let signals = SignalFd::new(&Signal::ALL).unwrap();
        assert_eq!(signals.read().unwrap(), None);
        for signal in Signal::ALL {
            raise(signal);
            assert_eq!(signals.read().unwrap(), Some(signal));
            assert_eq!(signals.read().unwrap(), None);
            assert_eq!(Signal::from_number(signal.number()), Some(signal));
        }
    })
    .join()
    .unwrap();
}

/// The signals that the calling thread blocks (proc(5)), as bits.
fn blocked() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
}

#[test]
fn threads_that_are_started_without_signals_block_them_and_the_caller_is_as_before() {
    let before = blocked();
    let thread = without_signals(|| std::thread::spawn(blocked)).unwrap();
    let theirs = thread.join().unwrap();
    for signal in Signal::ALL {
        assert_ne!(theirs & 1 << (signal.number() - 1), 0, "{signal:?}");
    }
    assert_eq!(blocked(), before);
    let panics = std::panic::catch_unwind(|| without_signals(|| panic!("as meant")));
    assert!(panics.is_err());
    assert_eq!(blocked(), before);
}

#[test]
fn a_program_that_is_started_by_a_thread_without_signals_hears_them() {
    let ended = |unblocks: bool| {
        let mut command = Command::new("sh");
        command.args(["-c", "kill -TERM $$; exit 7"]);
        if unblocks {
            unblock_signals(&mut command);
        }
        let status = without_signals(|| command.status()).unwrap().unwrap();
        (status.code(), status.signal())
    };
    assert_eq!(ended(false), (Some(7), None));
    assert_eq!(ended(true), (None, Some(Signal::Term.number())));
}

#[test]
fn a_signal_is_waited_for_without_a_descriptor_and_taken_once() {
    std::thread::spawn(|| {
        block_signals(&Signal::ALL).unwrap();
        let wait = |signals: &[Signal], patience| wait_for_signal(signals, patience).unwrap();
        let moment = Duration::from_millis(1);
        assert_eq!(wait(&Signal::ALL, moment), None);
        for signal in Signal::ALL {
            raise(signal);
            assert_eq!(wait(&[signal], PATIENCE), Some(signal));
            assert_eq!(wait(&[signal], moment), None);
        }
        raise(Signal::Usr2);
        assert_eq!(wait(&[Signal::Usr1], moment), None, "another one");
        assert_eq!(wait(&[Signal::Usr2], PATIENCE), Some(Signal::Usr2));
    })
    .join()
    .unwrap();
}

#[test]
fn a_signal_that_was_not_asked_for_is_not_read() {
    std::thread::spawn(|| {
        let both = SignalFd::new(&[Signal::Usr1, Signal::Usr2]).unwrap();
        let one = SignalFd::new(&[Signal::Usr1]).unwrap();
        raise(Signal::Usr2);
        assert_eq!(one.read().unwrap(), None);
        assert_eq!(both.read().unwrap(), Some(Signal::Usr2));
    })
    .join()
    .unwrap();
}

#[test]
fn threads_inherit_the_block() {
    std::thread::spawn(|| {
        let _signals = SignalFd::new(&[Signal::Usr1]).unwrap();
        std::thread::spawn(|| raise(Signal::Usr1))
            .join()
            .expect("the signal stays pending");
    })
    .join()
    .unwrap();
}

#[test]
fn sigpipe_is_ignored_after_asking() {
    ignore_sigpipe().unwrap();
    // SAFETY: sigaction(2) with a null new action only writes the old one, which is plain data.
    let old = unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        assert_eq!(
            libc::sigaction(libc::SIGPIPE, std::ptr::null(), &mut old),
            0
        );
        old
    };
    assert_eq!(old.sa_sigaction, libc::SIG_IGN);
}

#[test]
fn a_write_beyond_the_limit_of_file_sizes_is_an_error_after_asking() {
    ignore_sigxfsz().unwrap();
    // SAFETY: sigaction(2) with a null new action only writes the old one, which is plain data.
    let old = unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(libc::SIGXFSZ, std::ptr::null(), &mut old);
        assert_eq!(asked, 0);
        old
    };
    assert_eq!(old.sa_sigaction, libc::SIG_IGN);
}

#[test]
fn a_signal_sent_to_a_process_arrives_there() {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    send_signal(child.id(), Signal::Term).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn a_process_group_is_never_signalled_by_mistake() {
    for pid in [0, u32::MAX, 1 << 31] {
        let error = send_signal(pid, Signal::Chld).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    }
}

#[test]
fn the_end_of_a_child_is_polled() {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    let process = PidFd::open(child.id()).unwrap();
    assert!(!process.wait_exit(Some(Duration::ZERO)).unwrap());
    process.send_signal(Signal::Term).unwrap();
    assert!(process.wait_exit(Some(PATIENCE)).unwrap());
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
    let error = process.send_signal(Signal::Term).unwrap_err();
    assert_eq!(ringgate_runtime::sys::errno(&error), Some(libc::ESRCH));
}

#[test]
fn resident_memory_grows_when_memory_is_touched() {
    const BYTES: usize = 64 << 20;
    let before = rss_bytes().unwrap();
    let touched = std::hint::black_box(vec![1u8; BYTES]);
    assert!(rss_bytes().unwrap() > before + BYTES as u64 / 2);
    drop(touched);
}

#[test]
fn the_kernel_names_its_release() {
    assert!(kernel_release().unwrap().contains('.'));
}
