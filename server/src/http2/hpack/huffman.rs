//! The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). Called by the decoder and the encoder.
//!
//! The code is canonical: codes of one length are consecutive numbers, in the order of their symbols, and go
//! on from the codes that are shorter. So the lengths of appendix B are all there is to it, and everything
//! below is made of them by the compiler. A symbol is found by one look at the next eight bits, in a table of
//! 512 bytes that stays in the cache; codes of ten bits and more, which letters, digits and the usual marks do
//! not have, by looking through the seventeen lengths. A table of states that takes eight bits a step would
//! hold a quarter of a megabyte for the same.

/// Bits of the code of each byte, and of the end of a string as the last.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

/// The symbol that no string may hold.
const END: u16 = 256;
/// Bits of the longest code.
const BITS_MAX: u32 = 30;
/// Bits of the codes that one look finds.
const BITS_SHORT: u32 = 8;

/// Symbols in the order of their codes.
const ORDER: [u16; 257] = in_order();
/// The code of each symbol, in its lowest bits.
const CODES: [u32; 257] = codes();
/// Length and symbol of the code that the index begins with, if it is a short one; else 0.
static SHORT: [u16; 256] = short();
/// The codes of each length, shortest first.
static LONG: [Row; BITS_MAX as usize + 1] = long();
static SYMBOLS: [u16; 257] = ORDER;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Row {
    /// The first of them, followed by zeros up to 32 bits.
    first: u32,
    /// The greatest number of 32 bits that begins with one of them; below `first` if there are none.
    last: u32,
    /// Place of the first one's symbol in the order.
    place: u32,
}

const fn in_order() -> [u16; 257] {
    let mut order = [0; 257];
    let mut count = 0;
    let mut length = 1;
    while length <= BITS_MAX {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as u32 == length {
                order[count] = symbol as u16;
                count += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    assert!(count == order.len());
    order
}

const fn codes() -> [u32; 257] {
    let mut codes = [0; 257];
    let mut next = 0;
    let mut length = 0;
    let mut place = 0;
    while place < ORDER.len() {
        let symbol = ORDER[place] as usize;
        next <<= LENGTHS[symbol] as u32 - length;
        length = LENGTHS[symbol] as u32;
        codes[symbol] = next;
        next += 1;
        place += 1;
    }
    // All codes are given: the last one is nothing but ones.
    assert!(next == 1 << BITS_MAX);
    codes
}

const fn short() -> [u16; 256] {
    let mut short = [0; 256];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        let length = LENGTHS[symbol] as u32;
        if length <= BITS_SHORT {
            let free = BITS_SHORT - length;
            let mut rest = 0;
            while rest < 1 << free {
                let index = (CODES[symbol] << free) as usize + rest;
                short[index] = (length << 8) as u16 | symbol as u16;
                rest += 1;
            }
        }
        symbol += 1;
    }
    short
}

const fn long() -> [Row; BITS_MAX as usize + 1] {
    let mut rows = [Row {
        first: 1,
        last: 0,
        place: 0,
    }; BITS_MAX as usize + 1];
    let mut place = 0;
    while place < ORDER.len() {
        let symbol = ORDER[place] as usize;
        let length = LENGTHS[symbol] as u32;
        let row = &mut rows[length as usize];
        let free = 32 - length;
        if row.first > row.last {
            row.first = CODES[symbol] << free;
            row.place = place as u32;
        }
        row.last = (CODES[symbol] << free) | ((1 << free) - 1);
        place += 1;
    }
    rows
}

/// A string that is no Huffman code: it holds the end symbol, or ends with more or other bits than padding has
/// (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecodable;

/// Symbol and length of the code that `bits` begins with.
#[inline(always)]
fn symbol_of(bits: u32) -> (u16, u32) {
    let short = SHORT[(bits >> (32 - BITS_SHORT)) as usize];
    match short {
        0 => long_symbol_of(bits),
        found => (found & 0xFF, u32::from(found >> 8)),
    }
}

#[inline(never)]
fn long_symbol_of(bits: u32) -> (u16, u32) {
    for length in BITS_SHORT + 1..=BITS_MAX {
        let row = &LONG[length as usize];
        if row.first <= bits && bits <= row.last {
            let place = row.place + ((bits - row.first) >> (32 - length));
            return (SYMBOLS[place as usize], length);
        }
    }
    // Not reached: every number begins with some code.
    (END, BITS_MAX)
}

/// Appends what `coded` says.
///
/// # Errors
/// The bytes are no string of this code; part of it may have been appended.
#[inline]
pub fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Undecodable> {
    // The shortest code has five bits.
    out.reserve(coded.len() * 8 / 5 + 1);
    // The next bits, the first one highest; `have` of them count.
    let (mut bits, mut have) = (0u64, 0u32);
    let mut rest = coded;
    loop {
        while have <= 56
            && let Some((&byte, more)) = rest.split_first()
        {
            bits |= u64::from(byte) << (56 - have);
            have += 8;
            rest = more;
        }
        if have < BITS_MAX {
            return decode_end(bits, have, out);
        }
        while have >= BITS_MAX {
            let (symbol, length) = symbol_of((bits >> 32) as u32);
            if symbol == END {
                return Err(Undecodable);
            }
            out.push(symbol as u8);
            bits <<= length;
            have -= length;
        }
    }
}

/// The last symbols, and the padding: less than a byte of ones.
fn decode_end(mut bits: u64, mut have: u32, out: &mut Vec<u8>) -> Result<(), Undecodable> {
    loop {
        let padded = bits | u64::MAX >> have;
        let (symbol, length) = symbol_of((padded >> 32) as u32);
        if length > have {
            return match have < 8 && padded == u64::MAX {
                true => Ok(()),
                false => Err(Undecodable),
            };
        }
        // Not the end of a string, whose code is longer than what is left.
        out.push(symbol as u8);
        bits <<= length;
        have -= length;
    }
}

/// Bytes of `text` in this code.
pub fn encoded_size(text: &[u8]) -> usize {
    let bits = |byte: &u8| usize::from(LENGTHS[usize::from(*byte)]);
    text.iter().map(bits).sum::<usize>().div_ceil(8)
}

/// Appends `text` in this code.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut bits, mut have) = (0u64, 0u32);
    for &byte in text {
        let length = u32::from(LENGTHS[usize::from(byte)]);
        bits = bits << length | u64::from(CODES[usize::from(byte)]);
        have += length;
        while have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
        }
    }
    if have > 0 {
        let free = 8 - have;
        out.push(((bits << free) as u8) | ((1u8 << free) - 1));
    }
}
