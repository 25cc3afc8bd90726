//! The lives of streams and connections: RFC 9113 sections 5.1 and 6.8. Both tables are in `life_cycle.txt`;
//! after a change that is meant, run the test with `RINGGATE_BLESS=1` and read the difference.

use ringgate::http2::life::{self, Phase};
use ringgate::http2::stream::{self, State};
use std::fmt::Write;

const STATES: [State; 6] = [
    State::Idle,
    State::Open,
    State::HalfClosedRemote,
    State::HalfClosedLocal,
    State::Ended,
    State::Reset,
];

const EVENTS: [stream::Event; 11] = [
    stream::Event::Fields { end: false },
    stream::Event::Fields { end: true },
    stream::Event::FieldsRefused,
    stream::Event::Data { end: false },
    stream::Event::Data { end: true },
    stream::Event::ResetReceived,
    stream::Event::WindowUpdate,
    stream::Event::Answered,
    stream::Event::GivenUp,
    stream::Event::WindowUsedUp,
    stream::Event::Overdue,
];

const PHASES: [Phase; 5] = [
    Phase::Preface,
    Phase::Open,
    Phase::Announced,
    Phase::Leaving,
    Phase::Over,
];

const PHASE_EVENTS: [life::Event; 7] = [
    life::Event::PrefaceRead,
    life::Event::Drain,
    life::Event::Heard,
    life::Event::Idle,
    life::Event::PeerLeaves,
    life::Event::LastStreamEnded,
    life::Event::Failed,
];

fn table() -> String {
    let mut table = String::from("A stream\n");
    for state in STATES {
        writeln!(table, "{state:?}").expect("memory");
        for event in EVENTS {
            let (next, effect) = state.on(event);
            let effect = match effect {
                stream::Effect::Impossible => continue,
                stream::Effect::Break(ringgate::http2::Breach::Connection(fault)) => {
                    format!("GOAWAY {}", fault.code)
                }
                stream::Effect::Break(ringgate::http2::Breach::Stream(fault)) => {
                    format!("RST_STREAM {}", fault.code)
                }
                other => format!("{other:?}"),
            };
            let (event, next) = (format!("{event:?}"), format!("{next:?}"));
            writeln!(table, "    {event:<24} {next:<18} {effect}").expect("memory");
        }
    }
    table.push_str("\nA connection\n");
    for phase in PHASES {
        writeln!(table, "{phase:?}").expect("memory");
        for event in PHASE_EVENTS {
            let (next, effect) = phase.on(event);
            if effect != life::Effect::Impossible {
                let (event, next) = (format!("{event:?}"), format!("{next:?}"));
                writeln!(table, "    {event:<24} {next:<18} {effect:?}").expect("memory");
            }
        }
    }
    table
}

#[test]
fn every_state_answers_every_event_as_written_down() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http2/life_cycle.txt");
    if std::env::var_os("RINGGATE_BLESS").is_some() {
        std::fs::write(path, table()).expect("the table is writable");
    }
    let written = std::fs::read_to_string(path).expect("the table is readable");
    assert!(
        written == table(),
        "the table in {path} is no longer true; now it is:\n{}",
        table()
    );
}

#[test]
fn an_impossible_event_changes_nothing() {
    for state in STATES {
        for event in EVENTS {
            let (next, effect) = state.on(event);
            assert!(
                effect != stream::Effect::Impossible || next == state,
                "{state:?} {event:?}"
            );
        }
    }
    for phase in PHASES {
        for event in PHASE_EVENTS {
            let (next, effect) = phase.on(event);
            assert!(
                effect != life::Effect::Impossible || next == phase,
                "{phase:?} {event:?}"
            );
        }
    }
}

#[test]
fn whatever_a_client_sends_is_possible_in_every_state() {
    for state in STATES {
        for event in [
            stream::Event::Fields { end: false },
            stream::Event::Fields { end: true },
            stream::Event::Data { end: false },
            stream::Event::Data { end: true },
            stream::Event::ResetReceived,
            stream::Event::WindowUpdate,
        ] {
            assert_ne!(
                state.on(event).1,
                stream::Effect::Impossible,
                "{state:?} {event:?}"
            );
        }
    }
    for phase in PHASES {
        for event in [life::Event::Drain, life::Event::Failed] {
            assert_ne!(
                phase.on(event).1,
                life::Effect::Impossible,
                "{phase:?} {event:?}"
            );
        }
    }
}

#[test]
fn no_stream_comes_back_from_its_end() {
    for event in EVENTS {
        assert_eq!(State::Ended.on(event).0, State::Ended);
        assert_eq!(State::Reset.on(event).0, State::Reset);
    }
    for event in PHASE_EVENTS {
        assert_eq!(Phase::Over.on(event), (Phase::Over, life::Effect::Nothing));
    }
}

#[test]
fn a_stream_whose_end_is_not_told_by_a_reset_was_ended_by_both_sides() {
    for state in STATES {
        for event in EVENTS {
            let (next, _) = state.on(event);
            if next == State::Ended && state != State::Ended {
                let client_knows = matches!(
                    (state, event),
                    (State::HalfClosedRemote, stream::Event::Answered)
                        | (State::HalfClosedLocal, stream::Event::Data { end: true })
                        | (State::HalfClosedLocal, stream::Event::Fields { end: true })
                        | (_, stream::Event::ResetReceived)
                );
                assert!(client_knows, "{state:?} {event:?}");
            }
        }
    }
}

#[test]
fn section_5_1_each_state_says_whether_it_counts_and_which_side_has_not_ended() {
    // Whether the stream counts (section 5.1.2), whether the request goes on, and whether the answer does.
    for (state, is_active, is_receiving, is_sending) in [
        (State::Idle, false, false, false),
        (State::Open, true, true, true),
        (State::HalfClosedRemote, true, false, true),
        (State::HalfClosedLocal, true, true, false),
        (State::Ended, false, false, false),
        (State::Reset, false, false, false),
    ] {
        assert_eq!(state.is_active(), is_active, "{state:?}");
        assert_eq!(state.is_receiving(), is_receiving, "{state:?}");
        assert_eq!(state.is_sending(), is_sending, "{state:?}");
    }
    for phase in PHASES {
        let may_begin = matches!(phase, Phase::Open | Phase::Announced);
        assert_eq!(phase.may_begin(), may_begin, "{phase:?}");
    }
}
