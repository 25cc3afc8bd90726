//! New settings for a core and the connections it has: limits hold from the next request on, and a
//! wait that goes on lasts as long as if it had begun under the new timeouts.
//!
//! Called when the configuration was read again. Decides nothing about what may change.

use super::engine::Engine;
use super::settings::Settings;
use crate::http1::exchange::Deadline;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// The same wait under another timeout: it began `old` before `deadline`.
fn moved(deadline: Moment, old: std::time::Duration, new: std::time::Duration) -> Moment {
    let began = deadline.as_nanos().saturating_sub(old.as_nanos() as u64);
    Moment::from_nanos(began) + new
}

impl Engine {
    pub(super) fn retune(&mut self, core: &Rc<Core>, new: Settings) {
        self.table.sockets().believe(new.belief.clone());
        let old = std::mem::replace(&mut self.settings, new);
        if let Some(access) = &mut self.access {
            access.follow(&self.settings.access_log);
        }
        for key in self.table.keys() {
            let Some(connection) = self.table.get(key) else {
                continue;
            };
            let Some(kind) = connection.deadline_of else {
                continue;
            };
            let (before, after) = (old.timeout(kind), self.settings.timeout(kind));
            let is_bounded =
                kind == Deadline::Linger && old.linger_time != self.settings.linger_time;
            // The end of an idle connection of a draining server is not a timeout.
            if before == after && !is_bounded || kind == Deadline::Idle && self.is_draining() {
                continue;
            }
            let Some(connection) = self.table.get(key) else {
                continue;
            };
            let deadline = moved(connection.deadline, before, after);
            let deadline = connection.bounded(kind, deadline, &self.settings);
            connection.put_deadline(core, key, deadline);
        }
        if self.settings.queue_timeout != old.queue_timeout {
            self.limit_waits_anew(core);
        }
        self.admit_outside(core);
        // Fewer or more connections may be allowed now.
        self.accept_where_idle(core);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_wait_that_goes_on_is_measured_from_its_beginning() {
        let at = |seconds: u64| Moment::from_nanos(seconds * 1_000_000_000);
        let seconds = Duration::from_secs;
        assert_eq!(moved(at(100), seconds(75), seconds(5)), at(30));
        assert_eq!(moved(at(100), seconds(5), seconds(75)), at(170));
    }
}
