//! Load over TLS: every request is accounted for as without, and handshakes, key updates and ends
//! without close_notify are counted beside them.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use common::{HELLO, answering};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ringgate_bench::load::{Method, Mode, Options, Report, Suite, Verify, run};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// A server with a certificate for `localhost`, and that certificate as PEM.
struct TlsServer {
    address: SocketAddr,
    certificate: String,
}

/// Serves each connection with `serve`, one thread a connection; ends with the test process.
fn tls_server(serve: impl Fn(&mut Stream) + Send + Sync + 'static) -> TlsServer {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a key that fits");
    let (config, serve) = (Arc::new(config), Arc::new(serve));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, serve) = (config.clone(), serve.clone());
            let stream = stream.expect("accept");
            std::thread::spawn(move || {
                let connection = ServerConnection::new(config).expect("a good configuration");
                serve(&mut StreamOwned::new(connection, stream));
            });
        }
    });
    TlsServer {
        address,
        certificate: cert.pem(),
    }
}

/// Reads one request with its body; `None` at the end of the stream or after an error.
fn request(stream: &mut Stream, unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(head) = unread.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&unread[..head]).to_lowercase();
            let length = text.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            let end = head + 4 + length.unwrap_or(0);
            if unread.len() >= end {
                let rest = unread.split_off(end);
                return Some(std::mem::replace(unread, rest).split_off(head + 4));
            }
        }
        let mut piece = [0; 16 * 1024];
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(n) => unread.extend_from_slice(&piece[..n]),
        }
    }
}

/// Answers every request with `answer`, and ends in order when the client does.
fn greets(stream: &mut Stream) {
    let mut unread = Vec::new();
    while request(stream, &mut unread).is_some() {
        let _ = stream.write_all(HELLO);
    }
    say_goodbye(stream);
}

/// Answers one request and closes in order.
fn greets_once(stream: &mut Stream) {
    if request(stream, &mut Vec::new()).is_some() {
        let _ = stream.write_all(HELLO);
        say_goodbye(stream);
    }
}

fn say_goodbye(stream: &mut Stream) {
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// Runs `requests` requests and checks the sum of the buckets.
fn load(address: SocketAddr, requests: u64, change: impl FnOnce(&mut Options)) -> Report {
    let target = format!("https://{address}/").parse().expect("loopback");
    common::load(address, requests, |options| {
        options.target = target;
        change(options);
    })
}

#[test]
fn kept_connections_make_one_handshake_each_and_answer_all_requests() {
    let report = load(tls_server(greets).address, 500, |o| {
        (o.connections, o.threads, o.verify) = (4, 2, Verify::Plaintext);
    });
    assert_eq!(
        (report.ok, report.connects, report.reconnects),
        (500, 4, 0),
        "{report}"
    );
    let tls = report.tls.expect("the target speaks TLS");
    assert_eq!((tls.handshakes_full, tls.handshakes_resumed), (4, 0));
    let agreed: Vec<_> = tls.agreed.into_iter().collect();
    let expected = "TLSv1_3 TLS13_AES_128_GCM_SHA256 X25519";
    assert_eq!(agreed, [(expected.to_owned(), 4)]);
    assert_eq!((tls.without_close_notify, tls.first_error), (0, None));
}

#[test]
fn every_suite_and_both_versions_are_spoken() {
    let address = tls_server(greets).address;
    for suite in [
        Suite::Tls13Aes256,
        Suite::Tls13Chacha20,
        Suite::Tls12Aes128,
        Suite::Tls12Aes256,
        Suite::Tls12Chacha20,
    ] {
        let report = load(address, 20, |o| o.tls.suites = vec![suite]);
        assert_eq!(report.ok, 20, "{suite:?}: {report}");
    }
}

#[test]
fn a_full_handshake_is_made_for_each_request_when_asked_for() {
    let report = load(tls_server(greets_once).address, 40, |o| {
        (o.connections, o.tls.full_handshakes) = (4, true);
    });
    assert_eq!(
        (report.ok, report.connects, report.mode),
        (40, 40, Mode::Close),
        "{report}"
    );
    let tls = report.tls.expect("the target speaks TLS");
    assert_eq!((tls.handshakes_full, tls.handshakes_resumed), (40, 0));
}

#[test]
fn sessions_are_resumed_when_asked_for() {
    for suite in [Suite::Tls13Aes128, Suite::Tls12Aes128] {
        let report = load(tls_server(greets_once).address, 40, |o| {
            (o.tls.resume, o.tls.suites) = (true, vec![suite]);
        });
        assert_eq!((report.ok, report.connects), (40, 40), "{report}");
        let tls = report.tls.expect("the target speaks TLS");
        assert_eq!(
            (tls.handshakes_full, tls.handshakes_resumed),
            (1, 39),
            "{suite:?}"
        );
    }
}

#[test]
fn many_connections_at_a_time_find_a_session_each() {
    let report = load(tls_server(greets_once).address, 400, |o| {
        (o.tls.resume, o.connections) = (true, 32);
    });
    assert_eq!((report.ok, report.connects), (400, 400), "{report}");
    let tls = report.tls.expect("the target speaks TLS");
    assert!(tls.handshakes_full <= 32, "{} full", tls.handshakes_full);
}

#[test]
fn keys_are_replaced_in_the_middle_of_the_traffic() {
    let report = load(tls_server(greets).address, 400, |o| {
        (o.connections, o.tls.key_updates) = (4, Some(3));
    });
    assert_eq!((report.ok, report.reconnects), (400, 0), "{report}");
    let updates = report.tls.expect("the target speaks TLS").key_updates;
    assert!((80..200).contains(&updates), "{updates} of 400");
}

#[test]
fn every_byte_of_an_echo_in_many_records_is_compared() {
    let echo = tls_server(|stream| {
        let mut unread = Vec::new();
        while let Some(body) = request(stream, &mut unread) {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    let report = load(echo.address, 8, |o| {
        (o.method, o.body, o.verify, o.connections) = (Method::Post, 1 << 20, Verify::Echo, 2);
    });
    assert_eq!(report.ok, 8, "{report}");
}

/// A file with `text`, removed when it is dropped.
struct TextFile(PathBuf);

impl TextFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringgate-tls-{name}-{}", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }
}

impl Drop for TextFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_certificate_is_checked_when_a_ca_is_given() {
    let server = tls_server(greets);
    let own = TextFile::new("own", &server.certificate);
    let report = load(server.address, 5, |o| o.tls.ca = Some(own.0.clone()));
    assert_eq!(report.ok, 5, "{report}");
    let report = load(server.address, 5, |o| {
        (o.tls.ca, o.tls.name) = (Some(own.0.clone()), "other.test".to_owned());
    });
    assert_eq!(report.tls_failed, 5, "{report}");
    let other = TextFile::new("other", &tls_server(greets).certificate);
    let report = load(server.address, 5, |o| o.tls.ca = Some(other.0.clone()));
    assert_eq!(report.tls_failed, 5, "{report}");
    let tls = report.tls.expect("the target speaks TLS");
    assert_eq!(tls.handshakes_full, 0, "none was completed");
    assert!(
        tls.first_error
            .expect("a reason")
            .contains("invalid peer certificate")
    );
}

#[test]
fn a_ca_file_that_cannot_be_read_is_a_usage_error_that_names_it() {
    let mut options = Options::to("https://127.0.0.1:1/".parse().unwrap());
    options.tls.ca = Some("/nonexistent/ca.pem".into());
    let error = run(&options).unwrap_err().to_string();
    assert!(error.contains("--ca /nonexistent/ca.pem"), "{error}");
}

#[test]
fn a_server_that_speaks_no_tls_fails_every_request() {
    let silent_about_it = common::server(|mut client| {
        client.say(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        while client.request().is_some() {}
    });
    let report = load(silent_about_it, 5, |_| {});
    assert_eq!((report.tls_failed, report.connects), (5, 5), "{report}");
    assert!(report.tls.is_some_and(|tls| tls.first_error.is_some()));
    assert!(common::load(answering(HELLO), 5, |_| {}).tls.is_none());
}

#[test]
fn an_answer_that_stops_in_the_middle_is_cut_and_a_missing_close_notify_is_counted() {
    let cuts = tls_server(|stream| {
        if request(stream, &mut Vec::new()).is_some() {
            let _ = stream.write_all(&HELLO[..HELLO.len() - 1]);
        }
    });
    let report = load(cuts.address, 5, |_| {});
    assert_eq!(report.cut, 5, "{report}");
    let tls = report.tls.expect("the target speaks TLS");
    assert_eq!(tls.without_close_notify, 5);
}

#[test]
fn a_body_that_lasts_until_the_end_is_whole_only_with_close_notify() {
    let until_the_end = |is_notified: bool| {
        let server = tls_server(move |stream| {
            if request(stream, &mut Vec::new()).is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nHello, World!");
                if is_notified {
                    say_goodbye(stream);
                }
            }
        });
        load(server.address, 3, |o| o.verify = Verify::Plaintext)
    };
    let (whole, cut) = (until_the_end(true), until_the_end(false));
    assert_eq!((whole.ok, cut.cut), (3, 3), "{whole}\n{cut}");
}

#[test]
fn an_answer_nobody_asked_for_is_doubled_over_tls_as_well() {
    let doubles = tls_server(|stream| {
        let mut unread = Vec::new();
        while request(stream, &mut unread).is_some() {
            let _ = stream.write_all(&[HELLO, HELLO].concat());
        }
    });
    let report = load(doubles.address, 5, |_| {});
    assert_eq!((report.doubled, report.ok), (5, 0), "{report}");
}

#[test]
fn a_pipelined_batch_is_one_record_and_gets_one_answer_each() {
    let report = load(tls_server(greets).address, 160, |o| {
        (o.pipeline, o.verify) = (16, Verify::Plaintext);
    });
    assert_eq!((report.ok, report.connects), (160, 1), "{report}");
}
