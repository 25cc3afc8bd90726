//! A thread's name and its clocks.
//!
//! Called by the core threads at start and by the accounting of CPU time. Deliberately does not start
//! threads; [`std::thread`] does.

use std::ffi::CString;
use std::io;
use std::time::Duration;

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
    // SAFETY: pthread_setname_np(3) reads a terminated string, which `name` owns until after the
    // call. Guarded by `a_thread_bears_the_name_it_was_given`.
    let errno = unsafe { libc::pthread_setname_np(libc::pthread_self(), name.as_ptr()) };
    match errno {
        0 => Ok(()),
        errno => Err(super::error::named(
            io::Error::from_raw_os_error(errno),
            "pthread_setname_np",
            "",
            "",
        )),
    }
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
