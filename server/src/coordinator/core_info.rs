//! The facts that a core is told of itself when an application makes its state.
//!
//! Made by the coordinator for each core that starts; it decides nothing.

use super::handle::ServerHandle;
use crate::lane::NoLane;
use ringgate_runtime::lane::{InCoreLane, Lane};

/// Number, CPU and server of a core, for `init`.
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::lane::Lane;
/// use ringgate::{CoreInfo, Request, Router, Server};
///
/// struct State {
///     number: u32,
///     hashes: Lane<()>,
/// }
///
/// let init = |core: &CoreInfo| State {
///     number: core.index(),
///     hashes: core.lane("hashes").expect("the lane below"),
/// };
/// let router = Router::new().get("/", |request: Request<State>| async move {
///     format!("core {}", request.state().number)
/// });
/// let server = Server::with_state(Config::default(), router, init).lane("hashes", Lane::workers(2).stateless());
/// # let client = ringgate::testing::Client::of(server);
/// # assert_eq!(client.get("/").send().text(), "core 0");
/// ```
#[derive(Debug, Clone)]
pub struct CoreInfo {
    pub(crate) index: u32,
    pub(crate) cpu: Option<u32>,
    pub(crate) server: ServerHandle,
}

impl CoreInfo {
    /// The core's number, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The CPU its thread is pinned to.
    pub fn cpu(&self) -> Option<u32> {
        self.cpu
    }

    /// See [`ServerHandle::lane`].
    ///
    /// # Errors
    /// Likewise.
    pub fn lane<C: 'static>(&self, name: &str) -> Result<Lane<C>, NoLane> {
        self.server.lane(name)
    }

    /// See [`ServerHandle::in_core_lane`].
    ///
    /// # Errors
    /// Likewise.
    pub fn in_core_lane(&self, name: &str) -> Result<InCoreLane, NoLane> {
        self.server.in_core_lane(name)
    }

    /// The server.
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }
}
