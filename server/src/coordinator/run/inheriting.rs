//! The new side of an upgrade: takes the batons one by one, then the control socket, then the
//! connections of the process before.
//!
//! Called by the loop of [`super`]. Nothing is accepted before its baton has come. If the older
//! process is gone before the end, nobody else has what is left, so it is taken at once.

use super::key::Key;
use super::succession::Luggage;
use super::{Coordinator, Phase};
use crate::connection::Parcel;
use crate::coordinator::rehearsal;
use crate::coordinator::upgrade::channel::{Channel, Heard};
use crate::coordinator::upgrade::word::Word;
use crate::coordinator::upgrade::{Generation, Inheritance};
use ringgate_runtime::sys::pidfd::PidFd;
use ringgate_runtime::{Core, Descriptor, OpId};
use std::rc::Rc;

/// The process before this one.
pub(super) struct Older {
    channel: Channel,
    poll: OpId,
    /// Its end, seen before that of its socket, which its rings hold too. None if it cannot be
    /// watched from here: it is in another pid namespace.
    end: Option<(PidFd, OpId)>,
    pid: u32,
    /// Whether everything has come but its connections.
    owner: bool,
    /// It, and those before it.
    pub(super) generations: Vec<Generation>,
}

impl Coordinator {
    pub(super) fn inherit(&mut self, core: &Rc<Core>, inheritance: Inheritance) {
        let process = PidFd::open(inheritance.pid).ok();
        let end = process.map(|process| {
            let poll = core.poll(&process, super::POLL_IN, Key::OlderEnd.to_key());
            (process, poll)
        });
        self.succession.older = Some(Older {
            end,
            poll: core.poll(&inheritance.channel, super::POLL_IN, Key::Older.to_key()),
            channel: inheritance.channel,
            pid: inheritance.pid,
            owner: false,
            generations: Vec::new(),
        });
    }

    /// Whether batons are still to come.
    pub(super) fn is_inheriting(&self) -> bool {
        matches!(&self.succession.older, Some(older) if !older.owner)
    }

    pub(super) fn tell_older(&mut self, word: &Word) {
        if let Some(older) = &mut self.succession.older {
            older.channel.say(word);
        }
    }

    /// The cores are up: the batons may come.
    pub(super) fn ready_to_inherit(&mut self) {
        rehearsal::step("before-ready");
        let wanted = self.listeners.wanted();
        self.tell_older(&Word::Ready { wanted });
        rehearsal::step("ready");
    }

    /// This process cannot serve: says why, so that the older one can.
    pub(super) fn refuse_inheritance(&mut self, why: &str) {
        if self.is_inheriting() {
            let error = why.to_owned();
            self.tell_older(&Word::Refused { error });
        }
    }

    /// This server ends on purpose: the older one must not serve again in its place.
    pub(super) fn end_the_line(&mut self) {
        if !self.is_inheriting() {
            self.tell_older(&Word::Succeeded { by: true });
        }
    }

    pub(super) fn hear_older(&mut self, core: &Rc<Core>) {
        loop {
            let Some(older) = &mut self.succession.older else {
                return;
            };
            match older.channel.hear() {
                Ok(Some(heard)) => self.on_older_word(core, heard),
                Ok(None) => return,
                Err(_) => return self.older_is_gone(core),
            }
        }
    }

    /// The process before this one has ended; what it said before comes first.
    pub(super) fn older_has_ended(&mut self, core: &Rc<Core>) {
        self.hear_older(core);
        if self.succession.older.is_some() {
            self.older_is_gone(core);
        }
    }

    fn on_older_word(&mut self, core: &Rc<Core>, heard: Heard) {
        match (heard.word, heard.socket) {
            (Word::Baton { unit }, _) => {
                rehearsal::step("baton");
                // It was told of one that was stuck when it began to help.
                let told = self.take_baton(core, unit, false);
                if !told {
                    self.tell_older(&Word::Armed { unit });
                }
                rehearsal::step("armed");
            }
            (Word::Stuck { unit }, _) => {
                tracing::warn!(
                    unit,
                    "upgrade: a stuck core of the older process has this listener; helping"
                );
                self.take_baton(core, unit, true);
                self.tell_older(&Word::Armed { unit });
            }
            (Word::AllBatons, _) => {
                rehearsal::step("all-batons");
                self.own_everything(core);
            }
            (Word::Parcel { id }, Some(socket)) => {
                let parcel = Parcel::unpack(Descriptor::from(socket), &heard.bytes);
                if let Some(parcel) = parcel {
                    self.succession.inherited += 1;
                    self.settle_in(core, Luggage::Parcel(Box::new(parcel)));
                }
                self.tell_older(&Word::Taken { id });
            }
            (Word::Fresh { id }, Some(socket)) => {
                self.settle_in(core, Luggage::Fresh(Descriptor::from(socket)));
                self.tell_older(&Word::Taken { id });
            }
            (Word::Generations { list }, _) => {
                if let Some(older) = &mut self.succession.older {
                    older.generations = list;
                }
            }
            (word, _) => tracing::warn!(?word, "unexpected from the older process"),
        }
    }

    /// A listener comes, or help for it is wanted because it is stuck. Answers whether it was stuck
    /// before.
    fn take_baton(&mut self, core: &Rc<Core>, unit: u32, stuck: bool) -> bool {
        let mut before = false;
        let seats = self.pool.seats.iter_mut().zip(&self.listeners.all);
        for (seat, _) in seats.filter(|(_, listener)| listener.inherited == Some(unit)) {
            match std::mem::replace(&mut seat.stuck_elsewhere, stuck) {
                // It may have gone on to the process after this one meanwhile.
                true => before = true,
                false => seat.away = false,
            }
        }
        self.replan(core);
        before
    }

    /// Gives a connection of the older process to a core, or to the process after this one.
    fn settle_in(&mut self, core: &Rc<Core>, luggage: Luggage) {
        self.deliver(core.now(), luggage.into());
    }

    /// All batons are here: the rest of the listeners, the files and the control socket follow.
    fn own_everything(&mut self, core: &Rc<Core>) {
        match self.listeners.bind_late() {
            Ok(seats) => self.pool.seats.extend(seats),
            Err(error) => tracing::error!(%error, "going on with fewer listeners than cores"),
        }
        for seat in &mut self.pool.seats {
            seat.away = false;
        }
        self.listeners.own_files();
        let older = self.succession.older.as_ref().map_or(0, |older| older.pid);
        let claimed = self.operators.claim();
        let claimed =
            claimed.map_err(|error| format!("cannot take over the control socket: {error}"));
        if let Err(error) = claimed.and_then(|()| self.claim_pid_file(older)) {
            self.refuse_inheritance(&error);
            self.ended.failed = Some(error);
            return self.stop(core);
        }
        if let Some(older) = &mut self.succession.older {
            older.owner = true;
            tracing::info!(from = older.pid, "upgrade: this process has taken over");
        }
        self.tell_older(&Word::Owner);
        self.handle.set_ready(true);
        self.say_started(core);
    }

    fn older_is_gone(&mut self, core: &Rc<Core>) {
        let Some(older) = &mut self.succession.older else {
            return;
        };
        core.cancel(older.poll);
        if let Some((_, poll)) = &older.end {
            core.cancel(*poll);
        }
        let (owner, pid) = (older.owner, older.pid);
        if owner {
            tracing::info!(pid, "upgrade: the older process has ended");
        } else if self.phase != Phase::Stopping {
            tracing::warn!(
                pid,
                "upgrade: the older process is gone; taking what is left"
            );
            self.own_everything(core);
        }
        // What it had in flight ends with its rings: that of a stuck core, or all if it was not to end.
        self.rings_linger(core, |seat| seat.stuck_elsewhere || !owner);
        for seat in &mut self.pool.seats {
            seat.stuck_elsewhere = false;
        }
        self.succession.older = None;
    }
}
