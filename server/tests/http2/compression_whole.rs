//! HPACK over whole kinds: every field of the static table, every status, every length at which something is kept
//! or not. RFC 7541 sections 2 to 7 and appendix A.

use http::header::{HeaderName, HeaderValue};
use ringgate::http2::ErrorCode;
use ringgate::http2::hpack::table::Table;
use ringgate::http2::hpack::{Decoder, Encoder, Line, Sink, fixed, integer};

/// RFC 7541 appendix A, in its order from index 1 on.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// A sink that keeps everything.
#[derive(Default)]
struct Lines(Vec<(Vec<u8>, Vec<u8>)>);

impl Sink for Lines {
    fn line(&mut self, line: Line<'_>) {
        self.0.push((line.name().to_vec(), line.value().to_vec()));
    }
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, ErrorCode> {
    let mut lines = Lines::default();
    let decoded = decoder.decode(block, &mut Vec::new(), &mut lines);
    decoded.map_err(|fault| fault.code)?;
    Ok(lines.0)
}

fn own(fields: &[(&str, &str)]) -> Fields {
    let own = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    fields.iter().map(own).collect()
}

#[test]
fn appendix_a_each_index_says_its_field_and_each_name_stands_for_a_literal_of_that_name() {
    for (index, field) in (1..).zip(STATIC) {
        let mut decoder = Decoder::new(4096);
        let decoded = decode(&mut decoder, &[0x80 | index]);
        assert_eq!(decoded, Ok(own(&[field])), "{index}");
        // The three forms of a literal (section 6.2), of which the first is kept.
        for (first, bits, is_kept) in [(0x40, 6, 1), (0x00, 4, 0), (0x10, 4, 0)] {
            let mut decoder = Decoder::new(4096);
            let mut block = Vec::new();
            integer::write(usize::from(index), bits, first, &mut block);
            block.extend(*b"\x05value");
            let decoded = decode(&mut decoder, &block);
            assert_eq!(decoded, Ok(own(&[(field.0, "value")])), "{index}");
            assert_eq!(decoder.table().len(), is_kept, "{first}");
        }
    }
    assert_eq!(fixed::COUNT as usize, STATIC.len());
    for (name, index) in [
        (":status", fixed::STATUS),
        ("content-length", fixed::CONTENT_LENGTH),
        ("content-type", fixed::CONTENT_TYPE),
        ("date", fixed::DATE),
    ] {
        assert_eq!(STATIC[usize::from(index) - 1].0, name);
    }
}

#[test]
fn section_5_1_a_number_that_is_cut_anywhere_is_a_fault_and_one_of_five_more_bytes_is_the_longest()
{
    for bits in 1..=8 {
        let mask = (1usize << bits) - 1;
        for number in [
            0,
            1,
            mask - 1,
            mask,
            mask + 1,
            mask + 127,
            mask + 128,
            mask + 129,
            mask + 16_383,
            mask + 16_384,
            u32::MAX as usize - 1,
            u32::MAX as usize,
        ] {
            let mut out = vec![0xaa];
            integer::write(number, bits, 0, &mut out);
            let read = integer::read(&out, 1, bits);
            assert_eq!(read, Ok((number as u32, out.len())), "{number} in {bits}");
            for end in 1..out.len() {
                let cut = integer::read(&out[..end], 1, bits).expect_err("it is cut");
                assert_eq!(cut.code, ErrorCode::COMPRESSION_ERROR);
            }
            let shortest = match number.checked_sub(mask) {
                None => 1,
                Some(rest) => 2 + (7..35).step_by(7).filter(|bits| rest >> bits > 0).count(),
            };
            assert_eq!(out.len() - 1, shortest, "{number} in {bits} bits");
        }
        // Zeros behind, as many as there may be, and one more.
        for (zeros, is_number) in [(0, true), (4, true), (5, false), (6, false)] {
            let mut padded = vec![mask as u8];
            padded.extend(vec![0x80; zeros]);
            padded.push(0);
            let read = integer::read(&padded, 0, bits).ok();
            let expected = is_number.then_some((mask as u32, padded.len()));
            assert_eq!(read, expected, "{zeros} in {bits}");
        }
    }
}

#[test]
fn section_6_a_block_that_is_cut_within_a_field_is_a_fault_and_one_between_two_is_none() {
    // Each form of a field, of which the whole is the last one.
    for field in [
        &b"\x82"[..],
        b"\x44\x03/a/",
        b"\x04\x03/a/",
        b"\x14\x03/a/",
        b"\x0f\x0d\x0213",
        b"\x1f\x0d\x0213",
        b"\x40\x01n\x02va",
        b"\x00\x01n\x02va",
        b"\x10\x01n\x02va",
        b"\x00\x81\xab\x81\x1f",
        b"\x40\x01n\x00",
        b"\x3f\x21",
    ] {
        for end in 1..=field.len() {
            for before in [&b""[..], b"\x20"] {
                let block = [before, &field[..end]].concat();
                let decoded = decode(&mut Decoder::new(4096), &block).map(|fields| fields.len());
                let expected = match end == field.len() {
                    true => Ok(usize::from(field[0] & 0xe0 != 0x20)),
                    false => Err(ErrorCode::COMPRESSION_ERROR),
                };
                assert_eq!(decoded, expected, "{block:?}");
            }
        }
    }
    let strings = [
        &b"\x00\x01n\x7f\x80"[..],
        b"\x00\x7f\xff\xff\xff\xff\x0f",
        b"\x40\x02n",
    ];
    for block in strings {
        let lost = decode(&mut Decoder::new(4096), block);
        assert_eq!(lost, Err(ErrorCode::COMPRESSION_ERROR), "{block:?}");
    }
    assert_eq!(decode(&mut Decoder::new(4096), b""), Ok(Vec::new()));
}

#[test]
fn section_2_3_3_an_index_is_that_of_the_fixed_fields_and_then_of_the_newest() {
    let mut decoder = Decoder::new(4096);
    for name in *b"abcde" {
        decode(&mut decoder, &[0x40, 1, name, 1, b'v']).expect("a field");
    }
    for (behind, name) in (0..).zip(["e", "d", "c", "b", "a"]) {
        let decoded = decode(&mut decoder, &[0x80 | (62 + behind)]);
        assert_eq!(decoded, Ok(own(&[(name, "v")])));
        let named = decode(&mut decoder, &[0x0f, 62 + behind - 15, 1, b'w']);
        assert_eq!(named, Ok(own(&[(name, "w")])));
    }
    for index in [0, 67, 100] {
        let lost = decode(&mut decoder.clone(), &[0x80 | index]);
        assert_eq!(lost, Err(ErrorCode::COMPRESSION_ERROR), "{index}");
    }
    let unnamed = decode(&mut decoder, &[0x0f, 67 - 15, 1, b'w']);
    assert_eq!(unnamed, Err(ErrorCode::COMPRESSION_ERROR));
}

#[test]
fn section_4_2_a_table_is_made_as_large_as_the_setting_and_no_larger_and_has_to_be_made_smaller() {
    let resized = |size: usize| {
        let mut block = Vec::new();
        integer::write(size, 5, 0x20, &mut block);
        block.push(0x82);
        block
    };
    for setting in [0, 1, 99, 100, 4095, 4096, 65_535, 65_536] {
        for size in [
            0, 1, 98, 99, 100, 101, 4095, 4096, 4097, 65_535, 65_536, 65_537,
        ] {
            let mut decoder = Decoder::new(setting);
            decoder.settled(setting);
            let decoded = decode(&mut decoder, &resized(size));
            match size <= setting as usize {
                true => assert_eq!(
                    (decoded, decoder.table().max()),
                    (Ok(own(&[STATIC[1]])), size as u32)
                ),
                false => assert_eq!(decoded, Err(ErrorCode::COMPRESSION_ERROR), "{size}"),
            }
        }
        // Behind a field it is none of the forms of a field, whatever stands behind it.
        for first in 0x20..0x40 {
            let block = [0x82, first, 1, b'a', 1, b'b'];
            let late = decode(&mut Decoder::new(4096), &block);
            assert_eq!(late, Err(ErrorCode::COMPRESSION_ERROR), "{first}");
        }
        // Who says nothing goes on with 4,096 bytes, which may be too many.
        let mut decoder = Decoder::new(setting);
        assert_eq!(decode(&mut decoder, &[0x82]), Ok(own(&[STATIC[1]])));
        decoder.settled(setting);
        assert_eq!(decode(&mut decoder, &[0x82]).is_ok(), setting >= 4096);
        // The same at the end of several sizes.
        let mut decoder = Decoder::new(setting);
        decoder.settled(setting);
        let sizes = [&resized(0)[..1], &resized(setting as usize)].concat();
        assert_eq!(decode(&mut decoder, &sizes), Ok(own(&[STATIC[1]])));
    }
}

#[test]
fn section_4_1_and_4_4_a_field_is_kept_up_to_the_size_of_the_table_and_evicts_as_many_as_it_has_to()
{
    for max in [32, 33, 100, 4096] {
        for size in [32, 33, 99, 100, 101, 4095, 4096, 4097] {
            let mut table = Table::new(max);
            let text = vec![b'x'; size as usize - 32];
            let (name, value) = text.split_at(text.len() / 3);
            assert_eq!(
                table.insert(name, value, 7u8),
                size <= max,
                "{size} of {max}"
            );
            match size <= max {
                true => {
                    let kept = table.get(0).expect("it is kept");
                    assert_eq!((kept.name(), kept.value(), kept.mark), (name, value, 7));
                    assert_eq!((table.len(), table.size()), (1, size));
                }
                false => assert_eq!((table.len(), table.size()), (0, 0)),
            }
            assert_eq!((table.max(), table.is_empty()), (max, size > max));
        }
    }
    // The largest setting: as many fields as there can be, and one as large as can be.
    let mut table = Table::new(65_536);
    for mark in 0..2048u32 {
        assert!(table.insert(b"", b"", mark));
    }
    assert_eq!((table.len(), table.size()), (2048, 65_536));
    assert_eq!(table.get(2047).expect("it is kept").mark, 0);
    let value = vec![b'x'; 65_504];
    assert!(table.insert(b"", &value, 2048));
    assert_eq!((table.len(), table.size()), (1, 65_536));
    assert_eq!(table.get(0).expect("it is kept").value(), value);
    // Three fields of 40 bytes, and what is left of them behind one more, or within another bound.
    let three = || {
        let mut table = Table::new(120);
        for mark in 0..3u8 {
            assert!(table.insert(b"name", &[b'0' + mark; 4], mark));
        }
        assert_eq!((table.len(), table.size()), (3, 120));
        table
    };
    let marks = |table: &Table<u8>| -> Vec<u8> {
        let mark = |index| table.get(index).expect("a field").mark;
        assert!(table.get(table.len()).is_none());
        assert_eq!(table.size(), 40 * table.len() as u32);
        (0..table.len()).map(mark).collect()
    };
    for (bound, left) in [
        (200, &[2, 1, 0][..]),
        (120, &[2, 1, 0]),
        (119, &[2, 1]),
        (80, &[2, 1]),
        (79, &[2]),
        (40, &[2]),
        (39, &[]),
        (1, &[]),
        (0, &[]),
    ] {
        let mut table = three();
        table.resize(bound);
        assert_eq!((marks(&table), table.max()), (left.to_vec(), bound));
        assert_eq!(bound == 0, table.memory() == 0, "{bound}");
        assert_eq!(
            table.find(|kept| kept.mark == 0),
            left.iter().position(|mark| *mark == 0)
        );
        assert_eq!(table.find(|kept| kept.mark == 9), None);
        assert_eq!(
            table.find(|kept| kept.name() == b"name"),
            (!left.is_empty()).then_some(0)
        );
    }
    for (size, left) in [(40, 2), (41, 1), (80, 1), (81, 0), (120, 0)] {
        let mut table = three();
        assert!(table.insert(&vec![b'n'; size - 32], b"", 9));
        assert_eq!(table.len(), 1 + left, "{size}");
        assert_eq!(table.size(), (size + 40 * left) as u32);
    }
    assert_eq!(Table::<u8>::new(u32::MAX).max(), 65_536);
    let mut table = Table::<u8>::new(0);
    table.resize(u32::MAX);
    assert_eq!(table.max(), 65_536);
}

#[test]
fn a_table_says_the_memory_of_its_texts_and_of_its_places() {
    let mut table = Table::new(4096);
    let mut last = table.memory();
    assert_eq!(last, 0);
    assert!(table.insert(b"", b"", 0u64));
    let place = table.memory();
    assert!(place >= 16, "{place}");
    let mut places = Table::new(4096);
    for _ in 0..100 {
        assert!(places.insert(b"", b"", 0u64));
    }
    assert!(
        (1600..=8192).contains(&places.memory()),
        "{}",
        places.memory()
    );
    let mut table = Table::new(4096);
    for nth in 0..20 {
        assert!(table.insert(b"n", &[b'v'; 99], 0u64));
        let texts = 100 * (nth + 1);
        assert!(
            table.memory() >= texts + 16 * (nth + 1),
            "{}",
            table.memory()
        );
        assert!(
            table.memory() <= 2 * texts + place * 2 * (nth + 1),
            "{}",
            table.memory()
        );
        assert!(table.memory() >= last);
        last = table.memory();
    }
    // Memory is asked for with a quarter to spare, and not before it is used up.
    let mut table = Table::new(4096);
    let memory: Vec<_> = (0..6)
        .map(|_| {
            assert!(table.insert(b"", &[b'v'; 80], 0u64));
            table.memory()
        })
        .collect();
    assert_eq!(memory[5], memory[4], "the sixth is the quarter");
    assert!(table.insert(b"", b"v", 0u64));
    assert!(table.memory() > memory[5]);
}

/// The ways in which a field of an answer is written.
#[derive(Debug, PartialEq)]
enum Way {
    /// Kept by both sides.
    Lasting,
    /// As it is, each time.
    Literal,
    /// As it is, and kept by nobody on the way (section 7.1).
    Secret,
}

fn written(encoder: &mut Encoder, name: &str, value: &HeaderValue) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
    encoder.field(&name, value, &mut out);
    out
}

#[test]
fn section_6_2_and_7_1_a_field_is_kept_written_or_hidden_by_its_name() {
    const LASTING: [&str; 14] = [
        "accept-ranges",
        "access-control-allow-origin",
        "cache-control",
        "content-encoding",
        "content-type",
        "server",
        "strict-transport-security",
        "vary",
        "alt-svc",
        "grpc-accept-encoding",
        "grpc-encoding",
        "grpc-status",
        "x-content-type-options",
        "x-frame-options",
    ];
    const SECRET: [&str; 2] = ["set-cookie", "authorization"];
    let known = STATIC.into_iter().skip(14).map(|(name, _)| name);
    let others = [
        "x-own",
        "grpc-message",
        "x-frame-option",
        "alt-svd",
        "traceparent",
    ];
    for name in known.chain(LASTING).chain(others) {
        let mut encoder = Encoder::default();
        let mut decoder = Decoder::new(4096);
        for value in ["value", "a longer value of this field"] {
            let plain = HeaderValue::from_static(value);
            let first = written(&mut encoder, name, &plain);
            let again = written(&mut encoder, name, &plain);
            for block in [&first, &again] {
                assert_eq!(decode(&mut decoder, block), Ok(own(&[(name, value)])));
            }
            let way = match (first[0], again.len()) {
                (first, 1) if first & 0xc0 == 0x40 => Way::Lasting,
                (first, _) if first & 0xf0 == 0x00 => Way::Literal,
                (first, _) if first & 0xf0 == 0x10 => Way::Secret,
                _ => panic!("{name}: {first:?} {again:?}"),
            };
            let expected = match name {
                name if LASTING.contains(&name) => Way::Lasting,
                name if SECRET.contains(&name) => Way::Secret,
                _ => Way::Literal,
            };
            assert_eq!(way, expected, "{name}");
            assert_eq!(first == again, way != Way::Lasting, "{name}");
            assert_eq!(encoder.table().len(), decoder.table().len());
        }
        // Whatever a handler marks as sensitive is hidden.
        let mut marked = HeaderValue::from_static("value");
        marked.set_sensitive(true);
        let before = encoder.table().len();
        let hidden = written(&mut encoder, name, &marked);
        assert_eq!(
            (hidden[0] & 0xf0, encoder.table().len()),
            (0x10, before),
            "{name}"
        );
        assert_eq!(decode(&mut decoder, &hidden), Ok(own(&[(name, "value")])));
        // A name of the table is not spelled.
        let is_spelled = hidden
            .windows(name.len())
            .any(|part| part == name.as_bytes());
        let header = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        assert_eq!(is_spelled, fixed::index_of(&header).is_none(), "{name}");
    }
}

#[test]
fn a_field_that_lasts_is_kept_up_to_the_size_of_the_table_and_else_written_each_time() {
    // Names of the table and of its own, each with values around what there is room for.
    for (name, offered) in [
        ("vary", 100),
        ("server", 80),
        ("x-frame-options", 100),
        ("alt-svc", 60),
    ] {
        let room = offered as usize - 32 - name.len();
        for length in [1, room - 1, room, room + 1, room + 2] {
            let mut encoder = Encoder::default();
            let mut decoder = Decoder::new(4096);
            encoder.offer(offered);
            let value = "v".repeat(length);
            let header = HeaderValue::from_str(&value).expect("a value");
            let first = written(&mut encoder, name, &header);
            let second = written(&mut encoder, name, &header);
            let is_kept = length <= room;
            assert_eq!(
                encoder.table().len(),
                usize::from(is_kept),
                "{name} {length}"
            );
            assert_eq!(second.len() == 1, is_kept, "{name} {length}");
            for block in [first, second] {
                assert_eq!(decode(&mut decoder, &block), Ok(own(&[(name, &value)])));
            }
            assert_eq!(decoder.table().len(), encoder.table().len());
            assert_eq!(decoder.table().size(), encoder.table().size());
        }
    }
}

#[test]
fn section_5_2_what_is_kept_is_coded_where_that_is_shorter_and_what_is_not_kept_is_written_as_it_is()
 {
    for (value, size) in [
        // Letters of five bits and more, in bytes.
        ("www.example.com", 0x80 | 12),
        ("0", 1),
        ("00", 2),
        ("000", 0x80 | 2),
        // Codes of eight bits are as long as the bytes, and those of 28 longer.
        ("&", 1),
        ("&&&&&&&&", 8),
        ("~~~~", 4),
    ] {
        let value_of = HeaderValue::from_static(value);
        let kept = written(&mut Encoder::default(), "alt-svc", &value_of);
        // Seven letters in five bytes.
        assert_eq!(kept[..2], [0x40, 0x80 | 5]);
        let length = usize::from(size & 0x7f);
        assert_eq!((kept[7], kept.len()), (size, 8 + length), "{value}");
        let plain = written(&mut Encoder::default(), "x-own", &value_of);
        assert_eq!(
            plain,
            [
                &b"\x00\x05x-own"[..],
                &[value.len() as u8],
                value.as_bytes()
            ]
            .concat()
        );
    }
}

#[test]
fn each_status_and_each_length_is_decoded_as_it_was_written() {
    for code in 100..=999 {
        let mut out = Vec::new();
        Encoder::default().status(code, &mut out);
        let status = code.to_string();
        assert_eq!(
            decode(&mut Decoder::new(4096), &out),
            Ok(own(&[(":status", &status)]))
        );
        let has_index = STATIC.contains(&(":status", &status));
        assert_eq!(out.len(), if has_index { 1 } else { 5 }, "{code}");
    }
    for length in [0, 9, 10, 12_345, u64::MAX - 1, u64::MAX] {
        let mut out = Vec::new();
        Encoder::default().content_length(length, &mut out);
        let digits = length.to_string();
        let decoded = decode(&mut Decoder::new(4096), &out);
        assert_eq!(decoded, Ok(own(&[("content-length", &digits)])));
        assert_eq!(out.len(), 3 + digits.len(), "neither a name nor a code");
    }
}

/// The places of what was found last go stale with each field that is kept.
#[test]
fn fields_that_last_are_found_wherever_others_have_moved_them() {
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::new(4096);
    let names = [
        "vary",
        "server",
        "alt-svc",
        "x-frame-options",
        "grpc-status",
    ];
    for round in 0..600u32 {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        let mut expected = Vec::new();
        let date = format!("date {}", round / 3);
        encoder.lasting(fixed::DATE, date.as_bytes(), &mut out);
        expected.push(("date".to_owned(), date.clone()));
        let kind = format!("kind {}", round / 7 % 3);
        encoder.lasting(fixed::CONTENT_TYPE, kind.as_bytes(), &mut out);
        expected.push(("content-type".to_owned(), kind));
        let nth = round.wrapping_mul(2_654_435_761) >> 16;
        let name = names[nth as usize % names.len()];
        // Two fields of one value, and of one name.
        for value in [date, format!("{}", nth % 4)] {
            let value_of = HeaderValue::from_str(&value).expect("a value");
            encoder.field(&HeaderName::from_static(name), &value_of, &mut out);
            expected.push((name.to_owned(), value));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let decoded = decode(&mut decoder, &out).expect("a block");
        let decoded: Vec<_> = decoded
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        assert_eq!(decoded, expected, "{round}");
    }
}

#[test]
fn section_4_2_each_course_of_offers_is_said_with_the_least_and_the_last_that_is_used() {
    for (offers, said) in [
        (&[][..], &[][..]),
        (&[4096], &[]),
        (&[100_000], &[]),
        (&[4095], &[4095]),
        (&[513], &[513]),
        (&[512], &[512]),
        (&[511], &[511]),
        (&[0], &[0]),
        (&[0, 0], &[0]),
        (&[0, 1], &[0, 1]),
        (&[0, 511], &[0, 511]),
        (&[0, 512], &[0, 512]),
        (&[0, 513], &[0, 512]),
        (&[0, 4096], &[0, 512]),
        (&[300, 100, 200], &[100, 200]),
        (&[300, 100, 100], &[100]),
    ] {
        let mut encoder = Encoder::default();
        for offer in offers {
            encoder.offer(*offer);
        }
        let mut out = Vec::new();
        encoder.begin(&mut out);
        let (mut sizes, mut at) = (Vec::new(), 0);
        while at < out.len() {
            assert_eq!(out[at] & 0xe0, 0x20);
            let (size, next) = integer::read(&out, at, 5).expect("a size");
            sizes.push(size);
            at = next;
        }
        assert_eq!(sizes, said, "{offers:?}");
        let last = sizes.last().copied().unwrap_or(u32::MAX);
        assert_eq!(encoder.table().max(), last.min(512), "{offers:?}");
        out.clear();
        encoder.begin(&mut out);
        assert!(out.is_empty(), "{offers:?} are said once");
    }
}
