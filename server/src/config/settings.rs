//! The settings themselves: what every other part of the server reads.
//!
//! Plain data with public fields, so that a program can start from [`Config::default`] and set what
//! it wants; [`Config::check`] then refuses what the readers of file, environment and flags would
//! have refused. How a setting is spelled is in `options/`.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::access::AccessLog;
use super::address::ListenAddr;
use super::admission::AdmissionLimits;
use super::choice::{
    Admit, DrainPending, HalfClose, LogFormat, LogLevel, Offered, OnTerm, RingFlag, Shed, Switch,
};
use super::control::ControlPath;
use super::cores::CoreSpec;
use super::definition::{Change, Draft, OptionDef};
use super::endpoint::{Endpoint, Opening, Scheme};
use super::error::Error;
use super::http2::Http2;
use super::options::OPTIONS;
use super::priority::PriorityRule;
use super::proxies::Proxies;
use super::rates::RequestRates;
use super::site::Site;
use super::size::format_size;
use super::source::Source;
use super::tls::Tls;
use super::websocket::WebSockets;

/// Everything one server is told. The default serves on `127.0.0.1:8080` and refuses nobody.
///
/// ```
/// use ringgate::config::Config;
///
/// let mut config = Config::default();
/// config.listen = vec!["127.0.0.1:0".parse().unwrap()];
/// config.limits.body_size = None;
/// config.check().unwrap();
///
/// config.listen.clear();
/// assert!(config.check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; at least one place.
    pub listen: Vec<Endpoint>,
    /// Certificates and handshakes of the places with TLS.
    pub tls: Tls,
    /// Proxies in front of the server.
    pub proxies: Proxies,
    /// How many cores serve.
    pub cores: CoreSpec,
    /// Listener slots, the most cores a resize can reach; `None` is the larger of the cores'
    /// maximum and the CPUs of the mask.
    pub core_slots: Option<NonZeroU32>,
    /// How many requests run and wait.
    pub admission: AdmissionLimits,
    /// Rules for requests that wait.
    pub queue: QueueRules,
    /// How often each client may ask.
    pub rates: RequestRates,
    /// Bounds of one HTTP request.
    pub limits: HttpLimits,
    /// How long a connection may take for what.
    pub timeouts: Timeouts,
    /// Whether HTTP/2 is served, and its bounds.
    pub http2: Http2,
    /// Bounds of WebSockets and tunnels.
    pub websocket: WebSockets,
    /// How the server ends.
    pub drain: Drain,
    /// How the pool of cores keeps itself.
    pub pool: PoolRules,
    /// Rings, buffers and turns of each core.
    pub rings: Rings,
    /// The log: which events, in what form, to where.
    pub log: Log,
    /// The access log: one line for each request.
    pub access_log: AccessLog,
    /// Directory whose files the built-in application serves.
    pub root: Option<PathBuf>,
    /// How it serves them.
    pub site: Site,
    /// The control socket.
    pub control: ControlPath,
    /// Where metrics are served.
    pub metrics: Option<ListenAddr>,
    /// Whether the built-in application shows the figures of the server.
    pub status_page: Offered,
    /// Whether the built-in application has the routes that make trouble on purpose.
    pub demo: Offered,
    /// Ring features to do without.
    pub without: Vec<RingFlag>,
    /// The file that names this process.
    pub pid_file: Option<PathBuf>,
    /// Whom to become once everything is bound, by name or number.
    pub user: Option<String>,
    /// The group to become; the user's first one if there is none.
    pub group: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: vec![ListenAddr::Tcp(([127, 0, 0, 1], 8080).into()).into()],
            tls: Tls::default(),
            proxies: Proxies::default(),
            cores: CoreSpec::Auto,
            core_slots: None,
            admission: AdmissionLimits::default(),
            queue: QueueRules::default(),
            rates: RequestRates::default(),
            limits: HttpLimits::default(),
            timeouts: Timeouts::default(),
            http2: Http2::default(),
            websocket: WebSockets::default(),
            drain: Drain::default(),
            pool: PoolRules::default(),
            rings: Rings::default(),
            log: Log::default(),
            access_log: AccessLog::default(),
            root: None,
            site: Site::default(),
            control: ControlPath::Auto,
            metrics: None,
            status_page: Offered::Auto,
            demo: Offered::Auto,
            without: Vec::new(),
            pid_file: None,
            user: None,
            group: None,
        }
    }
}

/// Rules for requests that wait for a slot, and for those that are refused one.
///
/// ```
/// use ringgate::config::{Config, QueueRules};
/// use std::num::NonZeroU32;
///
/// let config = Config {
///     queue: QueueRules { per_address: NonZeroU32::new(20), ..QueueRules::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRules {
    /// How long a slot is held.
    pub admit: Admit,
    /// Most requests that one client address may have in, running and waiting; `None` is no limit.
    pub per_address: Option<NonZeroU32>,
    /// Most connections of a core that are being refused, beyond which it pauses accepting; `None`
    /// is no limit.
    pub rejections: Option<NonZeroU32>,
    /// Which requests run before or after others that wait; the first rule that fits decides.
    pub priority: Vec<PriorityRule>,
    /// The request that gets the 503 when one too many is in.
    pub shed: Shed,
    /// Longest time a request waits for a slot; zero is no limit.
    pub timeout: Duration,
    /// A wait that is acceptable for good; zero sheds nobody for having waited.
    pub target: Duration,
    /// How long every wait must have been longer than `target` before one is shed.
    pub interval: Duration,
    /// Treatment of a request that waits when its client ends its side.
    pub half_close: HalfClose,
    /// Whether a refusal says why in `X-Ringgate-Reason`.
    pub reason_header: Switch,
}

impl Default for QueueRules {
    fn default() -> Self {
        QueueRules {
            admit: Admit::Request,
            per_address: None,
            rejections: NonZeroU32::new(1024),
            priority: Vec::new(),
            shed: Shed::Oldest,
            timeout: Duration::ZERO,
            target: Duration::ZERO,
            interval: Duration::from_millis(100),
            half_close: HalfClose::Gone,
            reason_header: Switch::On,
        }
    }
}

/// Bounds of one HTTP request.
///
/// ```
/// use ringgate::config::{Config, HttpLimits};
///
/// let config = Config {
///     limits: HttpLimits { body_size: Some(64 << 10), ..HttpLimits::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Largest request head in bytes.
    pub head_size: usize,
    /// Most header fields in one head.
    pub head_count: usize,
    /// Longest request target in bytes.
    pub uri_size: usize,
    /// Largest request body in bytes; `None` is no limit.
    pub body_size: Option<u64>,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            head_size: 16 << 10,
            head_count: 100,
            uri_size: 8 << 10,
            body_size: Some(1 << 20),
        }
    }
}

/// How long a connection may take for what.
///
/// ```
/// use ringgate::config::{Config, Timeouts};
/// use std::time::Duration;
///
/// let config = Config {
///     timeouts: Timeouts { idle: Duration::from_secs(15), ..Timeouts::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request head to its last.
    pub head: Duration,
    /// Longest pause in a request body.
    pub body: Duration,
    /// Longest time in which a client takes nothing of an answer.
    pub write: Duration,
    /// Longest wait for the next request.
    pub idle: Duration,
    /// Longest time to discard what a client still sends after its last answer.
    pub linger: Duration,
    /// Most bytes discarded in that time.
    pub linger_size: Option<u64>,
    /// How long in all, from the end of the answer.
    pub linger_time: Duration,
    /// Bytes a second of an answer that a client has to take; None for any rate.
    pub write_rate_min: Option<u64>,
    /// Bytes a second of a body that a client has to send; None for any rate.
    pub body_rate_min: Option<u64>,
    /// Bytes of an answer that the kernel keeps beyond what is under way to the client.
    pub unsent_size: u32,
    /// Requests after which a connection closes; 0 is no limit.
    pub requests_per_connection: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            linger: Duration::from_secs(5),
            linger_size: None,
            linger_time: Duration::from_secs(30),
            write_rate_min: None,
            body_rate_min: None,
            unsent_size: 256 << 10,
            requests_per_connection: 0,
        }
    }
}

/// How the server ends.
///
/// ```
/// use ringgate::config::{Config, Drain, OnTerm};
///
/// let config = Config {
///     drain: Drain { on_term: OnTerm::Drain, ..Drain::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long accepting goes on after `/readyz` says no.
    pub grace: Duration,
    /// How long after its last use an idle connection is kept for one more answer, which then
    /// announces the close.
    pub keepalive_grace: Duration,
    /// Time over which WebSockets that end are told Close.
    pub time: Duration,
    /// Time after which what is left is cut.
    pub graceful_timeout: Duration,
    /// Treatment of requests that wait for a slot when a drain begins.
    pub pending: DrainPending,
    /// The effect of SIGTERM.
    pub on_term: OnTerm,
    /// Time in which a new process has to take over in an upgrade.
    pub upgrade_timeout: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Drain {
            grace: Duration::ZERO,
            keepalive_grace: Duration::from_secs(2),
            time: Duration::from_secs(5),
            graceful_timeout: Duration::from_secs(30),
            pending: DrainPending::Serve,
            on_term: OnTerm::Stop,
            upgrade_timeout: Duration::from_secs(30),
        }
    }
}

/// How the pool of cores keeps itself.
///
/// ```
/// use ringgate::config::{Config, PoolRules};
/// use std::time::Duration;
///
/// let config = Config {
///     pool: PoolRules { stall: Duration::from_millis(100), ..PoolRules::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolRules {
    /// Time between two trims of a pool with room for them.
    pub trim_interval: Duration,
    /// How often a core is to give a sign of life.
    pub heartbeat_interval: Duration,
    /// How long after that one is replaced that has given none.
    pub heartbeat_timeout: Duration,
    /// Time without a turn after which other cores accept in its stead.
    pub stall: Duration,
    /// Whether idle connections move from fuller cores to emptier ones.
    pub balance: Switch,
    /// Connections after which a core is replaced, less a random part of up to a half; 0 is never.
    pub accepts: u32,
    /// Age at which a core is replaced; zero is never.
    pub core_age: Duration,
}

impl Default for PoolRules {
    fn default() -> Self {
        PoolRules {
            trim_interval: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(5),
            heartbeat_timeout: Duration::from_secs(20),
            stall: Duration::from_millis(250),
            balance: Switch::On,
            accepts: 0,
            core_age: Duration::ZERO,
        }
    }
}

/// Rings, buffers and turns of each core.
///
/// ```
/// use ringgate::config::{Config, Rings};
///
/// let config = Config {
///     rings: Rings { buffers: 4096, ..Rings::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rings {
    /// Submission queue entries, a power of two.
    pub entries: u32,
    /// Provided buffers, a power of two.
    pub buffers: u32,
    /// Bytes of one provided buffer.
    pub buffer_size: u32,
    /// Buffers that handlers may keep past a turn.
    pub leases_kept: u32,
    /// Most open connections; `None` is no limit.
    pub max_connections: Option<NonZeroU32>,
    /// Most connections that a core takes in in one turn of its loop; None for any number.
    pub accepts_per_turn: Option<NonZeroU32>,
    /// How long to look for work before blocking in the kernel.
    pub spin: Duration,
    /// Ready tasks that run before the kernel is heard again.
    pub tasks_per_turn: u32,
    /// How long a step of a handler may hold its core before it is told of; zero is for ever.
    pub long_poll: Duration,
}

impl Default for Rings {
    fn default() -> Self {
        Rings {
            entries: 1024,
            buffers: 1024,
            buffer_size: 32 << 10,
            leases_kept: 256,
            max_connections: None,
            accepts_per_turn: NonZeroU32::new(64),
            spin: Duration::ZERO,
            tasks_per_turn: 1024,
            long_poll: Duration::from_millis(100),
        }
    }
}

/// The log: which events, in what form, to where.
///
/// ```
/// use ringgate::config::{Config, Log, LogFormat};
///
/// let config = Config {
///     log: Log { format: LogFormat::Json, ..Log::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The file; `None` is standard error.
    pub file: Option<PathBuf>,
    /// The least important event that is still logged.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Log {
            file: None,
            level: LogLevel::Info,
            format: LogFormat::Text,
        }
    }
}

impl Config {
    /// Refuses what the readers would refuse: a value out of its range, or values that do not go
    /// together. Call it on a configuration made in code; the readers have called it already.
    ///
    /// # Errors
    ///
    /// The first fault found, as [`Error::Value`] or [`Error::Conflict`].
    pub fn check(&self) -> Result<(), Error> {
        let draft = Draft::from(self.clone());
        for option in OPTIONS {
            option
                .kind
                .check(&draft)
                .map_err(|refused| refused.at(option, Source::Code))?;
        }
        self.check_listeners()?;
        self.check_wildcards()?;
        self.check_files()?;
        self.check_tls()?;
        self.proxies.check(&self.listen)?;
        self.rates.check()?;
        self.check_slots()?;
        self.check_relations()
    }

    /// Keys of the options that differ in `other` and cannot change under a running server.
    pub fn needs_restart(&self, other: &Config) -> Vec<&'static str> {
        // The scheme of a place can change: it is in force for the connections that come then.
        let places = |config: &Config| {
            let mut config = config.clone();
            for endpoint in &mut config.listen {
                endpoint.scheme = Scheme::default();
            }
            Draft::from(config)
        };
        let (ours, theirs) = (places(self), places(other));
        let differs = |option: &&OptionDef| option.kind.write(&ours) != option.kind.write(&theirs);
        OPTIONS
            .iter()
            .filter(|option| option.change == Change::Restart)
            .filter(differs)
            .map(|option| option.key)
            .collect()
    }

    fn check_listeners(&self) -> Result<(), Error> {
        let mut taken = HashSet::new();
        let addresses = self.listen.iter().map(|endpoint| &endpoint.address);
        for address in addresses.filter(|address| address.is_exclusive()) {
            let place = address.place();
            if taken.contains(&place) {
                let message = format!("listen names {place} twice; leave one out");
                return Err(Error::conflict(&["listen"], message));
            }
            taken.insert(place);
        }
        let metrics = self.metrics.as_ref().map(ListenAddr::place);
        if let Some(metrics) = metrics.as_ref().filter(|metrics| taken.contains(metrics)) {
            let message = format!("listen and metrics both name {metrics}; give one another");
            return Err(Error::conflict(&["listen", "metrics"], message));
        }
        if let ControlPath::At(path) = &self.control {
            let control = ListenAddr::unix(path);
            let (key, clashes) = match &metrics {
                Some(metrics) if *metrics == control => ("metrics", true),
                _ => ("listen", taken.contains(&control)),
            };
            if clashes {
                let message = format!("{key} and control both name {control}; give one another");
                return Err(Error::conflict(&[key, "control"], message));
            }
        }
        Ok(())
    }

    fn check_tls(&self) -> Result<(), Error> {
        self.tls.check()?;
        match self.https_listeners().next() {
            Some(endpoint) if self.tls.certificates.is_empty() => Err(Error::conflict(
                &["listen", "certificate"],
                format!(
                    "{endpoint} needs a certificate; name its file with certificate, and its key \
                     with certificate_key, or let one be made for trying things out with \
                     certificate = self"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The places where TLS is spoken.
    pub(crate) fn https_listeners(&self) -> impl Iterator<Item = &Endpoint> {
        let is_https = |endpoint: &&Endpoint| endpoint.scheme == Scheme::Https;
        self.listen.iter().filter(is_https)
    }

    /// The places to listen on, each with what its connections begin with.
    pub(crate) fn openings(&self) -> impl Iterator<Item = (&ListenAddr, Opening)> {
        self.listen.iter().map(|Endpoint { scheme, address }| {
            let opening = Opening {
                scheme: *scheme,
                proxied: self.proxies.protocol.is_on_at(address),
            };
            (address, opening)
        })
    }

    fn check_slots(&self) -> Result<(), Error> {
        match (self.core_slots, self.cores.known_max()) {
            (Some(slots), Some(cores)) if slots < cores => Err(Error::conflict(
                &["core_slots", "cores"],
                format!(
                    "core_slots = {slots} is less than the {cores} that cores asks for; raise it \
                     or set it to auto"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn check_relations(&self) -> Result<(), Error> {
        let HttpLimits {
            head_size,
            uri_size,
            ..
        } = self.limits;
        if uri_size > head_size {
            return Err(Error::conflict(
                &["uri_size", "head_size"],
                format!(
                    "uri_size = {} is more than head_size = {}, of which the target is a part",
                    format_size(uri_size as u64),
                    format_size(head_size as u64)
                ),
            ));
        }
        Ok(())
    }
}
