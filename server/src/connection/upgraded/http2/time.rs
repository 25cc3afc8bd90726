//! The ends that come by themselves: streams and connections whose clients leave something unfinished for too long, and
//! connections that are to go. The limits of streams are kept in whole seconds, looked at once a second.

use super::{Held, seconds};
use crate::connection::OUTPUT_HIGH_BYTES;
use crate::connection::deadlines::cause;
use crate::connection::engine::{Course, Engine};
use crate::connection::key::ConnectionKey;
use crate::connection::settings::Settings;
use crate::connection::step::Outcome;
use crate::connection::table::{Connection, Receive};
use crate::http1::exchange;
use crate::http2::life::Phase;
use crate::http2::session::{Deadline, put_off};
use crate::http2::{End, StreamId};
use ringgate_runtime::Core;
use std::rc::Rc;
use std::time::Duration;

/// How long a client has to say that it has heard of a GOAWAY.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// Looks at a connection that is to go elsewhere and always has streams before its client is told to open another one,
/// one a second at most.
const STAYS_MAX: u32 = 5;

/// How long each may take.
fn limit(deadline: Deadline, settings: &Settings) -> Duration {
    match deadline {
        Deadline::Preface | Deadline::Block => settings.timeout(exchange::Deadline::Head),
        Deadline::Body => settings.timeout(exchange::Deadline::Body),
        Deadline::Stall => settings.http2_stall_timeout,
        Deadline::Drain => HEARD_WITHIN,
        Deadline::Idle => settings.timeout(exchange::Deadline::Idle),
    }
}

impl Engine {
    /// Nothing was sent for a while: ends what has taken too long.
    pub(in crate::connection::upgraded) fn look_at_streams(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
    ) {
        if let Some(http2) = self.upgrades.http2(key) {
            http2.looked = Some(seconds(core));
            http2.passed_over = false;
        }
        self.end_overdue(core, key);
        self.settle_http2(core, key);
    }

    /// Frames are read that had to wait, or some of them: the pace of bodies is counted anew.
    #[cold]
    pub(super) fn read_further(&mut self, key: ConnectionKey) {
        let receives = |c: &mut Connection| matches!(c.receive, Receive::On(_));
        let is_cut = !self.table.get(key).is_some_and(receives);
        let Some(http2) = self.upgrades.http2(key) else {
            return;
        };
        if let Some(held) = &mut http2.held {
            held.is_cut |= is_cut;
        }
        if self.settings.body_rate_min.is_none() {
            return;
        }
        for (_, request) in &http2.kept {
            let on = self.exchanges.get(*request).and_then(|e| e.on.as_mut());
            if let Some(inflow) = on.and_then(|on| on.inflow.as_mut()) {
                inflow.pace.pause();
            }
        }
    }

    /// Frames were read: notes whether there are others that have to wait until the client takes more of what is sent.
    /// No limit of a stream is looked at meanwhile, since they may be what it waits for. Clients that are late are known
    /// once all are read; if not even all were received, the time since then does not count.
    #[inline]
    pub(super) fn hold(&mut self, core: &Core, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let Some(http2) = self.upgrades.http2(key) else {
            return;
        };
        let is_full = connection.output.queued >= OUTPUT_HIGH_BYTES;
        let waits = is_full || http2.held.is_some() && connection.has_rest;
        if !connection.unread.is_empty() && waits {
            let since = seconds(core);
            http2.held.get_or_insert(Held {
                since,
                is_cut: false,
            });
        } else if let Some(held) = http2.held.take()
            && held.is_cut
        {
            self.give_time_back(core, key, held.since);
        }
    }

    /// Bytes that came from this second on are still to be received: the limits of all streams are put off by the time since.
    #[cold]
    fn give_time_back(&mut self, core: &Core, key: ConnectionKey, from: u32) {
        let now = seconds(core);
        let Some(http2) = self.upgrades.http2(key) else {
            return;
        };
        http2.session.give_time_back(from, now);
        for (_, request) in &http2.kept {
            if let Some(spoken) = self.exchanges.get(*request).and_then(|e| e.spoken()) {
                spoken.since = put_off(spoken.since, from, now);
            }
        }
    }

    /// Ends streams and connections that have taken too long. The caller settles the connection.
    pub(super) fn end_overdue(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        for deadline in Deadline::ALL {
            let limit = limit(deadline, &self.settings).as_millis().div_ceil(1000) as u32;
            let since = seconds(core).wrapping_sub(limit);
            let mut ended = Vec::new();
            let done = self.with_session(core, key, |session, desk| {
                session.overdue(deadline, since, desk, &mut ended)
            });
            if let Some(Err(fault)) = done {
                self.end_faulty(core, key, fault);
            }
            for (stream, why) in ended {
                self.end_overdue_stream(core, key, stream, deadline, why);
            }
        }
        self.end_overdue_speech(core, key);
        let is_leaving = matches!(self.course, Course::Leaving(_));
        if let Some(http2) = self.upgrades.http2(key) {
            http2.stays = if is_leaving { http2.stays + 1 } else { 0 };
            if http2.stays > STAYS_MAX {
                self.say_goodbye(core, key);
                self.part_from_streams_later(core, key);
            }
        }
    }

    /// The session has ended a stream that took too long: its request ends with it.
    fn end_overdue_stream(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        stream: StreamId,
        deadline: Deadline,
        why: End,
    ) {
        if let End::Broken(fault) = why
            && fault.budget.is_some()
        {
            self.stats.http2_faults[fault.reason()].add(1);
        }
        let http2 = self.upgrades.http2(key);
        let Some(request) = http2.and_then(|http2| http2.request_of(stream)) else {
            return;
        };
        let waited_for = match deadline {
            Deadline::Body => exchange::Deadline::Body,
            _ => exchange::Deadline::Write,
        };
        if let Some(reason) = cause(waited_for) {
            self.note_reason(request, reason);
        }
        self.end_kept(core, key, request, Outcome::Aborted);
    }

    /// The connection is to end: the client is told, and what it has begun is served.
    pub(in crate::connection::upgraded) fn drain_http2(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
    ) {
        self.say_goodbye(core, key);
        let is_worn = |c: &mut Connection| c.transport.is_worn();
        // A connection that has carried as many requests as it may goes on speaking on its streams.
        if self.table.get(key).is_some_and(is_worn) {
            self.part_from_streams(core, key);
        } else if self.course != Course::Serving {
            self.part_from_streams_later(core, key);
        }
        self.settle_http2(core, key);
    }

    fn say_goodbye(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let is_told = self.with_session(core, key, |session, desk| {
            let is_first = matches!(session.phase(), Phase::Preface | Phase::Open);
            if is_first {
                session.drain(desk);
            }
            is_first
        });
        self.stats
            .http2_drained
            .add(u64::from(is_told == Some(true)));
    }
}
