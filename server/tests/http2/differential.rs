//! Sessions that talk to another implementation: the client of the `h2` crate, over a pipe in memory. Requests
//! with fields, bodies and trailers that are made up are echoed; either side must see what the other meant,
//! whatever the settings are and wherever the bytes are cut.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use proptest::prelude::*;
use ringgate::http1::date::Date;
use ringgate::http1::head::Head;
use ringgate::http1::response::Fields;
use ringgate::http2::life::Phase;
use ringgate::http2::{Answer, Arrival, Desk, Limits, Payload, Room, Session, StreamId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A request as it was received.
#[derive(Default)]
struct Got {
    fields: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
    at_once: bool,
}

/// What the server is configured to, and how its socket cuts what it sends.
#[derive(Clone, Copy, Debug)]
struct Server {
    limits: Limits,
    cut: usize,
}

/// Echoes until the client has left.
async fn serve(mut io: DuplexStream, server: Server) -> u32 {
    let limits = server.limits;
    let mut session = Session::new(&limits, 0);
    let (mut room, mut head) = (Room::default(), Head::blank());
    let mut requests: BTreeMap<StreamId, Got> = BTreeMap::new();
    let (mut unread, mut out, mut served) = (Vec::new(), Vec::new(), 0);
    loop {
        let mut used = 0;
        while used < unread.len() {
            let mut desk = Desk {
                limits: &limits,
                seconds: 0,
                room: &mut room,
                out: &mut out,
            };
            let received = session.receive(&unread[used..], &mut head, &mut desk);
            let received = received.unwrap_or_else(|fault| panic!("{fault}"));
            used += received.used;
            let (stream, trailers, end) = match received.arrival {
                Arrival::Needs(_) => break,
                Arrival::Nothing => continue,
                Arrival::Head {
                    stream, bytes, end, ..
                } => {
                    let parts = head.to_http_parts(&bytes).expect("http parts");
                    let got = requests.entry(stream).or_default();
                    got.at_once = parts.uri.path() == "/once";
                    let echoed = parts
                        .headers
                        .iter()
                        .filter(|(name, _)| name.as_str().starts_with("x-"));
                    got.fields = echoed
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect();
                    (stream, None, end)
                }
                Arrival::Data { stream, bytes, end } => {
                    requests
                        .get_mut(&stream)
                        .expect("a request")
                        .body
                        .extend(bytes);
                    session.took(stream, bytes.len() as u32, 0, &mut out);
                    (stream, None, end)
                }
                Arrival::Trailers { stream, fields } => (stream, Some(*fields), true),
                other => panic!("{other:?}"),
            };
            if end {
                let got = requests.remove(&stream).expect("a request");
                echo(&mut session, stream, got, trailers, &mut out);
                served += 1;
            }
        }
        unread.drain(..used);
        session.poll_output(&limits, 0, &mut out);
        if !out.is_empty() {
            for part in out.chunks(server.cut) {
                if io.write_all(part).await.is_err() {
                    return served;
                }
            }
            out.clear();
            session.flushed();
            continue;
        }
        if session.phase() == Phase::Over {
            return served;
        }
        match io.read_buf(&mut unread).await {
            Ok(0) | Err(_) => return served,
            Ok(_) => {}
        }
    }
}

fn echo(
    session: &mut Session,
    stream: StreamId,
    got: Got,
    trailers: Option<HeaderMap>,
    out: &mut Vec<u8>,
) {
    let answer = Answer {
        status: StatusCode::OK,
        date: &Date::new(784_111_777),
        content_type: Some("application/octet-stream"),
        fields: Fields::List(&got.fields),
        length: Some(got.body.len() as u64),
    };
    if got.at_once && trailers.is_none() {
        let payload = Payload::Slice(&got.body);
        return session
            .answer(stream, &answer, payload, 0, out)
            .expect("a stream");
    }
    session
        .answer(stream, &answer, Payload::Later, 0, out)
        .expect("a stream");
    for part in got.body.chunks(5000) {
        session
            .body(stream, Bytes::copy_from_slice(part), 0)
            .expect("a stream");
    }
    session.finish(stream, trailers, 0).expect("a stream");
}

/// A request that is made up.
#[derive(Clone, Debug)]
struct Asked {
    once: bool,
    fields: Vec<(String, String)>,
    body: usize,
    trailers: Vec<(String, String)>,
}

fn map(fields: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    map
}

async fn ask(client: h2::client::SendRequest<Bytes>, asked: Asked) -> Result<(), h2::Error> {
    let path = if asked.once { "/once" } else { "/" };
    let mut request = Request::post(format!("http://example.org{path}"));
    *request.headers_mut().expect("a request") = map(&asked.fields);
    let request = request.body(()).expect("a request");
    let is_alone = asked.body == 0 && asked.trailers.is_empty();
    let mut client = client.ready().await?;
    let (answer, mut stream) = client.send_request(request, is_alone)?;
    let body: Vec<u8> = (0..asked.body).map(|at| (at * 31 % 251) as u8).collect();
    let sent = async {
        let mut rest = Bytes::from(body.clone());
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            let room = room.expect("a stream that is open")?;
            let part = rest.split_to(room.min(rest.len()));
            stream.send_data(part, rest.is_empty() && asked.trailers.is_empty())?;
        }
        if !asked.trailers.is_empty() {
            stream.send_trailers(map(&asked.trailers))?;
        }
        Ok::<_, h2::Error>(())
    };
    let (sent, answer) = tokio::join!(sent, answer);
    sent?;
    let (parts, mut payload) = answer?.into_parts();
    assert_eq!(parts.status, 200);
    assert_eq!(parts.headers["date"], "Sun, 06 Nov 1994 08:49:37 GMT");
    for (name, value) in &map(&asked.fields) {
        let found = parts.headers.get_all(name);
        assert!(
            found.iter().any(|have| have == value),
            "{name:?}: {value:?}"
        );
    }
    let mut echoed = Vec::new();
    while let Some(part) = payload.data().await {
        let part = part?;
        payload.flow_control().release_capacity(part.len())?;
        echoed.extend(part);
    }
    assert!(
        echoed == body,
        "{} bytes came back of {}",
        echoed.len(),
        body.len()
    );
    let trailers = payload.trailers().await?.unwrap_or_default();
    assert_eq!(trailers, map(&asked.trailers));
    Ok(())
}

fn fields(most: usize) -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![Just("x-same".to_owned()), "x-[a-z0-9]{1,12}"];
    let value = prop_oneof![
        Just("again and again".to_owned()),
        "[!-~]{0,80}",
        "[a-z]{1,8} [a-z]{1,8}"
    ];
    prop::collection::vec((name, value), 0..most)
}

fn asked() -> impl Strategy<Value = Asked> {
    let body = prop_oneof![Just(0usize), 1..100usize, 1..200_000usize];
    (any::<bool>(), fields(6), body, fields(3)).prop_map(|(once, fields, body, trailers)| Asked {
        once,
        fields,
        body,
        trailers,
    })
}

proptest! {
    // Answers that do not come take each smaller case to its deadline.
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_time: 120_000, ..ProptestConfig::default() })]

    #[test]
    fn the_client_of_another_implementation_understands_and_is_understood(
        requests in prop::collection::vec(asked(), 1..20),
        (table, window, frame) in (0u32..10_000, 1u32..200_000, 16_384u32..100_000),
        (own_window, own_table, output) in (100u32..200_000, 0u32..9000, 1000u32..100_000),
        (cut, pipe) in (1usize..5000, 1usize..100_000),
    ) {
        let limits = Limits {
            stream_window: own_window,
            connection_window: own_window,
            header_table_size: own_table,
            output_size: output,
            // The client sends what a small window lets it.
            small_data: u16::MAX,
            ..Limits::default()
        };
        let count = requests.len() as u32;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let served = runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(pipe);
            let server = tokio::spawn(serve(ours, Server { limits, cut }));
            let mut builder = h2::client::Builder::new();
            builder.header_table_size(table).initial_window_size(window).max_frame_size(frame);
            let (client, connection) = builder.handshake(theirs).await.expect("a handshake");
            let connection = tokio::spawn(connection);
            let asked = requests.into_iter().map(|asked| tokio::spawn(ask(client.clone(), asked)));
            let asked: Vec<_> = asked.collect();
            let all = async {
                for asked in asked {
                    asked.await.expect("no panic").expect("an answer");
                }
            };
            tokio::time::timeout(Duration::from_secs(60), all).await.expect("answers in time");
            drop(client);
            connection.await.expect("no panic").expect("a connection without a fault");
            server.await.expect("no panic")
        });
        prop_assert_eq!(served, count);
    }
}
