//! Deaths for the tests: a new process that ends at a step of the hand-shake, at once and without a
//! word, as if it were killed there; or stops there until somebody lets it go on (SIGCONT), as one that is slow. Only
//! in builds with debug assertions; in others nothing is here.

/// Ends or stops the process here if the environment says so.
#[cfg(debug_assertions)]
pub(crate) fn step(name: &str) {
    let is_here = |variable: &str| std::env::var_os(variable).is_some_and(|at| at == name);
    if is_here("RINGGATE_DIE_AT") {
        std::process::exit(137);
    }
    if is_here("RINGGATE_STOP_AT") {
        use rustix::process::{Signal, getpid, kill_process};
        // A process may always stop itself.
        let _ = kill_process(getpid(), Signal::STOP);
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn step(_: &str) {}
