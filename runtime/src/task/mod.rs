//! Tasks: futures that live on one core and are polled by it alone (docs/seeds.md, T3).
//!
//! The table knows where each task lies and which are ready; [`Core`](crate::Core) runs them. A
//! panic ends its own task and no other.

mod arena;
mod bound;
pub(crate) mod first;
mod join;
mod local;
mod nested;
mod ready;
mod switch;
mod wake;

pub use bound::{Bound, Elsewhere, values_lost};
pub(crate) use bound::{Stray, thread_number};
pub(crate) use join::joinable;
pub use local::{NoValue, Scope, TaskLocal};
pub use nested::Nested;
pub(crate) use ready::Ready;
pub use ready::Urgency;
pub use switch::{set_urgency, yield_now};

pub use join::{CatchUnwind, JoinHandle, Panic, catch_panic, catch_unwind};

use crate::mailbox::Shared;
pub(crate) use arena::TaskBox;
use arena::{Arena, Room};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
#[cfg(all(test, model_checked))]
pub(crate) use wake::Standing;
pub(crate) use wake::WakeCell;

/// Names a task until it ends; afterwards it names nothing.
///
/// ```
/// use ringgate_runtime::task::TaskId;
/// use ringgate_runtime::Core;
///
/// fn give_up(core: &Core, task: TaskId) {
///     core.cancel_task(task); // nothing, if it has ended
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId {
    slot: u32,
    generation: u32,
}

/// How a task is started by [`Core::spawn_with`](crate::Core::spawn_with).
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, Priority, current};
/// use ringgate_runtime::task::TaskOptions;
///
/// Core::new(CoreOptions::default())?.block_on(async {
///     let options = TaskOptions { urgency: Priority::Background.into(), name: Some("report") };
///     let report = current().spawn_with(options, async { "done" });
///     assert_eq!(report.await.ok(), Some("done"));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskOptions {
    /// When it is polled, among others.
    pub urgency: Urgency,
    /// Name of the kind of task, for reports.
    pub name: Option<&'static str>,
}

/// A step of a task that held the core for too long.
///
/// ```
/// use ringgate_runtime::task::LongPoll;
///
/// fn report(poll: &LongPoll) -> String {
///     format!("a step of {} took {:?}", poll.name.unwrap_or("a task"), poll.took)
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LongPoll {
    /// The task, which may have ended with this step.
    pub task: TaskId,
    /// Name of the task, if it has one.
    pub name: Option<&'static str>,
    /// How long the step took.
    pub took: std::time::Duration,
}

struct Seat {
    generation: u32,
    name: Option<&'static str>,
    tenant: Tenant,
    cell: Arc<WakeCell>,
    /// None while the task is being polled.
    waker: Option<Waker>,
}

enum Tenant {
    None,
    Task(TaskBox),
    /// The task is being polled, by a frame further up.
    Away,
    /// As Away, and the task is dropped when that poll returns.
    Cancelled,
}

/// The tasks of one core. Seats are never given back: wakers name them for ever.
pub(crate) struct Tasks {
    seats: Vec<Seat>,
    free: Vec<u32>,
    /// A seat that waits for the next task that is polled before it is seated: most of them never
    /// need it.
    reserve: Option<Box<Reserved>>,
    arena: Rc<Arena>,
    shared: Arc<Shared>,
    panics: u64,
}

/// A task taken out of the table to be polled.
pub(crate) struct Turn {
    slot: u32,
    generation: u32,
    name: Option<&'static str>,
    task: TaskBox,
    waker: Waker,
}

/// A seat that waits for its task. In a box, and the same one for ever: it goes from hand to hand
/// with every request, and a structure moved so soon after it was written stalls the processor.
pub(crate) struct Reserved {
    slot: u32,
    waker: Waker,
    /// Where the future before it was that ended at once.
    room: Option<Room>,
}

impl Reserved {
    #[inline]
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// The place of the future before.
    #[inline]
    pub(super) fn take_room(&mut self) -> Option<Room> {
        self.room.take()
    }

    /// The place for the next future.
    #[inline]
    pub(super) fn set_room(&mut self, room: Option<Room>) {
        self.room = room;
    }
}

impl Tasks {
    pub(crate) fn new(shared: Arc<Shared>) -> Tasks {
        Tasks {
            seats: Vec::new(),
            free: Vec::new(),
            reserve: None,
            arena: Rc::default(),
            shared,
            panics: 0,
        }
    }

    /// Where futures of this core have their places.
    pub(crate) fn arena(&self) -> Rc<Arena> {
        self.arena.clone()
    }

    /// Tasks that have not ended.
    pub(crate) fn len(&self) -> usize {
        self.seats.len() - self.free.len() - usize::from(self.reserve.is_some())
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics
    }

    /// The drop of a task's future has panicked.
    pub(crate) fn count_panic(&mut self) {
        self.panics += 1;
    }

    #[inline]
    pub(crate) fn insert<F: Future<Output = ()> + 'static>(&mut self, future: F) -> TaskId {
        let task = TaskBox::new(&self.arena, future);
        let slot = self.free_slot();
        self.seat(slot, task)
    }

    /// A seat for a future that is about to be polled for the first time, and where to put it.
    #[inline]
    pub(crate) fn reserve(&mut self) -> (Box<Reserved>, Rc<Arena>) {
        let seat = match self.reserve.take() {
            Some(seat) => seat,
            None => self.new_reserve(),
        };
        (seat, self.arena.clone())
    }

    #[inline(never)]
    fn new_reserve(&mut self) -> Box<Reserved> {
        let (slot, waker) = self.free_seat();
        Box::new(Reserved {
            slot,
            waker,
            room: None,
        })
    }

    /// A free seat, and the waker of its next task.
    fn free_seat(&mut self) -> (u32, Waker) {
        let slot = self.free_slot();
        let seat = &mut self.seats[slot as usize];
        seat.cell.standing().polled();
        // Only while a task is polled its seat is without the waker, and this seat is free.
        let waker = seat.waker.take();
        (
            slot,
            waker.unwrap_or_else(|| Waker::from(seat.cell.clone())),
        )
    }

    /// The future of a reserved seat waits: it becomes a task, and another seat takes the place of
    /// its own.
    pub(crate) fn occupy(&mut self, mut reserved: Box<Reserved>, task: TaskBox) -> TaskId {
        let (slot, waker) = self.free_seat();
        let slot = std::mem::replace(&mut reserved.slot, slot);
        let waker = std::mem::replace(&mut reserved.waker, waker);
        self.give_up(reserved);
        self.seats[slot as usize].waker = Some(waker);
        self.seat(slot, task)
    }

    /// The future of a reserved seat has ended.
    #[inline]
    pub(crate) fn give_up(&mut self, reserved: Box<Reserved>) {
        if self.reserve.is_none() {
            self.reserve = Some(reserved);
        } else {
            self.give_up_second(*reserved);
        }
    }

    /// Two were reserved at once: a task was started from within another's first step.
    #[cold]
    fn give_up_second(&mut self, reserved: Reserved) {
        self.seats[reserved.slot as usize].waker = Some(reserved.waker);
        self.free.push(reserved.slot);
    }

    #[inline]
    fn free_slot(&mut self) -> u32 {
        match self.free.pop() {
            Some(slot) => slot,
            None => self.new_seat(),
        }
    }

    #[cold]
    fn new_seat(&mut self) -> u32 {
        let slot = self.seats.len() as u32;
        let cell = WakeCell::new(slot, self.shared.clone());
        let waker = Some(Waker::from(cell.clone()));
        self.seats.push(Seat {
            generation: 0,
            name: None,
            tenant: Tenant::None,
            cell,
            waker,
        });
        slot
    }

    #[inline]
    fn seat(&mut self, slot: u32, task: TaskBox) -> TaskId {
        let seat = &mut self.seats[slot as usize];
        seat.tenant = Tenant::Task(task);
        TaskId {
            slot,
            generation: seat.generation,
        }
    }

    /// Takes the task out for a poll; None if the seat is empty or its task being polled.
    #[inline]
    pub(crate) fn begin(&mut self, slot: u32) -> Option<Turn> {
        let seat = self.seats.get_mut(slot as usize)?;
        seat.cell.standing().polled();
        if !matches!(seat.tenant, Tenant::Task(_)) {
            return None;
        }
        match (
            std::mem::replace(&mut seat.tenant, Tenant::Away),
            seat.waker.take(),
        ) {
            (Tenant::Task(task), Some(waker)) => Some(Turn {
                slot,
                generation: seat.generation,
                name: seat.name,
                task,
                waker,
            }),
            (tenant, waker) => {
                seat.tenant = tenant;
                seat.waker = waker;
                None
            }
        }
    }

    /// Puts a polled task back, or frees its seat. Answers what is to be dropped, outside of any
    /// borrow of the table.
    #[inline]
    pub(crate) fn end(&mut self, turn: Turn, ended: Ended) -> Option<TaskBox> {
        let Turn {
            slot, task, waker, ..
        } = turn;
        let seat = &mut self.seats[slot as usize];
        seat.waker = Some(waker);
        if ended == Ended::Panicked {
            self.panics += 1;
        }
        if ended == Ended::Not && !matches!(seat.tenant, Tenant::Cancelled) {
            seat.tenant = Tenant::Task(task);
            return None;
        }
        self.vacate(slot);
        Some(task)
    }

    fn vacate(&mut self, slot: u32) {
        let seat = &mut self.seats[slot as usize];
        seat.tenant = Tenant::None;
        seat.generation = seat.generation.wrapping_add(1);
        seat.name = None;
        seat.cell.set_urgency(Urgency::default());
        self.free.push(slot);
    }

    /// Takes a task out for good. Answers what is to be dropped, outside of any borrow.
    pub(crate) fn cancel(&mut self, id: TaskId) -> Option<TaskBox> {
        let seat = self.seats.get_mut(id.slot as usize)?;
        if seat.generation != id.generation {
            return None;
        }
        match std::mem::replace(&mut seat.tenant, Tenant::Cancelled) {
            Tenant::Task(task) => {
                self.vacate(id.slot);
                Some(task)
            }
            Tenant::Away | Tenant::Cancelled => None,
            Tenant::None => {
                seat.tenant = Tenant::None;
                None
            }
        }
    }

    /// Takes every task out. The caller drops them outside of any borrow.
    pub(crate) fn clear(&mut self) -> Vec<TaskBox> {
        let ids = (0..self.seats.len() as u32).map(|slot| TaskId {
            slot,
            generation: self.seats[slot as usize].generation,
        });
        ids.collect::<Vec<_>>()
            .into_iter()
            .filter_map(|id| self.cancel(id))
            .collect()
    }

    /// Whether the task has not ended.
    pub(crate) fn is_there(&self, id: TaskId) -> bool {
        let seat = self.seats.get(id.slot as usize);
        seat.is_some_and(|seat| {
            seat.generation == id.generation && !matches!(seat.tenant, Tenant::None)
        })
    }

    pub(crate) fn slot(&self, id: TaskId) -> u32 {
        id.slot
    }

    /// A note says that the task in this seat was woken: how urgent it is, or None if it is queued already.
    pub(crate) fn arrive(&self, slot: u32) -> Option<Urgency> {
        let cell = &self.seats.get(slot as usize)?.cell;
        cell.standing().arrive().then(|| cell.urgency())
    }

    pub(crate) fn set_urgency(&self, slot: u32, urgency: Urgency) {
        if let Some(seat) = self.seats.get(slot as usize) {
            seat.cell.set_urgency(urgency);
        }
    }

    pub(crate) fn set_name(&mut self, slot: u32, name: Option<&'static str>) {
        if let Some(seat) = self.seats.get_mut(slot as usize) {
            seat.name = name;
        }
    }
}

/// Whether a poll was the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Not,
    Finished,
    Panicked,
}

impl Turn {
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// Returns the report to be made if this step takes too long.
    pub(crate) fn long_poll(&self) -> LongPoll {
        LongPoll {
            task: TaskId {
                slot: self.slot,
                generation: self.generation,
            },
            name: self.name,
            took: std::time::Duration::ZERO,
        }
    }

    #[inline]
    pub(crate) fn poll(&mut self) -> Ended {
        let mut cx = Context::from_waker(&self.waker);
        let task = self.task.as_mut();
        match catch_panic(|| task.poll(&mut cx)) {
            Ok(poll) if poll.is_ready() => Ended::Finished,
            Ok(_) => Ended::Not,
            Err(_) => Ended::Panicked,
        }
    }
}
