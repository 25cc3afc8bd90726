//! Whether a request becomes a WebSocket (RFC 6455 section 4.2, RFC 8441 section 5), on which terms, and what
//! is answered. Called with the head of a request, in HTTP/1.1 or, as extended CONNECT, in HTTP/2. Left to
//! others: routes, limits on connections, sending.
//!
//! | module | decides |
//! |---|---|
//! | `key` | what proves to the client that its handshake was understood |
//! | [`origin`] | pages of which origins may connect |
//! | [`list`] | the grammar of fields that hold lists |
//!
//! Which compression is agreed on, [`super::deflate`] decides.

mod key;

pub mod list;

pub mod origin;

use self::list::Malformed;
use self::origin::Origins;
use super::deflate::{Compression, Terms};
use ::http::header::{self, HeaderName, HeaderValue};
use ::http::{Method, StatusCode, Version};
use smallvec::{SmallVec, smallvec};
use std::fmt;

/// The version of the protocol that is spoken here (RFC 6455 section 4.2.1).
pub const VERSION: &str = "13";

/// The parts of a request that are no fields.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// The version.
    pub version: Version,
    /// Host and optional port that it is for.
    pub host: &'a str,
    /// The pseudo-header `:protocol` of an extended CONNECT in HTTP/2 (RFC 8441 section 4).
    pub protocol: Option<&'a str>,
    /// Whether a body follows the head.
    pub has_body: bool,
}

/// The terms of a server, or of one of its routes.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Subprotocols that are spoken. The first of the client's that is among them is chosen: the client's
    /// list is in order of preference (RFC 6455 section 4.1).
    pub protocols: Vec<String>,
    /// Pages that may connect.
    pub origins: Origins,
    /// The compression that is offered; None for none.
    pub compression: Option<Compression>,
}

/// A handshake that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept<'p> {
    /// Sec-WebSocket-Accept; None in HTTP/2.
    key: Option<[u8; key::ACCEPT_SIZE_BYTES]>,
    /// The subprotocol that is spoken.
    pub protocol: Option<&'p str>,
    /// The compression that was agreed on.
    pub compression: Option<Terms>,
}

/// A handshake that is refused: the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined {
    /// Status of the answer.
    pub status: StatusCode,
    /// One sentence for the client and the log: what is wrong and what would be right.
    pub reason: &'static str,
    /// Fields that the status asks for.
    pub fields: &'static [(HeaderName, HeaderValue)],
}

/// Fields of a refusal for which the client could ask otherwise (RFC 6455 section 4.2.2). In HTTP/1.1 the first
/// of them goes with 426 (RFC 9110 section 15.5.22); HTTP/2 has no place for it (RFC 9113 section 8.2.2).
static CURE: [(HeaderName, HeaderValue); 2] = [
    (header::UPGRADE, HeaderValue::from_static("websocket")),
    (
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static(VERSION),
    ),
];
static GET_ONLY: [(HeaderName, HeaderValue); 1] =
    [(header::ALLOW, HeaderValue::from_static("GET"))];

impl Declined {
    const fn bad_request(reason: &'static str) -> Declined {
        Declined {
            status: StatusCode::BAD_REQUEST,
            reason,
            fields: &[],
        }
    }

    fn upgrade_required(reason: &'static str) -> Declined {
        Declined {
            status: StatusCode::UPGRADE_REQUIRED,
            reason,
            fields: &CURE,
        }
    }
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.reason)
    }
}

impl std::error::Error for Declined {}

impl From<Malformed> for Declined {
    fn from(Malformed(reason): Malformed) -> Declined {
        Declined::bad_request(reason)
    }
}

/// The fields of a handshake, as far as they were seen.
struct Seen<'a, 'p> {
    policy: &'p Policy,
    upgrade: bool,
    connection: bool,
    version: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    is_repeated: bool,
    /// The place of the chosen subprotocol in the policy's list.
    protocol: Option<usize>,
    compression: Option<Terms>,
}

impl<'a> Seen<'a, '_> {
    fn see(&mut self, name: &str, value: &'a [u8]) -> Result<(), Malformed> {
        let is = |known: HeaderName| name.eq_ignore_ascii_case(known.as_str());
        match name.len() {
            6 if is(header::ORIGIN) => self.once(value, |seen| &mut seen.origin),
            7 if is(header::UPGRADE) => self.upgrade |= list::has(value, "websocket"),
            10 if is(header::CONNECTION) => self.connection |= list::has(value, "upgrade"),
            17 if is(header::SEC_WEBSOCKET_KEY) => self.once(value, |seen| &mut seen.key),
            21 if is(header::SEC_WEBSOCKET_VERSION) => self.once(value, |seen| &mut seen.version),
            22 if is(header::SEC_WEBSOCKET_PROTOCOL) => self.see_protocols(value)?,
            24 if is(header::SEC_WEBSOCKET_EXTENSIONS) => self.see_extensions(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Takes note of a field that may stand once (RFC 6455 sections 11.3.1 and 11.3.5).
    fn once(&mut self, value: &'a [u8], field: impl FnOnce(&mut Self) -> &mut Option<&'a [u8]>) {
        if field(self).replace(value).is_some() {
            self.is_repeated = true;
        }
    }

    fn see_protocols(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for wished in list::tokens(value) {
            let spoken = &self.policy.protocols;
            let place = spoken
                .iter()
                .position(|spoken| Ok(spoken.as_bytes()) == wished);
            wished?;
            self.protocol = self.protocol.or(place);
        }
        Ok(())
    }

    fn see_extensions(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for offer in list::offers(value) {
            let offer = offer?;
            let offered = self.policy.compression.as_ref();
            let terms = offered.and_then(|compression| compression.agree(&offer));
            self.compression = self.compression.or(terms);
        }
        Ok(())
    }
}

/// Judges a handshake: `fields` are all fields of the request, in order.
///
/// A request without an Origin comes from no page of a browser, and every origin policy lets it through.
///
/// # Errors
/// The answer that tells the client what is wrong.
pub fn judge<'a, 'p>(
    asked: &Asked<'a>,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    policy: &'p Policy,
) -> Result<Accept<'p>, Declined> {
    let mut seen = Seen {
        policy,
        upgrade: false,
        connection: false,
        version: None,
        key: None,
        origin: None,
        is_repeated: false,
        protocol: None,
        compression: None,
    };
    let mut malformed = Ok(());
    for (name, value) in fields {
        malformed = malformed.and(seen.see(name, value));
    }
    let is_extended = asked.version == Version::HTTP_2;
    match is_extended {
        true => judge_connect(asked)?,
        false => judge_upgrade(asked, &seen)?,
    }
    malformed?;
    if seen.is_repeated {
        return Err(Declined::bad_request(
            "Origin, Sec-WebSocket-Key or Sec-WebSocket-Version stands more than once.",
        ));
    }
    judge_version(seen.version, is_extended)?;
    if asked.has_body {
        return Err(Declined::bad_request("A WebSocket handshake has no body."));
    }
    let key = match is_extended {
        true => None,
        false => Some(judge_key(seen.key)?),
    };
    if let Some(origin) = seen.origin
        && !policy.origins.admit(origin, asked.host)
    {
        return Err(Declined {
            status: StatusCode::FORBIDDEN,
            reason: "Pages of this origin may not connect; the server's list of origins decides.",
            fields: &[],
        });
    }
    Ok(Accept {
        key,
        protocol: seen.protocol.map(|place| policy.protocols[place].as_str()),
        compression: seen.compression,
    })
}

/// RFC 6455 section 4.2.1, items 1 to 4.
fn judge_upgrade(asked: &Asked<'_>, seen: &Seen<'_, '_>) -> Result<(), Declined> {
    if !seen.upgrade {
        return Err(Declined::upgrade_required(
            "A WebSocket is served here; ask for it with Upgrade: websocket.",
        ));
    }
    if asked.method != Method::GET {
        return Err(Declined {
            status: StatusCode::METHOD_NOT_ALLOWED,
            reason: "A WebSocket handshake is a GET.",
            fields: &GET_ONLY,
        });
    }
    if asked.version != Version::HTTP_11 {
        return Err(Declined::bad_request(
            "A WebSocket handshake needs HTTP/1.1 or HTTP/2.",
        ));
    }
    match seen.connection {
        true => Ok(()),
        false => Err(Declined::bad_request(
            "Connection does not name upgrade; a proxy on the way may have taken it out.",
        )),
    }
}

/// RFC 8441 section 5: the method and the protocol stand for Upgrade, Connection and key.
fn judge_connect(asked: &Asked<'_>) -> Result<(), Declined> {
    match (asked.method, asked.protocol) {
        (&Method::CONNECT, Some(protocol)) if protocol.eq_ignore_ascii_case("websocket") => Ok(()),
        // RFC 8441 section 4 leaves the answer to an unknown protocol open; 501 says that it is not
        // implemented.
        (&Method::CONNECT, Some(_)) => Err(Declined {
            status: StatusCode::NOT_IMPLEMENTED,
            reason: "Of the protocols that CONNECT can ask for, websocket is served here.",
            fields: &[],
        }),
        _ => Err(Declined::bad_request(
            "A WebSocket is served here; ask for it with CONNECT and :protocol = websocket.",
        )),
    }
}

/// RFC 6455 section 4.2.2, item 4: a version that is not spoken is told which one is.
fn judge_version(version: Option<&[u8]>, is_extended: bool) -> Result<(), Declined> {
    const SPOKEN: &str = "Version 13 of the WebSocket protocol is spoken here.";
    match version {
        Some(version) if version == VERSION.as_bytes() => Ok(()),
        Some(_) if is_extended => Err(Declined {
            fields: &CURE[1..],
            ..Declined::bad_request(SPOKEN)
        }),
        Some(_) => Err(Declined::upgrade_required(SPOKEN)),
        None => Err(Declined::bad_request(
            "Sec-WebSocket-Version is missing; 13 is spoken here.",
        )),
    }
}

fn judge_key(key: Option<&[u8]>) -> Result<[u8; key::ACCEPT_SIZE_BYTES], Declined> {
    let Some(key) = key else {
        return Err(Declined::bad_request("Sec-WebSocket-Key is missing."));
    };
    key::accept(key).ok_or(Declined::bad_request(
        "Sec-WebSocket-Key is not 16 bytes in base64.",
    ))
}

impl Accept<'_> {
    /// The fields of the answer, but for Upgrade and Connection.
    pub fn fields(&self) -> SmallVec<[(HeaderName, HeaderValue); 4]> {
        let mut fields = smallvec![];
        let value = |text: &[u8]| HeaderValue::from_bytes(text).ok();
        if let Some(value) = self.key.as_ref().and_then(|key| value(key)) {
            fields.push((header::SEC_WEBSOCKET_ACCEPT, value));
        }
        // Names of subprotocols are tokens: the client's list was seen to hold them.
        if let Some(value) = self.protocol.and_then(|name| value(name.as_bytes())) {
            fields.push((header::SEC_WEBSOCKET_PROTOCOL, value));
        }
        if let Some(terms) = self.compression {
            let value = value(terms.to_string().as_bytes());
            fields.extend(value.map(|value| (header::SEC_WEBSOCKET_EXTENSIONS, value)));
        }
        fields
    }

    /// Appends the whole head of the answer in HTTP/1.1 to `out` (RFC 6455 section 4.2.2, item 5).
    pub fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        );
        for (name, value) in self.fields() {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}
