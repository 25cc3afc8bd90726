//! The rights of a thread beyond its user, and those that it could still gain: capabilities and no_new_privs.
//!
//! Called by the start when it gives up root. The calls change the calling thread alone, and threads
//! that it starts afterwards; [`of_threads`] shows who was missed. Deliberately does not change users;
//! `identity` does.

use rustix::thread::{
    CapabilitySet, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_no_new_privs,
};
use std::io;

/// Room for capabilities in the sets of the kernel (capabilities(7)).
const CAPABILITIES_MAX: u32 = u64::BITS;

/// Sees to it that no program which the calling thread, or one that it starts later, executes brings
/// rights back: sets no_new_privs, and empties the bounding and the ambient set. The rights of the
/// thread itself stay. Without CAP_SETPCAP the bounding set stays as it is.
///
/// # Errors
/// Whatever prctl(2) answers to PR_SET_NO_NEW_PRIVS.
pub fn gain_nothing() -> io::Result<()> {
    set_no_new_privs(true)?;
    // Fails only where there are no ambient capabilities, before Linux 4.3.
    let _ = clear_ambient_capability_set();
    for number in 0..CAPABILITIES_MAX {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(one) {
            // EPERM: see above.
            Ok(true) => drop(remove_capability_from_bounding_set(one)),
            Ok(false) => {}
            // The kernel has no more of them.
            Err(_) => break,
        }
    }
    Ok(())
}

/// The rights of a thread of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The name of the thread.
    pub thread: String,
    /// Permitted capabilities of the thread, a bit each (capabilities(7)).
    pub permitted: u64,
    /// Capabilities that the thread may still gain by executing a program.
    pub bounding: u64,
    /// Whether executing a program brings no rights.
    pub no_new_privs: bool,
}

/// The rights of every thread of this process that runs code of it (`/proc/self/task/<tid>/status`,
/// proc(5)). The kernel's own workers of io_uring are among its threads, too; they do what they do with
/// the rights of whoever submitted it.
///
/// # Errors
/// If `/proc` is not mounted.
pub fn of_threads() -> io::Result<Vec<Rights>> {
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        let read = |name: &str| std::fs::read_to_string(path.join(name));
        // One that has ended meanwhile has no rights.
        if let (Ok(status), Ok(stat)) = (read("status"), read("stat"))
            && !is_worker(&stat)
        {
            found.push(parse(&status));
        }
    }
    Ok(found)
}

/// PF_IO_WORKER of the kernel, which has not changed since there are such threads (5.12).
const IO_WORKER: u32 = 0x10;

/// Whether a thread is a worker of io_uring, by its `flags`, the seventh field behind the name.
fn is_worker(stat: &str) -> bool {
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let flags = behind_name.split_ascii_whitespace().nth(6);
    let flags = flags.and_then(|flags| flags.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & IO_WORKER != 0)
}

fn parse(status: &str) -> Rights {
    let field = |name: &str| {
        let lines = status.lines();
        lines
            .filter_map(|line| line.split_once(':'))
            .find_map(|(have, value)| (have == name).then_some(value.trim()))
            .unwrap_or_default()
    };
    // What cannot be read counts as everything.
    let set = |name: &str| u64::from_str_radix(field(name), 16).unwrap_or(u64::MAX);
    Rights {
        thread: field("Name").to_owned(),
        permitted: set("CapPrm"),
        bounding: set("CapBnd"),
        no_new_privs: field("NoNewPrivs") == "1",
    }
}
