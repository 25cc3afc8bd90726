//! The HTTP part of the peers that bring none: bytes of one receive in, answers of the batch out.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes read at once.
pub const READ_BYTES: usize = 8 * 1024;
/// Longest unfinished head that is kept.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Whether the connection goes on after a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Keep,
    Close,
}

/// Answers every complete request at the front of `input` into `output` and removes it from `input`.
pub fn answer(input: &mut Vec<u8>, output: &mut Vec<u8>) -> Next {
    let (mut used, mut next) = (0, Next::Keep);
    while next == Next::Keep && used < input.len() {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&input[used..]) {
            Ok(httparse::Status::Complete(n)) => {
                let close = request.version == Some(0)
                    || request.headers.iter().any(|field| {
                        field.name.eq_ignore_ascii_case("connection")
                            && field.value.eq_ignore_ascii_case(b"close")
                    });
                let found = request.method == Some("GET") && request.path == Some("/plaintext");
                used += n;
                append(output, found, close);
                if close {
                    next = Next::Close;
                }
            }
            Ok(httparse::Status::Partial) if input.len() - used <= HEAD_BYTES_MAX => break,
            Ok(httparse::Status::Partial) | Err(_) => {
                output.extend_from_slice(
                    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                );
                next = Next::Close;
            }
        }
    }
    input.drain(..used);
    next
}

fn append(output: &mut Vec<u8>, found: bool, close: bool) {
    output.extend_from_slice(if found {
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nDate: "
    } else {
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: "
    });
    append_date(output);
    output.extend_from_slice(if close {
        b"\r\nConnection: close\r\n\r\n"
    } else {
        b"\r\n\r\n"
    });
    if found {
        output.extend_from_slice(b"Hello, World!");
    }
}

/// Appends the current date, formatted once a second.
fn append_date(output: &mut Vec<u8>) {
    thread_local! {
        static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let second = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |t| t.as_secs());
    DATE.with_borrow_mut(|(of, text)| {
        if *of != second {
            *of = second;
            *text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        output.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_answered_whole_and_a_split_head_waits() {
        let mut input =
            b"GET /plaintext HTTP/1.1\r\n\r\nGET /other HTTP/1.1\r\n\r\nGET /pl".to_vec();
        let mut output = Vec::new();
        assert_eq!(answer(&mut input, &mut output), Next::Keep);
        assert_eq!(input, b"GET /pl");
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 2);
        assert!(text.contains("Hello, World!HTTP/1.1 404"));
    }

    #[test]
    fn close_is_obeyed_and_said() {
        let mut input = b"GET /plaintext HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec();
        let mut output = Vec::new();
        assert_eq!(answer(&mut input, &mut output), Next::Close);
        assert!(
            String::from_utf8(output)
                .unwrap()
                .contains("\r\nConnection: close\r\n")
        );
    }
}
