//! The words in which both sides say why a stream or a connection ends (RFC 9113 section 7), and the faults
//! that this side finds. Made by every room of this folder; whoever holds the connection logs a fault, and
//! `session` turns it into a frame.

use super::budgets::Budget;
use std::fmt;

/// An error code of HTTP/2, known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Nothing went wrong.
    pub const NO_ERROR: ErrorCode = ErrorCode(0x0);
    /// A rule without a code of its own was broken.
    pub const PROTOCOL_ERROR: ErrorCode = ErrorCode(0x1);
    /// The server failed.
    pub const INTERNAL_ERROR: ErrorCode = ErrorCode(0x2);
    /// More was sent than a window allowed, or a window was made too large.
    pub const FLOW_CONTROL_ERROR: ErrorCode = ErrorCode(0x3);
    /// Settings were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: ErrorCode = ErrorCode(0x4);
    /// A frame came for a stream that its sender had ended.
    pub const STREAM_CLOSED: ErrorCode = ErrorCode(0x5);
    /// A frame has a length that its type does not have.
    pub const FRAME_SIZE_ERROR: ErrorCode = ErrorCode(0x6);
    /// The stream was not begun: nothing was done, and the request may be sent again.
    pub const REFUSED_STREAM: ErrorCode = ErrorCode(0x7);
    /// The stream is no longer wanted.
    pub const CANCEL: ErrorCode = ErrorCode(0x8);
    /// The state of HPACK is lost.
    pub const COMPRESSION_ERROR: ErrorCode = ErrorCode(0x9);
    /// The connection of a CONNECT broke.
    pub const CONNECT_ERROR: ErrorCode = ErrorCode(0xA);
    /// The other side causes more work than is good.
    pub const ENHANCE_YOUR_CALM: ErrorCode = ErrorCode(0xB);
    /// TLS is weaker than HTTP/2 demands.
    pub const INADEQUATE_SECURITY: ErrorCode = ErrorCode(0xC);
    /// The request needs HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: ErrorCode = ErrorCode(0xD);

    /// The name that RFC 9113 gives the code.
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        match self.0 < NAMES.len() as u32 {
            true => NAMES[self.0 as usize],
            false => "unknown",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names under which faults that end connections are counted: the option of the budget, or `protocol` where a rule
/// was broken.
pub const FAULT_REASONS: [&str; Budget::ALL.len() + 1] = {
    let mut names = ["protocol"; Budget::ALL.len() + 1];
    let mut place = 0;
    while place < Budget::ALL.len() {
        names[place] = Budget::ALL[place].option();
        place += 1;
    }
    names
};

/// A fault of the client, as it is said to the client and to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code that the client is told.
    pub code: ErrorCode,
    /// One sentence about what was wrong.
    pub why: &'static str,
    /// The budget that was exceeded, if one was.
    pub budget: Option<Budget>,
}

impl Fault {
    /// A fault with this code.
    pub const fn new(code: ErrorCode, why: &'static str) -> Fault {
        Fault {
            code,
            why,
            budget: None,
        }
    }

    /// PROTOCOL_ERROR.
    pub const fn protocol(why: &'static str) -> Fault {
        Fault::new(ErrorCode::PROTOCOL_ERROR, why)
    }

    /// FRAME_SIZE_ERROR.
    pub const fn size(why: &'static str) -> Fault {
        Fault::new(ErrorCode::FRAME_SIZE_ERROR, why)
    }

    /// FLOW_CONTROL_ERROR.
    pub const fn flow(why: &'static str) -> Fault {
        Fault::new(ErrorCode::FLOW_CONTROL_ERROR, why)
    }

    /// STREAM_CLOSED.
    pub const fn closed(why: &'static str) -> Fault {
        Fault::new(ErrorCode::STREAM_CLOSED, why)
    }

    /// COMPRESSION_ERROR.
    pub const fn compression(why: &'static str) -> Fault {
        Fault::new(ErrorCode::COMPRESSION_ERROR, why)
    }

    /// The place in [`FAULT_REASONS`] of the name under which it is counted.
    pub fn reason(&self) -> usize {
        let places = Budget::ALL.iter();
        let place = self
            .budget
            .and_then(|budget| places.clone().position(|one| *one == budget));
        place.unwrap_or(Budget::ALL.len())
    }

    /// ENHANCE_YOUR_CALM: more than `budget` was spent.
    pub const fn calm(budget: Budget) -> Fault {
        Fault {
            code: ErrorCode::ENHANCE_YOUR_CALM,
            why: budget.complaint(),
            budget: Some(budget),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.why)?;
        match self.budget {
            Some(budget) => write!(f, " The bound is the option {}.", budget.option()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// How far a fault reaches (RFC 9113 section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The connection ends.
    Connection(Fault),
    /// The stream ends, and the connection goes on.
    Stream(Fault),
}

impl Breach {
    /// The fault, however far it reaches.
    pub const fn fault(self) -> Fault {
        match self {
            Breach::Connection(fault) | Breach::Stream(fault) => fault,
        }
    }
}

impl From<Fault> for Breach {
    /// A fault without a stream to blame concerns the connection.
    fn from(fault: Fault) -> Breach {
        Breach::Connection(fault)
    }
}
