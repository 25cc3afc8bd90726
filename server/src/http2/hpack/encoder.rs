//! How the fields of an answer are written (RFC 7541 section 6). Called by `session` field by field. Left to the
//! caller: which fields an answer has, in which order, and the frames around them.
//!
//! Answers of one server resemble each other: status, Date, Content-Type and a few fields that never change.
//! These fields go into a dynamic table that is small, whatever the client offers; after the first answer each
//! costs a byte. The date changes once a second and pushes out the oldest. Whatever is of one answer alone is
//! written as it is, and secrets are marked so that nobody keeps them (section 7.1).

use super::super::settings::TABLE_BYTES_INITIAL;
use super::fixed;
use super::huffman;
use super::integer;
use super::table::{Kept, OVERHEAD_BYTES, Table};
use ::http::header::{self, HeaderName, HeaderValue};

/// Bytes of dynamic table that are used, if the client offers as many: seven fields or so.
pub const TABLE_BYTES_MAX: u32 = 512;
/// The largest value that is kept there, in bytes.
const KEPT_VALUE_BYTES_MAX: usize = 96;
/// Number of the first field of a dynamic table.
const FIRST_INDEX: usize = fixed::COUNT as usize + 1;

const _: () = assert!(
    FIRST_INDEX + (TABLE_BYTES_MAX / OVERHEAD_BYTES) as usize <= 0x7F,
    "each index is one byte"
);

/// The writing half of a connection's HPACK. A field is kept with the index of its name in the static table, or
/// 0 if it has none.
#[derive(Clone, Debug)]
pub struct Encoder {
    pub(in super::super) table: Table<u8>,
    /// The largest table that the client's decoder counts with.
    pub(in super::super) told: u32,
    /// The bytes of table that the client offers now.
    pub(in super::super) offered: u32,
    /// The least that it offered since the last block.
    pub(in super::super) least: u32,
    /// Where Date and whatever else was asked for last were found.
    found: [u8; 2],
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder {
            table: Table::new(TABLE_BYTES_MAX),
            told: TABLE_BYTES_INITIAL,
            offered: TABLE_BYTES_INITIAL,
            least: TABLE_BYTES_INITIAL,
            found: [0; 2],
        }
    }
}

impl Encoder {
    /// The client's setting: the bytes of table that it offers.
    pub fn offer(&mut self, size: u32) {
        self.offered = size;
        self.least = self.least.min(size);
    }

    /// The dynamic table.
    pub fn table(&self) -> &Table<u8> {
        &self.table
    }

    /// Begins a block: says the new size of the table if the client made it smaller (section 4.2).
    #[inline]
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if self.least < self.told {
            self.shrink(out);
        }
    }

    #[cold]
    fn shrink(&mut self, out: &mut Vec<u8>) {
        integer::write(self.least as usize, 5, 0x20, out);
        self.table.resize(self.least.min(TABLE_BYTES_MAX));
        self.told = self.least;
        let wanted = self.offered.min(TABLE_BYTES_MAX);
        if wanted > self.told {
            integer::write(wanted as usize, 5, 0x20, out);
            self.table.resize(wanted);
            self.told = wanted;
        }
        self.least = self.told;
    }

    /// `:status`, the first field of each answer.
    #[inline]
    pub fn status(&mut self, code: u16, out: &mut Vec<u8>) {
        match fixed::status(code) {
            Some(index) => out.push(0x80 | index),
            None => {
                integer::write(usize::from(fixed::STATUS), 4, 0x00, out);
                let digit = |by: u16| b'0' + (code / by % 10) as u8;
                out.extend_from_slice(&[3, digit(100), digit(10), digit(1)]);
            }
        }
    }

    /// Content-Length: of one answer alone as a rule.
    #[inline]
    pub fn content_length(&mut self, length: u64, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(length).as_bytes();
        // The index of the name does not fit into the four bits that there are.
        const NAME: [u8; 2] = [0x0F, fixed::CONTENT_LENGTH - 0x0F];
        out.extend_from_slice(&[NAME[0], NAME[1], digits.len() as u8]);
        out.extend_from_slice(digits);
    }

    /// A field with a name of the static table, and a value that the next answers will have as well.
    #[inline]
    pub fn lasting(&mut self, name: u8, value: &[u8], out: &mut Vec<u8>) {
        let is_it = |kept: &Kept<'_, u8>| kept.mark == name && kept.value() == value;
        let found = usize::from(self.found[usize::from(name != fixed::DATE)]);
        match self.table.get(found) {
            // The table has at most sixteen fields: an index is a byte.
            Some(kept) if is_it(&kept) => out.push(0x80 | (FIRST_INDEX + found) as u8),
            _ => self.search_lasting(name, value, out),
        }
    }

    #[inline(never)]
    fn search_lasting(&mut self, name: u8, value: &[u8], out: &mut Vec<u8>) {
        let is_it = |kept: &Kept<'_, u8>| kept.mark == name && kept.value() == value;
        match self.table.find(is_it) {
            Some(index) => {
                self.found[usize::from(name != fixed::DATE)] = index as u8;
                integer::write(FIRST_INDEX + index, 7, 0x80, out);
            }
            None => self.keep(name, &[], value, out),
        }
    }

    /// A field of a handler.
    pub fn field(&mut self, name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) {
        let index = fixed::index_of(name);
        // White space at an end is malformed (RFC 9113 section 8.2.1), and no part of a value.
        let value_bytes = value.as_bytes().trim_ascii();
        if value.is_sensitive() || is_secret(name) {
            return literal(0x10, index, name, value_bytes, out);
        }
        if !is_lasting(name, index) || value_bytes.len() > KEPT_VALUE_BYTES_MAX {
            return literal(0x00, index, name, value_bytes, out);
        }
        match index {
            Some(index) => self.lasting(index, value_bytes, out),
            None => self.lasting_by_name(name.as_str().as_bytes(), value_bytes, out),
        }
    }

    fn lasting_by_name(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let is_it =
            |kept: &Kept<'_, u8>| kept.mark == 0 && kept.name() == name && kept.value() == value;
        match self.table.find(is_it) {
            Some(index) => integer::write(FIRST_INDEX + index, 7, 0x80, out),
            None => self.keep(0, name, value, out),
        }
    }

    /// Writes a field that both sides keep from now on. `name`: empty if it has an index.
    #[cold]
    fn keep(&mut self, index: u8, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let name = match fixed::FIELDS.get(usize::from(index).wrapping_sub(1)) {
            Some((both, length)) => &both.as_bytes()[..usize::from(*length)],
            None => name,
        };
        let size = (name.len() + value.len()) as u32 + OVERHEAD_BYTES;
        let is_kept = size <= self.table.max();
        let (first, bits) = match is_kept {
            true => (0x40, 6),
            false => (0x00, 4),
        };
        integer::write(usize::from(index), bits, first, out);
        if index == 0 {
            string(name, out);
        }
        string(value, out);
        if is_kept {
            self.table.insert(name, value, index);
        }
    }
}

/// A field that neither side keeps; `first` says whether others on the way may.
fn literal(first: u8, index: Option<u8>, name: &HeaderName, value: &[u8], out: &mut Vec<u8>) {
    integer::write(usize::from(index.unwrap_or(0)), 4, first, out);
    if index.is_none() {
        plain_string(name.as_str().as_bytes(), out);
    }
    plain_string(value, out);
}

/// Appends a string as it is: what is written again with each answer is not worth a code each time.
fn plain_string(text: &[u8], out: &mut Vec<u8>) {
    integer::write(text.len(), 7, 0x00, out);
    out.extend_from_slice(text);
}

/// Appends a string in whichever form is shorter.
fn string(text: &[u8], out: &mut Vec<u8>) {
    let coded = huffman::encoded_size(text);
    if coded >= text.len() {
        return plain_string(text, out);
    }
    integer::write(coded, 7, 0x80, out);
    huffman::encode(text, out);
}

fn is_secret(name: &HeaderName) -> bool {
    *name == header::SET_COOKIE || *name == header::AUTHORIZATION
}

/// Whether a field has the same value in most answers: by its name, since nobody waits to see.
fn is_lasting(name: &HeaderName, index: Option<u8>) -> bool {
    match index {
        Some(_) => [
            header::ACCEPT_RANGES,
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            header::CACHE_CONTROL,
            header::CONTENT_ENCODING,
            header::CONTENT_TYPE,
            header::SERVER,
            header::STRICT_TRANSPORT_SECURITY,
            header::VARY,
        ]
        .contains(name),
        None => [
            "alt-svc",
            "grpc-accept-encoding",
            "grpc-encoding",
            "grpc-status",
            "x-content-type-options",
            "x-frame-options",
        ]
        .contains(&name.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_coded_where_that_is_shorter_and_only_there() {
        let written = |text: &[u8]| {
            let mut out = Vec::new();
            string(text, &mut out);
            out
        };
        // RFC 7541 appendix C.4.1: fifteen letters in twelve bytes.
        let coded = written(b"www.example.com");
        assert_eq!((coded[0], coded.len()), (0x80 | 12, 13));
        // Codes of 8 bits are as long, and those of 28 longer.
        for text in [&b"&"[..], b"*", b"\x02\x03"] {
            assert_eq!(written(text), [&[text.len() as u8][..], text].concat());
        }
    }
}
