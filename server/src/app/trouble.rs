//! `/sleep`, `/stream`, `/spin`, `/block` and `/panic`: what good and bad handlers do to a server, on request; and
//! `/core` and `/peer`, which tell who answers and who asks. The routes exist only where the program trusts every
//! client.

use super::{AppState, parameter};
use crate::handler::{Body, Request, Response, Router};
use http::{HeaderName, HeaderValue, StatusCode};
use std::net::SocketAddr;
use std::time::Instant;

const CORE_FIELD: HeaderName = HeaderName::from_static("x-ringgate-core");
/// The most pieces of one `/stream`.
const PIECES_MAX: u64 = 1_000_000;

pub(super) fn routes(router: Router<AppState>) -> Router<AppState> {
    router
        .get("/sleep", sleep)
        .get("/stream", stream)
        .get("/spin", spin)
        .get("/block", block)
        .get("/panic", panic)
        .get("/core", core)
        .get("/peer", peer)
}

/// Which core has this connection now, also as the field `X-Ringgate-Core`: asked again on the same
/// socket it shows that the connection has moved.
async fn core(request: Request<AppState>) -> Response {
    let core = request.core();
    Response::text(format!("{core}\n")).with_header(CORE_FIELD, HeaderValue::from(core))
}

/// The client, for setting up proxies in front: its address as the server has it, that of the other end of
/// the connection, and the one that the client connected to.
async fn peer(request: Request<AppState>) -> Response {
    let text =
        |address: Option<SocketAddr>| address.map_or("-".to_owned(), |address| address.to_string());
    Response::text(format!(
        "client {}\npeer {}\nlocal {}\n",
        text(request.peer()),
        text(request.socket_peer()),
        text(request.local()),
    ))
}

/// Suspends: the core serves others meanwhile.
async fn sleep(request: Request<AppState>) -> Result<Response, Response> {
    let time = parameter::milliseconds(&request)?;
    crate::runtime::sleep(time).await;
    Ok(Response::text(format!("slept {} ms\n", time.as_millis())))
}

/// `n` lines in chunks, the first at once, each of the others `ms` after the one before.
async fn stream(request: Request<AppState>) -> Result<Response, Response> {
    let pieces = parameter::query(&request, "n", PIECES_MAX)?;
    let pause = parameter::milliseconds(&request)?;
    let body = Body::writer(move |mut out| async move {
        for piece in 1..=pieces {
            if piece > 1 && !pause.is_zero() {
                crate::runtime::sleep(pause).await;
            }
            out.write(format!("{piece} of {pieces}\n")).await;
        }
        Ok(())
    });
    Ok(Response::new(StatusCode::OK)
        .with_content_type("text/plain; charset=utf-8")
        .with_body(body))
}

/// Burns the core: nothing else runs on it meanwhile.
async fn spin(request: Request<AppState>) -> Result<Response, Response> {
    let time = parameter::milliseconds(&request)?;
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
    Ok(Response::text(format!("spun {} ms\n", time.as_millis())))
}

/// Blocks the core's thread, as a synchronous call to a slow file system or database would.
async fn block(request: Request<AppState>) -> Result<Response, Response> {
    let time = parameter::milliseconds(&request)?;
    std::thread::sleep(time);
    Ok(Response::text(format!("blocked {} ms\n", time.as_millis())))
}

/// Costs this request alone; with `?core=1` its whole core, which is replaced.
async fn panic(request: Request<AppState>) -> Result<Response, Response> {
    if parameter::query(&request, "core", 1).unwrap_or(0) == 0 {
        panic!("asked to panic by GET /panic");
    }
    let core = request.core();
    request.state().server.panic_core(core);
    Ok(Response::text(format!("core {core} panics\n")))
}
