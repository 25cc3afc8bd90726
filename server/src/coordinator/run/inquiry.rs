//! What the cores count, asked of all of them at once: each tells its ledgers as they stand between
//! two of its events, and brings its gauges up to date. The sum of what they told balances, since
//! each of them does: nothing is read while its owner writes. The coordinator does not wait for it; an
//! inquiry is open until the last core has answered, and a core that is blocked holds up nobody but
//! who asked, for [`PATIENCE`].
//!
//! What is made of the figures is in `shown.rs`.

use super::key::Key;
use super::{Coordinator, Slot};
use crate::admission::ledger::{Connections, Ledgers, Requests};
use crate::connection::Message;
use crate::coordinator::events::ServerEvent;
use crate::coordinator::plan::CoreState;
use crate::coordinator::reply::Reply;
use crate::coordinator::rules::heart::is_blocked;
use crate::coordinator::status::{self, Status};
use crate::observe::metrics::Snapshot;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;
use std::time::Duration;

/// How long a core has to tell its figures. One that counted nothing meanwhile and gave no sign of life is
/// blocked, and what it has counted is read without it; any other is busy, or waits for a CPU, and gets the
/// time again.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often a core that is busy gets the time. Then what it told last has to do.
const LOOKS_MAX: u32 = 10;

/// What somebody wants to know.
pub(super) enum Asked {
    Status(Reply<Status>),
    Metrics(Reply<Snapshot>),
}

/// A core that has not answered.
struct Silent {
    core: u32,
    /// What it had counted at the last look.
    then: Ledgers,
}

struct Inquiry {
    number: u64,
    asked: Asked,
    told: Answered,
    silent: Vec<Silent>,
    looks: u32,
    until: Moment,
    timer: TimerId,
}

/// What an inquiry brought.
pub(super) struct Answered {
    /// Of each place for a core, in order.
    ledgers: Vec<Ledgers>,
    /// The coordinator's, as they stood when the cores were asked.
    own: Ledgers,
    /// Cores whose figures were read without them, since they are blocked.
    silent: Vec<u32>,
}

impl Answered {
    /// The ledgers of one core.
    pub(super) fn of(&self, core: u32) -> &Ledgers {
        &self.ledgers[core as usize]
    }

    pub(super) fn is_silent(&self, core: u32) -> bool {
        self.silent.contains(&core)
    }

    /// Both ledgers over all cores.
    pub(super) fn totals(&self) -> (Connections, Requests) {
        status::totals(self.ledgers.iter().chain([&self.own]).copied())
    }
}

/// The inquiries that are open, the oldest first.
#[derive(Default)]
pub(super) struct Inquiries {
    last: u64,
    open: Vec<Inquiry>,
}

impl Coordinator {
    /// Asks each core that is alive.
    pub(super) fn inquire(&mut self, core: &Rc<Core>, asked: Asked) {
        let alive = |state: CoreState| state.has_thread() && state != CoreState::Starting;
        let cores = (0..).zip(&self.pool.cores);
        // One that is known to be stuck would only cost the patience.
        let cores: Vec<u32> = cores
            .filter(|(core, state)| alive(**state) && !self.pool.is_stuck(*core))
            .map(|(index, _)| index)
            .collect();
        self.events.emit(&ServerEvent::Wait {
            cores: cores.len() as u32,
        });
        self.inquiries.last += 1;
        let number = self.inquiries.last;
        // Before anybody is asked: who is not asked counts nothing, or what it counts from now on
        // belongs to the next inquiry.
        let told = Answered {
            ledgers: self.slots.iter_mut().map(Slot::ledgers).collect(),
            own: self.own_ledgers(),
            silent: Vec::new(),
        };
        for index in &cores {
            self.feel(core.now(), *index);
        }
        let silent = |core: &u32| Silent {
            core: *core,
            then: self.slots[*core as usize].stats.ledgers(),
        };
        let silent = cores.iter().map(silent).collect();
        for index in &cores {
            self.post.to_core(*index, Message::Publish(number));
        }
        let until = core.now() + PATIENCE;
        self.inquiries.open.push(Inquiry {
            number,
            asked,
            told,
            silent,
            looks: 0,
            until,
            timer: core.set_timer(until, Key::Figures.to_key()),
        });
        self.answer_inquiries(core);
    }

    /// A core has told what it counts.
    pub(super) fn published(&mut self, core: &Rc<Core>, index: u32, number: u64, ledgers: Ledgers) {
        let slot = &mut self.slots[index as usize];
        slot.heart.is_heard();
        slot.told = ledgers;
        self.events.emit(&ServerEvent::Heartbeat { core: index });
        let mut open = self.inquiries.open.iter_mut();
        if let Some(inquiry) = open.find(|inquiry| inquiry.number == number) {
            inquiry.silent.retain(|silent| silent.core != index);
            inquiry.told.ledgers[index as usize] = ledgers;
        }
        self.answer_inquiries(core);
    }

    /// Answers those that nobody is awaited for any more.
    pub(super) fn answer_inquiries(&mut self, core: &Rc<Core>) {
        let now = core.now();
        let due = self.inquiries.open.iter().filter(|i| i.until <= now);
        let silent: Vec<u32> = due.flat_map(Inquiry::silent_cores).collect();
        // One that has ended meanwhile has said all.
        let blocked = silent.into_iter().filter(|index| {
            let silent = self.feel(now, *index);
            silent.is_none_or(|silent| is_blocked(silent, PATIENCE))
        });
        let blocked: Vec<u32> = blocked.collect();
        let slots = &self.slots;
        for inquiry in self.inquiries.open.iter_mut().filter(|i| i.until <= now) {
            inquiry.look(slots, &blocked);
            inquiry.until = now + PATIENCE;
            inquiry.timer = core.set_timer(inquiry.until, Key::Figures.to_key());
        }
        let is_due = |inquiry: &mut Inquiry| inquiry.silent.is_empty();
        let due: Vec<Inquiry> = self.inquiries.open.extract_if(.., is_due).collect();
        for inquiry in due {
            core.cancel_timer(inquiry.timer);
            match inquiry.asked {
                Asked::Status(reply) => reply.send(self.status(core, &inquiry.told)),
                Asked::Metrics(reply) => reply.send(self.metrics(core, &inquiry.told)),
            }
        }
    }
}

impl Inquiry {
    fn silent_cores(&self) -> impl Iterator<Item = u32> {
        self.silent.iter().map(|silent| silent.core)
    }

    /// The time is over: does without those that are `blocked` and have counted nothing meanwhile.
    fn look(&mut self, slots: &[Slot], blocked: &[u32]) {
        self.looks += 1;
        let last = self.looks == LOOKS_MAX;
        let told = &mut self.told;
        self.silent.retain_mut(|silent| {
            let slot = &slots[silent.core as usize];
            let now = slot.stats.ledgers();
            let stands_still = now == silent.then && now.balance();
            let is_blocked = stands_still && blocked.contains(&silent.core);
            silent.then = now;
            if is_blocked || last {
                told.ledgers[silent.core as usize] = if stands_still { now } else { slot.told };
            }
            if is_blocked {
                told.silent.push(silent.core);
            }
            !is_blocked && !last
        });
    }
}

impl Slot {
    /// What is counted here, without asking: a core that starts or ends may be counting just now, and
    /// then it is what was known before.
    fn ledgers(&mut self) -> Ledgers {
        let now = self.stats.ledgers();
        if now.balance() {
            self.told = now;
        }
        self.told
    }
}
