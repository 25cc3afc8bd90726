//! The ways in which a server is loaded at the same time, each in rounds until all troubles are over.
//!
//! The counts of the rounds are added up; the load itself and its bookkeeping are [`crate::load`]'s.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use serde::Serialize;

use crate::load::websocket::Pattern;
use crate::load::{
    self, Broken, Http2Options, LoadError, Method, Mode, TlsOptions, Verify, WebSocketOptions,
    Window,
};
use crate::target::{Endpoint, Target};
use crate::upheaval::Common;

/// Bytes of a request body.
const BODY_BYTES: usize = 300;
/// Requests that are sent together in a pipeline.
const PIPELINE: usize = 16;
/// Streams at a time on a connection of HTTP/2.
const STREAMS: usize = 8;
/// Over TLS: keys are replaced before about one request in so many.
const KEY_UPDATES: u32 = 100;
/// Source addresses of the connections: each leaves a port behind for a minute.
const SOURCE_ADDRESSES: u16 = 50;
/// Requests a second of a way that has its share.
const TRICKLE: NonZeroU64 = NonZeroU64::new(100).expect("above zero");
/// Of the rounds of such a way, one in so many is whole.
const FULL_ROUND: u64 = 10;

/// A way to load the server.
pub(super) struct Way {
    name: &'static str,
    options: load::Options,
}

/// The counts of a way, over all of its rounds. `issued` equals `answered` and all that is in `lost`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sum {
    /// The way.
    pub name: &'static str,
    /// Requests, or messages that were to come back.
    pub issued: u64,
    /// Of these: answered once, and as they had to be.
    pub answered: u64,
    /// The others, by what became of them.
    pub lost: BTreeMap<String, u64>,
    /// Connections that were begun.
    pub connects: u64,
    /// Kept connections that were made anew.
    pub reconnects: u64,
    /// Runs of the load.
    pub rounds: u64,
    /// The longest time to an answer, in milliseconds.
    pub slowest_ms: f64,
    /// Connections that broke, and requests that were lost on those that live.
    #[serde(skip)]
    pub broken: Vec<Broken>,
    /// Reasons why a round could not be run, and wrongs that no loss explains.
    #[serde(skip)]
    pub faults: Vec<String>,
}

/// All ways, with rounds of so many requests.
pub(super) fn all((clear, tls): (SocketAddr, SocketAddr), common: &Common, round: u64) -> Vec<Way> {
    let to = |address: SocketAddr, path: &str, websocket: bool| Target {
        endpoint: Endpoint::Tcp(address),
        tls: address == tls,
        websocket,
        path: path.to_owned(),
    };
    let plain = |address: SocketAddr| load::Options {
        connections: common.connections,
        requests: Some(round),
        verify: Verify::Plaintext,
        timeout: common.timeout,
        source_addresses: SOURCE_ADDRESSES,
        tls: TlsOptions {
            key_updates: (address == tls).then_some(KEY_UPDATES),
            ..TlsOptions::default()
        },
        ..load::Options::to(to(address, "/plaintext", false))
    };
    let mut ways = Vec::new();
    for (address, names) in [
        (
            clear,
            [
                "kept-get",
                "kept-post",
                "pipelined",
                "fresh",
                "http2",
                "websocket",
            ],
        ),
        (
            tls,
            [
                "tls-kept-get",
                "tls-kept-post",
                "tls-pipelined",
                "tls-fresh",
                "tls-http2",
                "tls-websocket",
            ],
        ),
    ] {
        let [get, post, pipelined, fresh, http2, websocket] = names;
        let mut add = |name, options| ways.push(Way { name, options });
        add(get, plain(address));
        add(
            post,
            load::Options {
                method: Method::Post,
                body: BODY_BYTES,
                verify: Verify::Echo,
                target: to(address, "/echo", false),
                ..plain(address)
            },
        );
        add(
            pipelined,
            load::Options {
                pipeline: PIPELINE,
                ..plain(address)
            },
        );
        let mut one_each = plain(address);
        one_each.mode = Mode::Close;
        one_each.tls.key_updates = None;
        one_each.tls.resume = address == tls;
        add(fresh, one_each);
        let mut streams = plain(address);
        streams.http2 = Http2Options {
            wanted: true,
            streams: STREAMS,
            ..Http2Options::default()
        };
        add(http2, streams);
        let mut messages = plain(address);
        messages.verify = Verify::None;
        messages.target = to(address, "/ws", true);
        messages.websocket = WebSocketOptions {
            pattern: Some(Pattern::Echo),
            ..WebSocketOptions::default()
        };
        add(websocket, messages);
    }
    ways
}

impl Way {
    /// Runs rounds until the end. When it has its requests it says so and goes on with few, so that there are
    /// connections of every kind until the last trouble is over; one round in [`FULL_ROUND`] is whole all the same, as
    /// requests that come one by one are never pipelined.
    pub(super) fn run(&self, requests: u64, calm: &Arc<Calm>, end: &End) -> Sum {
        let mut told = 0;
        let mut sum = Sum {
            name: self.name,
            ..Sum::default()
        };
        let mut is_done = false;
        while sum.faults.is_empty() && !end.has_come() {
            end.issued(sum.issued - told);
            told = sum.issued;
            if !is_done && sum.issued >= requests {
                is_done = true;
                end.one_is_done();
            }
            let options = match is_done && !sum.rounds.is_multiple_of(FULL_ROUND) {
                true => self.trickle(),
                false => self.options.clone(),
            };
            let run = match options.websocket_pattern() {
                None => load::run(&options).map(|report| sum.add(report)),
                Some(_) => talk(options, calm).map(|report| sum.add_messages(report)),
            };
            sum.rounds += 1;
            if let Err(error) = run {
                sum.faults.push(format!("{}: {error}", self.name));
            }
        }
        sum
    }

    /// The same with few requests, which come by a timetable and so one by one.
    fn trickle(&self) -> load::Options {
        load::Options {
            rate: Some(TRICKLE),
            requests: Some(TRICKLE.get()),
            pipeline: 1,
            ..self.options.clone()
        }
    }
}

/// A round of messages. Its connections are all opened before it begins, and one that is refused would end
/// it: nobody is killed until they are open.
fn talk(
    mut options: load::Options,
    calm: &Arc<Calm>,
) -> Result<load::websocket::Report, LoadError> {
    calm.begin_opening();
    let opening = Arc::new(AtomicBool::new(true));
    let opened = {
        let calm = calm.clone();
        move || {
            if opening.swap(false, Ordering::Relaxed) {
                calm.end_opening();
            }
        }
    };
    options.window = Some(Window(Arc::new(opened.clone())));
    let report = load::websocket::run(&options);
    opened();
    report
}

impl Sum {
    fn add(&mut self, report: load::Report) {
        self.issued += report.issued;
        self.answered += report.ok;
        for (name, count) in [
            ("refused", report.refused),
            ("reset", report.reset),
            ("cut", report.cut),
            ("timeout", report.timeout),
            ("stream_reset", report.stream_reset),
            ("tls_failed", report.tls_failed),
            ("wrong", report.wrong),
            ("doubled", report.doubled),
            ("local", report.local),
        ] {
            self.lose(name, count);
        }
        for (code, count) in &report.status {
            self.lose(&format!("status {code}"), *count);
        }
        self.connects += report.connects;
        self.reconnects += report.reconnects;
        self.slowest_ms = self.slowest_ms.max(report.latency_us.max / 1000.0);
        self.broken.extend(report.broken);
        if let Some(error) = report.http2.and_then(|http2| http2.first_error) {
            self.faults.push(format!("{}: {error}", self.name));
        }
        if report.unclosed > 0 {
            let text = format!(
                "{}: {} connections were announced to end and stayed",
                self.name, report.unclosed
            );
            self.faults.push(text);
        }
    }

    fn add_messages(&mut self, report: load::websocket::Report) {
        self.issued += report.expected;
        self.answered += report.received;
        self.lose("message", report.lost);
        self.connects += report.connections as u64;
        self.slowest_ms = self.slowest_ms.max(report.latency_us.max / 1000.0);
        self.broken.extend(report.broken);
        let wrong = report.doubled + report.out_of_order + report.wrong + report.unclosed;
        if wrong > 0 {
            let text = format!(
                "{}: {} doubled, {} out of order, {} wrong, {} not closed; ended {:?}",
                self.name,
                report.doubled,
                report.out_of_order,
                report.wrong,
                report.unclosed,
                report.ended
            );
            self.faults.push(text);
        }
    }

    fn lose(&mut self, name: &str, count: u64) {
        if count > 0 {
            *self.lost.entry(name.to_owned()).or_default() += count;
        }
    }
}

/// When the load is to end.
#[derive(Default)]
pub(super) struct End {
    /// Ways that have their requests.
    done: AtomicUsize,
    /// Requests of all ways, in rounds that are over.
    issued: AtomicU64,
    now: AtomicBool,
}

impl End {
    fn one_is_done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn issued(&self, more: u64) {
        self.issued.fetch_add(more, Ordering::Relaxed);
    }

    /// How many requests there were.
    pub(super) fn requests(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// How many ways have their requests.
    pub(super) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Each way ends with the round that it is in.
    pub(super) fn comes(&self) {
        self.now.store(true, Ordering::Relaxed);
    }

    fn has_come(&self) -> bool {
        self.now.load(Ordering::Relaxed)
    }
}

/// Keeps two things apart that must not meet: the opening of WebSockets, and a death.
#[derive(Default)]
pub(super) struct Calm {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    opening: usize,
    trouble: bool,
}

impl Calm {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait_until(&self, is_time: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self
            .changed
            .wait_while(self.lock(), |state| !is_time(state));
        waited.unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn begin_opening(&self) {
        self.wait_until(|state| !state.trouble).opening += 1;
    }

    fn end_opening(&self) {
        self.lock().opening -= 1;
        self.changed.notify_all();
    }

    /// Waits until nothing is being opened; from then on nothing is until [`Calm::end_trouble`].
    pub(super) fn begin_trouble(&self) {
        self.lock().trouble = true;
        drop(self.wait_until(|state| state.opening == 0));
    }

    pub(super) fn end_trouble(&self) {
        self.lock().trouble = false;
        self.changed.notify_all();
    }
}
