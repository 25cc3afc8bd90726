//! A server that is never started: what a simulation takes of it, and the handle that its handlers get.
//!
//! Called by [`crate::simulation`]. There is no coordinator behind such a handle: whoever asks it how the
//! server stands, or to resize it, is answered as after the end of a server.

use super::{HandleShared, Server, ServerHandle};
use crate::config::Config;
use crate::coordinator::closing::Closing;
use crate::coordinator::core_info::CoreInfo;
use crate::coordinator::degraded::DegradedCell;
use crate::coordinator::post::PostOffice;
use crate::events::Hub;
use crate::handler::{Router, with_ids};
use crate::lane::Lanes;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex};

/// The parts of a server that are simulated.
pub(crate) struct Simulated<S> {
    pub(crate) config: Config,
    pub(crate) router: Arc<Router<S>>,
    pub(crate) init: Box<dyn Fn(&CoreInfo) -> S + Send + Sync>,
    pub(crate) handle: ServerHandle,
}

impl<S: 'static> Server<S> {
    /// Takes the server apart. Tasks of a coordinator alone (signals, control socket, metrics, upgrades)
    /// are left out.
    ///
    /// # Errors
    /// A line that says why the configuration or a lane is refused.
    pub(crate) fn simulated(self) -> Result<Simulated<S>, String> {
        self.config.check().map_err(|error| error.to_string())?;
        let lanes = self.lanes.open_simulated();
        let lanes = lanes.map_err(|error| error.to_string())?;
        let router = (self.make_router)(true);
        let router = with_ids(router, self.config.proxies.request_id.as_deref());
        Ok(Simulated {
            config: self.config,
            router: Arc::new(router.sealed()),
            init: self.init,
            handle: ServerHandle::without_coordinator(lanes, self.hubs),
        })
    }
}

impl ServerHandle {
    fn without_coordinator(lanes: Lanes, hubs: Vec<Hub>) -> ServerHandle {
        let post = PostOffice::new(0);
        drop(post.close());
        ServerHandle(Arc::new(HandleShared {
            addresses: Mutex::new(vec!["simulated".to_owned()]),
            local: true,
            control_path: None,
            metrics_address: None,
            ready: AtomicBool::new(true),
            degraded: DegradedCell::default(),
            bounds: Mutex::default(),
            lanes,
            closing: Closing::new(hubs),
            owed: AtomicU32::new(0),
            post,
        }))
    }

    /// A handle on nothing but itself.
    #[cfg(test)]
    pub(crate) fn alone() -> ServerHandle {
        ServerHandle::without_coordinator(Lanes::default(), Vec::new())
    }

    /// Lets the lanes do what was submitted.
    pub(crate) fn settle_lanes(&self, seen: &mut Vec<u64>) {
        self.0.lanes.settle(seen);
    }

    /// The drain of a simulation has begun.
    pub(crate) fn simulate_drain(&self) {
        self.set_ready(false);
        self.closing().say();
    }
}

impl CoreInfo {
    pub(crate) fn simulated(index: u32, server: &ServerHandle) -> CoreInfo {
        CoreInfo {
            index,
            cpu: None,
            server: server.clone(),
        }
    }
}
