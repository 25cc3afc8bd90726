//! Several ranges of a file as one body, `multipart/byteranges` (RFC 9110 section 14.6).
//!
//! Called by [`answer`](super::answer) with ranges that were judged. The length of the body is known before its first
//! byte.

use super::disk::Found;
use super::range::Range;
use crate::handler::Body;

/// The body of an answer with several ranges.
pub(super) struct Parts {
    /// The head of each part, and its range.
    parts: Vec<(String, Range)>,
    /// The line behind the last part.
    end: String,
    boundary: String,
}

impl Parts {
    /// The parts of a file of `size` bytes and this type. The boundary is made of `chance`, so that nobody can have
    /// written a file that holds it.
    pub(super) fn new(ranges: &[Range], size: u64, media_type: &[u8], chance: [u64; 2]) -> Parts {
        let boundary = format!("{:016x}{:016x}", chance[0], chance[1]);
        let media_type = String::from_utf8_lossy(media_type);
        let part = |range: &Range| {
            let Range { from, to } = *range;
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {media_type}\r\n\
                 Content-Range: bytes {from}-{}/{size}\r\n\r\n",
                to - 1
            );
            (head, *range)
        };
        Parts {
            parts: ranges.iter().map(part).collect(),
            end: format!("\r\n--{boundary}--\r\n"),
            boundary,
        }
    }

    /// The value of Content-Type.
    pub(super) fn media_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Bytes in all.
    fn len(&self) -> u64 {
        let parts = self.parts.iter();
        let parts = parts.map(|(head, range)| head.len() as u64 + range.to - range.from);
        parts.sum::<u64>() + self.end.len() as u64
    }

    /// The body, with the bytes of this file.
    pub(super) fn into_body(self, file: Found) -> Body {
        Body::sized_writer(self.len(), move |mut out| async move {
            for (head, range) in self.parts {
                out.write(head).await;
                file.copy(range.from, range.to, &mut out).await?;
            }
            out.write(self.end).await;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_stands_between_two_lines_of_the_boundary() {
        let ranges = [Range { from: 0, to: 2 }, Range { from: 7, to: 10 }];
        let parts = Parts::new(&ranges, 10, b"text/plain", [0xab, 1]);
        let boundary = "00000000000000ab0000000000000001";
        assert_eq!(
            parts.media_type(),
            format!("multipart/byteranges; boundary={boundary}")
        );
        let head = |range| {
            format!(
                "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/10\r\n\r\n"
            )
        };
        let heads: Vec<_> = parts.parts.iter().map(|(head, _)| head.clone()).collect();
        assert_eq!(heads, [head("0-1"), head("7-9")]);
        assert_eq!(parts.end, format!("\r\n--{boundary}--\r\n"));
        let all = head("0-1").len() + 2 + head("7-9").len() + 3 + parts.end.len();
        assert_eq!(parts.len(), all as u64);
    }
}
