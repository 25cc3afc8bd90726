//! The certificates in force and the keys of session tickets: read again by a reload, looked after at every
//! tick, and handed to the cores.
//!
//! Called by the loop of [`super`] and by `reload.rs`. `crate::certificates` decides what the files say, and when a
//! certificate that expires is warned of.

use super::Coordinator;
use crate::certificates::{self, Expiry, Loaded, date, title, unix_secs};
use crate::config::Config;
use crate::connection::Message;

/// Certificates that the log names at a start and a reload.
const TOLD_MAX: usize = 16;

impl Coordinator {
    /// Reads the files that the new configuration names.
    pub(super) fn load_certificates(&self, new: &Config) -> Result<Option<Loaded>, String> {
        let kept = self.tls.as_ref().map(Loaded::kept).unwrap_or_default();
        certificates::load(new, kept, unix_secs()).map_err(|error| error.to_string())
    }

    /// Puts into force what was read. Connections keep what they have agreed on.
    pub(super) fn take_certificates(&mut self, tls: Option<Loaded>) {
        self.tls = tls;
        self.tell_certificates();
        self.hand_out_acceptor();
    }

    /// Tells which certificates are shown from now on, and which of them expire soon.
    pub(super) fn tell_certificates(&mut self) {
        let all = || self.tls.iter().flat_map(|tls| tls.identities.all());
        for identity in all().take(TOLD_MAX) {
            let end = date(identity.described().not_after);
            let kind = identity.kind().name();
            tracing::info!("{} ({kind}), good until {end}", title(identity));
        }
        let others = all().count().saturating_sub(TOLD_MAX);
        if others > 0 {
            tracing::info!("and {others} certificates more; `ctl status` shows them");
        }
        self.expiry = Expiry::default();
        self.warn_of_expiry(unix_secs());
    }

    /// Renews what is over: the keys of tickets, and what was told of expiry.
    pub(super) fn look_after_certificates(&mut self) {
        let Some(tls) = &mut self.tls else {
            return;
        };
        let now = unix_secs();
        if tls.renew_tickets(now) {
            self.hand_out_acceptor();
        }
        self.warn_of_expiry(now);
    }

    fn warn_of_expiry(&mut self, now: u64) {
        let Some(tls) = &self.tls else {
            return;
        };
        for line in self.expiry.look(tls.identities.all(), now) {
            tracing::warn!("{line}");
        }
    }

    /// Gives the acceptor in force to all cores, for the handshakes that begin then. Where no listener speaks
    /// TLS any more, the cores keep the last one for connections that they have accepted.
    fn hand_out_acceptor(&self) {
        let Some(tls) = &self.tls else {
            return;
        };
        for (index, state) in (0..).zip(&self.pool.cores) {
            if state.has_thread() {
                let acceptor = Some(tls.acceptor.clone());
                self.post.to_core(index, Message::Acceptor(acceptor));
            }
        }
    }
}
