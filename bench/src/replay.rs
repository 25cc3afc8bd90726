//! Requests played through the production code over a simulated ring, for counting instructions:
//! `scripts/instructions.sh` runs it under callgrind with two numbers of requests and divides.
//!
//! Plays requests and counts answers; what is counted in them, and what a request may cost, is that script's business.

use clap::{Args, ValueEnum};
use ringgate::config::{
    AccessFormat, AccessTarget, AdmissionLimits, Config, MaxAccepts, ProxyProtocol, TrustedProxy,
};
use ringgate::http2::frame::PREFACE;
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, Router};
use std::num::NonZeroU32;

/// Options of `ringgate-bench replay`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The protocol of the client
    pub protocol: Protocol,
    /// Requests in all
    pub requests: usize,
    /// Requests at a time: in a pipeline, or on streams
    #[arg(default_value_t = 1)]
    pub at_once: usize,
    /// Limit the requests that run, so that each passes the gate
    #[arg(long, value_name = "N")]
    pub max_threads: Option<NonZeroU32>,
    /// Put so many closures around each answer
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub around: usize,
    /// Write an access log in this format, into a file that is removed
    #[arg(long, value_name = "FORMAT")]
    pub access_log: Option<AccessFormat>,
    /// Give each request an id
    #[arg(long)]
    pub request_id: bool,
    /// Be a proxy that is trusted, and say whom each request was forwarded for
    #[arg(long)]
    pub forwarded: bool,
    /// Be a proxy that is trusted, and announce its client in a PROXY header
    #[arg(long)]
    pub proxy_header: bool,
    /// Keep the requests of each client to a rate that is never reached
    #[arg(long)]
    pub request_rate: bool,
}

/// The protocol of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// HTTP/1.1, as wrk sends it
    Http1,
    /// HTTP/2, as h2load sends it
    Http2,
}

/// Plays the requests, and returns how many were answered.
///
/// # Errors
/// The options do not go together.
pub fn run(options: &Options) -> Result<usize, String> {
    let log = std::env::temp_dir().join(format!("ringgate-replay-{}", std::process::id()));
    let limits = AdmissionLimits::new(options.max_threads, MaxAccepts::None);
    let mut config = Config {
        admission: limits.map_err(|error| error.to_string())?,
        ..Config::default()
    };
    if let Some(format) = options.access_log {
        config.access_log.target = AccessTarget::File(log.clone());
        config.access_log.format = format;
    }
    config.proxies.request_id = options.request_id.then(|| "X-Request-Id".to_owned());
    if options.forwarded || options.proxy_header {
        config.proxies.trusted = vec![TrustedProxy::Unix];
    }
    if options.proxy_header {
        config.proxies.protocol = ProxyProtocol::On;
    }
    if options.request_rate {
        let rate = "1000000/s".parse();
        config.rates.rate = Some(rate.map_err(|error| format!("{error}"))?);
    }
    let plain = Router::new().get("/plaintext", plaintext);
    let router = (0..options.around).fold(plain, |router, _| {
        router.around(|request, next| next.run(request))
    });
    let mut simulation = Simulation::new(&config, router, 1);
    let answered = match options.protocol {
        Protocol::Http1 => http1(&mut simulation, options),
        Protocol::Http2 => http2(&mut simulation, options),
    };
    drop(simulation);
    // There is one only with an access log.
    let _ = std::fs::remove_file(log);
    Ok(answered)
}

const PROXY_HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n";
const TEXT: &str = "Hello, World!";

async fn plaintext(_: Request) -> Response {
    Response::new(ringgate::http::StatusCode::OK)
        .with_content_type("text/plain")
        .with_body(TEXT)
}

fn http1(simulation: &mut Simulation, options: &Options) -> usize {
    let forwarded = match options.forwarded {
        true => "X-Forwarded-For: 192.0.2.7\r\n",
        false => "",
    };
    let request = format!("GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n{forwarded}\r\n");
    let batch = request.repeat(options.at_once);
    let client = simulation.connect();
    if options.proxy_header {
        client.send(PROXY_HEADER);
    }
    let mut answered = 0;
    while answered < options.requests {
        client.send(batch.as_bytes());
        simulation.run_until(|_| client.received().ends_with(TEXT.as_bytes()));
        let got = client.take_received();
        let bodies = got.windows(TEXT.len());
        answered += bodies.filter(|bytes| *bytes == TEXT.as_bytes()).count();
    }
    answered
}

/// An empty SETTINGS of HTTP/2 but for the size of the table, and its acknowledgement.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";
/// The fields of the first request, which go into the table, and of all further ones, which come out of it.
const FIRST: &[u8] =
    b"\x82\x86\x44\x0a/plaintext\x41\x0e127.0.0.1:8080\x7a\x15h2load nghttp2/1.52.0";
const NEXT: &[u8] = b"\x82\x86\xc0\xbf\xbe";
/// END_HEADERS and END_STREAM.
const WHOLE: u8 = 0x5;
/// DATA on the connection's window, given back now and then.
const WINDOW_UPDATE: &[u8] = b"\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff";

fn on_stream(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, block.len() as u8, 1, WHOLE];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(block);
    frame
}

/// Frames that end a stream, and the payload of DATA.
fn answers(bytes: &[u8]) -> (usize, usize) {
    let (mut rest, mut ends, mut payload) = (bytes, 0, 0);
    while let Some((header, behind)) = rest.split_first_chunk::<9>() {
        let size = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        let is_data = header[3] == 0;
        ends += usize::from(is_data && header[4] & 1 == 1);
        payload += if is_data { size } else { 0 };
        rest = &behind[size..];
    }
    (ends, payload)
}

fn http2(simulation: &mut Simulation, options: &Options) -> usize {
    let client = simulation.connect();
    if options.proxy_header {
        client.send(PROXY_HEADER);
    }
    client.send(&[PREFACE, SETTINGS, &on_stream(1, FIRST)].concat());
    let (mut answered, mut next, mut received) = (0, 3, 0);
    let mut awaited = 1;
    loop {
        let mut bytes = Vec::new();
        let mut ended = 0;
        while ended < awaited {
            simulation.run_until(|_| client.received_len() > 0);
            bytes.extend(client.take_received());
            (ended, _) = answers(&bytes);
        }
        answered += ended;
        received += answers(&bytes).1;
        if answered >= options.requests {
            return answered;
        }
        let mut batch = Vec::new();
        if received > 32_000 {
            batch.extend_from_slice(WINDOW_UPDATE);
            received = 0;
        }
        for _ in 0..options.at_once {
            batch.extend(on_stream(next, NEXT));
            next += 2;
        }
        client.send(&batch);
        awaited = options.at_once;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_request_that_is_played_is_answered() {
        for (line, answered) in [
            ("replay http1 10", 10),
            ("replay http1 32 16 --max-threads 64 --around 2", 32),
            (
                "replay http1 10 1 --access-log json --request-id --forwarded --request-rate",
                10,
            ),
            ("replay http1 10 1 --proxy-header --request-rate", 10),
            // The first stream makes the table.
            ("replay http2 33 32", 33),
            ("replay http2 33 32 --proxy-header", 33),
        ] {
            let options = Line::parse_from(line.split(' ')).options;
            assert_eq!(run(&options), Ok(answered), "{line}");
        }
    }
}
