//! A listening socket of any family.
//!
//! Decides what happens to a connection that nobody waits for any more: the cancel of a dropped
//! accept can lose the race, and what it brought is then kept for the next accept, and wakes one
//! that waits already. Accepts one by one deliberately: a task takes a connection when it is ready
//! for one, and the others stay in the kernel's queue, where another process can still have them.

use super::{Socket, Stream};
use crate::core::{Core, current};
use crate::descriptor::Descriptor;
use crate::driver::Operation;
use crate::op::{Kind, Memory, OpFuture, Stash};
use crate::sys::fork::NotInChildren;
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Listens. Dropped, it cancels accepts that are in flight and closes after the last of them.
///
/// ```
/// use ringgate_runtime::current;
/// use ringgate_runtime::net::{Listener, Tcp};
///
/// /// Accepts for ever, each connection in a task of its own.
/// async fn serve(listener: Listener<Tcp>) -> std::io::Result<()> {
///     loop {
///         let mut stream = listener.accept().await?;
///         current().spawn(async move { stream.write_all("busy\n").await });
///     }
/// }
/// ```
pub struct Listener<F> {
    _own: Option<NotInChildren>,
    pub(super) socket: Socket,
    stash: Rc<Stash>,
    family: PhantomData<F>,
}

impl<F> Listener<F> {
    /// Takes a listening socket that is blocking (with O_NONBLOCK an accept that finds nobody ends
    /// with EAGAIN).
    ///
    /// # Panics
    /// Outside a [`Core`].
    pub fn from_fd(fd: OwnedFd) -> Listener<F> {
        Listener::from_descriptor(Descriptor::from(fd))
    }

    /// [`Listener::from_fd`], also for the listener of a simulated world.
    ///
    /// # Panics
    /// Outside a [`Core`].
    pub fn from_descriptor(descriptor: Descriptor) -> Listener<F> {
        Listener {
            _own: descriptor.real().map(NotInChildren::new),
            socket: Socket::new(current(), descriptor),
            stash: Rc::default(),
            family: PhantomData,
        }
    }

    /// The next connection. Dropped early it loses none. Several tasks may accept at once.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOBUFS and ENOMEM leave the connection in the queue: wait and try again.
    /// ECONNABORTED, and the network errors that accept(2) names, are of one connection only.
    pub async fn accept(&self) -> io::Result<Stream<F>> {
        let core: &Rc<Core> = &self.socket.core;
        let listener = self.socket.handle.raw();
        let mut accept: Option<OpFuture> = None;
        let accepted = poll_fn(|cx| {
            if let Some(kept) = self.stash.take() {
                return Poll::Ready(Ok(kept));
            }
            let accept = accept.get_or_insert_with(|| {
                let memory = Memory::Accept(self.stash.clone(), self.socket.handle.clone());
                core.operate(Kind::Accept, memory, |_| Operation::Accept {
                    listener,
                    multishot: false,
                })
            });
            if let Poll::Ready(outcome) = Pin::new(accept).poll(cx) {
                // SAFETY: the operation is an accept (io_uring_prep_accept(3)). Guarded by
                // `a_dropped_accept_loses_no_connection`.
                return Poll::Ready(unsafe { outcome.descriptor() });
            }
            self.stash.wait(cx.waker());
            Poll::Pending
        });
        let connection = accepted.await?;
        Ok(Stream::from_descriptor(core, connection))
    }
}
