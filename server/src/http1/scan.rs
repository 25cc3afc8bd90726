//! How far a run of bytes of one kind goes. Called where heads are parsed and lines of the access log are written;
//! sixteen bytes at a time, in a form that the compiler makes vector instructions of, on any machine.

const WIDTH: usize = 16;

/// Length of the longest prefix of `bytes` in which every byte is `good`. `good` is asked of up to fifteen
/// bytes behind the prefix too, and of zeros, and must be plain arithmetic: no table, no short cut.
#[inline(always)]
pub(crate) fn prefix_where(bytes: &[u8], good: impl Fn(u8) -> bool) -> usize {
    let (chunks, rest) = bytes.as_chunks::<WIDTH>();
    for (index, chunk) in chunks.iter().enumerate() {
        let length = good_in_front(chunk, &good);
        if length < WIDTH {
            return index * WIDTH + length;
        }
    }
    match rest {
        [] => bytes.len(),
        rest => bytes.len() - rest.len() + good_in_rest(rest, good),
    }
}

/// Apart, since few runs end in a rest: heads go on behind most of what is looked for.
#[inline(never)]
fn good_in_rest(rest: &[u8], good: impl Fn(u8) -> bool) -> usize {
    let mut filled = [0; WIDTH];
    filled[..rest.len()].copy_from_slice(rest);
    good_in_front(&filled, &good).min(rest.len())
}

#[inline(always)]
fn good_in_front(chunk: &[u8; WIDTH], good: &impl Fn(u8) -> bool) -> usize {
    let mut bad = [0u8; WIDTH];
    for (bad, byte) in bad.iter_mut().zip(chunk) {
        *bad = if good(*byte) { 0 } else { u8::MAX };
    }
    match u128::from_le_bytes(bad) {
        0 => WIDTH,
        bad => bad.trailing_zeros() as usize / 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_prefix_ends_where_looking_at_each_byte_ends_it(
            bytes in proptest::collection::vec(0u8..4, 0..70),
        ) {
            let good = |byte| byte != 0;
            let expected = bytes.iter().take_while(|byte| good(**byte)).count();
            prop_assert_eq!(prefix_where(&bytes, good), expected);
        }
    }

    #[test]
    fn the_first_bad_byte_is_found_wherever_it_stands() {
        for length in 0..50 {
            for at in 0..=length {
                let mut bytes = vec![b'a'; length];
                bytes[at..].fill(b'b');
                assert_eq!(prefix_where(&bytes, |byte| byte == b'a'), at, "of {length}");
            }
        }
    }
}
