//! A page as a browser shows it, for tests that need chromium. The page is asked for over the browser's own protocol
//! (DevTools) until it shows what it should: nothing tells from outside when a script has heard its WebSocket.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// How long the browser may take to start, and a page to show what it should.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(20);

/// Opens a page and waits until all of `shown` stand in it.
#[track_caller]
pub(crate) fn in_a_browser(url: &str, shown: &[&str]) {
    Browser::open(url).page().shows(shown);
}

/// Opens a page, waits until all of `shown` stand in it, and answers the faults of its looks (`looks.js`) for each
/// width of the window and each scheme of colours.
#[track_caller]
pub(crate) fn faults_of_looks(url: &str, shown: &[&str]) -> Vec<String> {
    let browser = Browser::open(url);
    let mut page = browser.page();
    page.shows(shown);
    let mut faults = Vec::new();
    for (width, scheme) in [
        (1280, "light"),
        (1280, "dark"),
        (390, "light"),
        (390, "dark"),
    ] {
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        page.ask("Emulation.setEmulatedMedia", json!({"features": feature}));
        let window =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        page.ask("Emulation.setDeviceMetricsOverride", window);
        let found = page.evaluate(include_str!("looks.js"));
        let found = found.as_array().expect("a list");
        faults.extend(
            found
                .iter()
                .map(|fault| format!("{width} {scheme}: {fault}")),
        );
    }
    faults
}

/// A browser without a window, ended with this.
struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

impl Browser {
    fn open(url: &str) -> Browser {
        static NTH: AtomicU32 = AtomicU32::new(0);
        let nth = NTH.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringgate-chromium-{}-{nth}", std::process::id());
        let profile = std::env::temp_dir().join(name);
        let mut chromium = Command::new("chromium");
        chromium.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A server of a test makes its own certificate.
            "--ignore-certificate-errors",
            "--remote-debugging-port=0",
        ]);
        chromium.arg(format!("--user-data-dir={}", profile.display()));
        chromium.stdout(Stdio::null()).stderr(Stdio::null());
        let child = chromium.arg(url).spawn().expect("chromium runs");
        Browser { child, profile }
    }

    /// A conversation with its page.
    #[track_caller]
    fn page(&self) -> Page {
        // The first line is the port, the second a path.
        let said = eventually("the port of the browser", || {
            let said = std::fs::read_to_string(self.profile.join("DevToolsActivePort")).ok()?;
            said.contains("/devtools/").then_some(said)
        });
        let mut lines = said.lines();
        let (port, path) = (lines.next().expect("a port"), lines.next().expect("a path"));
        let address = format!("127.0.0.1:{port}");
        let mut stream = TcpStream::connect(&address).expect("the browser listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        .expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "a WebSocket");
        let mut page = Page {
            socket: WebSocket::from_raw_socket(stream, Role::Client, None),
            session: None,
        };
        let target = eventually("the page", || {
            let targets = page.ask("Target.getTargets", json!({}));
            let targets = targets["targetInfos"].as_array()?.iter();
            let mut targets = targets.filter(|target| target["type"] == "page");
            Some(targets.next()?["targetId"].clone())
        });
        let attached = page.ask(
            "Target.attachToTarget",
            json!({"targetId": target, "flatten": true}),
        );
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        page
    }
}

/// A conversation with the browser, about one page from when there is one.
struct Page {
    socket: WebSocket<TcpStream>,
    session: Option<String>,
}

impl Page {
    /// The result of a command.
    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let mut ask = json!({"id": 1, "method": method, "params": params});
        if let Some(session) = &self.session {
            ask["sessionId"] = json!(session);
        }
        self.socket
            .send(Message::text(ask.to_string()))
            .expect("sent");
        loop {
            let Message::Text(text) = self.socket.read().expect("an answer of the browser") else {
                continue;
            };
            let mut said: Value = serde_json::from_str(&text).expect("JSON");
            if said["id"] == 1 {
                return said["result"].take();
            }
        }
    }

    /// Waits until all of these stand in the page.
    #[track_caller]
    fn shows(&mut self, shown: &[&str]) {
        let mut text = String::new();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            text = self.outer_html();
            if shown.iter().all(|part| text.contains(part)) {
                return;
            }
            std::thread::sleep(GLANCE);
        }
        let missing = shown.iter().find(|part| !text.contains(**part));
        panic!("no {missing:?} in {text}")
    }

    /// The value of a JavaScript expression.
    #[track_caller]
    fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let mut result = self.ask("Runtime.evaluate", params);
        result["result"]["value"].take()
    }

    /// The page as it is now.
    #[track_caller]
    fn outer_html(&mut self) -> String {
        let text = self.evaluate("document.documentElement.outerHTML");
        text.as_str().unwrap_or_default().to_owned()
    }
}

#[track_caller]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(GLANCE);
    }
}
