//! Metrics: a snapshot of numbers in, a page for Prometheus out.
//!
//! Rooms in reading order: `snapshot` (what is told), `table` (each metric once), `render` (the
//! text format), `histogram` (how durations are counted), `routes` (answers by route and status). Pure but for the
//! last two, which the cores write and the coordinator reads. Gathering the snapshot and serving the page is done
//! elsewhere.

mod histogram;
mod render;
mod routes;
mod snapshot;
mod table;

#[cfg(test)]
mod tests;

pub use histogram::HistogramSnapshot;
pub use render::{CONTENT_TYPE, render};
pub(crate) use routes::{NO_ROUTE, Tally};
pub use snapshot::{
    CertificateSample, ConnectionCounts, CoreSample, CountsBy, Http2Counts, LaneSample,
    ListenerSample, RequestCounts, RouteSample, Snapshot, TlsCounts, WebSocketCounts,
};
// Not for use by applications.
#[doc(hidden)]
pub use {
    histogram::{DIVISIONS, Histogram, LE_NANOS},
    render::markdown,
    routes::{RouteCounts, STATUSES},
    table::{Definition, Kind, METRICS, Unit},
};
