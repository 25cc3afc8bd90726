//! What a session takes and counts, at its bounds: RFC 9113 sections 4.3, 5.1, 6.1, 6.7 and 6.8.

use super::forge::{
    END_HEADERS, END_STREAM, GET, PADDED, POST, Seen, Sent, Wire, block, data, forged, get,
    headers, post, reset, settings, window_update,
};
use ringgate::http1::head::Head;
use ringgate::http2::life::Phase;
use ringgate::http2::{
    Arrival, Budget, Desk, End, ErrorCode, Limits, Payload, Room, Session, StreamId,
};

const PROTOCOL: ErrorCode = ErrorCode::PROTOCOL_ERROR;
const CALM: ErrorCode = ErrorCode::ENHANCE_YOUR_CALM;
const CONNECT: [(&str, &str); 2] = [(":method", "CONNECT"), (":authority", "example.org:443")];

fn posting(limits: Limits) -> Wire {
    let mut wire = Wire::open_with(limits, &[]);
    wire.hears(&post(1));
    wire
}

#[test]
fn a_block_is_read_up_to_twice_the_size_of_a_section_in_however_many_frames_it_comes() {
    const SECTION: u32 = 150;
    let limits = Limits {
        header_list_size: SECTION,
        continuations: 10,
        ..Limits::default()
    };
    for size in [298, 299, 300, 301, 302] {
        let mut whole = block(&GET);
        let filling = size - whole.len();
        // A field of one name, and a value that fills the rest.
        whole.extend([0, 1, b'a', 127, (filling - 5 - 127) as u8]);
        whole.resize(size, b'x');
        for cuts in [
            &[][..],
            &[10],
            &[150],
            &[297],
            &[50, 100, 296],
            &[0],
            &[200, 200],
        ] {
            let mut wire = Wire::open_with(limits, &[]);
            let mut at = 0;
            let mut bytes = Vec::new();
            for (nth, cut) in cuts.iter().chain([&size]).enumerate() {
                let end = if nth == cuts.len() { END_HEADERS } else { 0 };
                let kind = if nth == 0 {
                    (1, END_STREAM | end)
                } else {
                    (9, end)
                };
                bytes.extend(forged(kind.0, kind.1, 1, &whole[at..*cut]));
                at = *cut;
            }
            let heard = wire
                .tries(&bytes)
                .map_err(|fault| (fault.code, fault.budget));
            let expected = match size <= 2 * SECTION as usize {
                true => Ok(vec![Seen::Refused(1, 431)]),
                false => Err((CALM, Some(Budget::HeaderListSize))),
            };
            assert_eq!(heard, expected, "{size} in {cuts:?}");
        }
    }
}

#[test]
fn a_section_comes_in_as_many_continuations_as_it_may_and_no_more() {
    for most in [0, 1, 4] {
        let limits = Limits {
            continuations: most,
            ..Limits::default()
        };
        for count in 0..=most + 2 {
            let mut wire = Wire::open_with(limits, &[]);
            let whole = block(&GET);
            let last = if count == 0 { END_HEADERS } else { 0 };
            let mut bytes = forged(1, END_STREAM | last, 1, &whole);
            for nth in 1..=count {
                let end = if nth == count { END_HEADERS } else { 0 };
                bytes.extend(forged(9, end, 1, b""));
            }
            let heard = wire.tries(&bytes).map(|seen| seen.len());
            let expected = match count <= most {
                true => Ok(1),
                false => Err(Some(Budget::Continuations)),
            };
            assert_eq!(
                heard.map_err(|fault| fault.budget),
                expected,
                "{count} of {most}"
            );
        }
    }
}

/// What a DATA frame counts as.
#[test]
fn a_data_frame_counts_by_the_bytes_of_its_data_whether_it_ends_its_stream_and_whether_that_is_a_tunnel()
 {
    let limits = Limits {
        empty_data: 0,
        small_data: 0,
        ..Limits::default()
    };
    for size in [0, 1, 2, 62, 63, 64, 65, 1000] {
        for pad in [None, Some(0u8), Some(100)] {
            for end in [false, true] {
                for (tunnel, answered) in
                    [(false, false), (false, true), (true, false), (true, true)]
                {
                    let mut wire = Wire::open_with(limits, &[]);
                    let fields = if tunnel { &CONNECT[..] } else { &POST };
                    wire.hears(&headers(1, false, fields));
                    if answered {
                        wire.answers(1, Payload::Later).expect("an answer");
                    }
                    let payload = match pad {
                        None => vec![b'x'; size],
                        Some(pad) => [&[pad][..], &vec![b'x'; size], &vec![0; pad.into()]].concat(),
                    };
                    let flags = u8::from(end) | if pad.is_some() { PADDED } else { 0 };
                    let heard = wire.tries(&forged(0, flags, 1, &payload));
                    let budget = heard.err().map(|fault| fault.budget.expect("a budget"));
                    let expected = match size {
                        _ if end => None,
                        0 => Some(Budget::EmptyData),
                        1..64 if !(tunnel && answered) => Some(Budget::SmallData),
                        _ => None,
                    };
                    assert_eq!(budget, expected, "{size} {pad:?} {end} {tunnel} {answered}");
                }
            }
        }
    }
}

#[test]
fn a_large_data_frame_makes_four_small_ones_good() {
    let limits = Limits {
        small_data: 10,
        ..Limits::default()
    };
    for large in 0..4 {
        let mut wire = posting(limits);
        for _ in 0..10 {
            wire.hears(&data(1, false, b"x"));
        }
        for _ in 0..large {
            wire.hears(&data(1, false, &[b'x'; 64]));
        }
        let more = (0..20)
            .take_while(|_| wire.tries(&data(1, false, b"x")).is_ok())
            .count();
        assert_eq!(more, (4 * large).min(10), "{large}");
    }
}

#[test]
fn section_6_1_padding_is_read_where_it_stands_and_never_taken_from_what_follows() {
    // An empty frame that says it is padded, with nothing behind, or with another frame.
    for behind in [&b""[..], b"\x00", &forged(6, 0, 0, b"12345678")] {
        let bytes = [&forged(0, PADDED, 1, b"")[..], behind].concat();
        let code = posting(Limits::default()).fails(&bytes);
        assert_eq!(code, ErrorCode::FRAME_SIZE_ERROR, "{behind:?}");
    }
    // The length of the padding comes alone, and before it nothing can be said.
    let mut wire = posting(Limits::default());
    let frame = forged(0, PADDED | END_STREAM, 1, b"\x02ab\0\0");
    assert_eq!(wire.hears(&frame[..9]), []);
    assert_eq!(wire.hears(&frame[9..10]), []);
    assert_eq!(
        wire.hears(&frame[10..11]),
        [Seen::Data(1, b"a".to_vec(), false)]
    );
    assert_eq!(
        wire.hears(&frame[11..12]),
        [Seen::Data(1, b"b".to_vec(), false)]
    );
    assert_eq!(wire.hears(&frame[12..13]), []);
    assert_eq!(wire.hears(&frame[13..]), [Seen::Data(1, Vec::new(), true)]);
    for length in 1..6 {
        for pad in 0..8u8 {
            let mut payload = vec![b'x'; length];
            payload[0] = pad;
            let mut wire = posting(Limits::default());
            let heard = wire.tries(&forged(0, PADDED | END_STREAM, 1, &payload));
            match usize::from(pad) < length {
                true => {
                    let data = vec![b'x'; length - 1 - usize::from(pad)];
                    assert_eq!(heard, Ok(vec![Seen::Data(1, data, true)]));
                }
                false => assert_eq!(heard.map_err(|fault| fault.code), Err(PROTOCOL)),
            }
        }
    }
}

#[test]
fn section_6_1_a_frame_that_breaks_its_stream_is_passed_over_to_its_last_byte_wherever_it_is_cut() {
    let ping = forged(6, 0, 0, b"12345678");
    for (data, pad) in [(0, 0), (0, 3), (5, 0), (5, 3), (1, 1)] {
        let payload = match pad {
            0 => vec![b'x'; data],
            _ => [&[pad][..], &vec![b'x'; data], &vec![0; pad.into()]].concat(),
        };
        let flags = if pad > 0 { PADDED } else { 0 };
        // Behind the end of a request.
        let bytes = [
            get(1),
            forged(0, flags | END_STREAM, 1, &payload),
            ping.clone(),
        ]
        .concat();
        for cut in 0..=bytes.len() {
            let mut wire = Wire::open();
            let mut seen = wire.hears(&bytes[..cut]);
            seen.extend(wire.hears(&bytes[cut..]));
            assert_eq!(seen.len(), 2, "{seen:?}");
            assert!(
                matches!(seen[1], Seen::Ended(1, End::Broken(fault)) if fault.code == ErrorCode::STREAM_CLOSED)
            );
            let said = wire.says();
            assert_eq!(
                said,
                [
                    Sent::Reset(1, ErrorCode::STREAM_CLOSED),
                    Sent::Ping(*b"12345678", true)
                ]
            );
            assert!(wire.session.is_idle(), "all is given back");
        }
    }
}

#[test]
fn section_8_1_1_the_length_of_a_body_is_checked_with_each_frame_and_at_its_end() {
    /// How a body ends.
    #[derive(Clone, Copy, Debug)]
    enum Ends {
        WithData,
        WithEmptyData,
        WithTrailers,
        NotYet,
    }
    for length in [0u32, 1, 4] {
        for size in 0..=5usize {
            for ends in [
                Ends::WithData,
                Ends::WithEmptyData,
                Ends::WithTrailers,
                Ends::NotYet,
            ] {
                let mut wire = Wire::open();
                let length_says = length.to_string();
                let fields = [&POST[..], &[("content-length", &length_says[..])]].concat();
                wire.hears(&headers(1, false, &fields));
                let body = vec![b'x'; size];
                let bytes = match ends {
                    Ends::WithData => data(1, true, &body),
                    Ends::WithEmptyData => [data(1, false, &body), data(1, true, b"")].concat(),
                    Ends::WithTrailers => {
                        [data(1, false, &body), headers(1, true, &[("x-sum", "1")])].concat()
                    }
                    Ends::NotYet => data(1, false, &body),
                };
                let seen = wire.hears(&bytes);
                let expected = match ends {
                    Ends::NotYet => size > length as usize,
                    _ => size != length as usize,
                };
                let is_broken = seen
                    .iter()
                    .any(|seen| matches!(seen, Seen::Ended(1, End::Broken(_))));
                assert_eq!(is_broken, expected, "{size} of {length} {ends:?}");
                let resets = wire.says();
                assert_eq!(resets.contains(&Sent::Reset(1, PROTOCOL)), expected);
            }
        }
    }
}

#[test]
fn section_6_7_the_answer_to_the_ping_of_a_drain_is_told_from_others_and_counts_in_its_phase_alone()
{
    let answer = |payload: &[u8; 8]| forged(6, 1, 0, payload);
    let drained = |wire: &mut Wire| {
        wire.drains(3);
        let said = wire.says();
        let Some(Sent::Ping(payload, false)) = said.last() else {
            panic!("{said:?}");
        };
        *payload
    };
    let mut wire = Wire::open();
    wire.hears(&get(1));
    let payload = drained(&mut wire);
    for at in 0..8 {
        let mut other = payload;
        other[at] ^= 1;
        wire.hears(&answer(&other));
        assert_eq!(wire.session.phase(), Phase::Announced);
    }
    // A PING of the client with the same bytes is no answer.
    wire.hears(&forged(6, 0, 0, &payload));
    assert_eq!(wire.says(), [Sent::Ping(payload, true)]);
    assert_eq!(wire.session.phase(), Phase::Announced);
    wire.hears(&answer(&payload));
    assert_eq!(wire.session.phase(), Phase::Leaving);
    let leave = Sent::GoAway(1, ErrorCode::NO_ERROR, String::new());
    assert_eq!(wire.says(), [leave]);
    wire.hears(&answer(&payload));
    assert_eq!(
        (wire.session.phase(), wire.says()),
        (Phase::Leaving, Vec::new())
    );
    // Before a drain it means nothing.
    let mut wire = Wire::open();
    wire.hears(&answer(&payload));
    assert_eq!(
        (wire.session.phase(), wire.says()),
        (Phase::Open, Vec::new())
    );
}

#[test]
fn answers_to_frames_wait_until_the_send_that_has_them_was_taken() {
    let limits = Limits {
        queued_controls: 10,
        ..Limits::default()
    };
    let ping = forged(6, 0, 0, &[0; 8]);
    let more = |wire: &mut Wire| (0..100).take_while(|_| wire.tries(&ping).is_ok()).count();
    let pinged = |count: usize| {
        let mut wire = Wire::open_with(limits, &[]);
        wire.session.flushed();
        for _ in 0..count {
            wire.hears(&ping);
        }
        wire
    };
    for count in 0..=10 {
        assert_eq!(more(&mut pinged(count)), 10 - count);
        let mut wire = pinged(count);
        wire.session.flushed();
        assert_eq!(more(&mut wire), 10, "all were taken");
        // The first send had none of them, as far as is known, and the next has all that are there now.
        let mut wire = pinged(count);
        wire.session.partly_flushed(true);
        assert_eq!(more(&mut wire), 10 - count, "{count}");
        let mut wire = pinged(count);
        wire.session.partly_flushed(true);
        for _ in count..10 {
            wire.hears(&ping);
        }
        wire.session.partly_flushed(false);
        assert_eq!(
            more(&mut wire),
            count,
            "those of the second send were taken"
        );
        // Behind the second send none waits any more.
        let mut wire = pinged(count);
        for all in [true, false, true] {
            wire.session.partly_flushed(all);
        }
        for _ in 0..10 {
            wire.hears(&ping);
        }
        assert_eq!(more(&mut wire), 0);
    }
    // Acknowledgements of settings and resets that the client causes count alike.
    let mut wire = Wire::open_with(limits, &[]);
    wire.session.flushed();
    wire.hears(&get(1));
    for _ in 0..4 {
        wire.hears(&settings(&[]));
    }
    for stream in [3, 5, 7, 9, 11] {
        assert_eq!(wire.hears(&headers(stream, true, &GET[..2])).len(), 1);
    }
    assert_eq!(more(&mut wire), 1);
}

#[test]
fn section_5_1_as_many_resets_of_this_side_are_remembered_as_are_kept_and_the_oldest_is_forgotten()
{
    // As many as there may be streams at a time, and no less than 64.
    for (streams, kept, more) in [(1, 64, 0), (64, 64, 2), (100, 100, 0), (300, 300, 7)] {
        let limits = Limits {
            streams,
            ..Limits::default()
        };
        let mut wire = Wire::open_with(limits, &[]);
        let count = kept + more;
        for nth in 0..count {
            let stream = 2 * nth + 1;
            wire.hears(&post(stream));
            let code = ErrorCode::CANCEL;
            let given_up = wire.session.reset(StreamId(stream), code, 0, &mut wire.out);
            given_up.expect("a stream");
        }
        wire.says();
        for nth in (0..count).rev() {
            let seen = wire.hears(&data(2 * nth + 1, false, b"on its way"));
            let is_forgotten = nth + kept < count;
            assert_eq!(seen.is_empty(), !is_forgotten, "{nth} of {count}");
            let said = wire.says();
            let reset = Sent::Reset(2 * nth + 1, ErrorCode::STREAM_CLOSED);
            assert_eq!(said.contains(&reset), is_forgotten);
            // A reset that answers what came too late is remembered instead of an older one.
            if is_forgotten {
                break;
            }
        }
    }
}

#[test]
fn section_5_1_1_the_state_of_a_stream_that_is_not_open_follows_from_its_number() {
    // The client has used streams up to 9; 5 was ended by both sides, 7 was reset by this side, 9 is open.
    let begun = || {
        let mut wire = Wire::open();
        wire.hears(&[get(5), post(7), post(9)].concat());
        wire.answers(5, Payload::None).expect("an answer");
        let code = ErrorCode::CANCEL;
        let given_up = wire.session.reset(StreamId(7), code, 0, &mut wire.out);
        given_up.expect("a stream");
        wire.says();
        wire
    };
    for (stream, idle) in [
        (1, false),
        (2, true),
        (3, false),
        (4, true),
        (5, false),
        (6, true),
        (7, false),
        (8, true),
        (9, false),
        (10, true),
        (11, true),
        (0x7fff_fffe, true),
        (0x7fff_ffff, true),
    ] {
        for frame in [window_update(stream, 1), reset(stream)] {
            let heard = begun().tries(&frame).map_err(|fault| fault.code);
            match idle {
                true => assert_eq!(heard, Err(PROTOCOL), "{stream}"),
                false => assert!(heard.is_ok(), "{stream}"),
            }
        }
        let heard = begun()
            .tries(&data(stream, false, b"x"))
            .map_err(|fault| fault.code);
        match (stream, idle) {
            (_, true) => assert_eq!(heard, Err(PROTOCOL), "{stream}"),
            (7, _) => assert_eq!(heard, Ok(Vec::new())),
            (9, _) => assert_eq!(heard, Ok(vec![Seen::Data(9, b"x".to_vec(), false)])),
            _ => assert!(
                matches!(&heard.expect("of its stream")[..], [Seen::Ended(..)]),
                "{stream}"
            ),
        }
        // What is wrong with a frame blames the connection where there is no stream to blame.
        let own_child = forged(2, 0, stream, &[&stream.to_be_bytes()[..], &[16]].concat());
        for frame in [window_update(stream, 0), own_child] {
            let heard = begun().tries(&frame).map_err(|fault| fault.code);
            match idle {
                true => assert_eq!(heard, Err(PROTOCOL), "{stream}"),
                false => {
                    let seen = heard.expect("of its stream");
                    assert!(matches!(seen[..], [Seen::Ended(..)]), "{stream}");
                }
            }
        }
    }
}

#[test]
fn section_6_8_what_comes_behind_the_last_stream_is_ignored_and_the_last_is_said_again_with_a_fault()
 {
    let mut wire = Wire::open();
    wire.hears(&get(1));
    wire.hears(&forged(7, 0, 0, &[0; 8]));
    wire.says();
    for stream in [3, 5] {
        assert_eq!(wire.hears(&post(stream)), []);
        assert_eq!(wire.hears(&data(stream, false, b"x")), []);
        assert_eq!(wire.hears(&window_update(stream, 1)), []);
        assert_eq!(wire.hears(&reset(stream)), []);
    }
    assert_eq!(wire.says(), []);
    // Of what was ignored nothing was begun: another connection may serve it.
    wire.tries(&forged(6, 0, 0, b"short")).expect_err("a fault");
    let said = wire.says();
    assert!(
        matches!(said[..], [Sent::GoAway(1, ErrorCode::FRAME_SIZE_ERROR, _)]),
        "{said:?}"
    );
    // Without a drain the greatest stream that was used is the last.
    let mut wire = Wire::open();
    wire.hears(&[get(1), get(7)].concat());
    wire.tries(&forged(6, 0, 0, b"short")).expect_err("a fault");
    let said = wire.says();
    assert!(
        matches!(said[..], [Sent::GoAway(7, ErrorCode::FRAME_SIZE_ERROR, _)]),
        "{said:?}"
    );
    // The last stream itself was begun, and what comes behind its end is a fault as ever.
    let mut wire = Wire::open();
    wire.hears(&[get(1), get(3), forged(7, 0, 0, &[0; 8])].concat());
    wire.answers(3, Payload::None).expect("an answer");
    assert_eq!(wire.breaks(&data(3, false, b"x")), ErrorCode::STREAM_CLOSED);
}

#[test]
fn rfc_9218_section_7_1_a_priority_of_a_stream_that_is_not_there_changes_nothing() {
    let update = |stream: u32, value: &[u8]| {
        let payload = [&stream.to_be_bytes()[..], value].concat();
        forged(0x10, 0, 0, &payload)
    };
    // Nor is there one of this side.
    for stream in [0, 2, 0x7fff_fffe] {
        assert_eq!(Wire::open().fails(&update(stream, b"u=1")), PROTOCOL);
    }
    let order = |updates: &[(u32, &[u8])]| {
        let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
        wire.hears(&[get(1), get(3), get(5)].concat());
        for (stream, value) in updates {
            wire.hears(&update(*stream, value));
        }
        for stream in [1, 3, 5] {
            wire.answers(stream, Payload::Slice(b"x"))
                .expect("an answer");
        }
        wire.hears(&settings(&[(4, 100)]));
        let of = |sent: &Sent| match sent {
            Sent::Data(stream, ..) => Some(*stream),
            _ => None,
        };
        wire.flushes().iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(order(&[]), [1, 3, 5]);
    assert_eq!(order(&[(7, b"u=0"), (0x7fff_ffff, b"u=0")]), [1, 3, 5]);
    // What was said before there is something to send counts when there is.
    assert_eq!(order(&[(5, b"u=0")]), [5, 1, 3]);
    assert_eq!(order(&[(1, b"u=7"), (3, b"u=4")]), [5, 3, 1]);
    assert_eq!(order(&[(5, b"u=0"), (5, b"u=7")]), [1, 3, 5]);
}

#[test]
fn what_a_session_holds_counts_byte_for_byte() {
    let mut wire = Wire::open();
    assert_eq!(wire.session.memory(), 0);
    // Two streams have their places from the first on, and a third asks for more.
    let mut by_streams = vec![0];
    for stream in [1, 3, 5, 7, 9] {
        wire.hears(&post(stream));
        by_streams.push(wire.session.memory());
    }
    assert_eq!(by_streams[1], by_streams[2]);
    let each = by_streams[1] / 2;
    assert!(each >= 40, "{each}");
    assert!(
        by_streams[3] >= 3 * each && by_streams[5] >= 5 * each,
        "{by_streams:?}"
    );
    // Each reset takes four bytes, with room for the next ones.
    for stream in [3, 9, 1, 5] {
        wire.hears(&reset(stream));
        assert_eq!(wire.session.memory(), by_streams[5] + 16);
    }
    wire.hears(&reset(7));
    assert_eq!(wire.session.memory(), 32, "they were many");
    wire.hears(&post(11));
    wire.hears(&reset(11));
    let most_need = wire.session.memory() - 32;
    assert_eq!(most_need, 2 * each, "places that most clients need");
    // Half a block, of which the bytes count beside its place.
    let half = |wire: &mut Wire, size: usize| {
        let before = wire.session.memory();
        wire.hears(&forged(1, 0, 13, &vec![0x82; size]));
        wire.session.memory() - before
    };
    let mut other = Wire::open();
    other.hears(&post(11));
    other.hears(&reset(11));
    let (small, large) = (half(&mut wire, 100), half(&mut other, 1100));
    assert_eq!(large - small, 1000);
    assert!((132..300).contains(&small), "{small}");
    // Resets that are remembered, four bytes each.
    let mut wire = Wire::open();
    for nth in 0..64 {
        let stream = 2 * nth + 1;
        wire.hears(&post(stream));
        let before = wire.session.memory();
        let code = ErrorCode::CANCEL;
        let given_up = wire.session.reset(StreamId(stream), code, 0, &mut wire.out);
        given_up.expect("a stream");
        assert!(wire.session.memory() - before <= 4 * 32, "{nth}");
    }
    let resets = wire.session.memory() - 2 * each;
    assert!((4 * 64..=4 * 128).contains(&resets), "{resets}");
    // The fields of both tables.
    let mut wire = Wire::open();
    let kept = [&block(&GET)[..], b"\x40\x05x-own", &[100], &[b'v'; 100]].concat();
    wire.hears(&forged(1, END_HEADERS | END_STREAM, 1, &kept));
    let received = wire.session.memory() - 2 * each;
    assert!((105..400).contains(&received), "{received}");
    wire.answers(1, Payload::None).expect("an answer");
    let both = wire.session.memory() - 2 * each;
    assert!(
        (received + 40..received + 300).contains(&both),
        "{both} and {received}"
    );
    // Streams that wait for room.
    let mut wire = Wire::open_with(Limits::default(), &[(4, 0)]);
    for stream in (1..200).step_by(2) {
        wire.hears(&get(stream));
        wire.answers(stream, Payload::Later).expect("an answer");
    }
    let before = wire.session.memory();
    for stream in (1..200).step_by(2) {
        let bytes = bytes::Bytes::from_static(b"x");
        wire.session
            .body(StreamId(stream), bytes, 0)
            .expect("a stream");
    }
    let waiting = wire.session.memory() - before;
    assert!((8 * 100..=8 * 256).contains(&waiting), "{waiting}");
}

/// A request costs no allocation: heads are cut from one piece of memory until it is used up.
#[test]
fn heads_are_cut_one_behind_the_other_from_a_piece_of_eight_kibibytes() {
    let limits = Limits {
        resets: u16::MAX,
        ..Limits::default()
    };
    let (mut session, mut room, mut head) =
        (Session::new(&limits, 0), Room::default(), Head::blank());
    let mut out = Vec::new();
    let mut hear = |bytes: &[u8]| {
        let mut at = 0;
        let mut text = None;
        while at < bytes.len() {
            let mut desk = Desk {
                limits: &limits,
                seconds: 0,
                room: &mut room,
                out: &mut out,
            };
            let received = session
                .receive(&bytes[at..], &mut head, &mut desk)
                .expect("no fault");
            at += received.used;
            if let Arrival::Head { bytes, .. } = received.arrival {
                text = Some(bytes);
            }
        }
        text
    };
    assert_eq!(
        hear(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings(&[])].concat()),
        None
    );
    // Of 32 bytes each: a path, the authority, and the name of the field that it becomes.
    let path = format!(
        "/{}",
        "p".repeat(32 - 1 - "example.org".len() - "host".len())
    );
    let fields = [GET[0], GET[1], (":path", &path), GET[3]];
    let mut last: Option<bytes::Bytes> = None;
    let mut moves = 0;
    let mut kept = Vec::new();
    for nth in 0..512 {
        let stream = 2 * nth + 1;
        let text = hear(&[headers(stream, true, &fields), reset(stream)].concat()).expect("a head");
        assert_eq!(text.len(), 32);
        let is_behind = last.is_some_and(|last| last.as_ptr_range().end == text.as_ptr());
        moves += usize::from(!is_behind);
        if !is_behind {
            assert_eq!(nth % 256, 0, "a piece has 256 of them");
        }
        kept.push(text.clone());
        last = Some(text);
    }
    assert_eq!(moves, 2);
    assert!(kept.iter().all(|text| text.ends_with(b"host")));
}
