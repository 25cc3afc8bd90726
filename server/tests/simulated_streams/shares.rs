//! What a turn does for clients that send much of little use: each is read part by part, in turns with the others, so
//! that a turn stays short and nobody else's request waits for them.

use crate::forge::{data, forged};
use crate::peer::{Peer, get, post};
use crate::{a_day_passes, assert_nothing_is_left, simulate};
use ringgate::http2::ErrorCode;
use ringgate::runtime::driver::simulated::Faults;
use ringgate::simulation::Simulation;

/// Clients that send PINGs at the same time.
const CROWD: usize = 100;
/// PINGs that each of them sends: fewer than may come.
const PINGS: usize = 900;
/// Bytes of an answer to a PING.
const PING_BYTES: usize = 17;
/// More PINGs than are answered in any turn, of `CROWD` clients that begin.
const ANSWERED_MOST: usize = 4_000;

/// Bytes that one receive brings at most.
const BUFFER_BYTES: usize = 32 << 10;

fn pings(count: usize) -> Vec<u8> {
    forged(6, 0, 0, &[0; 8]).repeat(count)
}

/// Clients whose settings are exchanged.
fn crowd(simulation: &mut Simulation) -> Vec<Peer> {
    let mut peers: Vec<_> = (0..CROWD).map(|_| Peer::connect(simulation)).collect();
    simulation.run_until(|_| peers.iter().all(|peer| peer.client.received_len() > 0));
    (0..5).for_each(|_| simulation.turn());
    peers.iter_mut().for_each(Peer::hear);
    peers
}

fn answered(peers: &[Peer]) -> Vec<usize> {
    let pings = |peer: &Peer| peer.client.received_len() / PING_BYTES;
    peers.iter().map(pings).collect()
}

#[test]
fn a_turn_answers_so_many_pings_whoever_sends_them_and_all_are_answered_in_the_end() {
    let mut simulation = simulate(|_| {});
    let peers = crowd(&mut simulation);
    for peer in &peers {
        peer.client.send(&pings(PINGS));
    }
    let (mut before, mut turns) = (0, 0);
    while before < CROWD * PINGS {
        simulation.turn();
        let each = answered(&peers);
        let now: usize = each.iter().sum();
        assert!(
            now - before < ANSWERED_MOST,
            "{} in turn {turns}",
            now - before
        );
        // They take turns: the first is never more than two parts ahead of the last.
        let (most, least) = (each.iter().max(), each.iter().min());
        let ahead = most.zip(least).map_or(0, |(most, least)| most - least);
        assert!(ahead <= 2 * 64, "{ahead} in turn {turns}");
        before = now;
        turns += 1;
        assert!(turns < 1000, "{now} are answered");
    }
}

#[test]
fn a_request_of_another_client_is_answered_in_the_turn_in_which_it_comes() {
    let mut simulation = simulate(|_| {});
    let peers = crowd(&mut simulation);
    let mut other = Peer::connect(&simulation);
    other.client.send(&get(1, "/hello"));
    assert_eq!(other.answer(&mut simulation, 1).status, 200);
    for peer in &peers {
        peer.client.send(&pings(PINGS));
    }
    for id in (3..41).step_by(2) {
        other.client.send(&get(id, "/hello"));
        (0..2).for_each(|_| simulation.turn());
        other.hear();
        assert!(other.has_ended(id), "request {id}");
    }
    assert!(
        answered(&peers).iter().sum::<usize>() < CROWD * PINGS,
        "they are still read"
    );
}

#[test]
fn no_more_is_received_from_a_client_than_is_read_in_its_parts() {
    const BUFFER_BYTES: u32 = 4 << 10;
    let mut simulation = simulate(|config| {
        config.http2.pings = 60_000;
        config.rings.buffer_size = BUFFER_BYTES;
    });
    let peers = crowd(&mut simulation);
    for peer in &peers {
        peer.client.send(&pings(100));
    }
    simulation.turn();
    let all = pings(10_000);
    for peer in &peers {
        peer.client.send(&all);
    }
    for _ in 0..1000 {
        simulation.turn();
        for peer in &peers {
            let answered = peer.client.received_len();
            let received = all.len() + 100 * PING_BYTES - peer.client.unreceived();
            // One buffer, and what is answered and on its way.
            assert!(
                received - answered <= BUFFER_BYTES as usize + (6 << 10),
                "{received} bytes of which {answered} are answered"
            );
        }
    }
    assert!(answered(&peers).iter().all(|answered| *answered > PINGS));
}

#[test]
fn what_is_thrown_away_behind_a_fault_is_received_part_by_part() {
    let mut simulation = simulate(|_| {});
    let mut peers = crowd(&mut simulation);
    // DATA on stream 0, which nobody may send.
    for peer in &peers {
        peer.client.send(&data(0, false, b"x"));
    }
    (0..5).for_each(|_| simulation.turn());
    for peer in &peers {
        peer.client.send(&[0; 200_000]);
    }
    let unreceived = |peers: &[Peer]| peers.iter().map(|peer| peer.client.unreceived()).sum();
    let mut before: usize = unreceived(&peers);
    assert!(before > 10_000_000, "{before} are left");
    let mut turns = 0;
    while before > 0 {
        simulation.turn();
        let now = unreceived(&peers);
        let came = before - now;
        assert!(came <= CROWD * BUFFER_BYTES, "{came} in turn {turns}");
        before = now;
        turns += 1;
        assert!(turns < 10_000, "{now} are left");
    }
    for peer in &mut peers {
        peer.hear();
        assert_eq!(peer.farewells, [(0, ErrorCode::PROTOCOL_ERROR)]);
        peer.client.close();
    }
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 1, &"thrown away");
}

#[test]
fn what_a_client_sent_before_it_ended_its_side_is_read_before_the_end() {
    let mut simulation = simulate(|_| {});
    let peers = crowd(&mut simulation);
    for peer in &peers {
        peer.client.send(&pings(PINGS));
        peer.client.send(&get(1, "/hello"));
        peer.client.shutdown_write();
    }
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    for mut peer in peers {
        peer.hear();
        assert_eq!(peer.answers[&1].status, 200);
    }
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 1, &"shares");
}

#[test]
fn a_connection_that_closes_or_moves_with_a_rest_leaves_nothing_behind() {
    let mut config = ringgate::config::Config::default();
    config.http2.pings = 60_000;
    let mut simulation = Simulation::with_cores(&config, crate::router(), 2, 1, Faults::none());
    let connect = |simulation: &Simulation| Peer::with(simulation.connect_to(0), &[]);
    let peers: Vec<_> = (0..10).map(|_| connect(&simulation)).collect();
    (0..10).for_each(|_| simulation.turn());
    for peer in &peers {
        peer.client.take_received();
        peer.client.send(&pings(5000));
    }
    (0..3).for_each(|_| simulation.turn());
    peers[0].client.reset();
    peers[1].client.close();
    simulation.leave(0, 1);
    simulation.run_until(|simulation| simulation.ledgers(1).0.handed_in == 8);
    simulation.run_until(|_| {
        peers[2..]
            .iter()
            .all(|peer| peer.client.received_len() >= 5000 * PING_BYTES)
    });
    for peer in &peers {
        peer.client.close();
    }
    a_day_passes(&mut simulation);
    assert_nothing_is_left(&simulation, 2, &"shares");
}

#[test]
fn a_client_that_dribbles_is_ended_however_slowly_it_is_read() {
    let mut simulation = simulate(|_| {});
    let mut peers = crowd(&mut simulation);
    for peer in &peers {
        peer.client.send(&post(1, "/unread-never"));
        peer.client.send(&data(1, false, b"x").repeat(20_001));
    }
    simulation.run_until(|_| {
        peers.iter_mut().all(|peer| {
            peer.hear();
            !peer.farewells.is_empty()
        })
    });
    for peer in &peers {
        assert_eq!(peer.farewells[0].1, ErrorCode::ENHANCE_YOUR_CALM);
    }
}
