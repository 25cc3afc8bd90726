//! Incremental decoding of HTTP/1.1 answers: bytes in, complete answers out.
//!
//! Pure: the worker hands in what it received and is told how much was used. The framing rules are
//! RFC 9112 section 6; anything doubtful (two lengths, a length beside chunks, a bad chunk) is
//! [`Malformed`], because a load generator must not be more forgiving than the strictest client.
//! Bodies are not kept: each piece is shown to the caller's [`Inspect`].

use httparse::Status;

/// Longest accepted answer head, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields in an answer.
const HEADERS_MAX: usize = 64;
/// Longest chunk-size line or trailer line, in bytes.
const LINE_BYTES_MAX: usize = 4096;

/// The bytes are not an HTTP/1.1 answer; nothing after them on the connection can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code of the final (not 1xx) answer.
    pub(crate) status: u16,
    /// The server announced that it closes the connection (RFC 9112 section 9.6), or the answer's
    /// framing implies it.
    pub(crate) close: bool,
    /// Every piece of the body satisfied the inspector.
    pub(crate) body_matches: bool,
    /// Bytes of content, without chunk framing.
    pub(crate) body_bytes: u64,
}

/// Looks at an answer as it arrives.
pub(crate) trait Inspect {
    /// The header fields of a final answer, once.
    fn headers(&mut self, headers: &[httparse::Header<'_>]);
    /// A piece of content at `offset`; false if it is not what was expected.
    fn body(&mut self, status: u16, offset: u64, piece: &[u8]) -> bool;
}

/// Where in an answer the decoder stands. `Length(0)` never rests between calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
}

/// Decodes one answer after the other from one connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    answer: Answer,
}

const BLANK: Answer = Answer {
    status: 0,
    close: false,
    body_matches: true,
    body_bytes: 0,
};

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Head,
            answer: BLANK,
        }
    }

    /// Uses bytes from the front of `input`. Returns how many were used and the answer if that
    /// completed one; without an answer the caller keeps the unused rest and comes back with more.
    pub(crate) fn advance(
        &mut self,
        input: &[u8],
        inspect: &mut impl Inspect,
    ) -> Result<(usize, Option<Answer>), Malformed> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match self.state {
                State::Head => {
                    let Some(n) = self.head(rest, inspect)? else {
                        return Ok((used, None));
                    };
                    used += n;
                    if self.state == State::Length(0) {
                        return Ok((used, Some(self.finish())));
                    }
                }
                State::Length(left) => {
                    let n = self.content(rest, left, inspect);
                    used += n as usize;
                    self.state = State::Length(left - n);
                    if left == n {
                        return Ok((used, Some(self.finish())));
                    }
                    return Ok((used, None));
                }
                State::UntilClose => {
                    used += self.content(rest, u64::MAX, inspect) as usize;
                    return Ok((used, None));
                }
                State::ChunkSize => match httparse::parse_chunk_size(rest) {
                    Ok(Status::Complete((n, 0))) => {
                        used += n;
                        self.state = State::Trailers;
                    }
                    Ok(Status::Complete((n, size))) => {
                        used += n;
                        self.state = State::ChunkData(size);
                    }
                    Ok(Status::Partial) if rest.len() <= LINE_BYTES_MAX => return Ok((used, None)),
                    Ok(Status::Partial) | Err(_) => return Err(Malformed),
                },
                State::ChunkData(left) => {
                    let n = self.content(rest, left, inspect);
                    used += n as usize;
                    self.state = State::ChunkData(left - n);
                    if n < left {
                        return Ok((used, None));
                    }
                    self.state = State::ChunkEnd;
                }
                State::ChunkEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        used += 2;
                        self.state = State::ChunkSize;
                    }
                    [] | [b'\r'] => return Ok((used, None)),
                    _ => return Err(Malformed),
                },
                State::Trailers => {
                    let Some(line) = rest.iter().position(|b| *b == b'\n') else {
                        return if rest.len() > LINE_BYTES_MAX {
                            Err(Malformed)
                        } else {
                            Ok((used, None))
                        };
                    };
                    used += line + 1;
                    match &rest[..line] {
                        b"\r" => return Ok((used, Some(self.finish()))),
                        [.., b'\r'] => {}
                        _ => return Err(Malformed),
                    }
                }
            }
        }
    }

    /// The connection ended. An answer whose body lasts until then is complete (RFC 9112
    /// section 6.3 rule 8); anything else is not.
    pub(crate) fn end_of_stream(&mut self) -> Option<Answer> {
        (self.state == State::UntilClose).then(|| self.finish())
    }

    fn finish(&mut self) -> Answer {
        self.state = State::Head;
        std::mem::replace(&mut self.answer, BLANK)
    }

    /// Shows up to `most` bytes of content to the inspector and returns how many there were.
    fn content(&mut self, rest: &[u8], most: u64, inspect: &mut impl Inspect) -> u64 {
        let n = most.min(rest.len() as u64);
        if n > 0 {
            let answer = &mut self.answer;
            answer.body_matches &=
                inspect.body(answer.status, answer.body_bytes, &rest[..n as usize]);
            answer.body_bytes += n;
        }
        n
    }

    /// Reads a head; `None` if it is not complete. Interim answers (1xx) are skipped.
    fn head(
        &mut self,
        rest: &[u8],
        inspect: &mut impl Inspect,
    ) -> Result<Option<usize>, Malformed> {
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        let used = match head.parse(rest) {
            Ok(Status::Complete(used)) => used,
            Ok(Status::Partial) if rest.len() <= HEAD_BYTES_MAX => return Ok(None),
            Ok(Status::Partial) | Err(_) => return Err(Malformed),
        };
        let status = head.code.ok_or(Malformed)?;
        if status == 101 || !(100..600).contains(&status) {
            return Err(Malformed);
        }
        if status < 200 {
            return Ok(Some(used));
        }
        let (mut length, mut chunked, mut close, mut keep_alive) = (None, false, false, false);
        for field in head.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                if length.replace(decimal(field.value)?).is_some() {
                    return Err(Malformed);
                }
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                if chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed);
                }
                chunked = true;
            } else if field.name.eq_ignore_ascii_case("connection") {
                for token in field.value.split(|b| *b == b',') {
                    close |= token.trim_ascii().eq_ignore_ascii_case(b"close");
                    keep_alive |= token.trim_ascii().eq_ignore_ascii_case(b"keep-alive");
                }
            }
        }
        inspect.headers(head.headers);
        close |= head.version == Some(0) && !keep_alive;
        self.state = match (length, chunked) {
            (Some(_), true) => return Err(Malformed),
            _ if status == 204 || status == 304 => State::Length(0),
            (None, true) => State::ChunkSize,
            (Some(length), false) => State::Length(length),
            (None, false) => {
                close = true;
                State::UntilClose
            }
        };
        self.answer = Answer {
            status,
            close,
            ..BLANK
        };
        Ok(Some(used))
    }
}

/// A non-empty run of decimal digits (RFC 9110 section 8.6), nothing else.
fn decimal(value: &[u8]) -> Result<u64, Malformed> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Collect(Vec<u8>);

    impl Inspect for Collect {
        fn headers(&mut self, _: &[httparse::Header<'_>]) {}
        fn body(&mut self, _: u16, offset: u64, piece: &[u8]) -> bool {
            assert_eq!(offset, self.0.len() as u64);
            self.0.extend_from_slice(piece);
            true
        }
    }

    /// Feeds `wire` in two pieces cut at `cut`; returns the answer, the body and the unused bytes.
    fn decode(wire: &[u8], cut: usize) -> Result<(Option<Answer>, Vec<u8>, usize), Malformed> {
        let (mut decoder, mut seen) = (Decoder::new(), Collect::default());
        let (used, first) = decoder.advance(&wire[..cut], &mut seen)?;
        if first.is_some() {
            return Ok((first, seen.0, wire.len() - used));
        }
        let (more, second) = decoder.advance(&wire[used..], &mut seen)?;
        Ok((second, seen.0, wire.len() - used - more))
    }

    #[test]
    fn every_framing_decodes_the_same_wherever_it_is_cut() {
        let cases: [(&[u8], u16, bool, &[u8]); 6] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, false, b"abc"),
            (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", 503, true, b""),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n02\r\nde\r\n0\r\nT: u\r\n\r\n", 200, false, b"abcde"),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 N\r\n\r\n", 204, false, b""),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, true, b"x"),
            (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, false, b"x"),
        ];
        for (wire, status, close, body) in cases {
            for cut in 0..=wire.len() {
                let (answer, seen, left) = decode(wire, cut).unwrap();
                let answer = answer.unwrap_or_else(|| panic!("incomplete at {cut}"));
                assert_eq!(
                    (answer.status, answer.close, seen.as_slice(), left),
                    (status, close, body, 0)
                );
            }
        }
    }

    #[test]
    fn what_follows_an_answer_is_left_for_the_next() {
        let (answer, _, left) =
            decode(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP", 42).unwrap();
        assert_eq!((answer.unwrap().status, left), (200, 4));
    }

    #[test]
    fn a_body_without_a_length_is_complete_only_at_the_end_of_the_stream() {
        let (mut decoder, mut seen) = (Decoder::new(), Collect::default());
        assert_eq!(
            decoder.advance(b"HTTP/1.1 200 OK\r\n\r\nabc", &mut seen),
            Ok((22, None))
        );
        assert!(
            decoder
                .end_of_stream()
                .is_some_and(|a| a.close && a.body_bytes == 3)
        );
        assert_eq!(
            decoder.advance(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na",
                &mut Collect::default()
            ),
            Ok((39, None))
        );
        assert_eq!(decoder.end_of_stream(), None);
    }

    #[test]
    fn doubtful_framing_is_malformed() {
        for wire in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
            b"HTTP/1.1 101 Switching\r\n\r\n",
            b"SSH-2.0-x\r\n",
        ] {
            assert_eq!(
                decode(wire, wire.len()).map(|_| ()),
                Err(Malformed),
                "{}",
                String::from_utf8_lossy(wire)
            );
        }
    }
}
