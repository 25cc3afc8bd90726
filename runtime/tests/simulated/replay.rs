//! Which seeds a test runs, and what is said when one fails.

use std::ops::Range;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text}: a number is wanted")))
}

/// Under Miri, which is some thousand times slower, of so many seeds one is run.
const MIRI_TAKES_ONE_OF: u64 = 500;

/// Runs `test` with `count` seeds, times `RINGGATE_TEST_SIZE`, or with `RINGGATE_TEST_SEED` alone.
pub(crate) fn each_seed(name: &'static str, count: u64, mut test: impl FnMut(u64)) {
    let count = match cfg!(miri) {
        true => count.div_ceil(MIRI_TAKES_ONE_OF),
        false => count,
    };
    let seeds: Range<u64> = match number("RINGGATE_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..count * number("RINGGATE_TEST_SIZE").unwrap_or(1),
    };
    for seed in seeds {
        let told = Told { name, seed };
        test(seed);
        drop(told);
    }
}

/// Says how to replay the seed if the test panics.
struct Told {
    name: &'static str,
    seed: u64,
}

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Told { name, seed } = self;
            eprintln!(
                "seed {seed} failed; replay it with RINGGATE_TEST_SEED={seed} \
                 cargo test -p ringgate-runtime --test simulated {name}"
            );
        }
    }
}
