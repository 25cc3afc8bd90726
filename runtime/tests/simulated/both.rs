//! One script on both drivers, so that the simulation cannot lie.
//!
//! Each test says what the kernel does; that the simulation does the same is what
//! [`on_both`] asserts.

use crate::stage::{Seen, on_both};
use bytes::Bytes;
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::driver::simulated::Ending;
use ringgate_runtime::fs::{Freezing, Frozen};
use ringgate_runtime::sys::socket::Direction;
use ringgate_runtime::{CoreOptions, Look};
use std::sync::LazyLock;

const FIRST: u64 = 1;
const SECOND: u64 = 2;
const THIRD: u64 = 3;
/// More than the buffers of a loopback connection hold.
const BIG: usize = if cfg!(miri) { 512 << 10 } else { 32 << 20 };

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

static MUCH: LazyLock<Bytes> = LazyLock::new(|| bytes(BIG).into());

fn options() -> CoreOptions {
    CoreOptions::default()
}

#[test]
fn pieces_arrive_in_order_and_a_half_close_is_the_end() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        stage.core.receive(&socket, FIRST);
        let mut so_far = 0;
        for piece in [&b"GET / HTTP/1.1\r\n"[..], b"Host: a", b"\r\n\r\n"] {
            peer.send(piece);
            so_far += piece.len();
            stage.until_bytes(FIRST, so_far);
        }
        peer.shutdown_write();
        stage.until_ended(FIRST);
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
        assert_eq!(
            stage.observer.of(FIRST),
            [Seen::Bytes(text), Seen::Eof, Seen::Ended]
        );
        stage.send(&socket, &b"HTTP/1.1 200 OK\r\n\r\n"[..], SECOND);
        stage.until_ended(SECOND);
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn receives_one_by_one_bring_the_same_bytes() {
    let single = CoreOptions {
        multishot_accept: false,
        multishot_receive: false,
        ..options()
    };
    on_both(single, |stage| {
        let (mut peer, socket) = stage.pair();
        for (key, piece) in [(FIRST, &b"one"[..]), (SECOND, b"another")] {
            // Sent as a whole before it is asked for; still a split may leave some.
            peer.send(piece);
            let mut key = key * 100;
            let mut got = 0;
            while got < piece.len() {
                stage.core.receive(&socket, key);
                stage.until_ended(key);
                got += stage.observer.bytes(key);
                key += 1;
            }
            let all = stage.observer.account.seen.split_off(&100);
            let hidden = all.range(1000..).map(|(k, v)| (*k, v.clone()));
            stage.observer.account.seen.extend(hidden);
            let text = all.range(..1000).flat_map(|(_, seen)| match &seen[0] {
                Seen::Bytes(bytes) => bytes.clone(),
                other => panic!("{other:?}"),
            });
            let text = String::from_utf8(text.collect()).expect("text");
            stage.note(text);
        }
        peer.shutdown_write();
        stage.core.receive(&socket, THIRD);
        stage.until_ended(THIRD);
        assert_eq!(stage.observer.of(THIRD), [Seen::Eof, Seen::Ended]);
        stage.core.close(socket);
    });
}

#[test]
fn a_receive_cancelled_in_the_middle_leaves_the_rest_to_the_next() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        let receive = stage.core.receive(&socket, FIRST);
        peer.send(b"before");
        stage.until_bytes(FIRST, 6);
        stage.core.cancel(receive);
        stage.until_ended(FIRST);
        assert_eq!(
            stage.observer.of(FIRST),
            [
                Seen::Bytes(b"before".to_vec()),
                Seen::Failed(libc::ECANCELED),
                Seen::Ended
            ]
        );
        peer.send(b"after");
        stage.settle();
        stage.core.receive(&socket, SECOND);
        peer.shutdown_write();
        stage.until_ended(SECOND);
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn a_cancel_of_what_is_over_harms_nobody() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        let receive = stage.core.receive(&socket, FIRST);
        peer.shutdown_write();
        stage.until_ended(FIRST);
        stage.core.receive(&socket, SECOND);
        stage.core.cancel(receive);
        stage.until_ended(SECOND);
        assert_eq!(stage.observer.of(SECOND), [Seen::Eof, Seen::Ended]);
        stage.core.close(socket);
    });
}

#[test]
fn exhausted_buffers_hold_bytes_back_until_one_is_given_back() {
    let few = CoreOptions {
        buffers: PoolOptions {
            buffers: 2,
            buffer_size: 64,
            leases_kept: 0,
        },
        ..options()
    };
    on_both(few, |stage| {
        let (mut peer, socket) = stage.pair();
        stage.observer.keeps = true;
        stage.core.receive(&socket, FIRST);
        peer.send(&bytes(64 * 8));
        stage.until("exhaustion", |stage| {
            stage.core.buffers().available() == 0 && stage.core.counts().starved_receives > 0
        });
        assert!(stage.observer.bytes(FIRST) <= 128);
        stage.settle();
        assert!(stage.observer.bytes(FIRST) <= 128);
        stage.note(format!("{} buffers", stage.core.buffers().available()));
        stage.until("the rest", |stage| {
            stage.observer.kept.clear();
            stage.observer.bytes(FIRST) == 64 * 8
        });
        peer.shutdown_write();
        stage.until("the end", |stage| {
            stage.observer.kept.clear();
            stage.observer.ended(FIRST)
        });
        stage.core.close(socket);
    });
}

#[test]
fn a_receive_armed_without_a_buffer_waits_and_hears_nothing() {
    let one = CoreOptions {
        buffers: PoolOptions {
            buffers: 1,
            buffer_size: 64,
            leases_kept: 0,
        },
        ..options()
    };
    on_both(one, |stage| {
        let (mut greedy, first) = stage.pair();
        let (mut late, second) = stage.pair();
        stage.observer.keeps = true;
        let greedy_receive = stage.core.receive(&first, FIRST);
        greedy.send(b"m");
        stage.until_bytes(FIRST, 1);
        stage.core.cancel(greedy_receive);
        stage.until_ended(FIRST);
        assert_eq!(stage.core.buffers().available(), 0);
        stage.core.receive(&second, SECOND);
        stage.until("a starved receive", |stage| {
            stage.core.counts().starved_receives > 0
        });
        stage.settle();
        assert_eq!(stage.observer.of(SECOND), []);
        late.send(b"yours");
        stage.observer.keeps = false;
        stage.observer.kept.clear();
        stage.until_bytes(SECOND, 5);
        for socket in [first, second] {
            stage.core.close(socket);
        }
    });
}

#[test]
fn a_big_send_to_a_slow_reader_ends_when_all_is_taken() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        stage.send(&socket, MUCH.clone(), FIRST);
        stage.settle();
        assert_eq!(stage.observer.of(FIRST), [], "the peer does not read");
        stage.until("all bytes", |_| peer.look() == BIG);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::Sent, Seen::Ended]);
        assert!(peer.received() == *MUCH);
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn a_close_that_was_to_be_a_reset_is_one_and_what_was_not_taken_is_gone() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        stage.send(&socket, MUCH.clone(), FIRST);
        stage.settle();
        stage.core.reset_at_close(&socket);
        stage.core.shutdown(&socket, Direction::Both);
        stage.until_ended(FIRST);
        stage.core.close(socket);
        stage.settle();
        stage.until("the reset", |_| peer.ending() == Ending::Reset);
        // How much of it the kernel's buffers held is another matter.
        assert!(peer.look() < BIG);
    });
}

#[test]
fn pieces_arrive_in_their_order() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        let between = [(2, "12345"), (2, "6"), (8, "789")];
        stage.send_pieces(&socket, b"abcdefgh", &between, FIRST);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::Sent, Seen::Ended]);
        stage.until("all bytes", |_| peer.look() == 17);
        assert_eq!(peer.received(), b"ab123456cdefgh789");
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn one_send_takes_the_bytes_of_sixteen_places_and_leaves_the_rest() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        let between: Vec<_> = (1..20).map(|at| (at, "x")).collect();
        stage.send_pieces(&socket, &[b'-'; 20], &between, FIRST);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::SentPart, Seen::Ended]);
        stage.until("the first bytes", |_| peer.look() == 16);
        assert_eq!(peer.received(), b"-x-x-x-x-x-x-x-x");
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn big_pieces_to_a_slow_reader_end_when_all_is_taken() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        let between = [(1, MUCH.clone()), (2, MUCH.clone())];
        stage.send_pieces(&socket, b"abc", &between, FIRST);
        stage.settle();
        assert_eq!(stage.observer.of(FIRST), [], "the peer does not read");
        stage.until("all bytes", |_| peer.look() == 2 * BIG + 3);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::Sent, Seen::Ended]);
        let expected = [b"a", &MUCH[..], b"b", &MUCH, b"c"].concat();
        assert!(peer.received() == expected);
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn a_cancelled_send_of_pieces_answers_what_it_sent() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        let send = stage.send_pieces(&socket, b"ab", &[(1, MUCH.clone())], FIRST);
        stage.settle();
        stage.core.cancel(send);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::SentPart, Seen::Ended]);
        stage.core.close(socket);
    });
}

/// The same bytes as [`MUCH`], whose pages a socket is given.
static FROZEN: LazyLock<Frozen> = LazyLock::new(|| {
    let mut bytes = Freezing::with_capacity(BIG).expect("memory");
    bytes.put(&MUCH);
    bytes.freeze(())
});

#[test]
fn pages_arrive_in_their_order_however_slowly_they_are_taken() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        let between = [(1, FROZEN.clone()), (2, FROZEN.part(10..70_000))];
        stage.send_pieces(&socket, b"abc", &between, FIRST);
        stage.settle();
        assert_eq!(stage.observer.of(FIRST), [], "the peer does not read");
        stage.until("all bytes", |_| peer.look() == BIG + 69_990 + 3);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::Sent, Seen::Ended]);
        let expected = [b"a", &MUCH[..], b"b", &MUCH[10..70_000], b"c"].concat();
        assert!(peer.received() == expected);
        // The ring waits for the socket as ever.
        peer.stall();
        stage.send(&socket, MUCH.clone(), SECOND);
        stage.settle();
        assert_eq!(stage.observer.of(SECOND), [], "the peer does not read");
        stage.until("all bytes", |_| peer.look() == 2 * BIG + 69_990 + 3);
        stage.until_ended(SECOND);
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn a_cancelled_send_of_pages_answers_what_it_sent() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        let send = stage.send_pieces(&socket, b"ab", &[(1, FROZEN.clone())], FIRST);
        stage.settle();
        stage.core.cancel(send);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::SentPart, Seen::Ended]);
        stage.core.close(socket);
    });
}

#[test]
fn pages_that_wait_for_room_end_with_their_connection() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        stage.send_pieces(&socket, b"ab", &[(1, FROZEN.clone())], FIRST);
        stage.settle();
        assert_eq!(stage.observer.of(FIRST), [], "the peer does not read");
        stage.core.shutdown(&socket, Direction::Both);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::SentPart, Seen::Ended]);
        stage.send_pieces(&socket, b"ab", &[(1, FROZEN.clone())], SECOND);
        stage.until_ended(SECOND);
        let gone = [Seen::Failed(libc::EPIPE), Seen::Ended];
        assert_eq!(stage.observer.of(SECOND), gone);
        stage.core.close(socket);
    });
}

#[test]
fn a_cancelled_send_answers_what_it_sent() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        let send = stage.send(&socket, MUCH.clone(), FIRST);
        stage.settle();
        stage.core.cancel(send);
        stage.until_ended(FIRST);
        assert_eq!(stage.observer.of(FIRST), [Seen::SentPart, Seen::Ended]);
        stage.core.close(socket);
    });
}

#[test]
fn a_reset_is_reported_once_after_the_bytes_before_it() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.send(b"last words");
        peer.reset();
        stage.settle();
        stage.core.receive(&socket, FIRST);
        stage.until_ended(FIRST);
        assert_eq!(
            stage.observer.of(FIRST),
            [
                Seen::Bytes(b"last words".to_vec()),
                Seen::Failed(libc::ECONNRESET),
                Seen::Ended
            ]
        );
        stage.core.receive(&socket, SECOND);
        stage.send(&socket, &b"hello?"[..], THIRD);
        stage.until_ended(SECOND);
        stage.until_ended(THIRD);
        assert_eq!(stage.observer.of(SECOND), [Seen::Eof, Seen::Ended]);
        assert_eq!(
            stage.observer.of(THIRD),
            [Seen::Failed(libc::EPIPE), Seen::Ended]
        );
        stage.core.close(socket);
    });
}

#[test]
fn a_look_tells_an_end_from_a_reset_and_takes_neither_bytes_nor_the_error() {
    let nothing = Look::default();
    let ended = Look {
        ended: true,
        reset: false,
    };
    let reset = Look {
        ended: true,
        reset: true,
    };
    on_both(options(), |stage| {
        let (mut quiet, first) = stage.pair();
        let (mut gone, second) = stage.pair();
        quiet.send(b"some bytes");
        stage.settle();
        assert_eq!(stage.core.look_at([&first, &second]), [nothing, nothing]);
        assert_eq!(stage.core.look(&first), nothing);
        quiet.shutdown_write();
        gone.send(b"last words");
        gone.reset();
        stage.until("both ends", |stage| {
            stage.core.look_at([&first, &second]) == [ended, reset]
        });
        assert_eq!(stage.core.look(&first), ended);
        assert_eq!(stage.core.look(&second), reset);
        stage.core.receive(&first, FIRST);
        stage.until_ended(FIRST);
        let bytes = Seen::Bytes(b"some bytes".to_vec());
        assert_eq!(stage.observer.of(FIRST), [bytes, Seen::Eof, Seen::Ended]);
        stage.core.receive(&second, SECOND);
        stage.until_ended(SECOND);
        let failed = Seen::Failed(libc::ECONNRESET);
        let bytes = Seen::Bytes(b"last words".to_vec());
        assert_eq!(stage.observer.of(SECOND), [bytes, failed, Seen::Ended]);
        for socket in [first, second] {
            stage.core.close(socket);
        }
    });
}

#[test]
fn a_reset_ends_an_armed_receive() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        stage.core.receive(&socket, FIRST);
        stage.settle();
        peer.reset();
        stage.until_ended(FIRST);
        stage.core.close(socket);
    });
}

#[test]
fn a_reset_under_a_blocked_send_leaves_a_short_one() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        stage.send(&socket, MUCH.clone(), FIRST);
        stage.settle();
        peer.reset();
        stage.until_ended(FIRST);
        stage.core.close(socket);
    });
}

#[test]
fn what_is_sent_to_a_closed_client_breaks_the_pipe_at_the_second_send() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.close();
        stage.core.receive(&socket, FIRST);
        stage.until_ended(FIRST);
        stage.send(&socket, &b"one"[..], SECOND);
        stage.until_ended(SECOND);
        stage.settle();
        stage.send(&socket, &b"two"[..], THIRD);
        stage.until_ended(THIRD);
        assert_eq!(stage.observer.of(SECOND), [Seen::Sent, Seen::Ended]);
        assert_eq!(
            stage.observer.of(THIRD),
            [Seen::Failed(libc::EPIPE), Seen::Ended]
        );
        stage.core.close(socket);
    });
}

#[test]
fn closing_with_bytes_unread_resets_the_client() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.send(b"never read");
        stage.settle();
        stage.core.close(socket);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn closing_ends_no_receive_and_the_client_hears_nothing_before_it_is_cancelled() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        let receive = stage.core.receive(&socket, FIRST);
        stage.settle();
        stage.core.close(socket);
        stage.settle();
        assert_eq!(stage.observer.of(FIRST), []);
        assert_eq!(peer.ending(), Ending::Open);
        peer.send(b"still here");
        stage.until_bytes(FIRST, 10);
        stage.core.cancel(receive);
        stage.until_ended(FIRST);
        stage.note_ending(&mut peer);
    });
}

#[test]
fn a_cancelled_accept_keeps_what_it_took_and_leaves_the_rest_queued() {
    on_both(options(), |stage| {
        let mut peers = vec![stage.connect(), stage.connect()];
        let accept = stage.core.accept(&stage.listener, FIRST);
        stage.core.cancel(accept);
        stage.until_ended(FIRST);
        peers.push(stage.connect());
        stage.settle();
        let taken = stage.observer.accepted.len();
        stage.note(format!("{taken} accepted by the cancelled accept"));
        stage.core.accept(&stage.listener, SECOND);
        stage.until("all connections", |stage| {
            stage.observer.accepted.len() == peers.len()
        });
        for socket in std::mem::take(&mut stage.observer.accepted) {
            stage.core.close(socket);
        }
        for mut peer in peers {
            stage.note_ending(&mut peer);
        }
    });
}

#[test]
fn a_multishot_poll_tells_of_each_change_until_it_is_cancelled() {
    const READABLE: u32 = libc::POLLIN as u32;
    const ENDED: u32 = libc::POLLRDHUP as u32;
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        let poll = stage.core.poll(&socket, READABLE | ENDED, FIRST);
        stage.settle();
        assert_eq!(stage.observer.of(FIRST), []);
        peer.send(b"something");
        stage.until("readable", |stage| {
            stage.observer.of(FIRST) == [Seen::Polled(READABLE)]
        });
        peer.shutdown_write();
        stage.until("half closed", |stage| {
            stage.observer.of(FIRST) == [Seen::Polled(READABLE | ENDED)]
        });
        stage.core.cancel(poll);
        stage.until_ended(FIRST);
        stage.core.close(socket);
    });
}

#[test]
fn a_poll_of_a_listener_tells_of_connections_and_takes_none() {
    on_both(options(), |stage| {
        let poll = stage.core.poll(&stage.listener, libc::POLLIN as u32, FIRST);
        let _peer = stage.connect();
        stage.until("a connection to take", |stage| {
            !stage.observer.of(FIRST).is_empty()
        });
        stage.core.cancel(poll);
        stage.until_ended(FIRST);
        stage.core.accept_one(&stage.listener, SECOND);
        stage.until_ended(SECOND);
        let socket = stage.observer.accepted.pop_front().expect("accepted");
        stage.core.close(socket);
    });
}

#[test]
fn a_poll_for_room_waits_for_a_reader() {
    on_both(options(), |stage| {
        let (mut peer, socket) = stage.pair();
        peer.stall();
        stage.send(&socket, MUCH.clone(), FIRST);
        stage.settle();
        stage.core.poll(&socket, libc::POLLOUT as u32, SECOND);
        stage.settle();
        let before = format!("{:?}", stage.observer.of(SECOND));
        stage.note(before);
        stage.until("all bytes", |_| peer.look() == BIG);
        stage.until("room", |stage| !stage.observer.of(SECOND).is_empty());
        stage.until_ended(FIRST);
        stage.core.close(socket);
    });
}
