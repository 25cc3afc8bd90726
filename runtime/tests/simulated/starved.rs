//! Receives that wait for a buffer get the next one, whoever gives it back and whenever.

use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::driver::Driver;
use ringgate_runtime::driver::simulated::{Faults, World};
use ringgate_runtime::{Core, CoreOptions, Event, Lease, Received, Sink, sleep};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Keeps the leases of even keys, and counts the bytes of all.
#[derive(Default)]
struct Keeper {
    kept: Rc<RefCell<Vec<Lease>>>,
    bytes: usize,
    ended: usize,
    accepted: Vec<ringgate_runtime::Descriptor>,
}

impl Sink for Keeper {
    fn on_event(&mut self, _: &Rc<Core>, event: Event) {
        match event {
            Event::Accepted { result, .. } => self.accepted.extend(result),
            Event::Received {
                key,
                received,
                more,
            } => {
                self.ended += usize::from(!more);
                if let Received::Bytes(lease) = received {
                    self.bytes += lease.len();
                    if key % 2 == 0 {
                        self.kept.borrow_mut().push(lease);
                    }
                }
            }
            _ => {}
        }
    }
}

fn core_with_one_buffer(world: &World) -> Rc<Core> {
    let options = CoreOptions {
        buffers: PoolOptions {
            buffers: 1,
            buffer_size: 16,
            leases_kept: 0,
        },
        ..CoreOptions::default()
    };
    Core::with_driver(Driver::Simulated(Box::new(world.driver())), options).expect("a core")
}

#[test]
fn a_buffer_that_a_task_gives_back_is_used_in_the_same_turn() {
    let world = World::new(1, Faults::none());
    let core = core_with_one_buffer(&world);
    let mut keeper = Keeper::default();
    let listener = world.listen();
    let client = world.connect(&listener);
    core.accept_one(&listener, 0);
    core.turn(&mut keeper, None);
    let socket = keeper.accepted.pop().expect("accepted");
    core.receive(&socket, 0);
    client.send(&[7; 32]);
    core.turn(&mut keeper, None);
    assert_eq!((keeper.bytes, core.buffers().available()), (16, 0));
    let kept = keeper.kept.clone();
    let _entered = core.enter();
    drop(core.spawn(async move {
        sleep(Duration::from_millis(10)).await;
        kept.borrow_mut().clear();
    }));
    // Nothing but the buffer can end the last wait.
    while keeper.bytes < 32 {
        core.turn(&mut keeper, None);
        assert_eq!(world.deadlocks(), 0, "slept with a buffer to hand out");
    }
    core.close(socket);
    assert_eq!(core.teardown(&mut keeper, Duration::from_secs(1)), Ok(()));
}

#[test]
fn a_cancelled_receive_in_line_takes_no_other_ones_buffer() {
    let world = World::new(1, Faults::none());
    let core = core_with_one_buffer(&world);
    let mut keeper = Keeper::default();
    let listener = world.listen();
    let clients = [1, 2, 3].map(|_| world.connect(&listener));
    core.accept(&listener, 0);
    core.turn(&mut keeper, None);
    let sockets = std::mem::take(&mut keeper.accepted);
    assert_eq!(sockets.len(), 3);
    core.receive(&sockets[0], 0);
    clients[0].send(b"x");
    core.turn(&mut keeper, None);
    let cancelled = core.receive(&sockets[1], 1);
    core.receive(&sockets[2], 3);
    clients[2].send(b"y");
    core.turn(&mut keeper, None);
    assert_eq!(core.counts().starved_receives, 2);
    core.cancel(cancelled);
    core.turn(&mut keeper, Some(Duration::ZERO));
    assert_eq!(keeper.ended, 1);
    keeper.kept.borrow_mut().clear();
    while keeper.bytes < 2 {
        core.turn(&mut keeper, None);
        assert_eq!(world.deadlocks(), 0, "slept with a buffer to hand out");
    }
    for socket in sockets {
        core.close(socket);
    }
    assert_eq!(core.teardown(&mut keeper, Duration::from_secs(1)), Ok(()));
}

/// Handlers that wait may hold all buffers that the ring has, beyond what is replaced for them. That is not the reach of a few
/// greedy clients: nothing comes back, so the ring grows for a single receive.
#[test]
fn one_receive_is_served_though_others_hold_every_buffer_of_a_ring_that_may_grow() {
    let world = World::new(1, Faults::none());
    let options = CoreOptions {
        buffers: PoolOptions {
            buffers: 256,
            buffer_size: 16,
            leases_kept: 0,
        },
        ..CoreOptions::default()
    };
    let core = Core::with_driver(Driver::Simulated(Box::new(world.driver())), options);
    let core = core.expect("a core");
    let mut keeper = Keeper::default();
    let listener = world.listen();
    let clients = [0, 1].map(|_| world.connect(&listener));
    core.accept(&listener, 0);
    core.turn(&mut keeper, None);
    let sockets = std::mem::take(&mut keeper.accepted);
    // Even keys keep their leases.
    let held = core.receive(&sockets[0], 0);
    let all = core.buffers().available() as usize * 16;
    clients[0].send(&vec![7; all]);
    while keeper.bytes < all {
        core.turn(&mut keeper, Some(Duration::ZERO));
    }
    core.cancel(held);
    core.turn(&mut keeper, Some(Duration::ZERO));
    assert_eq!(core.buffers().available(), 0);
    core.receive(&sockets[1], 1);
    clients[1].send(b"x");
    for _ in 0..10 {
        core.turn(&mut keeper, Some(Duration::from_millis(1)));
    }
    assert_eq!(keeper.bytes, all + 1, "the receive starves");
    keeper.kept.borrow_mut().clear();
    for socket in sockets {
        core.close(socket);
    }
    assert_eq!(core.teardown(&mut keeper, Duration::from_secs(1)), Ok(()));
}

/// Clients that always have more would take every buffer in every turn, if those with little did not come before them.
#[test]
fn receives_of_a_few_bytes_are_served_beside_clients_that_always_have_more() {
    const GREEDY: usize = 4;
    const MOST_TURNS: usize = 2 * GREEDY;
    // Miri takes its time for each.
    const ROUNDS: usize = if cfg!(miri) { 1 } else { 10 };
    let world = World::new(1, Faults::none());
    let options = CoreOptions {
        buffers: PoolOptions {
            buffers: 64,
            buffer_size: 16,
            leases_kept: 0,
        },
        ..CoreOptions::default()
    };
    let core = Core::with_driver(Driver::Simulated(Box::new(world.driver())), options);
    let core = core.expect("a core");
    let mut keeper = Keeper::default();
    let listener = world.listen();
    let clients: Vec<_> = (0..GREEDY + 3).map(|_| world.connect(&listener)).collect();
    core.accept(&listener, 0);
    core.turn(&mut keeper, None);
    let sockets = std::mem::take(&mut keeper.accepted);
    // Odd keys: no lease is kept.
    for (key, socket) in (0..).zip(&sockets) {
        core.receive(socket, 2 * key + 1);
    }
    let mut small = Small::default();
    for _ in 0..ROUNDS {
        for client in &clients[GREEDY..] {
            client.send(b"x");
        }
        small.served = 0;
        let mut turns = 0;
        while small.served < clients.len() - GREEDY {
            for client in &clients[..GREEDY] {
                client.send(&[7; 64 * 16]);
            }
            core.turn(&mut small, Some(Duration::from_millis(1)));
            turns += 1;
            assert!(turns <= MOST_TURNS, "{} were served", small.served);
        }
    }
    assert!(core.counts().starved_receives > 0);
    for socket in sockets {
        core.close(socket);
    }
    assert_eq!(core.teardown(&mut keeper, Duration::from_secs(1)), Ok(()));
}

/// Counts the messages of one byte.
#[derive(Default)]
struct Small {
    served: usize,
}

impl Sink for Small {
    fn on_event(&mut self, _: &Rc<Core>, event: Event) {
        if let Event::Received {
            received: Received::Bytes(lease),
            ..
        } = event
        {
            self.served += usize::from(lease.len() == 1);
        }
    }
}
