//! `/echo`, `/upload` and `/bytes/{n}`: bodies of any size, in constant memory. Each piece is
//! passed on or dropped before the next is asked for, so a slow side slows the other down.

use super::{AppState, parameter};
use crate::handler::{Body, Request, Response, RouteOptions, Router, Writer};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fmt::Write as _;

/// The longest `/bytes/{n}`: 2 GiB.
const BYTES_MAX: u64 = 2 << 30;
/// Bytes of one piece of `/bytes/{n}`.
const PIECE_BYTES: usize = 64 << 10;
/// Byte `i` of `/bytes/{n}` is `i % PERIOD`: a prime, so that a piece lost, doubled or out of
/// place shows at its first byte.
const PERIOD: usize = 251;

const _: () = assert!(!PIECE_BYTES.is_multiple_of(PERIOD));

/// A piece and one period more, so that a piece can begin anywhere in the period.
static PATTERN: [u8; PIECE_BYTES + PERIOD] = {
    let mut pattern = [0; PIECE_BYTES + PERIOD];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = (at % PERIOD) as u8;
        at += 1;
    }
    pattern
};

const ANY_SIZE: RouteOptions = RouteOptions::new().any_body_size();

pub(super) fn routes(router: Router<AppState>) -> Router<AppState> {
    router.route_with(ANY_SIZE, Method::POST, "/echo", echo)
}

pub(super) fn trouble_routes(router: Router<AppState>) -> Router<AppState> {
    router
        .route_with(ANY_SIZE, Method::POST, "/upload", upload)
        .get("/bytes/{n}", bytes)
}

/// The same bytes back while they come, framed as they came: by length or in chunks.
async fn echo(mut request: Request<AppState>) -> Response {
    let content_type = request
        .header("content-type")
        .and_then(|value| HeaderValue::from_bytes(value).ok())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let len = request
        .header("content-length")
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    // The first piece is awaited before the answer begins: a client that waits for `100 Continue`
    // gets it, and a body that is refused at once is answered with its error status.
    let first = match request.body().chunk().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Response::error(StatusCode::BAD_REQUEST, &error.to_string()),
        None => return Response::new(StatusCode::OK).with_header(CONTENT_TYPE, content_type),
    };
    let mut rest = request.into_body();
    let copy = move |mut out: Writer| async move {
        out.write(first).await;
        while let Some(piece) = rest.chunk().await {
            out.write(piece?).await;
        }
        Ok(())
    };
    let body = match len {
        Some(len) => Body::sized_writer(len, copy),
        None => Body::writer(copy),
    };
    Response::new(StatusCode::OK)
        .with_header(CONTENT_TYPE, content_type)
        .with_body(body)
}

#[derive(Serialize)]
struct Uploaded {
    bytes: u64,
    sha256: String,
}

/// Counts and hashes what comes, and keeps none of it.
async fn upload(request: Request<AppState>) -> Response {
    let mut body = request.into_body();
    let (mut bytes, mut hash) = (0, Sha256::new());
    while let Some(piece) = body.chunk().await {
        match piece {
            Ok(piece) => {
                bytes += piece.len() as u64;
                hash.update(piece.as_slice());
            }
            Err(error) => return Response::error(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }
    let sha256 = hash
        .finalize()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    match serde_json::to_vec(&Uploaded { bytes, sha256 }) {
        Ok(json) => Response::json(json),
        Err(error) => Response::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn bytes(request: Request<AppState>) -> Result<Response, Response> {
    let len = parameter::path(&request, "n", BYTES_MAX)?;
    let body = Body::sized_writer(len, move |out| write_pattern(out, len));
    Ok(Response::new(StatusCode::OK)
        .with_content_type("application/octet-stream")
        .with_body(body))
}

/// Slices of one static block: nothing is allocated or copied, however long it is.
async fn write_pattern(mut out: Writer, len: u64) -> Result<(), Box<dyn Error>> {
    let mut at = 0;
    while at < len {
        let start = (at % PERIOD as u64) as usize;
        let count = (len - at).min(PIECE_BYTES as u64) as usize;
        out.write(&PATTERN[start..start + count]).await;
        at += count as u64;
    }
    Ok(())
}
