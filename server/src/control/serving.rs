//! Accepts for the coordinator's own listeners: each connection is a task, their number is bounded.
//!
//! Called by [`super::server`] and [`super::scrape`], which say what a connection does. Not for the
//! server's own connections, which are accepted, admitted and counted by the cores.

use crate::observe::log::RateLimit;
use ringgate_runtime::net::{Listener, Stream};
use ringgate_runtime::time::{sleep, timeout};
use ringgate_runtime::{Lease, current};
use std::cell::Cell;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

/// Connections of one listener at a time. One more is closed at once: whoever polls this often has
/// lost its way.
const CONNECTIONS_MAX: u32 = 64;
/// How long to wait when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a peer may take to say what it wants, or to take its answer.
pub(super) const PEER_PATIENCE: Duration = Duration::from_secs(10);

/// One of the open connections; counted until dropped.
struct Place(Rc<Cell<u32>>);

impl Place {
    fn take(open: &Rc<Cell<u32>>) -> Option<Place> {
        let taken = open.get();
        (taken < CONNECTIONS_MAX).then(|| {
            open.set(taken + 1);
            Place(open.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Accepts on `listener` for as long as the core lives.
pub(super) async fn serve<F, T>(
    listener: OwnedFd,
    what: &'static str,
    connection: impl Fn(Stream<F>) -> T,
) where
    F: 'static,
    T: Future<Output = ()> + 'static,
{
    let core = current();
    let listener = Listener::<F>::from_fd(listener);
    let open = Rc::new(Cell::new(0));
    let log = RateLimit::new();
    loop {
        match listener.accept().await {
            Ok(stream) => {
                if let Some(place) = Place::take(&open) {
                    let talk = connection(stream);
                    core.spawn(async move {
                        talk.await;
                        drop(place);
                    });
                }
            }
            Err(error) => {
                crate::observe::log::limited!(
                    log,
                    core.now().as_nanos(),
                    warn,
                    "accept",
                    what,
                    %error,
                    "cannot accept; raise the limit of open files (LimitNOFILE= in the unit)"
                );
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The next bytes; None when the peer has ended, failed or taken too long.
pub(super) async fn receive<F>(stream: &mut Stream<F>) -> Option<Lease> {
    match timeout(PEER_PATIENCE, stream.receive()).await {
        Ok(Ok(received)) => received,
        Ok(Err(_)) | Err(_) => None,
    }
}

/// Sends; answers whether all of it went out.
pub(super) async fn send<F>(stream: &mut Stream<F>, bytes: Vec<u8>) -> bool {
    let sent = timeout(PEER_PATIENCE, stream.write_all(bytes)).await;
    matches!(sent, Ok(Ok(())))
}
