//! Deaths for the tests: a new process that ends at a step of the hand-shake, at once and without a
//! word, as if it were killed there. Only in builds with debug assertions; in others nothing is here.

/// Ends the process here if the environment says so.
#[cfg(debug_assertions)]
pub(crate) fn step(name: &str) {
    if std::env::var_os("RINGGATE_DIE_AT").is_some_and(|at| at == name) {
        std::process::exit(137);
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn step(_: &str) {}
