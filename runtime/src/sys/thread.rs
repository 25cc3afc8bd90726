//! A thread's name and its clocks.
//!
//! Called by the core threads at start and by the accounting of CPU time. Deliberately does not start
//! threads; [`std::thread`] does.

use std::ffi::CString;
use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at threads that are about to end.
pub(crate) const JOIN_PAUSE: Duration = Duration::from_millis(1);

/// The longest name that the kernel keeps, in bytes (TASK_COMM_LEN less the terminating zero).
pub const THREAD_NAME_BYTES_MAX: usize = 15;

/// Names the calling thread, as `top -H` and `/proc/<pid>/task/<tid>/comm` show it.
///
/// # Errors
/// `InvalidInput` if the name is longer than [`THREAD_NAME_BYTES_MAX`] bytes or contains a zero
/// byte; it is never cut silently.
pub fn set_thread_name(name: &str) -> io::Result<()> {
    if name.len() > THREAD_NAME_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "thread name {name:?} has {} bytes; the kernel keeps {THREAD_NAME_BYTES_MAX}",
                name.len()
            ),
        ));
    }
    let name = CString::new(name)?;
    super::error::called(rustix::thread::set_name(&name), "prctl", "PR_SET_NAME")
}

/// CPU time, user and kernel, that the calling thread has used (CLOCK_THREAD_CPUTIME_ID).
pub fn thread_cpu_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Nanoseconds of CLOCK_MONOTONIC: the same clock as [`std::time::Instant`], as a plain number that
/// other threads and processes of this machine understand.
pub fn monotonic_nanos() -> u64 {
    clock(libc::CLOCK_MONOTONIC).as_nanos() as u64
}

/// The kernel's number of the calling thread (gettid(2)).
pub fn thread_id() -> u32 {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs()
}

/// How long a thread has been at work, and how long it was ready for it and waited for a CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkTime {
    /// On a CPU.
    pub ran: Duration,
    /// Ready to run, without a CPU.
    pub waited: Duration,
}

/// Time at work of a thread of this process (`/proc/self/task/<tid>/schedstat`, proc(5)). Nothing is
/// measured on the thread itself.
///
/// # Errors
/// If there is no such thread, or the kernel does not tell (CONFIG_SCHED_INFO).
pub fn work_time(thread: u32) -> io::Result<WorkTime> {
    let text = super::error::proc_text(&format!("/proc/self/task/{thread}/schedstat"))?;
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(ran)), Some(Ok(waited))) => Ok(WorkTime {
            ran: Duration::from_nanos(ran),
            waited: Duration::from_nanos(waited),
        }),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("schedstat of thread {thread}: {text:?}"),
        )),
    }
}

/// Whether a thread of this process runs or is ready to: state `R` (`/proc/self/task/<tid>/stat`, proc(5)).
/// For how long it has been ready since it last ran, [`work_time`] tells only when it runs again.
///
/// # Errors
/// If there is no such thread.
pub fn wants_cpu(thread: u32) -> io::Result<bool> {
    let text = super::error::proc_text(&format!("/proc/self/task/{thread}/stat"))?;
    // The name, in parentheses, may hold anything.
    let behind_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    Ok(behind_name.trim_start().starts_with('R'))
}

/// Returns the kernel's word on what a thread of this process is doing: its state (`R`, `S`, `D`, ...) and,
/// where it may be read, the kernel function it sleeps in (`wchan`, proc(5)).
pub fn kernel_state(thread: u32) -> String {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/task/{thread}/{name}"));
    let status = read("status").unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    let wchan = read("wchan").unwrap_or_default();
    match wchan.trim() {
        "" | "0" => state.unwrap_or("gone").trim().to_owned(),
        wchan => format!("{} in {wchan}", state.unwrap_or("gone").trim()),
    }
}

/// Joins a thread if it is gone, destructors of its thread-locals included; gives the handle back if it is
/// not. [`JoinHandle::is_finished`] is true before those have run, and [`JoinHandle::join`] waits for them without end.
/// A panic of the thread is not told.
pub fn try_join(thread: JoinHandle<()>) -> Option<JoinHandle<()>> {
    // SAFETY: the handle has neither been joined nor detached, since it is here, and nothing is written through the null
    // pointer. Guarded by `a_thread_is_joined_only_when_its_thread_locals_are_gone`.
    let joined = unsafe { libc::pthread_tryjoin_np(thread.as_pthread_t(), std::ptr::null_mut()) };
    if joined != 0 {
        return Some(thread);
    }
    // What was joined must not be detached, as a drop of the handle would.
    thread.into_pthread_t();
    None
}

/// Waits in this thread until another is gone, destructors of its thread-locals included, for `most` at most. Gives the
/// handle back if it is not: it ends by itself one day.
pub fn join_within(thread: JoinHandle<()>, most: Duration) -> Option<JoinHandle<()>> {
    let began = Instant::now();
    let mut left = try_join(thread);
    while began.elapsed() < most
        && let Some(thread) = left.take()
    {
        std::thread::sleep(JOIN_PAUSE);
        left = try_join(thread);
    }
    left
}

fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: clock_gettime(2) writes one timespec, which lives on this stack. Guarded by
    // `cpu_time_grows_with_work_and_not_with_sleep`.
    let result = unsafe { libc::clock_gettime(id, &mut time) };
    // Both clocks exist on every Linux since 2.6.12, and the pointer is good: nothing is left to fail.
    debug_assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn who_runs_wants_a_cpu_and_who_sleeps_does_not() {
        assert!(wants_cpu(thread_id()).expect("this thread"));
        let (number, end) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
        let sleeper = std::thread::Builder::new().name(") R (".to_owned());
        let sleeper = sleeper.spawn(move || {
            number.0.send(thread_id()).expect("heard");
            // Ends when the other side is dropped.
            end.1.recv()
        });
        let thread = number.1.recv().expect("a number");
        let until = Instant::now() + Duration::from_secs(20);
        while wants_cpu(thread).expect("it lives") {
            assert!(Instant::now() < until, "it never sleeps");
            std::thread::yield_now();
        }
        drop(end.0);
        assert!(
            sleeper
                .expect("a thread")
                .join()
                .expect("no panic")
                .is_err()
        );
        assert!(wants_cpu(u32::MAX).is_err());
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_thread_is_joined_only_when_its_thread_locals_are_gone() {
        struct Late(std::sync::mpsc::Receiver<()>);
        impl Drop for Late {
            fn drop(&mut self) {
                assert!(self.0.recv().is_err(), "nothing is sent");
            }
        }
        thread_local!(static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) });
        let (keep, late) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || LATE.set(Some(Late(late))));
        let until = Instant::now() + Duration::from_secs(20);
        while !thread.is_finished() {
            assert!(Instant::now() < until, "it never ends");
            std::thread::yield_now();
        }
        let left = try_join(thread).expect("it still drops what it kept");
        drop(keep);
        assert!(
            join_within(left, Duration::from_secs(20)).is_none(),
            "it is never gone"
        );
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_thread_finds_its_own_time_under_its_number() {
        let thread = thread_id();
        let before = work_time(thread).expect("the kernel tells");
        let began = Instant::now();
        loop {
            let after = work_time(thread).expect("the kernel tells");
            let busy = (after.ran - before.ran) + (after.waited - before.waited);
            if busy >= Duration::from_millis(40) {
                break;
            }
            let patience = Duration::from_secs(30);
            assert!(began.elapsed() < patience, "{busy:?} of {patience:?}");
            std::hint::spin_loop();
        }
        assert!(work_time(u32::MAX).is_err(), "no such thread");
        assert!(kernel_state(thread).starts_with('R'));
    }
}
