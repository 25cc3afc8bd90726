//! Connections of HTTP/2 that move: one without streams is plain data, whatever its tables and windows hold, and one
//! with streams goes when the last of them ends. What crosses to another process is held by `serving/http2.rs`.

use crate::forge::{END_HEADERS, END_STREAM, data, forged, window_update};
use crate::peer::{Peer, get, post};
use crate::{SECOND, a_day_passes, assert_nothing_is_left, pass, router};
use ringgate::config::Config;
use ringgate::runtime::driver::simulated::Faults;
use ringgate::simulation::Simulation;

fn two_cores() -> Simulation {
    let config = Config::default();
    Simulation::with_cores(&config, router(), 2, 1, Faults::none())
}

fn arrives(simulation: &mut Simulation, core: usize, count: u64) {
    simulation.run_until(|simulation| simulation.ledgers(core).0.handed_in == count);
}

/// HEADERS of which every field is put into the dynamic table.
fn kept(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (index, value) in [(4u8, path), (1, "example.org")] {
        block.extend([0x40 | index, value.len() as u8]);
        block.extend(value.bytes());
    }
    forged(1, END_HEADERS | END_STREAM, stream, &block)
}

/// The same by the two newest entries of the table.
fn by_index(stream: u32) -> Vec<u8> {
    forged(
        1,
        END_HEADERS | END_STREAM,
        stream,
        &[0x82, 0x86, 0xbf, 0xbe],
    )
}

#[test]
fn a_connection_takes_both_tables_along() {
    let mut simulation = two_cores();
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&kept(1, "/core"));
    assert_eq!(peer.answer(&mut simulation, 1).body, b"0");
    simulation.leave(0, 1);
    arrives(&mut simulation, 1, 1);
    peer.client.send(&by_index(3));
    assert_eq!(peer.answer(&mut simulation, 3).body, b"1");
    simulation.leave(1, 0);
    pass(&mut simulation, SECOND / 10);
    for n in 2..6 {
        peer.client.send(&by_index(1 + 2 * n));
        let answer = peer.answer(&mut simulation, 1 + 2 * n);
        assert_eq!((answer.status, answer.body.len()), (200, 1));
        assert_eq!(
            answer.field("content-type"),
            peer.answers[&1].field("content-type")
        );
    }
    assert!(peer.farewells.is_empty());
}

#[test]
fn a_connection_takes_its_windows_along() {
    let mut simulation = two_cores();
    let mut peer = Peer::with(simulation.connect(), &[(4, 1 << 20)]);
    // The connection's window is used up before the move but for 500 bytes, and opened after it.
    peer.client.send(&get(1, "/large"));
    peer.until(&mut simulation, |peer| {
        peer.answers
            .get(&1)
            .is_some_and(|answer| answer.body.len() == 65_535)
    });
    peer.client.send(&window_update(0, 200_000 - 65_535 + 500));
    peer.answer(&mut simulation, 1);
    simulation.leave(0, 1);
    arrives(&mut simulation, 1, 1);
    peer.client.send(&get(3, "/large"));
    peer.until(&mut simulation, |peer| {
        peer.answers
            .get(&3)
            .is_some_and(|answer| answer.body.len() == 500)
    });
    pass(&mut simulation, SECOND / 10);
    peer.hear();
    assert_eq!(peer.answers[&3].body.len(), 500);
    peer.client.send(&window_update(0, 1 << 20));
    assert_eq!(peer.answer(&mut simulation, 3).body.len(), 200_000);
}

#[test]
fn a_connection_with_streams_moves_when_the_last_one_ends() {
    let mut simulation = two_cores();
    let mut peer = Peer::connect(&simulation);
    peer.send(&[get(1, "/later"), post(3, "/echo"), data(3, false, b"so")]);
    simulation.run_until(|simulation| simulation.ledgers(0).1.running == 2);
    simulation.leave(0, 1);
    pass(&mut simulation, SECOND / 2);
    peer.client.send(&get(5, "/core"));
    assert_eq!(peer.answer(&mut simulation, 5).body, b"0");
    assert_eq!(peer.answer(&mut simulation, 1).body, b"later");
    assert_eq!(simulation.ledgers(0).0.open, 1);
    peer.client.send(&data(3, true, b"on"));
    assert_eq!(peer.answer(&mut simulation, 3).body, b"soon");
    arrives(&mut simulation, 1, 1);
    peer.client.send(&get(7, "/core"));
    assert_eq!(peer.answer(&mut simulation, 7).body, b"1");
    assert!(peer.farewells.is_empty());
}

#[test]
fn half_a_frame_moves_along_and_is_completed_there() {
    for cut in [1, 8, 9, 20, 40] {
        let mut simulation = two_cores();
        let mut peer = Peer::connect(&simulation);
        peer.client.send(&get(1, "/core"));
        assert_eq!(peer.answer(&mut simulation, 1).body, b"0");
        let frame = get(3, "/core");
        peer.client.send(&frame[..cut]);
        simulation.leave(0, 1);
        arrives(&mut simulation, 1, 1);
        peer.client.send(&frame[cut..]);
        assert_eq!(peer.answer(&mut simulation, 3).body, b"1", "{cut}");
    }
}

#[test]
fn a_block_that_has_begun_is_completed_where_it_began() {
    let mut simulation = two_cores();
    let mut peer = Peer::connect(&simulation);
    let whole = get(1, "/core");
    let block = &whole[9..];
    peer.client.send(&forged(1, END_STREAM, 1, &block[..10]));
    pass(&mut simulation, SECOND / 10);
    simulation.leave(0, 1);
    pass(&mut simulation, SECOND / 10);
    peer.client.send(&forged(9, END_HEADERS, 1, &block[10..]));
    assert_eq!(peer.answer(&mut simulation, 1).body, b"0");
    arrives(&mut simulation, 1, 1);
    peer.client.send(&get(3, "/core"));
    assert_eq!(peer.answer(&mut simulation, 3).body, b"1");
}

#[test]
fn connections_move_while_requests_come_and_each_is_answered_once() {
    for seed in 1..=8u64 {
        let faults = Faults {
            accept_error: 0.0,
            ..Faults::drawn(seed)
        };
        let config = Config::default();
        let mut simulation = Simulation::with_cores(&config, router(), 2, seed, faults);
        let mut peers: Vec<_> = (0..6).map(|_| Peer::connect(&simulation)).collect();
        for peer in &mut peers {
            peer.client.send(&kept(1, "/core"));
            assert_eq!(peer.answer(&mut simulation, 1).body, b"0");
        }
        let mut side = 0;
        for round in 1..40u32 {
            match round % 3 {
                0 => {
                    simulation.leave(side, 1 - side);
                    side = 1 - side;
                }
                1 => simulation.spread(side, 1 - side, 2),
                _ => {}
            }
            for peer in &mut peers {
                let frames = [by_index(1 + 4 * round), get(3 + 4 * round, "/hello")].concat();
                let cut = (round as usize * 7) % frames.len();
                peer.client.send(&frames[..cut]);
                simulation.turn();
                peer.client.send(&frames[cut..]);
            }
            for peer in &mut peers {
                for id in [1 + 4 * round, 3 + 4 * round] {
                    assert_eq!(peer.answer(&mut simulation, id).status, 200, "seed {seed}");
                }
            }
        }
        let handed = simulation.ledgers(0).0.handed_out + simulation.ledgers(1).0.handed_out;
        assert!(handed >= 20, "{handed}");
        let answered = simulation.ledgers(0).1.answered + simulation.ledgers(1).1.answered;
        simulation.run_until(|simulation| {
            let all = |core| simulation.ledgers(core).1.answered;
            all(0) + all(1) == 6 * 79
        });
        assert!(answered <= 6 * 79);
        peers.iter().for_each(|peer| peer.client.close());
        a_day_passes(&mut simulation);
        assert_nothing_is_left(&simulation, 2, &seed);
    }
}

#[test]
fn a_connection_that_was_told_goodbye_does_not_move() {
    let mut simulation = two_cores();
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&get(1, "/hello"));
    peer.answer(&mut simulation, 1);
    peer.client.send(&forged(7, 0, 0, &[0; 8]));
    simulation.leave(0, 1);
    peer.until_closed(&mut simulation);
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 2, &"goodbye");
}

#[test]
fn a_connection_that_always_has_streams_is_told_to_open_another_one_when_its_core_leaves() {
    let mut simulation = two_cores();
    let mut peer = Peer::connect(&simulation);
    peer.client.send(&get(1, "/later"));
    pass(&mut simulation, SECOND / 2);
    simulation.leave(0, 1);
    let began = simulation.world().now();
    let mut id = 1;
    while peer.farewells.is_empty() {
        id += 2;
        peer.client.send(&get(id, "/later"));
        pass(&mut simulation, SECOND / 2);
        peer.hear();
        assert!(simulation.world().now() - began <= 9 * SECOND);
    }
    peer.pong();
    peer.until_closed(&mut simulation);
    let served = (1..=id)
        .step_by(2)
        .all(|id| peer.answers[&id].body == b"later");
    assert!(served, "what was begun is answered");
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 2, &"left");
}
