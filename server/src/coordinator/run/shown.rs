//! Figures of an inquiry as they are shown: a status, or what metrics are rendered from. Called by
//! `asking.rs` when all have answered; it asks nobody itself, but for what the kernel tells.

use super::Coordinator;
use super::inquiry::Answered;
use crate::certificates::unix_secs;
use crate::coordinator::figures;
use crate::coordinator::plan::CoreState;
use crate::coordinator::status::{self, CoreStatus, Status, Totals};
use crate::observe::access::AccessLog;
use crate::observe::metrics::{CoreSample, Snapshot};
use ringgate_runtime::Core;
use ringgate_runtime::sys::process::rss_bytes;
use std::rc::Rc;

impl Coordinator {
    /// How the server stands.
    pub(super) fn status(&self, core: &Rc<Core>, answered: &Answered) -> Status {
        let (connections, requests) = answered.totals();
        let now = core.now();
        let cores = (0..)
            .zip(&self.pool.cores)
            .filter(|(_, state)| state.has_thread())
            .map(|(index, state)| {
                let slot = &self.slots[index as usize];
                let stats = &slot.stats;
                CoreStatus {
                    index,
                    cpu: self.cpu_of(index),
                    state: state_name(
                        *state,
                        answered.is_silent(index) || self.pool.is_stuck(index),
                    ),
                    operations_in_flight: stats.operations_in_flight.get(),
                    heartbeat_age_ms: slot.heart.silent().as_millis() as u64,
                    busy_permille: slot.work.busy_permille(),
                    connections: (&answered.of(index).connections).into(),
                    requests: (&answered.of(index).requests).into(),
                }
            })
            .collect();
        let counted = || self.slots.iter().map(|slot| &*slot.stats);
        Status {
            phase: self.phase().name(),
            pid: std::process::id(),
            uptime_seconds: (now - self.began).as_secs_f64(),
            resident_bytes: rss_bytes().unwrap_or_default(),
            limits: self.gate.limits().into(),
            pool: self.pool_status(),
            gate: self.gate.occupancy().into(),
            totals: Totals::new(
                &connections,
                &requests,
                figures::responses(counted()),
                figures::bytes(counted()),
            ),
            latency: figures::latency(counted()),
            cores,
            lanes: self.handle.lanes().statuses().map(Into::into).collect(),
            generations: self.generations(),
            listeners: status::listeners(&self.listeners, &self.pool, self.sizing.slots()),
            http2: figures::http2(counted()).into(),
            websockets: figures::websockets(counted()),
            tls: self.tls.as_ref().map(|_| figures::tls(counted()).into()),
            proxies: self
                .listeners
                .expect_headers()
                .then(|| figures::proxies(counted())),
            certificates: status::certificates(self.tls.as_ref(), unix_secs()),
            access_log: self.operators.access_log.as_ref().map(Into::into),
        }
    }

    /// The figures that metrics are rendered from. A slot that has run keeps its place.
    pub(super) fn metrics(&self, core: &Rc<Core>, answered: &Answered) -> Snapshot {
        let now = core.now();
        let ran = (0..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.epoch > 0)
            .map(|(index, slot)| {
                let is_silent = answered.is_silent(index) || self.pool.is_stuck(index);
                CoreSample {
                    index,
                    cpu: self.cpu_of(index),
                    state: state_name(self.pool.cores[index as usize], is_silent),
                    heartbeat_age_seconds: slot.heart.silent().as_secs_f64(),
                    busy: f64::from(slot.work.busy_permille()) / 1000.0,
                    ..figures::core_sample(&slot.stats, answered.of(index))
                }
            });
        let pool = self.pool_status();
        let access_log = self.operators.access_log.as_ref();
        Snapshot {
            phase: self.phase().name(),
            uptime_seconds: (now - self.began).as_secs_f64(),
            limits: figures::limits(self.gate.limits()),
            pool: figures::pool(&pool),
            queued: pool.queued,
            parked: pool.parked,
            slots_taken: self.gate.occupancy().running.into(),
            waiting: self.gate.occupancy().pending.into(),
            clients_forgotten: self.gate.forgotten(),
            cores: ran.collect(),
            routes: figures::routes(self.slots.iter().map(|slot| &*slot.stats)),
            lanes: self.handle.lanes().statuses().map(Into::into).collect(),
            listeners: figures::listeners(&self.listeners, &self.pool, self.sizing.slots()),
            certificates: figures::certificates(self.tls.as_ref()),
            older: self.generations().split_off(1),
            access_log_lines_written: access_log.map_or(0, AccessLog::written),
            access_log_lines_dropped: access_log.map_or(0, AccessLog::dropped),
            ..figures::of_process()
        }
    }
}

/// A core that does not answer is blocked, whatever the plan says of it.
fn state_name(state: CoreState, is_silent: bool) -> &'static str {
    match state {
        CoreState::Quarantined => state.name(),
        _ if is_silent => "blocked",
        _ => state.name(),
    }
}
