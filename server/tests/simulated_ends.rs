//! How connections end on which a client is slow, sends on, or says no more: in virtual time, over the
//! simulated ring.

use ringgate::config::Config;
use ringgate::simulation::Simulation;
use ringgate::{Request, Response, Router};

fn router() -> Router<()> {
    Router::new()
        .get("/hello", |_: Request| async { "hello" })
        .get("/never", |_: Request| std::future::pending::<Response>())
}

#[test]
fn a_head_request_that_comes_too_slowly_is_answered_without_a_body() {
    for sent in [
        "HEAD / HTT",
        "HEAD /never HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut simulation = Simulation::new(&Config::default(), router(), 1);
        let client = simulation.connect();
        client.send(sent.as_bytes());
        simulation.run_until(|_| client.received_len() > 0);
        let answer = String::from_utf8(client.received()).expect("ASCII");
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}
