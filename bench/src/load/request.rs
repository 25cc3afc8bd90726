//! The bytes of a request, and what its answer's body must be.
//!
//! The head is built once; the worker appends head and body to a connection's outgoing bytes.
//! With 16 or more body bytes each request carries its own number, so that an answer that belongs
//! to another request cannot pass for its own.

use std::ops::Range;

use crate::load::options::{Expected, Method, Mode, Options, Verify};

/// Hexadecimal digits of the request's number at the front of a body that has room for them.
const NUMBER_BYTES: usize = 16;
/// The body that `--verify plaintext` expects.
pub(crate) const PLAINTEXT: &[u8] = b"Hello, World!";

/// The bytes that are sent for every request of a run, and the check of the answer's body.
#[derive(Debug)]
pub(crate) struct Template {
    head: Vec<u8>,
    body: Vec<u8>,
    answer: Answer,
}

/// The body of each 2xx answer.
#[derive(Debug)]
enum Answer {
    /// The request's own.
    Echo,
    Known(Expected),
}

impl Template {
    pub(crate) fn new(options: &Options) -> Self {
        let method = match options.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let mut head = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\n",
            options.target.path,
            options.target.host()
        );
        if options.method == Method::Post {
            head.push_str(&format!("Content-Length: {}\r\n", options.body));
        }
        if options.effective_mode() == Mode::Close {
            head.push_str("Connection: close\r\n");
        }
        for (name, value) in &options.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        // 251 is prime: a body that is shifted or swapped by any power of two differs.
        let body = (0..options.body)
            .map(|at| b' ' + (at % 251 % 95) as u8)
            .collect();
        Self {
            head: head.into_bytes(),
            body,
            answer: match options.verify {
                Verify::None => Answer::Known(options.expected.clone()),
                Verify::Plaintext => Answer::Known(Expected::Whole(PLAINTEXT.into())),
                Verify::Echo => Answer::Echo,
            },
        }
    }

    /// Appends request `number` to `out`.
    pub(crate) fn append(&self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        self.append_body(number, 0..self.body.len(), out);
    }

    /// Bytes of the body of each request.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Appends a part of the body of request `number`.
    pub(crate) fn append_body(&self, number: u64, part: Range<usize>, out: &mut Vec<u8>) {
        let numbered = match self.body.len() >= NUMBER_BYTES {
            true => part.start.min(NUMBER_BYTES)..part.end.min(NUMBER_BYTES),
            false => 0..0,
        };
        out.extend_from_slice(&digits(number)[numbered.clone()]);
        out.extend_from_slice(&self.body[part.start + numbered.len()..part.end]);
    }

    /// Whether `bytes`, found at `offset` of the answer to request `number`, are what they must be.
    pub(crate) fn matches(&self, number: u64, offset: u64, bytes: &[u8]) -> bool {
        let Ok(offset) = usize::try_from(offset) else {
            return false;
        };
        let expected_at = |at: usize| -> Option<u8> {
            if at < NUMBER_BYTES && self.body.len() >= NUMBER_BYTES {
                Some(digits(number)[at])
            } else {
                self.body.get(at).copied()
            }
        };
        match &self.answer {
            Answer::Known(Expected::Any | Expected::Length(_)) => true,
            Answer::Known(Expected::Whole(body)) => {
                body.get(offset..offset + bytes.len()) == Some(bytes)
            }
            Answer::Echo => {
                let numbered = bytes.len().min(NUMBER_BYTES.saturating_sub(offset));
                let (front, rest) = bytes.split_at(numbered);
                front
                    .iter()
                    .enumerate()
                    .all(|(i, b)| expected_at(offset + i) == Some(*b))
                    && self.body.get(offset + numbered..offset + bytes.len()) == Some(rest)
            }
        }
    }

    /// The length the answer's body must have, if that is checked.
    pub(crate) fn expected_length(&self) -> Option<u64> {
        match &self.answer {
            Answer::Known(Expected::Any) => None,
            Answer::Known(Expected::Length(length)) => Some(*length),
            Answer::Known(Expected::Whole(body)) => Some(body.len() as u64),
            Answer::Echo => Some(self.body.len() as u64),
        }
    }
}

/// `number` as 16 hexadecimal digits.
fn digits(number: u64) -> [u8; NUMBER_BYTES] {
    std::array::from_fn(|i| b"0123456789abcdef"[(number >> (60 - 4 * i) & 15) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(body: usize) -> Template {
        let mut options = Options::to("http://127.0.0.1:1/echo".parse().unwrap());
        (options.method, options.body, options.verify) = (Method::Post, body, Verify::Echo);
        Template::new(&options)
    }

    #[test]
    fn an_echo_matches_in_any_cut_and_the_answer_of_another_request_does_not() {
        for size in [0, 1, 15, 16, 17, 700] {
            let template = echo(size);
            let mut wire = Vec::new();
            template.append(0xabc, &mut wire);
            assert!(wire.ends_with(&template.body[size.min(NUMBER_BYTES)..]));
            let body = &wire[wire.len() - size..];
            for cut in 0..=size {
                let mut parts = Vec::new();
                template.append_body(0xabc, 0..cut, &mut parts);
                template.append_body(0xabc, cut..size, &mut parts);
                assert_eq!(parts, body, "{size} cut at {cut}");
                assert!(template.matches(0xabc, 0, &body[..cut]));
                assert!(
                    template.matches(0xabc, cut as u64, &body[cut..]),
                    "{size} cut at {cut}"
                );
            }
            assert!(!template.matches(0xabc, 1, body) || size == 0);
            assert_eq!(template.matches(0xabd, 0, body), size < NUMBER_BYTES);
            assert!(
                !template.matches(0xabc, size as u64, b"x"),
                "longer than what was sent"
            );
        }
    }
}
