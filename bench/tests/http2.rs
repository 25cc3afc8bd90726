//! Load over HTTP/2: every stream is accounted for, whatever the server does with it.

mod common;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use common::http2::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, Peer, RST_STREAM, SETTINGS,
    block, frame,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ringgate::http::{Request, Response};
use ringgate_bench::load::{Expected, Http2Report, Method, Mode, Options, Report, Verify};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const REFUSED_STREAM: u32 = 0x7;
const INTERNAL_ERROR: u32 = 0x2;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;
const HEADER_TABLE_SIZE: u16 = 0x1;

/// Serves the `nth` connection with `serve`, after the settings.
fn server_with(
    settings: &'static [(u16, u32)],
    serve: impl Fn(&mut Peer<TcpStream>, usize) + Send + Sync + 'static,
) -> SocketAddr {
    common::server(move |client| {
        let nth = client.nth;
        if let Some(mut peer) = Peer::greet(client.stream, settings) {
            serve(&mut peer, nth);
        }
    })
}

fn server(serve: impl Fn(&mut Peer<TcpStream>, usize) + Send + Sync + 'static) -> SocketAddr {
    server_with(&[], serve)
}

/// Answers all requests of a connection.
fn greets<S: std::io::Read + Write>(peer: &mut Peer<S>) {
    while let Some(stream) = peer.request() {
        peer.hello(stream);
    }
}

/// Ends the connection in order: bytes that were not read would turn the end into a reset (tcp(7)).
fn end(peer: &mut Peer<TcpStream>) {
    let _ = peer.stream.shutdown(Shutdown::Write);
    while peer.frame().is_some() {}
}

fn load(address: SocketAddr, requests: u64, change: impl FnOnce(&mut Options)) -> Report {
    common::load(address, requests, |options| {
        (options.http2.wanted, options.verify) = (true, Verify::Plaintext);
        change(options);
    })
}

fn http2(report: &Report) -> &Http2Report {
    report.http2.as_ref().expect("HTTP/2 was spoken")
}

#[test]
fn good_answers_are_ok_on_few_connections() {
    let report = load(server(|peer, _| greets(peer)), 1000, |o| {
        (o.connections, o.threads, o.http2.streams) = (4, 2, 8);
    });
    let counts = (report.ok, report.connects, report.reconnects);
    assert_eq!(counts, (1000, 4, 0), "{report}");
    assert_eq!((report.idle_closed, report.unclosed), (0, 0), "{report}");
    assert_eq!(http2(&report).first_error, None);
}

#[test]
fn a_stream_that_is_refused_is_asked_for_again_and_counted() {
    let address = server(|peer, _| {
        let refused = peer.request().expect("a first one");
        peer.reset(refused, REFUSED_STREAM);
        greets(peer);
    });
    let report = load(address, 50, |o| o.http2.streams = 4);
    assert_eq!((report.ok, report.connects), (50, 1), "{report}");
    assert_eq!(http2(&report).refused_streams, 1);
}

#[test]
fn a_stream_that_is_reset_has_a_bucket_and_the_name_of_its_code() {
    let address = server(|peer, _| {
        let broken = peer.request().expect("a first one");
        peer.reset(broken, INTERNAL_ERROR);
        greets(peer);
    });
    let report = load(address, 50, |o| o.http2.streams = 4);
    assert_eq!((report.ok, report.stream_reset), (49, 1), "{report}");
    assert_eq!(http2(&report).resets["INTERNAL_ERROR"], 1);
}

#[test]
fn what_was_asked_behind_the_last_stream_of_a_goaway_is_asked_again_on_another_connection() {
    let address = server(|peer, nth| {
        if nth > 0 {
            return greets(peer);
        }
        let streams: Vec<_> = (0..4).filter_map(|_| peer.request()).collect();
        peer.go_away(streams[1], 0);
        peer.hello(streams[0]);
        peer.hello(streams[1]);
        while peer.frame().is_some() {}
    });
    let report = load(address, 50, |o| o.http2.streams = 4);
    let counts = (report.ok, report.connects, report.reconnects);
    assert_eq!(counts, (50, 2, 1), "{report}");
    assert_eq!(http2(&report).unprocessed, 2);
    assert_eq!(http2(&report).goaways["NO_ERROR"], 1);
}

#[test]
fn an_announced_end_after_which_all_is_answered_is_no_loss_but_a_reconnect() {
    // Twice, as RFC 9113 section 6.8 has it: first with the greatest stream there is.
    let address = server(|peer, nth| {
        let first = peer.request().expect("a request");
        if nth == 0 {
            peer.go_away(0x7FFF_FFFF, 0);
            peer.go_away(first, 0);
        }
        peer.hello(first);
        match nth {
            0 => end(peer),
            _ => greets(peer),
        }
    });
    let report = load(address, 20, |_| {});
    let counts = (report.ok, report.connects, report.reconnects);
    assert_eq!(counts, (20, 2, 1), "{report}");
    assert_eq!((report.idle_closed, report.unclosed), (0, 0), "{report}");
    assert_eq!(http2(&report).goaways["NO_ERROR"], 2);
}

#[test]
fn an_end_that_nobody_announced_cuts_what_was_asked() {
    let address = server(|peer, _| {
        peer.request();
        end(peer);
    });
    let report = load(address, 5, |_| {});
    assert_eq!((report.cut, report.connects), (5, 5), "{report}");
}

#[test]
fn answers_that_came_before_the_connection_broke_count() {
    let address = server(|peer, _| {
        let stream = peer.request().expect("a request");
        peer.hello(stream);
        let stream = peer.request().expect("another");
        let _ = stream;
        let socket = peer.stream.try_clone().expect("a descriptor");
        common::reset(&socket);
    });
    let report = load(address, 6, |_| {});
    assert_eq!((report.ok, report.reset), (3, 3), "{report}");
}

#[test]
fn a_frame_on_a_stream_that_was_answered_is_doubled() {
    let address = server(|peer, _| {
        while let Some(stream) = peer.request() {
            peer.hello(stream);
            peer.say(DATA, END_STREAM, stream, b"Hello, World!");
        }
    });
    let report = load(address, 5, |_| {});
    assert_eq!((report.ok, report.doubled), (0, 5), "{report}");
}

#[test]
fn a_server_of_http1_is_wrong_and_the_reason_is_said() {
    let address = common::server(|mut client| {
        client.say(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        client.request();
    });
    let report = load(address, 3, |_| {});
    assert_eq!(report.wrong, 3, "{report}");
    let error = http2(&report).first_error.clone().expect("a reason");
    assert!(error.contains("HTTP/1"), "{error}");
}

#[test]
fn malformed_answers_are_wrong() {
    for fields in [
        &[("x-a", "no status")][..],
        &[(":status", "200"), ("content-length", "14")],
        &[(":status", "200"), ("connection", "close")],
        &[(":status", "200"), ("X-Capital", "letter")],
    ] {
        let address = server(move |peer, _| {
            while let Some(stream) = peer.request() {
                peer.answer(stream, fields, b"Hello, World!");
            }
        });
        let report = load(address, 3, |o| o.http2.streams = 3);
        assert_eq!(report.wrong, 3, "{fields:?}: {report}");
    }
}

#[test]
fn a_body_is_wrong_that_is_not_the_one_expected() {
    let greeting = Expected::Whole((*b"Hello, World!").into());
    let other = Expected::Whole((*b"Hello, world!").into());
    let shorter = Expected::Whole((*b"Hello").into());
    let longer = Expected::Whole((*b"Hello, World! And all others.").into());
    for (expected, is_right) in [
        (Expected::Any, true),
        (Expected::Length(13), true),
        (greeting, true),
        (Expected::Length(12), false),
        (Expected::Length(14), false),
        (other, false),
        (shorter, false),
        (longer, false),
    ] {
        let report = load(server(|peer, _| greets(peer)), 3, |options| {
            (options.verify, options.expected) = (Verify::None, expected.clone());
        });
        let (right, wrong) = if is_right { (3, 0) } else { (0, 3) };
        assert_eq!(
            (report.ok, report.wrong),
            (right, wrong),
            "{expected:?}: {report}"
        );
    }
}

#[test]
fn another_status_is_counted_by_its_code_and_the_connection_goes_on() {
    let address = server(|peer, _| {
        while let Some(stream) = peer.request() {
            match stream % 4 {
                1 => peer.hello(stream),
                _ => peer.answer(stream, &[(":status", "503")], b""),
            }
        }
    });
    let report = load(address, 50, |o| o.http2.streams = 4);
    assert_eq!((report.ok, report.connects), (25, 1), "{report}");
    assert_eq!(report.status[&503], 25);
}

#[test]
fn one_stream_that_is_never_answered_times_out_alone_and_its_connection_is_replaced() {
    let address = server(|peer, nth| {
        let mut left = nth == 0;
        while let Some(stream) = peer.request() {
            match std::mem::take(&mut left) {
                true => {}
                false => peer.hello(stream),
            }
        }
    });
    // The run is longer than the wait, which is longer than a busy machine takes for the others.
    let report = load(address, 400, |o| {
        (o.http2.streams, o.timeout) = (4, Duration::from_secs(1));
        o.rate = std::num::NonZeroU64::new(250);
    });
    assert_eq!((report.ok, report.timeout), (399, 1), "{report}");
    assert_eq!((report.connects, report.reconnects), (2, 1), "{report}");
}

#[test]
fn no_more_streams_are_opened_than_the_server_allows() {
    let address = server_with(&[(MAX_CONCURRENT_STREAMS, 2)], |peer, _| {
        // What was asked before the settings were read is answered first.
        while let Some(frame) = peer.frame() {
            match frame.kind {
                HEADERS => peer.hello(frame.stream),
                SETTINGS if frame.flags == ACK => break,
                _ => {}
            }
        }
        while let (Some(one), Some(two)) = (peer.request(), peer.request()) {
            peer.say(PING, 0, 0, &[7; 8]);
            let next = peer.frame().expect("the connection goes on");
            assert_eq!((next.kind, next.flags), (PING, ACK), "a third stream");
            peer.hello(one);
            peer.hello(two);
        }
    });
    let report = load(address, 100, |o| o.http2.streams = 8);
    assert_eq!((report.ok, report.connects), (100, 1), "{report}");
}

#[test]
fn a_server_without_a_table_understands_every_request() {
    let address = server_with(&[(HEADER_TABLE_SIZE, 0)], |peer, _| {
        let mut is_first = true;
        while let Some(frame) = peer.frame() {
            if frame.kind != HEADERS {
                continue;
            }
            // Nothing may be named by a place in a table that there is not: places begin at 62.
            let places = frame.payload.iter().any(|byte| *byte >= 0x80 | 62);
            assert!(is_first || !places, "{:x?}", frame.payload);
            is_first = false;
            peer.hello(frame.stream);
        }
    });
    let report = load(address, 20, |_| {});
    assert_eq!((report.ok, report.connects), (20, 1), "{report}");
}

#[test]
fn an_answer_in_any_pieces_is_put_together() {
    let address = server(|peer, _| {
        while let Some(stream) = peer.request() {
            let interim = block(&[(":status", "103")]);
            let head = block(&[(":status", "200"), ("x-tracked", "yes")]);
            let mut bytes = frame(HEADERS, END_HEADERS, stream, &interim);
            bytes.extend(frame(HEADERS, 0, stream, &head[..3]));
            bytes.extend(frame(CONTINUATION, 0, stream, &head[3..9]));
            bytes.extend(frame(CONTINUATION, END_HEADERS, stream, &head[9..]));
            // PADDED: four bytes of it.
            let padded = [&[4][..], b"Hello, ", &[0; 4]].concat();
            bytes.extend(frame(DATA, 0x8, stream, &padded));
            bytes.extend(frame(DATA, 0, stream, b"World!"));
            bytes.extend(frame(DATA, 0, stream, b""));
            let trailers = block(&[("x-trailer", "a")]);
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &trailers));
            for piece in bytes.chunks(5) {
                let _ = peer.stream.write_all(piece);
            }
        }
    });
    let report = load(address, 20, |o| {
        (o.http2.streams, o.track_header) = (3, Some("X-Tracked".to_owned()));
    });
    assert_eq!((report.ok, report.connects), (20, 1), "{report}");
    assert_eq!(report.tracked_header.expect("tracked").values["yes"], 20);
}

#[test]
fn close_mode_uses_one_connection_for_each_request() {
    let report = load(server(|peer, _| greets(peer)), 40, |o| {
        (o.mode, o.connections, o.http2.streams) = (Mode::Close, 4, 4);
    });
    let counts = (report.ok, report.connects, report.reconnects);
    assert_eq!(counts, (40, 40, 0), "{report}");
}

#[test]
fn an_answer_before_the_end_of_the_body_stops_it() {
    // The server takes no more of the body than a window, and nothing of what follows.
    let address = server(|peer, _| {
        while let Some(stream) = peer.request() {
            peer.answer(stream, &[(":status", "413")], b"");
            let reset = peer.until(RST_STREAM).expect("the rest is given up");
            assert_eq!(reset.stream, stream);
        }
    });
    let report = load(address, 5, |o| {
        (o.method, o.body, o.verify) = (Method::Post, 200_000, Verify::None);
    });
    assert_eq!((report.status[&413], report.connects), (5, 1), "{report}");
}

/// A server of the `h2` crate that sends every body back, with these windows.
fn echo_of_h2(window: u32, frame_size: u32) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        runtime.expect("a runtime").block_on(async {
            listener.set_nonblocking(true).expect("a descriptor");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("TCP_NODELAY");
                tokio::spawn(async move {
                    let mut builder = h2::server::Builder::new();
                    builder
                        .initial_window_size(window)
                        .max_frame_size(frame_size);
                    let mut connection = builder.handshake(stream).await.expect("a handshake");
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(echo(request, respond));
                    }
                });
            }
        });
    });
    address
}

async fn echo(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<std::io::Cursor<Vec<u8>>>,
) {
    let mut body = request.into_body();
    let mut all = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
        all.extend_from_slice(&piece);
    }
    let sent = respond.send_response(Response::new(()), false);
    let _ = sent.map(|mut answer| answer.send_data(std::io::Cursor::new(all), true));
}

#[test]
fn bodies_of_any_size_go_to_a_server_of_others_and_come_back() {
    for (size, window, frame_size) in [
        (0, 65_535, 16_384),
        (1, 65_535, 16_384),
        (300, 100, 16_384),
        (1 << 20, 65_535, 16_384),
        (1 << 20, 1 << 20, 1 << 20),
    ] {
        let report = load(echo_of_h2(window, frame_size), 24, |o| {
            (o.method, o.body, o.verify) = (Method::Post, size, Verify::Echo);
            (o.connections, o.http2.streams, o.http2.window) = (2, 4, 65_535);
        });
        assert_eq!(
            (report.ok, report.connects),
            (24, 2),
            "{size} bytes: {report}"
        );
    }
}

/// A server over TLS that offers `protocols`.
fn tls_server(protocols: &[&[u8]]) -> SocketAddr {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a key that fits");
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let config = Arc::new(config);
    common::server(move |client| {
        let connection = ServerConnection::new(config.clone()).expect("a good configuration");
        let stream = StreamOwned::new(connection, client.stream);
        if let Some(mut peer) = Peer::greet(stream, &[]) {
            greets(&mut peer);
            peer.stream.conn.send_close_notify();
            let _ = peer.stream.flush();
        }
    })
}

fn load_over_tls(address: SocketAddr, requests: u64) -> Report {
    load(address, requests, |options| {
        options.target = format!("https://{address}/").parse().expect("loopback");
        (options.connections, options.http2.streams) = (2, 4);
        options.tls.key_updates = Some(3);
    })
}

#[test]
fn over_tls_the_server_has_to_choose_the_protocol() {
    let report = load_over_tls(tls_server(&[b"http/1.1", b"h2"]), 100);
    assert_eq!((report.ok, report.connects), (100, 2), "{report}");
    let tls = report.tls.expect("the target speaks TLS");
    assert_eq!((tls.handshakes_full, tls.without_close_notify), (2, 0));
    assert!(tls.key_updates > 0);
    let report = load_over_tls(tls_server(&[]), 6);
    assert_eq!(report.tls_failed, 6, "{report}");
    let error = report
        .tls
        .and_then(|tls| tls.first_error)
        .expect("a reason");
    assert!(error.contains("h2"), "{error}");
}
