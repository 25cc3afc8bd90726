//! The options of HTTP/2.
//!
//! Plain data, part of [`Config`](super::Config). Called by the option table and by whoever builds a
//! configuration in code. Not here: what a budget counts ([`crate::http2::budgets`]).

use std::time::Duration;

use super::choice::Switch;
use crate::http2::Limits;

/// Whether HTTP/2 is served, and what one of its clients may ask for. Counts that say "in ten seconds" are counted
/// in windows of that length; whoever exceeds one loses the connection, unless it says otherwise.
///
/// ```
/// use ringgate::config::{Config, Http2};
///
/// let config = Config {
///     http2: Http2 { streams: 32, ..Http2::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Whether HTTP/2 is served.
    pub serve: Switch,
    /// Whether clients are told that a CONNECT may ask for a protocol, as browsers do for a WebSocket on a
    /// connection of HTTP/2 (RFC 8441).
    pub extended_connect: Switch,
    /// Streams at a time; a further one is refused, and can be tried again.
    pub streams: u32,
    /// Bytes of a field section, decoded, with 32 for each field; a larger one is answered with 431.
    pub header_list_size: u32,
    /// Fields of a section; one with more is answered with 431.
    pub header_count: u32,
    /// CONTINUATION frames of a section.
    pub continuations: u16,
    /// Streams that the client resets in ten seconds, beside those whose answer had ended.
    pub resets: u16,
    /// Streams that the client makes the server reset in ten seconds.
    pub resets_made: u16,
    /// PING frames in ten seconds.
    pub pings: u16,
    /// SETTINGS and GOAWAY frames in ten seconds.
    pub settings: u16,
    /// Frames about priorities and of unknown types in ten seconds, beside two for each request.
    pub priorities: u16,
    /// Empty DATA frames that end nothing, in ten seconds.
    pub empty_data: u16,
    /// DATA frames with less than 64 bytes in ten seconds, beside those that a larger one makes good.
    pub small_data: u16,
    /// WINDOW_UPDATE frames in ten seconds, beside two for each request and each DATA frame of the server.
    pub window_updates: u16,
    /// Frames in answer to the client's that wait until it takes them.
    pub queued_controls: u16,
    /// Time in which a stream whose answer is ready gets room from its client; after it the stream is reset.
    pub stall_timeout: Duration,
    /// Bytes that a client may send on a stream before the handler has taken them.
    pub stream_window: u32,
    /// The same for all streams of a connection.
    pub connection_window: u32,
    /// Bytes of dynamic table that a client may use.
    pub header_table_size: u32,
}

impl Default for Http2 {
    fn default() -> Self {
        let limits = Limits::default();
        Http2 {
            serve: Switch::On,
            extended_connect: Switch::On,
            streams: limits.streams,
            header_list_size: limits.header_list_size,
            header_count: limits.header_count,
            continuations: limits.continuations,
            resets: limits.resets,
            resets_made: limits.resets_made,
            pings: limits.pings,
            settings: limits.settings,
            priorities: limits.priorities,
            empty_data: limits.empty_data,
            small_data: limits.small_data,
            window_updates: limits.window_updates,
            queued_controls: limits.queued_controls,
            stall_timeout: Duration::from_secs(30),
            stream_window: limits.stream_window,
            connection_window: limits.connection_window,
            header_table_size: limits.header_table_size,
        }
    }
}

impl Http2 {
    /// The form in which a session asks for its bounds; targets may have `uri_size` bytes.
    pub(crate) fn limits(&self, uri_size: usize) -> Limits {
        Limits {
            streams: self.streams,
            header_list_size: self.header_list_size,
            header_count: self.header_count,
            uri_size: uri_size.try_into().unwrap_or(u32::MAX),
            continuations: self.continuations,
            resets: self.resets,
            resets_made: self.resets_made,
            pings: self.pings,
            settings: self.settings,
            priorities: self.priorities,
            empty_data: self.empty_data,
            small_data: self.small_data,
            window_updates: self.window_updates,
            queued_controls: self.queued_controls,
            stream_window: self.stream_window,
            connection_window: self.connection_window,
            header_table_size: self.header_table_size,
            extended_connect: self.extended_connect == Switch::On,
            ..Limits::default()
        }
    }
}
