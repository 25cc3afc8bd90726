//! A future over one operation. The future only waits: dropped, it leaves the operation an orphan.

use super::{Memory, OpId};
use crate::core::Core;
use crate::descriptor::Descriptor;
use crate::driver::Completion;
use crate::errno::Errno;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// How an operation ended: its result, and the memory it owned.
pub(crate) struct Outcome {
    pub(crate) completion: Completion,
    pub(crate) memory: Memory,
}

impl Outcome {
    /// The count, or the error.
    pub(crate) fn result(&self) -> Result<u32, Errno> {
        Errno::check(self.completion.result)
    }

    /// The descriptor that an accept or open brought, or the error.
    ///
    /// # Safety
    /// The operation was one of these two.
    pub(crate) unsafe fn descriptor(self) -> Result<Descriptor, Errno> {
        let raw = self.result()?;
        // SAFETY: a successful accept or open brings a descriptor that nobody else owns
        // (io_uring_enter(2)), and the outcome is consumed. Guarded by
        // `a_dropped_open_leaks_no_descriptor`.
        Ok(unsafe { Descriptor::from_completion(raw as i32) })
    }
}

/// Waits for the only completion of an operation.
pub(crate) struct OpFuture {
    core: Rc<Core>,
    id: Option<OpId>,
}

impl OpFuture {
    pub(crate) fn new(core: Rc<Core>, id: OpId) -> OpFuture {
        OpFuture { core, id: Some(id) }
    }
}

impl Future for OpFuture {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let id = self.id.expect("not polled after it is done");
        match self.core.take(id, cx.waker()) {
            Some((completion, memory)) => {
                self.id = None;
                Poll::Ready(Outcome { completion, memory })
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for OpFuture {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.core.abandon(id);
        }
    }
}
