//! The rules that HttpArena checks an entry by, against the program: requests cut at every byte, operands that nobody
//! knows before, bodies in chunks, delays that overlap, compression, TLS, HTTP/2, WebSocket, and as many cores as
//! the mask of CPUs has.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ringgate_bench::load;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// The static files; those beside `page.css` stand for its compressed forms.
const FILES: [(&str, &str); 4] = [
    ("app.js", "let answer = 42;\n"),
    ("page.css", "plain"),
    ("page.css.br", "brotli"),
    ("page.css.gz", "gzipped"),
];

/// The program, its files, and where it listens.
struct Entry {
    child: Child,
    folder: PathBuf,
    plain: SocketAddr,
    tls: SocketAddr,
    /// The log line with the number of cores.
    cores: String,
}

impl Entry {
    fn start() -> Entry {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringgate-httparena-{}-{nth}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("static")).unwrap();
        fs::write(
            folder.join("data.json"),
            ringgate_bench::contest::data_set(),
        )
        .unwrap();
        for (name, content) in FILES {
            fs::write(folder.join("static").join(name), content).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_ringgate-httparena"))
            .args(["--listen", "127.0.0.1:0", "--listen", "https://127.0.0.1:0"])
            .args(["--certificate", "self", "--control", "none", "--data"])
            .arg(folder.join("data.json"))
            .arg("--static")
            .arg(folder.join("static"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut line_with = |text: &str| {
            let found = lines
                .by_ref()
                .map(Result::unwrap)
                .find(|line| line.contains(text));
            found.unwrap_or_else(|| panic!("it never said `{text}`"))
        };
        let address = |line: String, scheme: &str| {
            let rest = line.split(scheme).nth(1).unwrap();
            let word = rest.split([' ', '/']).next().unwrap();
            word.parse().unwrap()
        };
        let plain = address(line_with("listening on http://"), "http://");
        let tls = address(line_with("listening on https://"), "https://");
        let cores = line_with("core");
        // What it says later goes on being read, so that it never waits for this test.
        std::thread::spawn(move || lines.for_each(drop));
        Entry {
            child,
            folder,
            plain,
            tls,
            cores,
        }
    }

    /// Sends the pieces on a connection of its own and returns the whole answer.
    fn ask(&self, request: &str) -> String {
        let mut stream = connect(self.plain);
        stream.write_all(request.as_bytes()).unwrap();
        text_of(stream)
    }

    fn get(&self, target: &str) -> String {
        self.ask(&format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Everything up to the end of the stream.
fn text_of(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn body(answer: &str) -> &str {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or(("", answer));
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    body
}

/// Numbers that differ from run to run of the test, and are printed by an assertion that fails.
fn unknown(n: usize) -> Vec<i64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut state = now.unwrap().as_nanos() as u64 | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as i64 - (1 << 23)
    };
    (0..n).map(|_| next()).collect()
}

/// Each with the body of its answer.
fn shapes() -> Vec<(String, &'static str)> {
    let close = "Host: localhost\r\nConnection: close\r\n";
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\n{close}{fields}\r\n");
    let post = |fields: &str, body: &str| {
        format!(
            "POST /baseline11?a=13&b=42 HTTP/1.1\r\n{close}Content-Type: text/plain\r\n{fields}\r\n{body}"
        )
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        (get("/baseline11?a=13&b=42", ""), "55"),
        (
            get(
                "/baseline11?b=-42&a=13",
                "User-Agent: rules/1.0\r\nAccept: */*\r\n",
            ),
            "-29",
        ),
        (
            "GET /baseline11?a=1&b=2 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
                .to_owned(),
            "3",
        ),
        (
            "GET /pipeline HTTP/1.1\r\nHOST: localhost\r\nCoNNecTion: cLoSe\r\n\r\n".to_owned(),
            "ok",
        ),
        (post("Content-Length: 2\r\n", "20"), "75"),
        (post("cOnTeNt-LeNgTh: 3\r\n", "-20"), "35"),
        (post(chunked, "2\r\n20\r\n0\r\n\r\n"), "75"),
        (post(chunked, "1\r\n2\r\n1\r\n0\r\n0\r\n\r\n"), "75"),
        (
            post(chunked, "2;note=\"x\"\r\n20\r\n0\r\nA-Trailer: 1\r\n\r\n"),
            "75",
        ),
    ]
}

#[test]
fn nine_shapes_are_answered_wherever_their_bytes_are_cut() {
    let entry = Entry::start();
    let mut cuts = 0;
    for (request, expected) in shapes() {
        let bytes = request.as_bytes();
        // All first parts are on their way before any second one.
        let waiting: Vec<_> = (1..bytes.len())
            .map(|at| {
                let mut stream = connect(entry.plain);
                stream.write_all(&bytes[..at]).unwrap();
                (at, stream)
            })
            .collect();
        cuts += waiting.len();
        for (at, mut stream) in waiting {
            stream.write_all(&bytes[at..]).unwrap();
            let answer = text_of(stream);
            assert_eq!(body(&answer), expected, "cut at {at}: {request:?}");
        }
    }
    assert!(cuts > 1_000, "only {cuts} cuts");
}

#[test]
fn sums_are_those_of_operands_that_nobody_knew_before() {
    let entry = Entry::start();
    for three in unknown(300).chunks(3) {
        let [a, b, number] = three else {
            unreachable!()
        };
        let target = format!("/baseline11?a={a}&b={b}");
        assert_eq!(body(&entry.get(&target)), (a + b).to_string(), "{target}");
        let number = number.to_string();
        let sum = a + b + number.parse::<i64>().unwrap();
        let answer = entry.ask(&format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{number}",
            number.len()
        ));
        assert_eq!(body(&answer), sum.to_string(), "{target} and {number}");
        assert!(answer.contains("Content-Type: text/plain"), "{answer}");
    }
    for wrong in ["/baseline11?a=1", "/baseline11?a=1&b=x", "/baseline11"] {
        assert!(entry.get(wrong).starts_with("HTTP/1.1 400 "), "{wrong}");
    }
}

#[test]
fn json_has_the_items_that_were_asked_for_with_their_totals() {
    let entry = Entry::start();
    for (count, factor) in [(1, 1), (12, 3), (22, 7), (50, 5), (99, 2)] {
        let answer = entry.get(&format!("/json/{count}?m={factor}"));
        assert!(
            answer.contains("Content-Type: application/json"),
            "{answer}"
        );
        assert!(
            !answer.to_lowercase().contains("content-encoding"),
            "{answer}"
        );
        let json: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        let items = json["items"].as_array().unwrap();
        assert_eq!(
            (items.len(), &json["count"]),
            (count.min(50), &count.min(50).into())
        );
        for item in items {
            let product = item["price"].as_i64().unwrap() * item["quantity"].as_i64().unwrap();
            assert_eq!(item["total"], product * factor, "{item}");
            assert!(
                item["rating"]["score"].is_i64() && item["tags"].is_array(),
                "{item}"
            );
        }
    }
}

#[test]
fn json_is_compressed_for_those_alone_who_accept_it() {
    let entry = Entry::start();
    let mut stream = connect(entry.plain);
    let request = "GET /json/50?m=3 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..head]).to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let plain = body(&entry.get("/json/50?m=3")).len();
    assert!(
        answer.len() * 2 < plain,
        "{} of {plain} bytes",
        answer.len()
    );
}

#[test]
fn delays_overlap() {
    let entry = Entry::start();
    let began = Instant::now();
    let waiting: Vec<_> = (0..32)
        .map(|nth| {
            let ms = 200 + nth;
            let mut stream = connect(entry.plain);
            let head = "HTTP/1.1\r\nHost: localhost\r\nConnection: close";
            write!(stream, "GET /delay/{ms} {head}\r\n\r\n").unwrap();
            (ms, stream)
        })
        .collect();
    for (ms, stream) in waiting {
        assert_eq!(body(&text_of(stream)), ms.to_string());
    }
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(231),
        "the longest was waited for: {took:?}"
    );
    assert!(
        took < Duration::from_secs(6),
        "one after the other is 6.9 s: {took:?}"
    );
}

#[test]
fn bodies_of_any_size_come_back_in_whatever_pieces_they_came() {
    let entry = Entry::start();
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    for size in [0, 1, 10_240, 65_537, 102_400] {
        let sent: String = (0..size)
            .map(|n| char::from(b'a' + (n % 26) as u8))
            .collect();
        let whole = entry.ask(&format!("{head}Content-Length: {size}\r\n\r\n{sent}"));
        assert!(body(&whole) == sent, "{size} bytes with a length");
        let mut chunks = String::new();
        for part in sent.as_bytes().chunks(4_000) {
            let part = std::str::from_utf8(part).unwrap();
            chunks += &format!("{:x}\r\n{part}\r\n", part.len());
        }
        let chunked = entry.ask(&format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
        ));
        assert!(body(&chunked) == sent, "{size} bytes in chunks");
    }
}

#[test]
fn calls_of_grpc_are_answered_with_the_sum_and_their_outcome() {
    let entry = Entry::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let calls = async {
        let stream = tokio::net::TcpStream::connect(entry.plain).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        for two in unknown(100).chunks(2) {
            let (a, b) = (two[0] as i32, two[1] as i32);
            let message = [field(1, a), field(2, b)].concat();
            let (reply, status) = call(&client, prefixed(&message)).await;
            assert_eq!(reply, prefixed(&field(1, a.wrapping_add(b))), "{a} and {b}");
            assert_eq!(status, "0");
        }
        // As it stands in the files of the contest.
        let (reply, status) = call(&client, vec![0, 0, 0, 0, 4, 8, 1, 16, 2]).await;
        assert_eq!((&*reply, &*status), (&[0, 0, 0, 0, 2, 8, 3][..], "0"));
        let (reply, status) = call(&client, b"no message".to_vec()).await;
        assert_eq!((&*reply, &*status), (&[][..], "3"));
    };
    let within = async { tokio::time::timeout(PATIENCE, calls).await.unwrap() };
    runtime.unwrap().block_on(within);
}

/// Calls GetSum with a body that comes in two frames; returns what came and the status.
async fn call(client: &h2::client::SendRequest<Bytes>, body: Vec<u8>) -> (Vec<u8>, String) {
    let request = http::Request::post("http://localhost/benchmark.BenchmarkService/GetSum")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut client = client.clone().ready().await.unwrap();
    let (answer, mut sender) = client.send_request(request, false).unwrap();
    let body = Bytes::from(body);
    sender
        .send_data(body.slice(..body.len() / 2), false)
        .unwrap();
    sender
        .send_data(body.slice(body.len() / 2..), true)
        .unwrap();
    let (head, mut answer) = answer.await.unwrap().into_parts();
    assert_eq!(head.status, 200);
    assert_eq!(head.headers["content-type"], "application/grpc");
    let mut came = Vec::new();
    while let Some(data) = answer.data().await {
        came.extend(data.unwrap());
    }
    let trailers = answer.trailers().await.unwrap();
    let status = trailers.as_ref().unwrap_or(&head.headers)["grpc-status"].clone();
    (came, status.to_str().unwrap().to_owned())
}

/// A message of gRPC, behind the five bytes that say that it is not compressed and how long it is.
fn prefixed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// A field of protobuf with a number in it.
fn field(number: u8, value: i32) -> Vec<u8> {
    let mut bytes = vec![number << 3];
    let mut rest = i64::from(value) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

#[test]
fn files_that_are_there_compressed_are_sent_so_to_those_who_accept_it() {
    let entry = Entry::start();
    let get = |accepts: &str| {
        entry.ask(&format!(
            "GET /static/page.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{accepts}\r\n"
        ))
    };
    let plain = get("");
    assert!(plain.contains("Content-Type: text/css"), "{plain}");
    assert_eq!(body(&plain), "plain");
    // What the contest's load says.
    let both = get("Accept-Encoding: br;q=1, gzip;q=0.8\r\n");
    assert!(both.contains("content-encoding: br"), "{both}");
    assert_eq!(body(&both), "brotli");
    let gzip = get("Accept-Encoding: gzip\r\n");
    assert!(gzip.contains("content-encoding: gzip"), "{gzip}");
    assert_eq!(body(&gzip), "gzipped");
    let nothing = entry.get("/static/nonexistent.txt");
    assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
}

#[test]
fn files_are_those_of_the_folder_and_follow_it() {
    let entry = Entry::start();
    let answer = entry.get("/static/app.js");
    assert_eq!(body(&answer), "let answer = 42;\n");
    assert!(answer.contains("javascript"), "{answer}");
    fs::write(
        entry.folder.join("static/app.js"),
        "let answer = 43; // changed\n",
    )
    .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while body(&entry.get("/static/app.js")) != "let answer = 43; // changed\n" {
        assert!(Instant::now() < deadline, "the old file is still sent");
    }
}

fn requests(url: String, change: impl FnOnce(&mut load::Options)) -> load::Report {
    let mut options = load::Options::to(url.parse().unwrap());
    (options.requests, options.connections) = (Some(2_000), 8);
    change(&mut options);
    load::run(&options).unwrap()
}

#[test]
fn echoes_tls_and_both_versions_of_http_are_answered_to_the_last_request() {
    let entry = Entry::start();
    let Entry { plain, tls, .. } = &entry;
    let echo = |options: &mut load::Options| {
        (options.method, options.body, options.verify) =
            (load::Method::Post, 10_240, load::Verify::Echo);
    };
    let http2 = |options: &mut load::Options| {
        (options.http2.wanted, options.http2.streams) = (true, 32);
    };
    for report in [
        requests(format!("http://{plain}/baseline11?a=1&b=2"), |_| {}),
        requests(format!("http://{plain}/pipeline"), |options| {
            options.pipeline = 16
        }),
        requests(format!("http://{plain}/baseline2?a=1&b=1"), http2),
        requests(format!("http://{plain}/json/25?m=4"), http2),
        requests(format!("https://{tls}/baseline2?a=1&b=1"), http2),
        requests(format!("https://{tls}/json/7?m=2"), |_| {}),
        requests(format!("https://{tls}/echo"), echo),
    ] {
        assert_eq!((report.issued, report.ok), (2_000, 2_000), "{report}");
    }
}

#[test]
fn messages_come_back_on_a_websocket() {
    let entry = Entry::start();
    let mut options = load::Options::to(format!("ws://{}/ws", entry.plain).parse().unwrap());
    (options.requests, options.connections, options.pipeline) = (Some(3_200), 8, 16);
    let report = load::websocket::run(&options).unwrap();
    assert_eq!(
        (report.received, report.lost, report.wrong),
        (3_200, 0, 0),
        "{report}"
    );
}

#[test]
fn there_are_as_many_cores_as_the_mask_of_cpus_has() {
    let all = core_affinity::get_core_ids().unwrap();
    // A thread of its own: a program inherits the mask of the thread that starts it.
    let of_one = std::thread::spawn(move || {
        assert!(core_affinity::set_for_current(all[0]));
        let entry = Entry::start();
        (entry.cores.clone(), threads(entry.child.id()))
    });
    let (said, threads) = of_one.join().unwrap();
    assert!(said.contains("1 core"), "{said}");
    assert_eq!(threads, 1, "{said}");
}

/// Threads that are cores.
fn threads(pid: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    names.filter(|name| name.starts_with("rg-core-")).count()
}

/// The profiles of the contest that Ringgate can serve.
const PROFILES: [&str; 19] = [
    "baseline",
    "pipelined",
    "limited-conn",
    "latency-1m",
    "latency-10k",
    "async",
    "json-comp",
    "json-tls",
    "static-tls",
    "8gbit",
    "baseline-h2",
    "static-h2",
    "baseline-h2c",
    "json-h2c",
    "unary-grpc",
    "unary-grpc-tls",
    "echo-ws",
    "echo-ws-pipeline",
    "echo-ws-limited",
];

#[test]
fn the_entry_names_profiles_that_there_are() {
    let meta = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/meta.json")).unwrap();
    let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
    for key in [
        "display_name",
        "language",
        "engine",
        "type",
        "description",
        "repo",
    ] {
        assert!(
            meta[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}"
        );
    }
    for name in meta["tests"].as_array().unwrap() {
        assert!(PROFILES.contains(&name.as_str().unwrap()), "{name}");
    }
    let dockerfile =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Dockerfile")).unwrap();
    for line in dockerfile.lines().filter(|line| line.starts_with("FROM ")) {
        let image = line.split(' ').nth(1).unwrap();
        let is_pinned = image.contains(':') && !image.ends_with(":latest");
        assert!(is_pinned, "{line}");
    }
}
