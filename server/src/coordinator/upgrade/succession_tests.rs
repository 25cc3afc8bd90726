//! The old side of an upgrade against words and deaths at every stage. No processes; those are in
//! `tests/program/upgrade*.rs`.

use super::*;
use crate::connection::{Fresh, ListenerId, Parcel};
use crate::coordinator::plan::Seat;
use crate::coordinator::reply::reply;
use std::fs::File;
use std::os::fd::OwnedFd;

fn ready(wanted: Vec<u32>) -> Word {
    Word::Ready {
        wanted,
        tls: true,
        again: true,
        metrics: true,
    }
}

/// A server of two listeners, held by its two cores.
struct Server {
    succession: Succession,
    pool: Pool,
    open: u64,
}

impl Server {
    fn new() -> Server {
        let seat = |slot| Seat {
            baton: Baton::Held(slot),
            ..Seat::new(slot, false)
        };
        Server {
            succession: Succession::default(),
            pool: Pool {
                target: 2,
                accepting: true,
                spawning: true,
                cores: vec![crate::coordinator::plan::CoreState::Running; 2],
                stuck: vec![false; 2],
                seats: vec![seat(0), seat(1)],
            },
            open: 150,
        }
    }

    fn on(&mut self, event: Event) -> Vec<Act> {
        let view = View {
            now: Moment::default(),
            pool: &self.pool,
            units: &[0, 1],
            open: self.open,
        };
        self.succession.on(&view, event)
    }

    fn said(&mut self, word: Word) -> Vec<Act> {
        self.on(Event::Said(word))
    }

    /// A new process that has everything and serves.
    fn serving() -> Server {
        let mut server = Server::new();
        let waiter = None;
        drop(server.on(Event::Started { pid: 7, waiter }));
        drop(server.said(ready(vec![0, 1])));
        for unit in [0, 1] {
            server.pool.seats[unit as usize].baton = Baton::Free;
            let acts = server.on(Event::Looked);
            assert!(says(&acts, &Word::Baton { unit }), "{acts:?}");
            drop(server.said(Word::Armed { unit }));
        }
        let acts = server.on(Event::Looked);
        assert!(says(&acts, &Word::AllBatons), "{acts:?}");
        let acts = server.said(Word::Owner { room: Some(46) });
        let staying = |act: &Act| matches!(act, Act::Commit(upgraded) if upgraded.staying == 104);
        assert!(acts.iter().any(staying), "{acts:?}");
        server
    }

    fn send(&mut self, count: u64) {
        for _ in 0..count {
            let file = OwnedFd::from(File::open("/dev/null").expect("a file"));
            let back = self.succession.bring(Luggage::Fresh(Fresh {
                socket: file.into(),
                listener: ListenerId(0),
                opening: crate::config::Opening::default(),
            }));
            assert!(back.is_none());
            self.succession.sent();
        }
    }
}

fn says(acts: &[Act], word: &Word) -> bool {
    acts.iter()
        .any(|act| matches!(act, Act::Say(said) if said == word))
}

fn delivered(acts: &[Act]) -> usize {
    let delivered = acts.iter().filter(|act| matches!(act, Act::Deliver(_)));
    delivered.count()
}

#[test]
fn a_baton_goes_only_when_its_cores_have_given_it_back() {
    let mut server = Server::new();
    let waiter = None;
    drop(server.on(Event::Started { pid: 7, waiter }));
    assert!(server.on(Event::Looked).is_empty(), "it is not ready");
    drop(server.said(ready(vec![0, 1])));
    let acts = server.on(Event::Looked);
    assert!(matches!(acts[..], [Act::GiveAway(0)]), "{acts:?}");
    server.pool.seats[0].baton = Baton::Recalled(0);
    let acts = server.on(Event::Looked);
    assert!(matches!(acts[..], [Act::GiveAway(0)]), "{acts:?}");
    server.pool.seats[0].baton = Baton::Free;
    assert!(says(&server.on(Event::Looked), &Word::Baton { unit: 0 }));
    assert!(server.on(Event::Looked).is_empty(), "one at a time");
    let acts = server.said(Word::Armed { unit: 1 });
    assert!(
        matches!(acts[..], [Act::Dismiss(Some(UpgradeError::Misspoke(_)))]),
        "{acts:?}"
    );
}

#[test]
fn the_baton_of_a_stuck_core_follows_when_that_gives_it_back() {
    let mut server = Server::new();
    let waiter = None;
    drop(server.on(Event::Started { pid: 7, waiter }));
    drop(server.said(ready(vec![0])));
    server.pool.stuck[0] = true;
    assert!(says(&server.on(Event::Looked), &Word::Stuck { unit: 0 }));
    drop(server.said(Word::Armed { unit: 0 }));
    assert!(says(&server.on(Event::Looked), &Word::AllBatons));
    server.pool.stuck[0] = false;
    assert!(!says(&server.on(Event::Looked), &Word::Baton { unit: 0 }));
    server.pool.seats[0].baton = Baton::Free;
    assert!(says(&server.on(Event::Looked), &Word::Baton { unit: 0 }));
    assert!(server.on(Event::Looked).is_empty(), "once");
}

#[test]
fn a_process_that_serves_is_ended_by_nothing_that_it_says() {
    let mut server = Server::serving();
    for event in [
        Event::Said(Word::Armed { unit: 0 }),
        Event::Said(Word::AllBatons),
        Event::Garbled("telepathy".to_owned()),
        Event::HungUp { lives: true },
        Event::Late(Duration::from_secs(1)),
        Event::ServerEnds,
    ] {
        let acts = server.on(event);
        let ends = |act: &Act| matches!(act, Act::Dismiss(_) | Act::Resume | Act::TakeBack);
        assert!(!acts.iter().any(ends), "{acts:?}");
        assert!(server.succession.has_handed_over());
    }
}

#[test]
fn one_that_does_not_serve_yet_is_ended_for_what_makes_no_sense() {
    let mut server = Server::new();
    let waiter = None;
    drop(server.on(Event::Started { pid: 7, waiter }));
    let acts = server.on(Event::Garbled("telepathy".to_owned()));
    assert!(matches!(acts[..], [Act::Dismiss(Some(_))]), "{acts:?}");
}

#[test]
fn what_does_not_fit_comes_back_and_the_cores_go_on() {
    let mut server = Server::serving();
    server.send(20);
    assert!(matches!(
        server.said(Word::Taken { id: 0 })[..],
        [Act::Send]
    ));
    let acts = server.said(Word::Full { id: 1 });
    assert!(
        matches!(
            acts[..],
            [Act::ServeOn, Act::SayStaying { .. }, Act::Deliver(_)]
        ),
        "{acts:?}"
    );
    let acts = server.said(Word::Full { id: 2 });
    assert!(
        matches!(acts[..], [Act::ServeOn, Act::Deliver(_)]),
        "said once: {acts:?}"
    );
    assert!(server.succession.keeps_connections());
    assert!(matches!(server.on(Event::LastCall)[..], [Act::Drain]));
}

#[test]
fn a_process_that_closes_its_socket_and_lives_keeps_its_clients_and_gives_back_what_it_has_not() {
    let mut server = Server::serving();
    server.send(20);
    drop(server.said(Word::Taken { id: 0 }));
    let acts = server.on(Event::HungUp { lives: true });
    assert_eq!(delivered(&acts), 19, "{acts:?}");
    assert!(server.succession.keeps_connections());
    // Its death is seen all the same.
    let (cause, status) = (None, None);
    let acts = server.on(Event::Over { cause, status });
    assert!(
        acts.iter().any(|act| matches!(act, Act::Resume)),
        "{acts:?}"
    );
}

#[test]
fn the_death_of_one_that_passes_on_brings_nobody_back() {
    let mut server = Server::serving();
    server.send(3);
    drop(server.said(Word::Succeeded { by: true }));
    let (cause, status) = (None, None);
    let acts = server.on(Event::Over { cause, status });
    assert_eq!(delivered(&acts), 3);
    let alone = |act: &Act| matches!(act, Act::FinishAlone);
    assert!(acts.iter().any(alone), "{acts:?}");
    assert!(
        !acts.iter().any(|act| matches!(act, Act::Resume)),
        "{acts:?}"
    );
}

/// A connection with a request behind it.
fn parcel() -> Luggage {
    let file = OwnedFd::from(File::open("/dev/null").expect("a file"));
    let fresh = Fresh {
        socket: file.into(),
        listener: ListenerId(0),
        opening: crate::config::Opening::default(),
    };
    let parcel = Parcel::unpack(fresh, &[0; 22]);
    Luggage::Parcel(Box::new(parcel.expect("a parcel")))
}

/// The end of the new process, of itself or for a cause.
fn over(cause: Option<UpgradeError>) -> Event {
    let status = None;
    Event::Over { cause, status }
}

fn names(acts: &[Act]) -> Vec<&'static str> {
    let name = |act: &Act| match act {
        Act::Say(_) => "say",
        Act::SayStanding { .. } => "say standing",
        Act::TellOlder(Word::Succeeded { by: true }) => "older: succeeded",
        Act::TellOlder(Word::Succeeded { by: false }) => "older: not succeeded",
        Act::TellOlder(_) => "older: ?",
        Act::Step(..) => "step",
        Act::Failed(..) => "failed",
        Act::Answer(..) => "answer",
        Act::Dismiss(_) => "dismiss",
        Act::GiveAway(_) => "give away",
        Act::TakeBack => "take back",
        Act::StaleRings => "stale rings",
        Act::Reclaim => "reclaim",
        Act::Commit(_) => "commit",
        Act::Resume => "resume",
        Act::FinishAlone => "finish alone",
        Act::Send => "send",
        Act::Deliver(_) => "deliver",
        Act::ServeOn => "serve on",
        Act::Offer(_) => "offer",
        Act::Drain => "drain",
        Act::SayStaying { .. } => "say staying",
        Act::SayBroken { .. } => "say broken",
    };
    acts.iter().map(name).collect()
}

#[test]
fn a_connection_that_is_acknowledged_is_passed_on_once_and_an_unknown_one_never() {
    let mut server = Server::serving();
    assert!(server.succession.bring(parcel()).is_none());
    server.succession.sent();
    for id in [0, 0, 7] {
        drop(server.said(Word::Taken { id }));
    }
    assert_eq!(server.succession.passed_on(), 1);
    // One that nobody has asked anything on was never counted as open here.
    server.send(1);
    drop(server.said(Word::Taken { id: 1 }));
    assert_eq!(server.succession.passed_on(), 1);
    assert!(server.succession.has_delivered());
}

#[test]
fn everything_that_a_dead_process_had_not_acknowledged_is_served_here_again() {
    let mut server = Server::serving();
    server.send(3);
    drop(server.said(Word::Taken { id: 1 }));
    let acts = server.on(over(None));
    let expected = [
        "failed",
        "take back",
        "stale rings",
        "resume",
        "deliver",
        "deliver",
        "older: not succeeded",
    ];
    assert_eq!(names(&acts), expected);
    assert!(!server.succession.has_handed_over() && !server.succession.is_on());
}

#[test]
fn a_process_that_dies_before_it_serves_leaves_every_listener_here_and_who_waits_hears_why() {
    for (armed, settling) in [(false, false), (true, false), (true, true)] {
        let mut server = Server::new();
        let (reply, answer) = reply();
        let waiter = Some(reply);
        let acts = server.on(Event::Started { pid: 7, waiter });
        assert_eq!(names(&acts), ["step", "older: succeeded"]);
        let mut expected = vec!["failed", "answer", "take back"];
        if armed {
            drop(server.said(ready(vec![0])));
            drop(server.on(Event::Looked));
            // A ring of it may have an accept in flight.
            expected.push("stale rings");
        }
        if settling {
            server.pool.seats[0].baton = Baton::Free;
            drop(server.on(Event::Looked));
            drop(server.said(Word::Armed { unit: 0 }));
            assert!(says(&server.on(Event::Looked), &Word::AllBatons));
            // It may have put its control socket and its PID file in the place of ours.
            expected.push("reclaim");
        }
        expected.push("older: not succeeded");
        let acts = server.on(over(None));
        assert_eq!(names(&acts), expected);
        for act in acts {
            if let Act::Answer(waiter, result) = act {
                waiter.send(result);
            }
        }
        let result = answer.wait(Duration::ZERO).expect("an answer");
        assert!(
            matches!(result, Err(UpgradeError::Ended { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn the_end_of_this_server_and_the_end_of_the_patience_end_a_process_that_does_not_serve_yet() {
    for event in [Event::ServerEnds, Event::Late(Duration::from_secs(1))] {
        let mut server = Server::new();
        assert!(
            server.on(Event::Late(Duration::ZERO)).is_empty(),
            "nobody is there"
        );
        let waiter = None;
        drop(server.on(Event::Started { pid: 7, waiter }));
        assert_eq!(names(&server.on(event)), ["dismiss"]);
    }
}

#[test]
fn what_the_kernel_never_takes_is_served_here_with_all_that_wait_behind_it() {
    let mut server = Server::serving();
    for _ in 0..2 {
        assert!(server.succession.bring(parcel()).is_none());
    }
    let acts = server.on(Event::TooLong);
    assert_eq!(
        names(&acts),
        ["serve on", "say staying", "deliver", "deliver"]
    );
}

#[test]
fn a_new_process_hears_what_this_one_was_told_since_it_was_started_unless_it_does_not_know_the_word()
 {
    let told = |reload, reopen| Event::Again { reload, reopen };
    let again = |reload, reopen| Word::Again { reload, reopen };
    for knows in [true, false] {
        let mut server = Server::new();
        assert!(server.on(told(true, true)).is_empty(), "there is none");
        let waiter = None;
        drop(server.on(Event::Started { pid: 7, waiter }));
        // It may have read the configuration already, and cannot be told yet.
        assert!(server.on(told(true, false)).is_empty());
        assert!(server.on(told(false, true)).is_empty());
        let acts = server.said(Word::Ready {
            wanted: Vec::new(),
            tls: true,
            again: knows,
            metrics: true,
        });
        assert_eq!(says(&acts, &again(true, true)), knows, "{acts:?}");
        let acts = server.on(told(true, false));
        assert_eq!(says(&acts, &again(true, false)), knows, "{acts:?}");
        assert!(!server.succession.is_reloaded_elsewhere());
        drop(server.on(Event::Looked));
        drop(server.said(Word::Owner { room: None }));
        let acts = server.on(told(false, true));
        assert_eq!(says(&acts, &again(false, true)), knows, "{acts:?}");
        assert_eq!(server.succession.is_reloaded_elsewhere(), knows);
    }
}
