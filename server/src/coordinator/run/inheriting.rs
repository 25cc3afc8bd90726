//! The hands of the new side of an upgrade: says and hears what
//! [`Inheritance`](crate::coordinator::upgrade::inheritance::Inheritance) decides, and performs its acts.
//!
//! Called by the loop of [`super`]. Decides nothing about who may say what when.

use super::ending;
use super::key::Key;
use super::link::Link;
use super::{Coordinator, Phase, sizing};
use crate::config::{AdmissionLimits, LimitsChange, PoolSize};
use crate::coordinator::rehearsal;
use crate::coordinator::upgrade::Legacy;
use crate::coordinator::upgrade::channel::HearError;
use crate::coordinator::upgrade::error::LegacyError;
use crate::coordinator::upgrade::inheritance::{Act, ByHand, Event, View};
use crate::coordinator::upgrade::word::Word;
use ringgate_runtime::Core;
use std::rc::Rc;

impl Coordinator {
    pub(super) fn begin_to_inherit(&mut self, core: &Rc<Core>, legacy: Legacy) {
        let Legacy { channel, pid, .. } = legacy;
        let link = Link::new(core, pid, channel, Key::Older, Key::OlderEnd);
        self.processes.older = Some(link);
        self.inherit(core, Event::Began { pid });
        self.handover_tick(core);
    }

    /// Lets the inheritance hear what happened, and does what it says.
    pub(super) fn inherit(&mut self, core: &Rc<Core>, event: Event) {
        let listeners = self.listeners.all.iter();
        let inherited: Vec<Option<u32>> = listeners.map(|listener| listener.inherited).collect();
        let view = View {
            pool: &self.pool,
            inherited: &inherited,
            ending: !matches!(self.phase(), Phase::Starting | Phase::Running),
            numbers: self.allotment.numbers(),
        };
        for act in self.inheritance.on(&view, event) {
            self.perform_inheritance(core, act);
        }
    }

    fn perform_inheritance(&mut self, core: &Rc<Core>, act: Act) {
        match act {
            Act::Say(word) => self.tell_older(&word),
            Act::Rehearse(step) => rehearsal::step(step),
            Act::Take { unit, stuck } => self.take_baton(core, unit, stuck),
            Act::Own { older } => self.own_everything(core, older),
            Act::Deliver(luggage) => {
                self.processes.taken.push(luggage);
                self.deliver_taken(core);
            }
            Act::Serve(by_hand) => {
                let handle = self.handle.clone();
                self.operators.serve_metrics(core, &handle);
                self.hold_by_hand(core, &by_hand);
                self.handle.set_ready(true);
                self.say_started(core);
            }
            Act::Again { reload, reopen } => {
                if reopen {
                    self.reopen_logs(core);
                }
                if reload {
                    // The log says what came of it.
                    drop(self.reload(core));
                }
            }
            Act::Fail(error) => {
                self.inherit(core, Event::Failed(error.clone()));
                self.end_by(core, ending::Event::Fails(error));
            }
            Act::StaleRings { all } => {
                self.rings_are_stale(core, |seat| seat.stuck_elsewhere || all)
            }
            Act::Suspect => {
                let seats = self.pool.seats.iter_mut().zip(&self.listeners.all);
                for (seat, listener) in seats {
                    seat.stuck_elsewhere |= seat.away && listener.inherited.is_some();
                }
            }
            Act::FreeStuck { after } => self.free_stuck_after(core, after),
            Act::Close => {
                if let Some(link) = self.processes.older.take() {
                    drop(link.close(core));
                }
                self.deliver_taken(core);
                self.inheritance.closed();
            }
        }
    }

    pub(super) fn tell_older(&mut self, word: &Word) {
        if let Some(older) = &mut self.processes.older {
            older.channel.say(word);
        }
    }

    /// Gives the cores the connections of the older process, once it can hear that they are here, or is gone.
    pub(super) fn deliver_taken(&mut self, core: &Rc<Core>) {
        let older = self.processes.older.as_ref();
        if older.is_none_or(|older| !older.channel.is_waiting()) {
            for luggage in std::mem::take(&mut self.processes.taken) {
                self.deliver(core.now(), luggage);
            }
        }
    }

    pub(super) fn hear_older(&mut self, core: &Rc<Core>) {
        while let Some(older) = &mut self.processes.older
            && older.is_heard()
            && let Some(heard) = older.hear()
        {
            let event = match heard {
                Ok(heard) => Event::Said {
                    word: heard.word,
                    bytes: heard.bytes,
                    attached: heard.attached,
                },
                // It closes its socket only when it is over, or has done with this process.
                Err(HearError::Ended) => Event::Gone,
                Err(error @ (HearError::NotUnderstood(_) | HearError::Failed(_))) => {
                    Event::Garbled(error.to_string())
                }
            };
            self.inherit(core, event);
        }
    }

    /// The process before this one has ended; what it said before comes first.
    pub(super) fn older_has_ended(&mut self, core: &Rc<Core>) {
        self.hear_older(core);
        self.inherit(core, Event::Gone);
    }

    /// A listener comes, or help for it is wanted because it is stuck.
    fn take_baton(&mut self, core: &Rc<Core>, unit: u32, stuck: bool) {
        let seats = self.pool.seats.iter_mut().zip(&self.listeners.all);
        for (seat, _) in seats.filter(|(_, listener)| listener.inherited == Some(unit)) {
            // One that was stuck may have gone on to the process after this one meanwhile.
            if !std::mem::replace(&mut seat.stuck_elsewhere, stuck) {
                seat.away = false;
            }
        }
        self.replan(core);
    }

    /// All batons are here: the rest of the listeners, the files and the control socket follow.
    fn own_everything(&mut self, core: &Rc<Core>, older: u32) {
        let (seats, errors) = self.listeners.bind_late();
        self.pool.seats.extend(seats);
        for error in errors {
            tracing::error!(%error, "going on with fewer listeners than cores");
        }
        for seat in &mut self.pool.seats {
            seat.away = false;
        }
        let handle = self.handle.clone();
        let claimed = self.operators.claim(core, &handle);
        let claimed = claimed.map_err(LegacyError::Control);
        let claimed = claimed
            .and_then(|()| self.claim_pid_file(older).map_err(LegacyError::PidFile))
            .map(|()| self.allotment.room());
        // Last, for this process removes at its end what it owns: if it failed now the older one would go on without.
        if claimed.is_ok() {
            self.listeners.own_files();
            self.operators.own_files();
        }
        self.inherit(core, Event::Owned(claimed));
    }

    /// Lets hold on what an operator had set in the process before, as it does when the configuration is
    /// read again: limits if the configuration says the same about them as before, a number of cores
    /// in any case.
    fn hold_by_hand(&mut self, core: &Rc<Core>, by_hand: &ByHand) {
        if let Some((configured, live)) = &by_hand.limits {
            let read = |words: &str| {
                let change: LimitsChange = words.parse().ok()?;
                change.apply(AdmissionLimits::default()).ok()
            };
            if let (Some(configured), Some(live)) = (read(configured), read(live))
                && configured == self.config.admission
                && live != configured
            {
                tracing::info!(
                    limits = by_hand.limits.as_ref().map(|(_, live)| live),
                    "limits that were set by hand stay"
                );
                self.gate.set_limits(live, core.now());
            }
        }
        if let Some(cores) = by_hand.cores {
            let size = PoolSize::Cores(cores.min(self.sizing.slots()));
            let (wait, reply) = (false, None);
            self.size(core, sizing::Event::Ordered { size, wait, reply });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::taking_over;
    use super::*;
    use crate::config::Config;
    use crate::coordinator::upgrade::channel::Attached;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_process_that_was_started_with_an_older_configuration_reads_it_again_when_it_serves() {
        let (core, mut coordinator, _theirs) = taking_over();
        let reads = Arc::<AtomicU32>::default();
        coordinator.read_config = Some(Box::new({
            let reads = reads.clone();
            move || {
                reads.fetch_add(1, Ordering::Relaxed);
                Ok(Config::default())
            }
        }));
        let (reload, reopen) = (true, true);
        let said = Event::Said {
            word: Word::Again { reload, reopen },
            bytes: Default::default(),
            attached: Attached::Nothing,
        };
        coordinator.inherit(&core, said);
        assert_eq!(reads.load(Ordering::Relaxed), 0, "it does not serve yet");
        coordinator.inherit(&core, Event::Owned(Ok(None)));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
    }
}
