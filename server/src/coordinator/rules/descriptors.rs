//! How many connections there is room for among the descriptors that the process may open, so that its
//! own needs are always met: rings of further cores, operators at the control socket and the metrics
//! address, the log file, an upgrade, and a few for the application.
//!
//! Asked by the coordinator at the start and at a reload. Descriptors in use before the first
//! connection (listeners, rings, what the application opened) are counted, not guessed.

use std::fmt;

/// Descriptors of operators and of an upgrade: the clients of the control socket and of the metrics address, a
/// log file that is opened again, the sockets and pipes of an upgrade, files of /proc.
const OPERATORS: u64 = 64 + 64 + 32;
/// For what handlers open.
const APPLICATION: u64 = 64;
/// Of a core: its ring and its bell.
const PER_CORE: u64 = 2;
/// The reserve is at most this part of what is free: under a tiny limit connections come first.
const PART_MAX: u64 = 4;

/// The descriptors of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// The soft limit (RLIMIT_NOFILE).
    pub(crate) limit: u64,
    /// In use before the first connection.
    pub(crate) in_use: u64,
    /// Kept free.
    pub(crate) reserve: u64,
}

impl Descriptors {
    /// Of a process that has `in_use`, may start cores in so many `places`, and may have `accepts` in
    /// flight at once, each of which may bring one connection after the last there was room for.
    pub(crate) fn new(limit: u64, in_use: u64, places: u64, accepts: u64) -> Descriptors {
        let wanted = OPERATORS + APPLICATION + PER_CORE * places + accepts;
        let free = limit.saturating_sub(in_use);
        Descriptors {
            limit,
            in_use,
            reserve: wanted.min(free / PART_MAX),
        }
    }

    /// Descriptors that connections and what was in use before them may take together.
    pub(crate) fn numbers(&self) -> u64 {
        self.limit.saturating_sub(self.reserve)
    }

    /// Connections that there is room for; one at least.
    pub(crate) fn room(&self) -> u64 {
        self.numbers().saturating_sub(self.in_use).max(1)
    }
}

impl fmt::Display for Descriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "room for {} connections: of {} open files (RLIMIT_NOFILE) {} are in use and {} are kept for \
             the server's own needs",
            self.room(),
            self.limit,
            self.in_use,
            self.reserve
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_is_neither_in_use_nor_kept() {
        let room = |limit, in_use, places, accepts| {
            Descriptors::new(limit, in_use, places, accepts).room()
        };
        assert_eq!(room(1_048_576, 30, 20, 4), 1_048_576 - 30 - 268);
        assert_eq!(room(20_000, 500, 80, 64), 20_000 - 500 - 448);
        assert_eq!(
            room(64, 12, 18, 2),
            64 - 12 - 13,
            "a quarter of what is free"
        );
        assert_eq!(room(10, 10, 18, 2), 1);
        assert_eq!(room(10, 20, 18, 2), 1);
    }

    #[test]
    fn connections_take_no_number_of_the_reserve() {
        let descriptors = Descriptors::new(1024, 24, 18, 2);
        assert_eq!(descriptors.numbers(), 1024 - descriptors.reserve);
        assert_eq!(
            descriptors.numbers(),
            descriptors.in_use + descriptors.room()
        );
    }

    #[test]
    fn the_start_line_says_where_the_number_comes_from() {
        let text = Descriptors::new(64, 12, 18, 2).to_string();
        assert_eq!(
            text,
            "room for 39 connections: of 64 open files (RLIMIT_NOFILE) 12 are in use and 13 are kept \
             for the server's own needs"
        );
    }
}
