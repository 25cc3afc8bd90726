//! The options of proxies in front of the server: which are trusted, what they say of their clients, and how.
//!
//! Plain data, part of [`Config`](super::Config). Called by the option table and by programs that
//! build a configuration in code. `crate::client` decides what is believed.

use std::ffi::OsString;
use std::time::Duration;

use super::address::ListenAddr;
use super::choice::Forwarded;
use super::endpoint::Endpoint;
use super::error::{Error, Malformed};
use super::trusted::TrustedProxy;

/// The listeners whose connections begin with a header of the PROXY protocol.
///
/// ```
/// use ringgate::config::{ListenAddr, ProxyProtocol};
///
/// let behind: ListenAddr = "127.0.0.1:8081".parse()?;
/// let protocol = ProxyProtocol::At(vec![behind.clone()]);
/// assert!(protocol.is_on_at(&behind) && !ProxyProtocol::Off.is_on_at(&behind));
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyProtocol {
    /// None. Written `off`.
    #[default]
    Off,
    /// All. Written `on`.
    On,
    /// The listeners with these addresses, which stand in `listen` too. Written as there, without a scheme.
    At(Vec<ListenAddr>),
}

const OFF: &str = "off";
const ON: &str = "on";

impl ProxyProtocol {
    pub(super) fn read(items: &[OsString]) -> Result<ProxyProtocol, (usize, Malformed)> {
        match items {
            [only] if only == OFF => return Ok(ProxyProtocol::Off),
            [only] if only == ON => return Ok(ProxyProtocol::On),
            [] => return Ok(ProxyProtocol::Off),
            _ => {}
        }
        let read = |(at, item): (usize, &OsString)| {
            let text = item.to_str().ok_or_else(|| Malformed::new("not UTF-8"));
            let text = text.map_err(|reason| (at, reason))?;
            if text == OFF || text == ON {
                return Err((at, Malformed::new("on and off stand alone")));
            }
            text.parse().map_err(|reason| (at, reason))
        };
        let places = items.iter().enumerate().map(read);
        places.collect::<Result<_, _>>().map(ProxyProtocol::At)
    }

    pub(super) fn written(&self) -> Vec<OsString> {
        match self {
            ProxyProtocol::Off => vec![OFF.into()],
            ProxyProtocol::On => vec![ON.into()],
            ProxyProtocol::At(places) => places.iter().map(ListenAddr::written).collect(),
        }
    }

    /// Whether connections of this listener begin with a header.
    pub fn is_on_at(&self, listener: &ListenAddr) -> bool {
        match self {
            ProxyProtocol::Off => false,
            ProxyProtocol::On => true,
            ProxyProtocol::At(places) => {
                let place = listener.place();
                places.iter().any(|at| at.place() == place)
            }
        }
    }
}

/// Proxies in front of the server.
///
/// ```
/// use ringgate::config::{Config, Proxies};
///
/// let config = Config {
///     proxies: Proxies { trusted: vec!["10.0.0.0/8".parse()?], ..Proxies::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies {
    /// The proxies that are trusted to say who their clients are.
    pub trusted: Vec<TrustedProxy>,
    /// The listeners whose connections begin with a header of the PROXY protocol.
    pub protocol: ProxyProtocol,
    /// How long that header may take, from the accept to its last byte.
    pub header_timeout: Duration,
    /// The field of a request that names the client.
    pub forwarded: Forwarded,
    /// The field in which requests have an id; None: they have none.
    pub request_id: Option<String>,
}

impl Default for Proxies {
    fn default() -> Self {
        Proxies {
            trusted: Vec::new(),
            protocol: ProxyProtocol::Off,
            header_timeout: Duration::from_secs(5),
            forwarded: Forwarded::XForwardedFor,
            request_id: None,
        }
    }
}

impl Proxies {
    /// Refuses values that do not go together, or with the places where the server listens.
    pub(super) fn check(&self, listen: &[Endpoint]) -> Result<(), Error> {
        if let ProxyProtocol::At(places) = &self.protocol {
            let is_there = |place: &&ListenAddr| {
                let place = place.place();
                listen
                    .iter()
                    .any(|endpoint| endpoint.address.place() == place)
            };
            if let Some(place) = places.iter().find(|place| !is_there(place)) {
                return Err(Error::conflict(
                    &["proxy_protocol", "listen"],
                    format!(
                        "proxy_protocol names {place}, where nothing listens; write it as in listen, \
                         without https://"
                    ),
                ));
            }
        }
        if self.protocol != ProxyProtocol::Off && self.trusted.is_empty() {
            return Err(Error::conflict(
                &["proxy_protocol", "trusted_proxies"],
                "proxy_protocol needs the proxies that may say who their clients are; name their \
                 addresses with trusted_proxies"
                    .to_owned(),
            ));
        }
        match &self.request_id {
            Some(name) if !may_hold_an_id(name) => Err(Error::conflict(
                &["request_id"],
                format!(
                    "request_id = {name:?} is no field that can hold an id; name one such as X-Request-Id"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Fields with a meaning for the message or the connection.
const TAKEN: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "host",
    "keep-alive",
    "location",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn may_hold_an_id(name: &str) -> bool {
    http::HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| !TAKEN.contains(&name.as_str()))
}
