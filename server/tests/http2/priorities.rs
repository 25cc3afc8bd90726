//! Whose turn it is: RFC 9218 sections 4 and 10.

use ringgate::http2::StreamId;
use ringgate::http2::priority::Priority;
use ringgate::http2::queue::Queue;

fn priority(urgency: u8, incremental: bool) -> Priority {
    Priority {
        urgency,
        incremental,
    }
}

/// RFC 9218 section 4: what is absent, malformed or out of range is the value that a member begins with.
#[test]
fn rfc_9218_section_4_each_member_is_read_and_one_that_means_nothing_is_left_out() {
    for (value, urgency, incremental) in [
        ("", 3, false),
        ("u=0", 0, false),
        ("u=1", 1, false),
        ("u=2", 2, false),
        ("u=3", 3, false),
        ("u=4", 4, false),
        ("u=5", 5, false),
        ("u=6", 6, false),
        ("u=7", 7, false),
        ("u=8", 3, false),
        ("u=9", 3, false),
        ("u=/", 3, false),
        ("u=10", 3, false),
        ("u=-1", 3, false),
        ("u=", 3, false),
        ("u", 3, false),
        ("U=1", 3, false),
        ("v=1", 3, false),
        ("u:1", 3, false),
        ("i", 3, true),
        ("i=?1", 3, true),
        ("i=?0", 3, false),
        ("i=?2", 3, false),
        ("i=1", 3, false),
        ("I", 3, false),
        ("ii", 3, false),
        ("u=5, i", 5, true),
        ("u=5,i", 5, true),
        ("i,u=5", 5, true),
        (" u=5 ,\t i ", 5, true),
        ("u=1;x=2", 1, false),
        ("u=1 ;x, i;y=\"z\"", 1, true),
        ("a=1, u=4, b", 4, false),
        // RFC 9651 section 3.2: of members of one name the last one counts.
        ("u=1, u=6", 6, false),
        ("i, i=?0", 3, false),
        ("i=?0, i", 3, true),
    ] {
        let read = Priority::parse(value.as_bytes());
        assert_eq!(read, priority(urgency, incremental), "{value:?}");
    }
    // A stream about which nothing was said has the same urgency, and shares.
    assert_eq!(Priority::default(), priority(3, true));
}

/// The streams that send `frames` frames one after the other, each with more behind.
fn turns(queue: &mut Queue, frames: usize) -> Vec<u32> {
    let mut turns = Vec::new();
    for _ in 0..frames {
        let Some(next) = queue.next(|_| true) else {
            break;
        };
        queue.sent(next);
        turns.push(next.0);
    }
    turns
}

/// The streams in the order in which they are done, if each sends all it has at its turn.
fn ends(mut queue: Queue) -> Vec<u32> {
    let mut ends = Vec::new();
    while let Some(next) = queue.next(|_| true) {
        queue.remove(next);
        ends.push(next.0);
    }
    assert!(queue.is_empty());
    ends
}

fn queue(streams: &[(u32, u8, bool)]) -> Queue {
    let mut queue = Queue::default();
    for (nth, (stream, urgency, incremental)) in streams.iter().enumerate() {
        assert_eq!((queue.len(), queue.is_empty()), (nth, nth == 0));
        queue.push(StreamId(*stream), priority(*urgency, *incremental));
    }
    queue
}

#[test]
fn rfc_9218_section_10_streams_of_one_urgency_share_or_go_one_after_the_other() {
    // The streams in the order in which they begin to wait, their turns, and the order of their ends.
    for (streams, frames, order) in [
        (&[][..], &[][..], &[][..]),
        (&[(1, 3, true)], &[1, 1, 1], &[1]),
        (
            &[(5, 3, true), (1, 3, true), (3, 3, true)],
            &[5, 1, 3, 5, 1, 3],
            &[5, 1, 3],
        ),
        // The lower number first, and to its end.
        (
            &[(5, 3, false), (1, 3, false), (3, 3, false)],
            &[1, 1, 1],
            &[1, 3, 5],
        ),
        (
            &[(1, 3, false), (3, 3, false), (5, 3, false)],
            &[1, 1, 1],
            &[1, 3, 5],
        ),
        (
            &[(5, 3, false), (3, 3, false), (1, 3, false)],
            &[1, 1, 1],
            &[1, 3, 5],
        ),
        // Those that share keep their place among them, until they have had a turn.
        (&[(3, 3, true), (1, 3, false)], &[3, 1, 1, 1], &[3, 1]),
        (&[(5, 3, false), (3, 3, true)], &[5, 5, 5], &[5, 3]),
        (
            &[(5, 3, false), (7, 3, true), (3, 3, false)],
            &[3, 3, 3],
            &[3, 5, 7],
        ),
        // The more urgent first, whenever it came and whether it shares.
        (
            &[(1, 7, true), (3, 0, true), (5, 4, true)],
            &[3, 3, 3],
            &[3, 5, 1],
        ),
        (
            &[(1, 4, false), (3, 3, true), (5, 3, true)],
            &[3, 5, 3, 5],
            &[3, 5, 1],
        ),
        (
            &[(1, 2, true), (3, 1, false), (5, 1, false)],
            &[3, 3, 3],
            &[3, 5, 1],
        ),
    ] {
        let mut waiting = queue(streams);
        assert_eq!(waiting.len(), streams.len());
        assert_eq!(turns(&mut waiting, frames.len()), frames, "{streams:?}");
        assert_eq!(ends(queue(streams)), order, "{streams:?}");
    }
}

#[test]
fn a_stream_that_cannot_send_is_passed_over_however_urgent_it_is() {
    let queue = queue(&[(1, 0, false), (3, 0, true), (5, 5, true), (7, 7, false)]);
    let next = |may: &[u32]| queue.next(|id| may.contains(&id.0)).map(|id| id.0);
    assert_eq!(next(&[1, 3, 5, 7]), Some(1));
    assert_eq!(next(&[3, 5, 7]), Some(3));
    assert_eq!(next(&[7, 5]), Some(5));
    assert_eq!(next(&[7]), Some(7));
    assert_eq!(next(&[]), None);
    // One that is less urgent than the one that was found is not even asked.
    let mut asked = Vec::new();
    let found = queue.next(|id| {
        asked.push(id.0);
        id.0 != 1
    });
    assert_eq!((found, &asked[..]), (Some(StreamId(3)), &[1, 3][..]));
}

#[test]
fn a_change_of_priority_concerns_its_stream_alone_and_one_that_does_not_wait_not_at_all() {
    let mut queue = queue(&[(1, 3, true), (3, 3, true), (5, 3, true)]);
    queue.change(StreamId(7), priority(0, true));
    assert_eq!(ends(queue.clone()), [1, 3, 5]);
    queue.change(StreamId(5), priority(0, true));
    queue.change(StreamId(1), priority(7, true));
    assert_eq!(ends(queue.clone()), [5, 3, 1]);
    // From sharing to going on until the end.
    queue.change(StreamId(3), priority(0, false));
    assert_eq!(turns(&mut queue, 4), [3, 3, 3, 3]);
    queue.change(StreamId(3), priority(0, true));
    assert_eq!(turns(&mut queue, 4), [3, 5, 3, 5]);
}

#[test]
fn a_stream_that_does_not_wait_is_neither_removed_nor_moved() {
    let mut queue = queue(&[(1, 3, true), (3, 3, true)]);
    queue.remove(StreamId(5));
    queue.sent(StreamId(5));
    assert_eq!(queue.len(), 2);
    queue.remove(StreamId(1));
    assert_eq!((queue.len(), ends(queue)), (1, vec![3]));
}

#[test]
fn a_queue_counts_the_memory_of_all_that_wait() {
    let mut queue = Queue::default();
    assert_eq!(queue.memory(), 0);
    for number in 0..1000 {
        queue.push(StreamId(number), Priority::default());
    }
    let each = size_of::<(StreamId, Priority)>();
    let memory = queue.memory();
    assert!((1000 * each..=2048 * each).contains(&memory), "{memory}");
}
