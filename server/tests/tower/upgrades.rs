//! Services that change the protocol as they do on hyper: what they take out of their request, and what becomes of the
//! bytes in both directions and of every end.

use crate::common::{Client, TestServer, config, start_with, wait_for};
use crate::support::{Answer, BoxError, service, text};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use ringgate::config::{CertificateSource, Config, Endpoint};
use ringgate::tower::{self, BodyHandle};
use ringgate::{RouteOptions, Router};
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Io = TokioIo<Upgraded>;

/// Longest time without progress that cannot be chance: a peer that reads takes microseconds.
const STALL: Duration = Duration::from_secs(1);

const ASKS: &str =
    "GET / HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: lines\r\n\r\n";

/// Answers 101, with `speak` behind it in a task of tokio's.
fn speaks<F>(
    speak: impl Fn(Io) -> F + Clone + Send + Sync + 'static,
) -> impl Fn(http::Request<BodyHandle>) -> std::future::Ready<Answer> + Clone + Send + 'static
where
    F: Future<Output = ()> + Send + 'static,
{
    move |mut request| {
        let on_upgrade = hyper::upgrade::on(&mut request);
        let speak = speak.clone();
        tokio::spawn(async move {
            if let Ok(upgraded) = on_upgrade.await {
                speak(TokioIo::new(upgraded)).await;
            }
        });
        std::future::ready(switching())
    }
}

fn switching() -> Answer {
    let mut answer = text("")?;
    *answer.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "lines"),
        ("x-kept", "1"),
    ] {
        let value = http::HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    Ok(answer)
}

fn start<F, A>(config: Config, function: F) -> TestServer
where
    F: Fn(http::Request<BodyHandle>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let handler = tower::handler(service(function));
    let router = Router::new().fallback(RouteOptions::default(), handler);
    start_with(config, router, |_| ())
}

/// A client whose protocol has been changed.
fn upgraded(server: &TestServer) -> Client {
    let mut client = server.connect();
    client.send(ASKS);
    assert_eq!(client.head()[9..12], *"101");
    client
}

async fn shout(mut io: Io) {
    let mut buffer = vec![0; 100_000];
    while let Ok(count @ 1..) = io.read(&mut buffer).await {
        buffer.make_ascii_uppercase();
        if io.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[test]
fn a_service_that_takes_the_upgrade_speaks_on_the_connection() {
    let server = start(config(), speaks(shout));
    let mut client = server.connect();
    // Bytes of the new protocol right behind the head.
    client.send(format!("{ASKS}early "));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for field in ["connection: upgrade", "upgrade: lines", "x-kept: 1"] {
        let lines = head.lines().map(str::to_ascii_lowercase);
        assert_eq!(lines.filter(|line| line == field).count(), 1, "{head}");
    }
    client.send("bytes");
    assert_eq!(client.take(11), b"EARLY BYTES");
    client.finish_sending();
    assert_eq!(client.rest(), b"");
}

#[test]
fn only_a_request_that_asks_for_a_protocol_carries_an_upgrade() {
    let server = start(config(), |request: http::Request<BodyHandle>| async move {
        let carries = request.extensions().get::<OnUpgrade>().is_some();
        text(carries.to_string())
    });
    let both = "Upgrade: lines\r\nConnection: upgrade\r\n";
    let cases = [
        ("HTTP/1.1", both, "", "true"),
        ("HTTP/1.1", "", "", "false"),
        ("HTTP/1.1", "Upgrade: lines\r\n", "", "false"),
        ("HTTP/1.1", "Connection: upgrade\r\n", "", "false"),
        ("HTTP/1.0", both, "", "false"),
        (
            "HTTP/1.1",
            "Upgrade: lines\r\nConnection: upgrade\r\nContent-Length: 1\r\n",
            "x",
            "false",
        ),
    ];
    for (version, fields, body, carries) in cases {
        let mut client = server.connect();
        client.send(format!("GET / {version}\r\nHost: t\r\n{fields}\r\n{body}"));
        assert_eq!(client.answer().text(), carries, "{version} {fields}");
    }
}

#[test]
fn a_service_that_answers_101_and_has_let_go_of_the_upgrade_is_a_500() {
    let server = start(config(), |_| async { switching() });
    let mut client = server.connect();
    client.send(ASKS);
    assert_eq!(client.answer().status, 500);
    client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(client.answer().status, 500, "without having been asked");
}

#[test]
fn an_answer_of_another_status_fails_the_upgrade_and_keeps_the_connection() {
    let (tell, told) = channel();
    let server = start(config(), move |mut request| {
        let on_upgrade = hyper::upgrade::on(&mut request);
        let tell = tell.clone();
        tokio::spawn(async move { tell.send(on_upgrade.await.is_err()) });
        async { text("no") }
    });
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(ASKS);
        assert_eq!(client.answer().text(), "no");
        assert!(told.recv().expect("it is told"));
    }
}

#[test]
fn a_service_that_reads_late_holds_its_client_back_and_loses_nothing() {
    const SENT: usize = 32 << 20;
    let (go, gone) = tokio::sync::watch::channel(false);
    let server = start(
        config(),
        speaks(move |mut io| {
            let mut gone = gone.clone();
            async move {
                let _ = gone.wait_for(|gone| *gone).await;
                let mut count = 0;
                let mut buffer = vec![0; 50_000];
                while let Ok(more @ 1..) = io.read(&mut buffer).await {
                    let in_order = |(at, byte): (usize, &u8)| *byte == (count + at) as u8;
                    assert!(buffer[..more].iter().enumerate().all(in_order));
                    count += more;
                }
                let _ = io.write_all(&count.to_be_bytes()).await;
            }
        }),
    );
    let mut client = upgraded(&server);
    let all: Vec<u8> = (0..SENT).map(|at| at as u8).collect();
    let mut stream = client.stream().try_clone().expect("cloned");
    let short = Some(Duration::from_millis(300));
    stream.set_write_timeout(short).expect("a timeout");
    let mut sent = 0;
    let stopped = loop {
        match stream.write(&all[sent..]) {
            Ok(count) => sent += count,
            Err(error) => break error.kind(),
        }
        assert!(sent < SENT, "all was taken in while nobody reads");
    };
    assert_eq!(stopped, ErrorKind::WouldBlock);
    go.send(true).expect("heard");
    stream.set_write_timeout(None).expect("no timeout");
    stream.write_all(&all[sent..]).expect("taken");
    client.finish_sending();
    assert_eq!(client.take(8), SENT.to_be_bytes());
}

#[test]
fn a_client_that_takes_nothing_is_a_write_that_waits() {
    const SENT: usize = 32 << 20;
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let server = start(
        config(),
        speaks(move |mut io| {
            let count = count.clone();
            async move {
                let piece: Vec<u8> = (0..1 << 16).map(|at| at as u8).collect();
                while count.load(SeqCst) < SENT && io.write_all(&piece).await.is_ok() {
                    count.fetch_add(piece.len(), SeqCst);
                }
            }
        }),
    );
    let mut client = upgraded(&server);
    let mut before = usize::MAX;
    wait_for("the writes to wait", || {
        std::thread::sleep(STALL);
        let now = written.load(SeqCst);
        now > 0 && std::mem::replace(&mut before, now) == now
    });
    assert!(before < SENT, "all was written while nobody reads");
    // What was written before the end of the service arrives.
    let all = client.rest();
    assert_eq!(all.len(), SENT);
    assert!(all.iter().enumerate().all(|(at, byte)| *byte == at as u8));
}

#[test]
fn the_end_of_the_clients_side_ends_the_reads_and_not_the_writes() {
    let server = start(
        config(),
        speaks(|mut io| async move {
            let mut all = Vec::new();
            io.read_to_end(&mut all).await.expect("an end");
            all.reverse();
            io.write_all(&all).await.expect("taken");
            // Ends the connection behind what was written.
            io.shutdown().await.expect("shut");
            assert_eq!(io.read(&mut [0; 8]).await.expect("an end"), 0);
            std::future::pending::<()>().await;
        }),
    );
    let mut client = upgraded(&server);
    client.send("abc");
    client.finish_sending();
    assert_eq!(client.rest(), b"cba");
}

/// The errors of a read and of a write.
type End = (Option<ErrorKind>, Option<ErrorKind>);

const GONE: End = (
    Some(ErrorKind::ConnectionAborted),
    Some(ErrorKind::BrokenPipe),
);

/// Starts a server whose services tell how their connections end.
fn start_telling(config: Config) -> (TestServer, Receiver<End>) {
    let (tell, told) = channel();
    let speak = move |mut io: Io| {
        let tell = tell.clone();
        async move {
            let read = io.read(&mut [0; 8]).await.err();
            let written = io.write_all(b"x").await.err();
            let kind = |error: Option<std::io::Error>| error.map(|error| error.kind());
            let _ = tell.send((kind(read), kind(written)));
        }
    };
    (start(config, speaks(speak)), told)
}

#[test]
fn a_client_that_is_gone_fails_reads_and_writes() {
    let (server, told) = start_telling(config());
    let client = upgraded(&server);
    client.reset_when_dropped();
    drop(client);
    assert_eq!(told.recv().expect("it ends"), GONE);
}

#[test]
fn a_silent_connection_is_cut_at_the_tunnel_timeout() {
    let mut config = config();
    config.websocket.tunnel_timeout = Duration::from_millis(100);
    let (server, told) = start_telling(config);
    let mut client = upgraded(&server);
    assert_eq!(client.rest(), b"");
    assert_eq!(told.recv().expect("it ends"), GONE);
}

#[test]
fn an_upgrade_beyond_max_websockets_is_refused_and_the_service_hears_of_it() {
    let mut config = config();
    config.websocket.max = NonZeroU32::new(1);
    let (server, told) = start_telling(config);
    let first = upgraded(&server);
    let mut second = server.connect();
    second.send(ASKS);
    let answer = second.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-ringgate-reason"), Some("websockets"));
    assert_eq!(told.recv().expect("the second ends"), GONE);
    first.reset_when_dropped();
    drop(first);
    assert_eq!(told.recv().expect("the first ends"), GONE);
}

#[test]
fn a_drain_leaves_it_speaking_and_cuts_it_at_the_graceful_timeout() {
    let mut config = config();
    config.drain.graceful_timeout = Duration::from_millis(300);
    let (server, told) = start_telling(config);
    let mut client = upgraded(&server);
    server.running().handle().drain();
    assert_eq!(server.join().cut, 1);
    assert_eq!(told.recv().expect("it ends"), GONE);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_service_may_speak_on_its_core_without_tokio() -> Result<(), BoxError> {
    use hyper::rt::{Read, ReadBuf, Write as _};
    use std::future::poll_fn;
    use std::pin::Pin;
    let server = start(config(), |mut request| {
        let on_upgrade = hyper::upgrade::on(&mut request);
        ringgate::runtime::current().start(async move {
            let mut upgraded = on_upgrade.await.expect("upgraded");
            let mut bytes = [0; 3];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = poll_fn(|cx| Pin::new(&mut upgraded).poll_read(cx, buffer.unfilled()));
            read.await.expect("bytes");
            let written = poll_fn(|cx| Pin::new(&mut upgraded).poll_write(cx, buffer.filled()));
            assert_eq!(written.await.expect("room"), 3);
        });
        std::future::ready(switching())
    });
    let mut client = upgraded(&server);
    client.send("abc");
    let mut stream = client.stream();
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed)?;
    assert_eq!(echoed, b"abc");
    Ok(())
}

/// A certificate for 127.0.0.1, and a client that trusts it alone.
fn certificate() -> (String, rustls::ClientConfig) {
    let names = ["127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    (pem, client)
}

#[test]
fn a_service_speaks_over_tls_as_it_does_without() {
    let (pem, trusting) = certificate();
    let path = std::env::temp_dir().join(format!("ringgate-upgrades-{}.pem", std::process::id()));
    std::fs::write(&path, pem).expect("written");
    let mut config = config();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    config.listen = vec![Endpoint::https(any_port)];
    config.tls.certificates = vec![CertificateSource::Path(path.clone())];
    let server = start(config, speaks(shout));
    std::fs::remove_file(path).expect("it was read");
    let name = "127.0.0.1".try_into().expect("a name");
    let connection = rustls::ClientConnection::new(Arc::new(trusting), name).expect("a client");
    let stream = server.connect().stream().try_clone().expect("cloned");
    let mut client = rustls::StreamOwned::new(connection, stream);
    client.write_all(ASKS.as_bytes()).expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let said: Vec<u8> = (0..1 << 20).map(|at: u32| b'a' + (at % 23) as u8).collect();
    let mut heard = vec![0; 1 << 15];
    for piece in said.chunks(1 << 15) {
        client.write_all(piece).expect("sent");
        client.read_exact(&mut heard).expect("an echo");
        assert!(heard == piece.to_ascii_uppercase());
    }
    client.conn.send_close_notify();
    client.flush().expect("sent");
    assert_eq!(client.read(&mut heard).expect("a close_notify"), 0);
}
