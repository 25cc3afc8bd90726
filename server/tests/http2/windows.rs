//! Flow control and settings: RFC 9113 sections 5.2, 6.5 and 6.9.

use ringgate::http2::flow::{ReceiveWindow, SendWindow};
use ringgate::http2::frame::{self, Frame, HEADER_SIZE_BYTES};
use ringgate::http2::settings::{self, Settings};
use ringgate::http2::{ErrorCode, Limits};

fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

fn refused(id: u16, value: u32) -> Option<ErrorCode> {
    let applied = Settings::default().apply(&setting(id, value), |_| {});
    applied.err().map(|fault| fault.code)
}

#[test]
fn section_6_9_1_a_window_beyond_two_to_the_thirty_first_is_a_fault() {
    let mut window = SendWindow::new(65_535);
    window
        .grow(0x7FFF_FFFF - 65_535)
        .expect("as large as can be");
    assert_eq!(
        window.grow(1).map_err(|fault| fault.code),
        Err(ErrorCode::FLOW_CONTROL_ERROR)
    );
}

#[test]
fn section_6_9_2_a_setting_that_shrinks_makes_windows_negative_until_they_grow_again() {
    let mut window = SendWindow::new(100);
    window.take(90);
    window.shift(-50).expect("no fault");
    assert_eq!((window.count(), window.room()), (-40, 0));
    window.grow(41).expect("no fault");
    assert_eq!(window.room(), 1);
    window.shift(-i64::from(i32::MAX)).expect("no fault");
    assert_eq!(window.room(), 0);
}

#[test]
fn section_6_9_1_more_than_the_window_is_a_fault_and_changes_nothing() {
    let mut window = ReceiveWindow::new(10);
    window.receive(10).expect("all of it");
    let fault = window.receive(1).expect_err("too much");
    assert_eq!(fault.code, ErrorCode::FLOW_CONTROL_ERROR);
    assert_eq!(window.left(), 0);
}

#[test]
fn a_window_is_opened_again_when_half_of_it_was_taken() {
    let mut window = ReceiveWindow::new(10);
    window.receive(8).expect("room");
    assert_eq!(window.release(4, 10), None);
    assert_eq!(window.release(2, 10), Some(6));
    assert_eq!((window.left(), window.taken()), (8, 0));
    assert_eq!(window.release(2, 10), None);
    let mut single = ReceiveWindow::new(1);
    single.receive(1).expect("room");
    assert_eq!(single.release(0, 1), None);
    assert_eq!(single.release(1, 1), Some(1));
}

#[test]
fn section_6_5_2_each_setting_takes_the_values_of_its_range_and_no_others() {
    let protocol = ErrorCode::PROTOCOL_ERROR;
    let flow = ErrorCode::FLOW_CONTROL_ERROR;
    // The least and the greatest value, and the fault of those beside them.
    for (id, least, greatest, fault) in [
        (0, 0, u32::MAX, protocol),
        (1, 0, u32::MAX, protocol),
        (2, 0, 1, protocol),
        (3, 0, u32::MAX, protocol),
        (4, 0, 0x7FFF_FFFF, flow),
        (5, 16_384, 16_777_215, protocol),
        (6, 0, u32::MAX, protocol),
        (7, 0, u32::MAX, protocol),
        (8, 0, 1, protocol),
        (9, 0, 1, protocol),
        (10, 0, u32::MAX, protocol),
        (0xABCD, 0, u32::MAX, protocol),
    ] {
        for value in [least, greatest] {
            assert_eq!(refused(id, value), None, "{id} is {value}");
        }
        for value in [least.checked_sub(1), greatest.checked_add(1)] {
            let Some(value) = value else { continue };
            assert_eq!(refused(id, value), Some(fault), "{id} is {value}");
        }
        if greatest < u32::MAX {
            assert_eq!(refused(id, u32::MAX), Some(fault), "{id}");
        }
    }
}

#[test]
fn section_6_5_3_settings_are_taken_in_order_and_each_size_of_the_table_is_told() {
    let payload = [
        setting(4, 100),
        setting(1, 0),
        setting(4, 1),
        setting(1, 300),
        setting(5, 20_000),
    ]
    .concat();
    let mut sizes = Vec::new();
    let mut settings = Settings::default();
    settings
        .apply(&payload, |size| sizes.push(size))
        .expect("settings");
    assert_eq!(sizes, [0, 300]);
    assert_eq!(settings.initial_window_size, 1);
    assert_eq!(
        (settings.header_table_size, settings.max_frame_size),
        (300, 20_000)
    );
}

#[test]
fn the_first_frames_say_what_this_side_bounds_and_open_the_connections_window() {
    let limits = Limits::default();
    let mut out = Vec::new();
    settings::write_first(&limits, &mut out);
    let header = frame::read_header(&out).expect("no fault").expect("whole");
    let (first, rest) = out[HEADER_SIZE_BYTES..].split_at(header.length as usize);
    assert!(matches!(
        frame::parse(&header, first),
        Ok(Frame::Settings(_))
    ));
    let said: Vec<_> = first
        .chunks(6)
        .map(|six| (six[1], u32::from_be_bytes([six[2], six[3], six[4], six[5]])))
        .collect();
    let expected = [
        (3, limits.streams),
        (4, limits.stream_window),
        (6, limits.header_list_size),
        (9, 1),
    ];
    assert_eq!(said, expected);
    let header = frame::read_header(rest).expect("no fault").expect("whole");
    assert_eq!(
        frame::parse(&header, &rest[HEADER_SIZE_BYTES..]),
        Ok(Frame::WindowUpdate(limits.connection_window - 65_535))
    );
}

const MOST: u32 = 0x7fff_ffff;

#[test]
fn section_6_9_a_window_to_send_into_has_room_for_what_is_left_of_it_and_never_for_less_than_nothing()
 {
    for size in [0, 1, 2, 65_535, MOST - 1, MOST] {
        let mut window = SendWindow::new(size);
        assert_eq!((window.room(), window.count()), (size, size as i32));
        for part in [size / 3, size - size / 3] {
            let room = window.room();
            window.take(part);
            assert_eq!(window.room(), room - part);
        }
        assert_eq!((window.room(), window.count()), (0, 0));
    }
    for count in [-i32::MAX, -5, -1, 0, 1, 5, i32::MAX] {
        let window = SendWindow::carried(count);
        assert_eq!(
            (window.count(), window.room()),
            (count, count.max(0) as u32)
        );
    }
}

#[test]
fn section_6_9_1_a_window_grows_to_the_greatest_there_can_be_and_a_fault_leaves_it_as_it_was() {
    for start in [-i32::MAX, -1, 0, 1, 65_535, i32::MAX - 1, i32::MAX] {
        let room = (i64::from(i32::MAX) - i64::from(start)).min(i64::from(MOST)) as u32;
        for more in [
            1,
            2,
            room.saturating_sub(1),
            room,
            room.saturating_add(1).min(MOST),
            MOST,
        ] {
            let mut window = SendWindow::carried(start);
            let grown = window.grow(more).map_err(|fault| fault.code);
            match i64::from(start) + i64::from(more) <= i64::from(MOST) {
                true => {
                    assert_eq!(grown, Ok(()), "{start} by {more}");
                    assert_eq!(
                        i64::from(window.count()),
                        i64::from(start) + i64::from(more)
                    );
                }
                false => {
                    assert_eq!(
                        grown,
                        Err(ErrorCode::FLOW_CONTROL_ERROR),
                        "{start} by {more}"
                    );
                    assert_eq!(window.count(), start);
                }
            }
        }
    }
}

#[test]
fn section_6_9_1_as_much_is_received_as_the_window_has_and_not_a_byte_more() {
    for size in [0, 1, 10, 65_535, MOST] {
        for bytes in [0, 1, 9, 10, 11, 65_535, 65_536, MOST, MOST + 1, u32::MAX] {
            let mut window = ReceiveWindow::new(size);
            assert_eq!((window.left(), window.taken()), (size as i32, 0));
            let received = window.receive(bytes).map_err(|fault| fault.code);
            match bytes <= size {
                true => assert_eq!((received, window.left()), (Ok(()), (size - bytes) as i32)),
                false => {
                    assert_eq!(
                        received,
                        Err(ErrorCode::FLOW_CONTROL_ERROR),
                        "{bytes} of {size}"
                    );
                    assert_eq!(window.left(), size as i32);
                }
            }
        }
    }
}

#[test]
fn a_window_of_whatever_size_is_opened_again_with_the_byte_that_makes_half_of_it() {
    for size in 1..40u32 {
        for part in 1..=size {
            let mut window = ReceiveWindow::new(size);
            window.receive(size).expect("room");
            let (mut given, mut taken) = (0, 0);
            while given + taken + part <= size {
                taken += part;
                let update = window.release(part, size);
                let is_half = taken >= size.div_ceil(2);
                assert_eq!(update, is_half.then_some(taken), "{part} of {size}");
                given += update.unwrap_or(0);
                taken -= update.unwrap_or(0);
                assert_eq!((window.left(), window.taken()), (given as i32, taken));
            }
        }
    }
    let mut window = ReceiveWindow::carried(3, 4);
    assert_eq!((window.left(), window.taken()), (3, 4));
    assert_eq!(
        (window.release(0, 10), window.release(1, 10)),
        (None, Some(5))
    );
    assert_eq!((window.left(), window.taken()), (8, 0));
    assert_eq!(
        ReceiveWindow::new(0).release(0, 0),
        None,
        "nothing is no update"
    );
}

#[test]
fn section_6_5_2_a_client_that_says_nothing_has_the_values_of_the_rfc_and_each_setting_changes_its_own()
 {
    let usual = Settings {
        header_table_size: 4096,
        initial_window_size: 65_535,
        max_frame_size: 16_384,
        max_header_list_size: u32::MAX,
    };
    assert_eq!(Settings::default(), usual);
    const VALUE: u32 = 20_000;
    let changed = |id: u16, value: u32| {
        let (mut settings, mut sizes) = (Settings::default(), Vec::new());
        let applied = settings.apply(&setting(id, value), |size| sizes.push(size));
        applied.expect("a value in its range");
        assert_eq!(sizes.len(), usize::from(id == 1), "{id}");
        settings
    };
    for (id, expected) in [
        (
            1,
            Settings {
                header_table_size: VALUE,
                ..usual
            },
        ),
        (
            4,
            Settings {
                initial_window_size: VALUE,
                ..usual
            },
        ),
        (
            5,
            Settings {
                max_frame_size: VALUE,
                ..usual
            },
        ),
        (
            6,
            Settings {
                max_header_list_size: VALUE,
                ..usual
            },
        ),
    ] {
        assert_eq!(changed(id, VALUE), expected, "{id}");
    }
    for id in [0, 3, 7, 0xa, 0x104, 0xffff] {
        assert_eq!(changed(id, VALUE), usual, "{id}");
    }
    for id in [2, 8, 9] {
        assert_eq!((changed(id, 0), changed(id, 1)), (usual, usual), "{id}");
    }
}

/// The settings of the first frame, and the increment of the second, if there is one.
fn first(limits: &Limits) -> (Vec<(u16, u32)>, Option<u32>) {
    let mut out = vec![0xaa; 3];
    settings::write_first(limits, &mut out);
    let header = frame::read_header(&out[3..])
        .expect("no fault")
        .expect("whole");
    let (said, rest) = out[3 + HEADER_SIZE_BYTES..].split_at(header.length as usize);
    let said = said.chunks(6).map(|six| {
        let value = u32::from_be_bytes([six[2], six[3], six[4], six[5]]);
        (u16::from_be_bytes([six[0], six[1]]), value)
    });
    let update = frame::read_header(rest).expect("no fault");
    let update = update.map(|header| frame::parse(&header, &rest[HEADER_SIZE_BYTES..]));
    let update = update.map(|frame| match frame {
        Ok(Frame::WindowUpdate(more)) => more,
        other => panic!("{other:?}"),
    });
    (said.collect(), update)
}

#[test]
fn section_6_5_this_side_says_what_differs_from_the_values_that_settings_begin_with() {
    let usual = Limits {
        header_table_size: 4096,
        streams: 7,
        stream_window: 65_535,
        header_list_size: 8000,
        extended_connect: false,
        connection_window: 0,
        ..Limits::default()
    };
    let least = [(3, 7), (6, 8000), (9, 1)];
    assert_eq!(first(&usual), (least.to_vec(), None));
    let with = |more: (u16, u32)| {
        let mut said = [&least[..], &[more]].concat();
        said.sort_unstable();
        said
    };
    for size in [0, 4095, 4097, 65_536] {
        let limits = Limits {
            header_table_size: size,
            ..usual
        };
        assert_eq!(first(&limits), (with((1, size)), None));
    }
    for window in [0, 65_534, 65_536, MOST] {
        let limits = Limits {
            stream_window: window,
            ..usual
        };
        assert_eq!(first(&limits), (with((4, window)), None));
    }
    let limits = Limits {
        extended_connect: true,
        ..usual
    };
    assert_eq!(first(&limits), (with((8, 1)), None));
    // Section 6.9.2: a connection begins with 65,535 bytes, whatever the settings say.
    for (window, more) in [
        (0, None),
        (65_534, None),
        (65_535, None),
        (65_536, Some(1)),
        (1 << 20, Some((1 << 20) - 65_535)),
        (MOST, Some(MOST - 65_535)),
    ] {
        let limits = Limits {
            connection_window: window,
            ..usual
        };
        assert_eq!(first(&limits), (least.to_vec(), more), "{window}");
    }
}

#[test]
fn section_6_5_3_settings_are_acknowledged_with_a_frame_without_payload() {
    let mut out = Vec::new();
    settings::write_ack(&mut out);
    assert_eq!(out, [0, 0, 0, 4, 1, 0, 0, 0, 0]);
}
