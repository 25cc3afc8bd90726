//! The meaning of a block of field lines (RFC 7541 sections 3 and 6). Called by `session` with whole blocks. Left to
//! the sink: what a field means, and when there are too many of them; the decoder goes on to the end of the
//! block whatever the sink thinks, since the table must follow the client's.

use super::super::code::Fault;
use super::super::field::Token;
use super::super::settings::TABLE_BYTES_INITIAL;
use super::fixed;
use super::huffman;
use super::integer;
use super::table::Table;

/// The judgement on a field that is kept with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The kind.
    pub token: Token,
    /// Whether the value is one that a field may have.
    pub valid: bool,
}

/// A field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Name and value, one behind the other.
    pub both: &'a [u8],
    /// Bytes of the name.
    pub name: usize,
    /// The kind.
    pub token: Token,
    /// Whether the value is one that a field may have.
    pub valid: bool,
}

impl<'a> Line<'a> {
    /// The name.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        &self.both[..self.name]
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &'a [u8] {
        &self.both[self.name..]
    }
}

/// The receiver of a block's fields.
pub trait Sink {
    /// One more field, whose bytes are there during the call.
    fn line(&mut self, line: Line<'_>);
}

/// Nobody cares for the fields: they belong to a stream that is over, or was never begun.
pub struct Nobody;

impl Sink for Nobody {
    #[inline]
    fn line(&mut self, _: Line<'_>) {}
}

const NO_FIELD: Fault = Fault::compression("An index of HPACK names no field.");
const CUT: Fault = Fault::compression("A block of HPACK ends in the middle of a field.");
const STRING: Fault = Fault::compression("A string of HPACK is no Huffman code.");
const LATE: Fault = Fault::compression("The size of the table changes in the middle of a block.");
const BEYOND: Fault = Fault::compression("The table of HPACK is made larger than it may be.");
const UNCHANGED: Fault =
    Fault::compression("The table of HPACK was not made smaller as the settings ask.");

/// The reading half of a connection's HPACK.
#[derive(Clone, Debug)]
pub struct Decoder {
    pub(in super::super) table: Table<Judged>,
    /// The largest table that the client may use.
    pub(in super::super) allowed: u32,
}

impl Decoder {
    /// A decoder whose client may use `allowed` bytes of table once it has read so, and uses 4,096 until then.
    pub fn new(allowed: u32) -> Decoder {
        Decoder {
            table: Table::new(TABLE_BYTES_INITIAL),
            allowed: allowed.max(TABLE_BYTES_INITIAL),
        }
    }

    /// The client has acknowledged the setting of `allowed` bytes: if that is less than what it uses, its next
    /// block begins with the new size (RFC 7541 section 4.2).
    pub fn settled(&mut self, allowed: u32) {
        self.allowed = allowed;
    }

    /// The dynamic table.
    pub fn table(&self) -> &Table<Judged> {
        &self.table
    }

    /// Shows the fields of `block` to `sink`, one after the other. `scratch` is memory for what is decoded.
    ///
    /// # Errors
    /// COMPRESSION_ERROR: the tables of both sides no longer agree, and the connection has to end.
    #[inline]
    pub fn decode<S: Sink>(
        &mut self,
        block: &[u8],
        scratch: &mut Vec<u8>,
        sink: &mut S,
    ) -> Result<(), Fault> {
        let mut at = match block.first() {
            Some(first) if first & 0xE0 != 0x20 && self.table.max() <= self.allowed => 0,
            _ => self.sizes(block)?,
        };
        while let Some(&first) = block.get(at) {
            if first & 0x80 != 0 {
                let (index, next) = integer::read(block, at, 7)?;
                sink.line(self.field(index)?);
                at = next;
            } else {
                at = self.literal(block, at, first, scratch, sink)?;
            }
        }
        Ok(())
    }

    /// The changes of the table's size, which stand in front of the fields (section 4.2). Gives where these
    /// begin.
    #[cold]
    fn sizes(&mut self, block: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some(first) = block.get(at)
            && first & 0xE0 == 0x20
        {
            let (size, next) = integer::read(block, at, 5)?;
            if size > self.allowed {
                return Err(BEYOND);
            }
            self.table.resize(size);
            at = next;
        }
        match self.table.max() > self.allowed {
            true => Err(UNCHANGED),
            false => Ok(at),
        }
    }

    /// The field of an index (section 2.3.3).
    #[inline]
    fn field(&self, index: u32) -> Result<Line<'_>, Fault> {
        let Some(place) = index.checked_sub(fixed::COUNT + 1) else {
            return fixed_field(index);
        };
        let kept = self.table.get(place as usize).ok_or(NO_FIELD)?;
        Ok(Line {
            both: kept.both,
            name: kept.name,
            token: kept.mark.token,
            valid: kept.mark.valid,
        })
    }

    /// A field that stands in the block (section 6.2), from `at` on.
    fn literal<S: Sink>(
        &mut self,
        block: &[u8],
        at: usize,
        first: u8,
        scratch: &mut Vec<u8>,
        sink: &mut S,
    ) -> Result<usize, Fault> {
        if first & 0xE0 == 0x20 {
            return Err(LATE);
        }
        let is_kept = first & 0x40 != 0;
        let (index, next) = integer::read(block, at, if is_kept { 6 } else { 4 })?;
        scratch.clear();
        let (token, next) = match index {
            0 => {
                let next = string(block, next, scratch)?;
                (Token::of(scratch), next)
            }
            index => {
                let known = self.field(index)?;
                scratch.extend_from_slice(known.name());
                (known.token, next)
            }
        };
        let name = scratch.len();
        let next = string(block, next, scratch)?;
        let (both, value) = (&scratch[..], &scratch[name..]);
        let valid = token.accepts(value);
        sink.line(Line {
            both,
            name,
            token,
            valid,
        });
        if is_kept {
            let mark = Judged { token, valid };
            self.table.insert(&both[..name], value, mark);
        }
        Ok(next)
    }
}

#[inline]
fn fixed_field(index: u32) -> Result<Line<'static>, Fault> {
    let place = (index as usize).wrapping_sub(1);
    let (both, name) = *fixed::FIELDS.get(place).ok_or(NO_FIELD)?;
    Ok(Line {
        both: both.as_bytes(),
        name: usize::from(name),
        token: fixed::TOKENS[place],
        valid: true,
    })
}

/// Appends the string at `at` (section 5.2); gives where it ends.
#[inline]
fn string(block: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, Fault> {
    let is_coded = block.get(at).ok_or(CUT)? & 0x80 != 0;
    let (length, from) = integer::read(block, at, 7)?;
    let end = from.checked_add(length as usize).ok_or(CUT)?;
    let text = block.get(from..end).ok_or(CUT)?;
    match is_coded {
        true => huffman::decode(text, out).map_err(|_| STRING)?,
        false => out.extend_from_slice(text),
    }
    Ok(end)
}
