//! The options of a run over WebSocket, and which of the others have no meaning there.

use clap::{Args, ValueEnum};

use crate::load::options::{Method, Mode, Options, UsageError, Verify};
use crate::load::websocket::message::STAMP_BYTES;

/// Largest payload of a message.
const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// Payload of a message if its size is not asked for.
pub(crate) const PAYLOAD_BYTES: usize = 64;

/// The wishes for WebSocket.
#[derive(Debug, Clone, Args)]
pub struct WebSocketOptions {
    /// Speak WebSocket: each connection has its messages echoed, or all but the first hear what the first
    /// one says. A ws:// or wss:// URL means echo
    #[arg(long = "websocket", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "echo", value_name = "PATTERN")]
    pub pattern: Option<Pattern>,
    /// Over WebSocket: bytes of each message, 28 at least
    #[arg(long, default_value_t = PAYLOAD_BYTES, value_name = "BYTES")]
    pub payload: usize,
    /// Over WebSocket: binary messages instead of text
    #[arg(long)]
    pub binary: bool,
}

impl Default for WebSocketOptions {
    /// No WebSocket; texts of 64 bytes if there were one.
    fn default() -> Self {
        Self {
            pattern: None,
            payload: PAYLOAD_BYTES,
            binary: false,
        }
    }
}

/// The receivers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// The connection that sent it.
    Echo,
    /// The first connection sends, and every other one has to hear each message once.
    FanOut,
}

/// Refuses wishes that have no meaning over WebSocket.
pub(super) fn check(options: &Options, pattern: Pattern) -> Result<(), UsageError> {
    let refuse = |text: &str| Err(UsageError::new(text.to_owned()));
    if options.websocket.payload < STAMP_BYTES || options.websocket.payload > PAYLOAD_BYTES_MAX {
        return refuse("--payload must be between 28 bytes, which number a message, and 64 MiB");
    }
    let is_http = options.effective_mode() == Mode::Close
        || options.method != Method::Get
        || options.verify != Verify::None
        || options.idle > 0
        || options.track_header.is_some();
    if is_http {
        return refuse(
            "--mode close, --method, --body, --verify, --idle, --track-header, --tls-full-handshakes \
             and --tls-resume have no meaning over WebSocket",
        );
    }
    if pattern == Pattern::FanOut && (options.connections < 2 || options.threads != 1) {
        return refuse(
            "--websocket=fan-out needs --connections 2 or more, of which the first sends, and one thread",
        );
    }
    Ok(())
}
