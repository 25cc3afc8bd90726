//! Compression of messages, permessage-deflate (RFC 7692): what is agreed on in the handshake, and how
//! messages are inflated and deflated. Called by `handshake`, `message` and `writer`. Left to others: which
//! messages are compressed.
//!
//! Neither side keeps its context from one message to the next, unless the server is told to
//! ([`Compression::keeps_context`]). So an idle connection holds no compressor and no window (together up to
//! 300 KiB), all connections of a core share one [`Deflater`] and one [`Inflater`], a broadcast is
//! compressed once for all that hear it, and a connection can move to another core or process. The price is
//! the likeness of successive messages, of which a long message loses little.
//!
//! | module | decides |
//! |---|---|
//! | `inflate` | what a compressed message holds, within a bound |
//! | `squeeze` | how a message is compressed |

mod inflate;

mod squeeze;

pub use inflate::Inflater;
pub use squeeze::Deflater;

use super::handshake::list::{Offer, Value};
use std::fmt;

/// The name of the extension.
const NAME: &[u8] = b"permessage-deflate";
/// The end of a message that is flushed, which is left out on the wire (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// The largest window, of 32 KiB, as the power of two: what holds where nothing is said.
pub const WINDOW_BITS_MAX: u8 = 15;
/// The smallest window in which the compressor works. RFC 7692 knows 8 as well; an offer that asks for it is
/// declined.
pub const WINDOW_BITS_MIN: u8 = 9;

/// The compression that a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Whether each side may keep its context from one message to the next. Such a connection holds a
    /// compressor and a decompressor of its own, and cannot move.
    pub keeps_context: bool,
    /// Largest window of the server's compressor, as a power of two from 9 to 15.
    pub window_bits: u8,
}

impl Default for Compression {
    /// No context is kept, and windows are of 32 KiB.
    fn default() -> Self {
        Compression {
            keeps_context: false,
            window_bits: WINDOW_BITS_MAX,
        }
    }
}

/// The compression that was agreed on with one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether the server keeps its context (server_no_context_takeover is absent).
    pub server_keeps: bool,
    /// Whether the client keeps its context (client_no_context_takeover is absent).
    pub client_keeps: bool,
    /// The server's largest window, as a power of two.
    pub server_bits: u8,
    /// Whether the answer tells the server's window: only where the client asked for a smaller one, or the
    /// server is told to use one.
    says_bits: bool,
}

/// The answer to the offer (section 7.1).
impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate")?;
        if !self.server_keeps {
            f.write_str("; server_no_context_takeover")?;
        }
        // Section 7.1.1.2: the server may demand this of a client that did not offer it.
        if !self.client_keeps {
            f.write_str("; client_no_context_takeover")?;
        }
        if self.says_bits {
            write!(f, "; server_max_window_bits={}", self.server_bits)?;
        }
        Ok(())
    }
}

/// The parameters of one offer. Each may stand once (section 7.1).
#[derive(Default)]
struct Asking {
    server_forgets: Option<()>,
    client_forgets: Option<()>,
    server_bits: Option<u8>,
    client_bits: Option<()>,
}

impl Asking {
    /// None if the offer must be declined: a parameter is unknown, stands twice or has no sound value
    /// (section 7.1).
    fn of(offer: &Offer<'_>) -> Option<Asking> {
        let mut asking = Asking::default();
        for (name, value) in offer.params() {
            let is_new = match name {
                b"server_no_context_takeover" if value.is_none() => {
                    asking.server_forgets.replace(()).is_none()
                }
                b"client_no_context_takeover" if value.is_none() => {
                    asking.client_forgets.replace(()).is_none()
                }
                b"server_max_window_bits" => asking.server_bits.replace(bits(value?)?).is_none(),
                // The client says that it could do with less, which saves nothing here.
                b"client_max_window_bits" => {
                    value.map_or(Some(0), bits)?;
                    asking.client_bits.replace(()).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(asking)
    }
}

/// A window as a power of two (sections 7.1.2.1 and 7.1.2.2).
fn bits(value: Value<'_>) -> Option<u8> {
    value.number().filter(|bits| (8..=15).contains(bits))
}

impl Compression {
    /// The terms for a client that makes this offer. None if the offer is declined: another may
    /// follow, and without any nothing is compressed.
    pub fn agree(&self, offer: &Offer<'_>) -> Option<Terms> {
        if !offer.name.eq_ignore_ascii_case(NAME) {
            return None;
        }
        let asking = Asking::of(offer)?;
        let own = self.window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let asked = asking.server_bits.unwrap_or(WINDOW_BITS_MAX);
        if asked < WINDOW_BITS_MIN {
            return None;
        }
        let server_bits = own.min(asked);
        Some(Terms {
            server_keeps: self.keeps_context && asking.server_forgets.is_none(),
            client_keeps: self.keeps_context && asking.client_forgets.is_none(),
            server_bits,
            says_bits: asking.server_bits.is_some() || server_bits < WINDOW_BITS_MAX,
        })
    }
}

impl Terms {
    /// Terms without kept contexts, as they come from another process.
    pub(super) const fn forgetful(server_bits: u8) -> Terms {
        Terms {
            server_keeps: false,
            client_keeps: false,
            server_bits,
            says_bits: false,
        }
    }

    /// Whether either side keeps its context: the connection cannot move then.
    pub const fn keeps_context(&self) -> bool {
        self.server_keeps || self.client_keeps
    }
}
