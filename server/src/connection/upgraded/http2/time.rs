//! The ends that come by themselves: streams and connections whose clients leave something unfinished for too long, and
//! connections that are to go. The limits of streams are kept in whole seconds, looked at once a second.

use super::seconds;
use crate::connection::deadlines::cause;
use crate::connection::engine::{Course, Engine};
use crate::connection::key::ConnectionKey;
use crate::connection::settings::Settings;
use crate::connection::step::Outcome;
use crate::connection::table::Connection;
use crate::http1::exchange;
use crate::http2::life::Phase;
use crate::http2::session::Deadline;
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
            http2.looked = seconds(core);
        }
        self.end_overdue(core, key);
        self.settle_http2(core, key);
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
                self.part_from_streams(core, key);
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
        if self.course != Course::Serving || self.table.get(key).is_some_and(is_worn) {
            self.part_from_streams(core, key);
        }
        self.settle_http2(core, key);
    }

    fn say_goodbye(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let is_told = self.with_session(core, key, |session, desk| {
            let is_first = matches!(session.phase(), Phase::Preface | Phase::Open);
            if is_first {
                session.drain(desk.seconds, desk.out);
            }
            is_first
        });
        self.stats
            .http2_drained
            .add(u64::from(is_told == Some(true)));
    }
}
