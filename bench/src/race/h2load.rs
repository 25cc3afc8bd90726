//! `h2load` as the load of a race over HTTP/2, for those who trust it more than our own generator.
//!
//! Reads h2load's printed summary; anything it reports besides 2xx answers makes the cell invalid.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::race::Measured;
use crate::race::scenario::Scenario;
use crate::server::Peer;

/// Runs h2load on the calling thread's CPU.
pub(super) fn run(
    scenario: Scenario,
    peer: Peer,
    address: SocketAddr,
    time: Duration,
) -> io::Result<Measured> {
    let job = scenario.job();
    let scheme = if job.tls { "https" } else { "http" };
    let output = Command::new("h2load")
        .arg("-t1")
        .arg(format!("-c{}", scenario.connections))
        .arg(format!("-m{}", scenario.streams))
        .arg(format!("-D{}", time.as_secs().max(1)))
        .arg(format!("{scheme}://{address}{}", peer.path(job.answer)))
        .output()
        .map_err(|error| {
            let text =
                format!("h2load is needed for --load h2load (package `nghttp2-client`): {error}");
            io::Error::new(error.kind(), text)
        })?;
    parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
        io::Error::other(format!(
            "h2load failed: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    })
}

fn parse(text: &str) -> Option<Measured> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let rate = line("finished in ")?.split(", ").nth(1)?;
    let rate = rate.strip_suffix(" req/s")?.parse().ok()?;
    let codes = line("status codes: ")?;
    let answered = codes.split_once(" 2xx")?.0.parse().ok()?;
    let requests = line("requests: ")?;
    let is_bad = |count: &&str| {
        let bad = ["failed", "errored", "timeout", "3xx", "4xx", "5xx"];
        bad.iter().any(|word| count.ends_with(word)) && !count.starts_with("0 ")
    };
    let failures: Vec<_> = (requests.split(", ").chain(codes.split(", ")))
        .filter(is_bad)
        .collect();
    Some(Measured {
        answered,
        requests_per_second: rate,
        bytes_per_answer: None,
        failures: failures.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_h2load_is_read_with_its_errors() {
        let text = "finished in 2.00s, 178.50 req/s, 10.21KB/s\n\
                    requests: 364 total, 365 started, 364 done, 357 succeeded, 7 failed, 0 errored, 0 timeout\n\
                    status codes: 357 2xx, 0 3xx, 7 4xx, 0 5xx\ntraffic: 1KB (1) total\n";
        let measured = parse(text).unwrap();
        assert_eq!(
            (measured.answered, measured.requests_per_second),
            (357, 178.5)
        );
        assert_eq!(measured.failures, "7 failed, 7 4xx");
        assert!(parse("unable to connect").is_none());
    }
}
