//! Streams at the gate: each is a request of its own, and its connection goes on whatever the gate says of one.

use crate::forge::{data, reset, window_update};
use crate::frames::text;
use crate::peer::{Ended, Peer, get, post, request};
use crate::spoken::{ask, here};
use crate::{SECOND, a_day_passes, assert_nothing_is_left, limits, pass, simulate};
use ringgate::config::{AdmissionLimits, Admit, MaxAccepts};
use ringgate::http2::ErrorCode;
use ringgate::simulation::Simulation;
use std::num::NonZeroU32;

/// A client whose stream 1 has the only slot for a second, and which asked for these behind it.
fn behind(simulation: &mut Simulation, paths: &[&str]) -> Peer {
    let peer = Peer::connect(simulation);
    peer.client.send(&get(1, "/later"));
    simulation.run_until(|simulation| simulation.gate() == (1, 0));
    for (n, path) in paths.iter().enumerate() {
        peer.client.send(&get(3 + 2 * n as u32, path));
    }
    let count = paths.len() as u32;
    simulation.run_until(|simulation| simulation.gate() == (1, count));
    peer
}

#[test]
fn streams_wait_for_a_slot_and_are_granted_it_in_order() {
    let mut simulation = simulate(|config| config.admission = limits(1));
    let began = simulation.world().now();
    let mut peer = behind(&mut simulation, &["/later", "/hello", "/later"]);
    let mut order = Vec::new();
    peer.until(&mut simulation, |peer| {
        let ended = [1, 3, 5, 7].into_iter().filter(|id| peer.has_ended(*id));
        let new: Vec<_> = ended.filter(|id| !order.contains(id)).collect();
        order.extend(new);
        order.len() == 4
    });
    assert_eq!(order, [1, 3, 5, 7]);
    assert!(peer.answers.values().all(|answer| answer.status == 200));
    assert!(simulation.world().now() - began >= 3 * SECOND);
    simulation.run_until(|simulation| simulation.gate() == (0, 0));
}

#[test]
fn a_stream_that_waits_too_long_is_told_so_and_its_connection_goes_on() {
    let mut simulation = simulate(|config| {
        config.admission = limits(1);
        config.queue.timeout = SECOND / 2;
    });
    let mut peer = behind(&mut simulation, &["/hello"]);
    let answer = peer.answer(&mut simulation, 3);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.field("retry-after"), Some("1"));
    assert_eq!(peer.answer(&mut simulation, 1).status, 200);
    peer.client.send(&get(5, "/hello"));
    assert_eq!(peer.answer(&mut simulation, 5).status, 200);
    assert!(peer.farewells.is_empty());
    pass(&mut simulation, SECOND);
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!((requests.answered, requests.rejected.sum()), (2, 1));
    assert_eq!(connections.open, 1);
}

#[test]
fn a_full_gate_refuses_streams_and_not_their_connection() {
    let one = NonZeroU32::new(1);
    let full = AdmissionLimits::new(one, MaxAccepts::None).expect("consistent");
    let mut simulation = simulate(|config| config.admission = full);
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&get(1, "/later"));
    simulation.run_until(|simulation| simulation.gate() == (1, 0));
    peer.send(&[get(3, "/hello"), get(5, "/health"), get(7, "/hello")]);
    assert_eq!(peer.answer(&mut simulation, 3).status, 503);
    assert_eq!(peer.answer(&mut simulation, 5).status, 200);
    assert_eq!(peer.answer(&mut simulation, 7).status, 503);
    assert_eq!(peer.answer(&mut simulation, 1).status, 200);
    peer.client.send(&get(9, "/hello"));
    assert_eq!(peer.answer(&mut simulation, 9).status, 200);
    peer.client.close();
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 1, &"closed");
}

#[test]
fn a_request_that_is_refused_is_not_told_to_send_its_body() {
    let one = NonZeroU32::new(1);
    let full = AdmissionLimits::new(one, MaxAccepts::None).expect("consistent");
    let mut simulation = simulate(|config| config.admission = full);
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&get(1, "/never"));
    simulation.run_until(|simulation| simulation.gate() == (1, 0));
    let expects = [("expect", "100-continue")];
    peer.send(&[request(3, false, "POST", "/echo", &expects)]);
    let answer = peer.answer(&mut simulation, 3);
    assert_eq!((answer.status, &answer.interim[..]), (503, &[][..]));
}

#[test]
fn a_stream_that_is_reset_leaves_the_queue() {
    let mut simulation = simulate(|config| config.admission = limits(1));
    let mut peer = behind(&mut simulation, &["/never", "/hello"]);
    peer.client.send(&reset(3));
    simulation.run_until(|simulation| simulation.gate() == (1, 1));
    assert_eq!(peer.answer(&mut simulation, 5).status, 200);
    let requests = simulation.ledgers(0).1;
    assert_eq!((requests.aborted, requests.pending), (1, 0));
}

#[test]
fn a_stream_that_is_reset_while_its_handler_runs_gives_its_slot_to_the_next() {
    let mut simulation = simulate(|config| config.admission = limits(1));
    let mut peer = behind(&mut simulation, &["/hello"]);
    peer.client.send(&reset(1));
    assert_eq!(peer.answer(&mut simulation, 3).status, 200);
    assert!(!peer.answers.contains_key(&1));
}

#[test]
fn an_answer_that_waits_for_room_keeps_its_slot_until_it_has_waited_too_long() {
    for path in ["/large", "/large-later", "/feed"] {
        let mut simulation = simulate(|config| config.admission = limits(1));
        let mut peer = Peer::with(simulation.connect(), &[(4, 10)]);
        peer.client.send(&get(1, path));
        simulation.run_until(|simulation| simulation.gate() == (1, 0));
        let began = simulation.world().now();
        peer.client.send(&get(3, "/hello"));
        pass(&mut simulation, 20 * SECOND);
        assert_eq!(simulation.gate(), (1, 1), "{path}");
        assert_eq!(peer.answer(&mut simulation, 3).status, 200, "{path}");
        let waited = simulation.world().now() - began;
        assert!(waited >= 30 * SECOND && waited < 40 * SECOND, "{waited:?}");
        let calm = Some(Ended::Reset(ErrorCode::ENHANCE_YOUR_CALM));
        assert_eq!(peer.answers[&1].ended, calm, "{path}");
        let requests = simulation.ledgers(0).1;
        assert_eq!((requests.answered, requests.aborted), (1, 1), "{path}");
    }
}

#[test]
fn an_answer_that_has_room_again_goes_on_and_gives_its_slot_back_at_its_end() {
    let mut simulation = simulate(|config| config.admission = limits(1));
    let mut peer = Peer::with(simulation.connect(), &[(4, 10)]);
    peer.client.send(&get(1, "/large"));
    pass(&mut simulation, 10 * SECOND);
    peer.hear();
    assert_eq!(peer.answers[&1].body.len(), 10);
    peer.send(&[window_update(1, 1 << 20), window_update(0, 1 << 20)]);
    assert_eq!(peer.answer(&mut simulation, 1).body.len(), crate::LARGE);
    simulation.run_until(|simulation| simulation.gate() == (0, 0));
}

#[test]
fn a_detached_route_gives_its_slot_back_as_soon_as_it_waits() {
    let mut simulation = simulate(|config| config.admission = limits(1));
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/detached"), get(3, "/detached"), get(5, "/hello")]);
    assert_eq!(peer.answer(&mut simulation, 5).status, 200);
    assert!(!peer.has_ended(1));
    assert_eq!(peer.answer(&mut simulation, 1).body, b"detached");
    assert_eq!(peer.answer(&mut simulation, 3).body, b"detached");
    peer.client.close();
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 1, &"closed");
}

#[test]
fn where_connections_hold_the_slots_all_streams_of_one_share_its() {
    let mut simulation = simulate(|config| {
        config.admission = limits(1);
        config.queue.admit = Admit::Connection;
    });
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/later"), get(3, "/later"), get(5, "/hello")]);
    for id in [5, 1, 3] {
        assert_eq!(peer.answer(&mut simulation, id).status, 200);
    }
    assert_eq!(simulation.gate().0, 1);
    // Another connection waits for that one's end.
    let mut other = Peer::connect(&simulation);
    other.send(&[get(1, "/later"), get(3, "/later"), get(5, "/hello")]);
    pass(&mut simulation, 5 * SECOND);
    other.hear();
    assert!(other.answers.is_empty());
    peer.client.close();
    for id in [5, 1, 3] {
        assert_eq!(other.answer(&mut simulation, id).status, 200);
    }
    other.client.close();
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 1, &"closed");
}

#[test]
fn a_batch_on_one_connection_shares_its_slot_and_no_more() {
    let mut simulation = simulate(|config| config.admission = limits(1));
    let mut peer = Peer::connect(&simulation);
    let batch: Vec<_> = (0..50).map(|n| get(1 + 2 * n, "/hello")).collect();
    peer.send(&batch);
    for n in 0..50 {
        assert_eq!(peer.answer(&mut simulation, 1 + 2 * n).status, 200);
    }
    simulation.run_until(|simulation| simulation.gate() == (0, 0));
    assert_eq!(simulation.ledgers(0).1.answered, 50);
}

#[test]
fn slots_hold_whatever_streams_do() {
    for slots in 1..4 {
        let mut simulation = simulate(|config| config.admission = limits(slots));
        let mut peer = Peer::connect(&simulation);
        let paths = [
            "/later",
            "/hello",
            "/never",
            "/panic",
            "/feed",
            "/panic-later",
        ];
        for n in 0..60u32 {
            let id = 1 + 2 * n;
            peer.client.send(&get(id, paths[n as usize % 6]));
            if n % 6 == 2 || n % 6 == 4 {
                peer.client.send(&reset(id));
            }
            simulation.turn();
            assert!(simulation.gate().0 <= slots);
        }
        peer.until(&mut simulation, |peer| {
            let ended = (0..60).filter(|n| n % 6 != 2 && n % 6 != 4);
            ended.clone().all(|n| peer.has_ended(1 + 2 * n))
        });
        simulation.run_until(|simulation| simulation.gate() == (0, 0));
        let requests = simulation.ledgers(0).1;
        assert!(requests.balances());
        assert_eq!((requests.begun, requests.aborted), (60, 20));
    }
}

/// Sends a part of a body, in frames that any server takes.
fn upload(peer: &Peer, stream: u32, bytes: usize) {
    let piece = vec![b'x'; 16_000];
    let mut left = bytes;
    while left > 0 {
        let len = left.min(piece.len());
        left -= len;
        peer.client.send(&data(stream, false, &piece[..len]));
    }
}

#[test]
fn bodies_of_requests_that_wait_leave_the_connections_window_to_the_one_that_runs() {
    const WINDOW: u64 = 64 << 10;
    let mut simulation = simulate(|config| {
        config.admission = limits(1);
        config.http2.stream_window = WINDOW as u32;
        config.http2.connection_window = WINDOW as u32;
    });
    let mut peer = Peer::connect(&simulation);
    peer.gives_room = true;
    peer.client.send(&post(1, "/echo"));
    simulation.run_until(|simulation| simulation.gate() == (1, 0));
    let waiting = [3, 5, 7];
    let mut sent = 0;
    // Each body that waits fills the window of its own stream to the last byte.
    for (before, stream) in (0..).zip(waiting) {
        peer.client.send(&post(stream, "/echo"));
        simulation.run_until(|simulation| simulation.gate() == (1, before + 1));
        for bytes in [40_000, WINDOW as usize - 40_000] {
            peer.until(&mut simulation, |peer| {
                let room = peer.room.get(&0).copied().unwrap_or(0);
                WINDOW - 1 + room >= sent + bytes as u64
            });
            upload(&peer, stream, bytes);
            sent += bytes as u64;
        }
    }
    peer.until(&mut simulation, |peer| peer.room.get(&0) >= Some(&40_000));
    for stream in waiting {
        assert_eq!(peer.room.get(&stream), None, "more room for one that waits");
    }
    for stream in [1, 3, 5, 7] {
        upload(&peer, stream, if stream == 1 { 30_000 } else { 0 });
        peer.client.send(&data(stream, true, b""));
        let answer = peer.answer(&mut simulation, stream);
        let expected = if stream == 1 { 30_000 } else { WINDOW as usize };
        assert_eq!((answer.status, answer.body.len()), (200, expected));
    }
    // The connection got its room once for each byte, but for what is less than half of its window.
    let given = peer.room[&0];
    let sent = sent + 30_000;
    assert!(
        given <= sent && sent - given <= WINDOW / 2,
        "{given} of {sent}"
    );
    assert!(peer.farewells.is_empty());
    peer.client.close();
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 1, &"closed");
}

#[test]
fn bytes_for_a_websocket_that_waits_at_the_gate_leave_the_connections_window_to_others() {
    let mut here = here(|config| {
        config.admission = limits(1);
        config.http2.stream_window = 64 << 10;
        config.http2.connection_window = 64 << 10;
    });
    here.peer.send(&[get(1, "/refused"), ask(3, "/ws")]);
    here.simulation
        .run_until(|simulation| simulation.gate() == (1, 1));
    let word = "x".repeat(5000);
    for _ in 0..10 {
        here.says(3, &text(&word));
    }
    here.peer.until(&mut here.simulation, |peer| {
        peer.room.get(&0) >= Some(&32_768)
    });
    assert!(!here.peer.has_ended(1) && !here.peer.room.contains_key(&3));
    for _ in 0..10 {
        here.hears(3, &[&[0x81, 126, 0x13, 0x88], word.as_bytes()].concat());
    }
    assert!(here.peer.room[&3] >= 32_768);
    assert!(here.peer.room[&0] <= 10 * 5008 + 1, "room was given twice");
    here.goes();
}
