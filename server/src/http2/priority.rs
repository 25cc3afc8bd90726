//! Which stream the client wants first (RFC 9218): the value of a Priority field or of a PRIORITY_UPDATE frame.
//! Read by `head` and by `session`; obeyed by [`queue`](super::queue).

/// The priority of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Priority {
    /// 0 is the first, 7 the last (RFC 9218 section 4.1).
    pub urgency: u8,
    /// Whether the parts of an answer are of use before the rest, so that answers of one urgency share
    /// (section 4.2).
    pub incremental: bool,
}

impl Default for Priority {
    /// The priority of a stream about which the client has said nothing. Its urgency is that of section 4.1. It
    /// shares, where the section lets streams go one after the other: that is for those that ask for it, since
    /// the answers of most clients that ask for nothing, gRPC's above all, have no end to wait for.
    fn default() -> Priority {
        Priority {
            urgency: 3,
            incremental: true,
        }
    }
}

impl Priority {
    /// Reads a value: a dictionary of structured fields, of which `u` and `i` matter. A malformed or
    /// out-of-range member counts as absent (section 4), and so does the whole value then.
    pub fn parse(value: &[u8]) -> Priority {
        let mut priority = Priority {
            urgency: 3,
            incremental: false,
        };
        for member in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            // Parameters of a member mean nothing.
            let member = member.split(|&byte| byte == b';').next().unwrap_or(member);
            match member.trim_ascii_end() {
                [b'u', b'=', urgency @ b'0'..=b'7'] => priority.urgency = urgency - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}
