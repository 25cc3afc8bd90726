//! Exact frames of `top`, and what keys do.

use super::change::Change;
use super::frame::{Area, Foot, lines};
use super::keys::{Act, Sort, View};
use crate::config::PoolSize;
use serde_json::{Value, json};

fn core(index: u32, busy: u32, open: u64, answered: u64) -> Value {
    json!({"index": index, "cpu": index, "state": "running", "busy_permille": busy,
        "connections": {"open": open}, "requests": {"answered": answered, "running": 1, "pending": 0}})
}

/// A server before and after two seconds.
fn statuses() -> [Value; 2] {
    let status = |seconds: f64, times: u64| {
        json!({
            "phase": "running", "pid": 1234, "uptime_seconds": seconds, "resident_bytes": 25_000_000,
            "limits": {"max_threads": 100, "max_accepts": 120},
            "pool": {"target": 2, "auto": true, "min": 1, "max": 4, "running": 2, "degraded": null},
            "gate": {"slots_taken": 42, "waiting": 7},
            "totals": {
                "connections": {"accepted": 1_000 + 60 * times, "open": 120},
                "requests": {"begun": 0, "answered": 5_000 + 24_000 * times, "running": 42, "pending": 7,
                    "aborted": 0, "rejected": {"full": 30 * times, "codel": 3 * times, "draining": 0}},
                "responses": {"2xx": 24_000 * times, "3xx": 0, "4xx": 7 * times, "5xx": 33 * times},
                "bytes": {"received": 2_400_000 * times, "sent": 68_000_000 * times}
            },
            "latency": {
                "service": [[1_024, 10], [122_880, 20_000 * times], [1_179_648, 4_000 * times]],
                "queue": []
            },
            "http2": {"open": 18}, "websockets": {"open": 2},
            "tls": {"handshakes": {"full": 20 * times, "resumed": 4 * times}, "failed_handshakes": {"version": 0},
                "handshakes_in_progress": 1},
            "cores": [core(0, 503, 60, 3_000 + 12_000 * times), core(1, 987, 60, 2_000 + 12_001 * times)],
            "listeners": [{"queue": 3}, {"queue": null}],
            "lanes": [{"name": "database", "kind": "workers", "max": 4, "spawned": 2, "busy": 1, "queued": 0,
                "ended": {"finished": 9 * times, "panicked": 0}, "refused": {"full": 3 * times},
                "unavailable": null}]
        })
    };
    [status(59.0, 0), status(61.0, 1)]
}

fn frame(view: &View, area: Area) -> String {
    let [before, now] = statuses();
    let lines = lines(&Change::new(&before, &now), view, area);
    assert!(
        lines
            .iter()
            .all(|line| line.chars().count() <= area.columns)
    );
    lines.join("\n") + "\n"
}

fn terminal(columns: usize, rows: usize) -> Area {
    Area {
        columns,
        rows: Some(rows),
        foot: Foot::Keys,
    }
}

#[test]
fn a_frame_of_80_columns_has_rates_times_lanes_and_cores() {
    let expected = "\
running      pid 1234  up 1m01s  cores 2 of 2 (by load, 1 to 4)  memory 23.8 MiB
requests     12.0k/s  p50 123us  p99 1.2ms  running 42  waiting 7
answers      2xx 12.0k/s  3xx 0/s  4xx 3.5/s  5xx 17/s  aborted 0/s
refused      17/s  full 15/s  codel 1.5/s
gate         slots 42 of 100  waiting 7  p50 -  p99 -  in the kernel 3
connections  open 120  new 30/s  HTTP/1.1 102  HTTP/2 18  WebSockets 2
traffic      in 1.1 MiB/s  out 32.4 MiB/s
tls          handshakes 12/s  resumed 2.0/s  failed 0/s  in progress 1

lane               busy   workers  queued     ended   refused
database              1       2/4       0     4.5/s     1.5/s

 core cpu  state     busy   req/s   open running waiting
    0   0  running    50%    6000     60       1       0  ###########
    1   1  running    98%    6001     60       1       0  #####################
";
    assert_eq!(frame(&View::default(), Area::plain(80)), expected);
}

#[test]
fn a_narrow_frame_wraps_its_rows_and_leaves_out_what_matters_less() {
    let expected = "\
running      pid 1234  up 1m01s
             cores 2 of 2 (by load, 1 to
             memory 23.8 MiB
";
    let shown = frame(&View::default(), Area::plain(40));
    assert_eq!(&shown[..expected.len()], expected);
    let cores = &shown[shown.find("\n core ").expect("a heading")..];
    let expected = "
 core busy   req/s   open
    0  50%    6000     60  ######
    1  98%    6001     60  ############
";
    assert_eq!(cores, expected);
}

#[test]
fn a_wide_frame_has_longer_bars() {
    let shown = frame(&View::default(), Area::plain(200));
    assert!(
        shown.contains(&format!("  {}\n", "#".repeat(25))),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("  {}\n", "#".repeat(49))),
        "{shown}"
    );
}

#[test]
fn a_terminal_is_filled_to_its_last_row_and_says_how_many_cores_it_has_no_room_for() {
    let shown = frame(&View::default(), terminal(80, 16));
    assert_eq!(shown.lines().count(), 16);
    let tail: Vec<&str> = shown.lines().skip(12).collect();
    assert_eq!(
        tail,
        [
            " core cpu  state     busy   req/s   open running waiting",
            "  ... and 2 more",
            "",
            "q quit  p pause  s sort (core)  + - cores  a auto  d drain"
        ]
    );
    let shown = frame(&View::default(), terminal(80, 30));
    assert_eq!(shown.lines().count(), 30);
    assert!(!shown.contains("more"), "{shown}");
    for rows in 0..12 {
        frame(&View::default(), terminal(20, rows));
    }
}

#[test]
fn the_busiest_core_comes_first_when_sorted_so() {
    let view = View {
        sort: Sort::Busy,
        ..View::default()
    };
    let shown = frame(&view, terminal(80, 30));
    let at = |core: &str| shown.find(core).expect("a core");
    assert!(at("\n    1   1") < at("\n    0   0"), "{shown}");
    assert!(shown.contains("s sort (busy)"), "{shown}");
}

#[test]
fn a_process_that_answers_for_the_first_time_is_measured_from_its_start() {
    let [before, mut now] = statuses();
    now["pid"] = json!(99);
    now["uptime_seconds"] = json!(10.0);
    let shown = lines(
        &Change::new(&before, &now),
        &View::default(),
        Area::plain(80),
    );
    assert!(shown[1].starts_with("requests     2900/s"), "{shown:?}");
}

#[test]
fn what_a_server_does_not_tell_is_a_dash() {
    let (before, now) = (json!({}), json!({"phase": "running", "cores": [{}]}));
    let shown = lines(
        &Change::new(&before, &now),
        &View::default(),
        Area::plain(80),
    );
    assert_eq!(shown[0], "running      pid -  up -  cores - of -  memory -");
    assert_eq!(
        shown[1],
        "requests     -  p50 -  p99 -  running -  waiting -"
    );
}

#[test]
fn a_lane_without_workers_and_a_pool_without_cores_say_why() {
    let [before, mut now] = statuses();
    now["pool"]["degraded"] = json!("degraded: 1 of 2 cores: no memory; raise MemoryMax=");
    now["lanes"][0]["unavailable"] = json!("connection refused");
    let shown = lines(
        &Change::new(&before, &now),
        &View::default(),
        Area::plain(80),
    )
    .join("\n");
    assert!(
        shown.contains("\ntrouble      degraded: 1 of 2 cores: no memory;"),
        "{shown}"
    );
    assert!(
        shown.contains("\n  trouble    connection refused\n"),
        "{shown}"
    );
}

#[test]
fn keys_pause_sort_resize_and_quit() {
    let [_, now] = statuses();
    let mut view = View::default();
    assert_eq!(view.press(b'p', &now), Act::Nothing);
    assert!(view.is_paused);
    assert_eq!(view.press(b' ', &now), Act::Nothing);
    assert!(!view.is_paused);
    let sorted = [Sort::Busy, Sort::Rate, Sort::Open, Sort::Core];
    for sort in sorted {
        assert_eq!(view.press(b's', &now), Act::Nothing);
        assert_eq!(view.sort, sort);
    }
    let cores = |cores| Act::Resize(PoolSize::Cores(cores));
    assert_eq!(view.press(b'+', &now), cores(3));
    assert_eq!(view.press(b'-', &now), cores(1));
    assert_eq!(view.press(b'a', &now), Act::Resize(PoolSize::Auto));
    for key in [b'q', 3] {
        assert_eq!(view.press(key, &now), Act::Quit);
    }
}

#[test]
fn one_key_neither_stops_the_last_core_nor_drains_the_server() {
    let [_, mut now] = statuses();
    now["pool"]["target"] = json!(1);
    let mut view = View::default();
    assert_eq!(view.press(b'-', &now), Act::Nothing);
    assert_eq!(view.press(b'd', &now), Act::Nothing);
    assert!(view.asks_to_drain);
    assert_eq!(view.press(b'n', &now), Act::Nothing);
    assert_eq!(view.press(b'y', &now), Act::Nothing);
    assert_eq!(view.press(b'd', &now), Act::Nothing);
    assert_eq!(view.press(b'y', &now), Act::Drain);
}
