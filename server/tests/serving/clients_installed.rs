//! Clients that a machine may not have. Each says how to get it; run them with
//! `cargo test -- --include-ignored`.

use crate::browser::{faults_of_looks, in_a_browser};
use crate::common::{config, output, start, start_app, start_with};
use crate::frames::{handshake, text};
use ringgate::app::live_page;
use ringgate::config::{CertificateSource, Scheme};
use ringgate::handler::websocket::{Message, OnMessage, Socket};
use ringgate::{Request, Response, Router, WebSocket};
use std::process::Command;
use std::time::Duration;

#[test]
#[ignore = "needs wrk: apt-get install wrk"]
fn wrk_sees_no_error() {
    let server = start();
    let mut wrk = Command::new("wrk");
    let report = output(wrk.args(["-t1", "-c32", "-d1s", &server.url("/plaintext")]));
    assert!(report.contains("Requests/sec:"), "{report}");
    assert!(!report.contains("Socket errors"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
    assert!(server.total("requests/answered") > 0);
}

#[test]
#[ignore = "needs ab: apt-get install apache2-utils"]
fn ab_keeps_its_connections_alive() {
    let server = start();
    let mut ab = Command::new("ab");
    let arguments = ["-k", "-n", "1000", "-c", "8"];
    let report = output(ab.args(arguments).arg(server.url("/plaintext")));
    let line = |name: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {report}"))
            .trim()
            .to_owned()
    };
    assert_eq!(line("Complete requests:"), "1000");
    assert_eq!(line("Failed requests:"), "0");
    assert_eq!(line("Keep-Alive requests:"), "1000");
    assert!(server.total("connections/accepted") <= 8);
}

#[test]
#[ignore = "needs a browser: apt-get install chromium"]
fn a_browser_shows_the_live_table() {
    let server = start();
    let (address, pid) = (server.address().to_string(), std::process::id().to_string());
    in_a_browser(&server.url("/"), &[">live<", ">balanced<", &address, &pid]);
    assert!(
        server.total("requests/answered") >= 2,
        "the page and its numbers"
    );
}

#[test]
#[ignore = "needs a browser: apt-get install chromium"]
fn the_live_page_is_legible_light_and_dark_wide_and_narrow_and_no_colour_is_the_only_sign() {
    let server = start();
    let faults = faults_of_looks(&server.url("/"), &[">live<", ">balanced<", "%</span>"]);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The page has its own requests to tell of: each look at the figures is one.
#[test]
#[ignore = "needs a browser: apt-get install chromium"]
fn a_browser_shows_the_times_and_shares_of_any_server_at_any_place() {
    let router = Router::new()
        .get("/", |_: Request| async { "hello" })
        .nest("/inside/live", live_page());
    let server = start_with(config(), router, |_| ());
    for place in ["/inside/live", "/inside/live/"] {
        let page = server.get(place);
        assert!(
            !page.text().contains("Try it"),
            "these are routes of another application"
        );
        let shown = [
            ">live<",
            ">balanced<",
            "%</span>",
            "MiB</b>",
            "s</b><span>p99<",
        ];
        in_a_browser(&server.url(place), &shown);
    }
}

#[test]
#[ignore = "needs a browser: apt-get install chromium"]
fn a_browser_reads_and_writes_in_the_chat_and_takes_texts_for_nothing_else() {
    // No Ping comes between the texts, however long the browser takes.
    let mut config = config();
    config.websocket.ping = Duration::from_secs(3600);
    let server = start_app(config, true);
    let mut guest = server.connect();
    guest.send(handshake("/chat/ws"));
    assert!(guest.head().starts_with("HTTP/1.1 101 "));
    let bold = "<b id=trick>bold</b>";
    guest.send(text(bold));
    let echo = [&[0x81, bold.len() as u8], bold.as_bytes()].concat();
    assert_eq!(guest.take(echo.len()), echo);
    in_a_browser(
        &server.url("/chat#say=hello%20there"),
        &[
            ">Connected.<",
            "<b>someone</b>&lt;b id=trick&gt;bold&lt;/b&gt;<",
            "<b>guest</b>hello there<",
        ],
    );
    let said = br#"{"name":"guest","text":"hello there"}"#;
    assert_eq!(
        guest.take(2 + said.len())[2..],
        said[..],
        "what the browser said"
    );
}

/// Tells its client the version of HTTP that it was asked for in.
struct Telling(String);

impl OnMessage for Telling {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        let _ = socket.send(Message::Text(&self.0));
    }

    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        let _ = socket.send(message);
    }
}

const PAGE: &str = r#"<!doctype html><title>t</title><p id="version"></p><p id="back"></p><p id="end"></p><script>
const show = (id, text) => { document.getElementById(id).textContent = text; };
const socket = new WebSocket(`wss://${location.host}/ws`);
socket.onmessage = (first) => {
    show("version", first.data);
    socket.onmessage = (second) => { show("back", second.data); socket.close(1000); };
    socket.send("there and back");
};
socket.onclose = (end) => show("end", `${end.wasClean} ${end.code}`);
</script>"#;

#[test]
#[ignore = "needs a browser: apt-get install chromium"]
fn a_browser_opens_its_websocket_on_a_stream_of_the_connection_that_it_has() {
    let mut config = config();
    config.listen[0].scheme = Scheme::Https;
    config.tls.certificates = vec![CertificateSource::SelfSigned];
    let sockets = WebSocket::new().compressed();
    let router = Router::new()
        .get("/", |_: Request| async {
            Response::text(PAGE).with_content_type("text/html")
        })
        .get("/ws", move |request: Request| {
            let version = format!("{:?}", request.version());
            let answer = sockets.accept(&request, Telling(version));
            async { answer }
        });
    let server = start_with(config, router, |_| ());
    let url = format!("https://{}/", server.address());
    in_a_browser(&url, &[">HTTP/2.0<", ">there and back<", ">true 1000<"]);
}
