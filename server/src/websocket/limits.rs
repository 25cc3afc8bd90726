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

impl Default for Limits {
    /// 1 MiB, 4,096 fragments, 1,000 control frames in ten seconds.
    fn default() -> Self {
        Limits {
            frame_size: 1 << 20,
            message_size: 1 << 20,
            fragments: 4096,
            controls: 1000,
            delivery: Delivery::Whole,
        }
    }
}
