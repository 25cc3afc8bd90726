//! HTTP/2 over the simulated ring, in virtual time: each stream is a request to the gate, the handlers and the
//! ledgers, and a connection without streams is plain data. The protocol itself is held by `tests/http2`.

#[path = "http2/forge.rs"]
#[allow(dead_code, reason = "no test uses all of it")]
mod forge;

use forge::{GET, Sent, Wire, data, forged, get, headers, post, settings};
use ringgate::config::{Config, Switch};
use ringgate::http2::frame::PREFACE;
use ringgate::http2::{ErrorCode, Limits};
use ringgate::runtime::driver::simulated::{Action, Client};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{Request, Router};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn simulate(change: impl FnOnce(&mut Config)) -> Simulation {
    let mut config = Config::default();
    config.timeouts.idle = HOUR;
    config.timeouts.body = HOUR;
    change(&mut config);
    let router = Router::new()
        .get("/a", |_: Request| async { "at once" })
        .get("/later", |_: Request| async {
            sleep(Duration::from_secs(1)).await;
            "later"
        })
        .post("/", |request: Request| async move {
            request.into_body().bytes().await
        })
        .post("/late", |request: Request| async move {
            sleep(MINUTE).await;
            request.into_body().bytes().await
        });
    Simulation::new(&config, router, 1)
}

/// A client that has sent its preface and settings.
struct Peer {
    client: Client,
    /// Reads what the server sends.
    wire: Wire,
}

impl Peer {
    fn connect(simulation: &mut Simulation) -> Peer {
        let client = simulation.connect();
        client.send(&[PREFACE, &settings(&[])[..], &forged(4, 1, 0, &[])].concat());
        Peer {
            client,
            wire: Wire::silent(Limits::default()),
        }
    }

    /// What the server has sent since the last call; only whole frames may be there.
    fn heard(&mut self) -> Vec<Sent> {
        self.wire.out.extend(self.client.take_received());
        self.wire.says()
    }

    /// Runs until as many answers have ended, and gives them with their bodies in the order of their ends.
    fn answers(
        &mut self,
        simulation: &mut Simulation,
        count: usize,
    ) -> Vec<(u32, String, Vec<u8>)> {
        let (mut open, mut ended) = (Vec::<(u32, String, Vec<u8>)>::new(), Vec::new());
        while ended.len() < count {
            simulation.run_until(|_| self.client.received_len() > 0);
            for sent in self.heard() {
                let (stream, end) = match sent {
                    Sent::Headers {
                        stream,
                        fields,
                        end,
                    } => {
                        let status = fields.iter().find(|(name, _)| name == ":status");
                        let status = status.expect("a status").1.clone();
                        open.push((stream, status, Vec::new()));
                        (stream, end)
                    }
                    Sent::Data(stream, bytes, end) => {
                        let answer = open.iter_mut().find(|(id, ..)| *id == stream);
                        answer.expect("a head").2.extend(bytes);
                        (stream, end)
                    }
                    _ => continue,
                };
                if end {
                    let at = open.iter().position(|(id, ..)| *id == stream);
                    ended.push(open.remove(at.expect("it was open")));
                }
            }
        }
        ended
    }
}

fn get_from(stream: u32, path: &str) -> Vec<u8> {
    let mut fields = GET;
    fields[2].1 = match path {
        "/a" => "/a",
        "/later" => "/later",
        _ => "/nothing",
    };
    headers(stream, true, &fields)
}

/// Sends that the server handed to the ring.
fn sends(simulation: &Simulation) -> usize {
    let log = simulation.world().log();
    log.iter().filter(|line| line.contains(" Send {")).count()
}

#[test]
fn requests_that_came_together_are_answered_in_one_send() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&mut simulation);
    peer.client.send(&get(1));
    assert_eq!(peer.answers(&mut simulation, 1)[0].2, b"at once");
    let before = sends(&simulation);
    let batch: Vec<u8> = (0..30).flat_map(|n| get(3 + 2 * n)).collect();
    peer.client.send(&batch);
    let answers = peer.answers(&mut simulation, 30);
    assert!(
        answers
            .iter()
            .all(|(_, status, body)| status == "200" && body == b"at once")
    );
    assert_eq!(sends(&simulation) - before, 1);
    let (connections, requests) = simulation.ledgers(0);
    assert_eq!(
        (connections.accepted, requests.answered, requests.running),
        (1, 31, 0)
    );
}

#[test]
fn a_handler_that_waits_holds_up_no_other_stream() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&mut simulation);
    peer.client
        .send(&[get_from(1, "/later"), get(3), get_from(5, "/no")].concat());
    let answers = peer.answers(&mut simulation, 3);
    let short = answers.iter().map(|(id, status, _)| (*id, &status[..]));
    assert_eq!(
        short.collect::<Vec<_>>(),
        [(3, "200"), (5, "404"), (1, "200")]
    );
}

#[test]
fn a_body_of_any_size_comes_back_and_its_client_is_given_room() {
    let mut simulation = simulate(|config| config.limits.body_size = None);
    let mut peer = Peer::connect(&mut simulation);
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    peer.client.send(&post(1));
    let mut room = 256 << 10;
    let mut rest = &body[..];
    while !rest.is_empty() {
        let count = rest.len().min(room).min(16 << 10);
        let (front, behind) = rest.split_at(count);
        if count > 0 {
            peer.client.send(&data(1, behind.is_empty(), front));
        }
        (rest, room) = (behind, room - count);
        if room == 0 && !rest.is_empty() {
            simulation.run_until(|_| peer.client.received_len() > 0);
            for sent in peer.heard() {
                if let Sent::WindowUpdate(1, more) = sent {
                    room += more as usize;
                }
            }
        }
    }
    peer.client.send(&forge::window_update(1, 4_000_000));
    peer.client.send(&forge::window_update(0, 4_000_000));
    assert!(peer.answers(&mut simulation, 1)[0].2 == body);
}

#[test]
fn a_body_that_comes_with_its_head_goes_along_with_it() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&mut simulation);
    let mut announced = forge::POST.to_vec();
    announced.push(("content-length", "3"));
    let of_three = |stream| headers(stream, false, &announced);
    let requests = [
        [of_three(1), data(1, true, b"one")],
        [post(3), data(3, true, b"")],
        [of_three(5), data(5, true, b"three")],
        [of_three(7), data(7, true, b"two")],
    ];
    peer.client.send(&requests.concat().concat());
    let answers = peer.answers(&mut simulation, 3);
    let short = answers.iter().map(|(id, _, body)| (*id, &body[..]));
    let expected: [(u32, &[u8]); 3] = [(1, b"one"), (3, b""), (7, b"two")];
    assert_eq!(short.collect::<Vec<_>>(), expected);
    // The third is not of the length that was announced, and was never begun.
    let requests = simulation.ledgers(0).1;
    assert_eq!((requests.begun, requests.answered), (3, 3));
}

#[test]
fn a_body_that_is_too_large_is_answered_413_on_its_stream_and_the_connection_goes_on() {
    let mut simulation = simulate(|config| config.limits.body_size = Some(1000));
    let mut peer = Peer::connect(&mut simulation);
    let mut announced = forge::POST.to_vec();
    announced.push(("content-length", "1001"));
    let pieces = [
        post(1),
        data(1, false, &[7; 900]),
        data(1, false, &[7; 101]),
    ];
    peer.client
        .send(&[pieces.concat(), headers(3, false, &announced), get(5)].concat());
    let answers = peer.answers(&mut simulation, 3);
    let mut short: Vec<_> = answers
        .iter()
        .map(|(id, status, _)| (*id, &status[..]))
        .collect();
    short.sort_unstable();
    assert_eq!(short, [(1, "413"), (3, "413"), (5, "200")]);
    simulation.run_until(|simulation| simulation.ledgers(0).1.running == 0);
    assert_eq!(simulation.ledgers(0).0.open, 1);
}

fn a_second_passes(simulation: &mut Simulation) {
    simulation.world().advance(Duration::from_secs(1));
    (0..5).for_each(|_| simulation.turn());
}

#[test]
fn a_body_that_comes_more_slowly_than_it_has_to_is_reset_and_the_connection_goes_on() {
    const PIECE: usize = 5000;
    let mut simulation = simulate(|config| {
        config.timeouts.body_rate_min = Some(2 * PIECE as u64);
        config.http2.connection_window = 65_536;
    });
    let mut peer = Peer::connect(&mut simulation);
    // Pieces that were thrown away would use up the connection's window if they stayed in its books.
    for stream in (1..40).step_by(2) {
        peer.client.send(&post(stream));
        let mut pieces = 0;
        let code = loop {
            peer.client.send(&data(stream, false, &[7; PIECE]));
            pieces += 1;
            assert!(pieces < 30, "the body on stream {stream} is never ended");
            a_second_passes(&mut simulation);
            let ended = peer.heard().into_iter().find_map(|sent| match sent {
                Sent::Reset(of, code) if of == stream => Some(code),
                _ => None,
            });
            if let Some(code) = ended {
                break code;
            }
        };
        assert_eq!((pieces, code), (11, ErrorCode::CANCEL));
    }
    peer.client.send(&get(41));
    assert_eq!(peer.answers(&mut simulation, 1)[0].2, b"at once");
    let requests = simulation.ledgers(0).1;
    assert_eq!((requests.aborted, requests.running), (20, 0));
}

#[test]
fn a_client_has_no_less_time_for_its_body_because_the_handler_reads_late() {
    let mut simulation = simulate(|config| {
        config.timeouts.body_rate_min = Some(10_000);
        config.http2.stream_window = 65_536;
    });
    let mut peer = Peer::connect(&mut simulation);
    let mut fields = forge::POST.to_vec();
    fields.retain(|(name, _)| *name != ":path");
    fields.insert(1, (":path", "/late"));
    peer.client.send(&headers(1, false, &fields));
    for size in [16_384, 16_384, 16_384, 16_384] {
        peer.client.send(&data(1, false, &vec![7; size]));
    }
    let mut room = 0;
    while room == 0 {
        a_second_passes(&mut simulation);
        for sent in peer.heard() {
            match sent {
                Sent::WindowUpdate(1, more) => room += more,
                Sent::Reset(..) => panic!("{sent:?}"),
                _ => {}
            }
        }
    }
    for end in [false, false, true] {
        peer.client.send(&data(1, end, &[7; 12_000]));
        a_second_passes(&mut simulation);
    }
    peer.client.send(&forge::window_update(0, 1 << 20));
    peer.client.send(&forge::window_update(1, 1 << 20));
    assert_eq!(peer.answers(&mut simulation, 1)[0].1, "200");
}

#[test]
fn a_body_is_not_late_because_the_core_was_held_up() {
    let limit = Duration::from_secs(2);
    let mut simulation = simulate(|config| config.timeouts.body = limit);
    let mut peer = Peer::connect(&mut simulation);
    peer.client
        .send(&[post(1), data(1, false, b"in "), post(3)].concat());
    a_second_passes(&mut simulation);
    // The rest comes in time, behind more than one receive takes.
    let other: Vec<_> = (0..12).map(|_| data(3, false, &[7; 16_000])).collect();
    let rest = [data(3, true, b""), data(1, true, b"time")];
    let sent = [other.concat(), rest.concat()].concat();
    peer.client.after(limit / 4, Action::Send(sent));
    simulation.world().advance(5 * limit);
    peer.client.send(&forge::window_update(0, 1 << 20));
    peer.client.send(&forge::window_update(3, 1 << 20));
    let answers = peer.answers(&mut simulation, 2);
    let first = answers.iter().find(|(stream, ..)| *stream == 1);
    let (_, status, body) = first.expect("an answer");
    assert_eq!((&status[..], &body[..]), ("200", &b"in time"[..]));
    // Whoever says nothing more is late all the same.
    peer.client.send(&post(5));
    a_second_passes(&mut simulation);
    simulation.world().advance(5 * limit);
    let held = simulation.world().now();
    simulation.run_until(|_| peer.client.received_len() > 0);
    assert!(simulation.world().now() - held < limit + limit);
    assert!(matches!(
        peer.heard()[..],
        [Sent::Reset(5, ErrorCode::CANCEL), ..]
    ));
}

#[test]
fn a_client_that_gives_a_request_up_ends_its_handler() {
    let mut simulation = simulate(|_| {});
    let peer = Peer::connect(&mut simulation);
    peer.client.send(&[get_from(1, "/later"), post(3)].concat());
    simulation.run_until(|simulation| simulation.ledgers(0).1.running == 2);
    peer.client
        .send(&[forge::reset(1), forge::reset(3)].concat());
    simulation.run_until(|simulation| simulation.ledgers(0).1.running == 0);
    let requests = simulation.ledgers(0).1;
    assert_eq!(
        (requests.begun, requests.aborted, requests.answered),
        (2, 2, 0)
    );
}

#[test]
fn a_client_that_breaks_a_rule_is_told_and_the_connection_ends() {
    let mut simulation = simulate(|_| {});
    let mut peer = Peer::connect(&mut simulation);
    peer.client
        .send(&[get_from(1, "/later"), data(0, false, b"?")].concat());
    simulation.run_until(|simulation| simulation.ledgers(0).1.running == 0);
    simulation.run_until(|_| peer.client.received_len() > 0);
    let heard = peer.heard();
    assert!(
        matches!(
            heard.last(),
            Some(Sent::GoAway(_, ErrorCode::PROTOCOL_ERROR, _))
        ),
        "{heard:?}"
    );
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
}

#[test]
fn where_http2_is_off_its_preface_is_refused_until_a_reload_turns_it_on() {
    let off = |config: &mut Config| config.http2.serve = Switch::Off;
    let mut simulation = simulate(off);
    let refused = Peer::connect(&mut simulation);
    simulation.run_until(|_| refused.client.received_len() > 0);
    assert!(refused.client.take_received().starts_with(b"HTTP/1.1 505 "));
    simulation.reload(&Config::default());
    let mut peer = Peer::connect(&mut simulation);
    peer.client.send(&get(1));
    assert_eq!(peer.answers(&mut simulation, 1)[0].1, "200");
}

#[test]
fn budgets_are_what_the_configuration_says_and_a_reload_holds_open_connections_to_new_ones() {
    let ping = forged(6, 0, 0, &[0; 8]);
    let of_pings = |count| {
        move |config: &mut Config| {
            config.http2.pings = count;
            config.timeouts.idle = HOUR;
        }
    };
    let mut simulation = simulate(of_pings(5));
    let mut peer = Peer::connect(&mut simulation);
    peer.client.send(&ping.repeat(5));
    simulation.run_until(|_| peer.client.received_len() > 0);
    let calm = |sent: &Sent| matches!(sent, Sent::GoAway(_, ErrorCode::ENHANCE_YOUR_CALM, _));
    assert!(!peer.heard().iter().any(calm));
    let mut fewer = Config::default();
    of_pings(2)(&mut fewer);
    simulation.reload(&fewer);
    peer.client.send(&ping);
    simulation.run_until(|simulation| simulation.ledgers(0).0.open == 0);
    assert!(peer.heard().iter().any(calm));
}
