//! Whom a request was forwarded for, as the proxies on its way wrote it: X-Forwarded-For, a list of addresses that
//! each proxy adds the address of its own peer to, and Forwarded (RFC 7239), the same with more said.
//!
//! Pure. Called by [`super::belief`], which goes through the nodes from the last one, the nearest, and decides how
//! far it believes them. A client may have written the front of such a list itself.

use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One node on the way of a request; None where the proxy did not tell it (`unknown`, or a name of its own).
pub(super) type Node = Option<SocketAddr>;

/// The nodes of one line of a field, the nearest first.
pub(super) type Nodes = SmallVec<[Node; 4]>;

/// The nodes in one line of X-Forwarded-For. An element that is no address is a node that is not told.
pub(super) fn of_x_forwarded_for(line: &[u8]) -> Nodes {
    let elements = line.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements
        .filter(|element| !element.is_empty())
        .map(node)
        .collect()
}

/// The nodes in one line of Forwarded; None if it is not in the form of RFC 7239 section 4. A client that opens
/// a quoted string in a line which a proxy adds to makes it so.
pub(super) fn of_forwarded(line: &[u8]) -> Option<Nodes> {
    let mut nodes = Nodes::new();
    let mut rest = line;
    loop {
        let element = read_element(&mut rest)?;
        if element.has_pairs {
            nodes.push(element.node);
        }
        match rest.split_first() {
            Some((b',', more)) => rest = more,
            Some(_) => return None,
            None => break,
        }
    }
    nodes.reverse();
    Some(nodes)
}

/// One element of Forwarded.
struct Element {
    node: Node,
    has_pairs: bool,
}

/// Reads pairs up to the comma behind them, or the end.
fn read_element(rest: &mut &[u8]) -> Option<Element> {
    let mut found: Option<Node> = None;
    let mut has_pairs = false;
    loop {
        *rest = rest.trim_ascii_start();
        if !matches!(rest.first(), None | Some(b',' | b';')) {
            let (name, value) = read_pair(rest)?;
            has_pairs = true;
            // A parameter occurs once in an element.
            if name.eq_ignore_ascii_case(b"for") && found.replace(node(&value)).is_some() {
                return None;
            }
            *rest = rest.trim_ascii_start();
        }
        match rest.first() {
            Some(b';') => *rest = &rest[1..],
            None | Some(b',') => break,
            Some(_) => return None,
        }
    }
    Some(Element {
        node: found.flatten(),
        has_pairs,
    })
}

type Value = SmallVec<[u8; 64]>;

fn read_pair<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Value)> {
    let end = rest.iter().position(|byte| !is_token(*byte))?;
    let (name, behind) = rest.split_at(end);
    let behind = behind.strip_prefix(b"=")?;
    if name.is_empty() {
        return None;
    }
    let (value, behind) = match behind.strip_prefix(b"\"") {
        Some(quoted) => read_quoted(quoted)?,
        None => read_bare(behind)?,
    };
    *rest = behind;
    Some((name, value))
}

/// A character of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A value without quotes: a token, or an address with its port, as some proxies write it.
fn read_bare(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let is_part = |byte: u8| is_token(byte) || b":[]".contains(&byte);
    let end = bytes.iter().position(|byte| !is_part(*byte));
    let (value, behind) = bytes.split_at(end.unwrap_or(bytes.len()));
    (!value.is_empty()).then(|| (value.into(), behind))
}

/// The rest of a quoted string (RFC 9110 section 5.6.4).
fn read_quoted(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let mut value = Value::new();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some((value, &bytes[at + 1..])),
            b'\\' => {
                value.push(*bytes.get(at + 1)?);
                at += 2;
            }
            byte => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:80`. The port is 0 where it is not told; a port that is a name (RFC 7239 section 6) is
/// none.
fn node(bytes: &[u8]) -> Node {
    let text = std::str::from_utf8(bytes).ok()?;
    if let Some(inner) = text.strip_prefix('[') {
        let (ip, behind) = inner.split_once(']')?;
        let ip: Ipv6Addr = ip.parse().ok()?;
        let port = match behind.strip_prefix(':') {
            Some(port) => port_of(port)?,
            None if behind.is_empty() => 0,
            None => return None,
        };
        return Some(canonical(IpAddr::V6(ip), port));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(canonical(ip, 0));
    }
    let (ip, port) = text.split_once(':')?;
    let ip: Ipv4Addr = ip.parse().ok()?;
    Some(canonical(IpAddr::V4(ip), port_of(port)?))
}

fn canonical(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.to_canonical(), port)
}

fn port_of(text: &str) -> Option<u16> {
    let is_name = text.strip_prefix('_').is_some_and(|name| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !name.is_empty() && name.bytes().all(allowed)
    });
    if is_name {
        return Some(0);
    }
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(nodes: Nodes) -> Vec<String> {
        let shown = |node: Node| node.map_or("?".to_owned(), |node| node.to_string());
        nodes.into_iter().map(shown).collect()
    }

    fn x(line: &str) -> Vec<String> {
        list(of_x_forwarded_for(line.as_bytes()))
    }

    fn f(line: &str) -> Option<Vec<String>> {
        of_forwarded(line.as_bytes()).map(list)
    }

    #[test]
    fn the_last_address_of_a_list_is_the_nearest() {
        assert_eq!(
            x("203.0.113.7, 10.0.0.2 ,10.0.0.1"),
            ["10.0.0.1:0", "10.0.0.2:0", "203.0.113.7:0"]
        );
    }

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:0"),
            ("192.0.2.1:4711", "192.0.2.1:4711"),
            ("2001:db8::1", "[2001:db8::1]:0"),
            ("[2001:db8::1]", "[2001:db8::1]:0"),
            ("[2001:db8::1]:4711", "[2001:db8::1]:4711"),
            ("::ffff:192.0.2.1", "192.0.2.1:0"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1:1"),
        ] {
            assert_eq!(x(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_a_node_that_is_not_told() {
        for text in [
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.1:",
            "192.0.2.1:+80",
            "192.0.2.1:70000",
            "[2001:db8::1",
            "[192.0.2.1]",
            "[2001:db8::1]x",
            "fe80::1%eth0",
            "192.0.2.1 10.0.0.1",
            "\"192.0.2.1\"",
            "\u{e9}",
        ] {
            assert_eq!(x(text), ["?"], "{text}");
        }
        assert_eq!(x(" , ,"), [""; 0]);
    }

    /// The examples of RFC 7239 section 4 and 6, and what section 5.2 says of their nodes.
    #[test]
    fn forwarded_is_read_as_its_specification_writes_it() {
        let hidden = r#"for="_gazonk""#;
        assert_eq!(f(hidden), Some(vec!["?".into()]));
        let v6 = r#"For="[2001:db8:cafe::17]:4711""#;
        assert_eq!(f(v6), Some(vec!["[2001:db8:cafe::17]:4711".into()]));
        let all = "for=192.0.2.60;proto=http;by=203.0.113.43";
        assert_eq!(f(all), Some(vec!["192.0.2.60:0".into()]));
        let list = "for=192.0.2.43, for=198.51.100.17";
        assert_eq!(
            f(list),
            Some(vec!["198.51.100.17:0".into(), "192.0.2.43:0".into()])
        );
        assert_eq!(f("for=unknown"), Some(vec!["?".into()]));
        let port = r#"for="192.0.2.43:_port""#;
        assert_eq!(f(port), Some(vec!["192.0.2.43:0".into()]));
        let bare = "for=192.0.2.43:47011";
        assert_eq!(f(bare), Some(vec!["192.0.2.43:47011".into()]));
        let without = "proto=https;by=_edge";
        assert_eq!(f(without), Some(vec!["?".into()]));
        let commas = r#"for=192.0.2.1;host="a, b; c \"d\"" ; proto=http , for=10.0.0.1"#;
        assert_eq!(
            f(commas),
            Some(vec!["10.0.0.1:0".into(), "192.0.2.1:0".into()])
        );
        assert_eq!(f(" , ;"), Some(vec![]));
    }

    #[test]
    fn a_line_in_another_form_names_nobody() {
        for line in [
            "for",
            "for=",
            "=1",
            "for=1.2.3.4 for=2.3.4.5",
            r#"for="1.2.3.4"#,
            r#"for="1.2.3.4"x"#,
            r#"for="1.2.3.4\"#,
            "for=1.2.3.4;for=2.3.4.5",
            "for = 1.2.3.4",
        ] {
            assert_eq!(f(line), None, "{line}");
        }
    }

    #[test]
    fn a_quote_that_a_client_opens_hides_the_line_and_gives_it_no_other_address() {
        for added in [
            "for=192.0.2.9",
            r#"for="[2001:db8::9]:1""#,
            r#"for=192.0.2.9;by="_edge""#,
            r#"for=192.0.2.9;host="a:8080";proto=http"#,
        ] {
            for front in [r#"for=""#, r#"for=10.9.9.9;x=""#, r#"for="10.9.9.9\"#] {
                let line = format!("{front}, {added}");
                assert_eq!(f(&line), None, "{line}");
            }
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(line in any::<Vec<u8>>()) {
            let _ = of_x_forwarded_for(&line);
            let _ = of_forwarded(&line);
        }

        #[test]
        fn the_node_that_a_proxy_adds_is_the_nearest_whatever_is_before_it(front in "[^\u{0}\r\n]{0,40}") {
            let line = format!("{front}, 192.0.2.9");
            prop_assert_eq!(of_x_forwarded_for(line.as_bytes())[0], "192.0.2.9:0".parse().ok());
            let line = format!("{front}, for=192.0.2.9");
            if let Some(nodes) = of_forwarded(line.as_bytes()) {
                prop_assert_eq!(nodes[0], "192.0.2.9:0".parse().ok());
            }
        }
    }
}
