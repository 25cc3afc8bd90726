//! HTTP/2 over the simulated ring, tried to its limits: every way in which a stream or its connection can end, what
//! waits at the gate, what takes too long, connections that move, floods, and random scripts of many clients. What
//! a stream should get is said by the application, and the books have to balance whatever happens.

#[path = "../http2/forge.rs"]
#[allow(dead_code, reason = "no test uses all of it")]
mod forge;

#[path = "../bombs/mod.rs"]
mod bombs;
#[path = "../frames/mod.rs"]
mod frames;
#[path = "../seeds/mod.rs"]
mod seeds;

mod dropped;
mod endings;
mod floods;
mod gate;
mod moves;
mod peer;
mod scripts;
mod shares;
mod spoken;
mod spoken_moves;
mod spoken_time;
mod talks;
mod time;

use http::{HeaderMap, HeaderValue, StatusCode};
use ringgate::config::{AdmissionLimits, Config, MaxAccepts};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{Body, BodyFrame, Request, Response, RouteOptions, Router};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Bytes of the answer that is larger than a client's first window.
const LARGE: usize = 200_000;

/// A body with trailers behind it.
struct WithTrailers(u8);

impl futures_core::Stream for WithTrailers {
    type Item = Result<BodyFrame, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(BodyFrame::Data("body".into()))),
            2 => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                Some(Ok(BodyFrame::Trailers(Box::new(trailers))))
            }
            _ => None,
        })
    }
}

/// Sends the request's body back as it comes.
fn flowing(mut request: Request) -> Response {
    let mut body = request.take_body();
    let flow = Body::writer(|mut out| async move {
        while let Some(piece) = body.chunk().await {
            out.write(piece?).await;
        }
        Ok(())
    });
    Response::text("").with_body(flow)
}

/// Nothing of it is there at once, and it never ends.
fn feed() -> Response {
    Response::text("").with_body(Body::writer(|mut out| async move {
        loop {
            out.write("piece ").await;
            sleep(SECOND).await;
        }
    }))
}

/// A streamed body of `sent` bytes that says it has `announced`.
fn sized(announced: u64, sent: usize) -> Response {
    Response::text("").with_body(Body::sized_writer(announced, move |mut out| async move {
        out.write("x".repeat(sent)).await;
        Ok(())
    }))
}

fn failing() -> Response {
    Response::text("").with_body(Body::writer(|mut out| async move {
        out.write("some").await;
        sleep(SECOND / 10).await;
        Err("it broke".into())
    }))
}

fn router() -> Router<()> {
    let detached = RouteOptions::new().detached();
    Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/page", |_: Request| async { "x".repeat(8192) })
        .get("/large", |_: Request| async { "x".repeat(LARGE) })
        .get("/later", |_: Request| async {
            sleep(SECOND).await;
            "later"
        })
        .get("/large-later", |_: Request| async {
            sleep(SECOND).await;
            "x".repeat(LARGE)
        })
        .get("/never", |_: Request| std::future::pending::<Response>())
        .get("/panic", |_: Request| async {
            if true {
                panic!("a handler may");
            }
            "never"
        })
        .get("/panic-later", |_: Request| async {
            sleep(SECOND).await;
            if true {
                panic!("a handler may");
            }
            "never"
        })
        .get("/feed", |_: Request| async { feed() })
        .get("/failing", |_: Request| async { failing() })
        .get("/short", |_: Request| async { sized(9, 5) })
        .get("/long", |_: Request| async { sized(5, 9) })
        .get("/fits", |_: Request| async { sized(5, 5) })
        .get("/trailers", |_: Request| async {
            Response::text("").with_body(Body::framed_stream(WithTrailers(0)))
        })
        .get("/closing", |_: Request| async {
            Response::text("bye").closing()
        })
        .get("/interim", |_: Request| async {
            Response::new(StatusCode::EARLY_HINTS)
        })
        .get("/core", |request: Request| async move {
            request.core().to_string()
        })
        .post("/echo", |request: Request| async move {
            Response::text(request.into_body().bytes().await.unwrap_or_default())
        })
        .post("/echo-late", |request: Request| async move {
            sleep(60 * SECOND).await;
            Response::text(request.into_body().bytes().await.unwrap_or_default())
        })
        .post("/flow", |request: Request| async move { flowing(request) })
        .post("/unread", |_: Request| async { "unread" })
        .post("/unread-later", |request: Request| async move {
            sleep(SECOND).await;
            drop(request);
            "unread"
        })
        .post("/unread-large", |_: Request| async { "x".repeat(LARGE) })
        .post("/unread-never", |request: Request| async move {
            let _body = request;
            std::future::pending::<Response>().await
        })
        .route_with(
            detached,
            http::Method::GET,
            "/detached",
            |_: Request| async {
                sleep(SECOND).await;
                "detached"
            },
        )
        .route_with(
            RouteOptions::new().ungated(),
            http::Method::GET,
            "/health",
            |_: Request| async { "healthy" },
        )
}

/// So many slots, and as many as like may wait for one.
fn limits(max_threads: u32) -> AdmissionLimits {
    AdmissionLimits::new(NonZeroU32::new(max_threads), MaxAccepts::Unbounded)
        .expect("limits that fit together")
}

fn simulate(change: impl FnOnce(&mut Config)) -> Simulation {
    let mut config = Config::default();
    change(&mut config);
    Simulation::new(&config, router(), 1)
}

/// Lets so much time pass as ends every wait, in steps: a timer that was put off looks again.
fn a_day_passes(simulation: &mut Simulation) {
    simulation.pass(24 * HOUR);
    (0..8).for_each(|_| simulation.turn());
}

/// Lets so much time pass in tenths of a second.
fn pass_quickly(simulation: &mut Simulation, time: Duration) {
    let until = simulation.world().now() + time;
    while simulation.world().now() < until {
        simulation.pass(SECOND / 10);
        (0..3).for_each(|_| simulation.turn());
    }
}

/// Turns for so long.
fn pass(simulation: &mut Simulation, time: Duration) {
    let until = simulation.world().now() + time;
    simulation.run_until(|simulation| simulation.world().now() >= until);
}

/// Holds that every request and connection of these cores is accounted for, and nothing is open.
#[track_caller]
fn assert_nothing_is_left(simulation: &Simulation, cores: usize, what: &dyn std::fmt::Debug) {
    for core in 0..cores {
        let (connections, requests) = simulation.ledgers(core);
        assert_eq!(connections.open, 0, "{connections:?} {requests:?} {what:?}");
        assert_eq!((requests.running, requests.pending), (0, 0), "{what:?}");
        assert!(
            connections.balances() && requests.balances(),
            "{connections:?} {requests:?} {what:?}"
        );
    }
    assert_eq!(simulation.gate(), (0, 0), "{what:?}");
    assert_eq!(simulation.world().open_descriptors(), 0, "{what:?}");
    assert_eq!(simulation.world().misuses(), 0, "{what:?}");
}
