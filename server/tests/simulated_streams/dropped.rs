//! Bodies of an application that are not sent, and panic as they are dropped: they end their own stream alone.

use crate::bombs::{Bomb, bombed};
use crate::forge::reset;
use crate::peer::{Peer, get, request};
use crate::{SECOND, pass};
use ringgate::config::Config;
use ringgate::simulation::Simulation;
use ringgate::{Request, RouteOptions, Router, WebSocket};

#[test]
fn a_body_that_is_not_sent_and_panics_as_it_is_dropped_ends_no_other_stream() {
    let detached = RouteOptions::new().detached();
    let accept = |status: u16| {
        move |request: Request| {
            let answer = WebSocket::new().accept(&request, Bomb);
            let status = status.try_into().expect("a status");
            async move { answer.with_status(status) }
        }
    };
    let router = Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/bomb", |_: Request| async { bombed(200) })
        .get("/none", |_: Request| async { bombed(204) })
        .get("/hints", |_: Request| async { bombed(103) })
        .get("/refused", accept(403))
        .get("/unfit", accept(101))
        .route_with(
            detached,
            http::Method::GET,
            "/detached",
            |_: Request| async {
                ringgate::runtime::sleep(SECOND).await;
                bombed(200)
            },
        );
    let mut simulation = Simulation::new(&Config::default(), router, 1);
    let mut peer = Peer::connect(&simulation);
    let websocket = [
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
        ("origin", "http://example.org"),
    ];
    let asked = [
        ("HEAD", "/bomb", &[][..], 200),
        ("GET", "/none", &[], 204),
        ("GET", "/hints", &[], 500),
        ("CONNECT", "/refused", &websocket, 403),
        ("CONNECT", "/unfit", &websocket, 500),
        ("GET", "/detached", &[], 0),
    ];
    for (n, (method, path, fields, status)) in asked.into_iter().enumerate() {
        let id = 1 + 4 * n as u32;
        let is_asked = method == "CONNECT";
        peer.send(&[request(id, !is_asked, method, path, fields)]);
        if status == 0 {
            pass(&mut simulation, SECOND / 2);
            peer.send(&[reset(id)]);
            pass(&mut simulation, SECOND);
        } else {
            let answer = peer.answer(&mut simulation, id);
            assert_eq!(answer.status, status, "{path}");
        }
        peer.send(&[get(id + 2, "/hello")]);
        assert_eq!(peer.answer(&mut simulation, id + 2).body, b"hello");
    }
}
