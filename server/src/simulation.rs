//! The server over a simulated ring: the production code from accept to close, on one thread, with
//! virtual time and no kernel. For tests of applications that must not depend on timing, and for
//! counting instructions.
//!
//! The simulation takes the [`Server`] that would be started otherwise, with its state and its lanes. A lane with
//! workers has one here, and what it does takes no virtual time. There is no coordinator: signals, control socket, metrics and upgrades are left out, and a handler that
//! asks its [`ServerHandle`] how the server stands is answered as after the end.
//!
//! TLS is spoken as ever, with keys that differ from run to run. A run with the same seed repeats all the same, but for
//! the hashes of sealed bytes in the log of the [`World`], if all handshakes have the same length: with `certificate =
//! "self"`, which is one with Ed25519 here, or with another one whose signatures do not vary in length, as those of
//! ECDSA do.
//!
//! ```
//! use ringgate::{Router, Server, config::Config};
//! use ringgate::simulation::Simulation;
//!
//! let router = Router::new().get("/", |_| async { "hello" });
//! let mut simulation = Simulation::of(Server::new(Config::default(), router), 7);
//! let client = simulation.connect();
//! client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
//! simulation.run_until(|_| client.received().ends_with(b"hello"));
//! ```

use crate::admission::gate::Gate;
use crate::admission::ledger::{Connections, CoreStats, Ledgers, Requests};
use crate::certificates::Kept;
use crate::config::{AdmissionLimits, Config, ListenAddr, Opening};
use crate::connection::{
    Engine, EngineParts, Headroom, ListenerId, ListenerSeat, Message, Settings,
};
use crate::coordinator::{
    CoreInfo, Event, PostOffice, Postman, SUCCESSOR, Simulated, core_options,
};
use crate::handler::{Router, application};
use crate::http1::exchange::State;
use crate::observe::access::AccessLog;
use crate::observe::metrics::HistogramSnapshot;
pub use crate::visited::visited;
use crate::{Server, ServerHandle};
use ringgate_runtime::driver::Driver;
use ringgate_runtime::driver::simulated::{Client, Faults, World};
use ringgate_runtime::{Core, Descriptor, Moment};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How much virtual time passes in a turn of a core for which nothing happens.
const WAIT_MAX: Duration = Duration::from_millis(1);
/// How long the end waits for the output of the access log.
const ACCESS_LOG_PATIENCE: Duration = Duration::from_secs(5);
/// Turns after which a condition that has not come true never will.
const TURNS_MAX: usize = 1_000_000;

/// Cores of one server in one simulated world.
pub struct Simulation {
    world: World,
    post: Arc<PostOffice>,
    gate: Arc<Gate>,
    /// One of each opening for each core, those of the first opening first. A shared one is the same for all.
    listeners: Vec<Rc<Descriptor>>,
    /// The owner of each listener, and its next owner.
    batons: Vec<(u32, Option<u32>)>,
    cores: Vec<SimulatedCore>,
    handle: ServerHandle,
    /// The reports of cores: the core, the inquiry, and the ledgers.
    told: Vec<(u32, u64, Ledgers)>,
    /// Work that each lane had been given when it was last waited for.
    lanes_seen: Vec<u64>,
    /// The beginning of connections at each address that is configured, and whether all cores accept there.
    openings: Vec<(Opening, bool)>,
    /// The access log, if the configuration wants one: a file is written in real time, by a thread.
    access_log: Option<AccessLog>,
    /// The room for connections in the process.
    headroom: Arc<Headroom>,
}

struct SimulatedCore {
    core: Rc<Core>,
    engine: Engine,
    stats: Arc<CoreStats>,
}

impl Simulation {
    /// The server on one core without faults. `seed` decides what is left to chance.
    ///
    /// Lanes in the core are as ever. A lane with workers has one, a thread; before each turn of the cores the
    /// simulation waits for it, in real time, so that its work takes no virtual time and is done in order.
    ///
    /// # Panics
    /// If the configuration contradicts itself, or a lane cannot be as it is described.
    pub fn of<S: 'static>(server: Server<S>, seed: u64) -> Simulation {
        Simulation::of_cores(server, 1, seed, Faults::none())
    }

    /// A server without state on one core without faults.
    ///
    /// # Panics
    /// As [`Simulation::of`].
    pub fn new(config: &Config, router: Router<()>, seed: u64) -> Simulation {
        Simulation::with_cores(config, router, 1, seed, Faults::none())
    }

    /// A server with state on one core without faults: [`Simulation::of`] for one that is not made yet.
    ///
    /// ```
    /// use ringgate::{Request, Router, config::Config, simulation::Simulation};
    ///
    /// async fn hello(request: Request<&'static str>) -> &'static str {
    ///     request.state()
    /// }
    ///
    /// let router = Router::new().get("/", hello);
    /// let mut simulation = Simulation::with_state(&Config::default(), router, |_| "hello", 7);
    /// let client = simulation.connect();
    /// client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    /// simulation.run_until(|_| client.received().ends_with(b"hello"));
    /// ```
    ///
    /// # Panics
    /// As [`Simulation::of`].
    pub fn with_state<S: 'static>(
        config: &Config,
        router: Router<S>,
        init: impl Fn(&CoreInfo) -> S + Send + Sync + 'static,
        seed: u64,
    ) -> Simulation {
        Simulation::of(Server::with_state(config.clone(), router, init), seed)
    }

    /// As [`Simulation::with_state`], for a state that is there already.
    pub(crate) fn of_router<S: 'static>(
        config: Config,
        router: Router<S>,
        init: &mut dyn FnMut(&CoreInfo) -> S,
        seed: u64,
    ) -> Simulation {
        let server = Server::new(config, Router::new()).simulated();
        let Simulated { config, handle, .. } = server.expect("there are no lanes");
        let router = Arc::new(router.sealed());
        Simulation::assemble(&config, &router, init, handle, 1, seed, Faults::none())
    }

    /// A server without state on several cores, and what may go wrong.
    ///
    /// ```
    /// use ringgate::{Router, config::Config, simulation::Simulation};
    /// use ringgate::runtime::driver::simulated::Faults;
    ///
    /// let router = Router::new().get("/", |_| async { "hello" });
    /// let seed = 7;
    /// let mut simulation = Simulation::with_cores(&Config::default(), router, 2, seed, Faults::none());
    /// let clients = [simulation.connect_to(0), simulation.connect_to(1)];
    /// for client in &clients {
    ///     client.send_in_pieces(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n", 5, std::time::Duration::from_millis(1));
    /// }
    /// simulation.run_until(|_| clients.iter().all(|client| client.received().ends_with(b"hello")));
    /// ```
    ///
    /// # Panics
    /// As [`Simulation::of`].
    pub fn with_cores(
        config: &Config,
        router: Router<()>,
        cores: u32,
        seed: u64,
        faults: Faults,
    ) -> Simulation {
        Simulation::of_cores(Server::new(config.clone(), router), cores, seed, faults)
    }

    /// The server on several cores, and what may go wrong. Each core has a listener of its own, and its
    /// state is made before it takes work.
    ///
    /// # Panics
    /// As [`Simulation::of`].
    pub fn of_cores<S: 'static>(
        server: Server<S>,
        cores: u32,
        seed: u64,
        faults: Faults,
    ) -> Simulation {
        let Simulated {
            config,
            router,
            init,
            handle,
        } = server
            .simulated()
            .unwrap_or_else(|why| panic!("this server cannot be simulated: {why}"));
        Simulation::assemble(
            &config,
            &router,
            &mut |core| init(core),
            handle,
            cores,
            seed,
            faults,
        )
    }

    fn assemble<S: 'static>(
        config: &Config,
        router: &Arc<Router<S>>,
        init: &mut dyn FnMut(&CoreInfo) -> S,
        handle: ServerHandle,
        cores: u32,
        seed: u64,
        faults: Faults,
    ) -> Simulation {
        let acceptor = Kept::of_simulation(config)
            .and_then(|kept| crate::certificates::load(config, kept, 0))
            .unwrap_or_else(|why| panic!("this server cannot be simulated: {why}"))
            .map(|loaded| loaded.acceptor);
        let openings = config.openings();
        let openings = openings.map(|(address, opening)| (opening, is_shared(address)));
        let mut openings: Vec<_> = openings.collect();
        if openings.is_empty() {
            openings.push((Opening::default(), false));
        }
        let world = World::new(seed, faults);
        let post = PostOffice::new(cores);
        let gate = Gate::of(config, Box::new(Postman(post.clone())));
        let access_log = AccessLog::open(&config.access_log, cores, None);
        let mut simulation = Simulation {
            world: world.clone(),
            post: post.clone(),
            gate: gate.clone(),
            listeners: Vec::new(),
            batons: Vec::new(),
            cores: Vec::new(),
            handle,
            told: Vec::new(),
            lanes_seen: Vec::new(),
            openings: openings.clone(),
            access_log: access_log.unwrap_or_else(|error| panic!("{error}")),
            headroom: Arc::default(),
        };
        for index in 0..cores {
            let driver = Driver::Simulated(Box::new(world.driver()));
            let core = Core::with_driver(driver, core_options(config))
                .expect("a simulated ring is always to be had");
            post.attach_core(index, Some(core.remote()));
            let stats = Arc::<CoreStats>::default();
            let entered = core.enter();
            let state = init(&CoreInfo::simulated(index, &simulation.handle));
            drop(entered);
            let engine = Engine::new(EngineParts {
                index,
                epoch: 0,
                settings: Settings::new(config),
                acceptor: acceptor.clone(),
                app: application(router, state, &simulation.handle),
                gate: gate.clone(),
                stats: stats.clone(),
                post: Arc::new(Postman(post.clone())),
                sockets: Arc::default(),
                headroom: simulation.headroom.clone(),
                access_log: simulation.access_log.as_ref().map(AccessLog::outlet),
            });
            simulation.cores.push(SimulatedCore {
                core,
                engine,
                stats,
            });
        }
        for (_, shared) in openings {
            let of_all = shared.then(|| Rc::new(world.listen()));
            for core in 0..cores {
                let listener = of_all.clone().unwrap_or_else(|| Rc::new(world.listen()));
                simulation.listeners.push(listener);
                simulation.batons.push((core, None));
                let seat = simulation.seat(simulation.listeners.len() - 1);
                post.to_core(core, Message::Arm(seat));
            }
        }
        simulation.turn();
        simulation
    }

    /// The world: its clock, its faults, its log.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// A client that connects to the first core.
    pub fn connect(&self) -> Client {
        self.connect_to(0)
    }

    /// A client that connects to a core.
    pub fn connect_to(&self, core: usize) -> Client {
        self.connect_by(0, core)
    }

    /// A client that connects to a core by the address at this place of the configuration's `listen`. Where that is
    /// one that all cores accept at, a Unix socket, any core may serve it.
    ///
    /// ```
    /// use ringgate::{Router, config::Config, simulation::Simulation};
    ///
    /// let mut config = Config::default();
    /// config.listen = ["127.0.0.1:8080", "unix:/run/app.sock"].map(|one| one.parse().unwrap()).into();
    /// let router = Router::new().get("/", |_| async { "hello" });
    /// let mut simulation = Simulation::new(&config, router, 7);
    /// let clients = [simulation.connect_by(0, 0), simulation.connect_by(1, 0)];
    /// clients.iter().for_each(|client| client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"));
    /// simulation.run_until(|_| clients.iter().all(|client| client.received().ends_with(b"hello")));
    /// ```
    pub fn connect_by(&self, listen: usize, core: usize) -> Client {
        let listener = &self.listeners[listen * self.cores.len() + core];
        self.world.connect(&**listener)
    }

    /// The facts that the owner of a listener needs.
    fn seat(&self, listener: usize) -> ListenerSeat {
        let (opening, shared) = self.openings[listener / self.cores.len()];
        let id = ListenerId(listener as u32);
        ListenerSeat::simulated(id, &self.listeners[listener], shared, opening)
    }

    /// One turn of every core.
    pub fn turn(&mut self) {
        self.turn_those(WAIT_MAX, |_| true);
    }

    /// One turn of every core but one, which is held up.
    pub fn turn_without(&mut self, held_up: usize) {
        self.turn_those(WAIT_MAX, |index| index != held_up);
    }

    fn turn_those(&mut self, wait: Duration, turns: impl Fn(usize) -> bool) {
        self.handle.settle_lanes(&mut self.lanes_seen);
        for (index, each) in self.cores.iter_mut().enumerate() {
            if turns(index) {
                let _entered = each.core.enter();
                each.core.turn(&mut each.engine, Some(wait));
            }
        }
        while let Some(event) = self.post.next_event() {
            match event {
                Event::Disarmed(_, id) => self.pass_on(id),
                Event::Published(core, inquiry, ledgers) => {
                    self.told.push((core, inquiry, *ledgers));
                }
                // For a coordinator, and there is none.
                Event::CoreUp(_)
                | Event::CoreFailed(..)
                | Event::CoreEnded(_)
                | Event::Undelivered(_)
                | Event::HandOver(_)
                | Event::Parked(_)
                | Event::Worn(_)
                | Event::Rested(_)
                | Event::Tick
                | Event::Signal(_)
                | Event::Command(_)
                | Event::DrainGraceOver
                | Event::GraceOver => {}
            }
        }
    }

    /// Takes the listener that was made for core `listener` from its owner, which gives it up once
    /// nothing of it is in flight; then `to` arms it. Nothing happens while the listener is already on
    /// its way, or if `to` has it.
    pub fn move_listener(&mut self, listener: u32, to: u32) {
        let (owner, next) = &mut self.batons[listener as usize];
        if next.is_none() && *owner != to {
            *next = Some(to);
            let disarm = Message::Disarm(ListenerId(listener));
            self.post.to_core(*owner, disarm);
        }
    }

    /// A listener has been given up: the next owner gets it.
    fn pass_on(&mut self, id: ListenerId) {
        let index = id.0 as usize;
        if let Some(to) = self.batons[index].1.take() {
            self.batons[index].0 = to;
            self.post.to_core(to, Message::Arm(self.seat(index)));
        }
    }

    /// Slots of the gate that are taken, and requests that wait for one.
    pub fn gate(&self) -> (u32, u32) {
        let occupancy = self.gate.occupancy();
        (occupancy.running, occupancy.pending)
    }

    /// Puts other limits in force, as [`ServerHandle::set_limits`](crate::ServerHandle::set_limits)
    /// does.
    pub fn set_limits(&self, limits: AdmissionLimits) {
        self.gate.set_limits(limits, self.world.now());
    }

    /// Puts the settings of another configuration in force on every core, as a reload does
    /// ([`ServerHandle::reload`]): for connections that are open as well. Settings that a reload
    /// cannot change, and the limits, stay.
    pub fn reload(&self, config: &Config) {
        for core in 0..self.cores.len() as u32 {
            let settings = Box::new(Settings::new(config));
            self.post.to_core(core, Message::Settings(settings));
        }
    }

    /// Turns until `done`.
    ///
    /// # Panics
    /// If that never happens; the message names the seed, which replays the run.
    pub fn run_until(&mut self, done: impl FnMut(&Simulation) -> bool) {
        self.run_in_steps(WAIT_MAX, done);
    }

    /// Lets so much time pass, in which the cores sleep until something happens, and none is held up by the sleep of another.
    ///
    /// # Panics
    /// If the cores are busy for most of it, and it is longer than a quarter of an hour.
    pub fn pass(&mut self, span: Duration) {
        let end = self.world.now() + span;
        for _ in 0..TURNS_MAX {
            let now = self.world.now();
            if now >= end {
                return;
            }
            let timers = self.cores.iter().filter_map(|each| each.core.next_timer());
            let mut next = timers.chain(self.world.next_event()).fold(end, Moment::min);
            let mut cores = self.cores.iter();
            if cores.any(|each| each.core.is_busy(&each.engine)) {
                next = now;
            }
            // One sleeps for all of them.
            self.turn_those(next - now, |index| index == 0);
            self.turn_those(Duration::ZERO, |index| index > 0);
            // One that is busy does not sleep.
            let passed = self.world.now() - now;
            self.world
                .advance(WAIT_MAX.saturating_sub(passed).min(end - self.world.now()));
        }
        panic!("seed {}: the cores have too much to do", self.world.seed());
    }

    /// As [`Simulation::run_until`], with other steps in which time passes while nothing happens.
    pub(crate) fn run_in_steps(
        &mut self,
        wait: Duration,
        mut done: impl FnMut(&Simulation) -> bool,
    ) {
        for _ in 0..TURNS_MAX {
            if done(self) {
                return;
            }
            self.turn_those(wait, |_| true);
        }
        panic!(
            "seed {}: never done; the world's log ends {:#?}",
            self.world.seed(),
            tail(&self.world)
        );
    }

    /// Moves every connection of `from` that can be moved to `to`, as when a core leaves the pool.
    pub fn leave(&mut self, from: u32, to: u32) {
        self.post.to_core(from, Message::Leave(vec![to]));
    }

    /// A core that was to leave serves on.
    pub fn stay(&mut self, core: u32) {
        self.post.to_core(core, Message::Stay);
    }

    /// Moves every connection of `from` that can be moved to another process, as in an upgrade. There is none: what
    /// goes is gone.
    pub fn hand_over(&mut self, from: u32) {
        self.leave(from, SUCCESSOR);
    }

    /// Drains a core: its answers announce the end. Handlers that wait for the end of the server are
    /// told, and hubs given to it are closed, as at the drain of a whole server.
    pub fn drain(&mut self, core: u32) {
        self.handle.simulate_drain();
        self.post.to_core(core, Message::Drain);
    }

    /// Ends a core at once: what it has is cut off.
    pub fn force(&mut self, core: u32) {
        self.post.to_core(core, Message::Force);
    }

    /// How long requests of a core took.
    pub fn service_time(&self, core: usize) -> HistogramSnapshot {
        self.cores[core].stats.service_time.snapshot()
    }

    /// Moves so many idle connections of `from` to `to`, as balance does.
    pub fn spread(&mut self, from: u32, to: u32, count: u64) {
        self.post.to_core(from, Message::Spread(vec![(to, count)]));
    }

    /// Moves so many idle connections of `from` to another process, as in an upgrade to one that lacked room. There is
    /// none: what goes is gone.
    pub fn offer(&mut self, from: u32, count: u64) {
        self.spread(from, SUCCESSOR, count);
    }

    /// Makes every core take the long way for each request and at the end of each send, for tests that
    /// hold the short ways to it.
    pub fn take_long_ways(&mut self) {
        for each in &mut self.cores {
            each.engine.take_long_ways();
        }
    }

    /// Where the conversations of a core's connections stand, in the order of their seats.
    pub fn states(&mut self, core: usize) -> Vec<State> {
        self.cores[core].engine.states()
    }

    /// Asks a core to tell its ledgers for the inquiry of this number, as the coordinator asks all cores
    /// for a status. Each inquiry has a higher number than the one before.
    pub fn ask(&mut self, core: u32, inquiry: u64) {
        self.post.to_core(core, Message::Publish(inquiry));
    }

    /// Both ledgers of a core as it told them for this inquiry; None until it has. A core tells once,
    /// and may tell before it hears that it is asked.
    pub fn told(&self, core: u32, inquiry: u64) -> Option<(Connections, Requests)> {
        let mut told = self.told.iter();
        let told = told.find(|told| (told.0, told.1) == (core, inquiry))?;
        Some((told.2.connections, told.2.requests))
    }

    /// Both ledgers of a core.
    pub fn ledgers(&self, core: usize) -> (Connections, Requests) {
        let stats = &self.cores[core].stats;
        (stats.connections(), stats.requests())
    }
}

/// Whether all cores accept at this address.
fn is_shared(address: &ListenAddr) -> bool {
    matches!(address, ListenAddr::Unix(_) | ListenAddr::Fd(_))
}

fn tail(world: &World) -> Vec<String> {
    let log = world.log();
    log[log.len().saturating_sub(20)..].to_vec()
}

impl Drop for Simulation {
    fn drop(&mut self) {
        for each in &mut self.cores {
            // Tasks keep their core alive; without them it is freed like anything else.
            let _ = each.core.teardown(&mut (), Duration::from_secs(1));
        }
        if let Some(access_log) = self.access_log.take() {
            // The last lines of the cores go to the writer.
            self.cores.clear();
            access_log.finish(ACCESS_LOG_PATIENCE);
        }
    }
}

#[cfg(test)]
mod tests;
