//! The engine of one core: its connections, and what happens to them. The owner of events of its
//! ring; each event goes to the file of its step.

use super::accept::{Intake, Listeners};
use super::access::Access;
use super::arrival::Arrival;
use super::exchanges::Exchanges;
use super::headroom::{Headroom, Places};
use super::help::Helping;
use super::key::{ConnectionKey, ExchangeKey, Subject};
use super::listener::{Fresh, ListenerId, ListenerSeat};
use super::long_poll::Watch;
use super::look::Looks;
use super::moves::Moves;
use super::output::{LongMemory, SparePieces};
use super::settings::Settings;
use super::share::Shares;
use super::stall::Stalls;
use super::table::{Connection, Table};
use super::tls::{Handshakes, Sealing};
use super::transfer::{COORDINATOR, Parcel};
use super::upgraded::Upgrades;
use crate::admission::door::{Door, Ticket};
use crate::admission::gate::{Gate, Verdict};
use crate::admission::ledger::{CoreStats, Ledgers};
use crate::coordinator::SUCCESSOR;
use crate::handler::{Application, PlacedParts, Response, Switching, none_noted, take_notes};
use crate::http1::date::DateCache;
use crate::http1::exchange::State;
use crate::http1::refusal::Refusal;
use crate::observe::access::Outlet;
use crate::observe::log::RateLimit;
use crate::observe::metrics::RouteCounts;
use crate::tls::handshake::terms::Acceptor;
#[cfg(test)]
use crate::tls::record::Session;
use ringgate_runtime::core::CoreCounts;
use ringgate_runtime::sys::registry::SocketRegistry;
use ringgate_runtime::task::LongPoll;
use ringgate_runtime::task::Panic;
use ringgate_runtime::{Core, Event, Moment, Sink};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Answers that handlers gave and the engine has not taken up yet.
#[derive(Default)]
pub(crate) struct Finished {
    answers: RefCell<VecDeque<(ExchangeKey, Result<Response, Panic>)>>,
}

impl Finished {
    #[inline]
    pub(crate) fn push(&self, request: ExchangeKey, answer: Result<Response, Panic>) {
        self.answers.borrow_mut().push_back((request, answer));
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<(ExchangeKey, Result<Response, Panic>)> {
        self.answers.borrow_mut().pop_front()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.answers.borrow().is_empty()
    }
}

/// Requests that something outside of the engine has touched: a handler read its body, a stream has a
/// piece.
#[derive(Default)]
pub(crate) struct Attention {
    calls: RefCell<Vec<ExchangeKey>>,
}

impl Attention {
    pub(crate) fn call(&self, request: ExchangeKey) {
        self.calls.borrow_mut().push(request);
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.calls.borrow().is_empty()
    }

    /// Takes the requests that were touched since the last time.
    pub(super) fn take(&self) -> Vec<ExchangeKey> {
        self.calls.take()
    }
}

/// A message to a core.
pub(crate) enum Message {
    /// Own this listener: accept on it.
    Arm(ListenerSeat),
    /// Give this listener up; answered by [`Report::Disarmed`] once nothing of it is in flight.
    Disarm(ListenerId),
    /// The gate's word on one of its requests.
    Verdict(Verdict),
    /// Serve this connection, accepted elsewhere.
    Adopt(Fresh),
    /// A connection moves in.
    Parcel(Box<Parcel>),
    /// Go on with these.
    Settings(Box<Settings>),
    /// A listener is as told here from now on: for who owns it, or helps at it.
    Reseat(ListenerSeat),
    /// Begin handshakes with this from here on.
    Acceptor(Option<Acceptor>),
    /// Accept on this listener in the stead of its owner, which is stuck.
    Help(ListenerSeat),
    /// The owner of this listener does without help.
    Unhelp(ListenerId),
    /// Move so many idle connections to these cores.
    Spread(Vec<(u32, u64)>),
    /// Panic, outside of every handler.
    Panic,
    /// Say what you have counted ([`Report::Published`]), for the inquiry of this number.
    Publish(u64),
    /// Move every connection that can be moved to these cores in turn, or to the coordinator if
    /// there are none, and the others when they can be; end when none is left. No listener is owned
    /// any more, or it is about to be given up.
    Leave(Vec<u32>),
    /// The process that connections go to has no certificate: clients of TLS shake hands here first.
    KeepHandshakes,
    /// Serve on after all.
    Stay,
    /// Answers announce the end; idle connections close when their grace is over; end when none
    /// is left. No listener is owned any more.
    Drain,
    /// Close everything now, and end.
    Force,
}

/// A report of a core to the coordinator.
pub(crate) enum Report {
    /// The listener has no owner now, and nothing of it is in flight.
    Disarmed(u32, ListenerId),
    /// The counts of this core, for the inquiry of this number; its gauges are up to date.
    Published(u32, u64, Box<Ledgers>),
    /// The connection waits with the coordinator until there is a core for it.
    Parked(Box<Parcel>),
    /// The core has accepted as many connections as it was to.
    Worn(u32),
}

/// Where messages go.
pub(crate) trait Post: Send + Sync {
    /// To another core.
    fn to_core(&self, core: u32, message: Message);
    /// To the coordinator.
    fn to_coordinator(&self, report: Report);
    /// The messages that wait for this core.
    fn next(&self, core: u32) -> Option<Message>;
}

/// The state that the core is on its way to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    Serving,
    /// Connections go to these cores.
    Leaving(Vec<u32>),
    Draining,
    Forced,
}

/// The parts that an engine is made of.
pub(crate) struct EngineParts {
    pub(crate) index: u32,
    pub(crate) epoch: u32,
    pub(crate) settings: Settings,
    pub(crate) app: Rc<dyn Application>,
    pub(crate) gate: Arc<Gate>,
    /// The beginning of handshakes; None where no listener speaks TLS.
    pub(crate) acceptor: Option<Acceptor>,
    pub(crate) stats: Arc<CoreStats>,
    pub(crate) post: Arc<dyn Post>,
    /// Open sockets of the core, for the coordinator.
    pub(crate) sockets: Arc<SocketRegistry>,
    /// Room for connections in the process.
    pub(crate) headroom: Arc<Headroom>,
    /// The core's end of the access log, if there is one.
    pub(crate) access_log: Option<Outlet>,
}

/// The connections of one core, and everything that their steps share.
pub(crate) struct Engine {
    pub(super) index: u32,
    pub(super) settings: Settings,
    pub(super) app: Rc<dyn Application>,
    pub(super) door: Rc<Door>,
    pub(super) stats: Arc<CoreStats>,
    /// The core's answers by route and status.
    pub(super) routes: Arc<RouteCounts>,
    pub(super) post: Arc<dyn Post>,
    pub(super) table: Table,
    pub(super) exchanges: Exchanges,
    /// Why the message at hand is refused, from the event to its effect.
    pub(super) refusal: Option<Refusal>,
    /// The request that is refused for its head, for what the application has around that.
    pub(super) seen: Option<PlacedParts>,
    /// The protocol that the connection at hand changes to, from the event to its effect.
    pub(super) switching: Option<Switching>,
    pub(super) upgrades: Upgrades,
    pub(super) listeners: Listeners,
    pub(super) helping: Helping,
    /// Connections that were accepted, as far as they are counted towards the end of the core; None: it has said that it
    /// is worn.
    pub(super) wear: Option<u32>,
    pub(super) sockets: Arc<SocketRegistry>,
    pub(super) headroom: Arc<Headroom>,
    pub(super) places: Places,
    pub(super) finished: Rc<Finished>,
    pub(super) attention: Rc<Attention>,
    pub(super) buffers: Vec<Vec<u8>>,
    pub(super) long: LongMemory,
    pub(super) pieces: SparePieces,
    /// The beginning of handshakes; None where no listener speaks TLS.
    pub(super) acceptor: Option<Acceptor>,
    pub(super) handshakes: Handshakes,
    pub(super) sealing: Sealing,
    pub(super) course: Course,
    /// Whether clients of TLS shake hands here before they go to the process that connections go to.
    pub(super) handshakes_stay: bool,
    pub(super) cut: u64,
    /// Connections that were refused by the gate and are not closed yet.
    pub(super) rejecting: u64,
    /// The slots of connections, where connections hold them.
    pub(super) connection_slots: HashMap<ConnectionKey, Ticket>,
    /// Connections that wait at the gate, where connections hold the slots.
    pub(super) arrivals: HashMap<ConnectionKey, Arrival>,
    pub(super) intake: Intake,
    pub(super) moves: Moves,
    pub(super) shares: Shares,
    pub(super) log: RateLimit,
    pub(super) access: Option<Box<Access>>,
    pub(super) watch: Watch,
    pub(super) stalls: Stalls,
    pub(super) looks: Looks,
    next_heir: usize,
    /// The inquiry that was answered last.
    pub(super) published: u64,
    /// The counts of the ring as they were shown last.
    shown: CoreCounts,
    pub(super) date: DateCache,
    date_until: Moment,
}

impl Engine {
    pub(crate) fn new(parts: EngineParts) -> Engine {
        let table = Table::new(parts.epoch);
        let rules = &parts.settings.access_log;
        let access = parts.access_log.map(|outlet| {
            // A core that takes the place of another numbers its connections from where no other does.
            let first = u64::from(parts.epoch) << 32 | u64::from(parts.index) << 48;
            Box::new(Access::new(outlet, rules, first))
        });
        let count_routes = || Arc::new(RouteCounts::new(parts.app.route_names()));
        let routes = parts.stats.routes.get_or_init(count_routes).clone();
        table.sockets().believe(parts.settings.belief.clone());
        table.sockets().count_in(parts.stats.clone());
        Engine {
            index: parts.index,
            settings: parts.settings,
            app: parts.app,
            door: Door::new(parts.gate, parts.index),
            routes,
            stats: parts.stats,
            post: parts.post,
            table,
            exchanges: Exchanges::new(),
            refusal: None,
            seen: None,
            switching: None,
            upgrades: Upgrades::default(),
            listeners: Listeners::default(),
            helping: Helping::default(),
            wear: Some(0),
            sockets: parts.sockets,
            places: Places::new(parts.headroom.clone()),
            headroom: parts.headroom,
            finished: Rc::default(),
            attention: Rc::default(),
            buffers: Vec::new(),
            long: LongMemory::default(),
            pieces: SparePieces::default(),
            acceptor: parts.acceptor,
            handshakes: Handshakes::default(),
            sealing: Sealing::default(),
            course: Course::Serving,
            handshakes_stay: false,
            cut: 0,
            rejecting: 0,
            connection_slots: HashMap::new(),
            arrivals: HashMap::new(),
            intake: Intake::default(),
            moves: Moves::default(),
            shares: Shares::default(),
            log: RateLimit::new(),
            access,
            watch: Watch::default(),
            stalls: Stalls::default(),
            looks: Looks::default(),
            next_heir: 0,
            published: 0,
            shown: CoreCounts::default(),
            date: DateCache::new(0),
            date_until: Moment::default(),
        }
    }

    /// Whether the core has nothing left to do and was told to end.
    pub(crate) fn is_over(&self) -> bool {
        self.course != Course::Serving
            && self.table.len() == 0
            && self.intake.is_empty()
            && !self.moves.has_mail()
            && self.listeners.is_empty()
    }

    /// Connections that were open when they were cut off by force.
    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }

    /// Makes `date` that of this second (RFC 9110 section 6.6.1), and sees how long this thread has
    /// waited for a CPU if the last look is old.
    #[inline]
    pub(super) fn keep_date(&mut self, core: &Core) {
        if core.now() >= self.date_until {
            self.renew_date(core);
        }
    }

    #[cold]
    fn renew_date(&mut self, core: &Core) {
        let wall = core.wall_clock();
        self.date.at(wall.as_secs());
        let rest = Duration::from_secs(1) - Duration::from_nanos(wall.subsec_nanos().into());
        let look = self.watch.look(core).unwrap_or(rest);
        self.date_until = core.now() + rest.min(look);
    }

    #[inline]
    pub(super) fn is_serving(&self) -> bool {
        self.course == Course::Serving
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.course, Course::Draining | Course::Forced)
    }

    /// The core the next connection goes to when this one leaves.
    pub(super) fn next_heir(&mut self) -> Option<u32> {
        let Course::Leaving(heirs) = &self.course else {
            return None;
        };
        if heirs.is_empty() {
            return Some(COORDINATOR);
        }
        self.next_heir = (self.next_heir + 1) % heirs.len();
        Some(heirs[self.next_heir])
    }

    pub(super) fn hear(&mut self, core: &Rc<Core>, message: Message) {
        match message {
            Message::Arm(seat) => self.arm(core, seat),
            Message::Disarm(listener) => self.disarm(core, listener),
            Message::Verdict(verdict) => self.on_verdict(core, verdict),
            Message::Adopt(fresh) => self.adopt(core, fresh),
            Message::Parcel(parcel) => self.move_in(core, *parcel),
            Message::Settings(settings) => self.retune(core, *settings),
            Message::Reseat(seat) => self.reseat(seat),
            Message::Acceptor(acceptor) => self.acceptor = acceptor,
            Message::Help(seat) => self.help(core, seat),
            Message::Unhelp(listener) => self.unhelp(core, listener),
            Message::Spread(shares) => self.spread(&shares),
            Message::Panic => panic!("asked to panic"),
            Message::Publish(inquiry) => self.publish_for(core, inquiry),
            Message::Leave(heirs) => self.set_course(core, Course::Leaving(heirs)),
            Message::KeepHandshakes => self.handshakes_stay = true,
            Message::Stay => {
                self.handshakes_stay = false;
                self.set_course(core, Course::Serving);
            }
            Message::Drain => self.set_course(core, Course::Draining),
            Message::Force => self.set_course(core, Course::Forced),
        }
    }

    fn set_course(&mut self, core: &Rc<Core>, course: Course) {
        self.course = course;
        self.moves.forget();
        self.take_in_waiting(core);
        self.leave_queue_or_stay(core);
        self.after_course_change(core);
    }

    /// Does to every connection what the course demands of it; moving or closing them takes several
    /// turns.
    fn after_course_change(&mut self, core: &Rc<Core>) {
        if matches!(self.course, Course::Leaving(_) | Course::Draining) {
            self.moves.follow(self.in_order_of_leaving());
            return self.begin_moves(core);
        }
        for key in self.table.keys() {
            self.follow_course(core, key);
        }
    }

    /// Does to a connection what the course demands of it.
    pub(super) fn follow_course(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let may_move = self.may_go_where_the_course_leads(key);
        match &self.course {
            Course::Serving => {}
            Course::Leaving(_) if may_move => self.move_out_if_movable(core, key),
            // What cannot move is told that it ends, as in a drain.
            Course::Leaving(_) | Course::Draining => self.close_if_idle(core, key),
            Course::Forced => self.force(core, key),
        }
    }

    /// Whether a connection can leave as the course demands, once it is between two requests. Keys of TLS may
    /// have to stay in this process, and what was agreed on may be too long for another.
    pub(super) fn may_go_where_the_course_leads(&mut self, key: ConnectionKey) -> bool {
        let leaves_process = self.leaves_process();
        let keys_go = self.settings.tls_handover;
        let handshakes_go = !self.handshakes_stay;
        let upgrades = &self.upgrades;
        self.table.get(key).is_none_or(|connection| {
            upgrades.may_move(key, leaves_process)
                && match leaves_process {
                    true => connection.may_leave_process(keys_go, handshakes_go),
                    false => connection.may_move(),
                }
        })
    }

    /// Whether connections go to another process.
    pub(super) fn leaves_process(&self) -> bool {
        matches!(&self.course, Course::Leaving(heirs) if heirs.first() == Some(&SUCCESSOR))
    }

    /// Puts a connection into the table; the caller counts where it came from.
    pub(super) fn seat(&mut self, connection: Connection) -> ConnectionKey {
        self.stats.open.rise();
        self.headroom.enter();
        let key = self.table.insert(connection);
        if let Some(connection) = self.table.get(key) {
            self.sockets.enter(key.slot(), &connection.socket);
        }
        key
    }

    /// Tells the coordinator what is counted here, unless it has been told for this inquiry: a
    /// connection that left its core after that one had told makes this one tell before it is
    /// counted here (Lai and Yang, "On distributed snapshots", 1987). So none arrives in a sum that it
    /// has not left.
    pub(super) fn publish_for(&mut self, core: &Core, inquiry: u64) {
        if inquiry <= self.published {
            return;
        }
        self.published = inquiry;
        self.publish(core);
        let ledgers = Box::new(self.stats.ledgers());
        self.post
            .to_coordinator(Report::Published(self.index, inquiry, ledgers));
    }

    /// Brings what only the core knows into what others see of it: gauges as they are, and what its ring has counted
    /// since the last time. Another ring had this place before, and what that counted stays.
    pub(crate) fn publish(&mut self, core: &Core) {
        let counts = core.counts();
        let before = std::mem::replace(&mut self.shown, counts);
        let stats = &self.stats;
        stats.operations_in_flight.set(counts.operations_in_flight);
        let counted = |of: fn(&CoreCounts) -> u64| of(&counts) - of(&before);
        stats.turns.add(counted(|ring| ring.turns));
        stats.enters.add(counted(|ring| ring.enters));
        let stale = counted(|ring| ring.stale_completions);
        stats.stale_completions.add(stale);
        let overflows = counted(|ring| ring.completion_overflows);
        stats.completion_overflows.add(overflows);
        let starved = counted(|ring| ring.starved_receives);
        stats.starved_receives.add(starved);
        stats.tasks.set(counts.tasks);
        stats.buffers_lent.set(u64::from(core.buffers().lent()));
        stats.leases_kept.set(u64::from(core.buffers().kept()));
    }

    /// Leaves the short ways aside from now on.
    pub(crate) fn take_long_ways(&mut self) {
        self.settings.goes_straight = false;
        self.settings.ends_straight = false;
    }

    /// Where the conversations of the connections stand, in the order of their seats.
    pub(crate) fn states(&mut self) -> Vec<State> {
        let keys = self.table.keys().into_iter();
        keys.filter_map(|key| self.state_of(key)).collect()
    }

    /// Ties every connection to this core, as one whose state is no plain data.
    #[cfg(test)]
    pub(crate) fn tie_connections(&mut self) {
        for key in self.table.keys() {
            if let Some(connection) = self.table.get(key) {
                connection.transport = super::transport::Transport::Tied;
            }
        }
    }

    /// Gives every connection of TLS such a session, whatever became of its handshake.
    #[cfg(test)]
    pub(crate) fn establish(&mut self, session: impl Fn() -> Option<Session>) {
        for key in self.table.keys() {
            let tls = self.table.get(key).and_then(|c| c.transport.tls_mut());
            if let (Some(tls), Some(session)) = (tls, session()) {
                tls.establish(session);
            }
        }
    }

    #[cfg(debug_assertions)]
    fn check_ledgers(&self) {
        let connections = self.stats.connections();
        let requests = self.stats.requests();
        assert_eq!(
            connections.open,
            self.table.len() as u64,
            "open connections"
        );
        assert!(connections.balances(), "connections: {connections:?}");
        assert!(requests.balances(), "requests: {requests:?}");
    }
}

impl Sink for Engine {
    #[inline]
    fn on_event(&mut self, core: &Rc<Core>, event: Event) {
        match event {
            Event::Received {
                key,
                received,
                more,
            } => match Subject::from_key(key) {
                Some(Subject::Receive(key)) => self.on_received(core, key, received, more),
                subject => misaddressed("bytes", subject),
            },
            Event::Sent {
                key,
                result,
                buffer,
            } => match Subject::from_key(key) {
                Some(Subject::Send(key)) => self.on_sent(core, key, result, buffer),
                subject => misaddressed("the end of a send", subject),
            },
            Event::SentPieces {
                key,
                result,
                pieces,
            } => match Subject::from_key(key) {
                Some(Subject::Send(key)) => self.on_sent_pieces(core, key, result, pieces),
                subject => misaddressed("the end of a send", subject),
            },
            Event::Accepted { key, result, more } => match Subject::from_key(key) {
                Some(Subject::Accept(listener)) => {
                    self.on_accepted(core, ListenerId(listener), result, more);
                }
                subject => misaddressed("a connection", subject),
            },
            Event::Timer { key } => match Subject::from_key(key) {
                Some(Subject::Deadline(key)) => self.on_deadline(core, key),
                Some(Subject::ResumeAccept) => self.resume_accepting(core),
                Some(Subject::Tick) => self.help_everywhere(core),
                Some(Subject::QueueTimeout(who)) => self.on_queue_timeout(core, who),
                Some(Subject::GateSweep) => self.sweep_gate(core),
                Some(Subject::Look) => self.look(core),
                Some(Subject::Farewells) => self.part(core),
                Some(Subject::AccessLog) => self.hand_lines_over(core),
                subject => misaddressed("a timer", subject),
            },
            Event::Polled { key, result, more } => match Subject::from_key(key) {
                Some(Subject::Help(listener)) => {
                    self.on_help_wanted(core, ListenerId(listener), more);
                }
                Some(Subject::Watch(key)) => self.on_watched(core, key, result, more),
                subject => misaddressed("a poll", subject),
            },
        }
    }

    fn on_notified(&mut self, core: &Rc<Core>) {
        self.hear_mail(core);
    }

    fn before_wait(&mut self, core: &Rc<Core>) {
        self.take_in_waiting(core);
        self.take_up_handshakes(core);
        self.take_up(core);
        if self.shares.are_waiting() {
            self.read_rests(core);
        }
        if self.moves.are_waiting() {
            self.hear_mail(core);
            self.begin_moves(core);
        }
        if let Some(at) = self.door.watch() {
            core.set_timer(at, Subject::GateSweep.to_key());
        }
        #[cfg(debug_assertions)]
        self.check_ledgers();
    }

    fn on_long_poll(&mut self, core: &Rc<Core>, poll: LongPoll) {
        self.long_poll(core, &poll);
    }

    fn on_long_turn(&mut self, core: &Rc<Core>, began: Moment, took: Duration) {
        self.long_turn(core, began, took);
    }

    fn is_busy(&self) -> bool {
        self.may_take_in_waiting()
            || self.moves.are_waiting()
            || self.shares.are_waiting()
            || !self.finished.is_empty()
            || !self.attention.is_empty()
            || self.upgrades.has_calls()
            || self.handshakes.are_due()
            || !none_noted()
    }
}

/// An event came back under a key that no operation of its kind is given: a fault of this program.
#[cold]
fn misaddressed(event: &str, subject: Option<Subject>) {
    debug_assert!(false, "{event} came for {subject:?}");
}

impl Drop for Engine {
    /// Withdraws the requests of this core that wait at the gate: they never run.
    fn drop(&mut self) {
        self.door.close();
        // Another core of this thread is not to mistake them for its own (simulations).
        drop(take_notes(self.index));
    }
}
