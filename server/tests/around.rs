//! What an application puts around answers, over a simulated ring: which answers it sees, in which order, and
//! what becomes of it when it waits, panics or is left.

use http::{Method, StatusCode};
use ringgate::around::{Compression, ErrorPages};
use ringgate::config::{AdmissionLimits, Config, MaxAccepts};
use ringgate::simulation::Simulation;
use ringgate::{Body, Next, Request, Response, RouteOptions, Router};
use std::num::NonZeroU32;
use std::time::Duration;

/// A server of this router, simulated.
struct Stage(Simulation);

impl Stage {
    fn new(router: Router) -> Stage {
        Stage::with(&Config::default(), router)
    }

    fn with(config: &Config, router: Router) -> Stage {
        Stage(Simulation::new(config, router, 3))
    }

    /// Sends these bytes on a connection of their own, and waits until the server ends it.
    fn send(&mut self, bytes: &str) -> String {
        String::from_utf8(self.bytes(bytes)).expect("text")
    }

    fn bytes(&mut self, bytes: &str) -> Vec<u8> {
        let client = self.0.connect();
        client.send(bytes.as_bytes());
        self.0.run_until(|_| client.is_closed());
        client.received()
    }

    fn ask(&mut self, method: &str, path: &str) -> String {
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
        ))
    }
}

/// Says in a field what was asked and what came of it.
async fn seen(request: Request, next: Next) -> Response {
    let mut asked = format!("{} {:?}", request.method(), request.path());
    if request.is_blank() {
        asked = "blank".to_owned();
    }
    let answer = next.run(request).await;
    let seen = format!("{asked} {}", answer.status().as_u16());
    answer.with_header("x-seen", seen)
}

#[track_caller]
fn assert_seen(answer: &str, status: u16, seen: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{answer}"
    );
    let field = format!("x-seen: {seen} {status}\r\n");
    assert_eq!(answer.matches(&field).count(), 1, "{field} in {answer}");
}

fn guarded() -> Router {
    let read = |request: Request| async move {
        let bytes = request.into_body().bytes().await;
        bytes.map_or(StatusCode::IM_A_TEAPOT, |_| StatusCode::OK)
    };
    Router::new()
        .get("/", |_| async { "hello" })
        .get("/panic", |_| async { panic!("on purpose") as StatusCode })
        .get("/panic/at-once", |_| -> std::future::Ready<StatusCode> {
            panic!("on purpose")
        })
        .get("/late-panic", |_| async {
            ringgate::runtime::sleep(Duration::from_secs(1)).await;
            panic!("on purpose") as StatusCode
        })
        .post("/read", read)
        .get("/stream", |_| async {
            Response::text("").with_body(Body::writer(async |mut out| {
                out.write("in ").await;
                out.write("pieces").await;
                Ok(())
            }))
        })
        .around(seen)
}

#[test]
fn answers_of_handlers_are_seen_also_those_that_stream() {
    let mut stage = Stage::new(guarded());
    let answer = stage.ask("GET", "/");
    assert_seen(&answer, 200, "GET \"/\"");
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    let answer = stage.ask("GET", "/stream");
    assert_seen(&answer, 200, "GET \"/stream\"");
    assert!(answer.ends_with("3\r\nin \r\n6\r\npieces\r\n0\r\n\r\n"));
}

#[test]
fn paths_and_methods_that_nothing_serves_are_seen() {
    let mut stage = Stage::new(guarded());
    assert_seen(&stage.ask("GET", "/no/such"), 404, "GET \"/no/such\"");
    let refused = stage.ask("DELETE", "/read");
    assert_seen(&refused, 405, "DELETE \"/read\"");
    assert!(refused.contains("\r\nallow: POST\r\n"), "{refused}");
    assert_seen(&stage.ask("OPTIONS", "*"), 204, "OPTIONS \"*\"");
    assert_seen(&stage.ask("CONNECT", "t:80"), 501, "CONNECT \"\"");
}

#[test]
fn a_handler_that_panics_is_seen_as_its_500() {
    let mut stage = Stage::new(guarded());
    for path in ["/panic", "/panic/at-once", "/late-panic"] {
        let answer = stage.ask("GET", path);
        assert_seen(&answer, 500, &format!("GET {path:?}"));
        assert!(answer.ends_with("the handler of this path failed\n"));
    }
}

#[test]
fn a_request_that_breaks_a_rule_or_a_limit_is_seen() {
    let mut stage = Stage::new(guarded());
    assert_seen(&stage.send("GET nonsense\r\n\r\n"), 400, "blank");
    let old = stage.send("GET / HTTP/9.9\r\n\r\n");
    assert_seen(&old, 505, "blank");
    let long = format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "x".repeat(9000));
    assert_seen(&stage.send(&long), 414, "blank");
    // Nothing but the front of a head comes, for as long as that may take.
    assert_seen(&stage.send("GET / HTT"), 408, "blank");
}

#[test]
fn a_body_that_is_too_large_is_seen_with_its_request() {
    let mut stage = Stage::new(guarded());
    let announced = "POST /read HTTP/1.1\r\nHost: t\r\nContent-Length: 9999999\r\n\r\n";
    assert_seen(&stage.send(announced), 413, "POST \"/read\"");
    let chunk = format!("80000\r\n{}\r\n", "x".repeat(0x80000));
    let chunked = format!(
        "POST /read HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        chunk.repeat(3)
    );
    assert_seen(&stage.send(&chunked), 413, "POST \"/read\"");
}

#[test]
fn the_servers_own_errors_are_lines_of_text_that_error_pages_replace() {
    let stalls =
        "POST /read HTTP/1.1\r\nHost: t\r\nAccept: text/html\r\nContent-Length: 9\r\n\r\nhalf";
    let line = Stage::new(guarded()).send(stalls);
    assert_seen(&line, 408, "POST \"/read\"");
    assert!(
        line.to_lowercase()
            .contains("\r\ncontent-type: text/plain; charset=utf-8\r\n")
    );
    assert!(line.ends_with("\r\n\r\n408 Request Timeout\n"), "{line}");
    let pages = ErrorPages::new().any_page("<h1>{status}</h1>");
    let page = Stage::new(guarded().with(pages)).send(stalls);
    assert_seen(&page, 408, "POST \"/read\"");
    assert!(
        page.ends_with("\r\n\r\n<h1>408 Request Timeout</h1>"),
        "{page}"
    );
}

#[test]
fn a_long_page_in_place_of_an_own_error_reaches_a_browser_that_accepts_gzip() {
    let page = format!("<h1>{{status}}</h1>{}", "long ".repeat(4096));
    let pages = ErrorPages::new().any_page(page.clone());
    let mut stage = Stage::new(guarded().with(Compression::new()).with(pages));
    let front = "POST /read HTTP/1.1\r\nHost: t\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n";
    for (length, status, named) in [
        (9_999_999, 413, "413 Content Too Large"),
        (9, 408, "408 Request Timeout"),
    ] {
        let answer = stage.send(&format!("{front}Content-Length: {length}\r\n\r\nhalf"));
        assert_seen(&answer, status, "POST \"/read\"");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let head = head.to_lowercase();
        assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8"));
        assert!(!head.contains("content-encoding"), "{head}");
        assert_eq!(body, page.replace("{status}", named));
    }
}

/// The bytes that were compressed into these.
fn inflated(compressed: &[u8]) -> Vec<u8> {
    let mut state = zlib_rs::Inflate::new(true, 31);
    let mut out = vec![0; 1 << 20];
    let status = state.decompress(compressed, &mut out, zlib_rs::InflateFlush::Finish);
    status.expect("gzip");
    out.truncate(state.total_out() as usize);
    out
}

#[test]
fn a_page_or_json_in_place_of_a_long_line_has_fields_of_its_own_on_either_side_of_compression() {
    let lost = |_: Request| async {
        let line = format!("404 Not Found: {}\n", "no such note, ".repeat(200));
        Response::text(line)
            .with_status(StatusCode::NOT_FOUND)
            .with_header("etag", "\"a\"")
            .with_header("content-language", "en")
            .with_header("x-kept", "yes")
    };
    let page = "<p>lost</p>".repeat(200);
    let pages = || ErrorPages::json().any_page(page.clone());
    let orders = [
        Router::new()
            .get("/", lost)
            .with(pages())
            .with(Compression::new()),
        Router::new()
            .get("/", lost)
            .with(Compression::new())
            .with(pages()),
    ];
    for router in orders {
        let client = ringgate::testing::client(router, ());
        for coding in ["identity", "gzip"] {
            let ask = |accept| {
                let asked = client.get("/").header("Accept-Encoding", coding);
                asked.header("Accept", accept).send()
            };
            for (accept, media_type, text) in [
                ("text/html", "text/html; charset=utf-8", "<p>lost</p>"),
                (
                    "application/json",
                    "application/problem+json",
                    "\"detail\":\"no such note, ",
                ),
                (
                    "text/plain",
                    "text/plain; charset=utf-8",
                    "404 Not Found: no such",
                ),
            ] {
                let answer = ask(accept);
                let case = format!("{coding} {accept} {:?}", answer.headers());
                assert_eq!(answer.status(), 404, "{case}");
                assert_eq!(answer.header("content-type"), Some(media_type), "{case}");
                assert_eq!(answer.header("x-kept"), Some("yes"), "{case}");
                let body = match answer.header("content-encoding") {
                    Some(coded) => {
                        assert_eq!((coded, coding), ("gzip", "gzip"), "{case}");
                        inflated(answer.bytes())
                    }
                    None => answer.bytes().to_vec(),
                };
                assert!(String::from_utf8_lossy(&body).contains(text), "{case}");
                let described = accept == "text/plain";
                for field in ["etag", "content-language"] {
                    assert_eq!(answer.header(field).is_some(), described, "{field}: {case}");
                }
                let vary: Vec<_> = answer.headers().get_all("vary").iter().collect();
                assert!(vary.iter().any(|name| *name == "accept"), "{case}");
                assert!(vary.iter().any(|name| *name == "accept-encoding"), "{case}");
            }
        }
    }
}

#[test]
fn an_own_error_for_head_has_the_fields_that_it_has_for_get() {
    let pages = ErrorPages::new().any_page("like ".repeat(1000));
    let mut stage = Stage::new(guarded().with(Compression::new()).with(pages));
    let mut answer = |method| {
        let answer = stage.bytes(&format!(
            "{method} / HTTP/1.1\r\nHost: t\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n\
             Content-Length: 9999999\r\n\r\n"
        ));
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!(body.is_empty(), method == "HEAD", "{body}");
        let fields = head.lines().map(str::to_owned);
        fields
            .filter(|line| !line.starts_with("date: ") && !line.starts_with("x-seen: "))
            .collect::<Vec<_>>()
    };
    let head = answer("HEAD");
    let coded = "content-encoding: gzip".to_owned();
    assert!(head.contains(&coded), "{head:?}");
    assert_eq!(head, answer("GET"));
}

#[test]
fn a_stream_in_place_of_an_own_error_gives_way_with_what_its_fields_say_of_it() {
    let router = Router::new().around(async |request: Request, next: Next| {
        let answer = next.run(request).await;
        match answer.status().is_success() {
            true => answer,
            false => answer
                .with_status(StatusCode::GONE)
                .with_content_type("text/html; charset=utf-8")
                .with_header("content-encoding", "br")
                .with_header("content-language", "de")
                .with_header("etag", "\"of the page\"")
                .with_header("last-modified", "Sun, 09 Sep 2001 01:46:40 GMT")
                .with_header("repr-digest", "sha-256=:of the page:")
                .with_header("x-more", "stays")
                .with_body(Body::writer(async |mut out| {
                    out.write("in pieces").await;
                    Ok(())
                })),
        }
    });
    let answer = Stage::new(router).send("GET nonsense\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(body.starts_with("400 Bad Request: "), "{body}");
    let head = head.to_lowercase();
    for kept in ["content-type: text/plain; charset=utf-8", "x-more: stays"] {
        assert!(head.contains(kept), "{kept} in {head}");
    }
    for gone in [
        "text/html",
        "encoding",
        "language",
        "etag",
        "modified",
        "digest",
    ] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
}

#[test]
fn requests_that_the_gate_refuses_are_seen() {
    let slots = NonZeroU32::new(1);
    let config = Config {
        admission: AdmissionLimits::new(slots, MaxAccepts::None).expect("consistent"),
        ..Config::default()
    };
    let hold = |_: Request| async {
        ringgate::runtime::sleep(Duration::from_secs(5)).await;
        "held"
    };
    let router = guarded().get("/hold", hold);
    let mut stage = Stage::with(&config, router);
    let holder = stage.0.connect();
    holder.send(b"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
    stage.0.run_until(|simulation| simulation.gate().0 == 1);
    let refused = stage.ask("GET", "/");
    assert_seen(&refused, 503, "GET \"/\"");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("\r\nConnection: close\r\n"), "{refused}");
    stage.0.run_until(|_| holder.received().ends_with(b"held"));
}

/// A closure that says its name in a field.
fn named(
    name: &'static str,
) -> impl Fn(Request, Next) -> std::pin::Pin<Box<dyn Future<Output = Response>>> {
    move |request, next| {
        Box::pin(async move { next.run(request).await.with_header("x-name", name) })
    }
}

fn names(answer: &str) -> Vec<&str> {
    let lines = answer.lines();
    lines
        .filter_map(|line| line.strip_prefix("x-name: "))
        .collect()
}

#[test]
fn the_first_closure_is_the_outermost_and_a_nested_router_has_its_own() {
    let inner = Router::new()
        .around(named("inner"))
        .get("/", |_| async { "all" })
        .get("/{id}", async |request: Request| {
            request.param("id").unwrap_or("none").to_owned()
        })
        .fallback(RouteOptions::new(), |_| async { StatusCode::GONE });
    let mut stage = Stage::new(
        Router::new()
            .around(named("first"))
            .get("/", |_| async { "root" })
            .nest("/notes", inner)
            .merge(Router::new().get("/merged", |_| async { "merged" }))
            .around(named("second")),
    );
    assert_eq!(names(&stage.ask("GET", "/")), ["second", "first"]);
    assert_eq!(names(&stage.ask("GET", "/merged")), ["second", "first"]);
    for path in ["/notes", "/notes/", "/notes/7", "/notes/7/8"] {
        let answer = stage.ask("GET", path);
        assert_eq!(names(&answer), ["inner", "second", "first"], "{path}");
    }
    assert!(stage.ask("GET", "/notes/7").ends_with("\r\n\r\n7"));
    assert!(stage.ask("GET", "/notes/7/8").starts_with("HTTP/1.1 410 "));
    assert!(stage.ask("GET", "/notes7").starts_with("HTTP/1.1 404 "));
    let refused = stage.ask("POST", "/notes/7");
    assert_eq!(names(&refused), ["inner", "second", "first"]);
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    assert_eq!(names(&stage.ask("GET", "/other")), ["second", "first"]);
}

#[test]
fn what_is_around_may_answer_by_itself_and_tell_the_handler_something() {
    #[derive(Clone)]
    struct Client(u32);
    let who = |request: Request| async move {
        request
            .extension::<Client>()
            .map_or(0, |client| client.0)
            .to_string()
    };
    let router = Router::new()
        .get("/", who)
        .around(async |mut request: Request, next: Next| {
            if request.header("x-key").is_none() {
                return Response::error(StatusCode::UNAUTHORIZED, "no key");
            }
            request.extensions_mut().insert(Client(7));
            next.run(request).await
        });
    let mut stage = Stage::new(router);
    assert!(stage.ask("GET", "/").starts_with("HTTP/1.1 401 "));
    let answer = stage.send("GET / HTTP/1.1\r\nHost: t\r\nX-Key: k\r\nConnection: close\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\n7"), "{answer}");
}

#[test]
fn what_waits_around_a_handler_is_waited_for_and_around_an_own_answer_of_the_server_is_not() {
    let router = Router::new().get("/", |_| async { "hello" }).around(
        async |request: Request, next: Next| {
            ringgate::runtime::sleep(Duration::from_secs(1)).await;
            next.run(request).await.with_header("x-late", "yes")
        },
    );
    let mut stage = Stage::new(router);
    assert!(stage.ask("GET", "/").contains("\r\nx-late: yes\r\n"));
    assert!(stage.ask("GET", "/none").contains("\r\nx-late: yes\r\n"));
    let refused = stage.send("GET nonsense\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(!refused.contains("x-late"), "{refused}");
}

#[test]
fn what_panics_around_a_handler_is_a_500_and_the_server_goes_on() {
    let router = Router::new().get("/", |_| async { "hello" }).around(
        async |request: Request, next: Next| {
            assert!(request.path() != "/bad", "on purpose");
            let blank = request.is_blank();
            let answer = next.run(request).await;
            assert!(!blank, "on purpose");
            answer
        },
    );
    let mut stage = Stage::new(router);
    assert!(stage.ask("GET", "/bad").starts_with("HTTP/1.1 500 "));
    // The server's own answer goes out as it is.
    let refused = stage.send("GET nonsense\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(stage.ask("GET", "/").ends_with("hello"));
}

#[test]
fn a_route_may_bound_how_long_its_handler_takes() {
    let short = RouteOptions::new().timeout(Duration::from_secs(2));
    let wait = |request: Request| async move {
        let seconds = request.query_value("s").and_then(|s| s.parse().ok());
        ringgate::runtime::sleep(Duration::from_secs(seconds.unwrap_or(0))).await;
        "done"
    };
    let mut stage = Stage::new(
        Router::new()
            .route_with(short, Method::GET, "/wait", wait)
            .around(seen),
    );
    assert!(stage.ask("GET", "/wait?s=1").ends_with("done"));
    let began = stage.0.world().now();
    let late = stage.ask("GET", "/wait?s=3600");
    assert_seen(&late, 503, "GET \"/wait\"");
    assert!(late.ends_with("the handler of this path took too long\n"));
    assert!(stage.0.world().now() - began < Duration::from_secs(3));
}

#[test]
fn every_verb_has_a_route_and_any_takes_the_others() {
    let name = |name: &'static str| move |_: Request| async move { name };
    let router = Router::new()
        .get("/", name("get"))
        .post("/", name("post"))
        .put("/", name("put"))
        .patch("/", name("patch"))
        .delete("/", name("delete"))
        .options("/", name("options"))
        .trace("/", name("trace"))
        .any("/", name("any"))
        .any("/all", name("all"));
    let mut stage = Stage::new(router);
    for verb in ["get", "post", "put", "patch", "delete", "options", "trace"] {
        let answer = stage.ask(&verb.to_uppercase(), "/");
        assert!(answer.ends_with(&format!("\r\n\r\n{verb}")), "{answer}");
    }
    assert!(stage.ask("BREW", "/").ends_with("any"));
    assert!(stage.ask("GET", "/all").ends_with("all"));
}

#[test]
fn a_program_may_answer_405_by_itself_and_allow_is_told() {
    let own = |_: Request| async {
        Response::json("{\"error\":\"method\"}").with_status(StatusCode::METHOD_NOT_ALLOWED)
    };
    let inner = Router::new().get("/{id}", |_| async { "note" });
    let router = Router::new()
        .get("/", |_| async { "hello" })
        .post("/", |_| async { "posted" })
        .nest("/notes", inner)
        .method_not_allowed(own);
    let mut stage = Stage::new(router);
    let refused = stage.ask("PUT", "/");
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    assert!(refused.contains("\r\nallow: GET, HEAD, POST\r\n"));
    assert!(refused.ends_with("{\"error\":\"method\"}"));
    let nested = stage.ask("PUT", "/notes/1");
    assert!(nested.ends_with("{\"error\":\"method\"}"), "{nested}");
}

#[test]
fn what_is_given_to_a_request_on_its_way_reaches_the_service_of_another_crate() {
    #[derive(Clone)]
    struct Client(u32);
    async fn who(client: Option<axum::Extension<Client>>) -> String {
        client.map_or(0, |client| client.0.0).to_string()
    }
    let app = axum::Router::new().route("/", axum::routing::get(who));
    let router = Router::new()
        .fallback(RouteOptions::new(), ringgate::tower::handler(app))
        .around(async |mut request: Request, next: Next| {
            request.extensions_mut().insert(Client(7));
            next.run(request).await
        });
    let answer = Stage::new(router).ask("GET", "/");
    assert!(answer.ends_with("\r\n\r\n7"), "{answer}");
}
