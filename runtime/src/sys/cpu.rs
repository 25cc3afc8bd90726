//! Which CPUs the process may use, and pinning a thread to one of them.
//!
//! Called by the pool that starts one thread per core, and by the probe. Deliberately does not decide
//! how many threads there are, and does not read the topology (SMT siblings, NUMA nodes).

use std::io;

use super::error::last;

/// The largest mask asked for; Linux itself stops at 8192 CPUs on x86-64.
const CPUS_MAX: usize = 1 << 16;

/// The CPUs that the process may run on, ascending: the mask of its main thread, which the kernel
/// keeps within the cgroup's cpuset (cpuset(7)).
///
/// Not the mask of the calling thread, which may already be pinned.
///
/// # Errors
/// Whatever sched_getaffinity(2) answers.
pub fn cpu_mask() -> io::Result<Vec<usize>> {
    affinity_of(std::process::id() as libc::pid_t)
}

/// The CPUs that the calling thread may run on, ascending.
///
/// # Errors
/// Whatever sched_getaffinity(2) answers.
pub fn thread_cpu_mask() -> io::Result<Vec<usize>> {
    affinity_of(0)
}

/// Pins the calling thread to `cpu` and reads the mask back to make sure.
///
/// # Errors
/// `InvalidInput` if `cpu` is not in [`cpu_mask`]: the kernel would accept a CPU outside an earlier
/// `taskset`, and the operator's choice counts. `Other` if the kernel did not obey.
pub fn pin_current_thread(cpu: usize) -> io::Result<()> {
    let allowed = cpu_mask()?;
    if !allowed.contains(&cpu) || cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "cpu {cpu} is not among the CPUs this process may use ({allowed:?}); \
                 widen the mask (taskset, AllowedCPUs=, cpuset) or name another CPU"
            ),
        ));
    }
    let obeyed = core_affinity::set_for_current(core_affinity::CoreId { id: cpu });
    let mask = thread_cpu_mask()?;
    if obeyed && mask == [cpu] {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "pinning to cpu {cpu} had no effect: the thread's mask is {mask:?}"
        )))
    }
}

/// Gives the calling thread the mask of the process again: a thread that a pinned one starts is
/// pinned with it (sched_setaffinity(2), NOTES) and would take its CPU away from it.
///
/// # Errors
/// Whatever sched_getaffinity(2) and sched_setaffinity(2) answer.
pub fn unpin_current_thread() -> io::Result<()> {
    set_mask(&words_of(std::process::id() as libc::pid_t)?)
}

/// Gives the calling thread the mask that it has: whether it may be pinned at all, without doing so.
///
/// # Errors
/// EPERM or ENOSYS under a seccomp filter that forbids it; whatever else sched_getaffinity(2) and
/// sched_setaffinity(2) answer.
pub fn keep_mask() -> io::Result<()> {
    set_mask(&words_of(0)?)
}

/// Gives the calling thread this mask.
fn set_mask(words: &[u64]) -> io::Result<()> {
    let bytes = std::mem::size_of_val(words);
    // SAFETY: sched_setaffinity(2) reads at most `bytes` bytes, all of which `words` owns; its u64
    // elements are aligned as cpu_set_t needs. Guarded by
    // `a_thread_that_a_pinned_one_starts_can_be_unpinned`.
    match unsafe { libc::sched_setaffinity(0, bytes, words.as_ptr().cast()) } {
        0 => Ok(()),
        _ => Err(last("sched_setaffinity", "")),
    }
}

/// The CPU that the calling thread is on at this moment (getcpu(2)).
pub fn current_cpu() -> usize {
    rustix::thread::sched_getcpu()
}

/// The CPUs in the mask of thread `tid` (0: the calling one).
fn affinity_of(tid: libc::pid_t) -> io::Result<Vec<usize>> {
    let words = words_of(tid)?;
    let cpus = words.len() * WORD_BITS;
    let set = |cpu: &usize| words[cpu / WORD_BITS] >> (cpu % WORD_BITS) & 1 == 1;
    Ok((0..cpus).filter(set).collect())
}

const WORD_BITS: usize = u64::BITS as usize;

/// The mask of thread `tid` (0: the calling one). The kernel wants room for every CPU it could have
/// and says EINVAL to less, so the room doubles up to [`CPUS_MAX`].
fn words_of(tid: libc::pid_t) -> io::Result<Vec<u64>> {
    let mut cpus = libc::CPU_SETSIZE as usize;
    loop {
        let mut words = vec![0u64; cpus / WORD_BITS];
        let bytes = std::mem::size_of_val(words.as_slice());
        // SAFETY: sched_getaffinity(2) writes at most `bytes` bytes, all of which `words` owns;
        // its u64 elements are aligned as cpu_set_t needs. Guarded by
        // `the_mask_is_the_one_in_proc`.
        let result = unsafe { libc::sched_getaffinity(tid, bytes, words.as_mut_ptr().cast()) };
        if result == 0 {
            return Ok(words);
        }
        let error = last("sched_getaffinity", "");
        if super::errno(&error) != Some(libc::EINVAL) || cpus >= CPUS_MAX {
            return Err(error);
        }
        cpus *= 2;
    }
}
