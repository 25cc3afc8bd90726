//! The lanes of a server: opened before its cores, found by name, ended after the last core.
//!
//! Called by [`Server`](crate::Server) when it starts and by the coordinator when it tells how the
//! server stands and when it ends. How a lane works is the runtime's ([`ringgate_runtime::lane`]);
//! here it gets its place in a server: its log lines, its status, its answers.

mod answer;
mod figures;
mod simulated;

pub use figures::LaneFigures;
pub use ringgate_runtime::Priority;
pub use ringgate_runtime::lane::{
    Bounds, InCoreLane, InCoreOptions, Lane, LaneError, LaneSetupError, LaneStatus, WorkerLane,
    WorkerOptions,
};

use ringgate_runtime::lane::{Ending, LaneEvent};
use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How long a server waits at its start for the lanes' first workers to make their state. A lane
/// that takes longer goes on with it while the server serves.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// A description of a lane: [`Lane::workers`] with its `init`, or [`Lane::in_core`].
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::lane::{Lane, LaneOptions};
/// use ringgate::{Router, Server};
///
/// fn with(lane: impl LaneOptions) -> Server {
///     Server::new(Config::default(), Router::new()).lane("work", lane)
/// }
///
/// with(Lane::workers(1..=4).stateless()); // threads
/// with(Lane::in_core(100)); // at most so many at a time, on the cores themselves
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no whole description of a lane",
    label = "this is no lane",
    note = "`Lane::workers(2)` goes on with `.init(...)`, which makes the state of a worker, or with `.stateless()`"
)]
pub trait LaneOptions: sealed::Open {}

impl<C: 'static> LaneOptions for WorkerLane<C> {}
impl LaneOptions for InCoreOptions {}

mod sealed {
    use super::*;

    pub trait Open: 'static {
        #[doc(hidden)]
        fn open_any(self: Box<Self>, name: &str) -> Result<Box<dyn AnyLane>, LaneSetupError>;

        /// As it is simulated: in the order in which work comes.
        #[doc(hidden)]
        fn open_simulated(self: Box<Self>, name: &str) -> Result<Box<dyn AnyLane>, LaneSetupError>;
    }

    impl<C: 'static> Open for WorkerLane<C> {
        fn open_any(self: Box<Self>, name: &str) -> Result<Box<dyn AnyLane>, LaneSetupError> {
            let lane = self.observe(log_to(name.to_owned())).open(name)?;
            Ok(Box::new(lane))
        }

        fn open_simulated(self: Box<Self>, name: &str) -> Result<Box<dyn AnyLane>, LaneSetupError> {
            Box::new(self.with_one_worker()).open_any(name)
        }
    }

    impl Open for InCoreOptions {
        fn open_any(self: Box<Self>, name: &str) -> Result<Box<dyn AnyLane>, LaneSetupError> {
            Ok(Box::new(self.open(name)?))
        }

        fn open_simulated(self: Box<Self>, name: &str) -> Result<Box<dyn AnyLane>, LaneSetupError> {
            self.open_any(name)
        }
    }

    /// A lane of whatever state.
    pub trait AnyLane: Send + Sync {
        fn status(&self) -> LaneStatus;
        fn wait_ready(&self, most: Duration) -> bool;
        fn close(&self, ending: Ending);
        fn join(&self, most: Duration) -> Result<(), u32>;
        /// Waits in this thread until all work that was submitted is done and its callers know, if any was since
        /// `seen` pieces were. Returns how many were by now.
        fn settle(&self, seen: u64) -> u64;
        fn as_any(&self) -> &dyn Any;
    }

    impl<C: 'static> AnyLane for Lane<C> {
        fn status(&self) -> LaneStatus {
            Lane::status(self)
        }

        fn wait_ready(&self, most: Duration) -> bool {
            Lane::wait_ready(self, most)
        }

        fn close(&self, ending: Ending) {
            Lane::close(self, ending);
        }

        fn join(&self, most: Duration) -> Result<(), u32> {
            Lane::join(self, most)
        }

        fn settle(&self, seen: u64) -> u64 {
            let submitted = || Lane::status(self).totals.submitted;
            if submitted() == seen {
                return seen;
            }
            // Behind everything else: its caller is told before the worker comes to this. Where it finds no
            // room, other work is on the way.
            loop {
                let last = self.run_as(Priority::Background, |_| ());
                match simulated::wait_for(last) {
                    Err(LaneError::Full) => std::thread::yield_now(),
                    _ => return submitted(),
                }
            }
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    impl AnyLane for InCoreLane {
        fn status(&self) -> LaneStatus {
            InCoreLane::status(self)
        }

        fn wait_ready(&self, _: Duration) -> bool {
            true
        }

        fn close(&self, ending: Ending) {
            InCoreLane::close(self, ending);
        }

        // Its tasks are tasks of the simulation.
        fn settle(&self, seen: u64) -> u64 {
            seen
        }

        // Its tasks end with their cores.
        fn join(&self, _: Duration) -> Result<(), u32> {
            Ok(())
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }
}

use sealed::AnyLane;

/// Tells the log what operators want to know of a lane.
fn log_to(lane: String) -> impl Fn(LaneEvent<'_>) + Send + Sync + 'static {
    move |event| match event {
        LaneEvent::Unavailable(why) => {
            tracing::error!(lane, why, "no worker of the lane can start; it tries again");
        }
        LaneEvent::Recovered => tracing::info!(lane, "the lane works again"),
        LaneEvent::Replaced { worker } => {
            tracing::warn!(lane, worker, "a worker lost its state and makes it anew");
        }
        _ => {}
    }
}

/// Lanes that are described and not open yet.
#[derive(Default)]
pub(crate) struct Planned(Vec<(String, Box<dyn sealed::Open>)>);

impl Planned {
    pub(crate) fn add(&mut self, name: &str, lane: impl LaneOptions) {
        self.0.push((name.to_owned(), Box::new(lane)));
    }

    /// Opens all of them for a simulation ([`simulated`]).
    pub(crate) fn open_simulated(self) -> Result<Lanes, LaneSetupError> {
        self.open_by(|lane, name| lane.open_simulated(name))
    }

    /// Opens all of them and waits for their first workers, for a bounded time (row H13, docs/seeds.md).
    pub(crate) fn open(self) -> Result<Lanes, LaneSetupError> {
        self.open_by(|lane, name| lane.open_any(name))
    }

    fn open_by(
        self,
        open: impl Fn(Box<dyn sealed::Open>, &str) -> Result<Box<dyn AnyLane>, LaneSetupError>,
    ) -> Result<Lanes, LaneSetupError> {
        let mut lanes = BTreeMap::new();
        for (name, lane) in self.0 {
            if lanes.contains_key(&name) {
                return Err(LaneSetupError::NameTaken(name));
            }
            let lane = open(lane, &name)?;
            lanes.insert(name, lane);
        }
        let until = Instant::now() + START_PATIENCE;
        for (name, lane) in &lanes {
            let left = until.saturating_duration_since(Instant::now());
            if !lane.wait_ready(left) {
                tracing::warn!(lane = name, "the server starts without this lane");
            }
        }
        Ok(Lanes(lanes))
    }
}

/// The open lanes of a server.
#[derive(Default)]
pub(crate) struct Lanes(BTreeMap<String, Box<dyn AnyLane>>);

impl Lanes {
    fn find<L: Clone + 'static>(&self, name: &str) -> Result<L, NoLane> {
        let Some(lane) = self.0.get(name) else {
            return Err(NoLane::Unknown {
                name: name.to_owned(),
                have: self.0.keys().cloned().collect(),
            });
        };
        match lane.as_any().downcast_ref::<L>() {
            Some(lane) => Ok(lane.clone()),
            None => Err(NoLane::OtherKind {
                name: name.to_owned(),
                asked: type_name::<L>(),
            }),
        }
    }

    pub(crate) fn workers<C: 'static>(&self, name: &str) -> Result<Lane<C>, NoLane> {
        self.find(name)
    }

    pub(crate) fn in_core(&self, name: &str) -> Result<InCoreLane, NoLane> {
        self.find(name)
    }

    /// Lets all of them do what was submitted ([`simulated`]); `seen` is how much each had been given then.
    pub(crate) fn settle(&self, seen: &mut Vec<u64>) {
        seen.resize(self.0.len(), 0);
        for (lane, seen) in self.0.values().zip(seen) {
            *seen = lane.settle(*seen);
        }
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = LaneStatus> {
        self.0.values().map(|lane| lane.status())
    }

    /// Closes all of them: what runs is let run; what waits is done if the ending says so.
    pub(crate) fn close(&self, ending: Ending) {
        for lane in self.0.values() {
            lane.close(ending);
        }
    }

    /// Whether any of them, closed, has workers left.
    pub(crate) fn are_busy(&self) -> bool {
        let mut lanes = self.0.values();
        lanes.any(|lane| lane.join(Duration::ZERO).is_err())
    }

    /// Ends all of them: what runs is let run, for `most` at most.
    pub(crate) fn end(&self, most: Duration) {
        self.close(Ending::Cancel);
        let until = Instant::now() + most;
        for (name, lane) in &self.0 {
            let left = until.saturating_duration_since(Instant::now());
            if let Err(workers) = lane.join(left) {
                tracing::warn!(lane = name, workers, "work of the lane is left behind");
            }
        }
    }
}

/// Why a lane is not to be had by this name.
///
/// ```
/// use ringgate::lane::NoLane;
///
/// let error = NoLane::Unknown { name: "disk".to_owned(), have: vec![] };
/// assert_eq!(error.to_string(), "there is no lane \"disk\", nor any other; Server::lane makes one");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoLane {
    /// No lane has this name (row T2, docs/seeds.md).
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        have: Vec<String>,
    },
    /// The workers of the lane have a state of another type, or the lane is of another kind.
    OtherKind {
        /// The name asked for.
        name: String,
        /// The type asked for.
        asked: &'static str,
    },
}

impl fmt::Display for NoLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoLane::Unknown { name, have } if have.is_empty() => write!(
                f,
                "there is no lane {name:?}, nor any other; Server::lane makes one"
            ),
            NoLane::Unknown { name, have } => {
                write!(
                    f,
                    "there is no lane {name:?}; this server has {}",
                    have.join(", ")
                )
            }
            NoLane::OtherKind { name, asked } => {
                write!(
                    f,
                    "the lane {name:?} is not a {asked}; ask for what its init makes"
                )
            }
        }
    }
}

impl std::error::Error for NoLane {}
