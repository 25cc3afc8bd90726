//! The life cycle of a connection: RFC 9112 section 9. The whole table is in `life_cycle.txt`;
//! after a change that is meant, run the test with `RINGGATE_BLESS=1` and read the difference.

use ringgate::http1::exchange::{
    After, Circumstances, Deadline, Effect, Event, State, UnreadBody, after_answer,
};
use ringgate::http1::upgraded::Phase;
use std::fmt::Write;
use std::num::NonZeroU32;

const STATES: [State; 22] = [
    State::Idle,
    State::Head,
    State::Receiving,
    State::Running,
    State::StreamingReceiving,
    State::Streaming,
    State::WritingUnread(After::KeepAlive),
    State::WritingUnread(After::Close),
    State::Writing(After::KeepAlive),
    State::Writing(After::Close),
    State::Discarding,
    State::Upgraded(Phase::Open),
    State::Upgraded(Phase::Owing),
    State::Upgraded(Phase::Asked),
    State::Upgraded(Phase::InMessage),
    State::Upgraded(Phase::Closing),
    State::Upgraded(Phase::Bytes),
    State::Upgraded(Phase::Rest),
    State::Upgraded(Phase::Streams),
    State::Lingering,
    State::Closing,
    State::Closed,
];

const EVENTS: [Event; 33] = [
    Event::BytesArrived,
    Event::TurnedAway,
    Event::HeadComplete { body_pending: true },
    Event::HeadComplete {
        body_pending: false,
    },
    Event::Begun,
    Event::AnsweredAtOnce {
        after: After::KeepAlive,
        next: true,
    },
    Event::AnsweredAtOnce {
        after: After::KeepAlive,
        next: false,
    },
    Event::AnsweredAtOnce {
        after: After::Close,
        next: true,
    },
    Event::Refused,
    Event::BodyComplete,
    Event::AnswerStarted,
    Event::AnswerEnded(After::KeepAlive),
    Event::AnswerEnded(After::Close),
    Event::Switched(Phase::Open),
    Event::Switched(Phase::Streams),
    Event::Upgraded(Phase::Asked),
    Event::Upgraded(Phase::Closing),
    Event::UpgradeOver,
    Event::AnswerFailed { taken_back: true },
    Event::AnswerFailed { taken_back: false },
    Event::Batched,
    Event::Flushed { unread: true },
    Event::Flushed { unread: false },
    Event::Rested,
    Event::PeerEof,
    Event::Gone,
    Event::DeadlinePassed,
    Event::WriteStalled,
    Event::DiscardedEnough,
    Event::Broken,
    Event::Drain,
    Event::Force { sent: false },
    Event::Force { sent: true },
];

/// The event for which a deadline passes.
fn passed(deadline: Deadline) -> Event {
    match deadline {
        Deadline::Write => Event::WriteStalled,
        Deadline::Head | Deadline::Body | Deadline::Idle | Deadline::Linger => {
            Event::DeadlinePassed
        }
        Deadline::Quiet | Deadline::Pong | Deadline::Message => Event::DeadlinePassed,
        Deadline::CloseFrame | Deadline::Tunnel | Deadline::Streams => Event::DeadlinePassed,
        Deadline::Gone | Deadline::Handshake | Deadline::ProxyHeader => Event::Gone,
        Deadline::Dismissal => Event::Gone,
    }
}

fn table() -> String {
    let mut table = String::new();
    for state in STATES {
        let deadline = |sending, gone| match state.deadline(sending, gone) {
            Some(deadline) => format!("{deadline:?}"),
            None => "none".into(),
        };
        let (waiting, sending) = (deadline(false, false), deadline(true, false));
        let gone = deadline(false, true);
        writeln!(
            table,
            "{state:?} (deadline {waiting}, while sending {sending}, without its client {gone})"
        )
        .expect("memory");
        for event in EVENTS {
            let (next, effect) = state.on(event);
            if effect != Effect::Impossible {
                let (event, next) = (format!("{event:?}"), format!("{next:?}"));
                writeln!(table, "    {event:<46} {next:<26} {effect:?}").expect("memory");
            }
        }
    }
    table
}

#[test]
fn every_state_answers_every_event_as_written_down() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/http_protocol/life_cycle.txt"
    );
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
                effect != Effect::Impossible || next == state,
                "{state:?} {event:?}"
            );
        }
    }
}

#[test]
fn force_reset_and_drain_are_legal_in_every_state() {
    for state in STATES {
        for event in [Event::Force { sent: false }, Event::Gone] {
            let (next, effect) = state.on(event);
            assert!(
                matches!(next, State::Closing | State::Closed),
                "{state:?} {event:?}"
            );
            assert_ne!(effect, Effect::Impossible, "{state:?} {event:?}");
        }
        assert_ne!(state.on(Event::Drain).1, Effect::Impossible, "{state:?}");
        assert_ne!(
            state.on(Event::BytesArrived).1,
            Effect::Impossible,
            "{state:?}"
        );
        assert_ne!(state.on(Event::PeerEof).1, Effect::Impossible, "{state:?}");
    }
}

#[test]
fn nothing_leads_out_of_closed_and_every_deadline_leads_on() {
    for event in EVENTS {
        assert_eq!(State::Closed.on(event), (State::Closed, Effect::Nothing));
    }
    for state in STATES {
        let of = |sending, gone| state.deadline(sending, gone);
        for deadline in [of(false, false), of(true, false), of(false, true)]
            .into_iter()
            .flatten()
        {
            let event = passed(deadline);
            let (next, effect) = state.on(event);
            // Each stream has limits of its own, which are looked at again and again.
            let looks = state == State::Upgraded(Phase::Streams) && effect == Effect::AskUpgraded;
            assert!(
                looks || next != state && effect != Effect::Impossible,
                "{state:?} {event:?}"
            );
        }
    }
}

/// The client does nothing more, and takes nothing: time alone has to end the connection.
#[test]
fn from_every_state_with_something_owed_time_alone_leads_to_the_end() {
    for first in STATES {
        for (sending, gone) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut state = first;
            let mut sending = sending;
            for _ in 0..3 {
                let Some(deadline) = state.deadline(sending, gone) else {
                    break;
                };
                let (next, effect) = state.on(passed(deadline));
                // Something is queued that nobody takes; or what is queued is dropped.
                sending = match effect {
                    Effect::AnswerError(_) | Effect::AskUpgraded | Effect::FailUpgraded => true,
                    Effect::Abort => false,
                    Effect::Close if !sending => {
                        assert_eq!(next.on(Event::Flushed { unread: false }).0, State::Closed);
                        state = State::Closed;
                        break;
                    }
                    _ => sending,
                };
                state = next;
            }
            let runs = matches!(first, State::Running | State::Streaming);
            assert!(
                state == State::Closed || runs && !sending && !gone,
                "{first:?}, sending {sending}, gone {gone}: stays in {state:?}"
            );
        }
    }
}

#[test]
fn section_9_6_an_error_answer_is_never_followed_by_another_request() {
    for state in STATES {
        for event in EVENTS {
            let (next, effect) = state.on(event);
            let refused = matches!(effect, Effect::AnswerRefusal)
                || matches!(effect, Effect::AnswerError(status) if status.is_client_error());
            let closes = matches!(
                next,
                State::WritingUnread(After::Close) | State::Writing(After::Close)
            );
            assert!(!refused || closes, "{state:?} {event:?}");
        }
    }
}

#[test]
fn a_client_is_given_up_for_its_silence_but_not_for_what_it_does_not_take() {
    for (deadline, is_heard) in [
        (Deadline::Head, true),
        (Deadline::Body, true),
        (Deadline::Write, false),
        (Deadline::Idle, true),
        (Deadline::Linger, true),
        (Deadline::Gone, false),
        (Deadline::Handshake, true),
        (Deadline::Quiet, true),
        (Deadline::Pong, true),
        (Deadline::Message, true),
        (Deadline::CloseFrame, true),
        (Deadline::Tunnel, true),
        (Deadline::Streams, true),
        (Deadline::ProxyHeader, true),
        (Deadline::Dismissal, true),
    ] {
        assert_eq!(deadline.is_heard(), is_heard, "{deadline:?}");
    }
}

#[test]
fn what_the_client_takes_is_waited_for_before_what_it_sends_and_whether_it_is_there() {
    for state in STATES {
        let (sending, both) = (state.deadline(true, false), state.deadline(true, true));
        assert_eq!(sending, both, "{state:?}");
    }
}

#[test]
fn section_9_3_each_of_the_circumstances_counts_whatever_the_others_are() {
    let bools = [false, true];
    for (request_keep_alive, handler_closes, is_ending) in bools
        .iter()
        .flat_map(|a| bools.iter().map(move |b| (*a, *b)))
        .flat_map(|(a, b)| bools.iter().map(move |c| (a, b, *c)))
    {
        for served in [1, 2, 3, u32::MAX] {
            for served_max in [None, Some(1), Some(2), Some(3), Some(u32::MAX)] {
                for (unread, is_readable) in [
                    (UnreadBody::None, true),
                    (UnreadBody::Discardable, true),
                    (UnreadBody::TooMuch, false),
                    (UnreadBody::ContinueUnsent, false),
                ] {
                    let circumstances = Circumstances {
                        request_keep_alive,
                        handler_closes,
                        is_ending,
                        served,
                        served_max: served_max.and_then(NonZeroU32::new),
                        unread,
                    };
                    // Whatever forbids it, alone or beside others.
                    let forbidding = [
                        !request_keep_alive,
                        handler_closes,
                        is_ending,
                        served_max.is_some_and(|most| served >= most),
                        !is_readable,
                    ];
                    let expected = match forbidding.contains(&true) {
                        true => After::Close,
                        false => After::KeepAlive,
                    };
                    let found = after_answer(&circumstances);
                    assert_eq!(found, expected, "{circumstances:?}");
                }
            }
        }
    }
}

#[test]
fn section_9_3_a_connection_persists_only_if_everything_allows_it() {
    let yes = Circumstances {
        request_keep_alive: true,
        handler_closes: false,
        is_ending: false,
        served: 9,
        served_max: NonZeroU32::new(10),
        unread: UnreadBody::Discardable,
    };
    assert_eq!(after_answer(&yes), After::KeepAlive);
    assert_eq!(
        after_answer(&Circumstances {
            served_max: None,
            ..yes
        }),
        After::KeepAlive
    );
    for no in [
        Circumstances {
            request_keep_alive: false,
            ..yes
        },
        Circumstances {
            handler_closes: true,
            ..yes
        },
        Circumstances {
            is_ending: true,
            ..yes
        },
        Circumstances { served: 10, ..yes },
        Circumstances {
            unread: UnreadBody::TooMuch,
            ..yes
        },
        Circumstances {
            unread: UnreadBody::ContinueUnsent,
            ..yes
        },
    ] {
        assert_eq!(after_answer(&no), After::Close, "{no:?}");
    }
}

#[test]
fn pipelined_requests_are_answered_one_after_the_other() {
    let mut state = State::Idle;
    let mut effects = Vec::new();
    for event in [
        Event::BytesArrived,
        Event::HeadComplete {
            body_pending: false,
        },
        Event::BytesArrived,
        Event::AnswerEnded(After::KeepAlive),
        Event::PeerEof,
        Event::Flushed { unread: true },
        Event::BytesArrived,
        Event::HeadComplete {
            body_pending: false,
        },
        Event::AnswerEnded(After::Close),
        // The answer is out, and then nothing else is left to be sent.
        Event::Flushed { unread: false },
        Event::Flushed { unread: false },
    ] {
        let (next, effect) = state.on(event);
        state = next;
        effects.push(effect);
    }
    use Effect::{Admit, Close, NextRequest, Nothing, ReadHead, Release};
    assert_eq!(
        effects,
        [
            ReadHead,
            Admit,
            Nothing,
            Nothing,
            Nothing,
            NextRequest,
            ReadHead,
            Admit,
            Nothing,
            Close,
            Release
        ]
    );
    assert_eq!(state, State::Closed);
}
