//! Pages of which origins may open a WebSocket (RFC 6455 section 10.2). Browsers let any page connect to any
//! server and send its cookies along, so the server has to look. Called by `judge` when there is an Origin.

use std::str::from_utf8;

/// The origins that are let in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Origins {
    /// Pages of the host and port that the request is for. The scheme is not compared, for a proxy in front
    /// may have taken TLS off; a port that one of the two leaves out is the default one of the page's
    /// scheme.
    #[default]
    Same,
    /// Pages of the host, and of these origins: scheme, host, and port if it is not the default one, such as
    /// `https://app.example`. Compared without regard to case.
    Listed(Vec<String>),
    /// Every page there is.
    Any,
}

impl Origins {
    /// Whether a page of `origin` may connect to `host`.
    pub fn admit(&self, origin: &[u8], host: &str) -> bool {
        match self {
            Origins::Any => true,
            Origins::Same => is_same(origin, host),
            Origins::Listed(listed) => {
                let mut listed = listed.iter();
                listed.any(|listed| origin.eq_ignore_ascii_case(listed.as_bytes()))
                    || is_same(origin, host)
            }
        }
    }
}

/// Whether the page is of the host that it asks. An origin that is hidden (`null`) is of none.
fn is_same(origin: &[u8], host: &str) -> bool {
    let parts = from_utf8(origin)
        .ok()
        .and_then(|text| text.split_once("://"));
    let Some((scheme, authority)) = parts else {
        return false;
    };
    let default = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        _ => return false,
    };
    let (page, asked) = (split(authority, default), split(host, default));
    match (page, asked) {
        (Some((page, page_port)), Some((asked, port))) => {
            !page.is_empty() && page.eq_ignore_ascii_case(asked) && page_port == port
        }
        _ => false,
    }
}

/// Host and port of an authority. None if the port is no number.
fn split(authority: &str, default: u16) -> Option<(&str, u16)> {
    // The colons of an IPv6 address stand in brackets.
    let behind = authority.rfind(']').unwrap_or(0);
    match authority[behind..].find(':') {
        None => Some((authority, default)),
        Some(at) => match &authority[behind + at + 1..] {
            "" => Some((&authority[..behind + at], default)),
            port => Some((&authority[..behind + at], port.parse().ok()?)),
        },
    }
}
