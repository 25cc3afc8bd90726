//! A coordinator over a ring of the kernel that starts no cores, for tests of what its loop hears.

use super::*;
use crate::config::Endpoint;
use crate::coordinator::upgrade::channel::Channel;
use crate::handler::{Router, application};
use ringgate_runtime::sys::child::message_pair;
use std::os::fd::OwnedFd;

/// A coordinator without listeners that was started by the process which left `legacy`, if one did.
pub(super) fn alone(legacy: Option<Legacy>) -> (Rc<Core>, Coordinator) {
    listening(Vec::new(), legacy)
}

/// A coordinator that takes over from an older process, which says nothing; with the end of that one.
pub(super) fn taking_over() -> (Rc<Core>, Coordinator, OwnedFd) {
    let (ours, theirs) = message_pair().expect("a pair of sockets");
    let legacy = Legacy {
        channel: Channel::new(ours),
        pid: std::process::id(),
        control: None,
        ticket_secret: None,
        listeners: Vec::new(),
        metrics: None,
    };
    let (core, coordinator) = alone(Some(legacy));
    (core, coordinator, theirs)
}

/// The same with listeners.
pub(super) fn listening(listen: Vec<Endpoint>, legacy: Option<Legacy>) -> (Rc<Core>, Coordinator) {
    let config = Config::default();
    let bound = Config {
        listen,
        ..Config::default()
    };
    let plan = CorePlan::new(
        config.cores,
        config.core_slots,
        &super::super::handle::cpus_of(1),
    );
    let places = plan.slots.get() + SPARE_PLACES;
    let listeners = Listeners::bind(&bound, 1, places, Vec::new(), None);
    let (started, _) = std::sync::mpsc::sync_channel(1);
    let start = Start {
        config,
        plan,
        cpus: Vec::new(),
        pins: false,
        listeners: listeners.expect("free addresses"),
        tls: None,
        operators: Operators::default(),
        make_app: Arc::new(|_: &CoreInfo| {
            application(&Arc::new(Router::new()), (), &ServerHandle::alone())
        }),
        post: PostOffice::new(places),
        handle: ServerHandle::alone(),
        signals: &[],
        on_event: Vec::new(),
        read_config: None,
        program: None,
        legacy,
        manager: None,
        pid_file: None,
        started,
    };
    let (core, mut coordinator) = Coordinator::new(start).expect("a ring");
    coordinator.pool.target = 0;
    (core, coordinator)
}
