//! The Huffman code of every byte, and the end of a string in it: RFC 7541 section 5.2 and appendix B.

use ringgate::http2::hpack::huffman;

/// The codes of all bytes from 0 to 255 (RFC 7541 appendix B), one behind the other, and six ones of padding.
const CODES: &str = "\
    ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffeb\
    fffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3f\
    ffffe7fffffebfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58\
    f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7f\
    fbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73fffeeffffdeffffebffffb\
    fffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdaff\
    feeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecffff07fff87fffe0fff\
    f17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fff\
    ff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87fff\
    fe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4ffff9ff\
    ffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fff\
    ffd3fffffabfffff5fffffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf";

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn appendix_b_each_byte_has_its_code() {
    let all: Vec<u8> = (0..=255).collect();
    let codes = bytes(CODES);
    let (mut coded, mut decoded) = (Vec::new(), Vec::new());
    huffman::encode(&all, &mut coded);
    assert_eq!(coded, codes);
    huffman::decode(&codes, &mut decoded).expect("a code");
    assert_eq!(decoded, all);
    // Each by itself, before and behind others, and with the padding that it needs.
    for byte in 0..=255 {
        for text in [
            &[byte][..],
            &[byte; 7],
            &[b'0', byte, b'0'],
            &[0xf9, byte, 0xf9],
        ] {
            let (mut coded, mut decoded) = (vec![0xaa], vec![0xbb]);
            huffman::encode(text, &mut coded);
            assert_eq!(coded.len() - 1, huffman::encoded_size(text), "{text:?}");
            huffman::decode(&coded[1..], &mut decoded).expect("a code");
            assert_eq!((coded[0], decoded), (0xaa, [&[0xbb], text].concat()));
        }
    }
    assert_eq!(huffman::encoded_size(b""), 0);
}

#[test]
fn a_string_that_is_decoded_has_its_place_made_once() {
    // Letters of five bits, the shortest that there are: 32 of them in 20 bytes.
    for count in [16, 32, 64, 1000] {
        let (mut coded, mut decoded) = (Vec::new(), Vec::new());
        huffman::encode(&vec![b'0'; count], &mut coded);
        huffman::decode(&coded, &mut decoded).expect("a code");
        assert_eq!(decoded.capacity(), coded.len() * 8 / 5 + 1, "{count}");
    }
}

/// Bits as they stand, and padding.
fn packed(mut bits: String, padding: char) -> Vec<u8> {
    while !bits.len().is_multiple_of(8) {
        bits.push(padding);
    }
    let bits = bits.as_bytes().chunks(8);
    bits.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).expect("bits"), 2).expect("eight"))
        .collect()
}

#[test]
fn section_5_2_a_string_is_padded_with_less_than_a_byte_of_ones_and_holds_no_end() {
    let decodes = |coded: &[u8]| huffman::decode(coded, &mut Vec::new()).is_ok();
    // The codes of `0` and `&` have five and eight bits, so that any number of bits is free behind some of them.
    for count in 0..40 {
        let bits = "00000".repeat(count);
        let free = bits.len().next_multiple_of(8) - bits.len();
        let padded = packed(bits.clone(), '1');
        assert!(decodes(&padded), "{count}");
        // Five zeros are one more letter.
        let is_padding = matches!(free, 0 | 5);
        assert_eq!(decodes(&packed(bits.clone(), '0')), is_padding, "{count}");
        // A byte more, whether or not the last one is full.
        assert!(!decodes(&[&padded[..], &[0xff]].concat()), "{count}");
        assert!(!decodes(&[&padded[..], &[0xff; 3]].concat()), "{count}");
        // The end of a string is thirty ones: at no place is it a symbol.
        for behind in ["", "00000", "11111000"] {
            let end = packed(format!("{bits}{}{behind}", "1".repeat(30)), '1');
            assert!(!decodes(&end), "{count} {behind}");
        }
    }
    // However many bits are left when the last byte is read.
    for fives in 0..8 {
        for eights in 0..12 {
            let bits = ["00000".repeat(fives), "11111000".repeat(eights)].concat();
            assert!(decodes(&packed(bits.clone(), '1')), "{fives} {eights}");
            let end = packed(format!("{bits}{}", "1".repeat(30)), '1');
            assert!(!decodes(&end), "{fives} {eights}");
        }
    }
}
