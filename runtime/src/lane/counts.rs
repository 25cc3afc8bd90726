//! The state of a lane that anyone can read: kind, limits, workers, queue and totals
//! (docs/seeds.md, P8). Plain values; the lane fills them under its lock.

/// The kinds of lane.
///
/// ```
/// use ringgate_runtime::lane::{Lane, LaneKind};
///
/// let lane = Lane::workers(1).stateless().open("work")?;
/// assert_eq!(lane.status().kind.name(), LaneKind::Workers.name());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    /// Threads of its own.
    Workers,
    /// Tasks of the cores (docs/seeds.md, T14).
    InCore,
}

impl LaneKind {
    /// The word for it in status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            LaneKind::Workers => "workers",
            LaneKind::InCore => "in_core",
        }
    }
}

/// State of a lane at one moment.
///
/// `submitted = finished + panicked + cancelled + timed_out + turned_away + queued + running`, where
/// `running` is `busy`. Work that was refused at the door is not among the submitted.
///
/// ```
/// use ringgate_runtime::lane::Lane;
///
/// let status = Lane::workers(1..=4).stateless().open("work")?.status();
/// assert_eq!((status.max, status.queued), (4, 0));
/// assert!(status.balances());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStatus {
    /// Name of the lane.
    pub name: String,
    /// Kind of the lane.
    pub kind: LaneKind,
    /// The fewest workers; 0 for a lane in the core.
    pub min: u32,
    /// The most workers; for a lane in the core the most operations at a time.
    pub max: u32,
    /// Workers there are: the waiting, the busy and those that make their state. 0 for a lane in the
    /// core.
    pub spawned: u32,
    /// Workers that wait for work.
    pub waiting: u32,
    /// Work that waits for a worker.
    pub queued: u32,
    /// Workers that were asked to leave and have not yet.
    pub trim_requested: u32,
    /// Workers that work, or operations that run.
    pub busy: u32,
    /// Work that may wait at most, if that is bounded.
    pub queue_limit: Option<u32>,
    /// Why the lane cannot work now, if it cannot: what its `init` answered last.
    pub unavailable: Option<String>,
    /// Counts since the lane was made.
    pub totals: LaneTotals,
}

/// Totals of a lane since it was made.
///
/// ```
/// use ringgate_runtime::lane::Lane;
///
/// let totals = Lane::workers(1).stateless().open("work")?.status().totals;
/// assert_eq!((totals.finished, totals.panicked), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneTotals {
    /// Work that was taken in.
    pub submitted: u64,
    /// Work that gave a value.
    pub finished: u64,
    /// Work that panicked.
    pub panicked: u64,
    /// Work whose future was dropped: before it began, or for a lane in the core at any time.
    pub cancelled: u64,
    /// Work that waited longer than `queue_timeout`.
    pub timed_out: u64,
    /// Work that waited when the lane ended or could not work any more, or when a worker that was started for it failed.
    pub turned_away: u64,
    /// Refused at the door because the queue was full.
    pub refused_full: u64,
    /// Refused at the door because the lane could not work.
    pub refused_unavailable: u64,
    /// Refused at the door because the lane was shut down.
    pub refused_closed: u64,
    /// States that were made for workers.
    pub starts: u64,
    /// Attempts to make a state that failed.
    pub failed_starts: u64,
    /// Workers that lost their state and were replaced.
    pub replaced: u64,
}

impl LaneStatus {
    /// Whether the counts of work add up.
    pub fn balances(&self) -> bool {
        let t = &self.totals;
        let ended = t.finished + t.panicked + t.cancelled + t.timed_out + t.turned_away;
        t.submitted == ended + u64::from(self.queued) + u64::from(self.busy)
    }

    /// Whether it has nothing to do.
    pub fn is_idle(&self) -> bool {
        self.queued == 0 && self.busy == 0
    }
}
