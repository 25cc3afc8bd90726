//! The checksum CRC32C (Castagnoli; RFC 3720 appendix B.4), of a header of some hundred bytes. Bit by bit: it is
//! reckoned once a connection, and only if the proxy sends one.

/// The polynomial 0x1EDC6F41, its bits in reverse.
const POLYNOMIAL: u32 = 0x82F6_3B78;

pub(super) fn of(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    /// The examples of RFC 3720 appendix B.4.
    #[test]
    fn the_checksum_is_that_of_the_examples() {
        assert_eq!(super::of(&[0; 32]), 0x8a91_36aa);
        assert_eq!(super::of(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(super::of(&rising), 0x46dd_794e);
        assert_eq!(super::of(b"123456789"), 0xe306_9283);
    }
}
