//! A core's thread, from its first line to its last.

use super::core_info::CoreInfo;
use super::event::{BadEnd, CoreEnd, CoreUp, Event};
use super::post::{PostOffice, Postman};
use crate::admission::gate::Gate;
use crate::admission::ledger::CoreStats;
use crate::config::{Config, Opening, RingFlag as Without};
use crate::connection::{Engine, EngineParts, Fresh, Headroom, ListenerId, Settings};
use crate::handler::Application;
use crate::observe::access::AccessLog;
use crate::tls::handshake::terms::Acceptor;
use ringgate_runtime::buffer::PoolOptions;
use ringgate_runtime::driver::{RingFlag, RingFlags};
use ringgate_runtime::sys::cpu::pin_current_thread;
use ringgate_runtime::sys::registry::SocketRegistry;
use ringgate_runtime::sys::thread::{thread_cpu_time, thread_id};
use ringgate_runtime::task::catch_panic;
use ringgate_runtime::{Core, CoreOptions, Event as Completion, Sink};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long a core waits at its end for operations that were cancelled.
const TEARDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// Makes the application's part of a core, on the core's thread.
pub(crate) type MakeApp = dyn Fn(&CoreInfo) -> Rc<dyn Application> + Send + Sync;

/// All a core's thread needs.
pub(crate) struct CoreThread {
    pub(crate) info: CoreInfo,
    pub(crate) epoch: u32,
    pub(crate) config: Arc<Config>,
    pub(crate) make_app: Arc<MakeApp>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) stats: Arc<CoreStats>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) accepts: Option<u32>,
    pub(crate) sockets: Arc<SocketRegistry>,
    pub(crate) headroom: Arc<Headroom>,
    pub(crate) acceptor: Option<Acceptor>,
    pub(crate) access_log: Option<AccessLog>,
}

/// Options of a ring, as the configuration has them.
pub(crate) fn core_options(config: &Config) -> CoreOptions {
    let rings = &config.rings;
    let mut options = CoreOptions {
        entries: rings.entries,
        buffers: PoolOptions {
            // Both are bounded by the definition of the options.
            buffers: u16::try_from(rings.buffers).unwrap_or(1 << 15),
            buffer_size: rings.buffer_size,
            leases_kept: rings.leases_kept,
        },
        spin: rings.spin,
        tasks_per_turn: rings.tasks_per_turn,
        long_poll: rings.long_poll,
        ..CoreOptions::default()
    };
    for flag in &config.without {
        let ring = match flag {
            Without::SingleIssuer => RingFlag::SingleIssuer,
            Without::DeferTaskrun => RingFlag::DeferTaskrun,
            Without::CoopTaskrun => RingFlag::CoopTaskrun,
            Without::TaskrunFlag => RingFlag::TaskrunFlag,
            Without::SubmitAll => RingFlag::SubmitAll,
            Without::NoSqarray => RingFlag::NoSqarray,
            Without::NoIowait => {
                options.no_iowait = false;
                continue;
            }
            Without::MultishotAccept => {
                options.multishot_accept = false;
                continue;
            }
            Without::MultishotRecv => {
                options.multishot_receive = false;
                continue;
            }
        };
        options.flags = RingFlags::without(options.flags, ring);
    }
    options
}

impl CoreThread {
    /// The whole life of the thread.
    pub(crate) fn run(self) {
        let core = self.info.index();
        let post = self.post.clone();
        let end = match catch_panic(|| self.serve()) {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => return post.tell(Event::CoreFailed(core, error)),
            Err(_) => CoreEnd {
                core,
                bad: Some(BadEnd::Panicked),
                cut: 0,
                accepted: Vec::new(),
            },
        };
        post.tell(Event::CoreEnded(end));
    }

    fn serve(mut self) -> Result<CoreEnd, String> {
        let index = self.info.index();
        if let Some(cpu) = self.info.cpu()
            && let Err(error) = pin_current_thread(cpu as usize)
        {
            // Slower, and no reason not to serve: the mask may have become smaller since the start.
            tracing::warn!(core = index, %error, "this core is not pinned");
            self.info.cpu = None;
        }
        let options = core_options(&self.config);
        let core = Core::new(options).map_err(|error| error.to_string())?;
        if index == 0
            && let Some(flags) = core.ring_flags()
            && flags != options.flags
        {
            tracing::info!(asked = %options.flags, given = %flags, "the ring is set up with fewer flags");
        }
        Ok(self.serve_on(&core))
    }

    /// Serves on a core that is set up, until it is told to end or ends badly.
    fn serve_on(self, core: &Rc<Core>) -> CoreEnd {
        let index = self.info.index();
        let _entered = core.enter();
        let app = (self.make_app)(&self.info);
        let mut engine = Engine::new(EngineParts {
            index,
            epoch: self.epoch,
            settings: Settings::new(&self.config).worn_after(self.accepts),
            acceptor: self.acceptor.clone(),
            app,
            gate: self.gate.clone(),
            stats: self.stats.clone(),
            post: Arc::new(Postman(self.post.clone())),
            sockets: self.sockets.clone(),
            headroom: self.headroom.clone(),
            access_log: self.access_log.as_ref().map(AccessLog::outlet),
        });
        self.post.attach_core(index, Some(core.remote()));
        self.post.tell(Event::CoreUp(CoreUp {
            core: index,
            remote: core.remote(),
            thread: thread_id(),
            ran: thread_cpu_time(),
        }));
        let served = catch_panic(|| core.run(&mut engine, |engine| engine.is_over()));
        let bad = match served {
            Ok(Ok(())) => None,
            Ok(Err(failed)) => Some(BadEnd::RingFailed(failed)),
            Err(_) => Some(BadEnd::Panicked),
        };
        self.post.attach_core(index, None);
        let cut = engine.cut();
        let mut salvage = Salvage::default();
        if bad.is_some() {
            salvage.accepted = engine.leave_untaken();
            self.headroom.leave(self.stats.lose_all());
        }
        // Also after a panic, on this thread: the kernel must owe nothing before sockets are closed
        // and memory is freed.
        if let Err(left) = core.teardown(&mut salvage, TEARDOWN_PATIENCE)
            // Such a ring is closed with the core, which ends what is in flight.
            && core.failed().is_none()
        {
            tracing::error!(
                core = index,
                left,
                "operations did not end; their memory is leaked"
            );
            std::mem::forget(core.clone());
        }
        engine.publish(core);
        drop(engine);
        CoreEnd {
            core: index,
            bad,
            cut,
            accepted: salvage.accepted,
        }
    }
}

/// Takes the connections that were accepted and not taken in: before the end of a core that ended badly, and by any core
/// while it was ending.
#[derive(Default)]
struct Salvage {
    accepted: Vec<Fresh>,
}

impl Sink for Salvage {
    fn on_event(&mut self, _: &Rc<Core>, event: Completion) {
        if let Completion::Accepted {
            key,
            result: Ok(socket),
            ..
        } = event
        {
            let listener = ListenerId::of_accept(key);
            self.accepted.push(Fresh {
                socket,
                listener,
                // The coordinator knows it.
                opening: Opening::default(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerHandle;
    use crate::connection::{self, ListenerSeat};
    use crate::handler::{Router, application};
    use ringgate_runtime::driver::Driver;
    use ringgate_runtime::driver::simulated::{Faults, World};
    use ringgate_runtime::{Errno, RingFailed};
    use std::num::NonZeroU32;

    /// The thread of core 0 of a server without routes.
    fn thread(post: &Arc<PostOffice>, config: Config) -> CoreThread {
        CoreThread {
            info: CoreInfo::simulated(0, &ServerHandle::alone()),
            epoch: 1,
            make_app: Arc::new(|_: &CoreInfo| {
                application(&Arc::new(Router::new()), (), &ServerHandle::alone())
            }),
            gate: Gate::of(&config, Box::new(Postman(post.clone()))),
            config: Arc::new(config),
            stats: Arc::default(),
            post: post.clone(),
            accepts: None,
            sockets: Arc::default(),
            headroom: Arc::default(),
            acceptor: None,
            access_log: None,
        }
    }

    #[test]
    fn a_core_whose_ring_fails_ends_badly_and_its_connections_are_accounted_for() {
        let world = World::new(1, Faults::none());
        let driver = Driver::Simulated(Box::new(world.driver()));
        let core = Core::with_driver(driver, CoreOptions::default()).expect("a simulated ring");
        let post = PostOffice::new(1);
        let thread = thread(&post, Config::default());
        let stats = thread.stats.clone();
        let listener = world.listen();
        let seat = ListenerSeat::simulated(ListenerId(0), &listener, false, Opening::default());
        post.to_core(0, connection::Message::Arm(seat));
        let _client = world.connect(&listener);
        // EBADR: completions were dropped (io_uring_enter(2)).
        let errno = Errno(53);
        world.fail_enters(errno, 2..u64::MAX);
        let end = thread.serve_on(&core);
        assert_eq!(end.bad, Some(BadEnd::RingFailed(RingFailed { errno })));
        let ledgers = stats.ledgers();
        assert!(ledgers.balance(), "{ledgers:?}");
        assert_eq!(
            (ledgers.connections.open, ledgers.connections.aborted),
            (0, 1)
        );
    }

    #[test]
    fn what_the_ring_of_an_ended_core_has_counted_stays_when_another_takes_its_place() {
        let post = PostOffice::new(1);
        let stats = Arc::<CoreStats>::default();
        let mut turns = Vec::new();
        for nth in [20, 5] {
            let world = World::new(1, Faults::none());
            let driver = Driver::Simulated(Box::new(world.driver()));
            let core = Core::with_driver(driver, CoreOptions::default()).expect("a simulated ring");
            let mut thread = thread(&post, Config::default());
            thread.stats = stats.clone();
            let listener = world.listen();
            let seat = ListenerSeat::simulated(ListenerId(0), &listener, false, Opening::default());
            post.to_core(0, connection::Message::Arm(seat));
            let _clients: Vec<_> = (0..nth).map(|_| world.connect(&listener)).collect();
            world.fail_enters(Errno(53), nth..u64::MAX);
            assert!(thread.serve_on(&core).bad.is_some());
            turns.push((stats.turns.get(), core.counts().turns));
        }
        let [(first, own), (both, second)] = turns[..] else {
            panic!("two rings");
        };
        assert_eq!((first, both), (own, own + second));
    }

    #[test]
    fn a_core_that_ends_badly_leaves_to_others_what_it_has_accepted_and_not_taken_in() {
        let world = World::new(1, Faults::none());
        let driver = Driver::Simulated(Box::new(world.driver()));
        let core = Core::with_driver(driver, CoreOptions::default()).expect("a simulated ring");
        let post = PostOffice::new(1);
        let mut config = Config::default();
        config.rings.accepts_per_turn = NonZeroU32::new(1);
        let thread = thread(&post, config);
        let stats = thread.stats.clone();
        let listener = world.listen();
        let seat = ListenerSeat::simulated(ListenerId(0), &listener, false, Opening::default());
        post.to_core(0, connection::Message::Arm(seat));
        let _clients: Vec<_> = (0..5).map(|_| world.connect(&listener)).collect();
        world.fail_enters(Errno(53), 2..u64::MAX);
        let end = thread.serve_on(&core);
        assert!(end.bad.is_some());
        let ledgers = stats.ledgers();
        assert!(ledgers.balance(), "{ledgers:?}");
        let taken = ledgers.connections.accepted;
        assert_eq!(ledgers.connections.aborted, taken);
        assert!(!end.accepted.is_empty());
        assert_eq!(taken as usize + end.accepted.len(), 5, "each is somewhere");
    }
}
