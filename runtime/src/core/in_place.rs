//! Sends that give a socket pages in place of copies of them. The core makes them by system calls of its own: a ring gives
//! a splice to a worker thread, which costs more than the copy does.
//!
//! To their owner they are sends like all others: one completion, with the bytes asked for, or fewer if the socket breaks
//! off. Between two tries a poll is in flight under the number of the send, and a cancel ends that.

use super::Core;
use crate::descriptor::Descriptor;
use crate::driver::{Completion, Driver, Operation};
use crate::errno::Errno;
use crate::op::{InPlace, Kind, Memory, OpId, Place, SendPieces, Whom};
use crate::sys::conduit;
use std::os::fd::{AsRawFd, BorrowedFd};

impl Core {
    pub(super) fn send_in_place(
        &self,
        socket: &Descriptor,
        mut pieces: Box<SendPieces>,
        most: usize,
        more: bool,
        key: u64,
    ) -> OpId {
        pieces.begin_in_place(InPlace {
            socket: socket.as_raw_fd(),
            most,
            more,
            done: 0,
        });
        let memory = Memory::SendPieces(pieces);
        let id = (self.ops.borrow_mut()).insert(Kind::SendInPlace, Whom::Owner(key), memory);
        self.go_on_in_place(id);
        id
    }

    /// Gives the socket what it takes now. The send is over, or waits for room.
    pub(super) fn go_on_in_place(&self, id: OpId) {
        let mut ops = self.ops.borrow_mut();
        let Some(Memory::SendPieces(pieces)) = ops.memory(id) else {
            return;
        };
        let result = match self.put_in_place(pieces) {
            Ok(sent) => sent as i32,
            Err(Errno(libc::EAGAIN)) => {
                let fd = pieces.in_place().socket;
                drop(ops);
                let poll = Operation::Poll {
                    fd,
                    events: libc::POLLOUT as u32,
                    multishot: false,
                };
                return self.push(id, poll);
            }
            Err(errno) => match pieces.in_place().done {
                0 => -errno.0,
                sent => sent as i32,
            },
        };
        ops.is_all_in_place(id);
        drop(ops);
        let completion = Completion::new(id.0, result, false, None);
        self.own.borrow_mut().push_back(completion);
    }

    /// Gives the socket all that is asked for; answers how much that was.
    fn put_in_place(&self, pieces: &mut SendPieces) -> Result<usize, Errno> {
        let socket = pieces.in_place().socket;
        while let Some((place, more)) = pieces.next_in_place() {
            let sent = match &mut *self.driver.borrow_mut() {
                Driver::Simulated(driver) => driver.send_now(socket, place.bytes())?,
                Driver::Kernel(_) => {
                    // SAFETY: the socket is open: its owner closes it when its last operation is over
                    // (close(2)), and this one is not. Guarded by
                    // `pages_arrive_in_their_order_however_slowly_they_are_taken`.
                    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
                    let sent = match place {
                        Place::Plain(bytes) => conduit::copy(socket, bytes, more),
                        Place::Frozen(part) => self.conduit.borrow_mut().send(socket, part, more),
                    };
                    sent.map_err(|errno| Errno(errno.raw_os_error()))?
                }
            };
            if sent == 0 {
                return Err(Errno(libc::EAGAIN));
            }
            pieces.went_in_place(sent);
        }
        Ok(pieces.in_place().done)
    }
}
