//! Handlers that hold the core for too long: their route is named in the log and in the metrics.
//!
//! Called around the first step of each handler, which must cost next to nothing: the clock is read
//! only after a turn was found to be long, and then for a while around each first step. Later steps are
//! timed by the core, which tells of long ones. Time in which the core's thread waited for a CPU is
//! taken off (`cpu_wait.rs`): a busy machine is no handler's fault. A long step is warned of, not
//! stopped.

use super::cpu_wait::CpuWait;
use super::engine::Engine;
use ringgate_runtime::task::LongPoll;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;
use std::time::Duration;

/// How long each first step is timed after a turn was long and had several.
const TIMING: Duration = Duration::from_secs(1);

/// A stopwatch for the first steps of handlers in this turn.
#[derive(Default)]
pub(super) struct Watch {
    last: u32,
    turn: Moment,
    steps: u32,
    /// The turn in which a timed step was named.
    named: Option<Moment>,
    /// Until when each first step is timed.
    timing: Option<Moment>,
    cpu_wait: CpuWait,
}

impl Watch {
    /// A handler's first step begins. Answers when, if it is timed.
    #[inline]
    pub(super) fn begin(&mut self, core: &Core, route: u32) -> Option<Moment> {
        if core.now() != self.turn {
            self.turn = core.now();
            self.steps = 0;
        }
        self.last = route;
        self.steps += 1;
        self.timing?;
        self.timing = self.timing.filter(|until| core.now() < *until);
        self.timing.map(|_| core.clock())
    }

    /// Sees how long this thread has waited for a CPU so far. Returns when to look again.
    pub(super) fn look(&mut self, core: &Core) -> Option<Duration> {
        self.cpu_wait.look(core)
    }

    /// The route whose handler was called last.
    pub(super) fn last(&self) -> u32 {
        self.last
    }
}

impl Engine {
    /// The first step that began last is over, and it was timed.
    #[cold]
    pub(super) fn first_step_ended(&mut self, core: &Core, began: Moment) {
        let took = core.clock() - began;
        if let Some(held) = self.held_too_long(core, began, took) {
            let name = self.app.route_name(self.watch.last);
            self.warn_of_long_poll(core, &name, held);
            self.watch.named = Some(self.watch.turn);
        }
    }

    /// Handling the events of a turn that began then took too long. With one first step in it, that
    /// was it, unless it was timed and named already; with several each is timed from now on.
    pub(super) fn long_turn(&mut self, core: &Core, began: Moment, took: Duration) {
        let steps = match self.watch.turn == began {
            true => std::mem::take(&mut self.watch.steps),
            false => 0,
        };
        if self.watch.named.take_if(|turn| *turn == began).is_some() {
            return;
        }
        let Some(held) = self.held_too_long(core, began, took) else {
            return;
        };
        match steps {
            0 => self.warn_of_long_poll(core, "(none)", held),
            1 => {
                let name = self.app.route_name(self.watch.last);
                self.warn_of_long_poll(core, &name, held);
            }
            _ => {
                self.watch.timing = Some(core.now() + TIMING);
                self.warn_of_long_poll(core, "(several)", held);
            }
        }
    }

    /// A later step of a handler or of a stream, or of a task of the application's own, took too
    /// long.
    pub(super) fn long_poll(&mut self, core: &Rc<Core>, poll: &LongPoll) {
        // It ended just now.
        let nanos = core.clock().as_nanos();
        let took = u64::try_from(poll.took.as_nanos()).unwrap_or(nanos);
        let began = Moment::from_nanos(nanos.saturating_sub(took));
        let Some(held) = self.held_too_long(core, began, poll.took) else {
            return;
        };
        let is_of = |task| task == Some(poll.task);
        let exchange = self.exchanges.iter().find(|exchange| {
            is_of(exchange.task) || is_of(exchange.stream.as_ref().map(|stream| stream.task))
        });
        let name = match exchange {
            Some(exchange) => self.app.route_name(exchange.route),
            None => poll.name.unwrap_or("(task)").to_owned(),
        };
        self.warn_of_long_poll(core, &name, held);
    }

    /// For how long a step that was long by the clock has held the core, if that was too long.
    fn held_too_long(&self, core: &Core, began: Moment, took: Duration) -> Option<Duration> {
        let limit = core.options().long_poll;
        let is_long = |held: &Duration| *held >= limit;
        Some(took)
            .filter(is_long)
            .map(|took| self.watch.cpu_wait.held(began, took))
            .filter(is_long)
    }

    fn warn_of_long_poll(&self, core: &Core, route: &str, held: Duration) {
        self.stats.long_poll(route);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            warn,
            "long-poll",
            route,
            ms = held.as_millis() as u64,
            "a step held the core for too long; work that blocks belongs into a lane"
        );
    }
}
