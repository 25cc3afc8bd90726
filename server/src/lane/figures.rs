//! A lane in the status and in the metrics (row P8, docs/seeds.md). The names of the fields are a contract
//! (docs/status.md).

use crate::observe::metrics::LaneSample;
use ringgate_runtime::lane::LaneStatus;
use serde::Serialize;
use std::collections::BTreeMap;

/// One lane.
///
/// ```
/// use ringgate::ServerHandle;
///
/// /// Whether any lane has all of its workers busy.
/// async fn is_busy(server: &ServerHandle) -> bool {
///     let lanes = server.status().await.map_or(Vec::new(), |status| status.lanes);
///     lanes.iter().any(|lane| lane.busy == lane.max)
/// }
/// ```
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct LaneFigures {
    pub name: String,
    pub kind: &'static str,
    pub min: u32,
    pub max: u32,
    pub spawned: u32,
    pub waiting: u32,
    pub queued: u32,
    pub trim_requested: u32,
    pub busy: u32,
    pub queue_limit: Option<u32>,
    pub unavailable: Option<String>,
    pub submitted: u64,
    pub ended: BTreeMap<&'static str, u64>,
    pub refused: BTreeMap<&'static str, u64>,
    pub starts: u64,
    pub failed_starts: u64,
    pub replaced: u64,
}

fn ended(status: &LaneStatus) -> BTreeMap<&'static str, u64> {
    let totals = &status.totals;
    BTreeMap::from([
        ("finished", totals.finished),
        ("panicked", totals.panicked),
        ("cancelled", totals.cancelled),
        ("timed_out", totals.timed_out),
        ("turned_away", totals.turned_away),
    ])
}

fn refused(status: &LaneStatus) -> BTreeMap<&'static str, u64> {
    let totals = &status.totals;
    BTreeMap::from([
        ("full", totals.refused_full),
        ("unavailable", totals.refused_unavailable),
        ("closed", totals.refused_closed),
    ])
}

impl From<LaneStatus> for LaneFigures {
    fn from(status: LaneStatus) -> LaneFigures {
        LaneFigures {
            kind: status.kind.name(),
            min: status.min,
            max: status.max,
            spawned: status.spawned,
            waiting: status.waiting,
            queued: status.queued,
            trim_requested: status.trim_requested,
            busy: status.busy,
            queue_limit: status.queue_limit,
            submitted: status.totals.submitted,
            ended: ended(&status),
            refused: refused(&status),
            starts: status.totals.starts,
            failed_starts: status.totals.failed_starts,
            replaced: status.totals.replaced,
            unavailable: status.unavailable,
            name: status.name,
        }
    }
}

impl From<LaneStatus> for LaneSample {
    fn from(status: LaneStatus) -> LaneSample {
        LaneSample {
            kind: status.kind.name(),
            available: status.unavailable.is_none(),
            workers: BTreeMap::from([
                ("spawned", u64::from(status.spawned)),
                ("waiting", u64::from(status.waiting)),
                ("busy", u64::from(status.busy)),
                ("trim_requested", u64::from(status.trim_requested)),
            ]),
            limits: [
                ("min", Some(status.min)),
                ("max", Some(status.max)),
                ("queue", status.queue_limit),
            ]
            .into_iter()
            .filter_map(|(limit, value)| Some((limit, u64::from(value?))))
            .collect(),
            queued: status.queued.into(),
            submitted: status.totals.submitted,
            ended: ended(&status),
            refused: refused(&status),
            starts: status.totals.starts,
            failed_starts: status.totals.failed_starts,
            replaced: status.totals.replaced,
            name: status.name,
        }
    }
}
