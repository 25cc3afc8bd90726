//! The mask over what clients send (RFC 6455 section 5.3), put on and taken off where the bytes lie. Called
//! by `conversation` for each payload, and by clients in tests.

/// Bytes that are masked in one step: enough for the widest registers that the compiler finds.
const STEP: usize = 32;

/// Masks or unmasks `bytes`, the part of a payload that begins `offset` bytes behind its first.
#[inline]
pub fn apply(mask: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let mut turned = mask;
    turned.rotate_left((offset % 4) as usize);
    let wide: [u8; STEP] = std::array::from_fn(|at| turned[at % 4]);
    let (steps, rest) = bytes.as_chunks_mut::<STEP>();
    for step in steps {
        for (byte, mask) in step.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in rest.iter_mut().zip(wide) {
        *byte ^= mask;
    }
}
