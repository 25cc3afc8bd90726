//! Proxies in front of the server over real sockets: whom it takes for the client of a request, and what a header
//! of the PROXY protocol needs to be believed.

use crate::access_log::Log;
use crate::common::{Client, TestServer, block_on, config, curl, start_app, start_with, wait_for};
use ringgate::config::{
    AccessTarget, CertificateSource, Config, Endpoint, Forwarded, ListenAddr, ProxyProtocol,
};
use ringgate::observe::metrics::CoreSample;
use ringgate::{Request, Response, Router};
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LINE: &str = "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";

fn behind(trusted: &[&str]) -> Config {
    let mut config = config();
    let trusted = trusted.iter().map(|text| text.parse().expect("a proxy"));
    config.proxies.trusted = trusted.collect();
    config
}

fn proxied(trusted: &[&str]) -> Config {
    let mut config = behind(trusted);
    config.proxies.protocol = ProxyProtocol::On;
    config
}

fn peer(fields: &str) -> String {
    format!("GET /peer HTTP/1.1\r\nHost: t\r\n{fields}\r\n")
}

/// Whom the server takes for the client of such a request.
#[track_caller]
fn client_of(client: &mut Client, fields: &str) -> String {
    client.send(peer(fields));
    let answer = client.answer();
    let line = answer.text().lines().next().expect("three lines");
    line.strip_prefix("client ").expect("a word").to_owned()
}

fn failed(server: &TestServer, reason: &str) -> u64 {
    let figures = block_on(server.running().handle().metrics()).expect("it runs");
    let counts = figures.cores.iter();
    counts.map(|core| core.proxy_headers_failed[reason]).sum()
}

#[test]
fn only_the_fields_of_a_trusted_proxy_name_the_client() {
    let xff = "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n";
    for (trusted, believed) in [
        (&["127.0.0.0/8"][..], true),
        (&["::1", "127.0.0.1"], true),
        (&["::ffff:127.0.0.1"], true),
        (&["10.0.0.0/8", "unix"], false),
        (&[], false),
    ] {
        let server = start_app(behind(trusted), true);
        let mut client = server.connect();
        let own = client
            .stream()
            .local_addr()
            .expect("an address")
            .to_string();
        let expected = if believed { "203.0.113.7:0" } else { &own };
        assert_eq!(client_of(&mut client, xff), expected, "{trusted:?}");
        assert_eq!(
            client_of(&mut client, "Forwarded: for=203.0.113.7\r\n"),
            own
        );
        assert_eq!(client_of(&mut client, ""), own);
    }
}

#[test]
fn the_field_that_is_believed_can_change_under_a_running_server() {
    let mut config = behind(&["127.0.0.1"]);
    config.proxies.forwarded = Forwarded::Forwarded;
    let server = start_app(config, true);
    let mut client = server.connect();
    let fields = "Forwarded: for=\"[2001:db8::7]:80\"\r\nX-Forwarded-For: 203.0.113.7\r\n";
    assert_eq!(client_of(&mut client, fields), "[2001:db8::7]:80");
}

#[test]
fn a_proxy_at_a_unix_socket_names_clients_that_have_addresses() {
    let path = std::env::temp_dir().join(format!("ringgate-proxies-{}.sock", std::process::id()));
    let _ = fs::remove_file(&path);
    let mut config = behind(&["unix"]);
    config.listen.push(ListenAddr::unix(&path).into());
    config.proxies.protocol = ProxyProtocol::At(vec![ListenAddr::unix(&path)]);
    let server = start_app(config, true);
    let mut stream = UnixStream::connect(&path).expect("it listens");
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a time-out");
    let request = peer("Connection: close\r\n");
    stream
        .write_all(format!("{LINE}{request}").as_bytes())
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let expected = "client 203.0.113.7:4711\npeer -\nlocal 198.51.100.1:443\n";
    assert!(answer.ends_with(expected), "{answer}");
    // The other listener has no header, and its peers are not trusted.
    let mut plain = server.connect();
    let own = plain.stream().local_addr().expect("an address").to_string();
    assert_eq!(
        client_of(&mut plain, "X-Forwarded-For: 203.0.113.7\r\n"),
        own
    );
    drop(stream);
}

#[test]
fn each_address_that_a_proxy_names_has_its_own_share_of_the_gate() {
    let mut config = behind(&["127.0.0.1"]);
    config.queue.per_address = NonZeroU32::new(1);
    let server = start_app(config, true);
    let sleep = |address: &str| {
        let mut client = server.connect();
        let head = format!(
            "GET /sleep?ms=60000 HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: {address}\r\n\r\n"
        );
        let before = server.total("requests/running");
        client.send(head);
        wait_for("it runs", || server.total("requests/running") > before);
        client
    };
    let running = [sleep("203.0.113.1"), sleep("203.0.113.2")];
    let ask = |address: &str| {
        let mut client = server.connect();
        client.send(peer(&format!("X-Forwarded-For: {address}\r\n")));
        let answer = client.answer();
        (
            answer.status,
            answer.header("x-ringgate-reason").map(str::to_owned),
        )
    };
    assert_eq!(ask("203.0.113.2"), (503, Some("per-address".into())));
    assert_eq!(ask("203.0.113.3"), (200, None));
    for client in running {
        client.reset_when_dropped();
    }
}

/// Requests by where the addresses of their clients are from, and fields that were not taken by the reason.
fn clients(server: &TestServer) -> ([u64; 3], [u64; 2]) {
    let figures = block_on(server.running().handle().metrics()).expect("it runs");
    let sum = |of: &dyn Fn(&CoreSample) -> u64| figures.cores.iter().map(of).sum();
    (
        ["socket", "proxy-header", "field"].map(|source| sum(&|core| core.clients[source])),
        ["untrusted", "no-address"].map(|reason| sum(&|core| core.forwarded_refused[reason])),
    )
}

#[test]
fn each_request_counts_once_by_where_its_client_is_from_and_a_field_that_is_not_taken_by_the_reason()
 {
    // Limit, log and handler all ask for the client.
    let log = Log::new();
    let busy = |mut config: Config| {
        config.queue.per_address = NonZeroU32::new(1000);
        config.access_log.target = AccessTarget::File(log.0.clone());
        start_app(config, true)
    };
    let server = busy(behind(&["127.0.0.1"]));
    let mut client = server.connect();
    client_of(&mut client, "X-Forwarded-For: 203.0.113.7\r\n");
    client_of(&mut client, "X-Forwarded-For: 203.0.113.8\r\n");
    client_of(&mut client, "Forwarded: for=203.0.113.7\r\n");
    client_of(&mut client, "X-Forwarded-For: 203.0.113.7, unknown\r\n");
    assert_eq!(clients(&server), ([2, 0, 2], [0, 1]));
    let server = busy(behind(&["10.0.0.8"]));
    let mut client = server.connect();
    client_of(&mut client, "X-Forwarded-For: 203.0.113.7\r\n");
    client_of(&mut client, "");
    assert_eq!(clients(&server), ([2, 0, 0], [1, 0]));
    let server = busy(proxied(&["127.0.0.1"]));
    let mut client = server.connect();
    client.send(LINE);
    client_of(&mut client, "");
    client_of(&mut client, "X-Forwarded-For: 6.6.6.6\r\n");
    assert_eq!(clients(&server), ([0, 2, 0], [1, 0]));
    // Nobody asks.
    client.send("GET /plaintext HTTP/1.1\r\nHost: t\r\n\r\n");
    client.answer();
    assert_eq!(clients(&server).0[1], 3, "but the log");
    let server = start_app(behind(&["127.0.0.1"]), true);
    let mut client = server.connect();
    client.send("GET /plaintext HTTP/1.1\r\nHost: t\r\n\r\n");
    client.answer();
    assert_eq!(clients(&server), ([0; 3], [0; 2]));
}

#[test]
fn a_header_names_the_client_for_all_requests_of_its_connection() {
    let server = start_app(proxied(&["127.0.0.1"]), true);
    let mut client = server.connect();
    client.send(LINE);
    for _ in 0..2 {
        assert_eq!(
            client_of(&mut client, "X-Forwarded-For: 6.6.6.6\r\n"),
            "203.0.113.7:4711"
        );
    }
}

#[test]
fn who_may_not_name_clients_or_does_not_is_closed_and_counted_by_its_reason() {
    let mut config = proxied(&["10.0.0.0/8"]);
    let server = start_app(config.clone(), true);
    let mut client = server.connect();
    client.send(LINE);
    client.expect_closed();
    assert_eq!(failed(&server, "untrusted"), 1);
    drop(server);
    config.proxies.trusted = vec!["127.0.0.1".parse().expect("an address")];
    // Longer than a busy machine takes to send what is there.
    config.proxies.header_timeout = Duration::from_secs(2);
    let server = start_app(config, true);
    for (sent, reason) in [
        ("GET / HTTP/1.1\r\nHost: t\r\n\r\n", "missing"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 80\r\n", "malformed"),
        (&"PROXY UNKNOWN ".repeat(9), "too-long"),
        ("PROXY TCP4 ", "timed-out"),
    ] {
        let mut client = server.connect();
        client.send(sent);
        client.expect_closed();
        assert_eq!(failed(&server, reason), 1, "{reason}");
    }
}

#[test]
fn curl_comes_with_a_header_in_front_of_http_2_and_of_tls() {
    let mut config = proxied(&["127.0.0.1", "203.0.113.0/24"]);
    let address: SocketAddr = ([127, 0, 0, 1], 0).into();
    config.listen = vec![Endpoint::https(address)];
    config.tls.certificates = vec![CertificateSource::SelfSigned];
    let secure = start_app(config.clone(), true);
    config.tls.certificates.clear();
    config.listen = vec![address.into()];
    let plain = start_app(config, true);
    for (url, protocol) in [
        (format!("https://{}/peer", secure.address()), "--http1.1"),
        (format!("https://{}/peer", secure.address()), "--http2"),
        (format!("http://{}/peer", plain.address()), "--http1.1"),
        (
            format!("http://{}/peer", plain.address()),
            "--http2-prior-knowledge",
        ),
    ] {
        // It announces the addresses of its own socket.
        let answer = curl(&["-k", "--haproxy-protocol", protocol, &url]);
        let lines: Vec<&str> = answer.lines().collect();
        let client = lines[0].strip_prefix("client ").expect("a word");
        assert_eq!(
            lines[1].strip_prefix("peer "),
            Some(client),
            "{url} {protocol}"
        );
        assert!(client.starts_with("127.0.0.1:"), "{client}");
    }
}

/// The id in an answer, and what its handler said of it.
#[track_caller]
fn id_of(client: &mut Client, path: &str, fields: &str) -> (String, String) {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n{fields}\r\n"));
    let answer = client.answer();
    let id = answer.header("x-request-id").expect("an id");
    (id.to_owned(), answer.text().to_owned())
}

#[test]
fn a_request_has_the_id_that_a_trusted_proxy_gave_it_or_one_of_its_own() {
    let mut config = behind(&["127.0.0.1"]);
    config.proxies.request_id = Some("X-Request-Id".into());
    let router = || {
        Router::new()
            .get("/", async |request: Request| {
                request.id().unwrap_or("none").to_owned()
            })
            .get("/http", async |request: Request| {
                let request = request.into_http().expect("a target");
                format!(
                    "{:?}",
                    request.headers().get("x-request-id").expect("an id")
                )
            })
            .get("/own", async |_: Request| {
                Response::text("").with_header("x-request-id", "the-handler's")
            })
    };
    let server = start_with(config.clone(), router(), |_| ());
    let mut client = server.connect();
    let given = "x-request-id: Root=1-67891233-abc\r\n";
    let expected = (
        "Root=1-67891233-abc".to_owned(),
        "Root=1-67891233-abc".to_owned(),
    );
    assert_eq!(id_of(&mut client, "/", given), expected);
    assert_eq!(
        id_of(&mut client, "/http", given).1,
        "\"Root=1-67891233-abc\""
    );
    assert_eq!(id_of(&mut client, "/own", given).0, "the-handler's");
    assert_eq!(id_of(&mut client, "/nowhere", given).0, expected.0);
    let long = format!("X-Request-Id: {}\r\n", "x".repeat(129));
    let twice = given.repeat(2);
    let mut made = Vec::new();
    for fields in [
        "",
        "X-Request-Id: a b\r\n",
        "X-Request-Id: \"\r\n",
        &long,
        &twice,
    ] {
        let (id, told) = id_of(&mut client, "/", fields);
        assert_eq!(id, told);
        made.push(id);
    }
    // Requests that nobody understands have one as well.
    client.send("GET / HTTP/1.1\r\nHost: t\r\nno field\r\n\r\n");
    made.push(
        client
            .answer()
            .header("x-request-id")
            .expect("an id")
            .to_owned(),
    );
    config.proxies.trusted.clear();
    let strangers = start_with(config, router(), |_| ());
    made.push(id_of(&mut strangers.connect(), "/", given).0);
    for id in &made {
        let is_digit = |byte: u8| byte.is_ascii_hexdigit();
        assert!(id.len() == 32 && id.bytes().all(is_digit), "{id}");
        assert_eq!(
            made.iter().filter(|other| *other == id).count(),
            1,
            "{made:?}"
        );
    }
}

/// A HAProxy with this configuration; ended when dropped.
struct Haproxy {
    child: Child,
    directory: PathBuf,
}

impl Haproxy {
    /// `text` with IN in the place of the path of the socket to ask at.
    fn start(name: &str, text: &str) -> Haproxy {
        let directory =
            std::env::temp_dir().join(format!("ringgate-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).expect("a directory for the test");
        let socket = directory.join("in.sock");
        let file = directory.join("haproxy.cfg");
        let times = "    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n";
        let text = text.replace("IN", &format!("unix@{}", socket.display()));
        fs::write(&file, format!("defaults\n{times}{text}")).expect("written");
        let child = Command::new("haproxy")
            .args(["-db", "-q", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .expect("haproxy is installed");
        wait_for("haproxy listens", || socket.exists());
        Haproxy { child, directory }
    }

    /// The answer to a client whom another proxy, in front of this one, has announced.
    fn ask(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.directory.join("in.sock")).expect("it listens");
        let sent = format!("{LINE}{request}");
        stream.write_all(sent.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
#[ignore = "needs haproxy: apt-get install haproxy"]
fn haproxy_is_believed_in_both_versions_and_its_checks_are_no_faults() {
    let server = start_app(proxied(&["127.0.0.1"]), true);
    for (name, options) in [
        ("v1", "send-proxy"),
        ("v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
        ("ssl", "send-proxy-v2-ssl-cn"),
    ] {
        let text = format!(
            "frontend in\n    mode tcp\n    bind IN accept-proxy\n    unique-id-format of-%pid\n    \
             default_backend app\nbackend app\n    mode tcp\n    \
             server one {} {options} check inter 20\n",
            server.address()
        );
        let haproxy = Haproxy::start(name, &text);
        let answer = haproxy.ask(&peer("Connection: close\r\n"));
        assert!(
            answer.contains("client 203.0.113.7:4711\n"),
            "{options}: {answer}"
        );
        assert!(
            answer.contains("local 198.51.100.1:443\n"),
            "{options}: {answer}"
        );
        let accepted = server.total("connections/accepted");
        wait_for("checks", || {
            server.total("connections/accepted") > accepted + 3
        });
    }
    for reason in [
        "missing",
        "malformed",
        "too-long",
        "checksum",
        "untrusted",
        "timed-out",
    ] {
        assert_eq!(failed(&server, reason), 0, "{reason}");
    }
}

#[test]
#[ignore = "needs haproxy: apt-get install haproxy"]
fn haproxy_names_its_client_in_the_field_that_the_server_reads() {
    let server = start_app(behind(&["127.0.0.1"]), true);
    let text = format!(
        "frontend in\n    mode http\n    bind IN accept-proxy\n    option forwardfor\n    \
         default_backend app\nbackend app\n    mode http\n    server one {}\n",
        server.address()
    );
    let haproxy = Haproxy::start("forwardfor", &text);
    let answer = haproxy.ask(&peer("X-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n"));
    assert!(answer.contains("client 203.0.113.7:0\n"), "{answer}");
}
