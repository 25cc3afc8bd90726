//! The proof, before a server is measured with a file, that it sends that file and nothing else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest time that the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks once over HTTP/1.1. Returns what is wrong with the answer, empty if its body is `size` times the byte that all
/// files of a race are made of.
pub(super) fn proof(address: SocketAddr, path: &str, size: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(fault(&answer, size))
}

fn fault(answer: &[u8], size: usize) -> String {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end.filter(|_| answer.starts_with(b"HTTP/1.1 200 ")) else {
        return "the file is not answered with 200".to_owned();
    };
    let body = &answer[end + 4..];
    match body.len() == size && body.iter().all(|byte| *byte == b'x') {
        true => String::new(),
        false => format!("{} bytes are not the file of {size}", body.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_itself_passes() {
        assert_eq!(fault(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nxxx", 3), "");
        for wrong in [
            &b"HTTP/1.1 200 OK\r\n\r\nxxy"[..],
            b"HTTP/1.1 200 OK\r\n\r\nxx",
            b"HTTP/1.1 404 Not Found\r\n\r\nxxx",
            b"",
        ] {
            assert!(!fault(wrong, 3).is_empty());
        }
    }
}
