//! The fields of a run's requests as blocks of HPACK (RFC 7541), made once.
//!
//! All requests of a run have the same fields. The first one of a connection enters them in the table that
//! both sides keep, so that each later one names them by a byte each. A server that wants a smaller table
//! than usual gets them as they are, each time.

use ringgate::http2::hpack::{fixed, integer};

use crate::load::options::{Method, Options};

/// Size of the table that every connection begins with (RFC 9113 section 6.5.2).
pub(super) const TABLE_BYTES: usize = 4096;
/// Size of a field beside its name and value (RFC 7541 section 4.1).
const FIELD_OVERHEAD_BYTES: usize = 32;
/// `:method: GET` of the static table; POST follows (appendix A).
const GET: usize = 2;
/// `:path`, whatever its value.
const PATH: usize = 4;
/// `:scheme: http`; https follows.
const HTTP: usize = 6;
/// `:authority`, whatever its value.
const AUTHORITY: usize = 1;

/// A block says: the table has no room from now on (section 6.3).
const NO_TABLE: u8 = 0x20;

/// The block of a request, in the three forms that it may have.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Enters the fields in the table.
    first: Vec<u8>,
    /// Names them by their places in it.
    later: Vec<u8>,
    /// The fields as they are, behind a byte that gives the table up.
    bare: Vec<u8>,
    fits: bool,
}

/// Where a connection's table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Nothing is in it.
    Empty,
    /// The fields are.
    Filled,
    /// The server wants a smaller one and was not told that it is given up.
    Unwanted,
    /// The request was given up.
    GivenUp,
}

impl Blocks {
    pub(crate) fn new(options: &Options) -> Self {
        let is_post = options.method == Method::Post;
        let mut fields = vec![
            (AUTHORITY, String::new(), options.target.host()),
            (PATH, String::new(), options.target.path.clone()),
        ];
        if is_post {
            let length = options.body.to_string();
            fields.push((fixed::CONTENT_LENGTH.into(), String::new(), length));
        }
        for (name, value) in &options.headers {
            fields.push((0, name.to_ascii_lowercase(), value.clone()));
        }
        let indexed = [
            GET + usize::from(is_post),
            HTTP + usize::from(options.target.tls),
        ];
        let mut blocks = Self {
            first: Vec::new(),
            later: Vec::new(),
            bare: vec![NO_TABLE],
            fits: true,
        };
        for block in [&mut blocks.first, &mut blocks.later, &mut blocks.bare] {
            // Pseudo-fields stand first (RFC 9113 section 8.3), in any order.
            block.extend(indexed.map(|index| 0x80 | index as u8));
        }
        let mut size = 0;
        for (place, (index, name, value)) in fields.iter().enumerate() {
            literal(0x40, 6, (*index, name, value), &mut blocks.first);
            literal(0x00, 4, (*index, name, value), &mut blocks.bare);
            // The field that was entered last has the lowest index (section 2.3.3).
            let newer = fields.len() - 1 - place;
            integer::write(
                fixed::COUNT as usize + 1 + newer,
                7,
                0x80,
                &mut blocks.later,
            );
            let known = index
                .checked_sub(1)
                .map_or(0, |at| fixed::FIELDS[at].1.into());
            size += FIELD_OVERHEAD_BYTES + name.len() + known + value.len();
        }
        blocks.fits = size <= TABLE_BYTES;
        blocks
    }

    /// The block of the next request on a connection whose table stands at `table`.
    pub(super) fn next(&self, table: &mut Table) -> &[u8] {
        match *table {
            Table::Empty if self.fits => {
                *table = Table::Filled;
                &self.first
            }
            Table::Filled => &self.later,
            Table::Unwanted => {
                *table = Table::GivenUp;
                &self.bare
            }
            Table::Empty | Table::GivenUp => &self.bare[1..],
        }
    }
}

/// Appends a field as a literal; `first` and `bits` say whether the table takes it in (section 6.2).
fn literal(first: u8, bits: u32, (index, name, value): (usize, &str, &str), out: &mut Vec<u8>) {
    integer::write(index, bits, first, out);
    let strings = [Some(name).filter(|_| index == 0), Some(value)];
    for text in strings.into_iter().flatten() {
        integer::write(text.len(), 7, 0x00, out);
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use ringgate::http2::hpack::{Decoder, Line, Sink};

    use super::*;

    #[derive(Default)]
    struct Fields(Vec<(String, String)>);

    impl Sink for Fields {
        fn line(&mut self, line: Line<'_>) {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            self.0.push((text(line.name()), text(line.value())));
        }
    }

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Fields::default();
        let decoded = decoder.decode(block, &mut Vec::new(), &mut fields);
        decoded.expect("a good block");
        fields.0
    }

    fn post() -> Options {
        let mut options = Options::to("https://127.0.0.1:1/echo?a".parse().unwrap());
        (options.method, options.body) = (Method::Post, 300);
        options.headers = vec![("X-A".into(), "b c".into())];
        options
    }

    #[test]
    fn each_request_says_the_same_fields_and_the_later_ones_in_a_byte_each() {
        let blocks = Blocks::new(&post());
        let (mut decoder, mut table) = (Decoder::new(4096), Table::Empty);
        let expected = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "127.0.0.1:1"),
            (":path", "/echo?a"),
            ("content-length", "300"),
            ("x-a", "b c"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        for nth in 0..3 {
            let block = blocks.next(&mut table);
            assert_eq!(block.len() == expected.len(), nth > 0);
            assert_eq!(decode(&mut decoder, block), expected);
        }
        decoder.settled(0);
        table = Table::Unwanted;
        for _ in 0..2 {
            assert_eq!(decode(&mut decoder, blocks.next(&mut table)), expected);
        }
        assert_eq!(table, Table::GivenUp);
    }

    #[test]
    fn fields_that_the_table_has_no_room_for_stay_out_of_it() {
        let mut options = post();
        options.headers = vec![("x-long".into(), "a".repeat(TABLE_BYTES))];
        let blocks = Blocks::new(&options);
        let (mut decoder, mut table) = (Decoder::new(4096), Table::Empty);
        for _ in 0..2 {
            assert_eq!(decode(&mut decoder, blocks.next(&mut table)).len(), 6);
        }
        assert!(decoder.table().is_empty());
    }
}
