//! Calls of each kind, and the ways in which they succeed or fail.

use crate::service::{MESSAGE_MAX_BYTES, Talk, Words, failure};
use crate::{alone, caller, client, endpoint, routed};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

/// Bytes that show where each of them should be.
fn load(size: usize) -> Bytes {
    (0..size).map(|at| (at / 251 + at) as u8).collect()
}

#[test]
fn a_unary_call_is_answered_with_its_metadata_alone_and_among_routes() {
    let talk = Talk::default();
    for server in [alone(&talk), routed(&talk)] {
        client(async {
            let mut caller = caller(&server).await;
            let mut asked = Request::new(Words::of("good morning"));
            let raw = MetadataValue::from_bytes(&[0, 200, 13, 10]);
            asked
                .metadata_mut()
                .insert("said", MetadataValue::from_static("softly"));
            asked.metadata_mut().insert_bin("said-bin", raw.clone());
            let answer = caller.call("Echo", asked).await.expect("an answer");
            let heard = answer.metadata().get("heard");
            assert_eq!(heard.expect("it is there"), "softly");
            assert_eq!(answer.metadata().get_bin("heard-bin"), Some(&raw));
            assert_eq!(answer.into_inner(), Words::of("good morning"));
        });
    }
}

#[test]
fn many_calls_share_a_connection() {
    let server = routed(&Talk::default());
    client(async {
        let caller = caller(&server).await;
        let calls = (0..500).map(|count| {
            let mut caller = caller.clone();
            async move {
                let words = Words::counted("hello", count);
                let answer = caller.call("Echo", Request::new(words.clone())).await;
                assert_eq!(answer.expect("an answer").into_inner(), words);
            }
        });
        stream::iter(calls).buffer_unordered(64).count().await;
        let status = server.running().handle().status().await.expect("it runs");
        assert_eq!((status.http2.begun, status.http2.streams), (1, 500));
    });
}

#[test]
fn a_service_streams_to_its_client() {
    let server = routed(&Talk::default());
    client(async {
        let mut caller = caller(&server).await;
        for count in [0, 1, 3000] {
            let asked = Words::counted("tick", count);
            let mut heard = caller.hear("Count", asked).await.expect("an answer");
            for count in 0..count {
                let words = heard.message().await.expect("no failure");
                assert_eq!(words, Some(Words::counted("tick", count)));
            }
            assert_eq!(heard.message().await.expect("no failure"), None);
        }
    });
}

#[test]
fn a_client_streams_to_its_service() {
    let server = routed(&Talk::default());
    client(async {
        let mut caller = caller(&server).await;
        for count in [0, 1, 3000] {
            let said = (0..count).map(|_| Words::of("ab"));
            let answer = caller.tell("Gather", stream::iter(said)).await;
            let all = answer.expect("an answer").into_inner();
            let expected = Words::counted(&"ab".repeat(count as usize), count);
            assert_eq!(all, expected);
        }
    });
}

#[test]
fn both_sides_speak_in_turns_whichever_task_the_service_hears_in() {
    let server = routed(&Talk::default());
    client(async {
        let mut caller = caller(&server).await;
        for method in ["Talk", "TalkAside"] {
            let mut call = caller.talk(method).await.expect("a call");
            for _ in 0..100 {
                call.ask().await;
            }
            call.end().await;
        }
    });
}

/// Holds a status to the one that was given.
fn assert_is(status: &Status, expected: &Status) {
    assert_eq!(status.code(), expected.code());
    assert_eq!(status.message(), expected.message());
    assert_eq!(status.details(), expected.details());
    assert_eq!(
        status.metadata().get("retry"),
        expected.metadata().get("retry")
    );
}

#[test]
fn a_status_comes_alone_or_behind_messages() {
    let server = routed(&Talk::default());
    client(async {
        let mut caller = caller(&server).await;
        let alone = caller.call("Fail", Request::new(Words::default())).await;
        assert_is(&alone.expect_err("it fails"), &failure());

        let mut heard = caller
            .hear("FailLate", Words::default())
            .await
            .expect("begun");
        for expected in ["one", "two"] {
            let words = heard.message().await.expect("no failure");
            assert_eq!(words, Some(Words::of(expected)));
        }
        assert_is(&heard.message().await.expect_err("it fails"), &failure());

        for method in ["Nothing", "Else/Where"] {
            let unknown = caller.call(method, Request::new(Words::default())).await;
            let status = unknown.expect_err("no such method");
            assert_eq!(status.code(), Code::Unimplemented);
        }
    });
}

#[test]
fn messages_that_are_larger_than_every_window_come_whole_in_both_directions() {
    let server = routed(&Talk::default());
    client(async {
        let mut caller = caller(&server).await;
        let large = Words {
            text: String::new(),
            count: 6,
            load: load(3 << 20),
        };
        let answer = caller.call("Echo", Request::new(large.clone())).await;
        assert!(answer.expect("an answer").into_inner() == large);

        let mut heard = caller.hear("Count", large.clone()).await.expect("begun");
        let mut count = 0;
        while let Some(words) = heard.message().await.expect("no failure") {
            assert!(words.load == large.load);
            count += 1;
        }
        assert_eq!(count, large.count);
    });
}

#[test]
fn a_message_that_the_service_does_not_want_is_refused_by_a_status() {
    let server = routed(&Talk::default());
    client(async {
        let mut caller = caller(&server).await;
        for _ in 0..3 {
            let large = Words {
                load: load(2 * MESSAGE_MAX_BYTES),
                ..Words::default()
            };
            let refused = caller.call("Echo", Request::new(large)).await;
            let status = refused.expect_err("it is too large");
            assert_eq!(status.code(), Code::OutOfRange, "{status}");
        }
        let answer = caller.call("Echo", Request::new(Words::of("small"))).await;
        assert_eq!(answer.expect("an answer").into_inner().text, "small");
        let status = server.running().handle().status().await.expect("it runs");
        assert_eq!(status.http2.begun, 1, "on the same connection");
    });
}

#[test]
fn a_client_with_small_windows_and_one_with_large_frames_hear_the_same() {
    let server = routed(&Talk::default());
    let small = endpoint(&server)
        .initial_stream_window_size(1000)
        .initial_connection_window_size(70_000);
    let large = endpoint(&server)
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(16 << 20)
        .max_frame_size(1 << 20);
    let adaptive = endpoint(&server).http2_adaptive_window(true);
    client(async {
        for endpoint in [small, large, adaptive] {
            let channel = endpoint.connect().await.expect("it connects");
            let mut caller = crate::Caller::new(channel);
            let asked = Words {
                text: String::new(),
                count: 4,
                load: load(100_000),
            };
            let mut heard = caller.hear("Count", asked.clone()).await.expect("begun");
            let mut count = 0;
            while let Some(words) = heard.message().await.expect("no failure") {
                assert!(words.load == asked.load);
                count += 1;
            }
            assert_eq!(count, 4);
        }
    });
}
