//! A worker's thread, from its first line to its last: it makes its state, works, and drops the
//! state on the same thread (docs/seeds.md, H13). A state that a panic may have left in disorder, or that is
//! found to be bad, is replaced with a growing back-off (docs/seeds.md, P9).

use super::job::{Ran, Work, drop_quietly};
use super::look::Looks;
use super::pool::{Replacement, Standing};
use super::shared::{Next, Place, Shared};
use crate::task::catch_panic;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pauses of the CPU between two looks for work: half a microsecond or so.
const PAUSES_PER_LOOK: u32 = 16;

/// The whole life of the thread.
pub(super) fn run<C: 'static>(shared: &Arc<Shared<C>>, index: u32) {
    // A worker that a submission adds is started by a core, and must not share its CPU. Where the
    // kernel does not allow it, it works all the same.
    let _ = crate::sys::cpu::unpin_current_thread();
    // Failures in a row: attempts to make a state, and states that did not survive their first
    // piece of work.
    let mut failures = 0;
    loop {
        back_off(shared, failures);
        let state = match make(shared) {
            Ok(state) => state,
            Err(why) => {
                failures += 1;
                match shared.failed_to_start(index, why) {
                    Replacement::Starting => continue,
                    Replacement::None => return,
                }
            }
        };
        shared.ready();
        match serve(shared, index, state) {
            Life::Left => return,
            Life::Died { worked } => failures = if worked { 0 } else { failures + 1 },
        }
    }
}

/// End of the life of a state.
enum Life {
    /// The worker goes.
    Left,
    /// The worker needs another state; `worked`: the state that was lost had finished a piece of
    /// work.
    Died { worked: bool },
}

fn make<C: 'static>(shared: &Shared<C>) -> Result<C, String> {
    match catch_panic(|| shared.init()) {
        Ok(made) => made,
        Err(panic) => Err(format!("init panicked: {}", panic.message())),
    }
}

fn serve<C: 'static>(shared: &Arc<Shared<C>>, index: u32, mut state: C) -> Life {
    let mut from = Place::Starting;
    let mut looks = Looks::new(shared.limits().spin);
    // Pieces of work since it last looked or slept.
    let mut run = 0u32;
    let mut done: Option<(Arc<dyn Work<C>>, Ran)> = None;
    let mut worked = false;
    loop {
        // First the books, then the answer: whoever has the answer finds the books in order.
        let most = match from {
            Place::Busy => looks.after_work(run),
            Place::Starting | Place::Asleep | Place::Looking => None,
        };
        let ran = done.as_ref().map(|(_, ran)| *ran);
        let next = shared.next(index, from, ran, most);
        if let Some((work, _)) = done.take() {
            work.deliver();
        }
        match next {
            Next::Work(work) => {
                let ran = work.run(&mut state);
                if ran == Ran::Panicked || !is_good(shared, &mut state) {
                    let replacement = shared.died(index, Standing::Busy, ran);
                    work.deliver();
                    drop_quietly(state);
                    return match replacement {
                        Replacement::Starting => Life::Died { worked },
                        Replacement::None => Life::Left,
                    };
                }
                worked = true;
                from = Place::Busy;
                run = run.saturating_add(1);
                done = Some((work, ran));
            }
            Next::Look(most) => {
                from = Place::Looking;
                run = 0;
                looks.looked(look(shared, most));
            }
            Next::Wait(most) => {
                if from == Place::Busy {
                    looks.slept_at_once();
                }
                from = Place::Asleep;
                run = 0;
                // May return for no reason.
                match most {
                    Some(most) => std::thread::park_timeout(most),
                    None => std::thread::park(),
                }
            }
            Next::Leave => {
                drop_quietly(state);
                return Life::Left;
            }
        }
    }
}

fn is_good<C: 'static>(shared: &Shared<C>, state: &mut C) -> bool {
    catch_panic(|| shared.is_good(state)).unwrap_or(false)
}

/// Looks for work for a bounded time; answers whether some was taken in meanwhile.
fn look<C: 'static>(shared: &Shared<C>, most: Duration) -> bool {
    let began = Instant::now();
    loop {
        // Not all the time: each look takes the line away from who writes it.
        for _ in 0..PAUSES_PER_LOOK {
            std::hint::spin_loop();
        }
        if shared.has_come() {
            return true;
        }
        if began.elapsed() >= most {
            return false;
        }
    }
}

/// Waits before the next attempt, the longer the more have failed; not when the lane is closed.
fn back_off<C: 'static>(shared: &Shared<C>, failures: u32) {
    if failures == 0 {
        return;
    }
    let limits = shared.limits();
    let factor = 1u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
    let pause = limits.retry_first.saturating_mul(factor);
    let (began, pause) = (Instant::now(), pause.min(limits.retry_most));
    while !shared.is_closed() {
        let left = pause.saturating_sub(began.elapsed());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}
