//! The options of a run over HTTP/2, and which of the others have no meaning there.

use clap::Args;

use crate::load::options::{Options, UsageError};

/// Most streams that a connection may be asked to have open: each end of one is looked for among the others.
const STREAMS_MAX: usize = 1024;
/// Smallest window: the one that every connection begins with (RFC 9113 section 6.9.2).
const WINDOW_BYTES_MIN: u32 = 65_535;
/// The usual window, as other load generators have it: a server is not to wait for this client.
const WINDOW_BYTES: u32 = (1 << 30) - 1;
/// Fields that no message of HTTP/2 may have (section 8.2.2).
const FORBIDDEN: [&str; 4] = ["keep-alive", "proxy-connection", "upgrade", "te"];

/// The wishes for HTTP/2.
#[derive(Debug, Clone, Args)]
pub struct Http2Options {
    /// Speak HTTP/2: with prior knowledge, or over TLS if the server chooses it (ALPN)
    #[arg(long = "http2")]
    pub wanted: bool,
    /// Over HTTP/2: requests under way at a time on each connection
    #[arg(long, default_value_t = 1, requires = "wanted", value_name = "N")]
    pub streams: usize,
    /// Over HTTP/2: bytes that the server may send on a stream, and on a connection, before it hears from
    /// this client
    #[arg(long, default_value_t = WINDOW_BYTES, requires = "wanted", value_name = "BYTES")]
    pub window: u32,
}

impl Default for Http2Options {
    /// HTTP/1.1; one stream at a time if it were not.
    fn default() -> Self {
        Self {
            wanted: false,
            streams: 1,
            window: WINDOW_BYTES,
        }
    }
}

/// Refuses wishes that have no meaning over HTTP/2.
pub(crate) fn check(options: &Options) -> Result<(), UsageError> {
    let refuse = |text: String| Err(UsageError::new(text));
    let http2 = &options.http2;
    if options.websocket_pattern().is_some() {
        return refuse("--http2 and WebSocket exclude each other".to_owned());
    }
    if options.pipeline > 1 {
        return refuse("--pipeline is for HTTP/1.1; over HTTP/2 it is --streams".to_owned());
    }
    if http2.streams == 0 || http2.streams > STREAMS_MAX {
        return refuse(format!("--streams must be between 1 and {STREAMS_MAX}"));
    }
    if !(WINDOW_BYTES_MIN..1 << 31).contains(&http2.window) {
        return refuse("--window must be between 65535 and 2147483647 bytes".to_owned());
    }
    let mut names = options.headers.iter().map(|(name, _)| name);
    if let Some(name) = names.find(|name| FORBIDDEN.iter().any(|no| name.eq_ignore_ascii_case(no)))
    {
        return refuse(format!(
            "--header: `{name}` may not be sent over HTTP/2 (RFC 9113 section 8.2.2)"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_meaning_over_http2_is_refused_with_its_flag() {
        let mut good = Options::to("http://127.0.0.1:1/".parse().unwrap());
        good.http2.wanted = true;
        assert_eq!(good.check(), Ok(()));
        let wrong = |change: fn(&mut Options), flag: &str| {
            let mut options = good.clone();
            change(&mut options);
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        };
        wrong(|o| o.pipeline = 2, "--streams");
        wrong(|o| o.http2.streams = 0, "--streams");
        wrong(|o| o.http2.window = 1, "--window");
        wrong(
            |o| o.headers = vec![("TE".into(), "trailers".into())],
            "--header",
        );
        wrong(|o| o.target.websocket = true, "--http2");
    }
}
