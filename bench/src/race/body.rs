//! The proof, before a server is measured, that it answers what it has to and nothing else: the file, or what the data set makes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::server::Answer;

/// Longest time that the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks once over HTTP/1.1. Returns what is wrong with the answer, empty if nothing is.
pub(super) fn proof(address: SocketAddr, path: &str, wanted: Answer) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let coding = match wanted {
        Answer::GzipItems => "Accept-Encoding: gzip\r\n",
        _ => "",
    };
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\n{coding}Connection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(fault(&answer, wanted))
}

fn fault(answer: &[u8], wanted: Answer) -> String {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end.filter(|_| answer.starts_with(b"HTTP/1.1 200 ")) else {
        return "it is not answered with 200".to_owned();
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let is_compressed = head.contains("\r\ncontent-encoding: gzip");
    let body = &answer[end + 4..];
    let is_right = match (wanted, wanted.of_contest()) {
        // The length of every answer is looked at during the load, and what is compressed by the tests of each server.
        (Answer::GzipItems, _) => is_compressed,
        (_, Some(whole)) => !is_compressed && body == whole.as_bytes(),
        (_, None) => body.len() == wanted.bytes() && body.iter().all(|byte| *byte == b'x'),
    };
    match is_right {
        true => String::new(),
        false => format!("{} bytes are not what was asked for", body.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_passes() {
        let whole = |body: &[u8]| [b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", body].concat();
        let file = vec![b'x'; Answer::SmallFile.bytes()];
        assert_eq!(fault(&whole(&file), Answer::SmallFile), "");
        assert_eq!(fault(&whole(b"55"), Answer::Sum), "");
        let gzip = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n..";
        assert_eq!(fault(gzip, Answer::GzipItems), "");
        for (wrong, asked) in [
            (whole(&file[1..]), Answer::SmallFile),
            (whole(&[&file[1..], b"y"].concat()), Answer::SmallFile),
            (whole(b"54"), Answer::Sum),
            (whole(b"{}"), Answer::GzipItems),
            (b"HTTP/1.1 404 Not Found\r\n\r\n55".to_vec(), Answer::Sum),
            (Vec::new(), Answer::Sum),
        ] {
            assert!(!fault(&wrong, asked).is_empty(), "{asked:?}");
        }
    }
}
