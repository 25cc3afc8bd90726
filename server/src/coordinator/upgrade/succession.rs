//! The old side of an upgrade as a state machine: what a new process may say when, when a baton goes
//! to it, what goes back when it fails, and which connections follow.
//!
//! Pure: [`Succession::on`] takes what happened and returns what is to be done; `run/succeeding.rs`
//! performs it, and it alone. The words and their order are in [`super`]. Until the new process owns the
//! control socket nothing is given away that cannot be had back; after that too, as long as this
//! process still has connections to finish.

use super::error::UpgradeError;
use super::hand_over::{HandOver, Luggage};
use super::word::Word;
use crate::coordinator::events::UpgradeStep;
use crate::coordinator::plan::{Baton, Pool};
use crate::coordinator::reply::Reply;
use ringgate_runtime::Moment;
use std::process::ExitStatus;
use std::time::Duration;

/// The outcome of an upgrade.
///
/// ```
/// use ringgate::{ServerHandle, UpgradeError, Upgraded};
///
/// async fn upgrade(server: &ServerHandle) -> Result<(), UpgradeError> {
///     let Upgraded { pid, staying, .. } = server.upgrade(None).await?;
///     tracing::info!(pid, staying, "the new process serves");
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upgraded {
    /// The process that serves now.
    pub pid: u32,
    /// Open connections that the new process has no descriptors for, as far as it can tell: they stay
    /// with the old process until they end, at the latest after `graceful_timeout`.
    pub staying: u64,
}

/// The way back to whoever waits for the end of an upgrade.
pub(crate) type Waiter = Reply<Result<Upgraded, UpgradeError>>;

/// How far the new process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The new process sets up.
    Starting,
    /// The cores are asked for the baton of the unit at this place of its wishes.
    Recalling { place: usize },
    /// The baton of the unit at this place is on its way; the new process has not armed it yet.
    Arming { place: usize },
    /// The new process has all batons, and takes the control socket.
    Settling,
    /// The new process serves.
    Serving,
}

/// The new process.
struct Newer {
    pid: u32,
    stage: Stage,
    /// Units that it wants.
    wanted: Vec<u32>,
    /// Whether it can shake hands with clients that speak TLS.
    tls: bool,
    /// Whether it knows [`Word::Again`].
    hears_again: bool,
    /// Whether it answers on the listener for metrics.
    metrics: bool,
    /// The things to do again of which it is told once it has said whether it knows that word: reload, reopen.
    owed: (bool, bool),
    /// Units that it helps at: a stuck core has their baton.
    stuck: Vec<u32>,
    waiter: Option<Waiter>,
    refusal: Option<String>,
    /// Whether it is handing over itself: if it ends then, the listeners are not ours.
    passes_on: bool,
    hand_over: HandOver,
}

/// The facts that a decision is made from.
pub(crate) struct View<'a> {
    pub(crate) now: Moment,
    pub(crate) pool: &'a Pool,
    /// The unit of each seat of the pool.
    pub(crate) units: &'a [u32],
    /// Connections that this process has.
    pub(crate) open: u64,
}

/// An event that bears on an upgrade.
pub(crate) enum Event {
    /// The new process was started.
    Started { pid: u32, waiter: Option<Waiter> },
    /// The new process said this.
    Said(Word),
    /// The new process said something that is no word: why.
    Garbled(String),
    /// The new process has closed its socket. Whether it can be seen that it lives.
    HungUp { lives: bool },
    /// The new process is over: what it was ended for, if it was, and how it ended.
    Over {
        cause: Option<UpgradeError>,
        status: Option<ExitStatus>,
    },
    /// The new process has had its time, which was so long.
    Late(Duration),
    /// This process was told to read the configuration again, or to open the logs again.
    Again { reload: bool, reopen: bool },
    /// This server begins to end.
    ServerEnds,
    /// Something may have changed in the pool.
    Looked,
    /// The connection that is the next cannot be sent.
    TooLong,
    /// Time to try again, and to report.
    Tick,
    /// The graceful time is nearly over.
    LastCall,
}

/// A step of an upgrade.
#[must_use]
#[derive(Debug)]
pub(crate) enum Act {
    /// Say this to the new process.
    Say(Word),
    /// Say to the new process how this one stands; `settling`: as one that has handed over.
    SayStanding { settling: bool },
    /// Say this to the process before this one.
    TellOlder(Word),
    /// Tell of a step.
    Step(u32, UpgradeStep),
    /// The upgrade has failed: log it, tell of it, remove what the dead process left.
    Failed(u32, UpgradeError),
    /// Answer who waits.
    Answer(Waiter, Result<Upgraded, UpgradeError>),
    /// End the new process, whose fault is this.
    Dismiss(Option<UpgradeError>),
    /// No core owns the listeners of this unit any more.
    GiveAway(u32),
    /// Every listener is ours again.
    TakeBack,
    /// Help at the listeners for a while: rings of a dead process may swallow wake-ups.
    StaleRings,
    /// The new process serves: give up what only one can have, and finish what is here.
    Commit(Upgraded),
    /// The new process may have taken the place of files of this one, which still serves: have them again.
    Reclaim,
    /// Serve again.
    Resume,
    /// Nobody takes connections, and nobody accepts here: drain.
    FinishAlone,
    /// Send connections that wait.
    Send,
    /// Serve this connection here.
    Deliver(Luggage),
    /// Cores go on with what they have.
    ServeOn,
    /// Have a core move so many idle connections to the new process.
    Offer(u32),
    /// Idle connections close, and answers announce it.
    Drain,
    /// The new process lacks room: say so. How many connections stay.
    SayStaying { pid: u32, open: u64 },
    /// The new process serves and has broken with this one: say so, and why.
    SayBroken { pid: u32, why: String },
}

impl std::fmt::Debug for Luggage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Luggage::Parcel(_) => f.write_str("a connection"),
            Luggage::Fresh(_) => f.write_str("a fresh connection"),
        }
    }
}

/// The process after this one, if there is one, and how far it is.
#[derive(Default)]
pub(crate) struct Succession {
    newer: Option<Newer>,
    /// A newer process serves; this one finishes what it has.
    handed_over: bool,
    /// Connections that went to a newer process.
    passed_on: u64,
}

impl Succession {
    /// Whether a newer process was started and has not ended.
    pub(crate) fn is_on(&self) -> bool {
        self.newer.is_some()
    }

    /// Whether a newer process serves, and this one finishes what it has.
    pub(crate) fn has_handed_over(&self) -> bool {
        self.handed_over
    }

    pub(crate) fn passed_on(&self) -> u64 {
        self.passed_on
    }

    /// The process that serves in place of this one.
    pub(crate) fn successor(&self) -> Option<u32> {
        let newer = self.newer.as_ref().filter(|_| self.handed_over);
        newer.map(|newer| newer.pid)
    }

    /// Whether every connection goes to the newer process as soon as it can be moved.
    pub(crate) fn takes_connections(&self) -> bool {
        self.serving()
            .is_some_and(|newer| newer.hand_over.takes_everything())
    }

    /// Whether a newer process serves and cannot take what this one has.
    pub(crate) fn keeps_connections(&self) -> bool {
        self.serving()
            .is_some_and(|newer| !newer.hand_over.takes_everything())
    }

    /// Whether no connection waits for the newer process, or for its word that it has it.
    pub(crate) fn has_delivered(&self) -> bool {
        let newer = self.newer.as_ref();
        newer.is_none_or(|newer| newer.hand_over.is_empty())
    }

    /// The units that the newer process wants; none if there is no such process.
    pub(crate) fn wanted(&self) -> Option<&[u32]> {
        self.newer.as_ref().map(|newer| &newer.wanted[..])
    }

    /// Whether clients that speak TLS and have not shaken hands can do so with the newer process.
    pub(crate) fn takes_handshakes(&self) -> bool {
        self.newer.as_ref().is_none_or(|newer| newer.tls)
    }

    /// Whether a newer process serves that reads the configuration again when this one is told to.
    pub(crate) fn is_reloaded_elsewhere(&self) -> bool {
        self.serving().is_some_and(|newer| newer.hears_again)
    }

    /// Whether the newer process answers on the listener for metrics of this one.
    pub(crate) fn takes_metrics(&self) -> bool {
        self.newer.as_ref().is_none_or(|newer| newer.metrics)
    }

    /// A connection for the new process; given back if that takes none.
    #[must_use]
    pub(crate) fn bring(&mut self, luggage: Luggage) -> Option<Luggage> {
        match &mut self.newer {
            Some(newer) if newer.stage == Stage::Serving => newer.hand_over.bring(luggage),
            Some(_) | None => Some(luggage),
        }
    }

    /// The next connection to send, with its number.
    pub(crate) fn next(&self) -> Option<(u64, &Luggage)> {
        self.serving()?.hand_over.next()
    }

    /// The connection that was the next is on its way.
    pub(crate) fn sent(&mut self) {
        if let Some(newer) = &mut self.newer {
            newer.hand_over.sent();
        }
    }

    fn serving(&self) -> Option<&Newer> {
        let newer = self.newer.as_ref();
        newer.filter(|newer| newer.stage == Stage::Serving)
    }

    /// Hears what happened, and returns what is to be done about it, in this order.
    pub(crate) fn on(&mut self, view: &View<'_>, event: Event) -> Vec<Act> {
        match event {
            Event::Started { pid, waiter } => self.started(pid, waiter),
            Event::Said(word) => self.said(view, word),
            Event::Garbled(why) => self.misspoke(why),
            Event::HungUp { lives } => self.hung_up(view, lives),
            Event::Over { cause, status } => self.over(cause, status),
            Event::Late(most) => self.dismiss(UpgradeError::Late(most)),
            Event::Again { reload, reopen } => self.again(reload, reopen),
            Event::ServerEnds => self.dismiss(UpgradeError::ServerEnds),
            Event::Looked => self.look(view),
            Event::TooLong => self.too_long(view),
            Event::Tick => self.tick(view),
            Event::LastCall => match self.keeps_connections() {
                true => vec![Act::Drain],
                false => Vec::new(),
            },
        }
    }

    fn started(&mut self, pid: u32, waiter: Option<Waiter>) -> Vec<Act> {
        self.newer = Some(Newer {
            pid,
            stage: Stage::Starting,
            wanted: Vec::new(),
            tls: true,
            hears_again: false,
            metrics: true,
            owed: (false, false),
            stuck: Vec::new(),
            waiter,
            refusal: None,
            passes_on: false,
            hand_over: HandOver::default(),
        });
        vec![
            Act::Step(pid, UpgradeStep::Started),
            // From here on the one before must not take batons back when this one ends.
            Act::TellOlder(Word::Succeeded { by: true }),
        ]
    }

    fn said(&mut self, view: &View<'_>, word: Word) -> Vec<Act> {
        let Some(newer) = &mut self.newer else {
            return Vec::new();
        };
        match (word, newer.stage) {
            (Word::Refused { error }, _) => newer.refusal = Some(error),
            (Word::Succeeded { by }, Stage::Serving) => newer.passes_on = by,
            (
                Word::Ready {
                    wanted,
                    tls,
                    again,
                    metrics,
                },
                Stage::Starting,
            ) => {
                newer.wanted = wanted;
                newer.tls = tls;
                newer.hears_again = again;
                newer.metrics = metrics;
                newer.stage = Stage::Recalling { place: 0 };
                let mut acts = vec![Act::Step(newer.pid, UpgradeStep::Ready)];
                let (reload, reopen) = newer.owed;
                if again && (reload || reopen) {
                    acts.push(Act::Say(Word::Again { reload, reopen }));
                }
                return acts;
            }
            (Word::Armed { unit }, Stage::Arming { place })
                if newer.wanted.get(place) == Some(&unit) =>
            {
                newer.stage = Stage::Recalling { place: place + 1 };
            }
            (Word::Owner { room }, Stage::Settling) => return self.commit(view, room),
            (Word::Taken { id }, Stage::Serving) => {
                if let Some(Luggage::Parcel(_)) = newer.hand_over.taken(view.now, id) {
                    self.passed_on += 1;
                }
                return vec![Act::Send];
            }
            (Word::Full { id }, Stage::Serving) => {
                let first = newer.hand_over.takes_everything();
                let back = newer.hand_over.refused(view.now, id);
                return self.keep(view, back, first);
            }
            (
                word @ (Word::Hello { .. }
                | Word::Listener { .. }
                | Word::Metrics { .. }
                | Word::Limits { .. }
                | Word::Size { .. }
                | Word::Ready { .. }
                | Word::Again { .. }
                | Word::Baton { .. }
                | Word::Stuck { .. }
                | Word::Armed { .. }
                | Word::AllBatons
                | Word::Owner { .. }
                | Word::Parcel { .. }
                | Word::Fresh { .. }
                | Word::Taken { .. }
                | Word::Full { .. }
                | Word::Generations { .. }
                | Word::Succeeded { .. }),
                stage,
            ) => return self.misspoke(format!("it said {word:?} while {stage:?}")),
        }
        Vec::new()
    }

    /// The new process was started with what it found then: it hears what came since.
    fn again(&mut self, reload: bool, reopen: bool) -> Vec<Act> {
        match &mut self.newer {
            Some(newer) if newer.stage == Stage::Starting => {
                newer.owed.0 |= reload;
                newer.owed.1 |= reopen;
                Vec::new()
            }
            Some(newer) if newer.hears_again => vec![Act::Say(Word::Again { reload, reopen })],
            Some(_) | None => Vec::new(),
        }
    }

    /// The new process said what makes no sense. One that serves has clients of its own: it is not
    /// ended for a word.
    fn misspoke(&mut self, why: String) -> Vec<Act> {
        match &self.newer {
            None => Vec::new(),
            Some(newer) if newer.stage == Stage::Serving => {
                vec![Act::SayBroken {
                    pid: newer.pid,
                    why,
                }]
            }
            Some(_) => self.dismiss(UpgradeError::Misspoke(why)),
        }
    }

    /// The new process does not listen any more. One that serves and lives goes on; what is here stays.
    fn hung_up(&mut self, view: &View<'_>, lives: bool) -> Vec<Act> {
        let Some(newer) = &mut self.newer else {
            return Vec::new();
        };
        if newer.stage != Stage::Serving || !lives {
            return vec![Act::Dismiss(None)];
        }
        let pid = newer.pid;
        let why = "it has closed its socket and lives".to_owned();
        let back = newer.hand_over.close();
        let mut acts = vec![Act::SayBroken { pid, why }];
        acts.extend(self.keep(view, back, true));
        acts
    }

    fn dismiss(&mut self, cause: UpgradeError) -> Vec<Act> {
        match &self.newer {
            Some(newer) if newer.stage != Stage::Serving => vec![Act::Dismiss(Some(cause))],
            Some(_) | None => Vec::new(),
        }
    }

    /// The next step of passing batons.
    fn look(&mut self, view: &View<'_>) -> Vec<Act> {
        let Some(newer) = &mut self.newer else {
            return Vec::new();
        };
        let seats = || view.pool.seats.iter().zip(view.units);
        let mut acts = Vec::new();
        // What a core that was stuck has given back since, or its process by its end.
        newer.stuck.retain(|unit| {
            let free = seats()
                .filter(|(_, of)| *of == unit)
                .all(|(seat, _)| seat.baton == Baton::Free && !seat.stuck_elsewhere);
            if free {
                acts.push(Act::Say(Word::Baton { unit: *unit }));
            }
            !free
        });
        let Stage::Recalling { place } = newer.stage else {
            return acts;
        };
        let Some(unit) = newer.wanted.get(place).copied() else {
            newer.stage = Stage::Settling;
            // How this process stands goes before, so that the first status of the new one tells of it.
            acts.push(Act::SayStanding { settling: true });
            acts.push(Act::Say(Word::AllBatons));
            return acts;
        };
        acts.push(Act::GiveAway(unit));
        let mut stuck = false;
        for (seat, _) in seats().filter(|(_, of)| **of == unit) {
            let held_fast = view.pool.is_held_fast(seat);
            stuck |= held_fast;
            if seat.baton != Baton::Free && !held_fast {
                return acts;
            }
        }
        newer.stage = Stage::Arming { place };
        if stuck {
            newer.stuck.push(unit);
            acts.push(Act::Say(Word::Stuck { unit }));
        } else {
            acts.push(Act::Say(Word::Baton { unit }));
        }
        acts
    }

    /// The new process serves and owns the control socket: this one finishes what it has.
    fn commit(&mut self, view: &View<'_>, room: Option<u64>) -> Vec<Act> {
        let Some(newer) = &mut self.newer else {
            return Vec::new();
        };
        newer.stage = Stage::Serving;
        self.handed_over = true;
        let upgraded = Upgraded {
            pid: newer.pid,
            staying: room.map_or(0, |room| view.open.saturating_sub(room)),
        };
        let mut acts = Vec::new();
        if let Some(waiter) = newer.waiter.take() {
            acts.push(Act::Answer(waiter, Ok(upgraded)));
        }
        acts.push(Act::Step(newer.pid, UpgradeStep::Done));
        acts.push(Act::Commit(upgraded));
        acts
    }

    fn too_long(&mut self, view: &View<'_>) -> Vec<Act> {
        let Some(newer) = &mut self.newer else {
            return Vec::new();
        };
        let first = newer.hand_over.takes_everything();
        let back = newer.hand_over.too_long(view.now);
        self.keep(view, back, first)
    }

    /// Connections come back that do not fit into the new process: the cores here serve them on.
    fn keep(&self, view: &View<'_>, back: Vec<Luggage>, first: bool) -> Vec<Act> {
        let mut acts = vec![Act::ServeOn];
        if let Some(newer) = self.newer.as_ref().filter(|_| first) {
            let open = view.open + back.len() as u64;
            acts.push(Act::SayStaying {
                pid: newer.pid,
                open,
            });
        }
        acts.extend(back.into_iter().map(Act::Deliver));
        acts
    }

    fn tick(&mut self, view: &View<'_>) -> Vec<Act> {
        let Some(newer) = &mut self.newer else {
            return Vec::new();
        };
        if newer.stage != Stage::Serving {
            return Vec::new();
        }
        let mut acts = vec![Act::Send, Act::SayStanding { settling: false }];
        acts.extend(newer.hand_over.offer(view.now).map(Act::Offer));
        acts
    }

    /// The new process is over: everything that it does not have for certain is ours again.
    fn over(&mut self, cause: Option<UpgradeError>, status: Option<ExitStatus>) -> Vec<Act> {
        let Some(mut newer) = self.newer.take() else {
            return Vec::new();
        };
        let served = newer.stage == Stage::Serving;
        let error = match (newer.refusal, cause) {
            (Some(refusal), _) => UpgradeError::Refused(refusal),
            (None, Some(cause)) => cause,
            (None, None) => UpgradeError::Ended { served, status },
        };
        let mut acts = vec![Act::Failed(newer.pid, error.clone())];
        if let Some(waiter) = newer.waiter {
            acts.push(Act::Answer(waiter, Err(error)));
        }
        let back = newer.hand_over.close().into_iter().map(Act::Deliver);
        if self.handed_over && newer.passes_on {
            self.handed_over = false;
            acts.push(Act::FinishAlone);
            acts.extend(back);
            return acts;
        }
        acts.push(Act::TakeBack);
        if newer.stage != Stage::Starting {
            acts.push(Act::StaleRings);
        }
        if newer.stage == Stage::Settling {
            acts.push(Act::Reclaim);
        }
        if std::mem::take(&mut self.handed_over) {
            acts.push(Act::Resume);
            acts.extend(back);
        }
        acts.push(Act::TellOlder(Word::Succeeded { by: false }));
        acts
    }
}

#[cfg(test)]
#[path = "succession_tests.rs"]
mod tests;
