//! `wrk` as the load of a race, for those who trust it more than our own generator.
//!
//! Reads wrk's printed summary; anything it reports besides 2xx answers makes the cell invalid.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::floor::After;
use crate::race::Measured;
use crate::race::scenario::Scenario;

/// Runs wrk on the calling thread's CPU.
pub(super) fn run(scenario: Scenario, address: SocketAddr, time: Duration) -> io::Result<Measured> {
    let script = std::env::temp_dir().join(format!("ringgate-bench-{}.lua", std::process::id()));
    std::fs::write(
        &script,
        format!(
            "init = function() local r = {{}} for i = 1, {} do r[i] = wrk.format() end \
             batch = table.concat(r) end request = function() return batch end",
            scenario.pipeline()
        ),
    )?;
    let mut wrk = Command::new("wrk");
    wrk.arg("-t1").arg(format!("-c{}", scenario.connections));
    wrk.arg(format!("-d{}s", time.as_secs().max(1)))
        .arg("-s")
        .arg(&script);
    if scenario.job().after == After::Close {
        wrk.args(["-H", "Connection: close"]);
    }
    let output = wrk.arg(format!("http://{address}/plaintext")).output();
    std::fs::remove_file(&script)?;
    let output = output.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("wrk is needed for --load wrk (package `wrk`): {error}"),
        )
    })?;
    parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
        io::Error::other(format!(
            "wrk failed: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    })
}

fn parse(text: &str) -> Option<Measured> {
    let summary = text.lines().find(|line| line.contains(" requests in "))?;
    let answered = summary.split_ascii_whitespace().next()?.parse().ok()?;
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))?;
    let failures = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("Socket errors:") || line.starts_with("Non-2xx"))
        .collect::<Vec<_>>()
        .join(", ");
    Some(Measured {
        answered,
        requests_per_second: rate.trim().parse().ok()?,
        bytes_per_answer: None,
        failures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_wrk_is_read_with_its_errors() {
        let text = "Running 2s test @ http://127.0.0.1:1/\n  357 requests in 2.00s, 44.00KB read\n  \
                    Socket errors: connect 0, read 3, write 0, timeout 0\n  Non-2xx or 3xx responses: 7\n\
                    Requests/sec:    178.50\nTransfer/sec:     22.00KB\n";
        let measured = parse(text).unwrap();
        assert_eq!(
            (measured.answered, measured.requests_per_second),
            (357, 178.5)
        );
        assert!(measured.failures.contains("read 3") && measured.failures.contains("responses: 7"));
        assert!(parse("unable to connect").is_none());
    }
}
