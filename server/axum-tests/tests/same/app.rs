//! The application: one route for each thing that a server can get wrong.

use axum::body::{Body, Bytes};
use axum::error_handling::HandleErrorLayer;
use axum::extract::{
    ConnectInfo, DefaultBodyLimit, Form, MatchedPath, Multipart, OriginalUri, Path, Query, Request,
    State,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::response::sse::{Event, Sse};
use axum::response::{self, Html, IntoResponse, NoContent, Response};
use axum::routing::{any, delete, get, patch, post, put};
use axum::{BoxError, Extension, Json, Router};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tower::ServiceBuilder;
use tower_http::add_extension::AddExtensionLayer;
use tower_http::auth::AsyncRequireAuthorizationLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::map_request_body::MapRequestBodyLayer;
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::metrics::InFlightRequestsLayer;
use tower_http::normalize_path::NormalizePath;
use tower_http::on_early_drop::{OnBodyDropFn, OnEarlyDropLayer};
use tower_http::propagate_header::PropagateHeaderLayer;
use tower_http::request_id::{
    MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::services::{Redirect, ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::set_status::SetStatusLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

/// A directory to serve, whose files are as old on every run.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Files {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files(directory);
        fs::create_dir(files.path("sub")).expect("a directory");
        files.write("page.html", b"<p>page</p>\n");
        files.write("sub/index.html", b"<p>index</p>\n");
        let large: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
        files.write("large.bin", &large);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("a file");
        let file = fs::File::options().write(true).open(self.path(name));
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        file.expect("a file").set_modified(time).expect("a time");
    }
}

#[derive(Serialize, Deserialize)]
struct Item {
    name: String,
    count: u32,
}

#[derive(Deserialize)]
struct Page {
    page: u32,
    #[serde(default)]
    tag: Option<String>,
}

#[derive(Clone)]
struct Greeting(&'static str);

#[derive(Clone, Copy)]
struct SameId;

impl MakeRequestId for SameId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        Some(RequestId::new(HeaderValue::from_static("made")))
    }
}

enum Trouble {
    Missing(u32),
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Trouble::Missing(id) = self;
        (StatusCode::NOT_FOUND, format!("no item {id}\n")).into_response()
    }
}

/// All that a handler sees of a request's head.
async fn seen(
    method: Method,
    version: Version,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> String {
    let mut fields: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in &headers {
        fields
            .entry(name.as_str())
            .or_default()
            .push(value.as_bytes());
    }
    let scheme = uri.scheme_str();
    let authority = uri.authority();
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, values)| {
            let values: Vec<_> = values
                .iter()
                .map(|v| v.escape_ascii().to_string())
                .collect();
            format!("{name}: {values:?}\n")
        })
        .collect();
    let (path, query) = (uri.path(), uri.query());
    let lines = lines.concat();
    format!("{method} {version:?} {scheme:?} {authority:?} {path:?} {query:?}\n{lines}")
}

async fn multipart(
    mut parts: Multipart,
) -> Result<String, axum::extract::multipart::MultipartError> {
    let mut text = String::new();
    while let Some(part) = parts.next_field().await? {
        let name = part.name().unwrap_or("").to_owned();
        let file = part.file_name().unwrap_or("").to_owned();
        let kind = part.content_type().unwrap_or("").to_owned();
        let bytes = part.bytes().await?;
        text += &format!("{name} {file} {kind} {}\n", bytes.len());
    }
    Ok(text)
}

/// The sum of a body that is read piece by piece.
async fn summed(body: Body) -> Result<String, (StatusCode, String)> {
    let mut pieces = body.into_data_stream();
    let (mut len, mut sum) = (0u64, 0u64);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        len += piece.len() as u64;
        sum = piece
            .iter()
            .fold(sum, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
    }
    Ok(format!("{len} {sum}\n"))
}

async fn trailers_in(request: Request) -> String {
    let collected = request.into_body().collect().await.expect("whole");
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let sum = trailers
        .get("x-sum")
        .map(|value| value.to_str().expect("text").to_owned());
    format!("{:?} {sum:?}\n", collected.to_bytes())
}

async fn trailers_out() -> Response {
    let mut fields = HeaderMap::new();
    fields.insert("x-sum", HeaderValue::from_static("42"));
    let frames = [
        http_body::Frame::data(Bytes::from("body")),
        http_body::Frame::trailers(fields),
    ];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    let mut response = Response::new(Body::new(body));
    let names = HeaderValue::from_static("x-sum");
    response.headers_mut().insert(header::TRAILER, names);
    response
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 253) as u8).collect()
}

/// Pieces of which each comes later than the one before.
async fn streamed(Path(pieces): Path<u32>) -> Body {
    let pieces = stream::iter(0..pieces).then(async |at| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, Infallible>(format!("piece {at}\n"))
    });
    Body::from_stream(pieces)
}

async fn events() -> Sse<impl futures_util::Stream<Item = Result<Event, Infallible>>> {
    let events = stream::iter(0..3).then(async |at| {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let event = Event::default().event("tick").id(at.to_string());
        Ok(event.data(format!("number {at}")))
    });
    Sse::new(events)
}

async fn broken() -> Body {
    let pieces = [Ok("good"), Err("bad")];
    Body::from_stream(stream::iter(pieces).then(async |piece| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        piece
    }))
}

async fn never() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}

fn inputs() -> Router {
    Router::new()
        .route("/seen", any(seen))
        .route(
            "/path/{id}",
            get(async |Path(id): Path<u32>| format!("{id}\n")),
        )
        .route(
            "/two/{a}/and/{b}",
            get(async |Path((a, b)): Path<(String, String)>| format!("{a} {b}\n")),
        )
        .route("/rest/{*rest}", get(async |Path(rest): Path<String>| rest))
        .route(
            "/query",
            get(async |Query(page): Query<Page>| format!("{} {:?}\n", page.page, page.tag)),
        )
        .route("/json", post(async |Json(item): Json<Item>| Json(item)))
        .route(
            "/form",
            post(async |Form(item): Form<Item>| format!("{} {}\n", item.name, item.count)),
        )
        .route("/multipart", post(multipart))
        .route("/text", post(async |text: String| text))
        .route(
            "/small",
            post(async |text: String| text).layer(DefaultBodyLimit::max(10)),
        )
        .route("/summed", post(summed).layer(DefaultBodyLimit::disable()))
        .route("/echo", any(async |body: Body| body))
        .route("/ignored", post(async || "not read\n"))
        .route("/trailers", get(trailers_out).post(trailers_in))
        .route(
            "/client",
            get(async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.ip().to_string()),
        )
        .route(
            "/matched/{name}",
            get(async |path: MatchedPath| path.as_str().to_owned()),
        )
}

fn outputs() -> Router {
    Router::new()
        .route("/", get(async || "index\n"))
        .route("/html", get(async || Html("<p>html</p>\n")))
        .route(
            "/made",
            get(async || (StatusCode::CREATED, [("x-made", "yes")], "made\n")),
        )
        .route("/empty", get(async || NoContent))
        .route("/unmodified", get(async || StatusCode::NOT_MODIFIED))
        .route("/reset", get(async || StatusCode::RESET_CONTENT))
        .route(
            "/teapot",
            get(async || (StatusCode::IM_A_TEAPOT, "short and stout\n")),
        )
        .route(
            "/bytes/{len}",
            get(async |Path(len): Path<usize>| bytes(len)),
        )
        .route("/streamed/{pieces}", get(streamed))
        .route("/events", get(events))
        .route("/broken", get(broken))
        .route("/see-other", get(async || response::Redirect::to("/html")))
        .route(
            "/temporary",
            get(async || response::Redirect::temporary("/html")),
        )
        .route(
            "/permanent",
            get(async || response::Redirect::permanent("/html")),
        )
        .route(
            "/several",
            get(async || {
                let mut fields = HeaderMap::new();
                for value in ["a", "b"] {
                    fields.append("x-several", HeaderValue::from_static(value));
                }
                fields.append(header::VARY, HeaderValue::from_static("accept"));
                (fields, "several\n")
            }),
        )
        .route(
            "/binary-field",
            get(async || {
                let value = HeaderValue::from_bytes(b"caf\xc3\xa9").expect("a value");
                ([(HeaderName::from_static("x-name"), value)], "named\n")
            }),
        )
        .route(
            "/closing",
            get(async || ([(header::CONNECTION, "close")], "last\n")),
        )
        .route(
            "/item/{id}",
            get(async |Path(id): Path<u32>| Err::<(), _>(Trouble::Missing(id))),
        )
        .route("/panic", get(async || -> () { panic!("on purpose") }))
        .route(
            "/cookies",
            get(async |jar: CookieJar| {
                let had = jar.get("had").map(|cookie| cookie.value().to_owned());
                let jar = jar.add(Cookie::build(("new", "1")).path("/").http_only(true));
                let jar = jar.remove(Cookie::from("had"));
                (jar, format!("{had:?}\n"))
            }),
        )
        .route(
            "/verbs",
            put(async || "put\n")
                .merge(patch(async || "patch\n"))
                .merge(delete(async || "delete\n")),
        )
        .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "not so\n"))
}

fn layered() -> Router {
    let fallible = HandleErrorLayer::new(async |error: BoxError| {
        (StatusCode::REQUEST_TIMEOUT, format!("{error}\n"))
    });
    let origin = HeaderValue::from_static("http://friend.example");
    Router::new()
        .route(
            "/compressed/{len}",
            get(async |Path(len): Path<usize>| {
                let text = "compress me, please. ".repeat(len / 21);
                ([(header::CONTENT_TYPE, "text/plain")], text)
            }),
        )
        .route("/compressed-stream/{pieces}", get(streamed))
        .layer(CompressionLayer::new())
        .merge(
            Router::new()
                .route("/decompressed", post(async |text: String| text))
                .layer(RequestDecompressionLayer::new()),
        )
        .merge(
            Router::new()
                .route("/cors", get(async || "shared\n").post(async || "posted\n"))
                .layer(
                    CorsLayer::new()
                        .allow_origin(AllowOrigin::exact(origin))
                        .allow_methods([Method::GET, Method::POST])
                        .allow_headers([header::CONTENT_TYPE])
                        .allow_credentials(true)
                        .max_age(Duration::from_secs(60)),
                ),
        )
        .merge(
            Router::new()
                .route("/timeout", get(never))
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::REQUEST_TIMEOUT,
                    Duration::from_millis(20),
                )),
        )
        .merge(
            Router::new().route("/tower-timeout", get(never)).layer(
                ServiceBuilder::new()
                    .layer(fallible)
                    .timeout(Duration::from_millis(20)),
            ),
        )
        .merge(
            Router::new()
                .route("/limited", post(async |body: Bytes| body))
                .layer(RequestBodyLimitLayer::new(10)),
        )
        .merge(
            Router::new()
                .route("/caught", get(async || -> () { panic!("to be caught") }))
                .layer(CatchPanicLayer::new()),
        )
        .merge(
            Router::new()
                .route("/identified", get(async || "identified\n"))
                .layer(PropagateRequestIdLayer::x_request_id())
                .layer(SetRequestIdLayer::x_request_id(SameId)),
        )
        .merge(
            Router::new()
                .route("/dressed", get(async || "dressed\n"))
                .layer(SetResponseHeaderLayer::overriding(
                    header::SERVER,
                    HeaderValue::from_static("dressed"),
                ))
                .layer(PropagateHeaderLayer::new(HeaderName::from_static("x-pass")))
                .layer(SetSensitiveHeadersLayer::new([header::AUTHORIZATION]))
                .layer(TraceLayer::new_for_http()),
        )
        .merge(
            Router::new()
                .route("/status", get(async || "restated\n"))
                .layer(SetStatusLayer::new(StatusCode::ACCEPTED)),
        )
        .merge(
            Router::new()
                .route("/guarded", get(async || "guarded\n"))
                .layer(ValidateRequestHeaderLayer::accept("application/json")),
        )
        .merge(
            Router::new()
                .route("/one-at-a-time", get(async || "alone\n"))
                .layer(tower::limit::ConcurrencyLimitLayer::new(1)),
        )
        .merge(more_layers())
        .merge(
            Router::new()
                .route("/body-in-time", post(async |text: String| text))
                .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(10))),
        )
}

fn more_layers() -> Router {
    let early = Arc::new(AtomicUsize::new(0));
    let dropped = early.clone();
    let on_drop = OnBodyDropFn::new(move |_: &Request| {
        let dropped = dropped.clone();
        move |_: &axum::http::response::Parts| {
            move || {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let with_key = async |request: Request| match request.headers().get(header::AUTHORIZATION) {
        Some(key) if key == "Bearer key" => Ok(request),
        _ => Err(StatusCode::UNAUTHORIZED.into_response()),
    };
    let (in_flight, counter) = InFlightRequestsLayer::pair();
    Router::new()
        .route(
            "/in-flight",
            get(async move || format!("{}\n", counter.get())),
        )
        .layer(in_flight)
        .merge(
            Router::new()
                .route(
                    "/extended",
                    get(async |Extension(greeting): Extension<Greeting>| greeting.0),
                )
                .layer(AddExtensionLayer::new(Greeting("extended\n"))),
        )
        .merge(
            Router::new()
                .route("/authorized", get(async || "authorized\n"))
                .layer(AsyncRequireAuthorizationLayer::new(with_key)),
        )
        .merge(
            Router::new()
                .route("/mapped", post(async |text: String| text))
                .layer(MapRequestBodyLayer::new(|body: Body| {
                    let reversed = |bytes: Bytes| bytes.iter().rev().copied().collect::<Bytes>();
                    Body::new(body.map_frame(move |frame| frame.map_data(reversed)))
                }))
                .layer(MapResponseBodyLayer::new(|body: Body| {
                    let loud = |bytes: Bytes| Bytes::from(bytes.to_ascii_uppercase());
                    Body::new(body.map_frame(move |frame| frame.map_data(loud)))
                })),
        )
        .merge(
            Router::new()
                .route(
                    "/dropped-early",
                    get(async move || format!("{}\n", early.load(Ordering::Relaxed))),
                )
                .route("/dropped-early/{pieces}", get(streamed))
                .layer(OnEarlyDropLayer::builder().on_body_drop(on_drop)),
        )
        .route_service(
            "/moved",
            Redirect::<Body>::permanent(Uri::from_static("/html")),
        )
}

pub(crate) fn app(files: &Files) -> Router {
    let normal = Router::new().route("/norm/here", get(async || "normal\n"));
    let nested = Router::new()
        .route(
            "/state",
            get(async |State(greeting): State<Greeting>| greeting.0),
        )
        .fallback(async |uri: Uri| (StatusCode::NOT_FOUND, format!("not in nest: {uri}\n")))
        .with_state(Greeting("nested state\n"));
    Router::new()
        .merge(inputs())
        .merge(outputs())
        .merge(layered())
        .nest("/nest", nested)
        .nest_service("/files", ServeDir::new(files.path("")))
        .route_service("/file", ServeFile::new(files.path("page.html")))
        .nest_service("/normal", NormalizePath::trim_trailing_slash(normal))
}
