//! Whether a request comes too soon after others of its client: who the client is, asked cheaply, for the rates of the
//! gate.
//!
//! Called where a head has found its route, and only where `request_rate` is set. `admit.rs` refuses a request that
//! comes too soon like any other.

use super::sockets::Sockets;
use crate::admission::rates::{Client, Rates};
use crate::handler::RequestParts;
use ringgate_runtime::Moment;

/// Counts a request, or says in how many whole seconds its client may come again: one or more. A client whose
/// address nobody knows is not counted.
#[inline(never)]
pub(super) fn hear(
    rates: &Rates,
    parts: &RequestParts,
    sockets: &Sockets,
    now: Moment,
) -> Result<(), u32> {
    let Some(client) = client(rates, parts, sockets) else {
        return Ok(());
    };
    rates.take(client, now).map_err(|wait| {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    })
}

fn client(rates: &Rates, parts: &RequestParts, sockets: &Sockets) -> Option<Client> {
    let named = rates
        .field()
        .and_then(|field| parts.head.header(&parts.bytes, field));
    if let Some(value) = named {
        return Some(rates.of_value(value));
    }
    let fields = parts.head.named_values(&parts.bytes);
    let address = sockets.client(parts.connection, fields, &parts.is_client_counted)?;
    Some(Rates::of_address(address.ip()))
}
