//! HPACK: RFC 7541, with its own examples, and the encoder against the decoder.

use http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use ringgate::http2::ErrorCode;
use ringgate::http2::hpack::{Decoder, Encoder, Line, Sink, fixed, huffman, integer, table::Table};

/// A sink that keeps everything.
#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Sink for Lines {
    fn line(&mut self, line: Line<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.push((text(line.name()), text(line.value())));
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, ErrorCode> {
    let mut lines = Lines::default();
    decoder
        .decode(block, &mut Vec::new(), &mut lines)
        .map_err(|fault| fault.code)?;
    Ok(lines.0)
}

#[track_caller]
fn says(decoder: &mut Decoder, block: &str, fields: &[(&str, &str)]) {
    let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let expected: Vec<_> = fields.iter().map(own).collect();
    assert_eq!(decode(decoder, &bytes(block)), Ok(expected));
}

#[track_caller]
fn is_lost(block: &[u8]) {
    let lost = decode(&mut Decoder::new(4096), block);
    assert_eq!(lost, Err(ErrorCode::COMPRESSION_ERROR));
}

const REQUEST: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
];

#[test]
fn appendix_c_1_numbers() {
    for (number, bits, hex) in [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a")] {
        let mut out = Vec::new();
        integer::write(number, bits, 0, &mut out);
        assert_eq!(out, bytes(hex));
        let (read, end) = integer::read(&out, 0, bits).expect("a number");
        assert_eq!((read as usize, end), (number, out.len()));
    }
}

#[test]
fn section_5_1_numbers_of_every_length_are_read_as_they_were_written_behind_other_bits() {
    for bits in 4..=7 {
        let first = 1 << bits;
        for number in (0..40_000).chain([1 << 20, 1 << 27, u32::MAX as usize]) {
            let mut out = Vec::new();
            integer::write(number, bits, first, &mut out);
            assert_eq!(out[0] >> bits, 1, "the bit before it");
            let read = integer::read(&out, 0, bits).expect("a number");
            assert_eq!(read, (number as u32, out.len()), "{number} in {bits} bits");
        }
    }
}

#[test]
fn section_5_1_a_number_that_does_not_fit_or_does_not_end_is_a_fault() {
    assert!(integer::read(&bytes("1f9a"), 0, 5).is_err());
    assert!(integer::read(&bytes("1fffffffffff7f"), 0, 5).is_err());
    assert!(integer::read(&bytes("1f8080808080808000"), 0, 5).is_err());
    let (greatest, _) = integer::read(&bytes("1fe0ffffff0f"), 0, 5).expect("32 bits");
    assert_eq!(greatest, u32::MAX);
    assert!(integer::read(&bytes("1fe1ffffff0f"), 0, 5).is_err());
}

#[test]
fn appendix_c_2_literals() {
    let decoder = || Decoder::new(4096);
    says(
        &mut decoder(),
        "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
        &[("custom-key", "custom-header")],
    );
    says(
        &mut decoder(),
        "040c2f73616d706c652f70617468",
        &[(":path", "/sample/path")],
    );
    says(
        &mut decoder(),
        "100870617373776f726406736563726574",
        &[("password", "secret")],
    );
    says(&mut decoder(), "82", &[(":method", "GET")]);
}

#[test]
fn appendix_c_3_and_c_4_requests_without_and_with_huffman() {
    for blocks in [
        [
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ],
        [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ],
    ] {
        let mut decoder = Decoder::new(4096);
        says(&mut decoder, blocks[0], &REQUEST);
        assert_eq!(decoder.table().size(), 57);
        let second = [&REQUEST[..], &[("cache-control", "no-cache")]].concat();
        says(&mut decoder, blocks[1], &second);
        assert_eq!(decoder.table().size(), 110);
        says(
            &mut decoder,
            blocks[2],
            &[
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/index.html"),
                (":authority", "www.example.com"),
                ("custom-key", "custom-value"),
            ],
        );
        assert_eq!(decoder.table().size(), 164);
    }
}

#[test]
fn appendix_c_5_answers_that_evict() {
    let mut decoder = Decoder::new(4096);
    let date = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
    let location = ("location", "https://www.example.com");
    says(
        &mut decoder,
        "3fe101 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54\
         6e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        &[
            (":status", "302"),
            ("cache-control", "private"),
            date,
            location,
        ],
    );
    assert_eq!(decoder.table().size(), 222);
    says(
        &mut decoder,
        "4803333037c1c0bf",
        &[
            (":status", "307"),
            ("cache-control", "private"),
            date,
            location,
        ],
    );
    assert_eq!((decoder.table().size(), decoder.table().len()), (222, 4));
}

#[test]
fn the_static_table_is_that_of_appendix_a_in_its_corners() {
    let mut decoder = Decoder::new(4096);
    says(
        &mut decoder,
        "81 8e 90 bd",
        &[
            (":authority", ""),
            (":status", "500"),
            ("accept-encoding", "gzip, deflate"),
            ("www-authenticate", ""),
        ],
    );
    assert_eq!(fixed::FIELDS.len(), 61);
}

#[test]
fn answers_are_written_with_the_indices_of_the_table() {
    let of = |name: &str, value: &str| {
        let both = [name, value].concat();
        let is = |(known, len): &(&str, u8)| *known == both && usize::from(*len) == name.len();
        let place = fixed::FIELDS.iter().position(is);
        place.map(|place| place as u8 + 1)
    };
    for code in 0..1000 {
        assert_eq!(
            fixed::status(code),
            of(":status", &code.to_string()),
            "{code}"
        );
    }
    assert_eq!(of(":status", "200"), Some(fixed::STATUS));
    let mut known = 0;
    for (name, len) in fixed::FIELDS {
        let Ok(header) = HeaderName::from_bytes(name.split_at(len.into()).0.as_bytes()) else {
            continue;
        };
        let Some(index) = fixed::index_of(&header) else {
            continue;
        };
        assert_eq!(of(header.as_str(), ""), Some(index));
        known += 1;
    }
    assert_eq!(known, 27, "names that an answer has");
    assert_eq!(fixed::index_of(&HeaderName::from_static("x-own")), None);
}

#[test]
fn section_2_3_3_an_index_beyond_the_tables_or_of_zero_is_a_fault() {
    is_lost(&bytes("80"));
    is_lost(&bytes("be"));
    is_lost(&bytes("ffffffffff0f"));
    is_lost(&bytes("7e00"));
}

#[test]
fn section_4_2_and_6_3_the_size_changes_in_front_and_within_the_setting() {
    is_lost(&bytes("8220"));
    is_lost(&bytes("3fe21f"));
    says(&mut Decoder::new(4096), "203fe11f82", &[(":method", "GET")]);
    let mut decoder = Decoder::new(100);
    says(&mut decoder, "82", &[(":method", "GET")]);
    decoder.settled(100);
    // The client knows the setting, and has to say that its table is smaller now.
    assert_eq!(
        decode(&mut decoder, &bytes("82")),
        Err(ErrorCode::COMPRESSION_ERROR)
    );
    let mut decoder = Decoder::new(100);
    decoder.settled(100);
    says(&mut decoder, "3f45 82", &[(":method", "GET")]);
}

#[test]
fn section_4_4_a_field_larger_than_the_table_empties_it() {
    let mut table = Table::new(100);
    assert!(table.insert(b"a", b"b", ()));
    assert!(table.insert(b"c", b"d", ()));
    assert_eq!((table.len(), table.size()), (2, 68));
    assert!(table.insert(b"e", b"f", ()));
    assert_eq!((table.len(), table.size()), (2, 68));
    assert_eq!(table.get(0).map(|kept| kept.both), Some(&b"ef"[..]));
    assert_eq!(table.get(1).map(|kept| kept.both), Some(&b"cd"[..]));
    assert!(!table.insert(&[b'n'; 50], &[b'v'; 50], ()));
    assert_eq!((table.len(), table.size(), table.memory()), (0, 0, 0));
}

#[test]
fn section_4_4_a_name_that_its_own_field_evicts_is_read_before() {
    let mut decoder = Decoder::new(4096);
    // A table of 64 bytes with one field; then a field with its name, for which it has to go.
    says(
        &mut decoder,
        "3f21 40 04 6e616d65 03 6f6e65",
        &[("name", "one")],
    );
    says(&mut decoder, "7e 03 74776f", &[("name", "two")]);
    says(&mut decoder, "be", &[("name", "two")]);
    assert_eq!(decoder.table().len(), 1);
}

#[test]
fn section_5_2_padding_of_more_than_seven_bits_or_of_zeros_and_the_end_symbol_are_faults() {
    let string = |coded: &str| [&bytes("0082")[..], &bytes("9cb4"), &bytes(coded)].concat();
    is_lost(&string("83 a0ffff"));
    is_lost(&string("81 00"));
    is_lost(&string("84 ffffffff"));
    is_lost(&string("81 ff"));
    is_lost(&string("85 1f"));
}

/// Closing up moves all fields: it has to be seldom, or a full table would cost its size for each field.
#[test]
fn a_full_table_moves_its_fields_only_when_an_eighth_of_them_has_gone() {
    const FIELDS: usize = 2000;
    for length in 1..64 {
        let (mut table, value) = (Table::new(4096), vec![b'v'; length]);
        let (mut moves, mut expected) = (0, std::ptr::null());
        for _ in 0..FIELDS {
            table.insert(b"n", &value, 0u16);
            let both = table.get(0).expect("the newest").both;
            moves += usize::from(both.as_ptr() != expected);
            expected = both.as_ptr_range().end;
        }
        let live = table.len() * (length + 1);
        let seldom = FIELDS * (length + 1) / (live / 8);
        assert!(moves <= seldom + 40, "{moves} of {length} bytes, {seldom}");
    }
}

#[test]
fn a_table_never_has_much_more_memory_than_its_fields() {
    let mut table = Table::new(4096);
    let value = [b'v'; 700];
    for round in 0..10_000usize {
        table.insert(b"name", &value[..round * 37 % 700], 0u16);
        assert!(table.size() <= 4096);
        assert!(
            table.memory() <= 4096 + 1024 + 1024 + 128 * 12,
            "{}",
            table.memory()
        );
    }
}

/// The first answer says what lasts, and the second costs a byte for each such field.
#[test]
fn fields_that_last_cost_a_byte_from_the_second_answer_on() {
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::new(4096);
    let answer = |encoder: &mut Encoder, date: &[u8]| {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        encoder.status(200, &mut out);
        encoder.lasting(fixed::DATE, date, &mut out);
        encoder.lasting(fixed::CONTENT_TYPE, b"text/plain; charset=utf-8", &mut out);
        encoder.content_length(13, &mut out);
        out
    };
    let first = answer(&mut encoder, b"Sun, 06 Nov 1994 08:49:37 GMT");
    let second = answer(&mut encoder, b"Sun, 06 Nov 1994 08:49:37 GMT");
    assert!(first.len() > 30);
    assert_eq!(second, bytes("88 bf be 0f0d023133"));
    let fields = decode(&mut decoder, &first).expect("a block");
    assert_eq!(decode(&mut decoder, &second), Ok(fields));
    for second in 0..100 {
        let date = format!("Sun, 06 Nov 1994 08:50:{second:02} GMT");
        let block = answer(&mut encoder, date.as_bytes());
        let fields = decode(&mut decoder, &block).expect("a block");
        assert_eq!(fields[1], ("date".to_owned(), date));
        assert_eq!(fields[2].1, "text/plain; charset=utf-8");
    }
    assert!(encoder.table().size() <= 512);
    assert!(
        encoder.table().memory() <= 600,
        "{}",
        encoder.table().memory()
    );
}

#[test]
fn a_field_that_lasts_is_kept_up_to_a_length_that_leaves_room_for_others() {
    for (length, kept) in [(96, 1), (97, 0), (400, 0)] {
        let mut encoder = Encoder::default();
        encoder.offer(4096);
        let value = HeaderValue::from_str(&"v".repeat(length)).expect("a value");
        let mut out = Vec::new();
        encoder.begin(&mut out);
        encoder.field(&HeaderName::from_static("vary"), &value, &mut out);
        assert_eq!(encoder.table().len(), kept, "{length}");
        let fields = decode(&mut Decoder::new(4096), &out).expect("a block");
        assert_eq!(fields[0].1.len(), length);
    }
}

#[test]
fn section_4_2_the_encoder_says_the_smallest_and_the_last_size() {
    let mut encoder = Encoder::default();
    encoder.offer(4096);
    encoder.offer(100_000);
    let mut out = Vec::new();
    encoder.begin(&mut out);
    assert!(out.is_empty(), "a table that grows is not used");
    encoder.offer(0);
    encoder.offer(100);
    encoder.begin(&mut out);
    assert_eq!(out, bytes("20 3f45"));
    out.clear();
    encoder.begin(&mut out);
    assert!(out.is_empty());
    encoder.offer(0);
    encoder.begin(&mut out);
    assert_eq!(out, bytes("20"));
    out.clear();
    encoder.lasting(fixed::DATE, b"now", &mut out);
    encoder.lasting(fixed::DATE, b"now", &mut out);
    assert_eq!(
        decode(&mut Decoder::new(4096), &out)
            .expect("a block")
            .len(),
        2
    );
    assert!(encoder.table().is_empty());
}

#[test]
fn section_7_1_secrets_are_marked_for_those_on_the_way() {
    let mut out = Vec::new();
    let value = HeaderValue::from_static("id=1");
    Encoder::default().field(&http::header::SET_COOKIE, &value, &mut out);
    assert_eq!(out[0] & 0xF0, 0x10);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "cache-control",
            "vary",
            "etag",
            "set-cookie",
            "grpc-status",
            "x-frame-options",
            "content-type",
        ])
        .prop_map(str::to_owned),
        "[a-z][a-z0-9-]{0,20}",
    ]
}

proptest! {
    #[test]
    fn every_string_is_decoded_as_it_was_encoded(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut coded, mut decoded) = (Vec::new(), Vec::new());
        huffman::encode(&text, &mut coded);
        prop_assert_eq!(coded.len(), huffman::encoded_size(&text));
        prop_assert_eq!(huffman::decode(&coded, &mut decoded), Ok(()));
        prop_assert_eq!(decoded, text);
    }

    /// What is decoded at all has one form: no second one slips past whoever compares the bytes.
    #[test]
    fn bytes_that_are_decoded_are_those_that_encoding_gives(coded in prop::collection::vec(any::<u8>(), 0..40)) {
        let (mut decoded, mut again) = (Vec::new(), Vec::new());
        if huffman::decode(&coded, &mut decoded).is_ok() {
            huffman::encode(&decoded, &mut again);
            prop_assert_eq!(again, coded);
        }
    }

    #[test]
    fn every_number_is_read_as_it_was_written(number in any::<u32>(), bits in 4u32..=8) {
        let mut out = vec![0xAA];
        integer::write(number as usize, bits, 0, &mut out);
        prop_assert_eq!(integer::read(&out, 1, bits), Ok((number, out.len())));
    }

    #[test]
    fn answers_are_decoded_as_they_were_encoded_whatever_the_client_offers(
        answers in prop::collection::vec(
            (prop::option::of(0u32..700), prop::collection::vec((name(), "[ -~&&[^ ]]{0,60}"), 0..8)),
            1..12,
        ),
    ) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new(4096));
        for (offer, fields) in answers {
            if let Some(size) = offer {
                encoder.offer(size);
            }
            let mut out = Vec::new();
            encoder.begin(&mut out);
            for (name, value) in &fields {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
                let value = HeaderValue::from_str(value).expect("a value");
                encoder.field(&name, &value, &mut out);
            }
            prop_assert_eq!(decode(&mut decoder, &out), Ok(fields));
            if let Some(size) = offer {
                prop_assert!(decoder.table().max() <= size.max(decoder.table().max().min(size)));
            }
        }
    }

    #[test]
    fn no_block_makes_the_decoder_panic_or_its_table_grow(
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8),
    ) {
        let mut decoder = Decoder::new(4096);
        for block in blocks {
            if decode(&mut decoder, &block).is_err() {
                break;
            }
            prop_assert!(decoder.table().size() <= decoder.table().max());
        }
    }
}
