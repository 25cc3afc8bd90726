//! Clients that ask for too much: each budget ends the one that spends it, is told, and is nothing to anybody else.

use crate::forge::{data, forged, headers, reset, settings, window_update};
use crate::peer::{Peer, get, post, request};
use crate::{SECOND, a_day_passes, assert_nothing_is_left, limits, pass, router, simulate};
use ringgate::config::Config;
use ringgate::http2::ErrorCode;
use ringgate::lane::Lane;
use ringgate::runtime::driver::simulated::{Action, Ending};
use ringgate::simulation::Simulation;
use ringgate::{CoreInfo, Request, Response, Router, Server};
use std::time::Duration;

/// Sends `frame(n)` for so many n, some at a time, until the connection ends, while somebody else is served.
fn floods(
    simulation: &mut Simulation,
    peer: &mut Peer,
    most: u32,
    mut frame: impl FnMut(u32) -> Vec<u8>,
) -> ErrorCode {
    let mut other = Peer::connect(simulation);
    let (mut at, mut id) = (0, 1);
    while peer.farewells.is_empty() && !peer.client.is_closed() {
        assert!(at < most, "{most} frames were taken");
        let some: Vec<u8> = (at..at + 50).flat_map(&mut frame).collect();
        at += 50;
        peer.client.send(&some);
        simulation.turn();
        if at.is_multiple_of(500) {
            other.client.send(&get(id, "/hello"));
            assert_eq!(other.answer(simulation, id).status, 200);
            id += 2;
        }
        peer.hear();
    }
    let code = peer.farewells[0].1;
    peer.until_closed(simulation);
    other.client.send(&get(id, "/hello"));
    assert_eq!(other.answer(simulation, id).status, 200);
    other.client.close();
    a_day_passes(simulation);
    assert_nothing_is_left(simulation, 1, &"flood");
    code
}

#[test]
fn each_flood_of_frames_ends_with_its_connection() {
    let trailers = || headers(1, true, &[("a", "b")]);
    type Frame = Box<dyn Fn(u32) -> Vec<u8>>;
    let kinds: Vec<(&str, Frame)> = vec![
        ("PING", Box::new(|_| forged(6, 0, 0, &[0; 8]))),
        ("answers to PING", Box::new(|_| forged(6, 1, 0, &[0; 8]))),
        ("SETTINGS", Box::new(|n| settings(&[(4, n)]))),
        ("acknowledgements", Box::new(|_| forged(4, 1, 0, &[]))),
        ("GOAWAY", Box::new(|_| forged(7, 0, 0, &[0; 8]))),
        (
            "PRIORITY",
            Box::new(|n| forged(2, 0, 3 + 2 * n, &[0, 0, 0, 0, 9])),
        ),
        ("unknown frames", Box::new(|_| forged(99, 0, 0, b"?"))),
        ("WINDOW_UPDATE", Box::new(|_| window_update(0, 1))),
        ("empty DATA", Box::new(|_| data(1, false, b""))),
        ("small DATA", Box::new(|_| data(1, false, b"x"))),
        (
            "trailers of streams that are over",
            Box::new(move |_| trailers()),
        ),
    ];
    for (name, frame) in kinds {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        let path = match name {
            "trailers of streams that are over" => get(1, "/hello"),
            _ => post(1, "/unread-never"),
        };
        peer.client.send(&path);
        pass(&mut simulation, Duration::from_millis(5));
        let code = floods(&mut simulation, &mut peer, 40_000, frame);
        let closed = matches!(name, "trailers of streams that are over");
        let expected = match closed {
            true => code == ErrorCode::STREAM_CLOSED || code == ErrorCode::ENHANCE_YOUR_CALM,
            false if name == "GOAWAY" => true,
            false => code == ErrorCode::ENHANCE_YOUR_CALM,
        };
        assert!(expected, "{name}: {code:?}");
    }
}

#[test]
fn a_block_without_an_end_ends_its_connection() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&forged(1, 1, 1, &[0x82]));
    let code = floods(&mut simulation, &mut peer, 1000, |_| {
        forged(9, 0, 1, &[0x86])
    });
    assert_eq!(code, ErrorCode::ENHANCE_YOUR_CALM);
}

#[test]
fn streams_that_are_opened_and_reset_at_once_end_their_connection_and_their_handlers() {
    for path in ["/never", "/later", "/feed", "/large"] {
        let mut simulation = simulate(|config| config.admission = limits(4));
        let mut peer = Peer::connect(&simulation);
        let rapid = |n: u32| [get(1 + 2 * n, path), reset(1 + 2 * n)].concat();
        let mut n = 0;
        while peer.farewells.is_empty() {
            let some: Vec<u8> = (n..n + 20).flat_map(rapid).collect();
            n += 20;
            assert!(n < 2000, "{path}");
            peer.client.send(&some);
            simulation.turn();
            let requests = simulation.ledgers(0).1;
            assert!(requests.running + requests.pending <= 100);
            peer.hear();
        }
        assert_eq!(peer.farewells[0].1, ErrorCode::ENHANCE_YOUR_CALM);
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        assert_nothing_is_left(&simulation, 1, &path);
    }
}

#[test]
fn streams_that_the_server_is_made_to_reset_end_their_connection_and_their_handlers() {
    let kinds: [fn(u32) -> Vec<u8>; 4] = [
        |id| [get(id, "/never"), window_update(id, 0)].concat(),
        |id| [get(id, "/never"), data(id, true, b"behind its end")].concat(),
        |id| [post(id, "/unread-never"), headers(id, false, &[("a", "b")])].concat(),
        |id| {
            let length = [("content-length", "1")];
            let head = request(id, false, "POST", "/unread-never", &length);
            [head, data(id, true, b"two")].concat()
        },
    ];
    for kind in kinds {
        let mut simulation = simulate(|config| config.admission = limits(4));
        let mut peer = Peer::connect(&simulation);
        let code = floods(&mut simulation, &mut peer, 1000, |n| kind(1 + 2 * n));
        assert_eq!(code, ErrorCode::ENHANCE_YOUR_CALM);
    }
}

#[test]
fn work_in_a_lane_is_bounded_whatever_is_reset() {
    let config = Config {
        admission: limits(4),
        ..Config::default()
    };
    let router = Router::<Lane<()>>::new()
        .get("/hello", |_: Request<Lane<()>>| async { "hello" })
        .get("/lane", |request: Request<Lane<()>>| async move {
            match request.state().run(|_| "done").await {
                Ok(done) => Response::text(done),
                Err(error) => Response::text(error.to_string()),
            }
        });
    let init = |core: &CoreInfo| core.lane("slow").expect("there is one");
    let server = Server::with_state(config, router, init);
    let server = server.lane("slow", Lane::workers(1).stateless());
    let mut simulation = Simulation::of(server, 1);
    let mut peer = Peer::connect(&simulation);
    let rapid = |n: u32| [get(1 + 2 * n, "/lane"), reset(1 + 2 * n)].concat();
    let code = floods(&mut simulation, &mut peer, 1000, rapid);
    assert_eq!(code, ErrorCode::ENHANCE_YOUR_CALM);
}

#[test]
fn more_streams_than_may_be_are_refused_one_by_one_and_the_others_are_served() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    let all: Vec<_> = (0..120).map(|n| get(1 + 2 * n, "/later")).collect();
    peer.send(&all);
    peer.until(&mut simulation, |peer| {
        (0..120).all(|n| peer.has_ended(1 + 2 * n))
    });
    let served = peer.answers.values().filter(|answer| answer.status == 200);
    assert_eq!(served.count(), 100);
    simulation.run_until(|simulation| simulation.ledgers(0).1.answered == 100);
    assert_eq!(simulation.ledgers(0).1.begun, 100);
}

#[test]
fn a_client_that_takes_no_answers_to_its_pings_is_ended_and_costs_little() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&simulation);
    simulation.run_until(|_| peer.client.received_len() > 0);
    peer.hear();
    peer.client.window(peer.client.received_len() as u64);
    for _ in 0..100 {
        peer.client.send(&forged(6, 0, 0, &[0; 8]).repeat(100));
        simulation.turn();
    }
    let began = simulation.world().now();
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    assert!(simulation.world().now() - began <= 40 * SECOND);
}

#[test]
fn pings_as_often_as_payload_comes_are_no_flood() {
    // As clients do that measure how fast the way is: a PING with each piece that comes.
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let mut peer = Peer::with(simulation.connect(), &[(4, 0x7fff_ffff)]);
    peer.client.send(&window_update(0, 0x7fff_0000));
    let (mut id, mut pings) = (1, 0);
    while pings < 3000 {
        if id == 1 || peer.has_ended(id - 2) {
            peer.client.send(&get(id, "/large"));
            id += 2;
        }
        simulation.turn();
        peer.hear();
        if !peer.owes().is_empty() {
            peer.client.send(&forged(6, 0, 0, &[0; 8]));
            pings += 1;
        }
        assert!(peer.farewells.is_empty(), "behind {pings} PINGs");
    }
}

#[test]
fn pings_during_a_long_answer_that_is_taken_slowly_are_answers_that_are_taken() {
    let mut simulation = Simulation::new(&Config::default(), router(), 1);
    let mut peer = Peer::with(simulation.connect(), &[(4, 0x7fff_ffff)]);
    peer.client.send(&window_update(0, 0x7fff_0000));
    peer.client.window(1000);
    for n in 0..20 {
        peer.client.send(&get(1 + 2 * n, "/large"));
    }
    // Many a second, of which each is answered behind what is under way.
    for pings in 0..2000 {
        pass(&mut simulation, SECOND / 50);
        peer.client.read(1000);
        peer.client.send(&forged(6, 0, 0, &[0; 8]));
        peer.hear();
        assert!(peer.farewells.is_empty(), "behind {pings} PINGs");
    }
}

/// More than `http2_pings` of them.
fn too_many_pings() -> Vec<u8> {
    forged(6, 0, 0, &[0; 8]).repeat(1100)
}

/// Bytes of an answer that are under way to a client that takes none, when it breaks a budget.
const UNDER_WAY: u32 = 30_000;

/// A client of which one send is under way that it does not take, and that has sent too many PINGs behind it.
fn deaf_offender(simulation: &mut Simulation) -> Peer {
    let peer = Peer::with(simulation.connect(), &[(4, UNDER_WAY)]);
    simulation.run_until(|_| peer.client.received_len() > 0);
    peer.client.window(1);
    peer.client.send(&get(1, "/large"));
    simulation.run_until(|simulation| simulation.ledgers(0).1.begun == 1);
    pass(simulation, SECOND / 10);
    peer.client.send(&too_many_pings());
    peer
}

#[test]
fn a_client_that_broke_a_budget_has_five_seconds_in_all_however_much_it_takes_now_and_then() {
    // Bytes in each fifth of a second.
    for step in [0, 1, 500] {
        let mut simulation = simulate(|_| {});
        let peer = deaf_offender(&mut simulation);
        for n in 1..100 {
            peer.client.after(SECOND / 5 * n, Action::Read(step));
        }
        let began = simulation.world().now();
        simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
        let took = simulation.world().now() - began;
        assert!(
            took >= 5 * SECOND - SECOND / 100 && took <= 5 * SECOND + SECOND / 10,
            "{step}: {took:?}"
        );
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        assert_eq!(peer.client.ending(), Ending::Reset, "{step}");
        assert_eq!(simulation.ledgers(0).0.aborted, 1);
        assert_nothing_is_left(&simulation, 1, &step);
    }
}

#[test]
fn a_client_that_broke_a_budget_hears_so_before_answers_to_its_pings_that_wait() {
    let mut simulation = simulate(|_| {});
    let mut peer = deaf_offender(&mut simulation);
    pass(&mut simulation, 3 * SECOND);
    peer.client.window(u64::MAX);
    peer.until_closed(&mut simulation);
    assert_eq!(peer.client.ending(), Ending::Eof);
    assert_eq!(peer.farewells, [(1, ErrorCode::ENHANCE_YOUR_CALM)]);
    assert_eq!(peer.answers[&1].body.len(), UNDER_WAY as usize);
    assert!(peer.pongs == 0, "{} answers to PINGs", peer.pongs);
    peer.client.close();
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    let requests = simulation.ledgers(0).1;
    assert_eq!((requests.answered, requests.aborted), (0, 1));
    assert_nothing_is_left(&simulation, 1, &"told");
}

#[test]
fn a_client_that_broke_a_budget_and_sends_on_is_read_no_further_than_a_window_and_closed_in_time() {
    for piece in [100, 100_000] {
        let mut simulation = simulate(|_| {});
        let mut peer = Peer::connect(&simulation);
        peer.client.send(&too_many_pings());
        for n in 1..200 {
            let more = Action::Send(vec![0; piece]);
            peer.client.after(SECOND / 10 * n, more);
        }
        peer.until_closed(&mut simulation);
        assert_eq!(peer.farewells, [(0, ErrorCode::ENHANCE_YOUR_CALM)]);
        let began = simulation.world().now();
        let mut unread = 0;
        simulation.run_until(|simulation| {
            unread = unread.max(peer.client.unreceived());
            simulation.ledgers(0).0.open == 0
        });
        let took = simulation.world().now() - began;
        assert!(took <= 5 * SECOND + SECOND / 10, "{piece}: {took:?}");
        // 5 MB were sent by then, and two are read.
        assert_eq!(unread > 2_000_000, piece == 100_000, "{unread}");
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        assert_nothing_is_left(&simulation, 1, &piece);
    }
}

/// A client that breaks a rule and ends its side in the same instant.
fn offender_at_its_end(simulation: &mut Simulation) -> Peer {
    let peer = Peer::connect(simulation);
    simulation.run_until(|_| peer.client.received_len() > 0);
    // DATA belongs to a stream (RFC 9113 section 6.1).
    peer.client.send(&forged(0, 0, 0, &[0]));
    peer.client.shutdown_write();
    peer
}

#[test]
fn a_client_that_breaks_a_rule_with_its_last_bytes_is_not_reset_before_it_has_heard_so() {
    let mut simulation = simulate(|_| {});
    let mut peer = offender_at_its_end(&mut simulation);
    let began = simulation.world().now();
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    assert!(simulation.world().now() - began < SECOND);
    peer.hear();
    assert_eq!(peer.farewells, [(0, ErrorCode::PROTOCOL_ERROR)]);
    assert_eq!(peer.client.ending(), Ending::Eof);
    assert_eq!(simulation.ledgers(0).0.aborted, 0);
    assert_nothing_is_left(&simulation, 1, &"told");
}

#[test]
fn a_client_that_breaks_a_rule_with_its_last_bytes_and_acknowledges_nothing_has_five_seconds() {
    let mut simulation = simulate(|_| {});
    let peer = offender_at_its_end(&mut simulation);
    peer.client.acknowledges_after(SECOND * 3600);
    let began = simulation.world().now();
    simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
    let took = simulation.world().now() - began;
    assert!(
        took >= 5 * SECOND - SECOND / 100 && took <= 5 * SECOND + SECOND / 10,
        "{took:?}"
    );
    assert_eq!(peer.client.ending(), Ending::Reset);
    assert_eq!(simulation.ledgers(0).0.aborted, 1);
    assert_nothing_is_left(&simulation, 1, &"late");
}

#[test]
fn nobody_waits_for_a_client_that_breaks_a_rule_and_is_gone_or_whose_server_stops() {
    for stops in [false, true] {
        let mut simulation = simulate(|_| {});
        let peer = offender_at_its_end(&mut simulation);
        peer.client.acknowledges_after(SECOND * 3600);
        pass(&mut simulation, SECOND / 2);
        assert_eq!(simulation.ledgers(0).0.open, 1);
        let began = simulation.world().now();
        if stops {
            simulation.force(0);
        } else {
            peer.client.reset();
        }
        simulation.run_until(|simulation| simulation.world().open_descriptors() == 0);
        assert!(simulation.world().now() - began < SECOND, "{stops}");
        assert_nothing_is_left(&simulation, 1, &stops);
    }
}
