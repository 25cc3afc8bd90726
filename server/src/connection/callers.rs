//! Whether a request comes too soon after others of its client: who the client is, asked cheaply, for the rates of the
//! gate.
//!
//! Called where a head has found its route, and only where `request_rate` is set. What becomes of a request that comes
//! too soon is decided in `admit.rs` as for any other refusal of the gate.

use super::key::ConnectionKey;
use super::sockets::Sockets;
use crate::admission::rates::{Client, Rates};
use crate::client::belief::Peer;
use crate::handler::RequestParts;
use ringgate_runtime::Moment;

/// The peers of a core's connections, by the seats of its table. Asking the kernel for one costs a system call, and it
/// stays the same for as long as the connection does.
#[derive(Default)]
pub(super) struct Callers {
    peers: Vec<Option<(u32, Peer)>>,
}

impl Callers {
    /// Counts a request, or says in how many whole seconds its client may come again: one or more. A client whose
    /// address nobody knows is not counted.
    #[inline(never)]
    pub(super) fn hear(
        &mut self,
        rates: &Rates,
        parts: &RequestParts,
        sockets: &Sockets,
        now: Moment,
    ) -> Result<(), u32> {
        let Some(client) = self.client(rates, parts, sockets) else {
            return Ok(());
        };
        rates.take(client, now).map_err(|wait| {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            u32::try_from(seconds).unwrap_or(u32::MAX)
        })
    }

    fn client(&mut self, rates: &Rates, parts: &RequestParts, sockets: &Sockets) -> Option<Client> {
        let named = rates
            .field()
            .and_then(|field| parts.head.header(&parts.bytes, field));
        if let Some(value) = named {
            return Some(rates.of_value(value));
        }
        let peer = self.peer(parts.connection, sockets);
        let fields = parts.head.headers(&parts.bytes);
        let named = sockets.named(peer, fields);
        let address = named.or_else(|| peer.address())?;
        Some(Rates::of_address(address.ip()))
    }

    fn peer(&mut self, key: ConnectionKey, sockets: &Sockets) -> Peer {
        let slot = key.slot() as usize;
        if let Some(Some((generation, peer))) = self.peers.get(slot)
            && *generation == key.generation()
        {
            return *peer;
        }
        let peer = sockets.peer(key);
        if slot >= self.peers.len() {
            self.peers.resize(slot + 1, None);
        }
        self.peers[slot] = Some((key.generation(), peer));
        peer
    }
}
