//! The memory an operation owns while the kernel may touch it.

use crate::buffer::Lease;
use crate::descriptor::Descriptor;
use crate::sys::address::SocketAddrStorage;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::CString;
use std::fmt;
use std::rc::Rc;

/// Bytes to send, owned by the send until it completes.
pub enum SendBuffer {
    /// Bytes of one's own.
    Vec(Vec<u8>),
    /// Shared bytes.
    Bytes(Bytes),
    /// Bytes of the program.
    Static(&'static [u8]),
    /// Received bytes, sent back from where the kernel put them.
    Lease(Lease),
}

impl SendBuffer {
    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            SendBuffer::Vec(bytes) => bytes,
            SendBuffer::Bytes(bytes) => bytes,
            SendBuffer::Static(bytes) => bytes,
            SendBuffer::Lease(lease) => lease,
        }
    }

    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::ops::Deref for SendBuffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<Vec<u8>> for SendBuffer {
    fn from(bytes: Vec<u8>) -> SendBuffer {
        SendBuffer::Vec(bytes)
    }
}

impl From<String> for SendBuffer {
    fn from(text: String) -> SendBuffer {
        SendBuffer::Vec(text.into_bytes())
    }
}

impl From<Bytes> for SendBuffer {
    fn from(bytes: Bytes) -> SendBuffer {
        SendBuffer::Bytes(bytes)
    }
}

impl From<&'static [u8]> for SendBuffer {
    fn from(bytes: &'static [u8]) -> SendBuffer {
        SendBuffer::Static(bytes)
    }
}

impl From<&'static str> for SendBuffer {
    fn from(text: &'static str) -> SendBuffer {
        SendBuffer::Static(text.as_bytes())
    }
}

impl From<Lease> for SendBuffer {
    fn from(lease: Lease) -> SendBuffer {
        SendBuffer::Lease(lease)
    }
}

impl fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes to send", self.len())
    }
}

/// Where accepted sockets go when nobody waits for them any more: the next accept takes them, so
/// that dropping the future of an accept loses no connection.
pub(crate) type Stash = Rc<RefCell<VecDeque<Descriptor>>>;

/// A message header and all it points to, at a fixed place.
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) address: SocketAddrStorage,
    pub(crate) vector: libc::iovec,
    pub(crate) header: libc::msghdr,
}

/// What an operation in flight owns.
pub(crate) enum Memory {
    None,
    Send(SendBuffer),
    Bytes(Vec<u8>),
    Stash(Stash),
    Address(Box<SocketAddrStorage>),
    Message(Box<Message>),
    Path(CString),
    Stat(Box<(CString, libc::statx)>),
    Span(Box<io_uring::types::Timespec>),
    /// Descriptors that must stay open meanwhile.
    Descriptors(Rc<Descriptor>, Option<Rc<Descriptor>>),
}
