//! Bounds on what a client sends. Made from the configuration, or by a route; obeyed by `conversation` and
//! `message`.

/// Bounds on what a client sends. Each is inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of payload of one frame; beyond it 1009.
    pub frame_size: usize,
    /// Bytes of a message, as it is sent and as it is inflated; beyond it 1009. Holds for messages that are
    /// delivered whole.
    pub message_size: usize,
    /// Frames of one message that is delivered whole; beyond it 1008.
    pub fragments: u32,
    /// Control frames in [`CONTROL_WINDOW_SECONDS`]; beyond it 1008.
    pub controls: u16,
    /// How messages are delivered that do not lie there as a whole.
    pub delivery: Delivery,
}

/// Time over which control frames are counted, in seconds.
pub const CONTROL_WINDOW_SECONDS: u32 = 10;

/// How messages are delivered that do not lie there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Gathered, and delivered whole.
    Whole,
    /// Piece by piece, as they come; `message_size` and `fragments` do not bound them. A compressed message
    /// is gathered all the same.
    Parts,
}

/// Frames that a message may have, however small it may be.
const FRAGMENTS_MIN: usize = 4096;
/// The size that the frames of the largest message must have on average.
const FRAGMENT_SIZE_BYTES: usize = 64;

impl Limits {
    /// The same bounds, with messages of up to so many bytes: in as many frames of 64 bytes, and 4,096 at least.
    #[must_use]
    pub const fn with_messages_of(self, size: usize) -> Limits {
        let fragments = size / FRAGMENT_SIZE_BYTES;
        let fragments = match fragments > FRAGMENTS_MIN {
            true => fragments,
            false => FRAGMENTS_MIN,
        };
        Limits {
            frame_size: size,
            message_size: size,
            fragments: fragments as u32,
            ..self
        }
    }
}

impl Default for Limits {
    /// 1 MiB, 4,096 fragments, 1,000 control frames in ten seconds.
    fn default() -> Self {
        Limits {
            frame_size: 1 << 20,
            message_size: 1 << 20,
            fragments: FRAGMENTS_MIN as u32,
            controls: 1000,
            delivery: Delivery::Whole,
        }
    }
}
