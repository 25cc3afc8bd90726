//! A simulated core on which tests put the listeners of this room: no kernel, and time that costs none.

use ringgate_runtime::driver::Driver;
use ringgate_runtime::driver::simulated::{Client, Faults, World};
use ringgate_runtime::{Core, CoreOptions, Descriptor, Moment};
use std::future::Future;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

/// Turns after which a condition that has not come true never will.
const TURNS_MAX: usize = 200_000;

/// The core, and the number of its listener.
pub(super) struct Stage {
    world: World,
    core: Rc<Core>,
    listener: RawFd,
    began: Moment,
}

impl Stage {
    /// Runs as a task what `serve` makes of a listener.
    pub(super) fn new<T>(serve: impl FnOnce(Descriptor) -> T) -> Stage
    where
        T: Future<Output = ()> + 'static,
    {
        let world = World::new(7, Faults::none());
        let driver = Driver::Simulated(Box::new(world.driver()));
        let core = Core::with_driver(driver, CoreOptions::default()).expect("a simulated ring");
        let listener = world.listen();
        let number = listener.as_raw_fd();
        let entered = core.enter();
        core.spawn(serve(listener));
        drop(entered);
        let began = world.now();
        Stage {
            world,
            core,
            listener: number,
            began,
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn connect(&self) -> Client {
        self.world.connect(&self.listener)
    }

    /// Turns until `done` and returns how long that took.
    #[track_caller]
    pub(super) fn time_until(&mut self, mut done: impl FnMut() -> bool) -> Duration {
        let began = self.world.now();
        for _ in 0..TURNS_MAX {
            if done() {
                return self.world.now() - began;
            }
            self.turn();
        }
        panic!("never done");
    }

    /// Turns for so long.
    pub(super) fn pause(&mut self, span: Duration) {
        let until = self.world.now() + span;
        let world = self.world.clone();
        self.time_until(|| world.now() >= until);
    }

    pub(super) fn since_start(&self) -> Duration {
        self.world.now() - self.began
    }

    fn turn(&mut self) {
        let _entered = self.core.enter();
        self.core.turn(&mut (), Some(Duration::from_millis(5)));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Tasks keep their core alive.
        let _ = self.core.teardown(&mut (), Duration::from_secs(1));
    }
}
