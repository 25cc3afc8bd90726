//! The hands of a made-up coordinator: what the two sides of an upgrade, the plan and the end demand is done to made-up
//! cores and to the processes beside this one.

use super::{CONNECTIONS_MAX, FIRST_CONNECTION, PLACES, Report, ToCore, UNITS, World, luggage};
use crate::config::Config;
use crate::coordinator::plan::{Action, CoreState};
use crate::coordinator::run::ending::{self, Phase};
use crate::coordinator::upgrade::inheritance;
use crate::coordinator::upgrade::succession;
use crate::coordinator::upgrade::word::{Generation, Word};

impl World {
    pub(super) fn succeed(&mut self, at: usize, event: succession::Event) {
        let units: Vec<u32> = (0..UNITS as u32).collect();
        let process = &mut self.processes[at];
        let view = succession::View {
            now: self.now,
            pool: &process.pool,
            units: &units[..process.pool.seats.len()],
            open: process.open(),
        };
        for act in process.succession.on(&view, event) {
            self.perform_succession(at, act);
        }
    }

    pub(super) fn perform_succession(&mut self, at: usize, act: succession::Act) {
        use succession::Act;
        let process = &mut self.processes[at];
        match act {
            Act::Say(word) => self.say_newer(at, word, None),
            Act::SayStanding { .. } => self.say_generations(at),
            Act::TellOlder(word) => self.say_older(at, word),
            Act::Step(..) | Act::Failed(..) | Act::Answer(..) => {}
            Act::SayStaying { .. } | Act::Reclaim => {}
            Act::SayBroken { why, .. } => panic!("generation {at}: {why}"),
            Act::Dismiss(cause) => self.dismiss(at, cause),
            Act::GiveAway(unit) => process.pool.seats[unit as usize].away = true,
            Act::TakeBack => process
                .pool
                .seats
                .iter_mut()
                .for_each(|seat| seat.away = false),
            Act::StaleRings => process
                .pool
                .seats
                .iter_mut()
                .for_each(|seat| seat.stale_rings = true),
            Act::Commit(_) => {
                process.pool.spawning = false;
                process
                    .pool
                    .seats
                    .iter_mut()
                    .for_each(|seat| seat.away = true);
                self.end_by(at, ending::Event::HandedOver);
            }
            Act::Resume => self.end_by(at, ending::Event::Resumed),
            Act::FinishAlone => {
                process.pool.seats.clear();
                self.end_by(at, ending::Event::LeftAlone);
            }
            Act::Send => self.send_luggage(at),
            Act::Deliver(luggage) => {
                process.brought.remove(&luggage.listener().0);
                self.deliver_here(at, luggage.listener().0);
            }
            Act::ServeOn => {
                if process.ending.phase() == Phase::Draining {
                    process.pool.target = process.pool.target.max(1);
                    self.call_cores_back(at);
                }
            }
            Act::Offer(count) => {
                if let Some(core) = process.pool.heirs().first() {
                    process.cores[*core as usize]
                        .mail
                        .push_back(ToCore::Spread(count));
                }
            }
            Act::Drain => {}
        }
    }

    pub(super) fn inherit(&mut self, at: usize, event: inheritance::Event) {
        let inherited: Vec<_> = (0..FIRST_CONNECTION + CONNECTIONS_MAX).map(Some).collect();
        let process = &mut self.processes[at];
        let view = inheritance::View {
            pool: &process.pool,
            inherited: &inherited,
            ending: matches!(process.ending.phase(), Phase::Draining | Phase::Stopping),
            numbers: None,
        };
        for act in process.inheritance.on(&view, event) {
            self.perform_inheritance(at, act);
        }
    }

    pub(super) fn perform_inheritance(&mut self, at: usize, act: inheritance::Act) {
        use inheritance::Act;
        let process = &mut self.processes[at];
        match act {
            Act::Say(word) => self.say_older(at, word),
            Act::Rehearse(_) | Act::Serve(_) | Act::Again { .. } => {}
            Act::Take { unit, stuck } => {
                // One whose listeners are another's by now has none.
                if let Some(seat) = process.pool.seats.get_mut(unit as usize)
                    && !std::mem::replace(&mut seat.stuck_elsewhere, stuck)
                {
                    seat.away = false;
                }
                self.replan(at);
            }
            Act::Own { .. } => {
                process
                    .pool
                    .seats
                    .iter_mut()
                    .for_each(|seat| seat.away = false);
                self.inherit(at, inheritance::Event::Owned(Ok(None)));
            }
            Act::Deliver(luggage) => self.deliver(at, luggage.listener().0),
            Act::Fail(why) => panic!("generation {at}: {why}"),
            Act::StaleRings { all } => {
                let seats = process.pool.seats.iter_mut();
                seats
                    .filter(|seat| seat.stuck_elsewhere || all)
                    .for_each(|seat| seat.stale_rings = true);
            }
            Act::Suspect => {
                let seats = process.pool.seats.iter_mut();
                seats.for_each(|seat| seat.stuck_elsewhere |= seat.away);
            }
            Act::FreeStuck { after } => {
                process.ancestors.extend(after);
                self.look_at_ancestors(at);
            }
            Act::Close => {
                let older = process.older.take();
                process.from_older.clear();
                process.inheritance.closed();
                if let Some(older) = older {
                    self.processes[older].newer_is_gone = true;
                }
            }
        }
    }

    /// Frees the listeners of stuck cores elsewhere once the processes are dead that may have them.
    pub(super) fn look_at_ancestors(&mut self, at: usize) {
        let living: Vec<u32> = self
            .processes
            .iter()
            .filter(|process| process.lives)
            .map(|process| process.pid)
            .collect();
        let process = &mut self.processes[at];
        process.ancestors.retain(|of| living.contains(&of.pid));
        if process.ancestors.is_empty() && process.inheritance.is_over() {
            let seats = process.pool.seats.iter_mut();
            seats.for_each(|seat| seat.stuck_elsewhere = false);
        }
    }

    pub(super) fn say_generations(&mut self, at: usize) {
        let process = &self.processes[at];
        let own = Generation {
            pid: process.pid,
            phase: process.ending.phase().name().to_owned(),
            open: process.open(),
            staying: 0,
        };
        let older = process.inheritance.generations().chain(&process.ancestors);
        let list = [own].into_iter().chain(older.cloned()).collect();
        self.say_newer(at, Word::Generations { list }, None);
    }

    pub(super) fn end_by(&mut self, at: usize, event: ending::Event) {
        let process = &mut self.processes[at];
        let view = ending::View {
            now: self.now,
            rules: Config::default().drain,
            pool: &process.pool,
            awaits_a_core: process.pool.cores.contains(&CoreState::Starting)
                && process.pool.heirs().is_empty(),
            lacks_a_core: process.lacks_a_core(),
            lingers: false,
            given_up: &[false; PLACES],
            silent: &[false; PLACES],
        };
        for act in process.ending.on(&view, event) {
            match act {
                ending::Act::Accept => self.processes[at].pool.accepting = true,
                ending::Act::StopAccepting => self.processes[at].pool.accepting = false,
                ending::Act::KeepACore => self.start_for_the_last(at),
                ending::Act::ServeAgain => self.call_cores_back(at),
                ending::Act::TellCores { .. } => {
                    let process = &mut self.processes[at];
                    let cores = process.cores.iter_mut().zip(&process.pool.cores);
                    for (core, _) in cores.filter(|(_, state)| state.has_thread()) {
                        core.mail.push_back(ToCore::Drain);
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn call_cores_back(&mut self, at: usize) {
        let process = &mut self.processes[at];
        process.pool.spawning = true;
        for (state, core) in process.pool.cores.iter_mut().zip(&mut process.cores) {
            if matches!(state, CoreState::Leaving | CoreState::Running) {
                *state = CoreState::Running;
                core.mail.push_back(ToCore::Stay);
            }
        }
    }

    pub(super) fn say_newer(&mut self, at: usize, word: Word, connection: Option<u32>) {
        if let Some(newer) = self.processes[at].newer {
            let newer = &mut self.processes[newer];
            if newer.lives && newer.older.is_some() {
                newer.from_older.push_back((word, connection));
            }
        }
    }

    pub(super) fn say_older(&mut self, at: usize, word: Word) {
        if let Some(older) = self.processes[at].older {
            let older = &mut self.processes[older];
            if older.lives {
                older.from_newer.push_back(word);
            }
        }
    }

    pub(super) fn send_luggage(&mut self, at: usize) {
        while self.processes[at].newer.is_some()
            && let Some((id, luggage)) = self.processes[at].succession.next()
        {
            let connection = luggage.listener().0;
            let word = Word::Fresh {
                id,
                unit: Some(connection),
                tls: false,
                proxied: false,
            };
            self.processes[at].sent.insert(id, connection);
            self.say_newer(at, word, Some(connection));
            self.processes[at].succession.sent();
        }
    }

    pub(super) fn deliver(&mut self, at: usize, connection: u32) {
        match self.processes[at].succession.takes_connections() {
            true => self.hand_on(at, connection),
            false => self.deliver_here(at, connection),
        }
    }

    pub(super) fn hand_on(&mut self, at: usize, connection: u32) {
        match self.processes[at].succession.bring(luggage(connection)) {
            None => {
                self.processes[at].brought.insert(connection);
                self.send_luggage(at);
            }
            Some(_) => self.deliver_here(at, connection),
        }
    }

    pub(super) fn deliver_here(&mut self, at: usize, connection: u32) {
        let process = &mut self.processes[at];
        match process.pool.heirs().first() {
            Some(heir) => process.cores[*heir as usize]
                .mail
                .push_back(ToCore::Adopt(connection)),
            None => process.parked.push(connection),
        }
    }

    pub(super) fn replan(&mut self, at: usize) {
        self.succeed(at, succession::Event::Looked);
        loop {
            let process = &mut self.processes[at];
            let actions = process.pool.plan();
            if actions.is_empty() {
                break;
            }
            for action in actions {
                process.pool.perform(&action);
                let (place, word) = match action {
                    Action::Spawn(place) => {
                        self.spawn(at, place as usize);
                        break;
                    }
                    Action::Forget(_) | Action::Retire(_) => continue,
                    Action::Leave(place, heirs) => match process.succession.has_handed_over() {
                        true => (place, ToCore::Leave(Vec::new())),
                        false => (place, ToCore::Leave(heirs)),
                    },
                    Action::Arm { seat, place } => (place, ToCore::Arm(seat)),
                    Action::Recall { seat, place } => (place, ToCore::Disarm(seat)),
                    Action::Help { seat, place } => (place, ToCore::Help(seat)),
                    Action::Unhelp { seat, place } => (place, ToCore::Unhelp(seat)),
                };
                process.cores[place as usize].mail.push_back(word);
            }
        }
        let process = &mut self.processes[at];
        if !process.pool.heirs().is_empty() {
            for connection in std::mem::take(&mut process.parked) {
                self.deliver_here(at, connection);
            }
        }
        match self.processes[at].ending.phase() {
            Phase::Starting if self.processes[at].pool.is_settled() => {
                self.end_by(at, ending::Event::CoresServe);
                self.replan(at);
                if self.processes[at].inheritance.is_coming() {
                    let wanted = (0..UNITS as u32).collect();
                    let up = inheritance::Event::CoresUp {
                        wanted,
                        tls: true,
                        metrics: true,
                    };
                    self.inherit(at, up);
                }
            }
            Phase::Draining if self.processes[at].succession.has_handed_over() => {
                if self.finish_generation(at) {
                    self.end_by(at, ending::Event::GenerationOver);
                    self.exits(at);
                }
            }
            Phase::Draining | Phase::Stopping => {
                self.end_by(at, ending::Event::Looked);
                if self.processes[at].ending.phase() == Phase::Stopped {
                    self.exits(at);
                }
            }
            Phase::Starting | Phase::Running | Phase::Stopped => {}
        }
    }

    fn spawn(&mut self, at: usize, place: usize) {
        let process = &mut self.processes[at];
        process.cores[place].runs = true;
        process.reports.push_back(Report::Up(place));
    }

    /// Starts a core in a drain for connections that wait for one.
    fn start_for_the_last(&mut self, at: usize) {
        let process = &mut self.processes[at];
        let mut cores = process.pool.cores.iter();
        if process.lacks_a_core()
            && let Some(place) = cores.position(|state| !state.has_thread())
        {
            process.pool.target = process.pool.target.max(1);
            process.pool.cores[place] = CoreState::Starting;
            self.spawn(at, place);
        }
    }

    pub(super) fn finish_generation(&mut self, at: usize) -> bool {
        let process = &mut self.processes[at];
        let mut holders = process
            .pool
            .seats
            .iter()
            .filter_map(|seat| seat.baton.holder());
        if holders.any(|holder| !process.pool.is_stuck(holder)) {
            return false;
        }
        let has_connections = process.open() > 0 || !process.parked.is_empty();
        if !process.succession.keeps_connections() || !has_connections {
            process.pool.spawning = false;
            for place in process.pool.serving() {
                process.pool.cores[place as usize] = CoreState::Leaving;
                process.cores[place as usize]
                    .mail
                    .push_back(ToCore::Leave(Vec::new()));
            }
        }
        if process.succession.takes_connections() {
            for connection in std::mem::take(&mut process.parked) {
                self.hand_on(at, connection);
            }
        }
        let process = &self.processes[at];
        let gone = process.pool.cores.iter().all(|state| !state.has_thread());
        let before = process.inheritance.is_over() && process.ancestors.is_empty();
        process.succession.has_delivered() && gone && before
    }
}
