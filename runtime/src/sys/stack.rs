//! The call stack of another thread of this process, for the report on one that is stuck.
//!
//! A signal makes the thread walk its own stack into a buffer that was made before; the caller gives
//! the addresses their names. Called when a core has made no turn for too long, or when an operator
//! asks. A thread that panics walks its own. Nothing else is done in the handler, but walking is not promised to be safe wherever a
//! thread may be interrupted: one that holds the loader's lock may stay stuck for good. So it is for
//! threads that are given up anyway. Deliberately not for a thread that runs well.

use super::error::{check, last};
use super::thread::thread_id;
use std::ffi::c_void;
use std::fmt::{self, Write};
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Frames that are kept.
const FRAMES_MAX: usize = 64;
/// Ignored where nobody handles it, so that a stray one does no harm; nothing here uses out-of-band
/// data, for which the kernel would send it.
const SIGNAL: libc::c_int = libc::SIGURG;
/// How often to look whether the thread has answered.
const GLANCE: Duration = Duration::from_micros(200);

const IDLE: u32 = 0;
const WALKING: u32 = 1;
const DONE: u32 = 2;

/// The stage in which a thread is wanted to walk: a number of its own. A signal of an earlier request, which a thread
/// takes late, must not make it walk for another.
fn wanted(thread: u32) -> u32 {
    // Numbers of threads have 22 bits at most (PID_MAX_LIMIT).
    thread << 8 | 0xff
}

static STAGE: AtomicU32 = AtomicU32::new(IDLE);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static FRAMES: [AtomicUsize; FRAMES_MAX] = [const { AtomicUsize::new(0) }; FRAMES_MAX];
/// Whether the handler is in place; held by whoever asks.
static ASKING: Mutex<bool> = Mutex::new(false);

fn walk() -> usize {
    let mut count = 0;
    // SAFETY: unsynchronized means that no other thread may walk or name frames through this crate
    // at once; `ASKING` is held by the one who asked, and STAGE lets one thread in. Guarded by
    // `a_blocked_thread_shows_where_it_is`.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            FRAMES[count].store(frame.ip().addr(), Ordering::Relaxed);
            count += 1;
            count < FRAMES_MAX
        });
    }
    count
}

extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    let of_this = wanted(thread_id());
    let begun = STAGE.compare_exchange(of_this, WALKING, Ordering::Acquire, Ordering::Relaxed);
    if begun.is_err() {
        return;
    }
    // SAFETY: __errno_location(3) points to this thread's errno, which the interrupted code may be
    // about to read. Guarded by `a_blocked_thread_shows_where_it_is`.
    let errno = unsafe { *libc::__errno_location() };
    COUNT.store(walk(), Ordering::Relaxed);
    STAGE.store(DONE, Ordering::Release);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn install() -> io::Result<()> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: an all-zero sigaction is valid; sigaction(2) reads it during the call. The handler has
    // the form that SA_SIGINFO asks for, and SA_RESTART hides it from interrupted calls. Guarded by
    // `a_blocked_thread_shows_where_it_is`.
    let result = unsafe {
        let set = action.assume_init_mut();
        set.sa_sigaction = on_signal as *const () as usize;
        set.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigemptyset(&mut set.sa_mask);
        libc::sigaction(SIGNAL, set, std::ptr::null_mut())
    };
    check(result, "sigaction", "SIGURG")?;
    // The first walk loads the unwinder and takes memory; it must not be the handler's.
    walk();
    Ok(())
}

/// The addresses of a thread's frames, innermost first.
///
/// The [`Display`](std::fmt::Display) of a stack is one line a frame. Finding the names reads the program's
/// debug information, which may take seconds the first time: not for a thread that others wait for.
#[derive(Debug, Clone, Default)]
pub struct Stack(Vec<usize>);

/// The stack of a thread of this process.
///
/// # Errors
/// If there is no such thread, or it does not answer within `patience`: it sleeps in the kernel
/// beyond the reach of signals, or is interrupted where walking does not end.
pub fn stack_of(thread: u32, patience: Duration) -> io::Result<Stack> {
    let mut installed = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        install()?;
        *installed = true;
    }
    if STAGE.load(Ordering::Acquire) == WALKING {
        return Err(io::Error::other("another thread never ended its walk"));
    }
    let wanted = wanted(thread);
    STAGE.store(wanted, Ordering::Release);
    // SAFETY: tgkill(2) takes no pointer; the signal is handled since `install`, and the first
    // argument keeps it inside this process. Guarded by `a_blocked_thread_shows_where_it_is`.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            thread as libc::pid_t,
            SIGNAL,
        )
    };
    if sent != 0 {
        STAGE.store(IDLE, Ordering::Release);
        return Err(last("tgkill", format!("thread {thread}")));
    }
    let until = Instant::now() + patience;
    while STAGE.load(Ordering::Acquire) != DONE {
        if Instant::now() >= until {
            // If it has begun, it is left to end.
            let _ = STAGE.compare_exchange(wanted, IDLE, Ordering::AcqRel, Ordering::Relaxed);
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("thread {thread} does not take signals"),
            ));
        }
        std::thread::sleep(GLANCE);
    }
    let frames = FRAMES.iter().take(COUNT.load(Ordering::Relaxed));
    let frames: Vec<usize> = frames.map(|ip| ip.load(Ordering::Relaxed)).collect();
    STAGE.store(IDLE, Ordering::Release);
    Ok(Stack(frames))
}

impl Stack {
    /// The stack of the calling thread, the frames of the walk itself first. The call costs the walk alone, some
    /// microseconds: the owner decides when the frames are named.
    #[inline(never)]
    pub fn here() -> Stack {
        let mut frames = Vec::with_capacity(FRAMES_MAX);
        // SAFETY: unsynchronized leaves out the lock of the crate, which another thread holds for as
        // long as it names frames. On Linux a walk needs none: it reads this thread's stack and the
        // list of loaded objects, which dl_iterate_phdr(3) locks. Guarded by
        // `a_thread_sees_its_own_stack_while_others_name_theirs`.
        unsafe {
            backtrace::trace_unsynchronized(|frame| {
                frames.push(frame.ip().addr());
                frames.len() < FRAMES_MAX
            });
        }
        Stack(frames)
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&named(&self.0))
    }
}

/// Names the frames that the thread itself was in: what lies above the signal is this file.
fn named(frames: &[usize]) -> String {
    let mut text = String::new();
    let mut number = 0;
    for ip in frames {
        let mut known = false;
        backtrace::resolve(std::ptr::without_provenance_mut(*ip), |symbol| {
            known = true;
            let Some(name) = symbol.name().map(|name| format!("{name:#}")) else {
                return;
            };
            let ours = [
                "sys::stack::walk",
                "sys::stack::on_signal",
                "sys::stack::Stack>::here",
                "sys::stack::Stack::here",
                "backtrace::",
            ];
            if ours.iter().any(|part| name.contains(part)) {
                return;
            }
            let _ = write!(text, "{number:3}: {name}");
            if let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) {
                let _ = write!(text, " ({}:{line})", file.display());
            }
            text.push('\n');
            number += 1;
        });
        if !known {
            let _ = writeln!(text, "{number:3}: {ip:#x}");
            number += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::JoinHandle;

    #[inline(never)]
    fn a_function_that_blocks(until: &std::sync::mpsc::Receiver<()>) {
        let _ = until.recv();
        std::hint::black_box(until);
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_thread_sees_its_own_stack_while_others_name_theirs() {
        #[inline(never)]
        fn a_function_that_looks() -> Stack {
            std::hint::black_box(Stack::here())
        }
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    let stacks = (0..20).map(|_| a_function_that_looks().to_string());
                    stacks.collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            for stack in thread.join().expect("no panic") {
                assert!(stack.contains("a_function_that_looks"), "{stack}");
            }
        }
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_blocked_thread_shows_where_it_is() {
        let (free, freed) = channel();
        let (say, said) = channel();
        let thread = std::thread::spawn(move || {
            say.send(thread_id()).expect("somebody listens");
            a_function_that_blocks(&freed);
        });
        let number = said.recv().expect("a number");
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let stack = stack_of(number, Duration::from_secs(20)).expect("a stack");
            let stack = stack.to_string();
            // It may not have come that far yet.
            if stack.contains("a_function_that_blocks") {
                break;
            }
            assert!(Instant::now() < until, "{stack}");
        }
        free.send(()).expect("it waits");
        thread.join().expect("it ends as if nothing had been");
        let error = stack_of(number, Duration::from_millis(1));
        assert!(error.is_err(), "the thread is gone");
    }

    /// Whether the calling thread takes the signal, or leaves it pending, as one does that sleeps in the kernel.
    fn take_signal(takes: bool) {
        let how = [libc::SIG_BLOCK, libc::SIG_UNBLOCK][usize::from(takes)];
        let mut set = MaybeUninit::zeroed();
        // SAFETY: sigemptyset(3) makes the set that the others change and read during the call.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), SIGNAL);
            libc::pthread_sigmask(how, set.as_ptr(), std::ptr::null_mut());
        }
    }

    #[inline(never)]
    fn the_first_takes_it() {
        take_signal(true);
        std::hint::black_box(());
    }

    #[inline(never)]
    fn the_second_takes_it() {
        take_signal(true);
        std::hint::black_box(());
    }

    /// A thread that leaves the signal pending until it is told to take it, and its number.
    fn deaf(then: fn()) -> (u32, Sender<()>, JoinHandle<()>) {
        let (tell, told) = channel();
        let (say, said) = channel();
        let thread = std::thread::spawn(move || {
            take_signal(false);
            say.send(thread_id()).expect("somebody listens");
            told.recv().expect("it is told");
            then();
        });
        (said.recv().expect("a number"), tell, thread)
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_thread_that_takes_the_signal_late_does_not_walk_for_another() {
        let (first, tell_first, first_thread) = deaf(the_first_takes_it);
        let (second, tell_second, second_thread) = deaf(the_second_takes_it);
        stack_of(first, Duration::from_millis(1)).expect_err("it takes none");
        let patience = Duration::from_secs(20);
        let asks = std::thread::spawn(move || stack_of(second, patience));
        let until = Instant::now() + patience;
        while STAGE.load(Ordering::Relaxed) != wanted(second) {
            assert!(Instant::now() < until, "nobody asks");
            std::thread::yield_now();
        }
        tell_first.send(()).expect("it waits");
        first_thread.join().expect("no panic");
        tell_second.send(()).expect("it waits");
        let stack = asks.join().expect("no panic").expect("a stack").to_string();
        assert!(stack.contains("the_second_takes_it"), "{stack}");
        second_thread.join().expect("no panic");
    }
}
