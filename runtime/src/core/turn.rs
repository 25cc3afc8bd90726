//! One turn: ready tasks, timers, one enter, completions, other threads; each up to a bound.

use super::failure::{SHORTAGE_PAUSE, failure};
use super::{
    COMPLETIONS_PER_TURN_MAX, Core, Event, HELD_UP, NOTES_PER_TURN_MAX, Received, RingFailed, Sink,
    TIMERS_PER_TURN_MAX,
};
use crate::descriptor::Descriptor;
use crate::driver::{Completion, Operation, Token, Untracked};
use crate::errno::Errno;
use crate::mailbox::Note;
use crate::op::{Finished, Kind, Memory, OpId, SendBuffer, SendPieces, dispose};
use crate::task::{JoinHandle, Stray, catch_panic};
use crate::time::Moment;
use crate::timer::Owner;
use std::future::Future;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

impl Core {
    /// Runs turns until `stop` says so after one.
    ///
    /// # Errors
    /// [`RingFailed`]: no further turn would change anything.
    pub fn run<S: Sink>(
        self: &Rc<Self>,
        sink: &mut S,
        mut stop: impl FnMut(&mut S) -> bool,
    ) -> Result<(), RingFailed> {
        let _entered = self.enter();
        while !stop(sink) {
            if let Some(failed) = self.failed() {
                return Err(failed);
            }
            self.turn(sink, None);
        }
        Ok(())
    }

    /// Runs turns until `future` is ready.
    ///
    /// # Panics
    /// If the ring fails meanwhile ([`RingFailed`]).
    pub fn block_on<F: Future + 'static>(self: &Rc<Self>, future: F) -> F::Output {
        /// Keeps the core from sleeping in the very turn in which the future became ready.
        struct Awaited<T>(JoinHandle<T>);
        impl<T> Sink for Awaited<T> {
            fn on_event(&mut self, _: &Rc<Core>, _: Event) {}
            fn is_busy(&self) -> bool {
                self.0.is_finished()
            }
        }
        let _entered = self.enter();
        let mut awaited = Awaited(self.spawn(future));
        while !awaited.0.is_finished() {
            if let Some(failed) = self.failed() {
                // A core has no tasks when it is dropped.
                self.drop_tasks();
                panic!("what is awaited never comes: {failed}");
            }
            self.turn(&mut awaited, None);
        }
        let handle = awaited.0;
        // What the future left behind, such as a close, waits for no later turn.
        let _ = self.driver.borrow_mut().enter(false, None);
        let mut handle = std::pin::pin!(handle);
        let mut cx = std::task::Context::from_waker(Waker::noop());
        match handle.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(Ok(output)) => output,
            std::task::Poll::Ready(Err(panic)) => std::panic::resume_unwind(panic.into_inner()),
            std::task::Poll::Pending => unreachable!("the handle is finished"),
        }
    }

    /// One turn. Sleeps at most `most` (None: until something happens).
    pub fn turn<S: Sink>(self: &Rc<Self>, sink: &mut S, most: Option<Duration>) {
        self.now.set(self.driver.borrow().now());
        self.tell_long_turn(sink);
        let polled = self.run_ready(sink);
        let fired = !self.is_told_first() && self.expire_timers(sink);
        sink.before_wait(self);
        let now = match polled {
            Some(polled) => self.after_tasks(sink, polled),
            None if fired => self.clock(),
            None => self.now(),
        };
        if now - self.now() >= HELD_UP {
            // The completions of this turn may have come before.
            self.held.set(now);
        }
        // Before the wait: a task of this turn may have given back what a receive waits for.
        self.feed_starved();
        self.wake_yielded();
        self.enter_driver(sink, most, now);
        self.now.set(self.driver.borrow().now());
        self.resumed.set(self.now());
        self.take_completions(sink);
        self.hear_other_threads(sink);
        sink.before_wait(self);
        self.pool.end_of_turn(self);
        self.turns.set(self.turns.get() + 1);
        self.shared.beat(self.turns.get());
    }

    /// The events of the turn before are handled: if that took too long, their owner is told.
    #[inline]
    fn tell_long_turn<S: Sink>(self: &Rc<Self>, sink: &mut S) {
        let took = self.now() - self.resumed.get();
        let limit = self.options.long_poll;
        if took >= limit && !limit.is_zero() {
            sink.on_long_turn(self, self.resumed.get(), took);
        }
    }

    /// Tells of a long turn also for the owner's work with the outcome of tasks, such as the requests that
    /// had waited behind their answers. Answers the time, which costs turns that polled a task a look at the clock.
    #[inline]
    fn after_tasks<S: Sink>(self: &Rc<Self>, sink: &mut S, polled: Moment) -> Moment {
        let now = self.clock();
        let took = now - polled;
        let limit = self.options.long_poll;
        if took >= limit && !limit.is_zero() {
            sink.on_long_turn(self, self.now(), took);
        }
        now
    }

    /// Whether completions are told before timers, once, since the core was held up after it heard of the last: they
    /// may have come before a time limit that has passed by now.
    #[inline]
    fn is_told_first(&self) -> bool {
        let held_up = self.is_held_up();
        if held_up {
            self.held.set(self.now());
        }
        let puts_off = held_up && !self.put_off.get();
        self.put_off.set(puts_off);
        puts_off
    }

    /// Fires the timers that are due; answers whether there were any.
    pub(super) fn expire_timers<S: Sink>(self: &Rc<Self>, sink: &mut S) -> bool {
        self.looked_before.set(self.looked.replace(self.now()));
        let due = match self.wheel.borrow().next_expiry() {
            Some(next) => next <= self.now(),
            None => false,
        };
        if !due {
            return false;
        }
        let mut fired = Vec::new();
        self.wheel
            .borrow_mut()
            .expire(self.now(), TIMERS_PER_TURN_MAX, |owner| fired.push(owner));
        for owner in fired {
            match owner {
                Owner::Waker(waker) => waker.wake(),
                Owner::Pool => self.pool.look(self),
                Owner::Event(key) => sink.on_event(self, Event::Timer { key }),
            }
        }
        true
    }

    /// Submits, and sleeps until something happens, at most `most` from `now` on: [`Core::now`] is older than that by
    /// what the tasks of this turn took, and what is due by then would be late by as much.
    pub(super) fn enter_driver<S: Sink>(&self, sink: &mut S, most: Option<Duration>, now: Moment) {
        let idle = !self.is_busy(sink);
        let next = self.wheel.borrow().next_expiry();
        let until = next.map(|next| next.since(now));
        let timeout = match (until, most) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let wait = idle
            && timeout != Some(Duration::ZERO)
            && !self.spun(timeout)
            && self.shared.may_sleep();
        // The spin took its share of the time.
        let timeout = timeout.map(|left| left.saturating_sub(self.options.spin));
        let mut driver = self.driver.borrow_mut();
        if let Err(errno) = driver.enter(wait, timeout) {
            match failure(errno) {
                // It is told once, with the errno that it began with.
                Some(failed) => self.failed.set(self.failed().or(Some(failed))),
                None if wait => {
                    driver.rest(timeout.map_or(SHORTAGE_PAUSE, |t| t.min(SHORTAGE_PAUSE)))
                }
                None => {}
            }
        }
        if wait {
            self.shared.woke();
        }
        if driver.overflowed() {
            drop(driver);
            self.count(|counts| counts.completion_overflows += 1);
        }
    }

    /// Looks for completions for the bounded time of `spin`, but not past `timeout`; answers whether
    /// there were any.
    pub(super) fn spun(&self, timeout: Option<Duration>) -> bool {
        if self.options.spin.is_zero() {
            return false;
        }
        let mut driver = self.driver.borrow_mut();
        let spin = timeout.map_or(self.options.spin, |most| most.min(self.options.spin));
        let end = driver.now() + spin;
        let mut taken = self.taken.borrow_mut();
        loop {
            let _ = driver.enter(false, None);
            driver.completions(COMPLETIONS_PER_TURN_MAX, &mut taken);
            if !taken.is_empty() {
                return true;
            }
            if driver.now() >= end {
                return false;
            }
            std::hint::spin_loop();
        }
    }

    pub(super) fn take_completions<S: Sink>(self: &Rc<Self>, sink: &mut S) {
        self.driver
            .borrow_mut()
            .completions(COMPLETIONS_PER_TURN_MAX, &mut self.taken.borrow_mut());
        // One by one and not drained: if the sink panics, the rest is still there for teardown.
        loop {
            let next = self.taken_next.get();
            let Some(completion) = self.taken.borrow().get(next).copied() else {
                break;
            };
            self.taken_next.set(next + 1);
            self.complete(&completion, sink);
        }
        self.taken.borrow_mut().clear();
        self.taken_next.set(0);
        let own = self.own.borrow().len();
        for _ in 0..own {
            let completion = self.own.borrow_mut().pop_front();
            if let Some(completion) = completion {
                self.complete(&completion, sink);
            }
        }
    }

    #[inline]
    pub(super) fn complete<S: Sink>(self: &Rc<Self>, completion: &Completion, sink: &mut S) {
        if completion.token.generation == Token::UNTRACKED_GENERATION {
            if completion.token.slot == Untracked::Close as u32 && completion.result < 0 {
                self.count(|counts| counts.failed_closes += 1);
            }
            return;
        }
        let finished = self.ops.borrow_mut().complete(completion);
        match finished {
            Finished::Event { key, kind, memory } => self.tell(sink, key, kind, memory, completion),
            Finished::Woken(waker) => {
                // Lent at once and not when the future looks: a buffer that the kernel has filled
                // must not count as one that a starved receive could have.
                if let Some(buffer) = completion.buffer() {
                    let len = Errno::check(completion.result).unwrap_or(0);
                    let lease = Memory::Leased(self.pool.lend(buffer, len));
                    let id = OpId(completion.token);
                    let replaced = self.ops.borrow_mut().deliver(id, lease);
                    drop(replaced);
                }
                waker.wake();
            }
            Finished::Orphaned { kind, memory } => self.dispose(kind, memory, completion),
            Finished::Starved { served } => {
                let id = OpId(completion.token);
                self.starved.borrow_mut().join(id, served);
                self.count(|counts| counts.starved_receives += 1);
            }
            Finished::Room => self.go_on_in_place(OpId(completion.token)),
            Finished::Stale => {
                if let Some(id) = completion.buffer() {
                    drop(self.pool.lend(id, 0));
                }
            }
        }
    }

    #[inline]
    pub(super) fn tell<S: Sink>(
        self: &Rc<Self>,
        sink: &mut S,
        key: u64,
        kind: Kind,
        memory: Memory,
        completion: &Completion,
    ) {
        let result = Errno::check(completion.result);
        let more = completion.more();
        let event = match kind {
            Kind::ReceiveLeased { .. } => {
                let lease = completion
                    .buffer()
                    .map(|id| self.pool.lend(id, result.unwrap_or(0)));
                let received = match (result, lease) {
                    (Err(errno), _) => Received::Failed(errno),
                    (Ok(0), _) | (Ok(_), None) => Received::Eof,
                    (Ok(_), Some(lease)) => Received::Bytes(lease),
                };
                Event::Received {
                    key,
                    received,
                    more,
                }
            }
            Kind::Send => {
                let buffer = match memory {
                    Memory::Send(buffer) => buffer,
                    _ => SendBuffer::Static(b""),
                };
                Event::Sent {
                    key,
                    result,
                    buffer,
                }
            }
            Kind::SendPieces | Kind::SendInPlace => {
                let pieces = match memory {
                    Memory::SendPieces(pieces) => pieces,
                    _ => SendPieces::new(),
                };
                let result = match kind {
                    Kind::SendInPlace => cut_off(result, &pieces),
                    _ => result,
                };
                Event::SentPieces {
                    key,
                    result,
                    pieces,
                }
            }
            Kind::Accept | Kind::Open => {
                // SAFETY: a successful accept or open brings a descriptor that nobody else owns
                // (io_uring_enter(2)). Guarded by `a_dropped_accept_loses_no_connection`.
                let result = result.map(|fd| unsafe { Descriptor::from_completion(fd as i32) });
                Event::Accepted { key, result, more }
            }
            Kind::Poll | Kind::Other => Event::Polled { key, result, more },
            Kind::Wake => {
                if !more {
                    self.waking.set(None);
                    if result != Err(Errno::CANCELLED) {
                        self.arm_wake();
                    }
                }
                return;
            }
        };
        sink.on_event(self, event);
    }

    pub(super) fn dispose(&self, kind: Kind, memory: Memory, completion: &Completion) {
        match completion.buffer() {
            Some(id) if !matches!(memory, Memory::Leased(_)) => drop(self.pool.lend(id, 0)),
            _ => {}
        }
        drop(dispose(kind, &memory, completion.result));
    }

    pub(super) fn hear_other_threads<S: Sink>(self: &Rc<Self>, sink: &mut S) {
        for _ in 0..NOTES_PER_TURN_MAX {
            match self.shared.next_note() {
                None => break,
                Some(Note::Wake(slot)) => {
                    let woken = self.tasks.borrow().arrive(slot);
                    if let Some(urgency) = woken {
                        self.ready.borrow_mut().push(slot, urgency);
                    }
                }
                Some(Note::Home(stray)) => drop_at_home(stray),
            }
        }
        if self.shared.take_notified() {
            sink.on_notified(self);
        }
    }

    /// Arms starved receives again, one for each buffer that is there. Never at once: on an empty
    /// ring a receive fails at once even if no byte is there. Called as the last thing before the
    /// core may sleep, so that a buffer given back anywhere in a turn reaches the next in line.
    pub(super) fn feed_starved(&self) {
        let starved = self.starved.borrow().len();
        if starved == 0 {
            return;
        }
        self.pool.grow_for(starved);
        let mut buffers = self.pool.available();
        while buffers > 0 {
            let Some(id) = self.starved.borrow_mut().next() else {
                break;
            };
            // One that was cancelled in line uses no buffer up.
            let again = self.ops.borrow_mut().unstarve(id);
            if let Some((socket, multishot)) = again {
                self.push(id, Operation::ReceiveLeased { socket, multishot });
                buffers -= 1;
            }
        }
    }
}

/// The result of a send in place whose wait for room ended with `result`: the bytes that went before, if any did.
#[cold]
fn cut_off(result: Result<u32, Errno>, pieces: &SendPieces) -> Result<u32, Errno> {
    match (pieces.in_place().done, result) {
        (0, Err(errno)) => Err(errno),
        (0, Ok(_)) => Err(Errno::CANCELLED),
        (done, _) => Ok(done as u32),
    }
}

/// Drops a value that came home. A panic of that ends nothing else; the panic hook tells of it.
#[cold]
fn drop_at_home(stray: Stray) {
    let _ = catch_panic(|| drop(stray));
}

impl Core {
    /// Drops the values that came home and were not heard of, as a core does that ends.
    pub(super) fn drop_what_came_home(&self) {
        self.shared.end();
        while let Some(note) = self.shared.next_note() {
            match note {
                Note::Home(stray) => drop_at_home(stray),
                // Its task has ended.
                Note::Wake(_) => {}
            }
        }
    }
}
