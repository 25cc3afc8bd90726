//! What is ready to be put around answers, over a simulated ring: compression, CORS, fields for security, error pages; on
//! answers of handlers and on those that the server gives itself.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ringgate::around::{Compression, Cors, ErrorPages, SecurityHeaders};
use ringgate::config::{AdmissionLimits, Config, MaxAccepts};
use ringgate::simulation::Simulation;
use ringgate::testing::{Answer, Client, client};
use ringgate::{Body, BodyFrame, Request, Response, Router};
use std::num::NonZeroU32;
use std::time::Duration;

const APP: &str = "https://app.example";
const OTHER: &str = "https://other.example";

fn routes() -> Router {
    Router::new()
        .get("/", |_| async { "hello\n" })
        .post("/notes", |_| async { (StatusCode::CREATED, "made\n") })
        .get("/panic", |_| async { panic!("on purpose") as StatusCode })
        .get("/own", |_| async {
            Response::text("own\n")
                .with_header("access-control-allow-origin", "*")
                .with_header("x-frame-options", "SAMEORIGIN")
                .with_header("vary", "Accept, Origin")
        })
}

fn preflight(client: &Client, path: &str, origin: &str) -> Answer {
    let asked = client
        .request(Method::OPTIONS, path)
        .header("Origin", origin);
    let asked = asked.header("Access-Control-Request-Method", "POST");
    asked
        .header("Access-Control-Request-Headers", "x-key, content-type")
        .send()
}

#[test]
fn a_preflight_is_answered_whatever_the_path_answers_itself() {
    let cors = Cors::of([APP])
        .credentials()
        .max_age(Duration::from_secs(600));
    let client = client(routes().with(cors), ());
    // A path with a POST, one without, one that nothing serves, and the server as a whole.
    for path in ["/notes", "/", "/nowhere", "*"] {
        let answer = preflight(&client, path, APP);
        assert_eq!(answer.status(), 204, "{path}");
        for (name, value) in [
            ("access-control-allow-origin", Some(APP)),
            (
                "access-control-allow-methods",
                Some("GET, HEAD, POST, PUT, PATCH, DELETE"),
            ),
            ("access-control-allow-headers", Some("x-key, content-type")),
            ("access-control-allow-credentials", Some("true")),
            ("access-control-max-age", Some("600")),
            ("allow", None),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {path}");
        }
        assert_eq!(varies(&answer), PREFLIGHT_VARIES);
    }
    let refused = preflight(&client, "/notes", OTHER);
    assert_eq!(refused.status(), 204);
    assert!(
        !names(&refused).contains("access-control"),
        "{}",
        names(&refused)
    );
    // OPTIONS that asks for nobody's leave goes its way.
    let options = client
        .request(Method::OPTIONS, "/notes")
        .header("Origin", APP)
        .send();
    assert_eq!(
        (options.status().as_u16(), options.header("allow")),
        (405, Some("POST"))
    );
    assert_eq!(
        varies(&options),
        PREFLIGHT_VARIES,
        "a cache tells them apart"
    );
}

/// The fields that the answer to an OPTIONS depends on.
const PREFLIGHT_VARIES: [&str; 3] = [
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
];

fn varies(answer: &Answer) -> Vec<&str> {
    let lines = answer.headers().get_all("vary").iter();
    lines.map(|line| line.to_str().expect("text")).collect()
}

#[test]
fn a_preflight_that_names_its_fields_in_several_lines_is_granted_all_of_them() {
    let client = client(routes().with(Cors::of([APP])), ());
    let ask = |lines: &[&str]| {
        let asked = client.request(Method::OPTIONS, "/notes");
        let asked = asked
            .header("Origin", APP)
            .header("Access-Control-Request-Method", "POST");
        let asked = lines.iter().fold(asked, |asked, line| {
            asked.header("Access-Control-Request-Headers", *line)
        });
        let answer = asked.send();
        let granted = answer.header("access-control-allow-headers");
        granted.map(str::to_owned)
    };
    assert_eq!(
        ask(&["x-key", "content-type, x-id"]).as_deref(),
        Some("x-key, content-type, x-id")
    );
    assert_eq!(ask(&["x-key"]).as_deref(), Some("x-key"));
    assert_eq!(ask(&[]), None);
    assert_eq!(ask(&[""]), None);
}

fn names(answer: &Answer) -> String {
    let names = answer.headers().keys().map(|name| name.as_str());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_page_of_an_allowed_origin_may_read_every_answer_errors_among_them() {
    let cors = Cors::of([APP, "http://localhost:3000"]).exposed(["X-Id"]);
    let client = client(routes().with(cors), ());
    for (path, status) in [
        ("/", 200),
        ("/nowhere", 404),
        ("/notes", 405),
        ("/panic", 500),
        ("/own", 200),
    ] {
        let ask = |origin: &str| client.get(path).header("Origin", origin).send();
        let answer = ask(APP);
        assert_eq!(answer.status(), status, "{path}");
        let allowed = answer.headers().get_all("access-control-allow-origin");
        assert_eq!(
            allowed.iter().collect::<Vec<_>>(),
            [APP],
            "one, and no other"
        );
        assert_eq!(answer.header("access-control-expose-headers"), Some("x-id"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        for origin in [
            OTHER,
            "null",
            "https://app.example.evil.example",
            "HTTPS://app.example",
        ] {
            let answer = ask(origin);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{origin}"
            );
        }
        let plain = client.get(path).send();
        let varies: Vec<_> = plain.headers().get_all("vary").iter().collect();
        let expected = if path == "/own" {
            "Accept, Origin"
        } else {
            "origin"
        };
        assert_eq!(varies, [expected], "also for who sends no origin");
    }
}

#[test]
fn any_origin_is_a_star_for_everybody_and_needs_no_vary() {
    let client = client(
        routes().with(Cors::any().fields(["x-key"]).methods([Method::PUT])),
        (),
    );
    for answer in [
        client.get("/").send(),
        client.get("/").header("Origin", APP).send(),
    ] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("vary"), None);
    }
    let answer = preflight(&client, "/", OTHER);
    assert_eq!(answer.header("access-control-allow-methods"), Some("PUT"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-key"));
    assert_eq!(
        varies(&answer),
        PREFLIGHT_VARIES[..2],
        "but not by the fields"
    );
}

#[test]
#[should_panic(expected = "name the origins")]
fn credentials_for_any_origin_are_a_mistake() {
    let _ = Cors::any().credentials();
}

#[test]
fn what_is_no_origin_is_a_mistake() {
    for origin in [
        "app.example",
        "https://app.example/",
        "https://*",
        "*",
        "null",
        "https://A.example",
        "",
    ] {
        let made = std::panic::catch_unwind(|| Cors::of([origin]));
        assert!(made.is_err(), "{origin}");
    }
}

/// A server whose only slot is taken, and the answer to one more request with these fields.
fn refused_by_the_gate(router: Router, fields: &str) -> String {
    let slots = NonZeroU32::new(1);
    let config = Config {
        admission: AdmissionLimits::new(slots, MaxAccepts::None).expect("consistent"),
        ..Config::default()
    };
    let hold = |_: Request| async {
        ringgate::runtime::sleep(Duration::from_secs(5)).await;
        "held"
    };
    let mut simulation = Simulation::new(&config, router.get("/hold", hold), 3);
    let holder = simulation.connect();
    holder.send(b"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
    simulation.run_until(|simulation| simulation.gate().0 == 1);
    let client = simulation.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: t\r\n{fields}\r\n").as_bytes());
    simulation.run_until(|_| client.is_closed());
    String::from_utf8(client.received()).expect("text")
}

#[test]
fn answers_that_the_server_gives_itself_are_dressed_as_all_others() {
    let router = routes()
        .with(Cors::of([APP]))
        .with(SecurityHeaders::new())
        .with(Compression::new().size_min(0))
        .with(ErrorPages::json());
    let fields = format!("Origin: {APP}\r\nAccept: application/json\r\n");
    let answer = refused_by_the_gate(router, &fields);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    for field in [
        "access-control-allow-origin: https://app.example\r\n",
        "x-content-type-options: nosniff\r\n",
        "retry-after: 1\r\n",
        "Content-Type: application/problem+json\r\n",
    ] {
        assert!(
            answer.to_lowercase().contains(&field.to_lowercase()),
            "{field} in {answer}"
        );
    }
    assert!(answer.contains("\"status\":503,\"detail\":"), "{answer}");
    let mut simulation = Simulation::new(
        &Config::default(),
        routes()
            .with(SecurityHeaders::new())
            .with(ErrorPages::json()),
        3,
    );
    let client = simulation.connect();
    client.send(b"GET nonsense\r\n\r\n");
    simulation.run_until(|_| client.is_closed());
    let answer = String::from_utf8(client.received()).expect("text");
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("nosniff"),
        "{answer}"
    );
    assert!(
        answer.contains("text/plain"),
        "who names no form gets a line of text: {answer}"
    );
}

#[test]
fn fields_for_security_are_on_every_answer_and_never_over_those_of_a_handler() {
    let secure = SecurityHeaders::new()
        .strict_transport(Duration::from_secs(86_400))
        .without("Referrer-Policy");
    let client = client(routes().with(secure), ());
    for path in ["/", "/nowhere", "/panic"] {
        let answer = client.get(path).send();
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            Some("same-origin")
        );
        assert_eq!(answer.header("referrer-policy"), None);
        // RFC 6797 section 7.2: not without TLS.
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    let own = client.get("/own").send();
    let frames: Vec<_> = own.headers().get_all("x-frame-options").iter().collect();
    assert_eq!(frames, ["SAMEORIGIN"]);
}

#[test]
fn an_error_has_the_form_that_its_client_likes_best_with_its_status_and_fields() {
    let html = "text/html; charset=utf-8";
    let pages = ErrorPages::json()
        .page(StatusCode::NOT_FOUND, "<h1>lost</h1>")
        .any_page("<h1>{status}</h1>");
    let own =
        |_: Request| async { Response::json("{\"own\":1}").with_status(StatusCode::CONFLICT) };
    let bare = |_: Request| async { StatusCode::FORBIDDEN };
    let router = routes()
        .get("/conflict", own)
        .get("/bare", bare)
        .with(pages);
    let client = client(router, ());
    let ask = |path: &str, accept: &str| {
        let answer = client.get(path).header("Accept", accept).send();
        let media_type = answer.header("content-type").unwrap_or("none").to_owned();
        (
            answer.status().as_u16(),
            media_type,
            answer.text().to_owned(),
        )
    };
    let expect = |status: u16, media_type: &str, text: &str| {
        (status, media_type.to_owned(), text.to_owned())
    };
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    assert_eq!(ask("/nowhere", browser), expect(404, html, "<h1>lost</h1>"));
    let not_allowed = expect(405, html, "<h1>405 Method Not Allowed</h1>");
    assert_eq!(ask("/notes", browser), not_allowed);
    let problem =
        "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"nothing is served under this path\"}";
    let json = expect(404, "application/problem+json", problem);
    assert_eq!(ask("/nowhere", "application/json"), json);
    assert_eq!(
        ask("/nowhere", "text/html;q=0.1, application/problem+json"),
        json
    );
    let (_, media_type, text) = ask("/nowhere", "*/*");
    assert_eq!(
        (&*media_type, &*text),
        (
            "text/plain; charset=utf-8",
            "404 Not Found: nothing is served under this path\n"
        )
    );
    assert_eq!(ask("/panic", "application/json").0, 500);
    let forbidden = "{\"title\":\"Forbidden\",\"status\":403,\"detail\":\"\"}";
    assert_eq!(ask("/bare", "application/json").2, forbidden);
    assert_eq!(
        ask("/conflict", browser).2,
        "{\"own\":1}",
        "a handler's own words stay"
    );
    assert_eq!(ask("/", browser).2, "hello\n");
    let answer = client.get("/notes").header("Accept", browser).send();
    assert_eq!(
        (answer.header("allow"), answer.header("vary")),
        (Some("POST"), Some("accept"))
    );
}

fn text_of(size: usize) -> String {
    "a line of text, again and again\n".repeat(size.div_ceil(32))[..size].to_owned()
}

fn unzipped(bytes: &[u8]) -> String {
    let mut state = zlib_rs::Inflate::new(true, 31);
    let mut out = vec![0; 1 << 20];
    let status = state.decompress(bytes, &mut out, zlib_rs::InflateFlush::SyncFlush);
    status.expect("gzip");
    assert_eq!(state.total_in(), bytes.len() as u64);
    out.truncate(state.total_out() as usize);
    String::from_utf8(out).expect("text")
}

fn large() -> Router {
    Router::new()
        .get("/{size}", |request: Request| async move {
            let size = request.param("size").and_then(|size| size.parse().ok());
            Response::text(text_of(size.unwrap_or(0))).with_header("etag", "\"1\"")
        })
        .get("/stream", |_| async {
            Response::text("").with_body(Body::writer(async |mut out| {
                for _ in 0..4 {
                    out.write(text_of(5000)).await;
                }
                Ok(())
            }))
        })
}

#[test]
fn text_is_compressed_for_who_accepts_it_whole_or_as_it_goes_out() {
    let client = client(large().with(Compression::new()), ());
    for (path, size, is_whole) in [
        ("/1024", 1024, true),
        ("/16384", 16_384, true),
        ("/16385", 16_385, false),
        ("/900000", 900_000, false),
        ("/stream", 20_000, false),
    ] {
        let answer = client
            .get(path)
            .header("Accept-Encoding", "br, gzip")
            .send();
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(
            answer.header("content-length").is_some(),
            is_whole,
            "{path}"
        );
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        assert!(
            answer.bytes().len() < size / 4,
            "{path}: {}",
            answer.bytes().len()
        );
        assert_eq!(unzipped(answer.bytes()).len(), size, "{path}");
        for accepts in ["", "br", "gzip;q=0", "identity, gzip;q=0.5"] {
            let plain = client.get(path).header("Accept-Encoding", accepts).send();
            assert_eq!(plain.header("content-encoding"), None, "{accepts}");
            assert_eq!(plain.header("vary"), Some("accept-encoding"), "{accepts}");
            assert_eq!(plain.bytes().len(), size);
        }
    }
    let small = client.get("/1023").header("Accept-Encoding", "gzip").send();
    assert_eq!(
        (small.header("content-encoding"), small.header("vary")),
        (None, None)
    );
}

#[test]
fn a_compressed_answer_is_weakly_the_same_and_offers_no_ranges() {
    let ranged = |_: Request| async {
        Response::text(text_of(2000))
            .with_header("accept-ranges", "bytes")
            .with_header("etag", "W/\"2\"")
    };
    let client = client(
        large().get("/ranged/file", ranged).with(Compression::new()),
        (),
    );
    let gzip = |path| client.get(path).header("Accept-Encoding", "gzip").send();
    assert_eq!(gzip("/2000").header("etag"), Some("W/\"1\""));
    assert_eq!(client.get("/2000").send().header("etag"), Some("\"1\""));
    let answer = gzip("/ranged/file");
    assert_eq!(
        (answer.header("etag"), answer.header("accept-ranges")),
        (Some("W/\"2\""), None)
    );
}

#[test]
fn head_tells_of_a_compressed_answer_without_a_length_that_nobody_knows() {
    let client = client(large().with(Compression::new()), ());
    let head = client
        .request(Method::HEAD, "/2000")
        .header("Accept-Encoding", "gzip")
        .send();
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    assert_eq!(
        (head.header("content-length"), head.header("etag")),
        (None, Some("W/\"1\""))
    );
    let plain = client.request(Method::HEAD, "/2000").send();
    assert_eq!(plain.header("content-length"), Some("2000"));
}

#[test]
fn what_is_compressed_already_or_may_not_be_changed_or_is_a_part_is_left_alone() {
    let with = |name: &'static str, value: &'static str| {
        let text = || Response::text(text_of(5000));
        move |_: Request| {
            let answer = text().with_header(name, HeaderValue::from_static(value));
            async move { answer }
        }
    };
    let part = |_: Request| async {
        let answer = Response::text(text_of(5000)).with_status(StatusCode::PARTIAL_CONTENT);
        answer.with_header("content-range", "bytes 0-4999/9000")
    };
    let router = Router::new()
        .get("/encoded", with("content-encoding", "br"))
        .get("/fixed", with("cache-control", "public, No-Transform"))
        .get("/digest", with("content-digest", "sha-256=:x:"))
        .get("/repr-digest", with("repr-digest", "sha-256=:x:"))
        .get("/image", with("content-type", "image/png"))
        .get(
            "/events",
            with("content-type", "text/event-stream; charset=utf-8"),
        )
        .get("/part", part)
        .get("/svg", with("content-type", "image/svg+xml"))
        .get("/json", with("content-type", "Application/LD+JSON ; a=b"))
        .with(Compression::new());
    let client = client(router, ());
    let coding = |path| {
        let answer = client.get(path).header("Accept-Encoding", "gzip").send();
        answer.header("content-encoding").map(str::to_owned)
    };
    assert_eq!(coding("/encoded").as_deref(), Some("br"));
    for path in [
        "/fixed",
        "/digest",
        "/repr-digest",
        "/image",
        "/events",
        "/part",
    ] {
        assert_eq!(coding(path), None, "{path}");
    }
    for path in ["/svg", "/json"] {
        assert_eq!(coding(path).as_deref(), Some("gzip"), "{path}");
    }
}

#[test]
fn a_part_depends_on_the_same_fields_of_its_request_as_the_whole() {
    let part = |media_type: &'static str| {
        move |_: Request| async move {
            let answer = Response::text(text_of(3)).with_status(StatusCode::PARTIAL_CONTENT);
            answer.with_header("content-type", media_type)
        }
    };
    let router = Router::new()
        .get("/text", part("text/plain"))
        .get("/several", part("multipart/byteranges; boundary=x"))
        .get("/image", part("image/png"))
        .with(Compression::new());
    let client = client(router, ());
    let vary = |path| client.get(path).send().header("vary").map(str::to_owned);
    for path in ["/text", "/several"] {
        assert_eq!(vary(path).as_deref(), Some("accept-encoding"), "{path}");
    }
    assert_eq!(vary("/image"), None);
}

#[test]
fn a_body_of_another_length_than_it_was_said_to_have_is_cut_though_it_is_compressed() {
    let of = |announced: u64, sent: usize| {
        move |_: Request| async move {
            let body = Body::sized_writer(announced, move |mut out| async move {
                out.write(text_of(sent / 2)).await;
                // The head goes out meanwhile.
                ringgate::runtime::sleep(Duration::from_secs(1)).await;
                out.write(text_of(sent / 2)).await;
                Ok(())
            });
            Response::text("").with_body(body)
        }
    };
    let router = Router::new()
        .get("/short", of(5000, 2000))
        .get("/long", of(3000, 5000))
        .get("/right", of(5000, 5000))
        .with(Compression::new());
    let mut simulation = Simulation::new(&Config::default(), router, 3);
    for (path, is_whole) in [("/short", false), ("/long", false), ("/right", true)] {
        let client = simulation.connect();
        client.send(
            format!(
                "GET {path} HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        );
        simulation.run_until(|_| client.is_closed());
        let all = client.received();
        let text = String::from_utf8_lossy(&all);
        assert!(text.contains("content-encoding: gzip\r\n"), "{text}");
        assert_eq!(all.ends_with(b"\r\n0\r\n\r\n"), is_whole, "{path}: {text}");
    }
}

#[test]
fn a_stream_that_waits_reaches_its_client_and_trailers_follow_it() {
    struct Slow(
        Vec<Option<BodyFrame>>,
        Option<std::pin::Pin<Box<dyn Future<Output = ()>>>>,
    );
    impl futures_core::Stream for Slow {
        type Item = Result<BodyFrame, std::convert::Infallible>;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            if let Some(wait) = &mut self.1 {
                std::task::ready!(wait.as_mut().poll(cx));
                self.1 = None;
            }
            match self.0.pop() {
                None => std::task::Poll::Ready(None),
                Some(Some(frame)) => std::task::Poll::Ready(Some(Ok(frame))),
                Some(None) => {
                    self.1 = Some(Box::pin(ringgate::runtime::sleep(Duration::from_secs(60))));
                    self.poll_next(cx)
                }
            }
        }
    }
    let slow = |_: Request| async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("7"));
        let frames = vec![
            Some(BodyFrame::Trailers(Box::new(trailers))),
            Some(BodyFrame::Data("second".into())),
            None,
            Some(BodyFrame::Data("first ".into())),
        ];
        Response::text("").with_body(Body::framed_stream(Slow(frames, None)))
    };
    let router = Router::new().get("/", slow).with(Compression::new());
    let mut simulation = Simulation::new(&Config::default(), router, 3);
    let client = simulation.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: t\r\nTE: trailers\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    let body = |all: &[u8]| -> Vec<u8> {
        let at = all
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map_or(all.len(), |at| at + 4);
        let (mut rest, mut body) = (&all[at..], Vec::new());
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let size =
                usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            if size == 0 || rest.len() < end + 4 + size {
                break;
            }
            body.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 4 + size..];
        }
        body
    };
    let began = simulation.world().now();
    simulation.run_until(|_| unzipped(&body(&client.received())) == "first ");
    assert!(
        simulation.world().now() - began < Duration::from_secs(1),
        "it waits for nothing"
    );
    simulation.run_until(|_| client.is_closed());
    let all = client.received();
    assert_eq!(unzipped(&body(&all)), "first second");
    assert!(
        all.ends_with(b"0\r\nx-sum: 7\r\n\r\n"),
        "{}",
        String::from_utf8_lossy(&all)
    );
}

#[test]
fn a_core_compresses_no_more_bodies_at_a_time_than_it_may() {
    let none = client(large().with(Compression::new().bodies(0)), ());
    let answer = none.get("/5000").header("Accept-Encoding", "gzip").send();
    assert_eq!(
        (answer.header("content-encoding"), answer.bytes().len()),
        (None, 5000)
    );
    assert_eq!(answer.header("vary"), Some("accept-encoding"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
}

#[test]
fn an_answer_that_says_unchanged_varies_as_the_one_that_it_stands_for() {
    let unchanged = |_: Request| async {
        Response::new(StatusCode::NOT_MODIFIED).with_header(header::ETAG, "\"1\"")
    };
    let client = client(
        Router::new().get("/", unchanged).with(Compression::new()),
        (),
    );
    let answer = client.get("/").header("Accept-Encoding", "gzip").send();
    assert_eq!(
        (answer.status().as_u16(), answer.header("vary")),
        (304, Some("accept-encoding"))
    );
}
