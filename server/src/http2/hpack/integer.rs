//! Numbers with a prefix of some bits of a byte (RFC 7541 section 5.1). Called by the decoder and the encoder.

use super::super::code::Fault;

/// Bytes that a number may have behind its prefix. Five carry 35 bits, and no number that means anything
/// here needs 32; section 5.1 asks for a bound.
const MORE_BYTES_MAX: usize = 5;

const TOO_LARGE: Fault = Fault::compression("A number of HPACK is too large.");
const CUT: Fault = Fault::compression("A block of HPACK ends in the middle of a number.");

/// Reads the number whose first byte is at `at`, of which the lowest `bits` bits belong to it. Gives it, and
/// where the next byte is.
///
/// # Errors
/// The block ends first, or the number does not fit into 32 bits.
#[inline]
pub fn read(block: &[u8], at: usize, bits: u32) -> Result<(u32, usize), Fault> {
    let mask = (1u32 << bits) - 1;
    let first = u32::from(*block.get(at).ok_or(CUT)?) & mask;
    match first < mask {
        true => Ok((first, at + 1)),
        false => read_more(block, at + 1, mask),
    }
}

#[inline(never)]
fn read_more(block: &[u8], at: usize, mask: u32) -> Result<(u32, usize), Fault> {
    let mut number = u64::from(mask);
    for more in 0..MORE_BYTES_MAX {
        let byte = *block.get(at + more).ok_or(CUT)?;
        number += u64::from(byte & 0x7F) << (7 * more);
        if byte & 0x80 == 0 {
            let number = u32::try_from(number).map_err(|_| TOO_LARGE)?;
            return Ok((number, at + more + 1));
        }
    }
    Err(TOO_LARGE)
}

/// Appends `number` behind `first`, the bits of the first byte that do not belong to it.
#[inline]
pub fn write(number: usize, bits: u32, first: u8, out: &mut Vec<u8>) {
    let mask = (1usize << bits) - 1;
    if number < mask {
        return out.push(first | number as u8);
    }
    out.push(first | mask as u8);
    let mut rest = number - mask;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
