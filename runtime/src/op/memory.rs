//! The memory an operation owns while the kernel may touch it.

use super::SendPieces;
use crate::buffer::Lease;
use crate::core::Core;
use crate::descriptor::Descriptor;
use crate::fs::Frozen;
use crate::sys::address::SocketAddrStorage;
use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::CString;
use std::fmt;
use std::mem::forget;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::{Rc, Weak};
use std::task::Waker;

/// Bytes to send, owned by the send until it completes.
///
/// ```
/// use ringgate_runtime::SendBuffer;
///
/// let mut bytes: SendBuffer = "hello, you".into(); // lies where it lies
/// bytes.advance(7);
/// assert_eq!(bytes.as_slice(), b"you");
/// assert_eq!(SendBuffer::from(vec![1, 2]).len(), 2);
/// ```
pub enum SendBuffer {
    /// Bytes of one's own.
    Vec(Vec<u8>),
    /// Shared bytes.
    Bytes(Bytes),
    /// Bytes of the program.
    Static(&'static [u8]),
    /// Received bytes, sent back from where the kernel put them.
    Lease(Lease),
    /// Bytes that nobody changes any more. Where a send of pieces has them, a TCP socket gets their pages and no copy.
    Frozen(Frozen),
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
            SendBuffer::Frozen(frozen) => frozen.as_ref(),
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

    /// Drops the first `count` bytes, without copying the others.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn advance(&mut self, count: usize) {
        match self {
            SendBuffer::Vec(bytes) => {
                let mut bytes = Bytes::from(std::mem::take(bytes));
                bytes.advance(count);
                *self = SendBuffer::Bytes(bytes);
            }
            SendBuffer::Bytes(bytes) => bytes.advance(count),
            SendBuffer::Static(bytes) => *bytes = &bytes[count..],
            SendBuffer::Lease(lease) => lease.advance(count),
            SendBuffer::Frozen(frozen) => frozen.advance(count),
        }
    }

    /// The bytes, to be kept for as long as one likes and on any thread: received ones are copied out of their
    /// buffer, which belongs to their core.
    pub fn into_bytes(self) -> Bytes {
        match self {
            SendBuffer::Vec(bytes) => bytes.into(),
            SendBuffer::Bytes(bytes) => bytes,
            SendBuffer::Static(bytes) => Bytes::from_static(bytes),
            SendBuffer::Lease(lease) => lease.to_bytes(),
            SendBuffer::Frozen(frozen) => Bytes::from_owner(frozen),
        }
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

impl From<Frozen> for SendBuffer {
    fn from(frozen: Frozen) -> SendBuffer {
        SendBuffer::Frozen(frozen)
    }
}

impl fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes to send", self.len())
    }
}

/// A descriptor shared by its owner and by the operations on it. The descriptor is closed, through
/// the ring, when the last of them is done with it: closing cancels nothing, and a number that an
/// operation still waits with must not name another file (close(2)).
pub(crate) struct Handle {
    descriptor: Option<Descriptor>,
    core: Weak<Core>,
}

impl Handle {
    pub(crate) fn new(core: &Rc<Core>, descriptor: Descriptor) -> Rc<Handle> {
        Rc::new(Handle {
            descriptor: Some(descriptor),
            core: Rc::downgrade(core),
        })
    }

    pub(crate) fn raw(&self) -> RawFd {
        self.descriptor.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// The descriptor for a safe system call; None if it is simulated.
    pub(crate) fn real(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().and_then(Descriptor::real)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Without a core (it is being dropped itself) the descriptor closes itself.
        if let (Some(core), Some(descriptor)) = (self.core.upgrade(), self.descriptor.take()) {
            core.close(descriptor);
        }
    }
}

/// Where accepted sockets go when nobody waits for them any more: the next accept takes them, so
/// that dropping the future of an accept loses no connection.
#[derive(Default)]
pub(crate) struct Stash {
    accepted: RefCell<VecDeque<Descriptor>>,
    /// Accepts of the same listener that wait in the kernel.
    waiting: RefCell<Vec<Waker>>,
}

impl Stash {
    pub(crate) fn put(&self, connection: Descriptor) {
        self.accepted.borrow_mut().push_back(connection);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    pub(crate) fn take(&self) -> Option<Descriptor> {
        self.accepted.borrow_mut().pop_front()
    }

    /// Wakes `waker` when something is put here.
    pub(crate) fn wait(&self, waker: &Waker) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

/// A message header and all it points to, at a fixed place.
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) address: SocketAddrStorage,
    pub(crate) vector: libc::iovec,
    pub(crate) header: libc::msghdr,
}

/// The memory that an operation in flight owns.
///
/// Handles are descriptors that must stay open until the operation ended.
pub(crate) enum Memory {
    None,
    Send(SendBuffer),
    SendPieces(Box<SendPieces>),
    StreamSend(
        SendBuffer,
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
    ),
    FileBytes(
        Vec<u8>,
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
    ),
    FilePages(
        crate::fs::Pages,
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
    ),
    Accept(
        Rc<Stash>,
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
    ),
    Address(
        Box<SocketAddrStorage>,
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
    ),
    Message(
        Box<Message>,
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
    ),
    Path(CString),
    PathBeneath(
        Box<PathBeneath>,
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
    ),
    Stat(
        Box<Stat>,
        #[expect(dead_code, reason = "kept open")] Option<Rc<Handle>>,
    ),
    Span(Box<io_uring::types::Timespec>),
    /// Only descriptors.
    Handles(
        #[expect(dead_code, reason = "kept open")] Rc<Handle>,
        #[expect(dead_code, reason = "kept open")] Option<Rc<Handle>>,
    ),
    /// After the completion of a receive: the bytes.
    Leased(Lease),
}

impl Memory {
    /// Leaves to the kernel for ever what it may still read and write. Descriptors are not of that kind: the kernel
    /// holds the files of its operations itself, and to keep the numbers open would keep peers waiting.
    pub(crate) fn leak(self) {
        match self {
            Memory::None | Memory::Accept(..) | Memory::Handles(..) | Memory::Leased(_) => {}
            Memory::Send(kept) | Memory::StreamSend(kept, _) => forget(kept),
            Memory::SendPieces(kept) => forget(kept),
            Memory::FileBytes(kept, _) => forget(kept),
            Memory::FilePages(kept, _) => forget(kept),
            Memory::Address(kept, _) => forget(kept),
            Memory::Message(kept, _) => forget(kept),
            Memory::Path(kept) => forget(kept),
            Memory::PathBeneath(kept, _) => forget(kept),
            Memory::Stat(kept, _) => forget(kept),
            Memory::Span(kept) => forget(kept),
        }
    }
}

/// The arguments that openat2(2) reads.
pub(crate) struct PathBeneath {
    pub(crate) path: CString,
    pub(crate) how: io_uring::types::OpenHow,
}

/// The memory that statx(2) reads and writes.
pub(crate) struct Stat {
    pub(crate) path: CString,
    pub(crate) result: libc::statx,
}
