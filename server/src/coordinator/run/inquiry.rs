//! What the cores count, asked of all of them at once: each brings its gauges up to date between two
//! events and says so. The coordinator does not wait for it; an inquiry is open until the last core
//! has answered or [`PATIENCE`] is over, and a core that is blocked holds up nobody but who asked.
//!
//! What is made of the figures is in `super`: a status, or what metrics are rendered from.

use super::{Coordinator, FIGURES_KEY};
use crate::connection::Message;
use crate::coordinator::events::ServerEvent;
use crate::coordinator::plan::CoreState;
use crate::coordinator::reply::Reply;
use crate::coordinator::status::Status;
use crate::observe::metrics::Snapshot;
use ringgate_runtime::timer::TimerId;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;
use std::time::Duration;

/// How long a core has to report its figures before they are read without it.
const PATIENCE: Duration = Duration::from_millis(100);

/// What somebody wants to know.
pub(super) enum Asked {
    Status(Reply<Status>),
    Metrics(Reply<Snapshot>),
}

struct Inquiry {
    number: u64,
    asked: Asked,
    /// Cores that have not answered.
    silent: Vec<u32>,
    until: Moment,
    timer: TimerId,
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
        for index in &cores {
            self.post.to_core(*index, Message::Publish(number));
        }
        let until = core.now() + PATIENCE;
        self.inquiries.open.push(Inquiry {
            number,
            asked,
            silent: cores,
            until,
            timer: core.set_timer(until, FIGURES_KEY),
        });
        self.answer_inquiries(core);
    }

    /// A core has brought its gauges up to date.
    pub(super) fn published(&mut self, core: &Rc<Core>, index: u32, number: u64) {
        let slot = &mut self.slots[index as usize];
        slot.answered = core.now();
        self.events.emit(&ServerEvent::Heartbeat { core: index });
        let mut open = self.inquiries.open.iter_mut();
        if let Some(inquiry) = open.find(|inquiry| inquiry.number == number) {
            inquiry.silent.retain(|silent| *silent != index);
        }
        self.answer_inquiries(core);
    }

    /// Answers those that nobody is awaited for any more, or whose time is over: what a silent core
    /// counts is read as it stands.
    pub(super) fn answer_inquiries(&mut self, core: &Rc<Core>) {
        let now = core.now();
        let is_due = |inquiry: &mut Inquiry| inquiry.silent.is_empty() || inquiry.until <= now;
        let due: Vec<Inquiry> = self.inquiries.open.extract_if(.., is_due).collect();
        for inquiry in due {
            core.cancel_timer(inquiry.timer);
            match inquiry.asked {
                Asked::Status(reply) => reply.send(self.status(core, &inquiry.silent)),
                Asked::Metrics(reply) => reply.send(self.metrics(core, &inquiry.silent)),
            }
        }
    }
}
