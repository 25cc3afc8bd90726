//! Replays recorded requests through the production code over a simulated ring, for counting
//! instructions: `scripts/instructions.sh` runs it under callgrind with two sizes and divides.
//!
//! Usage: `replay REQUESTS [PIPELINE [MAX_THREADS [CLOSURES]]] [combined|json]`. With MAX_THREADS (0 for none) each
//! request passes the gate; CLOSURES of them are around each answer; the word wants an access log of that format.

use ringgate::config::{AccessFormat, AccessTarget, AdmissionLimits, Config, MaxAccepts};
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, Router};
use std::num::NonZeroU32;

/// What wrk sends.
const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

async fn plaintext(_: Request) -> Response {
    Response::new(http::StatusCode::OK)
        .with_content_type("text/plain")
        .with_body("Hello, World!")
}

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok());
    let requests: usize = numbers.next().unwrap_or(1000);
    let pipeline: usize = numbers.next().unwrap_or(1);
    let max_threads = numbers.next().and_then(|number| u32::try_from(number).ok());
    let closures = numbers.next().unwrap_or(0);
    let router = (0..closures).fold(Router::new().get("/plaintext", plaintext), |router, _| {
        router.around(|request, next| next.run(request))
    });
    let max_threads = max_threads.and_then(NonZeroU32::new);
    let mut config = Config {
        admission: AdmissionLimits::new(max_threads, MaxAccepts::None).expect("nobody waits"),
        ..Config::default()
    };
    let formats = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse::<AccessFormat>().ok());
    let log = std::env::temp_dir().join(format!("ringgate-replay-{}", std::process::id()));
    for format in formats {
        config.access_log.target = AccessTarget::File(log.clone());
        config.access_log.format = format;
    }
    let mut simulation = Simulation::new(&config, router, 1);
    let client = simulation.connect();
    let batch = REQUEST.repeat(pipeline);
    let mut answered = 0;
    while answered < requests {
        client.send(&batch);
        simulation.run_until(|_| client.received().ends_with(b"Hello, World!"));
        let got = client.take_received();
        answered += got
            .windows(13)
            .filter(|bytes| bytes == b"Hello, World!")
            .count();
    }
    drop((client, simulation));
    // There is one only with an access log.
    let _ = std::fs::remove_file(&log);
    println!("{answered} requests");
}
