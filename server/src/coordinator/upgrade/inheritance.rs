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
    /// Whether this server is told to stop.
    pub(crate) stopping: bool,
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
    /// This process was started by that one.
    Began { pid: u32 },
    /// The cores are up, and want these units.
    CoresUp { wanted: Vec<u32> },
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
    /// Everything is here but connections: say so to the world. What was set by hand holds on.
    Serve(ByHand),
    /// This process cannot serve: end.
    Fail(String),
    /// Help at listeners whose dead owner's rings may swallow wake-ups: those of its stuck cores, or all.
    StaleRings { all: bool },
    /// No core of another process has a listener any more.
    FreeStuck,
    /// Close the socket to the older process.
    Close,
}

/// The process before this one, if there is one, and what came from it.
#[derive(Default)]
pub(crate) struct Inheritance {
    older: Option<Older>,
    by_hand: ByHand,
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
            Event::CoresUp { wanted } => vec![
                Act::Rehearse("before-ready"),
                Act::Say(Word::Ready { wanted }),
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
                // The older process was told of one that was stuck when this one began to help.
                let told = seats.any(|(seat, of)| *of == Some(unit) && seat.stuck_elsewhere);
                let mut acts = vec![Act::Rehearse("baton"), Act::Take { unit, stuck: false }];
                if !told {
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
            Word::AllBatons => {
                let older = self.older.as_ref().map_or(0, |older| older.pid);
                vec![Act::Rehearse("all-batons"), Act::Own { older }]
            }
            Word::Parcel {
                id,
                unit,
                announced,
            } => {
                let fresh = self.take_in(view, attached, unit);
                let parcel = fresh.and_then(|fresh| Parcel::unpack(fresh, bytes));
                let parcel = parcel.and_then(|parcel| parcel.with_announced(announced.as_deref()));
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
                vec![
                    Act::Rehearse("claimed"),
                    Act::Say(Word::Owner { room }),
                    Act::Serve(by_hand),
                ]
            }
            Err(error) => {
                let error = error.to_string();
                vec![Act::Fail(error)]
            }
        }
    }

    fn gone(&mut self, view: &View<'_>) -> Vec<Act> {
        let Some(Older { pid, owner, .. }) = self.older else {
            return Vec::new();
        };
        let mut acts = Vec::new();
        if owner {
            tracing::info!(pid, "upgrade: the older process has ended");
        } else if !view.stopping {
            tracing::warn!(
                pid,
                "upgrade: the older process is gone; taking what is left"
            );
            acts.push(Act::Own { older: pid });
        }
        // What it had in flight ends with its rings: that of a stuck core, or all if it was not to end.
        acts.push(Act::StaleRings { all: !owner });
        acts.push(Act::FreeStuck);
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
mod tests {
    use super::*;
    use crate::coordinator::plan::{CoreState, Seat};
    use std::fs::File;

    /// A process that was started by another one.
    struct Server {
        inheritance: Inheritance,
        pool: Pool,
        numbers: Option<u64>,
        stopping: bool,
    }

    impl Server {
        fn new() -> Server {
            let mut server = Server {
                inheritance: Inheritance::default(),
                pool: Pool {
                    target: 1,
                    accepting: true,
                    spawning: true,
                    cores: vec![CoreState::Running],
                    stuck: vec![false],
                    seats: vec![Seat::new(0, false)],
                },
                numbers: None,
                stopping: false,
            };
            drop(server.on(Event::Began { pid: 7 }));
            server
        }

        fn owner() -> Server {
            let mut server = Server::new();
            drop(server.on(Event::Owned(Ok(None))));
            server
        }

        fn on(&mut self, event: Event) -> Vec<Act> {
            let view = View {
                pool: &self.pool,
                inherited: &[Some(3)],
                stopping: self.stopping,
                numbers: self.numbers,
            };
            self.inheritance.on(&view, event)
        }

        fn said(&mut self, word: Word, attached: Attached) -> Vec<Act> {
            let bytes = Zeroizing::default();
            self.on(Event::Said {
                word,
                bytes,
                attached,
            })
        }
    }

    fn socket() -> Attached {
        Attached::Socket(File::open("/dev/null").expect("a file").into())
    }

    fn parcel(id: u64) -> Word {
        Word::Parcel {
            id,
            unit: None,
            announced: None,
        }
    }

    #[test]
    fn a_connection_of_the_older_process_knows_the_listener_that_this_one_has_in_its_place() {
        let mut server = Server::owner();
        let inherited = [None, Some(7), Some(4)];
        let view = View {
            pool: &server.pool,
            inherited: &inherited,
            stopping: false,
            numbers: None,
        };
        for (unit, listener) in [
            (Some(4), ListenerId(2)),
            (Some(9), ListenerId::ELSEWHERE),
            (None, ListenerId::ELSEWHERE),
        ] {
            let said = Event::Said {
                word: Word::Fresh {
                    id: 1,
                    unit,
                    tls: false,
                    proxied: false,
                },
                bytes: Zeroizing::default(),
                attached: socket(),
            };
            let acts = server.inheritance.on(&view, said);
            let Some(Act::Deliver(luggage)) = acts.into_iter().last() else {
                panic!("it has room");
            };
            assert_eq!(luggage.listener(), listener);
        }
    }

    #[test]
    fn a_connection_without_a_descriptor_stays_with_the_older_process() {
        let mut server = Server::owner();
        let acts = server.said(
            Word::Fresh {
                id: 1,
                unit: None,
                tls: true,
                proxied: false,
            },
            socket(),
        );
        assert!(
            matches!(
                acts[..],
                [
                    Act::Rehearse(_),
                    Act::Say(Word::Taken { id: 1 }),
                    Act::Deliver(_)
                ]
            ),
            "{acts:?}"
        );
        for attached in [Attached::Lost, Attached::Nothing] {
            let acts = server.said(parcel(2), attached);
            assert!(
                matches!(acts[..], [Act::Say(Word::Full { id: 2 })]),
                "{acts:?}"
            );
        }
        // The last numbers are for others than the clients of the older process.
        server.numbers = Some(3);
        let acts = server.said(
            Word::Fresh {
                id: 3,
                unit: None,
                tls: true,
                proxied: false,
            },
            socket(),
        );
        assert!(
            matches!(acts[..], [Act::Say(Word::Full { id: 3 })]),
            "{acts:?}"
        );
        // And one that came in no shape for this version.
        server.numbers = None;
        let acts = server.said(parcel(4), socket());
        assert!(
            matches!(acts[..], [Act::Say(Word::Full { id: 4 })]),
            "{acts:?}"
        );
        assert_eq!(server.inheritance.inherited(), 0);
    }

    #[test]
    fn nothing_that_the_older_process_says_ends_one_that_serves() {
        let mut server = Server::owner();
        assert!(server.on(Event::Garbled("telepathy".to_owned())).is_empty());
        let acts = server.said(Word::Owner { room: None }, Attached::Nothing);
        assert!(acts.is_empty(), "{acts:?}");
        let mut server = Server::new();
        let acts = server.on(Event::Garbled("telepathy".to_owned()));
        assert!(
            matches!(acts[..], [Act::Fail(_)]),
            "it may go back: {acts:?}"
        );
    }

    #[test]
    fn the_end_of_the_older_process_before_the_last_baton_leaves_everything_to_this_one() {
        let mut server = Server::new();
        let acts = server.on(Event::Gone);
        let expected = matches!(
            acts[..],
            [
                Act::Own { older: 7 },
                Act::StaleRings { all: true },
                Act::FreeStuck,
                Act::Close
            ]
        );
        assert!(expected, "{acts:?}");
        let mut server = Server::owner();
        let acts = server.on(Event::Gone);
        let expected = matches!(
            acts[..],
            [Act::StaleRings { all: false }, Act::FreeStuck, Act::Close]
        );
        assert!(expected, "{acts:?}");
        server.inheritance.closed();
        assert!(server.on(Event::Gone).is_empty(), "once");
    }

    #[test]
    fn what_was_set_by_hand_is_known_when_this_process_serves() {
        let mut server = Server::new();
        let limits = ("max_threads=8".to_owned(), "max_threads=5".to_owned());
        let (configured, live) = limits.clone();
        drop(server.said(Word::Limits { configured, live }, Attached::Nothing));
        drop(server.said(Word::Size { cores: Some(2) }, Attached::Nothing));
        let acts = server.on(Event::Owned(Ok(Some(9))));
        let by_hand = ByHand {
            limits: Some(limits),
            cores: Some(2),
        };
        let [
            Act::Rehearse("claimed"),
            Act::Say(Word::Owner { room: Some(9) }),
            Act::Serve(served),
        ] = &acts[..]
        else {
            panic!("{acts:?}");
        };
        assert_eq!(*served, by_hand);
    }

    #[test]
    fn a_stuck_listener_is_armed_when_it_is_free_and_told_of_once() {
        let mut server = Server::new();
        let unit = 3;
        let acts = server.said(Word::Stuck { unit }, Attached::Nothing);
        let [
            Act::Take {
                unit: 3,
                stuck: true,
            },
            Act::Say(Word::Armed { unit: 3 }),
        ] = acts[..]
        else {
            panic!("{acts:?}");
        };
        server.pool.seats[0].stuck_elsewhere = true;
        let acts = server.said(Word::Baton { unit }, Attached::Nothing);
        let armed = |act: &Act| matches!(act, Act::Say(Word::Armed { .. }));
        assert!(!acts.iter().any(armed), "{acts:?}");
    }

    #[test]
    fn a_connection_is_acknowledged_before_anything_of_it_is_read_and_counted_once() {
        let mut server = Server::owner();
        let said = Event::Said {
            word: parcel(5),
            bytes: Zeroizing::new(vec![0; 22]),
            attached: socket(),
        };
        let acts = server.on(said);
        assert!(
            matches!(
                acts[..],
                [
                    Act::Rehearse("connection"),
                    Act::Say(Word::Taken { id: 5 }),
                    Act::Deliver(Luggage::Parcel(_))
                ]
            ),
            "{acts:?}"
        );
        assert_eq!(server.inheritance.inherited(), 1);
    }

    #[test]
    fn a_baton_is_taken_and_acknowledged_and_the_last_one_brings_the_rest() {
        let mut server = Server::new();
        let acts = server.said(Word::Baton { unit: 3 }, Attached::Nothing);
        let says = |act: &Act| matches!(act, Act::Say(Word::Armed { unit: 3 }));
        let takes = |act: &Act| {
            matches!(
                act,
                Act::Take {
                    unit: 3,
                    stuck: false
                }
            )
        };
        assert_eq!(acts.iter().filter(|act| says(act)).count(), 1, "{acts:?}");
        let (taken, said) = (acts.iter().position(takes), acts.iter().position(says));
        assert!(taken.is_some() && taken < said, "{acts:?}");
        assert!(server.inheritance.is_coming());
        let acts = server.said(Word::AllBatons, Attached::Nothing);
        let owns = |act: &Act| matches!(act, Act::Own { older: 7 });
        assert!(acts.iter().any(owns), "{acts:?}");
    }

    #[test]
    fn a_process_that_is_told_to_stop_takes_nothing_from_a_dead_one() {
        let mut server = Server::new();
        server.stopping = true;
        let acts = server.on(Event::Gone);
        let owns = |act: &Act| matches!(act, Act::Own { .. });
        assert!(!acts.iter().any(owns), "{acts:?}");
        assert!(matches!(acts.last(), Some(Act::Close)), "{acts:?}");
    }

    #[test]
    fn the_older_process_hears_why_this_one_fails_and_that_it_ends_on_purpose() {
        let mut server = Server::new();
        let why = || Event::Failed("no memory".to_owned());
        let acts = server.on(why());
        assert!(
            matches!(&acts[..], [Act::Say(Word::Refused { error })] if error == "no memory"),
            "{acts:?}"
        );
        assert!(server.on(Event::EndsOnPurpose).is_empty(), "it may go on");
        let mut server = Server::owner();
        assert!(server.on(why()).is_empty(), "it has nothing left");
        let acts = server.on(Event::EndsOnPurpose);
        assert!(
            matches!(acts[..], [Act::Say(Word::Succeeded { by: true })]),
            "{acts:?}"
        );
    }
}
