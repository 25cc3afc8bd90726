//! The purpose of a timer or a poll of the coordinator, and the number that its ring carries for it.
//!
//! Made by whoever sets a timer or polls a descriptor, read back by the loop in [`super`]. Decides
//! nothing about what happens then.

/// The subject of a completion of the coordinator's ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Poll: a signal of the process waits.
    Signals,
    /// Poll: the process before this one has said something.
    Older,
    /// Poll: the process before this one has ended.
    OlderEnd,
    /// Poll: the new process of this number has said something.
    Newer(u32),
    /// Poll: the new process of this number has ended.
    NewerEnd(u32),
    /// Timer: the cores are looked after.
    Tick,
    /// Timer: cores that have not told their figures are done without.
    Figures,
    /// Timer: slots that nobody took up go to the next request.
    Sweep,
    /// Timer: this core has rested after its bad end or failed start.
    Rested(u32),
    /// Timer: a drain takes no new connections from here on.
    CloseGates,
    /// Timer: the time for a graceful end is over.
    GraceOver,
    /// Timer: the end of a stop, which looks again at who is silent.
    Patience,
    /// Timer: the service manager is told that all is well.
    Watchdog,
    /// Timer: the PID file and the control socket are looked after.
    Files,
    /// Timer: the rings of a dead process are clear by now.
    StaleRings,
    /// Timer: the new process has taken too long.
    Late,
    /// Timer: the graceful time of a process that has handed over is nearly over.
    LastCall,
    /// Timer: what another process did not take is tried again, and reported.
    HandOver,
}

// The kind of key, in the top byte. Zero is no kind: a forgotten key is noticed.
const SIGNALS: u64 = 1;
const OLDER: u64 = 2;
const OLDER_END: u64 = 3;
const NEWER: u64 = 4;
const NEWER_END: u64 = 5;
const TICK: u64 = 6;
const FIGURES: u64 = 7;
const SWEEP: u64 = 8;
const RESTED: u64 = 9;
const CLOSE_GATES: u64 = 10;
const GRACE_OVER: u64 = 11;
const PATIENCE: u64 = 12;
const WATCHDOG: u64 = 13;
const FILES: u64 = 14;
const STALE_RINGS: u64 = 15;
const LATE: u64 = 16;
const HAND_OVER: u64 = 17;
const LAST_CALL: u64 = 18;

impl Key {
    /// The number that travels with the timer or poll.
    pub(super) const fn to_key(self) -> u64 {
        let (kind, number) = match self {
            Key::Signals => (SIGNALS, 0),
            Key::Older => (OLDER, 0),
            Key::OlderEnd => (OLDER_END, 0),
            Key::Newer(pid) => (NEWER, pid),
            Key::NewerEnd(pid) => (NEWER_END, pid),
            Key::Tick => (TICK, 0),
            Key::Figures => (FIGURES, 0),
            Key::Sweep => (SWEEP, 0),
            Key::Rested(core) => (RESTED, core),
            Key::CloseGates => (CLOSE_GATES, 0),
            Key::GraceOver => (GRACE_OVER, 0),
            Key::Patience => (PATIENCE, 0),
            Key::Watchdog => (WATCHDOG, 0),
            Key::Files => (FILES, 0),
            Key::StaleRings => (STALE_RINGS, 0),
            Key::Late => (LATE, 0),
            Key::LastCall => (LAST_CALL, 0),
            Key::HandOver => (HAND_OVER, 0),
        };
        kind << 56 | number as u64
    }

    /// Reads back what [`Key::to_key`] made; None for anything else.
    pub(super) const fn from_key(key: u64) -> Option<Key> {
        let number = key as u32;
        Some(match key >> 56 {
            SIGNALS => Key::Signals,
            OLDER => Key::Older,
            OLDER_END => Key::OlderEnd,
            NEWER => Key::Newer(number),
            NEWER_END => Key::NewerEnd(number),
            TICK => Key::Tick,
            FIGURES => Key::Figures,
            SWEEP => Key::Sweep,
            RESTED => Key::Rested(number),
            CLOSE_GATES => Key::CloseGates,
            GRACE_OVER => Key::GraceOver,
            PATIENCE => Key::Patience,
            WATCHDOG => Key::Watchdog,
            FILES => Key::Files,
            STALE_RINGS => Key::StaleRings,
            LATE => Key::Late,
            LAST_CALL => Key::LastCall,
            HAND_OVER => Key::HandOver,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_survives_its_number() {
        let keys = [
            Key::Signals,
            Key::Older,
            Key::OlderEnd,
            Key::Newer(u32::MAX),
            Key::NewerEnd(7),
            Key::Tick,
            Key::Figures,
            Key::Sweep,
            Key::Rested(u32::MAX),
            Key::CloseGates,
            Key::GraceOver,
            Key::Patience,
            Key::Watchdog,
            Key::Files,
            Key::StaleRings,
            Key::Late,
            Key::LastCall,
            Key::HandOver,
        ];
        for key in keys {
            assert_eq!(Key::from_key(key.to_key()), Some(key));
        }
        assert_eq!(Key::from_key(0), None);
    }
}
