//! The faults of a simulated world and how often they come, and the seeded numbers that decide it.
//!
//! Every fault is something a kernel may do; none breaks a rule of io_uring. Drawn by
//! [`super::ring`] at the point where the kernel would decide.

use super::choices::choose;

/// The probability of each fault, from 0.0 (never) to 1.0 (always).
///
/// ```
/// use ringgate_runtime::driver::simulated::{Faults, World};
///
/// let calm = World::new(7, Faults::none());
/// let rough = World::new(7, Faults::drawn(7)); // short sends, missing buffers, late completions
/// # drop((calm, rough));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// A send ends before all of its bytes went, on a socket that is well.
    pub short_send: f64,
    /// A receive ends with ENOBUFS though there are buffers.
    pub no_buffers: f64,
    /// A multishot operation ends with a good completion that lacks MORE, as it does when the
    /// completion queue overflows.
    pub ended_multishot: f64,
    /// The thing that a cancelled operation waits for comes just before the cancel does.
    pub cancel_loses: f64,
    /// A completion is seen only some time after its effect.
    pub late_completion: f64,
    /// A receive brings fewer bytes than are there.
    pub split_receive: f64,
    /// An accept fails with EMFILE, ENFILE, ENOBUFS or ENOMEM (the connection stays queued), or with
    /// ECONNABORTED (it is lost).
    pub accept_error: f64,
    /// An accept fails with EAGAIN, as on a listener that somebody made non-blocking; the connection stays
    /// queued.
    pub accept_again: f64,
    /// Completions of two operations change places. Those of one operation never do.
    pub reorder: f64,
    /// An armed multishot receive delivers data and never tells of the reset that came right behind
    /// it. The receive stays armed, and the socket keeps its error. Not among [`Faults::some`]: Linux
    /// has this fault, but whoever only listens to a receive waits for ever, and is right to.
    pub untold_resets: f64,
    /// A send that does not wait finds no room though there is some.
    pub send_again: f64,
}

impl Faults {
    /// Nothing goes wrong.
    pub const fn none() -> Faults {
        Faults {
            short_send: 0.0,
            no_buffers: 0.0,
            ended_multishot: 0.0,
            cancel_loses: 0.0,
            late_completion: 0.0,
            split_receive: 0.0,
            accept_error: 0.0,
            accept_again: 0.0,
            reorder: 0.0,
            untold_resets: 0.0,
            send_again: 0.0,
        }
    }

    /// Everything goes wrong now and then.
    pub const fn some() -> Faults {
        Faults {
            short_send: 0.1,
            no_buffers: 0.05,
            ended_multishot: 0.1,
            cancel_loses: 0.5,
            late_completion: 0.1,
            split_receive: 0.2,
            accept_error: 0.05,
            accept_again: 0.05,
            reorder: 0.2,
            untold_resets: 0.0,
            send_again: 0.2,
        }
    }

    /// About half of the faults of [`Faults::some`], three times as often; `seed` says which. Some
    /// mistakes show only while another fault stays away.
    pub fn drawn(seed: u64) -> Faults {
        let mut random = Random::new(seed ^ 0xfa17_5eed);
        let some = Faults::some();
        let mut draw = |usual: f64| {
            if random.chance(0.5) {
                (usual * 3.0).min(0.6)
            } else {
                0.0
            }
        };
        Faults {
            short_send: draw(some.short_send),
            no_buffers: draw(some.no_buffers),
            ended_multishot: draw(some.ended_multishot),
            cancel_loses: draw(some.cancel_loses),
            late_completion: draw(some.late_completion),
            split_receive: draw(some.split_receive),
            accept_error: draw(some.accept_error),
            accept_again: draw(some.accept_again),
            reorder: draw(some.reorder),
            untold_resets: draw(some.untold_resets),
            send_again: draw(some.send_again),
        }
    }
}

/// The numbers of a seed (splitmix64: every seed, also 0, is a good one).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// True with the given probability. Draws nothing at 0.0, so that a fault that is switched off
    /// does not move the others.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        let mut happens = || ((self.next() >> 11) as f64) < probability * (1u64 << 53) as f64;
        probability > 0.0 && choose(2, || u64::from(happens())) == 1
    }

    /// A number in `1..=most`; 1 if `most` is 0.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        let most = most.max(1);
        1 + choose(most, || self.next() % most)
    }
}
