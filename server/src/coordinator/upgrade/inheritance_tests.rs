//! The new side of an upgrade against words and deaths. No processes; those are in `tests/program/upgrade*.rs`.

use super::*;
use crate::coordinator::plan::{CoreState, Seat};
use std::fs::File;

/// A process that was started by another one.
struct Server {
    inheritance: Inheritance,
    pool: Pool,
    numbers: Option<u64>,
    ending: bool,
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
            ending: false,
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
            ending: self.ending,
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
        silences: Vec::new(),
    }
}

#[test]
fn a_connection_of_the_older_process_knows_the_listener_that_this_one_has_in_its_place() {
    let mut server = Server::owner();
    let inherited = [None, Some(7), Some(4)];
    let view = View {
        pool: &server.pool,
        inherited: &inherited,
        ending: false,
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
            Act::FreeStuck { .. },
            Act::Close
        ]
    );
    assert!(expected, "{acts:?}");
    let mut server = Server::owner();
    let acts = server.on(Event::Gone);
    let [
        Act::StaleRings { all: false },
        Act::FreeStuck { after },
        Act::Close,
    ] = &acts[..]
    else {
        panic!("{acts:?}");
    };
    assert!(after.is_empty());
    server.inheritance.closed();
    assert!(server.on(Event::Gone).is_empty(), "once");
}

#[test]
fn a_stuck_core_of_a_process_before_the_older_one_keeps_its_listener_until_that_one_ends() {
    let mut server = Server::new();
    let list = serde_json::from_str(
        r#"[{"pid":7,"phase":"","open":0,"staying":0},{"pid":5,"phase":"","open":0,"staying":0}]"#,
    );
    let list = list.expect("a list");
    drop(server.said(Word::Generations { list }, Attached::Nothing));
    let acts = server.on(Event::Gone);
    let awaits = |act: &Act| matches!(act, Act::FreeStuck { after } if after.len() == 1 && after[0].pid == 5);
    assert!(acts.iter().any(awaits), "{acts:?}");
    assert!(
        matches!(acts[..2], [Act::Suspect, Act::Own { .. }]),
        "{acts:?}"
    );
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
    // Nor of one that has gone on to the process after this one.
    server.pool.seats.clear();
    let acts = server.said(Word::Baton { unit }, Attached::Nothing);
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
fn a_process_that_is_told_to_end_takes_nothing_from_a_dead_one() {
    let mut server = Server::new();
    server.ending = true;
    let acts = server.on(Event::Gone);
    let owns = |act: &Act| matches!(act, Act::Own { .. });
    assert!(!acts.iter().any(owns), "{acts:?}");
    assert!(matches!(acts.last(), Some(Act::Close)), "{acts:?}");
}

#[test]
fn a_process_that_is_told_to_end_leaves_to_the_older_one_what_it_does_not_own_yet() {
    let mut server = Server::new();
    server.ending = true;
    let acts = server.said(Word::AllBatons, Attached::Nothing);
    assert!(acts.is_empty(), "{acts:?}");
    assert!(server.inheritance.is_coming());
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

#[test]
fn logs_are_opened_again_at_once_and_the_configuration_is_read_again_when_this_process_serves() {
    let mut server = Server::new();
    let again = |reload, reopen| Word::Again { reload, reopen };
    let acts = server.said(again(true, true), Attached::Nothing);
    let opens = |act: &Act| {
        let (reload, reopen) = (false, true);
        matches!(act, Act::Again { reload: said, reopen: open } if (*said, *open) == (reload, reopen))
    };
    assert!(acts.len() == 1 && opens(&acts[0]), "{acts:?}");
    let reads = |acts: &[Act]| matches!(acts.last(), Some(Act::Again { reload: true, .. }));
    let acts = server.on(Event::Owned(Ok(None)));
    assert!(reads(&acts), "{acts:?}");
    let acts = server.said(again(true, false), Attached::Nothing);
    assert!(reads(&acts), "{acts:?}");
    let acts = server.on(Event::Owned(Ok(None)));
    assert!(!reads(&acts), "once: {acts:?}");
}
