//! The new side of an upgrade as a state machine: takes the batons one by one, then the control socket,
//! then the connections of the process before, as many as there are descriptors for.
//!
//! Pure: [`Inheritance::on`] takes what happened and returns what is to be done; `run/inheriting.rs`
//! performs it, and it alone. The words and their order are in [`super`]. Nothing is accepted before its
//! baton has come. If the older process is gone before the end, nobody else has what is left, so it is
//! taken at once.

use super::channel::Attached;
use super::error::LegacyError;
use super::hand_over::Luggage;
use super::word::{Generation, Word};
use crate::config::{Opening, Scheme};
use crate::connection::{Fresh, ListenerId, Parcel};
use crate::coordinator::plan::Pool;
use ringgate_runtime::Descriptor;
use std::os::fd::{AsRawFd, OwnedFd};
use zeroize::Zeroizing;

/// The process before this one.
struct Older {
    pid: u32,
    /// Whether everything has come but its connections.
    owner: bool,
    /// Whether a connection was left with it for want of a descriptor.
    short: bool,
    /// The older process and those before it.
    generations: Vec<Generation>,
}

/// Settings that operators had made in the process before this one, beside its configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ByHand {
    /// The limits of admission as its configuration has them, and as they were in force.
    pub(crate) limits: Option<(String, String)>,
    /// The number of cores.
    pub(crate) cores: Option<u32>,
}

/// The facts that a decision is made from.
pub(crate) struct View<'a> {
    pub(crate) pool: &'a Pool,
    /// Of each seat of the pool: the unit's number in the older process, if it came from there.
    pub(crate) inherited: &'a [Option<u32>],
    /// Whether this server is told to end.
    pub(crate) ending: bool,
    /// The descriptor number from which on numbers are kept for the server's own needs, if there is a
    /// limit.
    pub(crate) numbers: Option<u64>,
}

impl View<'_> {
    /// The listener of this process that has a unit of the older one.
    fn listener_of(&self, unit: Option<u32>) -> ListenerId {
        let mut seats = self.inherited.iter();
        let found = unit.and_then(|unit| seats.position(|inherited| *inherited == Some(unit)));
        found.map_or(ListenerId::ELSEWHERE, |index| ListenerId(index as u32))
    }
}

/// An event that bears on an inheritance.
#[derive(Debug)]
pub(crate) enum Event {
    /// The older process started this one.
    Began { pid: u32 },
    /// The cores are up, and want these units. Whether they have a certificate, and this process the listener for
    /// metrics of the older one.
    CoresUp {
        wanted: Vec<u32>,
        tls: bool,
        metrics: bool,
    },
    /// The older process said this.
    Said {
        word: Word,
        bytes: Zeroizing<Vec<u8>>,
        attached: Attached,
    },
    /// The older process said something that is no word: why.
    Garbled(String),
    /// The older process is dead, or has done with this one.
    Gone,
    /// The outcome of [`Act::Own`], and how many connections there are descriptors for.
    Owned(Result<Option<u64>, LegacyError>),
    /// This process ends, and this is why.
    Failed(String),
    /// This server ends on purpose.
    EndsOnPurpose,
}

/// A step of an inheritance.
#[must_use]
#[derive(Debug)]
pub(crate) enum Act {
    /// Say this to the older process.
    Say(Word),
    /// A step for the tests, which let the process die there.
    Rehearse(&'static str),
    /// Own the listeners of this unit, or help at them because a core of the older process is stuck.
    Take { unit: u32, stuck: bool },
    /// Own what is left: listeners, files, the control socket, the PID file of that process.
    Own { older: u32 },
    /// Serve this connection, once what was said has left this process.
    Deliver(Luggage),
    /// Everything is here but connections: say so to the world. Values that were set by hand stay in force.
    Serve(ByHand),
    /// This process cannot serve: end.
    Fail(String),
    /// Help at listeners whose dead owner's rings may swallow wake-ups: those of its stuck cores, or all.
    StaleRings { all: bool },
    /// Read the configuration again, or open the logs again: the older process was told so meanwhile.
    Again { reload: bool, reopen: bool },
    /// Stuck cores of yet another process may have the listeners that have not come: help at them.
    Suspect,
    /// No core of another process has a listener any more, once these have ended.
    FreeStuck { after: Vec<Generation> },
    /// Close the socket to the older process.
    Close,
}

/// The process before this one, if there is one, and what came from it.
#[derive(Default)]
pub(crate) struct Inheritance {
    older: Option<Older>,
    by_hand: ByHand,
    /// Whether the configuration is to be read again once this process serves.
    reloads: bool,
    /// Connections that came from the older process.
    inherited: u64,
}

impl Inheritance {
    /// Whether batons are still to come.
    pub(crate) fn is_coming(&self) -> bool {
        matches!(&self.older, Some(older) if !older.owner)
    }

    /// Whether the process before this one is over, or never was.
    pub(crate) fn is_over(&self) -> bool {
        self.older.is_none()
    }

    pub(crate) fn inherited(&self) -> u64 {
        self.inherited
    }

    /// The processes before this one that still have connections.
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.older.iter().flat_map(|older| &older.generations)
    }

    /// Hears what happened, and returns what is to be done about it, in this order.
    pub(crate) fn on(&mut self, view: &View<'_>, event: Event) -> Vec<Act> {
        match event {
            Event::Began { pid } => {
                self.older = Some(Older {
                    pid,
                    owner: false,
                    short: false,
                    generations: Vec::new(),
                });
                Vec::new()
            }
            Event::CoresUp {
                wanted,
                tls,
                metrics,
            } => vec![
                Act::Rehearse("before-ready"),
                Act::Say(Word::Ready {
                    wanted,
                    tls,
                    again: true,
                    metrics,
                }),
                Act::Rehearse("ready"),
            ],
            Event::Said {
                word,
                bytes,
                attached,
            } => self.said(view, word, &bytes, attached),
            Event::Garbled(why) if self.is_coming() => vec![Act::Fail(why)],
            Event::Garbled(why) => {
                tracing::error!(
                    why,
                    "upgrade: the older process makes no sense; it is not heeded"
                );
                Vec::new()
            }
            Event::Gone => self.gone(view),
            Event::Owned(result) => self.owned(result),
            Event::Failed(error) if self.is_coming() => vec![Act::Say(Word::Refused { error })],
            Event::Failed(_) => Vec::new(),
            Event::EndsOnPurpose if self.is_coming() => Vec::new(),
            // The older one must not serve again in the place of this one.
            Event::EndsOnPurpose => vec![Act::Say(Word::Succeeded { by: true })],
        }
    }

    fn said(&mut self, view: &View<'_>, word: Word, bytes: &[u8], attached: Attached) -> Vec<Act> {
        match word {
            Word::Baton { unit } => {
                let mut seats = view.pool.seats.iter().zip(view.inherited);
                // The older process was told of one that was stuck when this one began to help; and one that is another
                // process's by now nobody awaits.
                let awaited = seats.any(|(seat, of)| *of == Some(unit) && !seat.stuck_elsewhere);
                let mut acts = vec![Act::Rehearse("baton"), Act::Take { unit, stuck: false }];
                if awaited {
                    acts.push(Act::Say(Word::Armed { unit }));
                }
                acts.push(Act::Rehearse("armed"));
                acts
            }
            Word::Stuck { unit } => {
                tracing::warn!(
                    unit,
                    "upgrade: a stuck core of the older process has this listener; helping"
                );
                vec![
                    Act::Take { unit, stuck: true },
                    Act::Say(Word::Armed { unit }),
                ]
            }
            // What comes so late goes back to the older process with the end of this one.
            Word::AllBatons if view.ending => Vec::new(),
            Word::AllBatons => {
                let older = self.older.as_ref().map_or(0, |older| older.pid);
                vec![Act::Rehearse("all-batons"), Act::Own { older }]
            }
            Word::Parcel {
                id,
                unit,
                announced,
                silences,
            } => {
                let fresh = self.take_in(view, attached, unit);
                let parcel = fresh.and_then(|fresh| Parcel::unpack(fresh, bytes));
                let parcel = parcel.and_then(|parcel| parcel.with_announced(announced.as_deref()));
                let parcel = parcel.map(|parcel| parcel.with_silences(&silences));
                let parcel = parcel.map(|parcel| Luggage::Parcel(Box::new(parcel)));
                self.inherited += u64::from(parcel.is_some());
                taken_or_full(id, parcel)
            }
            Word::Fresh {
                id,
                unit,
                tls,
                proxied,
            } => {
                let fresh = self.take_in(view, attached, unit).map(|fresh| Fresh {
                    opening: Opening {
                        scheme: match tls {
                            true => Scheme::Https,
                            false => Scheme::Http,
                        },
                        proxied,
                    },
                    ..fresh
                });
                taken_or_full(id, fresh.map(Luggage::Fresh))
            }
            Word::Generations { list } => {
                if let Some(older) = &mut self.older {
                    older.generations = list;
                }
                Vec::new()
            }
            Word::Limits { configured, live } => {
                self.by_hand.limits = Some((configured, live));
                Vec::new()
            }
            Word::Size { cores } => {
                self.by_hand.cores = cores;
                Vec::new()
            }
            Word::Again { reload, reopen } => {
                // Who watches the service takes no word of a reload from a process that does not serve yet.
                let waits = reload && self.is_coming();
                self.reloads |= waits;
                let reload = reload && !waits;
                vec![Act::Again { reload, reopen }]
            }
            Word::Hello { .. }
            | Word::Listener { .. }
            | Word::Metrics { .. }
            | Word::Refused { .. }
            | Word::Ready { .. }
            | Word::Armed { .. }
            | Word::Owner { .. }
            | Word::Taken { .. }
            | Word::Full { .. }
            | Word::Succeeded { .. } => {
                tracing::warn!(?word, "unexpected from the older process");
                Vec::new()
            }
        }
    }

    /// The descriptor of a connection, if there is one to spare: the kernel gives the lowest number
    /// that is free, so all below it are taken.
    fn take_in(&mut self, view: &View<'_>, attached: Attached, unit: Option<u32>) -> Option<Fresh> {
        let fits = |socket: &OwnedFd| {
            let number = u64::try_from(socket.as_raw_fd()).unwrap_or(u64::MAX);
            view.numbers.is_none_or(|numbers| number < numbers)
        };
        match attached {
            Attached::Socket(socket) if fits(&socket) => Some(Fresh {
                socket: Descriptor::from(socket),
                listener: view.listener_of(unit),
                opening: Opening::default(),
            }),
            Attached::Socket(_) | Attached::Lost | Attached::Nothing => {
                if let Some(older) = &mut self.older
                    && !std::mem::replace(&mut older.short, true)
                {
                    tracing::warn!(
                        from = older.pid,
                        for_connections = view.numbers,
                        "upgrade: no descriptors are left for connections of the older process, which \
                         stay there; raise the limit of open files (LimitNOFILE= in the unit)"
                    );
                }
                None
            }
        }
    }

    fn owned(&mut self, result: Result<Option<u64>, LegacyError>) -> Vec<Act> {
        match result {
            Ok(room) => {
                if let Some(older) = &mut self.older {
                    older.owner = true;
                    tracing::info!(from = older.pid, "upgrade: this process has taken over");
                }
                let by_hand = std::mem::take(&mut self.by_hand);
                let mut acts = vec![
                    Act::Rehearse("claimed"),
                    Act::Say(Word::Owner { room }),
                    Act::Serve(by_hand),
                ];
                if std::mem::take(&mut self.reloads) {
                    let (reload, reopen) = (true, false);
                    acts.push(Act::Again { reload, reopen });
                }
                acts
            }
            Err(error) => {
                let error = error.to_string();
                vec![Act::Fail(error)]
            }
        }
    }

    fn gone(&mut self, view: &View<'_>) -> Vec<Act> {
        let Some(older) = &self.older else {
            return Vec::new();
        };
        let (pid, owner) = (older.pid, older.owner);
        // The stuck core may be one of a process before it, which lives on.
        let others = older.generations.iter().filter(|other| other.pid != pid);
        let after: Vec<Generation> = others.cloned().collect();
        let mut acts = Vec::new();
        if owner {
            tracing::info!(pid, "upgrade: the older process has ended");
        } else if !view.ending {
            tracing::warn!(
                pid,
                "upgrade: the older process is gone; taking what is left"
            );
            if !after.is_empty() {
                acts.push(Act::Suspect);
            }
            acts.push(Act::Own { older: pid });
        }
        // What it had in flight ends with its rings: that of a stuck core, or all if it was not to end.
        acts.push(Act::StaleRings { all: !owner });
        acts.push(Act::FreeStuck { after });
        acts.push(Act::Close);
        acts
    }

    /// [`Act::Close`] is performed.
    pub(crate) fn closed(&mut self) {
        self.older = None;
    }
}

/// A connection of the older process is here, or stays there. The word comes first: what a core has read of a
/// connection that is still the older process's is missing there when this process dies in between.
fn taken_or_full(id: u64, luggage: Option<Luggage>) -> Vec<Act> {
    match luggage {
        Some(luggage) => vec![
            Act::Rehearse("connection"),
            Act::Say(Word::Taken { id }),
            Act::Deliver(luggage),
        ],
        None => vec![Act::Say(Word::Full { id })],
    }
}

#[cfg(test)]
#[path = "inheritance_tests.rs"]
mod tests;
