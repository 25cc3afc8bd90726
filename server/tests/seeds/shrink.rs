//! A failing seed made small. Its choices are noted, pieces of them are taken out or made plain as long as the run still
//! fails at the same line, and what is left goes into a file, which `RINGGATE_TEST_CHOICES` plays again.
//! `RINGGATE_TEST_SHRINK` says for how many seconds that is tried.

use super::{number, variable};
use ringgate::runtime::driver::simulated::Tape;
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::{Duration, Instant};

const SECONDS: u64 = 20;

thread_local! {
    /// Whether panics of this thread are awaited, and to be told to nobody.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// Where this thread panicked last, and with what.
    static LAST: RefCell<(String, String)> = const { RefCell::new((String::new(), String::new())) };
}

/// Remembers where a thread panics.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if let Some(place) = panic.location() {
                let _ = LAST.try_with(|last| last.replace((place.to_string(), panic.to_string())));
            }
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
}

/// Plays the choices in this file, behind the seed in its first line.
pub(super) fn replay(path: &str, play: &mut dyn FnMut(u64)) {
    let text = std::fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("RINGGATE_TEST_CHOICES={path}: {error}"));
    let mut words = text
        .split_whitespace()
        .map(|word| number("RINGGATE_TEST_CHOICES", word));
    let seed = words.next().expect("a seed");
    Tape::replay(words.collect());
    play(seed);
    Tape::take();
}

/// The line at which a run fails, and the choices it made.
struct Failure {
    line: String,
    what: String,
    choices: Vec<u64>,
}

/// Plays a seed with these choices, or with its own.
fn fails(seed: u64, choices: Option<&[u64]>, play: &mut dyn FnMut(u64)) -> Option<Failure> {
    match choices {
        Some(choices) => Tape::replay(choices.to_vec()),
        None => Tape::note(),
    }
    QUIET.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| play(seed)));
    QUIET.set(false);
    let mut choices = Tape::take();
    // Behind the end all choices are plain.
    let plain = choices.iter().rev().take_while(|choice| **choice == 0);
    choices.truncate(choices.len() - plain.count());
    outcome.is_err().then(|| {
        let (line, what) = LAST.take();
        Failure {
            line,
            what,
            choices,
        }
    })
}

/// Makes the choices of a seed that failed few and plain, and says how to play them.
pub(super) fn shrink(seed: u64, play: &mut dyn FnMut(u64)) {
    let seconds = variable("RINGGATE_TEST_SHRINK");
    let seconds = seconds.map_or(SECONDS, |text| number("RINGGATE_TEST_SHRINK", &text));
    if seconds == 0 {
        return;
    }
    watch_panics();
    let Some(first) = fails(seed, None, play) else {
        eprintln!("played again, seed {seed} does not fail: not all of it hangs on its choices");
        return;
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let before = first.choices.len();
    let small = smallest(first, until, |choices| fails(seed, Some(choices), play));
    let file = std::env::temp_dir().join(format!("ringgate-choices-{}-{seed}", std::process::id()));
    let mut text = format!("{seed}\n");
    for choice in &small.choices {
        let _ = write!(text, "{choice} ");
    }
    text.push('\n');
    let (left, file) = (small.choices.len(), file.display().to_string());
    match std::fs::write(&file, &text) {
        Ok(()) => eprintln!(
            "seed {seed}: of {before} choices {left} are left; RINGGATE_TEST_CHOICES={file} plays them\n{}",
            small.what
        ),
        Err(error) => {
            eprintln!("{file}: {error}\nseed {seed}, of {before} choices {left}:\n{text}")
        }
    }
}

/// Takes ever smaller pieces out, then makes ever smaller pieces plain, then each choice that is left smaller, again and
/// again until nothing helps or the time is up.
fn smallest(
    mut best: Failure,
    until: Instant,
    mut fails: impl FnMut(&[u64]) -> Option<Failure>,
) -> Failure {
    let mut attempt = |best: &mut Failure, choices: Vec<u64>| {
        let found = fails(&choices).filter(|found| found.line == best.line);
        let better = found.filter(|found| weight(&found.choices) < weight(&best.choices));
        better.map(|better| *best = better).is_some()
    };
    loop {
        let before = weight(&best.choices);
        for plain in [false, true] {
            let mut size = best.choices.len().next_power_of_two();
            while size > 0 {
                let mut at = 0;
                while at < best.choices.len() {
                    if Instant::now() > until {
                        return best;
                    }
                    let end = best.choices.len().min(at + size);
                    let mut choices = best.choices.clone();
                    match plain {
                        false => drop(choices.drain(at..end)),
                        true => choices[at..end].fill(0),
                    }
                    if choices == best.choices || !attempt(&mut best, choices) || plain {
                        at += size;
                    }
                }
                size /= 2;
            }
        }
        for at in 0.. {
            if at >= best.choices.len() || Instant::now() > until {
                break;
            }
            for less in [best.choices[at] / 2, best.choices[at].saturating_sub(1)] {
                let mut choices = best.choices.clone();
                if at < choices.len() && less < choices[at] {
                    choices[at] = less;
                    attempt(&mut best, choices);
                }
            }
        }
        if weight(&best.choices) == before {
            return best;
        }
    }
}

/// How large choices are: first how many there are, then how many of them are not plain, then their sum.
fn weight(choices: &[u64]) -> (usize, usize, u64) {
    let plain = choices.iter().filter(|choice| **choice == 0).count();
    let sum = choices
        .iter()
        .fold(0u64, |sum, choice| sum.saturating_add(*choice));
    (choices.len(), choices.len() - plain, sum)
}
