//! How many connections there is room for in this process: measured at the start, and again at a reload,
//! since the limit of open files may have changed. A resize changes nothing: the reserve is for every
//! place that a core may have.
//!
//! Decided by [`rules::descriptors`](crate::coordinator::rules::descriptors), kept to by the cores.

use super::SPARE_PLACES;
use crate::ServerHandle;
use crate::config::CorePlan;
use crate::connection::{ACCEPT_BURST, Headroom};
use crate::coordinator::listeners::Listeners;
use crate::coordinator::rules::descriptors::Descriptors;
use ringgate_runtime::sys::limits::nofile;
use std::fs;
use std::sync::Arc;

/// In use if /proc does not tell: more than a server with a few listeners has.
const IN_USE_UNKNOWN: u64 = 64;

/// The share of connections in the descriptors of this process, and what it is decided from.
pub(super) struct Allotment {
    headroom: Arc<Headroom>,
    slots: u64,
    /// Accepts that may be in flight at once: one for each listener that a core may own.
    accepts: u64,
    /// The descriptors of this process before its first connection.
    open: Vec<u64>,
}

impl Allotment {
    /// The allotment of a process that has opened all it listens on, and has no connection yet.
    pub(super) fn new(plan: &CorePlan, listeners: &Listeners, handle: &ServerHandle) -> Allotment {
        let slots = u64::from(plan.slots.get());
        let shared = listeners.units.iter().filter(|unit| unit.shared).count() as u64;
        let accepts = listeners.units.len() as u64 + shared * slots;
        let burst = ACCEPT_BURST as u64 * accepts;
        let allotment = Allotment {
            headroom: Arc::new(Headroom::new(None, burst)),
            slots,
            accepts,
            open: open_descriptors(),
        };
        handle.add_bound(allotment.measure());
        allotment
    }

    /// The bound that the cores keep to.
    pub(super) fn headroom(&self) -> Arc<Headroom> {
        self.headroom.clone()
    }

    /// Looks at the limit, and returns a line that says what comes of it.
    pub(super) fn measure(&self) -> String {
        let descriptors = self.descriptors();
        self.headroom
            .set(descriptors.as_ref().map(Descriptors::room));
        match descriptors {
            Some(descriptors) => descriptors.to_string(),
            None => "room for any number of connections: open files have no limit".to_owned(),
        }
    }

    /// How many descriptors connections and what was open before them may take together; None without
    /// a limit. The kernel gives the lowest number that is free, so a connection whose number is not
    /// below this one is one too many.
    pub(super) fn numbers(&self) -> Option<u64> {
        self.descriptors().as_ref().map(Descriptors::numbers)
    }

    /// How many more connections there are descriptors for just now; None if that is not bounded, or
    /// not known.
    pub(super) fn room(&self) -> Option<u64> {
        let open = open_descriptors().len() as u64;
        let numbers = self.numbers().filter(|_| open > 0);
        numbers.map(|numbers| numbers.saturating_sub(open))
    }

    /// How the descriptors of this process are shared out. Without a limit there is only the machine's,
    /// of which nobody can keep anything for himself.
    fn descriptors(&self) -> Option<Descriptors> {
        let limit = nofile().ok().and_then(|limit| limit.soft)?;
        let in_use = match self.open.is_empty() {
            true => IN_USE_UNKNOWN,
            // Numbers beyond the limit, from before it was lowered, take nothing of it.
            false => self.open.iter().filter(|number| **number < limit).count() as u64,
        };
        let places = self.slots + u64::from(SPARE_PLACES);
        Some(Descriptors::new(limit, in_use, places, self.accepts))
    }
}

/// The numbers of the descriptors of this process; none if /proc does not tell.
fn open_descriptors() -> Vec<u64> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}
