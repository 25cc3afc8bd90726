//! Signals as things to read, not as handlers.
//!
//! Decides which signals exist for Ringgate (a closed set) and how they are blocked, read and sent.
//! Called by the program before it starts any thread, so that every thread inherits the block, and by
//! the coordinator. Deliberately installs no handler and gives no signal a meaning.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::{Errno, read, retry_on_intr};
use rustix::process::{Pid, kill_process};

use super::error::{called, check, last, named};

/// The signals that Ringgate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGINT
    Int,
    /// SIGTERM
    Term,
    /// SIGQUIT
    Quit,
    /// SIGTTIN
    Ttin,
    /// SIGTTOU
    Ttou,
    /// SIGHUP
    Hup,
    /// SIGUSR1
    Usr1,
    /// SIGUSR2
    Usr2,
    /// SIGCHLD
    Chld,
}

impl Signal {
    /// Every signal that Ringgate knows.
    pub const ALL: [Signal; 9] = [
        Signal::Int,
        Signal::Term,
        Signal::Quit,
        Signal::Ttin,
        Signal::Ttou,
        Signal::Hup,
        Signal::Usr1,
        Signal::Usr2,
        Signal::Chld,
    ];

    /// The kernel's number (signal(7)).
    pub const fn number(self) -> i32 {
        self.kernel().as_raw()
    }

    pub(super) const fn kernel(self) -> rustix::process::Signal {
        use rustix::process::Signal as Kernel;
        match self {
            Signal::Int => Kernel::INT,
            Signal::Term => Kernel::TERM,
            Signal::Quit => Kernel::QUIT,
            Signal::Ttin => Kernel::TTIN,
            Signal::Ttou => Kernel::TTOU,
            Signal::Hup => Kernel::HUP,
            Signal::Usr1 => Kernel::USR1,
            Signal::Usr2 => Kernel::USR2,
            Signal::Chld => Kernel::CHILD,
        }
    }

    /// The signal with this number, if Ringgate knows it.
    pub fn from_number(number: i32) -> Option<Signal> {
        Signal::ALL
            .into_iter()
            .find(|signal| signal.number() == number)
    }
}

/// Blocks `signals` for the calling thread and for every thread it starts from now on. Call it
/// before the first thread starts: a signal goes to any thread that does not block it.
///
/// Programs started with [`std::process::Command`] inherit the block, and would not end when they are told to:
/// [`unblock_signals`](super::process::unblock_signals) is for those.
///
/// # Errors
/// Whatever pthread_sigmask(3) answers.
pub fn block_signals(signals: &[Signal]) -> io::Result<()> {
    change_mask(libc::SIG_BLOCK, &set_of(signals), None)
}

/// Calls `start`, which starts threads, with all signals blocked that Ringgate knows: the threads inherit that, so that
/// none of them is met by a signal that another thread reads. The calling thread has its own mask again afterwards.
///
/// ```
/// use ringgate_runtime::sys::signals::without_signals;
///
/// let thread = without_signals(|| std::thread::spawn(|| 7))?;
/// assert_eq!(thread.join().expect("no panic"), 7);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Whatever pthread_sigmask(3) answers; then `start` was not called.
pub fn without_signals<T>(start: impl FnOnce() -> T) -> io::Result<T> {
    /// Puts the mask back, also after a panic.
    struct Before(libc::sigset_t);
    impl Drop for Before {
        fn drop(&mut self) {
            // A set that the kernel has given is one that it takes.
            let _ = change_mask(libc::SIG_SETMASK, &self.0, None);
        }
    }
    let mut before = Before(set_of(&[]));
    let all = set_of(&Signal::ALL);
    change_mask(libc::SIG_BLOCK, &all, Some(&mut before.0))?;
    let started = start();
    drop(before);
    Ok(started)
}

/// Changes which signals the calling thread blocks, and tells which it blocked before.
fn change_mask(
    how: i32,
    set: &libc::sigset_t,
    before: Option<&mut libc::sigset_t>,
) -> io::Result<()> {
    let before = before.map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: pthread_sigmask(3) reads one set and writes another, both borrowed for the call, or may be given no
    // place for the old one. Guarded by `a_blocked_signal_is_read_and_kills_nobody` and
    // `threads_that_are_started_without_signals_block_them_and_the_caller_is_as_before`.
    let errno = unsafe { libc::pthread_sigmask(how, set, before) };
    match errno {
        0 => Ok(()),
        errno => Err(named(
            io::Error::from_raw_os_error(errno),
            "pthread_sigmask",
            "",
            "",
        )),
    }
}

/// Makes sure that a write to a closed socket is an error and not a death: ignores SIGPIPE. Rust
/// programs start so; a library inside another program's `main` cannot rely on it.
///
/// # Errors
/// Whatever sigaction(2) answers.
pub fn ignore_sigpipe() -> io::Result<()> {
    // SAFETY: signal(2) with SIG_IGN runs no code of ours. Guarded by
    // `sigpipe_is_ignored_after_asking`.
    let old = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    if old == libc::SIG_ERR {
        Err(last("signal", "SIGPIPE"))
    } else {
        Ok(())
    }
}

/// Makes sure that a write beyond the limit of file sizes (RLIMIT_FSIZE) is an error and not a death: ignores
/// SIGXFSZ, so that write(2) answers EFBIG. Programs that this process starts ignore it too.
///
/// # Errors
/// Whatever sigaction(2) answers.
///
/// ```
/// ringgate_runtime::sys::signals::ignore_sigxfsz()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn ignore_sigxfsz() -> io::Result<()> {
    // SAFETY: signal(2) with SIG_IGN runs no code of ours. Guarded by
    // `a_write_beyond_the_limit_of_file_sizes_is_an_error_after_asking`.
    let old = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    if old == libc::SIG_ERR {
        Err(last("signal", "SIGXFSZ"))
    } else {
        Ok(())
    }
}

/// Sends `signal` to process `pid`.
///
/// # Errors
/// `InvalidInput` for pid 0 or one beyond `i32`, which kill(2) would take for process groups; ESRCH
/// if there is no such process; EPERM if it is not ours.
pub fn send_signal(pid: u32, signal: Signal) -> io::Result<()> {
    let target = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{pid} is not a process id"),
            )
        })?;
    let sent = kill_process(target, signal.kernel());
    called(sent, "kill", format!("pid {pid}"))
}

/// Waits until one of `signals` is pending for this process or this thread, at most for `patience`, and takes it; `None` if
/// none came. They must be blocked in every thread ([`block_signals`]). Unlike [`SignalFd`] this takes no descriptor.
///
/// # Errors
/// Whatever sigtimedwait(2) answers.
pub fn wait_for_signal(signals: &[Signal], patience: Duration) -> io::Result<Option<Signal>> {
    let set = set_of(signals);
    let patience = libc::timespec {
        tv_sec: libc::time_t::try_from(patience.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    // SAFETY: sigtimedwait(2) reads the set and the time, which live on this stack, and may be given no place for what is
    // known of the signal. Guarded by `a_signal_is_waited_for_without_a_descriptor_and_taken_once`.
    let number = unsafe { libc::sigtimedwait(&set, std::ptr::null_mut(), &patience) };
    if number > 0 {
        return Ok(Signal::from_number(number));
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EINTR) => Ok(None),
        _ => Err(named(error, "sigtimedwait", "", "")),
    }
}

/// Size of one read of a signalfd.
const SIGNAL_INFO_BYTES: usize = size_of::<libc::signalfd_siginfo>();
const _: () = assert!(std::mem::offset_of!(libc::signalfd_siginfo, ssi_signo) == 0);

/// A descriptor that becomes readable when one of its signals is pending (signalfd(2)).
///
/// A signalfd gives the signals of the process and of the thread that *reads*, so read it on the thread that
/// polls it. Equal signals that arrive before a read count once.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks `signals` for the calling thread ([`block_signals`]) and opens the descriptor,
    /// non-blocking and close-on-exec.
    ///
    /// # Errors
    /// Whatever pthread_sigmask(3) and signalfd(2) answer.
    pub fn new(signals: &[Signal]) -> io::Result<SignalFd> {
        block_signals(signals)?;
        let set = set_of(signals);
        // SAFETY: signalfd(2) reads one set, which lives on this stack; -1 asks for a new
        // descriptor. Guarded by `a_blocked_signal_is_read_and_kills_nobody`.
        let fd = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        let fd = check(fd, "signalfd", "")?;
        // SAFETY: the kernel has just given this descriptor to us and to nobody else.
        Ok(SignalFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next pending signal, or `None`. Never blocks.
    ///
    /// # Errors
    /// Whatever else read(2) answers.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        loop {
            let mut info = [0; SIGNAL_INFO_BYTES];
            match retry_on_intr(|| read(&self.0, &mut info)) {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(errno) => return Err(named(errno.into(), "read", "from a signalfd", "")),
            }
            // `ssi_signo`, the first field (signalfd(2)).
            let number = i32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            if let Some(signal) = Signal::from_number(number) {
                return Ok(Some(signal));
            }
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for SignalFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

pub(super) fn set_of(signals: &[Signal]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset(3) initialises the whole set; sigaddset(3) takes a set so initialised, and
    // only numbers of the closed enum above, all valid. Guarded by
    // `a_signal_that_was_not_asked_for_is_not_read`.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), signal.number());
        }
        set.assume_init()
    }
}
