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
