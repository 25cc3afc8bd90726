//! The application that the clients of the world meet. Each answer begins with the number that the path ends with, in
//! angle brackets, so that an answer that comes twice or out of order is seen.

use http::{Method, StatusCode};
use ringgate::events::Hub;
use ringgate::handler::websocket::{CloseCode, Message, OnMessage, Received, Socket};
use ringgate::runtime::sleep;
use ringgate::{Body, Request, Response, RouteOptions, Router, WebSocket};
use std::time::Duration;

/// Bytes of an answer that most clients do not take at once.
pub(crate) const LARGE: usize = 150_000;

fn mark(request: &Request) -> String {
    format!("<{}>", request.param("number").unwrap_or_default())
}

fn pause(request: &Request) -> Duration {
    let millis = request.param("ms").and_then(|ms| ms.parse().ok());
    Duration::from_millis(millis.unwrap_or(0))
}

/// Pieces of a body with pauses, and how it ends.
fn pieces(mark: String, fails: bool) -> Response {
    Response::text("").with_body(Body::writer(move |mut out| async move {
        out.write(mark).await;
        for _ in 0..5 {
            sleep(Duration::from_millis(100)).await;
            out.write("piece ").await;
        }
        match fails {
            true => Err("it broke".into()),
            false => Ok(()),
        }
    }))
}

/// An answer that is over before the request's body is, and how it ends.
fn early(mark: String, size: usize, fails: bool) -> Response {
    Response::text("").with_body(Body::writer(move |mut out| async move {
        out.write(mark).await;
        sleep(Duration::from_millis(20)).await;
        out.write("x".repeat(size)).await;
        match fails {
            true => Err("it broke".into()),
            false => Ok(()),
        }
    }))
}

/// A body that says it has `announced` bytes behind the mark, and has five.
fn sized(mark: String, announced: u64) -> Response {
    let size = mark.len() as u64 + announced;
    Response::text("").with_body(Body::sized_writer(size, move |mut out| async move {
        out.write(mark).await;
        out.write("xxxxx").await;
        Ok(())
    }))
}

/// Sends the request's body back as it comes.
fn flowing(mark: String, mut request: Request) -> Response {
    let mut body = request.take_body();
    Response::text("").with_body(Body::writer(move |mut out| async move {
        out.write(mark).await;
        while let Some(piece) = body.chunk().await {
            out.write(piece?).await;
        }
        Ok(())
    }))
}

/// Sends back what comes, and much when it is asked to.
fn talk(socket: &mut Socket<'_>, message: Message<'_>) {
    let _ = match message {
        Message::Text("much") => socket.send(Message::Binary(&[0; 50_000])),
        Message::Text("bye") => {
            socket.close(CloseCode::NORMAL, "as you wish");
            return;
        }
        other => socket.send(other),
    };
}

/// Follows a hub, and publishes there what its client says.
struct Follower(Hub);

impl OnMessage for Follower {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        socket.follow(&self.0, None);
    }

    fn message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
        let _ = self.0.publish(message.bytes().to_vec());
    }
}

pub(crate) fn router() -> Router<()> {
    let sockets = WebSocket::new().compressed().named("talk");
    let (tasks, followers, hub) = (sockets.clone(), WebSocket::new(), Hub::new(8));
    let router = Router::new()
        .get("/hello/{number}", |request: Request| async move {
            mark(&request)
        })
        .get("/sleep/{ms}/{number}", |request: Request| async move {
            sleep(pause(&request)).await;
            mark(&request)
        })
        .get("/large/{number}", |request: Request| async move {
            mark(&request) + &"x".repeat(LARGE)
        })
        .get("/pieces/{number}", |request: Request| async move {
            pieces(mark(&request), false)
        })
        .get("/failing/{number}", |request: Request| async move {
            pieces(mark(&request), true)
        })
        .get("/fits/{number}", |request: Request| async move {
            sized(mark(&request), 5)
        })
        .get("/short/{number}", |request: Request| async move {
            sized(mark(&request), 9)
        })
        .get("/long/{number}", |request: Request| async move {
            sized(mark(&request), 2)
        })
        .get("/closing/{number}", |request: Request| async move {
            Response::text(mark(&request)).closing()
        })
        .get("/panic/{ms}/{number}", |request: Request| async move {
            if pause(&request) > Duration::ZERO {
                sleep(pause(&request)).await;
            }
            if true {
                panic!("a handler may");
            }
            "never"
        })
        .get("/never/{number}", |_: Request| {
            std::future::pending::<Response>()
        })
        .post("/echo/{number}", |request: Request| async move {
            let mark = mark(&request);
            match request.into_body().bytes().await {
                Ok(bytes) => Response::text([mark.as_bytes(), &bytes].concat()),
                Err(error) => Response::error(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        })
        .post("/flow/{number}", |request: Request| async move {
            flowing(mark(&request), request)
        })
        .post("/early/{number}", |request: Request| async move {
            early(mark(&request), 5, false)
        })
        .post("/early-large/{number}", |request: Request| async move {
            early(mark(&request), LARGE, false)
        })
        .post("/early-failing/{number}", |request: Request| async move {
            early(mark(&request), 5, true)
        })
        .post("/unread/{number}", |request: Request| async move {
            mark(&request)
        })
        .post("/unread/{ms}/{number}", |request: Request| async move {
            sleep(pause(&request)).await;
            mark(&request)
        });
    let detached = RouteOptions::new().detached();
    router
        .route_with(
            detached,
            Method::GET,
            "/detached/{number}",
            |request: Request| async move {
                sleep(Duration::from_secs(1)).await;
                mark(&request)
            },
        )
        .route_with(
            RouteOptions::new().ungated(),
            Method::GET,
            "/health/{number}",
            |request: Request| async move { mark(&request) },
        )
        .get("/ws", move |request: Request| {
            let answer = sockets.accept(&request, talk);
            async { answer }
        })
        .get("/feed", move |request: Request| {
            let answer = followers.accept(&request, Follower(hub.clone()));
            async { answer }
        })
        .get("/ws-task", move |request: Request| {
            let answer = tasks.stream(&request, |mut socket| async move {
                while let Some(Received::Text(text)) = socket.next().await {
                    if socket.send(Message::Text(&text)).await.is_err() {
                        break;
                    }
                }
            });
            async { answer }
        })
        .get("/upgrade", |request: Request| {
            let answer = Response::upgrade(&request, "echo", |mut bytes| async move {
                while let Ok(Some(chunk)) = bytes.read().await {
                    if bytes.write(chunk).await.is_err() {
                        return;
                    }
                }
                let _ = bytes.write("bye").await;
            });
            async { answer }
        })
}
