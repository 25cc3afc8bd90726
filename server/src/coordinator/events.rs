//! Events that the coordinator tells of while it works (row M12): to callbacks of the program that
//! embeds it, and to whoever reads `ringgate ctl events`.
//!
//! Called by the coordinator wherever something happens. Telling never waits: a callback runs on the
//! coordinator's thread and is told so in its contract; a reader has a bounded inbox, and what does
//! not fit is counted and told to it later. Deliberately keeps no history: a subscriber hears the
//! events from then on.

use ringgate_runtime::task::catch_panic;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

/// Events that wait for one reader at most; more are lost to it, and counted.
const INBOX_EVENTS_MAX: usize = 256;
/// Readers at a time.
const READERS_MAX: usize = 16;

/// Something that happened to the server. In JSON the variant's name is the value of `event`
/// (docs/control.md).
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::{Router, Server, ServerEvent};
///
/// let server = Server::new(Config::default(), Router::new()).on_event(|event| match event {
///     ServerEvent::Reap { core, failed: true, .. } => tracing::error!(core, "a core was lost"),
///     ServerEvent::Resize { cores } => tracing::info!(cores, "resized"),
///     _ => {}
/// });
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerEvent {
    /// A core's thread starts.
    Spawn {
        /// The core.
        core: u32,
    },
    /// The coordinator waits for the heartbeats of the cores.
    Wait {
        /// How many have to answer.
        cores: u32,
    },
    /// A core has shown that it is alive.
    Heartbeat {
        /// The core.
        core: u32,
    },
    /// A core's thread is over.
    Reap {
        /// The core.
        core: u32,
        /// Whether it panicked or could not be set up.
        failed: bool,
        /// Connections it had to cut off.
        cut: u64,
    },
    /// A core gets the baton of a listener and accepts from it.
    Arm {
        /// The listener's place in the status.
        listener: u32,
        /// The core.
        core: u32,
    },
    /// A core has given the baton of a listener back.
    Disarm {
        /// The listener's place in the status.
        listener: u32,
        /// The core.
        core: u32,
    },
    /// The number of cores is to be this.
    Resize {
        /// The number.
        cores: u32,
    },
    /// The configuration was read again.
    Reload {
        /// Why it was refused; absent when it is in force.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A new process is to take over.
    Upgrade {
        /// The new process.
        pid: u32,
        /// How far it is.
        step: UpgradeStep,
        /// Why it has failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The server begins to end. A drain that becomes a stop says so a second time.
    Finish {
        /// Whether it finishes what was begun.
        graceful: bool,
    },
}

/// How far an upgrade is.
///
/// ```
/// use ringgate::{ServerEvent, UpgradeStep};
///
/// /// Whether this process has nothing more to accept.
/// fn is_followed(event: &ServerEvent) -> bool {
///     matches!(event, ServerEvent::Upgrade { step: UpgradeStep::Done, .. })
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpgradeStep {
    /// The new process was started.
    Started,
    /// The cores of the new process are up; the batons of the listeners go over.
    Ready,
    /// The new process serves and owns the control socket.
    Done,
    /// The new process does not serve; this process goes on.
    Failed,
}

/// A callback of the program. The callback runs on the coordinator's thread and must not block: as
/// long as it runs nothing is resized, drained or answered on the control socket.
pub(crate) type OnEvent = Box<dyn Fn(&ServerEvent) + Send>;

/// One event as a line of JSON.
#[derive(Serialize)]
struct Line<'a, E: Serialize> {
    time: String,
    #[serde(flatten)]
    event: &'a E,
}

fn line(event: &impl Serialize) -> Arc<str> {
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    // No event has a part that JSON cannot say.
    let text = serde_json::to_string(&Line { time, event }).unwrap_or_default();
    text.into()
}

/// Everybody who wants to hear of events.
#[derive(Default)]
pub(crate) struct Events {
    callbacks: Vec<OnEvent>,
    readers: Vec<Weak<Inbox>>,
}

impl Events {
    pub(crate) fn new(callbacks: Vec<OnEvent>) -> Events {
        Events {
            callbacks,
            readers: Vec::new(),
        }
    }

    /// Tells everybody. Never waits for a reader.
    pub(crate) fn emit(&mut self, event: &ServerEvent) {
        tracing::debug!(?event, "event");
        for callback in &self.callbacks {
            if catch_panic(|| callback(event)).is_err() {
                tracing::error!(?event, "a callback for events panicked");
            }
        }
        self.readers.retain(|reader| reader.strong_count() > 0);
        if self.readers.is_empty() {
            return;
        }
        let line = line(event);
        for reader in self.readers.iter().filter_map(Weak::upgrade) {
            reader.put(line.clone());
        }
    }

    /// A new reader, unless there are too many.
    pub(crate) fn subscribe(&mut self) -> Result<Subscription, String> {
        self.readers.retain(|reader| reader.strong_count() > 0);
        if self.readers.len() >= READERS_MAX {
            return Err(format!(
                "{READERS_MAX} readers of events are connected already"
            ));
        }
        let inbox = Arc::new(Inbox::default());
        self.readers.push(Arc::downgrade(&inbox));
        Ok(Subscription(inbox))
    }

    /// Whether some reader has not taken everything yet.
    pub(crate) fn are_pending(&self) -> bool {
        let mut readers = self.readers.iter().filter_map(Weak::upgrade);
        readers.any(|reader| !reader.is_idle())
    }
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Arc<str>>,
    lost: u64,
    waker: Option<Waker>,
}

/// The events that wait for one reader.
#[derive(Default)]
struct Inbox(Mutex<Waiting>);

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: Arc<str>) {
        let mut waiting = self.lock();
        if waiting.lines.len() >= INBOX_EVENTS_MAX {
            waiting.lost += 1;
            return;
        }
        waiting.lines.push_back(line);
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the reader has nothing to take and waits for more.
    fn is_idle(&self) -> bool {
        let waiting = self.lock();
        waiting.lines.is_empty() && waiting.waker.is_some()
    }
}

/// A gap between events, told where it is: behind what came before it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Gap {
    Lost { count: u64 },
}

/// The reading end. Dropped, it hears nothing more.
pub(crate) struct Subscription(Arc<Inbox>);

impl Subscription {
    /// All lines that wait, each with its line feed; waits for one.
    pub(crate) fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        let mut waiting = self.0.lock();
        if waiting.lines.is_empty() {
            waiting.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut bytes = Vec::new();
        let lost = std::mem::take(&mut waiting.lost);
        let gap = (lost > 0).then(|| line(&Gap::Lost { count: lost }));
        for line in waiting.lines.drain(..).chain(gap) {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        Poll::Ready(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn read(subscription: &mut Subscription) -> Vec<String> {
        let mut cx = Context::from_waker(Waker::noop());
        match subscription.poll_lines(&mut cx) {
            Poll::Pending => Vec::new(),
            Poll::Ready(bytes) => {
                let text = String::from_utf8(bytes).unwrap();
                text.lines().map(str::to_owned).collect()
            }
        }
    }

    #[test]
    fn m12_a_slow_reader_loses_events_with_a_count_and_holds_nobody_up() {
        let mut events = Events::default();
        let mut slow = events.subscribe().unwrap();
        for core in 0..INBOX_EVENTS_MAX as u32 + 7 {
            events.emit(&ServerEvent::Spawn { core });
        }
        assert!(events.are_pending());
        let lines = read(&mut slow);
        assert_eq!(lines.len(), INBOX_EVENTS_MAX + 1);
        assert!(lines[0].contains(r#""event":"spawn","core":0"#));
        let last = lines.last().unwrap();
        assert!(last.contains(r#""event":"lost","count":7"#), "{last}");
        assert!(read(&mut slow).is_empty());
        assert!(!events.are_pending());
        events.emit(&ServerEvent::Finish { graceful: true });
        assert_eq!(read(&mut slow).len(), 1, "and it goes on");
    }

    #[test]
    fn m12_a_callback_that_panics_takes_nobody_with_it() {
        let heard = Arc::new(AtomicU32::new(0));
        let counter = heard.clone();
        let count = move |_: &ServerEvent| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        let mut events = Events::new(vec![
            Box::new(|_| panic!("a mistake of the program")),
            Box::new(count),
        ]);
        events.emit(&ServerEvent::Resize { cores: 1 });
        assert_eq!(heard.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn readers_are_bounded_and_their_places_come_back() {
        let mut events = Events::default();
        let readers: Vec<_> = (0..READERS_MAX)
            .map(|_| events.subscribe().map_err(drop).unwrap())
            .collect();
        assert!(events.subscribe().is_err());
        drop(readers);
        assert!(events.subscribe().is_ok());
    }
}
