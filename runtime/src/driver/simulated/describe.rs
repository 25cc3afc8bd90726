//! How operations look in the log of a world: the same in every run of a seed, so without pointers
//! and without descriptors of the kernel.

use super::message::Message;
use crate::descriptor::SIMULATED;
use crate::driver::operation::Operation;
use crate::driver::token::Token;
use std::fmt;

/// A token in the log.
pub(super) struct Name(pub(super) Token);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.generation == Token::UNTRACKED_GENERATION {
            f.write_str("op -")
        } else {
            write!(f, "op {}.{}", self.0.slot, self.0.generation)
        }
    }
}

/// An operation in the log: no pointers, which differ from run to run.
pub(super) struct Brief<'a>(pub(super) &'a Operation);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Operation::Send {
                socket, len, more, ..
            } => write!(f, "Send {{ socket: {socket}, len: {len}, more: {more} }}"),
            Operation::SendPieces {
                socket,
                message,
                more,
            } => {
                // SAFETY: the log is written when the operation is issued, and so before its last completion.
                let len = unsafe { Message::of(*message) }.len();
                write!(
                    f,
                    "SendPieces {{ socket: {socket}, len: {len}, more: {more} }}"
                )
            }
            Operation::Receive { socket, len, .. } => {
                write!(f, "Receive {{ socket: {socket}, len: {len} }}")
            }
            Operation::Cancel { target } => write!(f, "Cancel {{ target: {} }}", Name(*target)),
            Operation::Accept { .. }
            | Operation::ReceiveLeased { .. }
            | Operation::Shutdown { .. }
            | Operation::Poll { .. }
            | Operation::Nop => write!(f, "{:?}", self.0),
            Operation::Close { fd } if *fd >= SIMULATED => write!(f, "{:?}", self.0),
            Operation::Close { .. } => f.write_str("Close of a file"),
            Operation::Timeout { .. } => f.write_str("Timeout"),
            Operation::Read { len, .. } => write!(f, "Read {len}"),
            Operation::Write { len, .. } => write!(f, "Write {len}"),
            Operation::Open { .. } => f.write_str("Open"),
            Operation::OpenBeneath { .. } => f.write_str("OpenBeneath"),
            Operation::Statx { .. } => f.write_str("Statx"),
            Operation::Connect { .. } => f.write_str("Connect"),
            Operation::SendMessage { .. } => f.write_str("SendMessage"),
            Operation::ReceiveMessage { .. } => f.write_str("ReceiveMessage"),
            Operation::Splice { .. } => f.write_str("Splice"),
        }
    }
}
