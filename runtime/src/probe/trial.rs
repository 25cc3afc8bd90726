//! A throwaway ring on which features are tried, one after another.
//!
//! Called by `trials`. It owns all memory that the kernel may write to, and takes every operation back
//! before it frees any: closing a ring cancels only in the background. Deliberately shares nothing
//! with the rings that Ringgate works with: those must not be needed to find out whether they can
//! exist.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use io_uring::types::{BufRingEntry, Fd, SubmitArgs, Timespec};
use io_uring::{Builder, IoUring, Parameters, cqueue, opcode, squeue};

use crate::mapping::Mapping;
use crate::sys;

/// The longest that a trial waits for a completion. Trials take microseconds; an emulated machine has
/// been seen to take two seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

const ENTRIES: u32 = 8;
/// The only buffer group of a trial.
pub(super) const GROUP: u16 = 1;
const BUFFERS: u16 = 4;
const BUFFER_BYTES: usize = 256;
/// Times that an operation is tried again that the kernel has cancelled: Linux 6.1 does so with those of worker threads
/// (statx, shutdown, read) when the process is stopped just then.
const CANCELLED_MAX: u32 = 100;
/// The `user_data` of cancels, which nobody waits for.
const CANCEL: u64 = u64::MAX;

/// Why a feature is missing: what was called and what the kernel answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The call or operation.
    pub call: &'static str,
    /// The error of the trial; 0 if the kernel answered something, but not what the feature promises.
    pub errno: i32,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            0 => write!(f, "{}: absent or without effect", self.call),
            errno => write!(f, "{}: {}", self.call, io::Error::from_raw_os_error(errno)),
        }
    }
}

pub(super) type Outcome = Result<(), Failure>;

/// A call answered, but not as the feature promises.
pub(super) fn no_effect(call: &'static str) -> Failure {
    Failure { call, errno: 0 }
}

pub(super) fn failed(call: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure {
        call,
        errno: sys::errno(&error).unwrap_or(0),
    }
}

/// Whether this process gets a ring at all and may enter it: one operation that does nothing, and its
/// completion.
pub(super) fn works_at_all() -> Outcome {
    let mut ring = build(&IoUring::builder(), 1)?;
    let nop = opcode::Nop::new().build();
    // SAFETY: a nop points to nothing (io_uring_enter(2)). Guarded by
    // `a_seccomp_profile_is_named_with_its_cure`.
    unsafe { ring.submission().push(&nop) }.map_err(|_| no_effect("submission queue"))?;
    // EINTR is no answer: the process was stopped and continued meanwhile (signal(7)).
    while let Err(error) = ring.submit_and_wait(1) {
        if error.kind() != ErrorKind::Interrupted {
            return Err(failed("io_uring_enter")(error));
        }
    }
    match ring.completion().next() {
        Some(completion) if completion.result() == 0 => Ok(()),
        _ => Err(no_effect("io_uring_enter")),
    }
}

/// A ring with these flags.
pub(super) fn build(builder: &Builder, entries: u32) -> Result<IoUring, Failure> {
    builder.build(entries).map_err(failed("io_uring_setup"))
}

/// A completion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    pub(super) user_data: u64,
    pub(super) result: i32,
    pub(super) flags: u32,
}

impl Completion {
    /// Whether the same operation has more to say.
    pub(super) fn more(self) -> bool {
        cqueue::more(self.flags)
    }

    /// The result, if it is not an error.
    pub(super) fn value(self, call: &'static str) -> Result<i32, Failure> {
        if self.result < 0 {
            Err(Failure {
                call,
                errno: -self.result,
            })
        } else {
            Ok(self.result)
        }
    }
}

pub(super) struct Trial {
    ring: IoUring,
    /// Operations whose last completion has not been taken, and how often each was submitted.
    in_flight: BTreeMap<u64, u32>,
    /// Memory that the kernel may write to; freed when nothing is in flight.
    memory: Vec<(*mut u8, Layout)>,
    mapped: Vec<Mapping>,
    has_buffers: bool,
}

impl Trial {
    /// A ring as Ringgate uses them, as far as the kernel allows: single issuer with deferred task
    /// work, or a plain one.
    pub(super) fn new() -> Result<Trial, Failure> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun();
        let ring = build(&builder, ENTRIES).or_else(|failure| match failure.errno {
            libc::EINVAL => build(&IoUring::builder(), ENTRIES),
            _ => Err(failure),
        });
        Ok(Trial::on(ring?))
    }

    /// The ring in `place`, ready for the next trial; a new one if there is none, or if the kernel
    /// still owes it something.
    pub(super) fn again(place: &mut Option<Trial>) -> Result<&mut Trial, Failure> {
        let used = place
            .take()
            .and_then(|mut trial| trial.clear().then_some(trial));
        Ok(place.insert(match used {
            Some(trial) => trial,
            None => Trial::new()?,
        }))
    }

    /// Takes everything back that the trial before left. Answers whether the ring can be used again.
    fn clear(&mut self) -> bool {
        self.cancel_all();
        // What nobody asked for any more.
        while self.ring.completion().next().is_some() {}
        if self.has_buffers {
            // Without effect if the trial has unregistered them itself.
            let _ = self.ring.submitter().unregister_buf_ring(GROUP);
            self.has_buffers = false;
        }
        if !self.in_flight.is_empty() {
            // The kernel may still write there: a few kilobytes lost are better.
            self.memory.clear();
            std::mem::take(&mut self.mapped)
                .into_iter()
                .for_each(std::mem::forget);
            return false;
        }
        self.mapped.clear();
        for (memory, layout) in self.memory.drain(..) {
            // SAFETY: allocated with this layout in `room`, and no operation in flight knows it.
            unsafe { dealloc(memory, layout) };
        }
        true
    }

    /// The feature bits of the ring.
    pub(super) fn parameters(&self) -> &Parameters {
        self.ring.params()
    }

    fn on(ring: IoUring) -> Trial {
        Trial {
            ring,
            in_flight: BTreeMap::new(),
            memory: Vec::new(),
            mapped: Vec::new(),
            has_buffers: false,
        }
    }

    /// A ring that refuses every operation but a nop, as a kernel without them would.
    #[cfg(test)]
    pub(super) fn that_may_do_nothing() -> Result<Trial, Failure> {
        let ring = build(IoUring::builder().setup_r_disabled(), ENTRIES)?;
        let mut only_nop = [io_uring::register::Restriction::sqe_op(opcode::Nop::CODE)];
        let submitter = ring.submitter();
        submitter
            .register_restrictions(&mut only_nop)
            .map_err(failed("restrict"))?;
        submitter
            .register_enable_rings()
            .map_err(failed("enable"))?;
        Ok(Trial::on(ring))
    }

    /// Zeroed memory that outlives every operation of this trial.
    pub(super) fn room(&mut self, bytes: usize, align: usize) -> *mut u8 {
        let layout = Layout::from_size_align(bytes.max(1), align).expect("a small, aligned layout");
        // SAFETY: the size is not zero. Freed in `clear`. Guarded by
        // `every_feature_of_this_kernel_is_found`.
        let memory = unsafe { alloc_zeroed(layout) };
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        self.memory.push((memory, layout));
        memory
    }

    /// As [`Trial::room`], for much. An allocator that gets so much back would keep as much of its own from then on, and
    /// grow the tables of the cores there, which leaves holes (mallopt(3), M_MMAP_THRESHOLD).
    pub(super) fn large_room(&mut self, bytes: usize) -> Result<*mut u8, Failure> {
        let mapping = Mapping::new(bytes).map_err(failed("mmap"))?;
        let at = mapping.at(0).as_ptr();
        self.mapped.push(mapping);
        Ok(at)
    }

    /// `value`, where the kernel can read and write it for the length of this trial.
    pub(super) fn place<T: Copy>(&mut self, value: T) -> *mut T {
        let place = self.room(size_of::<T>(), align_of::<T>()).cast::<T>();
        // SAFETY: fresh memory of T's size and alignment.
        unsafe { place.write(value) };
        place
    }

    /// Queues an operation. Whatever `entry` points to must come from [`Trial::room`],
    /// [`Trial::place`] or be static; the descriptors may be closed meanwhile, the kernel keeps them.
    pub(super) fn push(&mut self, entry: squeue::Entry, user_data: u64) {
        let entry = entry.user_data(user_data);
        *self.in_flight.entry(user_data).or_default() += 1;
        // SAFETY: the memory of the operation lives until its last completion has been taken
        // (io_uring(7)): `clear` frees nothing before. Guarded by
        // `a_trial_that_ends_with_operations_in_flight_takes_them_back`.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("a trial queues fewer operations than the ring has room for");
    }

    /// Submits what is queued and answers the next completion.
    pub(super) fn next(&mut self) -> Result<Completion, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(completion) = self.take() {
                return Ok(completion);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure {
                    call: "wait for a completion",
                    errno: libc::ETIME,
                });
            }
            self.enter(left)?;
        }
    }

    /// One operation, its one completion.
    pub(super) fn one(&mut self, entry: squeue::Entry) -> Result<Completion, Failure> {
        for _ in 0..CANCELLED_MAX {
            self.push(entry.clone(), 1);
            let completion = self.next()?;
            let is_interrupted = [-libc::ECANCELED, -libc::EINTR].contains(&completion.result);
            if !is_interrupted {
                return Ok(completion);
            }
        }
        self.push(entry, 1);
        self.next()
    }

    fn enter(&mut self, wait: Duration) -> Outcome {
        let wait = Timespec::from(wait);
        let args = SubmitArgs::new().timespec(&wait);
        match self.ring.submitter().submit_with_args(1, &args) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                Some(libc::ETIME | libc::EINTR | libc::EBUSY) => Ok(()),
                _ => Err(failed("io_uring_enter")(error)),
            },
        }
    }

    fn take(&mut self) -> Option<Completion> {
        loop {
            let entry = self.ring.completion().next()?;
            let (user_data, result, flags) = (entry.user_data(), entry.result(), entry.flags());
            let completion = Completion {
                user_data,
                result,
                flags,
            };
            if !completion.more() {
                self.forget(user_data);
            }
            if user_data != CANCEL {
                return Some(completion);
            }
        }
    }

    fn forget(&mut self, user_data: u64) {
        if let Some(left) = self.in_flight.get_mut(&user_data) {
            *left -= 1;
            if *left == 0 {
                self.in_flight.remove(&user_data);
            }
        }
    }

    /// Registers a ring of provided buffers, group [`GROUP`], and fills it.
    pub(super) fn provide_buffers(&mut self) -> Outcome {
        let page = sys::process::page_bytes().map_err(failed("sysconf"))? as usize;
        let entries = self.room(page, page).cast::<BufRingEntry>();
        let buffers = self.room(BUFFER_BYTES * usize::from(BUFFERS), 1);
        // SAFETY: page-aligned memory with room for the entries, alive until the group is
        // unregistered in `clear` (io_uring_register_buf_ring(3)). Guarded by
        // `every_feature_of_this_kernel_is_found`.
        let registered = unsafe {
            let submitter = self.ring.submitter();
            submitter.register_buf_ring_with_flags(entries as u64, BUFFERS, GROUP, 0)
        };
        registered.map_err(failed("io_uring_register"))?;
        self.has_buffers = true;
        for id in 0..BUFFERS {
            // SAFETY: entry `id` is inside the ring and buffer `id` inside the buffers; the kernel
            // reads neither before the tail says so.
            unsafe {
                let entry = &mut *entries.add(id.into());
                entry.set_addr(buffers.add(usize::from(id) * BUFFER_BYTES) as u64);
                entry.set_len(BUFFER_BYTES as u32);
                entry.set_bid(id);
            }
        }
        // SAFETY: the tail is inside the first entry, aligned, and shared with the kernel, which is
        // what atomics are for; release makes the entries visible before it.
        unsafe {
            let tail = BufRingEntry::tail(entries).cast_mut();
            AtomicU16::from_ptr(tail).store(BUFFERS, Ordering::Release);
        }
        Ok(())
    }

    /// Arms a receive that waits for data.
    pub(super) fn arm_recv(&mut self, socket: &impl AsRawFd) {
        const BYTES: usize = 16;
        let memory = self.room(BYTES, 1);
        let recv = opcode::Recv::new(Fd(socket.as_raw_fd()), memory, BYTES as u32);
        self.push(recv.build(), 1);
    }

    /// Cancels what is in flight and takes its last completions, within [`PATIENCE`].
    pub(super) fn cancel_all(&mut self) {
        let victims: Vec<u64> = self.in_flight.keys().copied().collect();
        for victim in victims {
            let cancel = opcode::AsyncCancel::new(victim).build();
            self.push(cancel, CANCEL);
            if self.enter(Duration::ZERO).is_err() {
                return;
            }
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.in_flight.is_empty() && Instant::now() < deadline {
            if self.take().is_none() && self.enter(Duration::from_millis(100)).is_err() {
                return;
            }
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_trial_that_ends_with_operations_in_flight_takes_them_back() {
        let mut trial = Trial::new().expect("this machine has io_uring");
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        trial.arm_recv(&one);
        assert_eq!(trial.in_flight.len(), 1);
        trial.cancel_all();
        assert_eq!(trial.in_flight.len(), 0);
    }
}
