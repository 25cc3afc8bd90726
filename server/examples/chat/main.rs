//! A chat with rooms: WebSockets that follow a hub, names that live through upgrades, and the same words as
//! server-sent events. `cargo run --release --example chat`, then open http://127.0.0.1:8080/ in two windows.

use ringgate::events::Hub;
use ringgate::handler::websocket::{CloseCode, Message, OnMessage, Socket};
use ringgate::http::StatusCode;
use ringgate::http::header::CONTENT_SECURITY_POLICY;
use ringgate::{Error, Request, Response, Result, Router, Server, WebSocket, app};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

const PAGE: &str = include_str!("page.html");
/// The page asks nobody but this server.
const POLICY: &str =
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
/// Words of a room that are kept: as far as a slow guest may fall behind.
const KEPT: usize = 200;
/// Words that a guest reads first.
const RECENT: u64 = 20;
const ROOMS_MAX: usize = 1000;
const NAME_CHARS_MAX: usize = 40;

/// The rooms that somebody was in, on all cores.
#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<String, Hub>>>);

impl Rooms {
    /// The room of this name, made if there is none; None if there are too many.
    fn enter(&self, name: &str) -> Option<Hub> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() == ROOMS_MAX && !rooms.contains_key(name) {
            return None;
        }
        let room = rooms.entry(name.to_owned());
        Some(room.or_insert_with(|| Hub::new(KEPT)).clone())
    }
}

/// The things that are known of a guest, also by the next process of an upgrade.
#[derive(Serialize, Deserialize)]
struct Seat {
    room: String,
    name: String,
}

struct Guest {
    seat: Seat,
    hub: Hub,
    recent: u64,
}

/// The words of a guest, as everybody gets them.
#[derive(Serialize)]
struct Words<'a> {
    name: &'a str,
    text: &'a str,
}

impl OnMessage for Guest {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        let after = self.hub.last_id().saturating_sub(self.recent);
        socket.follow(&self.hub, Some(after));
    }

    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        let Message::Text(text) = message else {
            return socket.close(CloseCode::UNSUPPORTED, "words are spoken here");
        };
        let name = &self.seat.name;
        if let Ok(words) = serde_json::to_vec(&Words { name, text }) {
            self.hub.publish(words);
        }
    }

    fn hand_over(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.seat).ok()
    }
}

/// A guest takes a seat: `/rooms/ROOM?name=NAME`.
fn enter(rooms: &Rooms, sockets: &WebSocket, request: &Request<Rooms>) -> Result<Response> {
    #[derive(Deserialize)]
    struct Wish {
        name: String,
    }
    let Wish { name } = request.query_as()?;
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "A name has 1 to 40 characters.",
        ));
    }
    let room = request.param_as("room")?;
    let seat = Seat { room, name };
    let hub = rooms.enter(&seat.room).ok_or_else(full)?;
    let recent = RECENT;
    Ok(sockets.accept(request, Guest { seat, hub, recent }))
}

fn full() -> Error {
    Error::new(StatusCode::SERVICE_UNAVAILABLE, "There are too many rooms.")
}

async fn events(request: Request<Rooms>) -> Result<Response> {
    let room: String = request.param_as("room")?;
    let hub = request.state().enter(&room).ok_or_else(full)?;
    Ok(hub.answer(&request))
}

async fn page(_: Request<Rooms>) -> Response {
    Response::html(PAGE).with_header(CONTENT_SECURITY_POLICY, POLICY)
}

fn router(rooms: Rooms) -> Router<Rooms> {
    let sockets = WebSocket::new()
        .compressed()
        .message_size(4096)
        .named("guest");
    Router::new()
        .restore_websocket(&sockets, |rooms: &std::rc::Rc<Rooms>, seat| {
            let seat: Seat = serde_json::from_slice(seat).ok()?;
            let (hub, recent) = (rooms.enter(&seat.room)?, 0);
            Some(Guest { seat, hub, recent })
        })
        .get("/", page)
        .get("/rooms/{room}", move |request: Request<Rooms>| {
            let answer = enter(&rooms, &sockets, &request);
            async { answer }
        })
        .get("/rooms/{room}/events", events)
        .merge(app::health())
}

fn main() -> ExitCode {
    Server::run_main("chat", |config, _| {
        let rooms = Rooms::default();
        let router = router(rooms.clone());
        Ok(Server::with_state(config, router, move |_| rooms.clone()))
    })
}
