//! The gate under a storm on a running server: many connections, eight cores, and a book of who
//! entered and left each handler, which is replayed afterwards.
//!
//! That nobody is denied while a slot is free cannot be read from such a book: a slot is given back
//! after its handler has left. The gate itself holds the evidence, the word at the instant of the
//! denial, and asserts it in debug builds: a false denial ends its core, and the clients of this test
//! see the end of their connections.

use super::common::stage::{limits, number};
use super::common::{block_on, config, start_with};
use ringgate::config::CoreSpec;
use ringgate::handler::{Request, Response, Router};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Who entered (+1) and left (-1), each with its place in the order of all.
#[derive(Default)]
struct Book {
    next: AtomicU64,
    lines: Vec<Mutex<Vec<(u64, i32)>>>,
}

impl Book {
    fn note(&self, core: u32, change: i32) {
        let at = self.next.fetch_add(1, Ordering::SeqCst);
        let mut lines = self.lines[core as usize].lock().expect("unpoisoned");
        lines.push((at, change));
    }

    /// The most that were in at once.
    fn replay(&self) -> i32 {
        let mut lines: Vec<_> = self
            .lines
            .iter()
            .flat_map(|lines| std::mem::take(&mut *lines.lock().expect("unpoisoned")))
            .collect();
        lines.sort_unstable();
        let mut inside = 0;
        let each = lines.iter().map(|(_, change)| {
            inside += change;
            assert!(inside >= 0, "left without having entered");
            inside
        });
        each.max().unwrap_or(0)
    }
}

/// Two hundred connections over eight cores; every third request waits for a while in its handler.
fn storm(slots: u32, accepts: u32) {
    let book: &'static Book = Box::leak(Box::new(Book {
        next: AtomicU64::new(0),
        lines: (0..8).map(|_| Mutex::default()).collect(),
    }));
    let size: u32 = std::env::var("RINGGATE_TEST_SIZE")
        .ok()
        .and_then(|size| size.parse().ok())
        .unwrap_or(1);
    let mut config = config();
    config.cores = CoreSpec::Exactly(number(8));
    config.admission = limits(slots, accepts);
    let router = Router::new().get("/{us}", move |request: Request| async move {
        let core = request.core();
        book.note(core, 1);
        let us: u64 = request.param("us").unwrap_or("0").parse().unwrap_or(0);
        if us > 0 {
            ringgate::runtime::sleep(Duration::from_micros(us)).await;
        }
        book.note(core, -1);
        Response::text("done")
    });
    let server = start_with(config, router, |_| ());
    let served = AtomicU64::new(0);
    let denied = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..20 {
            let (server, served, denied) = (&server, &served, &denied);
            scope.spawn(move || {
                for round in 0..4 * size {
                    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
                    for (index, client) in clients.iter_mut().enumerate() {
                        let us = match (thread + index + round as usize) % 3 {
                            0 => 300,
                            _ => 0,
                        };
                        client.send(format!("GET /{us} HTTP/1.1\r\nHost: a\r\n\r\n"));
                    }
                    for client in &mut clients {
                        match client.answer().status {
                            200 => served.fetch_add(1, Ordering::Relaxed),
                            503 => denied.fetch_add(1, Ordering::Relaxed),
                            other => panic!("{other}"),
                        };
                    }
                }
            });
        }
    });
    let (served, denied) = (served.into_inner(), denied.into_inner());
    assert_eq!(served + denied, 800 * u64::from(size));
    let most = book.replay();
    assert!(most <= slots as i32, "{most} ran with {slots} slots");
    let status = block_on(server.running().handle().status()).expect("runs");
    assert_eq!((status.gate.slots_taken, status.gate.waiting), (0, 0));
    assert_eq!(status.totals.requests.answered, served);
    println!("{slots} slots: {served} served, {denied} denied, {most} at once");
}

#[test]
fn h5_with_one_slot_no_two_requests_of_eight_cores_ever_run_at_once() {
    storm(1, 0);
}

#[test]
fn h6_with_three_slots_and_a_queue_never_more_than_three_run() {
    storm(3, 20);
}

#[test]
fn h5_with_seven_slots_never_more_than_seven_run() {
    storm(7, 0);
}

#[test]
fn h6_with_sixty_four_slots_and_a_queue_never_more_than_sixty_four_run() {
    storm(64, 80);
}
