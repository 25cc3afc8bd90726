//! Upgrades without processes: any number of generations of a server, each with what decides for it (the plan, the old
//! and the new side of an upgrade, the end), on made-up cores, in one schedule that a seed draws. Words and messages
//! come late, cores are stuck for a while, processes die anywhere.
//!
//! Held at every step: one core in all processes has an accept armed on a listener, and one serves a connection. In the
//! end somebody accepts on every listener, and each connection that was in no process that died is served.
//!
//! The hands of the two sides are made up as well, as small as they can be; the real ones are in `succeeding.rs` and
//! `inheriting.rs`, and the storms try them.

mod hands;
#[path = "../../../../tests/seeds/mod.rs"]
mod seeds;

use super::ending::{Ending, Phase};
use crate::connection::{Fresh, ListenerId};
use crate::coordinator::plan::{Baton, CoreState, Pool, Seat};
use crate::coordinator::upgrade::channel::Attached;
use crate::coordinator::upgrade::hand_over::Luggage;
use crate::coordinator::upgrade::inheritance::{self, Inheritance};
use crate::coordinator::upgrade::succession::{self, Succession};
use crate::coordinator::upgrade::word::{Generation, Word};
use ringgate_runtime::{Descriptor, Moment};
use seeds::Dice;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;
use zeroize::Zeroizing;

const UNITS: usize = 2;
const PLACES: usize = 3;
/// Connections are named by numbers that no listener has, so that words carry them as the unit they came in by.
const FIRST_CONNECTION: u32 = 16;
const CONNECTIONS_MAX: u32 = 40;
const GENERATIONS_MAX: usize = 4;

/// A word to a core.
#[derive(Debug)]
enum ToCore {
    Arm(usize),
    Disarm(usize),
    Help(usize),
    Unhelp(usize),
    Adopt(u32),
    /// To these cores, or to the newer process.
    Leave(Vec<u32>),
    Spread(u32),
    Stay,
    Drain,
}

/// A word of a core.
enum Report {
    Up(usize),
    Disarmed(usize, usize),
    Ended(usize),
    HandOver(u32),
    /// There is mail for a core that is over.
    Undelivered(usize),
}

#[derive(Default)]
struct Core {
    runs: bool,
    mail: VecDeque<ToCore>,
    armed: BTreeSet<usize>,
    helps: BTreeSet<usize>,
    has: BTreeSet<u32>,
    leaves_to: Option<Vec<u32>>,
    drains: bool,
    is_stuck: bool,
}

/// One generation.
struct Process {
    pid: u32,
    lives: bool,
    pool: Pool,
    ending: Ending,
    succession: Succession,
    inheritance: Inheritance,
    cores: Vec<Core>,
    reports: VecDeque<Report>,
    parked: Vec<u32>,
    /// Processes before the older one, which is dead.
    ancestors: Vec<Generation>,
    /// Connections that wait for the newer process, or for its word.
    brought: BTreeSet<u32>,
    sent: BTreeMap<u64, u32>,
    /// The places in [`World::processes`] of those before and after, while there is a socket to them.
    older: Option<usize>,
    newer: Option<usize>,
    from_older: VecDeque<(Word, Option<u32>)>,
    from_newer: VecDeque<Word>,
    /// Whether the other end of a socket is closed.
    older_is_gone: bool,
    newer_is_gone: bool,
}

/// Every process, and the queues of listeners that the kernel keeps.
struct World {
    now: Moment,
    processes: Vec<Process>,
    queues: [VecDeque<u32>; UNITS],
    connections: u32,
    /// Connections that were in a process when it died.
    lost: BTreeSet<u32>,
    /// Connections that have ended.
    over: BTreeSet<u32>,
}

impl Process {
    fn new(pid: u32, older: Option<usize>) -> Process {
        let seat = |slot| Seat {
            away: older.is_some(),
            ..Seat::new(slot as u32, false)
        };
        let mut inheritance = Inheritance::default();
        let pool = Pool {
            target: 2,
            accepting: false,
            spawning: true,
            cores: vec![CoreState::Absent; PLACES],
            stuck: vec![false; PLACES],
            seats: (0..UNITS).map(seat).collect(),
        };
        if older.is_some() {
            let view = inheritance::View {
                pool: &pool,
                inherited: &[],
                ending: false,
                numbers: None,
            };
            let acts = inheritance.on(&view, inheritance::Event::Began { pid: pid - 1 });
            assert!(acts.is_empty());
        }
        Process {
            pid,
            lives: true,
            pool,
            ending: Ending::default(),
            succession: Succession::default(),
            inheritance,
            cores: (0..PLACES).map(|_| Core::default()).collect(),
            reports: VecDeque::new(),
            parked: Vec::new(),
            ancestors: Vec::new(),
            brought: BTreeSet::new(),
            sent: BTreeMap::new(),
            older,
            newer: None,
            from_older: VecDeque::new(),
            from_newer: VecDeque::new(),
            older_is_gone: false,
            newer_is_gone: false,
        }
    }

    fn open(&self) -> u64 {
        self.cores.iter().map(|core| core.has.len() as u64).sum()
    }

    /// Whether connections wait in a drain, and no core is there for them or starts.
    fn lacks_a_core(&self) -> bool {
        let comes = |state: &CoreState| state.serves() || *state == CoreState::Starting;
        self.ending.phase() == Phase::Draining
            && !self.parked.is_empty()
            && !self.pool.cores.iter().any(comes)
    }

    /// The connections that this process serves, or will.
    fn has(&self, connection: u32) -> bool {
        let on_its_way = |mail: &ToCore| matches!(mail, ToCore::Adopt(one) if *one == connection);
        let in_core =
            |core: &Core| core.has.contains(&connection) || core.mail.iter().any(on_its_way);
        self.cores.iter().any(in_core) || self.parked.contains(&connection)
    }

    /// Whether this process knows of a connection, or will when it has read what it was sent.
    fn knows(&self, connection: u32) -> bool {
        let goes = |report: &Report| matches!(report, Report::HandOver(one) if *one == connection);
        let sent = |(_, one): &(Word, Option<u32>)| *one == Some(connection);
        self.has(connection)
            || self.reports.iter().any(goes)
            || self.brought.contains(&connection)
            || self.from_older.iter().any(sent)
    }

    /// Whether the newer process has said that it has a connection, and this one has not heard it yet.
    fn gave_away(&self, connection: u32) -> bool {
        let taken = |word: &Word| matches!(word, Word::Taken { id } if self.sent.get(id) == Some(&connection));
        self.from_newer.iter().any(taken)
    }
}

fn luggage(connection: u32) -> Luggage {
    let file = OwnedFd::from(File::open("/dev/null").expect("a file"));
    Luggage::Fresh(Fresh {
        socket: Descriptor::from(file),
        listener: ListenerId(connection),
        opening: crate::config::Opening::default(),
    })
}

impl World {
    fn new() -> World {
        World {
            now: Moment::default(),
            processes: vec![Process::new(1, None)],
            queues: Default::default(),
            connections: 0,
            lost: BTreeSet::new(),
            over: BTreeSet::new(),
        }
    }

    // ---- Processes that begin and end ------------------------------------------------------------

    fn upgrade(&mut self, at: usize) {
        let process = &self.processes[at];
        let may = process.ending.phase() == Phase::Running
            && !process.succession.is_on()
            && !process.inheritance.is_coming();
        if !may || self.processes.len() == GENERATIONS_MAX {
            return;
        }
        let pid = self.processes.len() as u32 + 1;
        self.processes.push(Process::new(pid, Some(at)));
        self.processes[at].newer = Some(self.processes.len() - 1);
        self.processes[at].newer_is_gone = false;
        self.processes[at].from_newer.clear();
        let waiter = None;
        self.say_generations(at);
        self.succeed(at, succession::Event::Started { pid, waiter });
        let new = self.processes.len() - 1;
        self.replan(new);
    }

    /// A process is over: whoever is at the other end of a socket hears of it behind all that was said.
    fn exits(&mut self, at: usize) {
        let process = &mut self.processes[at];
        process.lives = false;
        assert!(
            process.open() == 0 && process.parked.is_empty(),
            "generation {at} leaves connections"
        );
        self.closes(at);
    }

    fn closes(&mut self, at: usize) {
        let process = &mut self.processes[at];
        process.lives = false;
        process.cores.iter_mut().for_each(|core| core.runs = false);
        let (older, newer) = (process.older, process.newer);
        if let Some(older) = older.filter(|older| self.processes[*older].newer == Some(at)) {
            self.processes[older].newer_is_gone = true;
        }
        if let Some(newer) = newer {
            self.processes[newer].older_is_gone = true;
        }
    }

    fn dies(&mut self, at: usize) {
        let mine: Vec<u32> = self
            .all()
            .filter(|one| self.processes[at].knows(*one))
            .collect();
        self.closes(at);
        // What it was sent and has not acknowledged its sender has still, and what it has sent may be read.
        let others: Vec<&Process> = self
            .processes
            .iter()
            .filter(|process| process.lives)
            .collect();
        let lost = mine.into_iter().filter(|one| {
            let has = |other: &&Process| other.knows(*one) && !other.gave_away(*one);
            !others.iter().any(has)
        });
        self.lost.extend(lost.collect::<Vec<_>>());
    }

    fn dismiss(&mut self, at: usize, cause: Option<crate::UpgradeError>) {
        let Some(newer) = self.processes[at].newer.take() else {
            return;
        };
        if self.processes[newer].lives {
            self.dies(newer);
        }
        self.processes[at].from_newer.clear();
        self.processes[at].newer_is_gone = false;
        self.succeed(
            at,
            succession::Event::Over {
                cause,
                status: None,
            },
        );
    }

    fn all(&self) -> impl Iterator<Item = u32> + use<> {
        FIRST_CONNECTION..FIRST_CONNECTION + self.connections
    }

    // ---- Steps -----------------------------------------------------------------------------------

    /// The coordinator of a process does one thing.
    fn coordinate(&mut self, at: usize, dice: &mut Dice) {
        let process = &mut self.processes[at];
        match dice.roll(4) {
            0 => {
                if let Some((word, connection)) = process.from_older.pop_front() {
                    let attached = match connection {
                        Some(_) => {
                            Attached::Socket(File::open("/dev/null").expect("a file").into())
                        }
                        None => Attached::Nothing,
                    };
                    let bytes = Zeroizing::new(Vec::new());
                    self.inherit(
                        at,
                        inheritance::Event::Said {
                            word,
                            bytes,
                            attached,
                        },
                    );
                } else if process.older_is_gone && process.older.is_some() {
                    self.inherit(at, inheritance::Event::Gone);
                }
            }
            1 => {
                let is_gone = process.newer_is_gone && process.newer.is_some();
                if !self.hear_newer(at) && is_gone {
                    self.succeed(at, succession::Event::HungUp { lives: false });
                }
            }
            2 => match process.reports.pop_front() {
                Some(Report::Up(place)) => process.pool.cores[place] = CoreState::Running,
                Some(Report::Disarmed(place, seat)) => {
                    let place = place as u32;
                    if let Some(seat) = process.pool.seats.get_mut(seat)
                        && seat.baton.holder() == Some(place)
                    {
                        seat.baton = Baton::Free;
                    }
                }
                Some(Report::Ended(place)) => {
                    process.pool.core_is_gone(place as u32, CoreState::Absent);
                    self.forward(at, place);
                }
                Some(Report::Undelivered(place)) => self.forward(at, place),
                Some(Report::HandOver(connection)) => self.deliver(at, connection),
                None => {}
            },
            _ => {
                for (place, core) in process.cores.iter().enumerate() {
                    process.pool.stuck[place] =
                        core.is_stuck && process.pool.cores[place].has_thread();
                }
                self.succeed(at, succession::Event::Tick);
                self.look_at_ancestors(at);
            }
        }
        if self.processes[at].lives {
            self.replan(at);
        }
    }

    /// Empties the mailbox of a core that is over.
    fn forward(&mut self, at: usize, place: usize) {
        let process = &mut self.processes[at];
        if process.pool.cores[place].has_thread() {
            return;
        }
        for mail in std::mem::take(&mut process.cores[place].mail) {
            if let ToCore::Adopt(connection) = mail {
                self.deliver(at, connection);
            }
        }
    }

    /// Hears a word of the newer process, if there is one.
    fn hear_newer(&mut self, at: usize) -> bool {
        let process = &mut self.processes[at];
        let Some(word) = process.from_newer.pop_front() else {
            return false;
        };
        if let Word::Taken { id } = word {
            let taken = process.sent.remove(&id);
            taken.map(|connection| process.brought.remove(&connection));
        }
        self.succeed(at, succession::Event::Said(word));
        true
    }

    /// A core does one thing.
    fn turn(&mut self, at: usize, place: usize, dice: &mut Dice) {
        let process = &mut self.processes[at];
        let core = &mut process.cores[place];
        if !core.runs || core.is_stuck {
            return;
        }
        if process.pool.cores[place] == CoreState::Starting {
            return;
        }
        if let Some(mail) = core.mail.pop_front() {
            match mail {
                ToCore::Arm(seat) => drop(core.armed.insert(seat)),
                ToCore::Disarm(seat) => {
                    core.armed.remove(&seat);
                    process.reports.push_back(Report::Disarmed(place, seat));
                }
                ToCore::Help(seat) => drop(core.helps.insert(seat)),
                ToCore::Unhelp(seat) => drop(core.helps.remove(&seat)),
                ToCore::Adopt(connection) => drop(core.has.insert(connection)),
                ToCore::Leave(heirs) => core.leaves_to = Some(heirs),
                ToCore::Stay => (core.leaves_to, core.drains) = (None, false),
                ToCore::Drain => (core.leaves_to, core.drains) = (None, true),
                ToCore::Spread(count) => {
                    for _ in 0..count {
                        if let Some(connection) = core.has.pop_first() {
                            process.reports.push_back(Report::HandOver(connection));
                        }
                    }
                }
            }
            return;
        }
        let open: Vec<usize> = core.armed.union(&core.helps).copied().collect();
        if !open.is_empty() && dice.roll(2) == 0 {
            let unit = dice.one(&open);
            core.has.extend(self.queues[unit].pop_front());
            return;
        }
        if (core.drains || core.leaves_to.is_some()) && core.has.is_empty() {
            if core.armed.is_empty() {
                *core = Core {
                    mail: std::mem::take(&mut core.mail),
                    ..Core::default()
                };
                process.reports.push_back(Report::Ended(place));
            }
            return;
        }
        let Some(heirs) = core.leaves_to.clone() else {
            return;
        };
        let Some(connection) = core.has.pop_first() else {
            return;
        };
        if heirs.is_empty() {
            process.reports.push_back(Report::HandOver(connection));
            return;
        }
        let heir = dice.one(&heirs) as usize;
        let mail = &mut process.cores[heir].mail;
        mail.push_back(ToCore::Adopt(connection));
        if !process.cores[heir].runs {
            process.reports.push_back(Report::Undelivered(heir));
        }
    }

    /// One step of somebody. `calm`: nothing goes wrong any more.
    fn step(&mut self, dice: &mut Dice, calm: bool) {
        self.now = self.now + Duration::from_millis(u64::from(dice.roll(40)));
        let at = dice.roll(self.processes.len() as u32) as usize;
        let place = dice.roll(PLACES as u32) as usize;
        match dice.roll(64) {
            0 if !calm && self.connections < CONNECTIONS_MAX => {
                let connection = FIRST_CONNECTION + self.connections;
                self.connections += 1;
                self.queues[dice.roll(UNITS as u32) as usize].push_back(connection);
            }
            1 if !calm && self.processes[at].lives => self.upgrade(at),
            2 if !calm && self.processes[at].lives && dice.roll(8) == 0 => self.dies(at),
            3 if !calm => self.processes[at].cores[place].is_stuck = true,
            4 | 5 => self.processes[at].cores[place].is_stuck = false,
            6 => {
                let seats = self.processes[at].pool.seats.iter_mut();
                seats.for_each(|seat| seat.stale_rings = false);
            }
            7 if self.processes[at].lives && dice.roll(4) == 0 => {
                while self.hear_newer(at) {}
                self.succeed(at, succession::Event::Late(Duration::from_secs(60)));
            }
            8..12 => {
                if let Some(connection) = self.processes[at].cores[place].has.pop_first() {
                    self.over.insert(connection);
                }
            }
            12..40 if self.processes[at].lives => self.coordinate(at, dice),
            _ if self.processes[at].lives => self.turn(at, place, dice),
            _ => {}
        }
        self.check();
    }

    fn check(&self) {
        let living = || self.processes.iter().filter(|process| process.lives);
        for unit in 0..UNITS {
            let cores = living().flat_map(|process| &process.cores);
            let armed = cores
                .filter(|core| core.runs && core.armed.contains(&unit))
                .count();
            assert!(armed <= 1, "{armed} have listener {unit} armed");
        }
        let mut served = BTreeMap::<u32, u32>::new();
        for core in living().flat_map(|process| &process.cores) {
            core.has
                .iter()
                .for_each(|one| *served.entry(*one).or_default() += 1);
        }
        assert!(
            served.values().all(|count| *count == 1),
            "served twice: {served:?}"
        );
    }

    /// How it stands when nothing goes wrong any more and everybody has had their time.
    fn check_end(&self) {
        let mut living = self.processes.iter().filter(|process| process.lives);
        let Some(newest) = living.next_back() else {
            return;
        };
        assert!(newest.ending.phase() != Phase::Starting, "{}", newest.pid);
        for process in self.processes.iter().filter(|process| process.lives) {
            let phase = process.ending.phase();
            let is_serving = phase == Phase::Running && process.pool.accepting;
            assert_eq!(
                is_serving,
                process.pid == newest.pid,
                "{} of {} is {phase:?}",
                process.pid,
                newest.pid
            );
        }
        for unit in 0..UNITS {
            let armed = newest
                .cores
                .iter()
                .filter(|core| core.runs && core.armed.contains(&unit));
            assert_eq!(armed.count(), 1, "nobody accepts on {unit}");
            assert!(self.queues[unit].is_empty());
        }
        for connection in self.all() {
            let is_known = self.lost.contains(&connection) || self.over.contains(&connection);
            assert!(
                is_known || newest.has(connection),
                "{connection} is nowhere"
            );
        }
    }
}

fn play(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut world = World::new();
    world.replan(0);
    for _ in 0..200 + 100 * dice.roll(20) {
        world.step(&mut dice, false);
    }
    for at in 0..world.processes.len() {
        world.processes[at]
            .cores
            .iter_mut()
            .for_each(|core| core.is_stuck = false);
    }
    for _ in 0..6000 {
        world.step(&mut dice, true);
    }
    world.check_end();
}

#[test]
fn generations_of_a_server_share_listeners_and_connections_as_one_whatever_dies() {
    seeds::play_each(300, play);
}
