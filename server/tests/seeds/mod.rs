//! The seeds of a simulation: `RINGGATE_TEST_SIZE` multiplies their number, `RINGGATE_TEST_SEED` is the only one, and
//! one that fails is named, wherever its run stopped.

/// Plays the seeds from 1 to `count`.
pub(crate) fn play_each(count: u64, mut play: impl FnMut(u64)) {
    let number = |name: &str| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    let seeds = match number("RINGGATE_TEST_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=count * number("RINGGATE_TEST_SIZE").unwrap_or(1),
    };
    for seed in seeds {
        let _named = Named(seed);
        play(seed);
    }
}

/// Says the seed when its run panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {0} failed; RINGGATE_TEST_SEED={0} plays it again",
                self.0
            );
        }
    }
}
