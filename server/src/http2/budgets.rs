//! How much a client may ask for: bounds on what it holds, and budgets for what it does. Asked by every room of
//! this folder; each bound has the name of an option, so that whoever is stopped by one can be told which.
//! Deliberately not here: how many requests run at a time in the server, which the gate decides.
//!
//! | attack | stopped by |
//! |---|---|
//! | Rapid Reset: streams are opened and reset at once | `http2_resets` |
//! | MadeYouReset: the server is made to reset | `http2_resets_made` |
//! | CONTINUATION without an end | `http2_continuations`, `http2_header_list_size` |
//! | HPACK bomb: a byte for each field, of which none has a size | `http2_header_count`, and 32 bytes for each reference |
//! | answers that pile up before a closed window | `http2_streams`, `http2_stall_timeout`; those made piece by piece, `pending_size` |
//! | PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty and small DATA, each with what is like it | a budget each |
//! | frames that ask for an answer, from a client that takes none | `http2_queued_controls` |

/// Time over which a client's acts are counted, in seconds.
pub const WINDOW_SECONDS: u32 = 10;
/// A DATA frame with less payload than this counts as small, in bytes.
pub const SMALL_DATA_BYTES: u32 = 64;

/// Something of which a client may use only so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Streams at a time.
    Streams,
    /// Bytes of a field section, decoded, with 32 for each field.
    HeaderListSize,
    /// Fields of a section.
    HeaderCount,
    /// CONTINUATION frames of a section.
    Continuations,
    /// RST_STREAM frames of the client.
    Resets,
    /// RST_STREAM frames that the client made the server send, and field sections of streams that are over.
    ResetsMade,
    /// PING frames, and answers to them.
    Pings,
    /// SETTINGS frames, their acknowledgements, and GOAWAY frames.
    Settings,
    /// PRIORITY and PRIORITY_UPDATE frames, and frames of unknown types.
    Priorities,
    /// DATA frames without payload that end nothing.
    EmptyData,
    /// DATA frames with little payload.
    SmallData,
    /// WINDOW_UPDATE frames.
    WindowUpdates,
    /// Frames that answer the client's, and which it does not take.
    QueuedControls,
    /// Time without room for an answer that is ready.
    StallTimeout,
}

impl Budget {
    /// All of them.
    pub const ALL: [Budget; 14] = [
        Budget::Streams,
        Budget::HeaderListSize,
        Budget::HeaderCount,
        Budget::Continuations,
        Budget::Resets,
        Budget::ResetsMade,
        Budget::Pings,
        Budget::Settings,
        Budget::Priorities,
        Budget::EmptyData,
        Budget::SmallData,
        Budget::WindowUpdates,
        Budget::QueuedControls,
        Budget::StallTimeout,
    ];

    /// The option that bounds it.
    pub const fn option(self) -> &'static str {
        match self {
            Budget::Streams => "http2_streams",
            Budget::HeaderListSize => "http2_header_list_size",
            Budget::HeaderCount => "http2_header_count",
            Budget::Continuations => "http2_continuations",
            Budget::Resets => "http2_resets",
            Budget::ResetsMade => "http2_resets_made",
            Budget::Pings => "http2_pings",
            Budget::Settings => "http2_settings",
            Budget::Priorities => "http2_priorities",
            Budget::EmptyData => "http2_empty_data",
            Budget::SmallData => "http2_small_data",
            Budget::WindowUpdates => "http2_window_updates",
            Budget::QueuedControls => "http2_queued_controls",
            Budget::StallTimeout => "http2_stall_timeout",
        }
    }

    /// One sentence for the client and the log.
    pub const fn complaint(self) -> &'static str {
        match self {
            Budget::Streams => "There are too many streams at a time.",
            Budget::HeaderListSize => "A field section is too large.",
            Budget::HeaderCount => "A field section has too many fields.",
            Budget::Continuations => "A field section comes in too many frames.",
            Budget::Resets => "Too many streams were reset.",
            Budget::ResetsMade => "Too many streams had to be reset.",
            Budget::Pings => "There were too many PING frames.",
            Budget::Settings => "There were too many SETTINGS frames.",
            Budget::Priorities => "There were too many frames about priorities.",
            Budget::EmptyData => "There were too many DATA frames without payload.",
            Budget::SmallData => "There were too many DATA frames with little payload.",
            Budget::WindowUpdates => "There were too many WINDOW_UPDATE frames.",
            Budget::QueuedControls => "Answers to control frames are not taken.",
            Budget::StallTimeout => "An answer is given no room.",
        }
    }
}

/// Bounds on one connection. Each is inclusive. Bounds that say "in ten seconds" are counted in windows
/// of [`WINDOW_SECONDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams at a time, told to the client; beyond it REFUSED_STREAM.
    pub streams: u32,
    /// Bytes of a field section, decoded, with 32 for each field (RFC 9113 section 6.5.2): told to the client;
    /// beyond it 431. A section of more than twice that as it is sent ends the connection.
    pub header_list_size: u32,
    /// Fields of a section; beyond it 431.
    pub header_count: u32,
    /// Bytes of `:path`; beyond it 414.
    pub uri_size: u32,
    /// CONTINUATION frames of a section.
    pub continuations: u16,
    /// RST_STREAM frames of the client in ten seconds, beside one for each answer that ended.
    pub resets: u16,
    /// RST_STREAM frames that the client makes the server send, and field sections of streams that are over, in ten
    /// seconds.
    pub resets_made: u16,
    /// PING frames in ten seconds, answers counted, beside one for each DATA frame of the server.
    pub pings: u16,
    /// SETTINGS and GOAWAY frames in ten seconds.
    pub settings: u16,
    /// PRIORITY and PRIORITY_UPDATE frames and those of unknown types in ten seconds, beside two for each
    /// request.
    pub priorities: u16,
    /// Empty DATA frames that end nothing, in ten seconds.
    pub empty_data: u16,
    /// Small DATA frames in ten seconds, beside those that a large one makes good.
    pub small_data: u16,
    /// WINDOW_UPDATE frames in ten seconds, beside two for each request and each DATA frame of the server.
    pub window_updates: u16,
    /// Frames in answer to the client's that may wait until the client takes them.
    pub queued_controls: u16,
    /// Bytes that the client may send on a stream before the application has taken them.
    pub stream_window: u32,
    /// The same for all streams together.
    pub connection_window: u32,
    /// Bytes of dynamic table that the client may use.
    pub header_table_size: u32,
    /// Bytes of an answer that is made piece by piece, and waits for room, before no further piece is asked for.
    pub pending_size: u32,
    /// Bytes that one call of `poll_output` adds at most, by and large.
    pub output_size: u32,
    /// Whether a CONNECT may ask for a protocol (RFC 8441), which the client is told.
    pub extended_connect: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            streams: 100,
            header_list_size: 16 << 10,
            header_count: 100,
            uri_size: 8 << 10,
            continuations: 4,
            resets: 200,
            resets_made: 100,
            pings: 1000,
            settings: 100,
            priorities: 1000,
            empty_data: 100,
            small_data: 20_000,
            window_updates: 10_000,
            queued_controls: 1000,
            stream_window: 256 << 10,
            connection_window: 1 << 20,
            header_table_size: 4096,
            pending_size: 32 << 10,
            output_size: 64 << 10,
            extended_connect: false,
        }
    }
}

/// Acts that are counted over time.
const COUNTED: usize = 8;

/// The acts of one client in the present window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    window: u32,
    counts: [u16; COUNTED],
}

impl Counters {
    const fn place(budget: Budget) -> Option<usize> {
        Some(match budget {
            Budget::Resets => 0,
            Budget::ResetsMade => 1,
            Budget::Pings => 2,
            Budget::Settings => 3,
            Budget::Priorities => 4,
            Budget::EmptyData => 5,
            Budget::SmallData => 6,
            Budget::WindowUpdates => 7,
            Budget::Streams
            | Budget::HeaderListSize
            | Budget::HeaderCount
            | Budget::Continuations
            | Budget::QueuedControls
            | Budget::StallTimeout => return None,
        })
    }

    const fn limit(budget: Budget, limits: &Limits) -> u16 {
        match budget {
            Budget::Resets => limits.resets,
            Budget::ResetsMade => limits.resets_made,
            Budget::Pings => limits.pings,
            Budget::Settings => limits.settings,
            Budget::Priorities => limits.priorities,
            Budget::EmptyData => limits.empty_data,
            Budget::SmallData => limits.small_data,
            Budget::WindowUpdates => limits.window_updates,
            Budget::Streams
            | Budget::HeaderListSize
            | Budget::HeaderCount
            | Budget::Continuations
            | Budget::QueuedControls
            | Budget::StallTimeout => u16::MAX,
        }
    }

    /// Counts one act; whether there may be as many in the window that `seconds` lies in. A budget that is not
    /// counted over time always may.
    #[inline]
    #[must_use]
    pub fn spend(&mut self, budget: Budget, seconds: u32, limits: &Limits) -> bool {
        if seconds.wrapping_sub(self.window) >= WINDOW_SECONDS {
            self.window = seconds;
            self.counts = [0; COUNTED];
        }
        let Some(place) = Counters::place(budget) else {
            return true;
        };
        let count = &mut self.counts[place];
        *count = count.saturating_add(1);
        *count <= Counters::limit(budget, limits)
    }

    /// Makes good `acts` of before: something was done that comes with so many.
    #[inline]
    pub fn refund(&mut self, budget: Budget, acts: u16) {
        if let Some(place) = Counters::place(budget) {
            self.counts[place] = self.counts[place].saturating_sub(acts);
        }
    }
}
