//! WebSockets and other protocols on streams: what holds on a connection holds here, and no stream costs another anything.

use crate::forge::{data, forged, window_update};
use crate::frames::{close_frame, frame, text};
use crate::peer::{Ended as Over, Peer, get, request};
use crate::{SECOND, a_day_passes, assert_nothing_is_left, pass};
use http::{Method, StatusCode};
use ringgate::config::{AdmissionLimits, Config, MaxAccepts};
use ringgate::events::Hub;
use ringgate::handler::websocket::{
    CloseCode, Ended, Message, OnMessage, Received, Sender, Socket,
};
use ringgate::http2::ErrorCode;
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, RouteOptions, Router, WebSocket};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The ends that the application was told of: code, and whether the client broke a rule.
type Ends = Arc<Mutex<Vec<(u16, bool)>>>;

/// Sends every message back; `close`, `panic`, `many` and the names of the hub do what they say. After `sour` its end and
/// its drop panic.
struct Echo {
    is_sour: bool,
    ends: Ends,
    hub: Hub,
    senders: Arc<Mutex<Vec<Sender>>>,
}

impl Drop for Echo {
    fn drop(&mut self) {
        assert!(!self.is_sour, "provoked by a drop");
    }
}

impl OnMessage for Echo {
    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        match message {
            Message::Text("close") => socket.close(CloseCode::NORMAL, "as you wish"),
            Message::Text("panic") => panic!("as you wish"),
            Message::Text("sour") => self.is_sour = true,
            Message::Text("follow") => socket.follow(&self.hub, None),
            Message::Text("line") => self.senders.lock().unwrap().push(socket.sender()),
            Message::Text("many") => {
                let large = vec![b'x'; 100_000];
                for _ in 0..8 {
                    socket.send(Message::Binary(&large)).expect("it is open");
                }
            }
            other => {
                let _ = socket.send(other);
            }
        }
    }

    fn closed(&mut self, ended: &Ended<'_>) {
        assert!(!self.is_sour, "provoked by an end");
        let mut ends = self.ends.lock().unwrap();
        ends.push((ended.code, ended.fault.is_some()));
    }
}

pub(crate) struct Here {
    pub(crate) simulation: Simulation,
    pub(crate) peer: Peer,
    ends: Ends,
    pub(crate) hub: Hub,
    pub(crate) senders: Arc<Mutex<Vec<Sender>>>,
}

pub(crate) fn here(change: impl FnOnce(&mut Config)) -> Here {
    let mut config = Config::default();
    change(&mut config);
    let ends = Ends::default();
    let hub = Hub::new(16);
    let senders = Arc::<Mutex<Vec<Sender>>>::default();
    let sockets = WebSocket::new().compressed().protocol("chat.v1");
    let streams = sockets.clone();
    let end = {
        let (ends, hub, senders) = (ends.clone(), hub.clone(), senders.clone());
        move || Echo {
            is_sour: false,
            ends: ends.clone(),
            hub: hub.clone(),
            senders: senders.clone(),
        }
    };
    let (at_once, later) = (sockets.clone(), sockets);
    let late_end = end.clone();
    let router = Router::new()
        .get("/ws", move |request: Request| {
            let answer = at_once.accept(&request, end());
            async { answer }
        })
        .get("/later", move |request: Request| {
            let answer = later.accept(&request, late_end());
            async {
                ringgate::runtime::sleep(SECOND).await;
                answer
            }
        })
        .get("/converse", move |request: Request| {
            let answer = streams.stream(&request, |mut socket| async move {
                while let Some(message) = socket.next().await {
                    if message == Received::Text("bye".into())
                        || socket.send(message.as_message()).await.is_err()
                    {
                        break;
                    }
                }
            });
            async { answer }
        })
        .get("/upper", |request: Request| {
            let answer = Response::upgrade(&request, "upper", |mut bytes| async move {
                while let Ok(Some(chunk)) = bytes.read().await {
                    let upper = chunk.as_slice().to_ascii_uppercase();
                    if bytes.write(upper).await.is_err() {
                        return;
                    }
                }
                let _ = bytes.write("the end").await;
            });
            async { answer }
        })
        .get("/unread", |request: Request| {
            let answer = Response::upgrade(&request, "upper", |bytes| async move {
                let _bytes = bytes;
                std::future::pending::<()>().await;
            });
            async { answer }
        })
        .connect(RouteOptions::new(), |request: Request| {
            let answer = Response::tunnel(&request, |mut bytes| async move {
                let _ = bytes.write("through").await;
            });
            async { answer }
        })
        .get("/refused", |_: Request| async {
            ringgate::runtime::sleep(SECOND).await;
            Response::error(StatusCode::FORBIDDEN, "not you")
        })
        .get("/bare", |_: Request| async {
            Response::new(StatusCode::SWITCHING_PROTOCOLS)
        })
        .get("/method", |request: Request| async move {
            let protocol = request.protocol().unwrap_or("none");
            format!("{} {protocol}", request.method())
        })
        .route(Method::POST, "/post", |_: Request| async { "posted" })
        .get("/hello", |_: Request| async { "hello" });
    let simulation = Simulation::new(&config, router, 1);
    let mut peer = Peer::connect(&simulation);
    peer.gives_room = true;
    Here {
        simulation,
        peer,
        ends,
        hub,
        senders,
    }
}

fn ask_for(stream: u32, protocol: &str, path: &str) -> Vec<u8> {
    let more = [
        (":protocol", protocol),
        ("sec-websocket-version", "13"),
        ("origin", "http://example.org"),
    ];
    request(stream, false, "CONNECT", path, &more)
}

pub(crate) fn ask(stream: u32, path: &str) -> Vec<u8> {
    ask_for(stream, "websocket", path)
}

impl Here {
    /// Opens a WebSocket on a stream, which has been answered once.
    #[track_caller]
    pub(crate) fn open(&mut self, stream: u32) {
        self.peer
            .send(&[ask(stream, "/ws"), data(stream, false, &text("first"))]);
        self.hears(stream, b"\x81\x05first");
        assert_eq!(self.peer.answers[&stream].status, 200);
    }

    /// Runs until these bytes came on a stream, and takes them.
    #[track_caller]
    pub(crate) fn hears(&mut self, stream: u32, bytes: &[u8]) {
        self.peer.until(&mut self.simulation, |peer| {
            let answer = peer.answers.get(&stream);
            answer.is_some_and(|answer| answer.body.len() >= bytes.len())
        });
        let answer = self.peer.answers.get_mut(&stream).expect("it is there");
        assert_eq!(&answer.body[..bytes.len()], bytes);
        answer.body.drain(..bytes.len());
    }

    #[track_caller]
    pub(crate) fn says(&mut self, stream: u32, bytes: &[u8]) {
        self.peer.send(&[data(stream, false, bytes)]);
    }

    /// The code of the Close that ended a stream, and how it ended.
    #[track_caller]
    pub(crate) fn closes(&mut self, stream: u32) -> (u16, Over) {
        let answer = self.peer.answer(&mut self.simulation, stream);
        let body = &answer.body;
        let code = match body.iter().position(|byte| *byte == 0x88) {
            Some(at) if body.len() >= at + 4 => u16::from_be_bytes([body[at + 2], body[at + 3]]),
            _ => 0,
        };
        (code, answer.ended.expect("it has ended"))
    }

    fn ends(&self) -> Vec<(u16, bool)> {
        self.ends.lock().unwrap().clone()
    }

    #[track_caller]
    fn still_serves(&mut self, stream: u32) {
        self.peer.send(&[get(stream, "/hello")]);
        let answer = self.peer.answer(&mut self.simulation, stream);
        assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
    }

    #[track_caller]
    pub(crate) fn goes(mut self) {
        self.peer.client.close();
        a_day_passes(&mut self.simulation);
        assert_nothing_is_left(&self.simulation, 1, &"gone");
    }
}

#[test]
fn a_websocket_on_a_stream_goes_on_beside_requests_and_ends_with_both_closes() {
    let mut here = here(|_| {});
    here.open(1);
    here.still_serves(3);
    here.open(5);
    for word in ["one", "two"] {
        here.says(1, &text(word));
        here.hears(1, &[&[0x81, 3], word.as_bytes()].concat());
    }
    here.says(1, &close_frame(1000));
    assert_eq!(here.closes(1), (1000, Over::Whole));
    assert_eq!(here.ends(), [(1000, false)]);
    here.says(5, &text("five"));
    here.hears(5, b"\x81\x04five");
    let requests = here.simulation.ledgers(0).1;
    assert_eq!((requests.answered, requests.running), (3, 0));
    here.goes();
}

#[test]
fn the_answer_names_what_was_agreed_on_and_no_field_of_http1() {
    let mut here = here(|_| {});
    let more = [
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "other, chat.v1"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ];
    here.peer
        .send(&[request(1, false, "CONNECT", "/ws", &more)]);
    here.peer
        .until(&mut here.simulation, |peer| peer.answers.contains_key(&1));
    let answer = &here.peer.answers[&1];
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("sec-websocket-protocol"), Some("chat.v1"));
    assert!(answer.field("sec-websocket-extensions").is_some());
    for name in [
        "upgrade",
        "connection",
        "sec-websocket-accept",
        "content-length",
    ] {
        assert_eq!(answer.field(name), None, "{name}");
    }
    here.goes();
}

#[test]
fn a_message_means_the_same_wherever_frames_cut_it() {
    let message = [text("hello"), frame(0x89, b"p"), text("world")].concat();
    for cut in 1..message.len() {
        let mut here = here(|_| {});
        here.open(1);
        here.says(1, &message[..cut]);
        (0..5).for_each(|_| here.simulation.turn());
        here.says(1, &message[cut..]);
        here.hears(1, b"\x81\x05hello\x8a\x01p\x81\x05world");
    }
}

#[test]
fn bytes_that_come_before_the_answer_wait_for_their_handler() {
    let mut here = here(|_| {});
    here.peer
        .send(&[ask(1, "/later"), data(1, false, &text("early"))]);
    here.hears(1, b"\x81\x05early");
    here.still_serves(3);
    here.goes();
}

#[test]
fn bytes_that_no_handler_accepts_are_thrown_away_and_the_connection_has_the_room_again() {
    let mut here = here(|_| {});
    for stream in [1, 3, 5, 7] {
        let early: Vec<_> = (0..14).map(|_| data(stream, false, &[9; 16_000])).collect();
        here.peer
            .send(&[&[ask(stream, "/refused")][..], &early].concat());
        let answer = here.peer.answer(&mut here.simulation, stream);
        assert_eq!(answer.status, 403);
    }
    let room = here.peer.room.get(&0).copied().unwrap_or_default();
    // Half of the window of the connection, beside what it is enlarged by at first.
    assert!(room >= (1 << 20) - 65_535 + (512 << 10), "{room}");
    here.still_serves(9);
    here.goes();
}

#[test]
fn a_request_that_asks_for_nothing_that_is_there_is_told_so() {
    let mut here = here(|_| {});
    let asked = [
        (ask_for(1, "chess", "/ws"), 1, 501),
        (get(3, "/ws"), 3, 400),
        (ask(5, "/none"), 5, 404),
        (ask(7, "/post"), 7, 405),
        (ask(9, "/bare"), 9, 500),
        (ask(11, "/upper"), 11, 426),
        (
            request(
                13,
                true,
                "CONNECT",
                "/ws",
                &[(":protocol", "websocket"), ("sec-websocket-version", "13")],
            ),
            13,
            400,
        ),
    ];
    for (frames, stream, status) in asked {
        here.peer.send(&[frames]);
        let answer = here.peer.answer(&mut here.simulation, stream);
        assert_eq!(answer.status, status, "{stream}");
    }
    here.peer.send(&[ask(15, "/method")]);
    let answer = here.peer.answer(&mut here.simulation, 15);
    assert_eq!(answer.body, b"CONNECT websocket");
    here.goes();
}

#[test]
fn without_the_option_there_is_no_such_request() {
    let mut here = here(|config| config.http2.extended_connect = ringgate::config::Switch::Off);
    here.peer.send(&[ask(1, "/ws")]);
    let answer = here.peer.answer(&mut here.simulation, 1);
    assert_eq!(answer.ended, Some(Over::Reset(ErrorCode::PROTOCOL_ERROR)));
}

#[test]
fn a_handler_speaks_a_protocol_of_its_own_until_both_sides_have_ended() {
    let mut here = here(|_| {});
    here.peer
        .send(&[ask_for(1, "upper", "/upper"), data(1, false, b"abc")]);
    here.hears(1, b"ABC");
    here.says(1, b"def");
    here.hears(1, b"DEF");
    here.peer.send(&[data(1, true, b"ghi")]);
    let answer = here.peer.answer(&mut here.simulation, 1);
    assert_eq!(answer.body, b"GHIthe end");
    assert_eq!(answer.ended, Some(Over::Whole));
    here.goes();
}

#[test]
fn connect_without_a_protocol_opens_a_tunnel_on_its_stream() {
    let mut here = here(|_| {});
    let block = [
        b"\x00\x07:method\x07CONNECT".as_slice(),
        b"\x00\x0a:authority\x0edb.internal:80".as_slice(),
    ];
    here.peer.send(&[forged(1, 4, 1, &block.concat())]);
    let answer = here.peer.answer(&mut here.simulation, 1);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"through"[..]));
    here.goes();
}

#[test]
fn a_task_converses_on_a_stream_and_says_close_when_it_ends() {
    let mut here = here(|_| {});
    here.peer
        .send(&[ask(1, "/converse"), data(1, false, &text("one"))]);
    here.hears(1, b"\x81\x03one");
    here.says(1, &text("bye"));
    assert_eq!(here.closes(1), (1000, Over::Whole));
    here.goes();
}

#[test]
fn what_is_published_and_what_is_sent_from_outside_reaches_streams() {
    let mut here = here(|_| {});
    for stream in [1, 3, 5] {
        here.open(stream);
        here.says(stream, &text("follow"));
        here.says(stream, &text("line"));
        here.says(stream, &text("there"));
        here.hears(stream, b"\x81\x05there");
    }
    here.hub.publish("news");
    for stream in [1, 3, 5] {
        here.hears(stream, b"\x81\x04news");
    }
    let senders = here.senders.lock().unwrap().clone();
    senders[1].send(Message::Text("you")).expect("it is open");
    here.hears(3, b"\x81\x03you");
    here.says(3, &close_frame(1000));
    assert_eq!(here.closes(3).0, 1000);
    assert!(senders[1].send(Message::Text("late")).is_err());
    here.hub.publish("more");
    for stream in [1, 5] {
        here.hears(stream, b"\x81\x04more");
    }
    here.goes();
}

#[test]
fn a_client_that_takes_nothing_is_read_no_further_and_gets_everything_once_it_does() {
    let mut here = here(|_| {});
    here.open(1);
    here.peer.gives_room = false;
    here.says(1, &[text("many"), text("last")].concat());
    // No more than its window comes.
    pass(&mut here.simulation, SECOND);
    here.peer.hear();
    let came = here.peer.answers[&1].body.len();
    assert!(came <= 65_535, "{came}");
    // Another stream is served meanwhile: the connection's window is the client's to give.
    here.peer.send(&[window_update(0, 1 << 20)]);
    here.still_serves(3);
    here.peer.send(&[window_update(1, 1 << 20)]);
    let len = 8 * (100_000 + 10) + 6;
    here.peer.until(&mut here.simulation, |peer| {
        peer.answers[&1].body.len() >= len
    });
    assert!(here.peer.answers[&1].body.ends_with(b"\x81\x04last"));
    here.goes();
}

#[test]
fn a_client_whose_messages_are_answered_gets_room_for_more_and_one_whose_are_not_read_gets_none() {
    let mut here = here(|_| {});
    here.open(1);
    here.peer.room.clear();
    let large = frame(0x82, &[7; 16_000]);
    for _ in 0..40 {
        let before = here.peer.answers[&1].body.len();
        for piece in large.chunks(16_000) {
            here.says(1, piece);
        }
        let len = before + 16_004;
        here.peer.until(&mut here.simulation, |peer| {
            peer.answers[&1].body.len() >= len
        });
    }
    assert!(
        here.peer
            .room
            .get(&1)
            .is_some_and(|room| *room >= 256 << 10)
    );
    here.peer.send(&[ask_for(3, "upper", "/unread")]);
    here.peer
        .until(&mut here.simulation, |peer| peer.answers.contains_key(&3));
    here.peer.room.clear();
    for _ in 0..16 {
        here.says(3, &[7; 16_000]);
    }
    pass(&mut here.simulation, SECOND);
    here.peer.hear();
    // As much as the handler has room for, and no more.
    let given = here.peer.room.get(&3).copied().unwrap_or_default();
    assert!(given <= 64 << 10, "{given}");
    here.says(1, &text("still"));
    here.peer.until(&mut here.simulation, |peer| {
        peer.answers[&1].body.ends_with(b"\x81\x05still")
    });
    here.goes();
}

pub(crate) fn is_about(took: Duration, limit: Duration) -> bool {
    took + SECOND >= limit && took <= limit + 3 * SECOND
}

#[test]
fn a_client_that_says_nothing_is_asked_and_given_up_when_it_says_nothing_to_that() {
    let mut here = here(|config| {
        config.websocket.ping = 20 * SECOND;
        config.websocket.pong_timeout = 5 * SECOND;
    });
    here.open(1);
    here.open(3);
    let began = here.simulation.world().now();
    here.hears(1, b"\x89\x00");
    assert!(is_about(here.simulation.world().now() - began, 20 * SECOND));
    here.hears(3, b"\x89\x00");
    here.says(3, &frame(0x8a, b""));
    let asked = here.simulation.world().now();
    let (code, over) = here.closes(1);
    assert_eq!((code, over), (0, Over::Reset(ErrorCode::CANCEL)));
    assert!(is_about(here.simulation.world().now() - asked, 5 * SECOND));
    assert_eq!(here.ends(), [(1006, false)]);
    // The one that answered is asked again.
    here.hears(3, b"\x89\x00");
    here.goes();
}

#[test]
fn a_message_that_is_not_whole_in_time_is_closed_1008_and_a_close_is_waited_for_no_longer_than_it_may_take()
 {
    let mut here = here(|config| {
        config.websocket.message_timeout = 5 * SECOND;
        config.websocket.close_timeout = 3 * SECOND;
    });
    here.open(1);
    here.says(1, &text("half a message")[..9]);
    let began = here.simulation.world().now();
    assert_eq!(here.closes(1), (1008, Over::Whole));
    assert!(is_about(here.simulation.world().now() - began, 5 * SECOND));
    assert_eq!(here.ends(), [(1008, true)]);
    here.open(3);
    here.says(3, &text("close"));
    let began = here.simulation.world().now();
    assert_eq!(here.closes(3), (1000, Over::Reset(ErrorCode::CANCEL)));
    assert!(is_about(here.simulation.world().now() - began, 3 * SECOND));
    here.goes();
}

#[test]
fn a_tunnel_without_a_byte_in_either_direction_ends_and_one_with_bytes_goes_on() {
    let mut here = here(|config| config.websocket.tunnel_timeout = 10 * SECOND);
    here.peer.send(&[
        ask_for(1, "upper", "/unread"),
        ask_for(3, "upper", "/upper"),
    ]);
    here.peer
        .until(&mut here.simulation, |peer| peer.answers.len() == 2);
    for _ in 0..4 {
        pass(&mut here.simulation, 5 * SECOND);
        here.says(3, b"x");
        here.hears(3, b"X");
    }
    let answer = &here.peer.answers[&1];
    assert_eq!(answer.ended, Some(Over::Reset(ErrorCode::CANCEL)));
    assert!(!here.peer.has_ended(3));
    here.goes();
}

#[test]
fn a_client_that_resets_its_stream_or_ends_it_without_a_word_is_told_of_as_1006() {
    let mut here = here(|_| {});
    here.open(1);
    here.peer.send(&[forged(3, 0, 1, &8u32.to_be_bytes())]);
    here.open(3);
    assert_eq!(here.ends(), [(1006, false)]);
    here.peer.send(&[data(3, true, &text("last"))]);
    let answer = here.peer.answer(&mut here.simulation, 3);
    assert_eq!(answer.body, b"\x81\x04last");
    assert_eq!(here.ends().len(), 2);
    here.still_serves(5);
    here.goes();
}

#[test]
fn what_came_before_the_end_of_a_stream_is_read_to_its_last_message_however_long_its_answers_are() {
    let mut here = here(|_| {});
    here.open(1);
    here.peer.gives_room = true;
    let messages = [text("many"), text("last"), close_frame(4321)].concat();
    here.peer.send(&[data(1, true, &messages)]);
    let answer = here.peer.answer(&mut here.simulation, 1);
    assert!(answer.body.ends_with(b"\x81\x04last\x88\x02\x10\xe1"));
    assert_eq!(answer.ended, Some(Over::Whole));
    assert_eq!(here.ends(), [(4321, false)]);
    here.goes();
}

#[test]
fn a_broken_rule_or_a_panic_ends_its_own_stream_alone() {
    let mut here = here(|_| {});
    for stream in [1, 3, 5, 7] {
        here.open(stream);
    }
    here.says(7, &[text("sour"), close_frame(1000)].concat());
    assert_eq!(here.closes(7).0, 1000);
    here.says(1, &frame(0x83, b""));
    assert_eq!(here.closes(1), (1002, Over::Whole));
    here.says(3, &text("panic"));
    here.says(3, &close_frame(1000));
    assert_eq!(here.closes(3).0, 1011);
    here.says(5, &text("five"));
    here.hears(5, b"\x81\x04five");
    assert_eq!(here.ends(), [(1002, true)]);
    here.goes();
}

#[test]
fn fields_on_a_stream_that_is_a_tunnel_reset_it() {
    let mut here = here(|_| {});
    here.open(1);
    here.peer.send(&[forged(1, 5, 1, b"\x00\x01a\x01b")]);
    let (_, over) = here.closes(1);
    assert_eq!(over, Over::Reset(ErrorCode::PROTOCOL_ERROR));
    here.goes();
}

#[test]
fn small_messages_in_frames_of_their_own_are_no_flood() {
    let mut here = here(|config| config.http2.small_data = 10);
    here.open(1);
    for _ in 0..100 {
        here.says(1, &text("x"));
        here.hears(1, b"\x81\x01x");
    }
    here.goes();
}

#[test]
fn as_many_are_open_as_max_websockets_allows_and_a_place_is_given_back() {
    let mut here = here(|config| config.websocket.max = NonZeroU32::new(2));
    here.open(1);
    here.open(3);
    here.peer.send(&[ask(5, "/ws")]);
    let answer = here.peer.answer(&mut here.simulation, 5);
    assert_eq!(answer.status, 503);
    here.says(1, &close_frame(1000));
    here.closes(1);
    here.open(7);
    here.peer.send(&[forged(3, 0, 3, &8u32.to_be_bytes())]);
    here.open(9);
    here.goes();
}

#[test]
fn the_slot_of_the_gate_is_given_back_with_the_answer() {
    let one = AdmissionLimits::new(NonZeroU32::new(1), MaxAccepts::Unbounded).expect("they fit");
    let mut here = here(|config| config.admission = one);
    for stream in [1, 3, 5] {
        here.open(stream);
    }
    here.peer.send(&[ask_for(7, "upper", "/unread")]);
    here.still_serves(9);
    assert_eq!(here.simulation.gate(), (0, 0));
    here.goes();
}

#[test]
fn a_drain_closes_those_that_are_open_with_1001_and_refuses_new_ones() {
    let mut here = here(|_| {});
    here.open(1);
    here.peer.send(&[ask(3, "/later"), ask(5, "/converse")]);
    here.peer
        .until(&mut here.simulation, |peer| peer.answers.contains_key(&5));
    here.simulation.drain(0);
    here.peer
        .until(&mut here.simulation, |peer| !peer.farewells.is_empty());
    here.says(1, &close_frame(1001));
    assert_eq!(here.closes(1), (1001, Over::Whole));
    here.says(5, &close_frame(1001));
    assert_eq!(here.closes(5).0, 1001);
    let answer = here.peer.answer(&mut here.simulation, 3);
    assert_eq!(answer.status, 503);
    here.peer.pong();
    here.peer.until_closed(&mut here.simulation);
    here.goes();
}
