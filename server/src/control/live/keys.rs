//! The meaning of keys in `ringgate ctl top`, and all that a view remembers from one key to the next.
//!
//! Pure: a key in, an act out. `mod.rs` performs the act.

use crate::config::PoolSize;
use serde_json::Value;

/// By what the cores are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Core,
    Busy,
    Rate,
    Open,
}

impl Sort {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Sort::Core => "core",
            Sort::Busy => "busy",
            Sort::Rate => "req/s",
            Sort::Open => "open",
        }
    }

    const fn next(self) -> Sort {
        match self {
            Sort::Core => Sort::Busy,
            Sort::Busy => Sort::Rate,
            Sort::Rate => Sort::Open,
            Sort::Open => Sort::Core,
        }
    }
}

/// The choices that were made by keys.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) sort: Sort,
    pub(super) is_paused: bool,
    /// Whether the question stands if the server is to drain.
    pub(super) asks_to_drain: bool,
    /// The outcome of the last order.
    pub(super) said: Option<String>,
}

/// A wish of a key beyond the view.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    Quit,
    Resize(PoolSize),
    Drain,
}

/// Ctrl-C, which a terminal in this mode sends as a byte.
const INTERRUPT: u8 = 3;

/// Whether a key ends any view.
pub(super) const fn quits(key: u8) -> bool {
    matches!(key, b'q' | INTERRUPT)
}

impl View {
    /// Hears a key; `now` is the status that is shown.
    pub(super) fn press(&mut self, key: u8, now: &Value) -> Act {
        self.said = None;
        if std::mem::take(&mut self.asks_to_drain) {
            return match key {
                b'y' => Act::Drain,
                INTERRUPT => Act::Quit,
                _ => Act::Nothing,
            };
        }
        match key {
            key if quits(key) => return Act::Quit,
            b'p' | b' ' => self.is_paused = !self.is_paused,
            b's' => self.sort = self.sort.next(),
            b'd' => self.asks_to_drain = true,
            b'a' => return Act::Resize(PoolSize::Auto),
            b'+' | b'=' => return resize(now, 1),
            b'-' => return resize(now, -1),
            _ => {}
        }
        Act::Nothing
    }
}

/// One core more or less than are wanted. Down to none is not for a single key: the server would stand still.
fn resize(now: &Value, by: i64) -> Act {
    let target = now.pointer("/pool/target").and_then(Value::as_i64);
    let wanted = target.and_then(|target| u32::try_from(target + by).ok());
    match wanted {
        None | Some(0) => Act::Nothing,
        Some(cores) => Act::Resize(PoolSize::Cores(cores)),
    }
}
