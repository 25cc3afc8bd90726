//! The first and the last lines of a server that serves: where it is, and what became of every connection
//! and every request.
//!
//! Called by `serve.rs`.

use crate::observe::log::ANNOUNCEMENT;
use crate::{Ended, ServerHandle};

/// Says where the server is, and what to try: at every level but `off`, since nobody can use a
/// server without knowing its address. No client trusts a certificate that the server made itself.
pub(super) fn welcome(server: &ServerHandle, is_self_signed: bool) {
    for (index, address) in server.addresses().iter().enumerate() {
        let (trust, scheme, bare) = match address.strip_prefix("https://") {
            Some(bare) if is_self_signed => ("--insecure ", "https", bare),
            Some(bare) => ("", "https", bare),
            None => ("", "http", address.as_str()),
        };
        let place = match bare.strip_prefix("unix:") {
            Some(path) => format!("{trust}--unix-socket {path} {scheme}://localhost/"),
            None => format!("{trust}{scheme}://{bare}/"),
        };
        match index {
            0 => {
                tracing::info!(target: ANNOUNCEMENT, "listening on {} (try: curl {place})", shown(address))
            }
            _ => tracing::info!(target: ANNOUNCEMENT, "listening on {}", shown(address)),
        }
    }
    if let Some(address) = server.metrics_address() {
        tracing::info!(target: ANNOUNCEMENT, "metrics on {}", shown(address));
    }
    if let Some(path) = server.control_path() {
        tracing::info!(target: ANNOUNCEMENT, "control socket {}", path.display());
    }
    for bound in server.bounds() {
        tracing::info!("{bound}");
    }
}

fn shown(address: &str) -> String {
    match address.split_once(':') {
        Some(("unix" | "fd" | "https", _)) => address.to_owned(),
        _ => format!("http://{address}"),
    }
}

/// Both ledgers, the last word on every connection and every request.
pub(super) fn farewell(ended: &Ended) {
    let c = &ended.connections;
    tracing::info!(
        accepted = c.accepted,
        inherited = c.inherited,
        finished = c.finished,
        rejected = c.rejected.sum(),
        aborted = c.aborted,
        open = c.open,
        in_transit = c.in_transit(),
        passed_on = c.passed_on,
        "connections"
    );
    let r = &ended.requests;
    tracing::info!(
        begun = r.begun,
        answered = r.answered,
        rejected = r.rejected.sum(),
        aborted = r.aborted,
        running = r.running,
        pending = r.pending,
        "requests"
    );
    if let Some(why) = &ended.failed {
        tracing::error!("{why}");
    } else if ended.drained && ended.cut > 0 {
        tracing::warn!(cut = ended.cut, "the drain had to cut connections");
    } else {
        tracing::info!("stopped");
    }
}
