//! Inquiries into what all cores count, made at once, as a state machine: who is asked, who is still
//! awaited, and what is made of a core that does not answer.
//!
//! Each core tells its ledgers as they stand between two of its events. The sum of what they told
//! balances, since each of them does: nothing is read while its owner writes. The coordinator does not
//! wait for it; an inquiry is open until the last core has told, and a core that is blocked holds up
//! nobody but who asked, for [`PATIENCE`].
//!
//! Pure: [`Inquiries::on`] takes what happened and returns what is to be done; `asking.rs` performs it,
//! and it alone. Inquiries have numbers that rise, and inquiry N is posted to every core that it is for
//! before inquiry N + 1 is posted to any. The order holds since one event makes all the [`Act::Ask`] of
//! one inquiry, and all acts of an event are performed, in order, before the next event is heard. Cores
//! depend on it: a core that has told for N and passes a connection on says so with it, and who gets the
//! connection tells for N before it counts it.

use crate::admission::ledger::{Connections, Ledgers, Requests};
use crate::coordinator::reply::Reply;
use crate::coordinator::status::{self, Status};
use crate::observe::metrics::Snapshot;
use ringgate_runtime::Moment;
use std::time::Duration;

/// How long a core has to tell its figures. One that counted nothing meanwhile and gave no sign of life is
/// blocked, and what it has counted is read without it; any other is busy, or waits for a CPU, and gets the
/// time again.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
/// How often a core that is busy gets the time. Then what it told last has to do.
const LOOKS_MAX: u32 = 10;

/// A question that all cores together answer.
#[derive(Debug)]
pub(super) enum Asked {
    Status(Reply<Status>),
    Metrics(Reply<Snapshot>),
}

/// A core that has not told.
#[derive(Debug)]
struct Silent {
    core: u32,
    /// Ledgers of the core at the last look.
    then: Ledgers,
}

struct Inquiry {
    number: u64,
    asked: Asked,
    told: Answered,
    silent: Vec<Silent>,
    looks: u32,
    until: Moment,
}

/// The outcome of an inquiry.
#[derive(Debug)]
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

/// The facts that a decision is made from.
pub(super) struct View<'a> {
    pub(super) now: Moment,
    /// Of each place: what its core has counted, perhaps read in the middle of an event.
    pub(super) counted: &'a [Ledgers],
    /// Of each place: what was known last of its core, which balances.
    pub(super) known: &'a [Ledgers],
}

/// An event that bears on inquiries.
#[derive(Debug)]
pub(super) enum Event {
    /// An inquiry begins. The named cores are alive; any other counts nothing, or what it counts
    /// from now on belongs to the next inquiry.
    Asked {
        asked: Asked,
        cores: Vec<u32>,
        /// The coordinator's ledgers.
        own: Ledgers,
    },
    /// A core has told for an inquiry.
    Told {
        core: u32,
        number: u64,
        ledgers: Ledgers,
    },
    /// The time of inquiries is over. Of the cores that they await ([`Inquiries::overdue`]) these have
    /// given no sign of life, or have ended.
    TimeUp { lifeless: Vec<u32> },
}

/// A step of an inquiry.
#[must_use]
#[derive(Debug)]
pub(super) enum Act {
    /// Post an inquiry of this number to a core.
    Ask { core: u32, number: u64 },
    /// Everybody has told, or is not awaited any more.
    Answer(Asked, Box<Answered>),
}

/// The inquiries that are open, the oldest first.
#[derive(Default)]
pub(super) struct Inquiries {
    last: u64,
    open: Vec<Inquiry>,
}

impl Inquiries {
    /// When it is time to look at who has not told; None if nobody is awaited.
    pub(super) fn next_look(&self) -> Option<Moment> {
        self.open.iter().map(|inquiry| inquiry.until).min()
    }

    /// The cores that have not told in time.
    pub(super) fn overdue(&self, now: Moment) -> Vec<u32> {
        let due = self.open.iter().filter(|inquiry| inquiry.until <= now);
        let silent = due.flat_map(|inquiry| &inquiry.silent);
        let mut cores: Vec<u32> = silent.map(|silent| silent.core).collect();
        cores.sort_unstable();
        cores.dedup();
        cores
    }

    /// Hears what happened, and returns what is to be done about it, in this order.
    pub(super) fn on(&mut self, view: &View<'_>, event: Event) -> Vec<Act> {
        let mut acts = match event {
            Event::Asked { asked, cores, own } => self.ask(view, asked, &cores, own),
            Event::Told {
                core,
                number,
                ledgers,
            } => {
                self.told(core, number, ledgers);
                Vec::new()
            }
            Event::TimeUp { lifeless } => {
                let due = self.open.iter_mut().filter(|i| i.until <= view.now);
                due.for_each(|inquiry| inquiry.look(view, &lifeless));
                Vec::new()
            }
        };
        let is_over = |inquiry: &mut Inquiry| inquiry.silent.is_empty();
        let over = self.open.extract_if(.., is_over);
        acts.extend(over.map(|inquiry| Act::Answer(inquiry.asked, Box::new(inquiry.told))));
        acts
    }

    fn ask(&mut self, view: &View<'_>, asked: Asked, cores: &[u32], own: Ledgers) -> Vec<Act> {
        self.last += 1;
        let number = self.last;
        let silent = |core: &u32| Silent {
            core: *core,
            then: view.counted[*core as usize],
        };
        self.open.push(Inquiry {
            number,
            asked,
            told: Answered {
                ledgers: view.known.to_vec(),
                own,
                silent: Vec::new(),
            },
            silent: cores.iter().map(silent).collect(),
            looks: 0,
            until: view.now + PATIENCE,
        });
        let ask = |core: &u32| Act::Ask {
            core: *core,
            number,
        };
        cores.iter().map(ask).collect()
    }

    /// A core that was not asked may tell as well: it came up meanwhile, and got a connection of one that
    /// has told.
    fn told(&mut self, core: u32, number: u64, ledgers: Ledgers) {
        let mut open = self.open.iter_mut();
        if let Some(inquiry) = open.find(|inquiry| inquiry.number == number) {
            inquiry.silent.retain(|silent| silent.core != core);
            inquiry.told.ledgers[core as usize] = ledgers;
        }
    }
}

impl Inquiry {
    /// The time is over: does without those that are blocked, that is, lifeless and without a count
    /// meanwhile. The others get the time again, but not for ever.
    fn look(&mut self, view: &View<'_>, lifeless: &[u32]) {
        self.until = view.now + PATIENCE;
        self.looks += 1;
        let last = self.looks == LOOKS_MAX;
        let told = &mut self.told;
        self.silent.retain_mut(|silent| {
            let place = silent.core as usize;
            let now = view.counted[place];
            let stands_still = now == silent.then && now.balance();
            let is_blocked = stands_still && lifeless.contains(&silent.core);
            silent.then = now;
            if is_blocked || last {
                told.ledgers[place] = if stands_still { now } else { view.known[place] };
            }
            if is_blocked {
                told.silent.push(silent.core);
            }
            !is_blocked && !last
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::reply::reply;

    /// Two cores and a place without one.
    struct Cores {
        inquiries: Inquiries,
        now: Moment,
        counted: [Ledgers; 3],
        known: [Ledgers; 3],
    }

    fn open(open: u64) -> Ledgers {
        let mut ledgers = Ledgers::default();
        ledgers.connections.accepted = open;
        ledgers.connections.open = open;
        ledgers
    }

    impl Cores {
        fn new() -> Cores {
            let ledgers = [open(1), open(2), open(0)];
            Cores {
                inquiries: Inquiries::default(),
                now: Moment::default(),
                counted: ledgers,
                known: ledgers,
            }
        }

        fn on(&mut self, event: Event) -> Vec<Act> {
            let view = View {
                now: self.now,
                counted: &self.counted,
                known: &self.known,
            };
            self.inquiries.on(&view, event)
        }

        fn ask(&mut self, cores: &[u32]) -> Vec<Act> {
            self.on(Event::Asked {
                asked: Asked::Status(reply().0),
                cores: cores.to_vec(),
                own: Ledgers::default(),
            })
        }

        fn tell(&mut self, core: u32, number: u64, ledgers: Ledgers) -> Vec<Act> {
            self.on(Event::Told {
                core,
                number,
                ledgers,
            })
        }

        /// The time is up again, and these cores show no life.
        fn time_up(&mut self, lifeless: &[u32]) -> Vec<Act> {
            self.now = self.now + PATIENCE;
            let lifeless = lifeless.to_vec();
            self.on(Event::TimeUp { lifeless })
        }
    }

    /// The only answer among acts, which hold nothing else.
    #[track_caller]
    fn answer(acts: Vec<Act>) -> Answered {
        let mut acts = acts.into_iter();
        match (acts.next(), acts.next()) {
            (Some(Act::Answer(_, answered)), None) => *answered,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_inquiry_is_posted_to_every_core_before_the_next_one_to_any() {
        let mut cores = Cores::new();
        let mut posted = Vec::new();
        for _ in 0..3 {
            for act in cores.ask(&[0, 1]) {
                let Act::Ask { core, number } = act else {
                    panic!("nobody has told: {act:?}");
                };
                posted.push((number, core));
            }
        }
        assert_eq!(posted, [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]);
    }

    #[test]
    fn the_answer_comes_when_the_last_core_has_told_for_this_very_inquiry() {
        let mut cores = Cores::new();
        let _ = cores.ask(&[0, 1]);
        let _ = cores.ask(&[0, 1]);
        assert!(cores.tell(0, 2, open(8)).is_empty());
        assert!(cores.tell(0, 1, open(5)).is_empty());
        assert!(cores.tell(0, 1, open(5)).is_empty(), "the same one again");
        let first = answer(cores.tell(1, 1, open(6)));
        assert_eq!((first.of(0), first.of(1)), (&open(5), &open(6)));
        assert_eq!(first.totals().0.open, 11);
        let second = answer(cores.tell(1, 2, open(9)));
        assert_eq!(second.totals().0.open, 17);
        assert_eq!(cores.inquiries.next_look(), None);
        assert!(cores.tell(0, 2, open(1)).is_empty(), "it is over");
    }

    #[test]
    fn a_core_that_came_later_is_counted_and_stands_in_for_nobody() {
        let mut cores = Cores::new();
        let _ = cores.ask(&[0]);
        assert!(cores.tell(2, 1, open(7)).is_empty(), "core 0 has not told");
        let answered = answer(cores.tell(0, 1, open(1)));
        assert_eq!((answered.of(2), answered.of(1)), (&open(7), &open(2)));
    }

    #[test]
    fn without_a_core_the_answer_comes_at_once() {
        let mut cores = Cores::new();
        let answered = answer(cores.ask(&[]));
        assert_eq!(answered.totals().0.open, 3, "what was known");
    }

    #[test]
    fn a_core_without_life_that_counts_nothing_is_done_without_when_the_time_is_up() {
        let mut cores = Cores::new();
        let _ = cores.ask(&[0, 1]);
        assert_eq!(cores.inquiries.next_look(), Some(cores.now + PATIENCE));
        let _ = cores.tell(0, 1, open(1));
        assert!(cores.inquiries.overdue(cores.now).is_empty());
        assert_eq!(cores.inquiries.overdue(cores.now + PATIENCE), [1]);
        let answered = answer(cores.time_up(&[1]));
        assert!(answered.is_silent(1) && !answered.is_silent(0));
        assert_eq!(answered.of(1), &open(2));
    }

    #[test]
    fn a_core_that_counts_or_lives_gets_the_time_ten_times_and_then_what_it_told_last_has_to_do() {
        let mut cores = Cores::new();
        let _ = cores.ask(&[0, 1]);
        let _ = cores.tell(0, 1, open(1));
        for look in 1..LOOKS_MAX {
            // It counts, now and then in the middle of an event.
            cores.counted[1].connections.accepted += 1;
            let lifeless: &[u32] = if look % 2 == 0 { &[1] } else { &[] };
            assert!(cores.time_up(lifeless).is_empty(), "look {look}");
        }
        cores.counted[1].connections.accepted += 1;
        let answered = answer(cores.time_up(&[]));
        assert_eq!(answered.of(1), &open(2), "what balances");
        assert!(!answered.is_silent(1), "it is not blocked");
    }
}
