//! The word that the server is about to end, and those who hear it: handlers that wait for it, and the
//! hubs of events that were given to it, whose streams end by themselves then.
//!
//! The coordinator announces the closing once, when it has told the cores: when a drain takes no new
//! connections any more (`drain_grace` is over), when the server hands over to a newer process, or
//! when it stops. Handlers that hear it do as they like; the server waits for them no longer than
//! without it.

use super::handle::ServerHandle;
use crate::events::Hub;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

/// The word of the end: its own listeners, and the hubs that close with it.
pub(super) struct Closing {
    /// Has no events: it is open or closed.
    own: Hub,
    hubs: Vec<Hub>,
    said: AtomicBool,
}

impl Closing {
    pub(super) fn new(hubs: Vec<Hub>) -> Closing {
        let own = Hub::new(1);
        let said = AtomicBool::new(false);
        Closing { own, hubs, said }
    }

    pub(super) fn say(&self) {
        if !self.said.swap(true, Ordering::Relaxed) {
            self.own.close();
            self.hubs.iter().for_each(Hub::close);
        }
    }
}

impl ServerHandle {
    /// Waits until the server is about to end and takes no new connections any more: for handlers that
    /// would wait or stream for long, and end early then. Ready at once afterwards. A handler finds the
    /// handle in its state, where `init` puts it ([`CoreInfo::server`](super::CoreInfo::server)).
    pub fn draining(&self) -> impl Future<Output = ()> + Send + Sync + use<> {
        let mut end = self.closing().own.subscribe(None);
        async move {
            end.next().await;
        }
    }
}
