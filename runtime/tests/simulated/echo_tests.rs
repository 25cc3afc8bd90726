//! The echo server in simulated worlds: a conversation, replays, and many seeds with faults.

use crate::echo::Echo;
use crate::replay::each_seed;
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::descriptor::SIMULATED;
use ringgate_runtime::driver::Driver;
use ringgate_runtime::driver::simulated::{Action, Client, Ending, Faults, World};
use ringgate_runtime::{Core, CoreOptions};
use std::rc::Rc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const BUFFERS: u16 = 4;

fn options() -> CoreOptions {
    CoreOptions {
        buffers: PoolOptions {
            buffers: BUFFERS,
            buffer_size: 256,
            leases_kept: 2,
        },
        ..CoreOptions::default()
    }
}

fn core(world: &World) -> Rc<Core> {
    core_of(world, options())
}

fn core_of(world: &World, options: CoreOptions) -> Rc<Core> {
    Core::with_driver(Driver::Simulated(Box::new(world.driver())), options).expect("a core")
}

/// Runs turns until every client's connection has ended.
fn run(world: &World, core: &Rc<Core>, echo: &mut Echo, clients: &[Client]) {
    run_interrupted(world, core, echo, clients, 0);
}

/// The same, and interrupts the server in every `interrupts`th turn or so; never if it is 0.
fn run_interrupted(
    world: &World,
    core: &Rc<Core>,
    echo: &mut Echo,
    clients: &[Client],
    interrupts: u64,
) {
    let deadline = world.now() + PATIENCE;
    while !clients.iter().all(Client::is_closed) {
        assert!(
            world.now() < deadline,
            "{:?}: a connection did not end in {PATIENCE:?} of virtual time; the log:\n{}",
            world,
            world.log().join("\n")
        );
        if interrupts > 0 && core.random().is_multiple_of(interrupts) {
            echo.interrupt(core);
        }
        core.turn(echo, None);
    }
}

/// Tears down and holds the core to having given everything back.
fn end(world: &World, core: &Rc<Core>, mut echo: Echo) {
    echo.stop();
    assert_eq!(core.teardown(&mut echo, PATIENCE), Ok(()));
    drop(echo);
    let counts = core.counts();
    assert_eq!(counts.operations_in_flight, 0);
    assert_eq!(counts.stale_completions, 0);
    assert_eq!(counts.failed_closes, 0);
    assert_eq!(world.open_descriptors(), 0, "accepted and never closed");
    assert_eq!(world.misuses(), 0, "used after it was closed");
    assert_eq!(core.buffers().available(), u32::from(BUFFERS));
    assert_eq!(core.buffers().kept(), 0);
}

/// The `index`th byte of what a client sends: of a long period, so that a lost, doubled or moved
/// piece shows.
fn payload(len: u64, start: u64) -> Vec<u8> {
    (start..start + len)
        .map(|index| (index.wrapping_mul(0x9e37_79b9) >> 16) as u8)
        .collect()
}

#[test]
fn a_conversation_is_echoed() {
    let world = World::new(1, Faults::none());
    let core = core(&world);
    let mut echo = Echo::new(&core, world.listen());
    let client = world.connect(echo.listener());
    client.send(b"hello");
    while client.received_len() == 0 {
        core.turn(&mut echo, None);
    }
    assert_eq!(client.take_received(), b"hello");
    assert!(!client.is_closed());
    client.send_in_pieces(b" and good bye", 3, Duration::from_millis(20));
    client.after(Duration::from_secs(1), Action::ShutdownWrite);
    run(&world, &core, &mut echo, std::slice::from_ref(&client));
    assert_eq!(client.received(), b" and good bye");
    assert_eq!(client.ending(), Ending::Eof);
    assert_eq!(world.deadlocks(), 0);
    end(&world, &core, echo);
}

#[test]
fn a_client_that_stalls_holds_up_its_own_answer_only() {
    let world = World::new(1, Faults::none());
    let core = core(&world);
    let mut echo = Echo::new(&core, world.listen());
    let (slow, quick) = (
        world.connect(echo.listener()),
        world.connect(echo.listener()),
    );
    slow.window(10);
    let all = payload(100, 0);
    for client in [&slow, &quick] {
        client.send(&all);
        client.shutdown_write();
    }
    run(&world, &core, &mut echo, std::slice::from_ref(&quick));
    assert_eq!(quick.received(), all);
    assert_eq!(slow.received(), all[..10]);
    slow.after(Duration::from_secs(5), Action::Read(90));
    let before = world.now();
    run(&world, &core, &mut echo, std::slice::from_ref(&slow));
    assert_eq!(slow.received(), all);
    assert!(world.now() - before >= Duration::from_secs(5));
    end(&world, &core, echo);
}

/// One conversation of several clients, with everything drawn from `seed`.
fn storm(seed: u64, faults: Faults) -> World {
    let world = World::new(seed, faults);
    let mut options = options();
    options.multishot_accept = !seed.is_multiple_of(5);
    options.multishot_receive = !seed.is_multiple_of(7);
    options.buffers.leases_kept = (seed % 3) as u32;
    let core = core_of(&world, options);
    let mut echo = match seed / 4 % 3 {
        0 => Echo::new(&core, world.listen()),
        1 => Echo::in_pieces(&core, world.listen()),
        _ => Echo::in_place(&core, world.listen()),
    };
    let mut clients = Vec::new();
    let mut expected = Vec::new();
    let mut resets = Vec::new();
    for number in 0..3 {
        let draw = |most: u64| core.random() % most;
        let client = match draw(2) {
            0 => world.connect(echo.listener()),
            _ => world.connect_after(echo.listener(), Duration::from_micros(draw(3000))),
        };
        let bytes = payload(draw(3000), seed * 7 + number * 1000);
        if draw(2) == 0 {
            client.window(draw(500));
            for millis in 0..8 {
                let more = if millis == 7 { 3000 } else { draw(800) };
                client.after(Duration::from_millis(millis), Action::Read(more));
            }
        }
        let mut rest = &bytes[..];
        let mut at = Duration::ZERO;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(1 + draw(900) as usize));
            client.after(at, Action::Send(piece.to_vec()));
            at += Duration::from_micros(draw(2000));
            rest = after;
        }
        at += Duration::from_millis(10);
        let breaks = draw(8) == 0;
        if breaks {
            client.after(Duration::from_micros(draw(20_000)), Action::Reset);
        }
        client.after(at, Action::ShutdownWrite);
        clients.push(client);
        expected.push(bytes);
        resets.push(breaks);
    }
    let well: Vec<Client> = clients
        .iter()
        .zip(&resets)
        .filter(|(_, breaks)| !**breaks)
        .map(|(client, _)| client.clone())
        .collect();
    let interrupts = [0, 3, 20][(core.random() % 3) as usize];
    run_interrupted(&world, &core, &mut echo, &well, interrupts);
    assert_eq!(world.deadlocks(), 0);
    end(&world, &core, echo);
    for ((client, bytes), breaks) in clients.iter().zip(&expected).zip(&resets) {
        let received = client.received();
        if client.was_refused() || *breaks {
            assert!(bytes.starts_with(&received), "a byte was doubled or moved");
            assert!(*breaks || faults.accept_error > 0.0);
        } else {
            assert_eq!(client.ending(), Ending::Eof);
            assert!(received == *bytes, "a byte was lost or doubled");
        }
    }
    world
}

#[cfg_attr(miri, ignore = "is about the log, and no memory")]
#[test]
fn the_same_seed_gives_the_same_log() {
    let first = storm(7, Faults::some());
    let second = storm(7, Faults::some());
    assert_eq!(first.log(), second.log());
    assert_eq!(first.log_hash(), second.log_hash());
}

#[test]
fn the_log_shows_what_was_asked_and_what_came_of_it() {
    let world = World::new(1, Faults::none());
    let core = core(&world);
    let mut echo = Echo::new(&core, world.listen());
    let client = world.connect(echo.listener());
    client.send(b"hello");
    client.shutdown_write();
    run(&world, &core, &mut echo, &[client]);
    let log = world.log().join("\n");
    let (listener, accepted) = (SIMULATED, SIMULATED + 1);
    for part in [
        "client 0: connects",
        "client 0: sends 5 bytes a430d84680aabd0b",
        &format!("ring 0: op 0.0 Accept {{ listener: {listener}, multishot: true }}"),
        &format!("ring 0: op 0.0 answers {accepted} and goes on"),
        "client 0: receives 5 bytes a430d84680aabd0b",
        "client 0: Eof",
    ] {
        assert!(log.contains(part), "{part:?} is not in:\n{log}");
    }
    end(&world, &core, echo);
}

#[cfg_attr(miri, ignore = "is about the log, and no memory")]
#[test]
fn another_seed_gives_another_log() {
    let hashes: std::collections::BTreeSet<u64> = (0..20)
        .map(|seed| storm(seed, Faults::some()).log_hash())
        .collect();
    assert_eq!(hashes.len(), 20);
}

#[test]
fn faults_lose_no_byte_and_leak_nothing() {
    each_seed("faults_lose_no_byte_and_leak_nothing", 2000, |seed| {
        let faults = match seed % 4 {
            0 => Faults::none(),
            1 => Faults::some(),
            _ => Faults::drawn(seed),
        };
        storm(seed, faults);
    });
}

#[test]
#[should_panic(expected = "waits for something that never comes")]
fn a_core_that_waits_for_nothing_panics_instead_of_hanging() {
    let world = World::new(1, Faults::none());
    let core = core(&world);
    let _ = core.run(&mut (), |()| false);
}

#[test]
fn a_connection_that_is_dropped_and_not_closed_shows() {
    let world = World::new(1, Faults::none());
    let core = core(&world);
    let echo = Echo::new(&core, world.listen());
    let _client = world.connect(echo.listener());
    let mut echo = echo;
    core.turn(&mut echo, None);
    assert_eq!(world.open_descriptors(), 1);
    assert_eq!(core.teardown(&mut (), PATIENCE), Ok(()));
    drop(echo);
    assert_eq!(world.open_descriptors(), 1);
}

#[test]
fn a_core_that_spins_comes_to_an_end_in_virtual_time() {
    let world = World::new(1, Faults::none());
    let options = CoreOptions {
        spin: Duration::from_millis(1),
        ..options()
    };
    let core = core_of(&world, options);
    let mut echo = Echo::new(&core, world.listen());
    let client = world.connect_after(echo.listener(), Duration::from_secs(1));
    client.send(b"hello");
    client.once_received(5, Action::ShutdownWrite);
    run(&world, &core, &mut echo, std::slice::from_ref(&client));
    assert_eq!(client.received(), b"hello");
    end(&world, &core, echo);
}

#[test]
fn two_cores_share_one_world() {
    let world = World::new(1, Faults::none());
    let (one, two) = (core(&world), core(&world));
    let mut first = Echo::new(&one, world.listen());
    let mut second = Echo::new(&two, world.listen());
    let clients = [
        world.connect(first.listener()),
        world.connect(second.listener()),
    ];
    for client in &clients {
        client.send(b"to whom it may concern");
        client.shutdown_write();
    }
    for _ in 0..10 {
        one.turn(&mut first, Some(Duration::ZERO));
        two.turn(&mut second, Some(Duration::ZERO));
    }
    for client in &clients {
        assert_eq!(client.received(), b"to whom it may concern");
        assert_eq!(client.ending(), Ending::Eof);
    }
    end(&world, &one, first);
    end(&world, &two, second);
}
