//! The end of a process as its coordinator tells it, and cores that a process without any started for who stayed.

use super::super::tests::{alone, listening};
use super::*;
use crate::config::ListenAddr;
use ringgate_runtime::sys::signals::Signal;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

#[test]
fn a_process_that_takes_its_time_to_end_tells_how_it_ended() {
    // One that a busy machine holds up for longer is killed, so that not each has to tell.
    let tells = |_| {
        let status = ends(true, false, "sleep 0.1; exit 3");
        status.expect("it ended").code() == Some(3)
    };
    assert!((0..20).any(tells));
    assert!((0..20).any(|_| {
        let status = ends(false, false, "sleep 0.1; exit 3");
        status.expect("it ended").code() == Some(3)
    }));
}

/// How a process ended that was made sure to be dead.
fn ends(is_watched: bool, is_given_up: bool, script: &str) -> Option<ExitStatus> {
    let child = Command::new("sh").args(["-c", script]).spawn();
    let child = child.expect("sh(1)");
    let process = PidFd::open(child.id()).expect("a child");
    let status = end(child, Some(&process).filter(|_| is_watched), is_given_up);
    // Whether it died, apart from what was said of that.
    let is_dead = process.wait_exit(Some(Duration::from_secs(5)));
    if !is_dead.expect("poll(2)") {
        rustix::process::pidfd_send_signal(&process, rustix::process::Signal::KILL)
            .expect("a child");
        panic!("it lives");
    }
    status
}

#[test]
fn a_process_that_cannot_be_watched_is_killed_all_the_same() {
    for is_given_up in [false, true] {
        let status = ends(false, is_given_up, "exec sleep 600");
        assert_eq!(status.expect("it ended").signal(), Some(9));
    }
}

#[test]
fn a_process_that_is_given_up_has_no_last_breath_in_which_it_serves_on() {
    for is_watched in [true, false] {
        // This thread may be held up until it has ended by itself, but not each time.
        let is_killed = |_| {
            let status = ends(is_watched, true, "sleep 0.2; exit 3");
            status.expect("it ended").signal() == Some(9)
        };
        assert!((0..20).any(is_killed), "watched: {is_watched}");
    }
}

/// Has a coordinator start a new process that wants no listeners, and says with its last second that it serves.
/// Returns its end of the socket.
fn hand_over(core: &Rc<Core>, coordinator: &mut Coordinator) -> Channel {
    let child = Command::new("sleep").arg("600").spawn().expect("sleep(1)");
    let pid = child.id();
    let (ours, theirs) = message_pair().expect("a pair");
    let ours = Channel::new(ours);
    coordinator.processes.newer = Some(Newer {
        link: Link::new(core, pid, ours, Key::Newer(pid), Key::NewerEnd(pid)),
        child,
        since: core.now(),
        late: Some(core.set_timer(core.now() + Duration::from_secs(60), Key::Late.to_key())),
    });
    let waiter = None;
    coordinator.succeed(core, Event::Started { pid, waiter });
    let ready = Word::Ready {
        wanted: Vec::new(),
        tls: true,
        again: true,
        metrics: false,
    };
    coordinator.succeed(core, Event::Said(ready));
    coordinator.succeed(core, Event::Looked);
    let mut theirs = Channel::new(theirs);
    theirs.say(&Word::Owner { room: None });
    coordinator.newer_is_late(core);
    theirs
}

/// A coordinator without listeners that has handed over.
fn handed_over() -> (Rc<Core>, Coordinator) {
    let (core, mut coordinator) = alone(None);
    drop(hand_over(&core, &mut coordinator));
    (core, coordinator)
}

fn kill_newer(coordinator: &mut Coordinator) {
    let mut newer = coordinator.processes.newer.take().expect("it serves");
    assert!(matches!(newer.child.try_wait(), Ok(None)), "it lives");
    newer.child.kill().expect("ours");
    // It was alive just now, and is ours.
    let _ = newer.child.wait();
}

#[test]
fn a_new_process_that_says_with_its_last_second_that_it_serves_is_heard_before_it_is_late() {
    let (_core, mut coordinator) = handed_over();
    assert!(coordinator.succession.has_handed_over());
    kill_newer(&mut coordinator);
}

#[test]
fn a_process_without_cores_that_serves_again_has_none_although_one_was_started_for_who_stayed() {
    let (core, mut coordinator) = handed_over();
    // As for connections that may not go to the new process.
    coordinator.pool.target = 1;
    let newer = coordinator.processes.newer.as_mut().expect("it serves");
    newer.child.kill().expect("ours");
    let pid = newer.link.pid();
    coordinator.newer_has_ended(&core, pid);
    assert!(!coordinator.succession.has_handed_over());
    assert_eq!(coordinator.pool.target, 0);
}

#[test]
fn a_process_that_serves_the_last_who_came_after_all_hears_others_on_its_addresses_again() {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let (core, mut coordinator) = listening(vec![ListenAddr::Tcp(address).into()], None);
    let bound = &coordinator.listeners.units[0].bound;
    let bound: SocketAddr = bound.parse().expect("an address");
    let mut theirs = hand_over(&core, &mut coordinator);
    // Behind the last look, which found nobody.
    coordinator.processes.emptied = true;
    let _last = TcpStream::connect(bound).expect("it listens");
    assert!(!coordinator.finish_generation(&core), "somebody came");
    assert!(coordinator.processes.deaf);
    // The new process has no descriptor for it.
    let id = loop {
        let heard = theirs.hear().expect("words").expect("a connection");
        if let Word::Fresh { id, .. } = heard.word {
            break id;
        }
    };
    theirs.say(&Word::Full { id });
    let pid = coordinator.processes.newer.as_ref().expect("it serves");
    let pid = pid.link.pid();
    coordinator.hear_newer(&core, pid);
    coordinator.pool.cores[0] = CoreState::Starting;
    assert!(!coordinator.finish_generation(&core), "it serves it");
    let patience = Duration::from_secs(20);
    let heard = TcpStream::connect_timeout(&bound, patience);
    kill_newer(&mut coordinator);
    heard.expect("it is heard");
}

#[test]
fn a_process_that_has_handed_over_and_is_told_to_reload_tells_the_one_that_serves() {
    let (core, mut coordinator) = alone(None);
    let mut theirs = hand_over(&core, &mut coordinator);
    coordinator.obey(&core, Signal::Usr1);
    coordinator.obey(&core, Signal::Hup);
    let said = std::iter::from_fn(|| theirs.hear().expect("words"));
    let again = |word: &Word| matches!(word, Word::Again { .. });
    let said: Vec<Word> = said.map(|heard| heard.word).filter(again).collect();
    let word = |reload| Word::Again {
        reload,
        reopen: !reload,
    };
    kill_newer(&mut coordinator);
    assert_eq!(said, [word(false), word(true)]);
}
