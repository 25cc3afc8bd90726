//! The seeds of a simulation. `RINGGATE_TEST_SIZE` multiplies their number, `RINGGATE_TEST_SEEDS=FIRST-LAST` says which,
//! and `RINGGATE_TEST_SEED` is the only one. `RINGGATE_TEST_VISITED` names a file for the states and events that were come
//! to. One that fails is named, wherever its run stopped, and made small
//! ([`shrink`]).

#![allow(dead_code, reason = "not every test rolls dice")]

mod shrink;

use ringgate::runtime::driver::simulated::choose;
use ringgate::simulation::visited;
use std::fs::OpenOptions;
use std::io::Write;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Plays the seeds from 1 to `count`, or those that the environment asks for.
pub(crate) fn play_each(count: u64, mut play: impl FnMut(u64)) {
    if let Some(text) = variable("RINGGATE_TEST_CHOICES") {
        return shrink::replay(&text, &mut play);
    }
    let seeds = wanted(count);
    for seed in seeds.clone() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(seed))) {
            eprintln!("seed {seed} failed; RINGGATE_TEST_SEED={seed} plays it again");
            shrink::shrink(seed, &mut play);
            resume_unwind(panic);
        }
    }
    if let Some(path) = variable("RINGGATE_TEST_VISITED") {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let lines = visited().join("\n") + "\n";
        let written = file.and_then(|mut file| file.write_all(lines.as_bytes()));
        written.unwrap_or_else(|error| panic!("RINGGATE_TEST_VISITED={path}: {error}"));
    }
    if variable("RINGGATE_TEST_SEEDS").is_some() {
        println!("played seeds {} to {}", seeds.start(), seeds.end());
    }
}

/// What this variable says, if it is set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number(name: &str, text: &str) -> u64 {
    let number = text.trim().parse();
    number.unwrap_or_else(|_| panic!("{name}: {text:?} is not a number"))
}

fn wanted(count: u64) -> RangeInclusive<u64> {
    let of = |name: &str| variable(name).map(|text| number(name, &text));
    if let Some(seed) = of("RINGGATE_TEST_SEED") {
        return seed..=seed;
    }
    if let Some(text) = variable("RINGGATE_TEST_SEEDS") {
        let (first, last) = text
            .split_once('-')
            .expect("RINGGATE_TEST_SEEDS: FIRST-LAST");
        let number = |text| number("RINGGATE_TEST_SEEDS", text);
        return number(first)..=number(last);
    }
    1..=count * of("RINGGATE_TEST_SIZE").unwrap_or(1)
}

/// What one seed decides, number by number (splitmix64). Where choices are replayed, the greatest number is the plainest:
/// give it to what happens most of the time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(crate) fn roll(&mut self, below: u32) -> u32 {
        let greatest = u64::from(below) - 1;
        let below_greatest = choose(u64::from(below), || {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut number = self.0;
            number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (number ^ number >> 31) % u64::from(below)
        });
        (greatest - below_greatest) as u32
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u32) as usize]
    }
}
