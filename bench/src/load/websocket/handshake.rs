//! The opening handshake of a client (RFC 6455 section 4.1): the request, and whether the answer is one.
//!
//! Called for every connection of a run, and by the memory probe. No socket here: bytes in, bytes out.

use aws_lc_rs::digest;

use crate::target::Target;

/// The text that every server appends to the key.
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Longest head of an answer that is waited for.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Fields of an answer's head that are read.
const FIELDS_MAX: usize = 64;

/// A handshake under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handshake {
    key: [u8; 16],
}

impl Handshake {
    /// A handshake whose key is made of these bits, others for each connection.
    pub(crate) fn new(key: u128) -> Self {
        let key = key.to_be_bytes();
        Self { key }
    }

    /// Appends the request.
    pub(crate) fn append(&self, target: &Target, headers: &[(String, String)], out: &mut Vec<u8>) {
        let mut head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
            target.path,
            target.host(),
            base64(&self.key)
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        out.extend_from_slice(head.as_bytes());
    }

    /// Reads the answer at the front of `bytes` and says how long it is. None if it is not whole yet.
    ///
    /// # Errors
    /// Why the server did not become a WebSocket, as text.
    pub(crate) fn judge(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        let parsed = head.parse(bytes);
        let size = match parsed.map_err(|error| format!("its answer is not HTTP/1.1: {error}"))? {
            httparse::Status::Complete(size) => size,
            httparse::Status::Partial if bytes.len() > HEAD_BYTES_MAX => {
                return Err("its answer has a head of more than 64 KiB".to_owned());
            }
            httparse::Status::Partial => return Ok(None),
        };
        let field = |name: &str| {
            let found = (head.headers.iter()).find(|field| field.name.eq_ignore_ascii_case(name));
            found.map(|field| String::from_utf8_lossy(field.value).into_owned())
        };
        let status = head.code.unwrap_or_default();
        if status != 101 {
            let reason = head.reason.unwrap_or_default();
            return Err(format!(
                "it answered {status} {reason} and not 101: is this the path of a WebSocket?"
            ));
        }
        let has = |name: &str, token: &str| {
            field(name).is_some_and(|value| {
                let mut tokens = value.split(',').map(str::trim);
                tokens.any(|found| found.eq_ignore_ascii_case(token))
            })
        };
        if !has("upgrade", "websocket") || !has("connection", "upgrade") {
            return Err(
                "its 101 has no `Upgrade: websocket` with `Connection: Upgrade`".to_owned(),
            );
        }
        let accept = self.accept();
        match field("sec-websocket-accept") {
            Some(found) if found == accept => {}
            found => {
                let found = found.unwrap_or_else(|| "absent".to_owned());
                return Err(format!(
                    "its Sec-WebSocket-Accept is {found} and has to be {accept}"
                ));
            }
        }
        if let Some(extensions) = field("sec-websocket-extensions") {
            return Err(format!(
                "it chose the extension `{extensions}`, which nobody offered"
            ));
        }
        Ok(Some(size))
    }

    /// The Sec-WebSocket-Accept that answers the key.
    fn accept(&self) -> String {
        let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        sha1.update(base64(&self.key).as_bytes());
        sha1.update(SUFFIX);
        base64(sha1.finish().as_ref())
    }
}

/// Base64 with padding (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=group.len()].copy_from_slice(group);
        let word = u32::from_be_bytes(word);
        for at in 0..4 {
            text.push(match at <= group.len() {
                true => ALPHABET[(word >> (18 - 6 * at)) as usize % 64] as char,
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Handshake {
        // RFC 6455 section 1.3.
        Handshake {
            key: *b"the sample nonce",
        }
    }

    #[test]
    fn the_answer_of_the_standard_is_taken_and_its_bytes_are_counted() {
        let handshake = sample();
        let mut request = Vec::new();
        let target = "ws://127.0.0.1:80/chat".parse().expect("loopback");
        handshake.append(&target, &[("A".into(), "b".into())], &mut request);
        let request = String::from_utf8(request).expect("text");
        assert!(request.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
        assert!(request.starts_with("GET /chat HTTP/1.1\r\n") && request.ends_with("A: b\r\n\r\n"));
        let answer =
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: a, upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let mut bytes = answer.to_vec();
        bytes.extend(b"rest");
        assert_eq!(handshake.judge(&bytes), Ok(Some(answer.len())));
        assert_eq!(handshake.judge(&answer[..answer.len() - 1]), Ok(None));
    }

    #[test]
    fn each_bad_answer_is_refused_with_its_reason() {
        let good = "Upgrade: websocket\r\nConnection: upgrade\r\n";
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        for (answer, reason) in [
            ("HTTP/1.1 404 Not Found\r\n\r\n".to_owned(), "404 Not Found"),
            (format!("HTTP/1.1 101 A\r\n{accept}\r\n"), "no `Upgrade"),
            (format!("HTTP/1.1 101 A\r\n{good}\r\n"), "Accept is absent"),
            (
                format!("HTTP/1.1 101 A\r\n{good}Sec-WebSocket-Accept: x\r\n\r\n"),
                "Accept is x",
            ),
            (
                format!("HTTP/1.1 101 A\r\n{good}{accept}Sec-WebSocket-Extensions: x\r\n\r\n"),
                "extension `x`",
            ),
            ("SSH-2.0\r\n".to_owned(), "not HTTP/1.1"),
        ] {
            let error = sample().judge(answer.as_bytes()).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }
}
