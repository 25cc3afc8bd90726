//! An application whose handlers begin when the gate lets them and end when the test says so.

use super::{Client, Door, TestServer, start_with, wait_for};
use http::Method;
use ringgate::config::{AdmissionLimits, Config, MaxAccepts};
use ringgate::handler::{Request, Response, RouteOptions, Router};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Book {
    /// Requests in the order in which their handlers began.
    began: Vec<(u64, Instant)>,
    ended: Vec<(u64, Instant)>,
    released: BTreeSet<u64>,
    all: bool,
}

/// What the handlers and the test share.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Mutex<Book>>, Door);

fn parameter(request: &Request, name: &str) -> u64 {
    let text = request.param(name).expect("the route has it");
    text.parse().expect("a number")
}

/// Counted as ended however the handler ends, cut off included.
struct End(Stage, u64);

impl Drop for End {
    fn drop(&mut self) {
        self.0.book().ended.push((self.1, Instant::now()));
    }
}

impl Stage {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("no test panics with the book open")
    }

    fn router(&self) -> Router<()> {
        let stage = self.clone();
        let ungated = RouteOptions {
            gated: false,
            ..RouteOptions::default()
        };
        Router::new()
            .get("/hold/{id}", move |request: Request| {
                let stage = stage.clone();
                async move {
                    let id = parameter(&request, "id");
                    stage.book().began.push((id, Instant::now()));
                    let end = End(stage.clone(), id);
                    while !stage.is_released(id) {
                        ringgate::runtime::sleep(Duration::from_millis(1)).await;
                    }
                    drop(end);
                    Response::text(format!("held {id}"))
                }
            })
            .get("/detached/{id}", {
                let stage = self.clone();
                move |request: Request| {
                    let stage = stage.clone();
                    async move {
                        let id = parameter(&request, "id");
                        request.detach();
                        stage.book().began.push((id, Instant::now()));
                        while !stage.is_released(id) {
                            ringgate::runtime::sleep(Duration::from_millis(1)).await;
                        }
                        Response::text(format!("held {id}"))
                    }
                }
            })
            .route_with(
                ungated,
                Method::GET,
                "/where",
                |request: Request| async move { Response::text(request.core().to_string()) },
            )
            .get("/core", |request: Request| async move {
                Response::text(request.core().to_string())
            })
            .get("/panic", |_: Request| async move {
                if true {
                    panic!("on purpose")
                }
                Response::text("")
            })
            .route_with(ungated, Method::GET, "/door", {
                let door = self.1.clone();
                move |_: Request| {
                    door.pass();
                    async { Response::text("passed") }
                }
            })
            .post("/echo", |request: Request| async move {
                Response::text(request.into_body().bytes().await.unwrap_or_default())
            })
    }

    pub(crate) fn start(&self, config: Config) -> TestServer {
        start_with(config, self.router(), |_| ())
    }

    fn is_released(&self, id: u64) -> bool {
        let book = self.book();
        book.all || book.released.contains(&id)
    }

    /// Lets one handler end.
    pub(crate) fn release(&self, id: u64) {
        self.book().released.insert(id);
    }

    /// Lets every handler end, those to come included.
    pub(crate) fn release_all(&self) {
        self.book().all = true;
    }

    /// The door at which `/door` holds its core.
    pub(crate) fn door(&self) -> &Door {
        &self.1
    }

    /// The requests whose handlers have begun, in that order.
    pub(crate) fn began(&self) -> Vec<u64> {
        self.book().began.iter().map(|(id, _)| *id).collect()
    }

    /// When the handler of a request began, and when it ended.
    pub(crate) fn times(&self, id: u64) -> (Option<Instant>, Option<Instant>) {
        let book = self.book();
        let find = |list: &[(u64, Instant)]| {
            let found = list.iter().find(|(have, _)| *have == id);
            found.map(|(_, at)| *at)
        };
        (find(&book.began), find(&book.ended))
    }

    pub(crate) fn ended(&self) -> Vec<u64> {
        self.book().ended.iter().map(|(id, _)| *id).collect()
    }
}

pub(crate) fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not zero")
}

/// Limits; `accepts` 0 is none.
pub(crate) fn limits(slots: u32, accepts: u32) -> AdmissionLimits {
    let accepts = NonZeroU32::new(accepts).map_or(MaxAccepts::None, MaxAccepts::AtMost);
    AdmissionLimits::new(NonZeroU32::new(slots), accepts).expect("consistent")
}

/// Sends a request on a connection of its own and waits until it stands at the gate.
#[track_caller]
pub(crate) fn begin(server: &TestServer, path: &str, fields: &str) -> Client {
    let before = server.total("requests/begun");
    let mut client = server.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    wait_for("the request is begun", || {
        server.total("requests/begun") > before
    });
    client
}

/// A connection of the wished core; the kernel chooses, so it is asked until it fits.
#[track_caller]
pub(crate) fn connect_to_core(server: &TestServer, core: u32) -> Client {
    for _ in 0..1000 {
        let mut client = server.connect();
        if client.get("/where").text() == core.to_string() {
            return client;
        }
    }
    panic!("no connection came to core {core}")
}

/// Sends `/hold/{id}` on a connection of its own and waits until it stands at the gate.
#[track_caller]
pub(crate) fn hold(server: &TestServer, id: u64) -> Client {
    begin(server, &format!("/hold/{id}"), "")
}
