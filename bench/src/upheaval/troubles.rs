//! The troubles that a server has under load, one after the other: upgrades, generations that are killed at each step
//! of the hand-over, and cores that block, spin or panic, while the number of cores changes all the time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::Value;

use crate::load::now_ms;
use crate::server::Control;
use crate::upheaval::account::Panic;
use crate::upheaval::deaths::{Death, Step, Victim};
use crate::upheaval::ways::Calm;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const GLANCE: Duration = Duration::from_millis(5);
/// Pause between two resizes.
const RESIZE_PAUSE: Duration = Duration::from_millis(60);
/// Pause between two troubles.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a core is stuck, in milliseconds: longer than `stall`, so that others help it.
const STUCK_MS: u32 = 700;
/// The request that keeps an old process there which is to serve again: longer than anything takes, in milliseconds. Its
/// client goes before.
const HELD_MS: u32 = 120_000;
/// Cores before a core is to be stuck or to panic.
const CORES: u32 = 2;

/// A trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A new process takes over.
    Upgrade,
    /// The same while a core of the old one is stuck.
    UpgradeStuck,
    /// One of the two processes of an upgrade is killed.
    Killed(Victim, Step),
    /// The new process is killed while a core of the old one is stuck.
    KilledStuck(Step),
    /// A core blocks.
    Block,
    /// A core spins.
    Spin,
    /// A core panics.
    Panic,
}

impl Trouble {
    /// The old process is alone with its sockets until the new one has the listeners: before that there is nobody
    /// who could go on without it.
    const OLD: [Step; 10] = [
        Step::Listeners,
        Step::Ready,
        Step::Baton,
        Step::Armed,
        Step::LastArmed,
        Step::AllBatons,
        Step::Owner,
        Step::Connection,
        Step::Taken,
        Step::MoreTaken,
    ];

    /// All of them, once. `upgrades` says whether others than the first process may come to serve.
    pub(super) fn all(upgrades: bool) -> Vec<Trouble> {
        let mut all = Vec::new();
        let between = [Trouble::Block, Trouble::Panic, Trouble::Spin];
        for (nth, step) in Step::value_variants().iter().enumerate() {
            all.push(Trouble::Killed(Victim::New, *step));
            if upgrades {
                all.push(Trouble::Upgrade);
            }
            if upgrades && Trouble::OLD.contains(step) {
                all.push(Trouble::Killed(Victim::Old, *step));
            }
            if nth % 2 == 0 {
                all.push(between[nth / 2 % between.len()]);
            }
        }
        all.push(Trouble::KilledStuck(Step::AllBatons));
        if upgrades {
            all.push(Trouble::UpgradeStuck);
        }
        all
    }

    /// One in so many of them, from the `nth` on.
    fn part(upgrades: bool, (nth, one_in): (u64, u32)) -> impl Iterator<Item = Trouble> {
        let from = nth % u64::from(one_in);
        Trouble::all(upgrades)
            .into_iter()
            .skip(from as usize)
            .step_by(one_in as usize)
    }
}

/// The server in trouble, and what became of it so far.
pub(super) struct Scene<'a> {
    pub(super) control: &'a Control,
    pub(super) address: SocketAddr,
    pub(super) binary: PathBuf,
    pub(super) calm: Arc<Calm>,
    /// Most cores.
    pub(super) most: u32,
    /// Held while the number of cores must not change.
    pub(super) sizes: Mutex<()>,
    pub(super) resizes: AtomicU64,
}

/// Counts of the troubles, and the deaths and panics among them.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) upgrades: u64,
    pub(super) stuck: u64,
    pub(super) deaths: Vec<Death>,
    pub(super) panics: Vec<Panic>,
    pub(super) faults: Vec<String>,
}

impl Scene<'_> {
    /// Has every trouble once, or one in so many.
    pub(super) fn trouble(&self, seen: &mut Seen, upgrades: bool, part: (u64, u32)) {
        for trouble in Trouble::part(upgrades, part) {
            if let Err(error) = self.have(trouble, seen) {
                seen.faults.push(format!("{trouble:?}: {error}"));
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn have(&self, trouble: Trouble, seen: &mut Seen) -> io::Result<()> {
        match trouble {
            Trouble::Upgrade => self.upgrade(seen),
            Trouble::UpgradeStuck => {
                let stuck = self.begin_stuck("/block", seen)?;
                self.upgrade(seen)?;
                answered(stuck)
            }
            Trouble::Killed(victim, step) => self.kill(victim, step, seen),
            Trouble::KilledStuck(step) => {
                let stuck = self.begin_stuck("/block", seen)?;
                self.kill(Victim::New, step, seen)?;
                answered(stuck)
            }
            Trouble::Block => answered(self.begin_stuck("/block", seen)?),
            Trouble::Spin => answered(self.begin_stuck("/spin", seen)?),
            Trouble::Panic => self.panic(seen),
        }
    }

    fn begin_stuck(&self, path: &str, seen: &mut Seen) -> io::Result<TcpStream> {
        seen.stuck += 1;
        self.asked(&format!("{path}?ms={STUCK_MS}"))
    }

    /// A connection of its own, on which this was asked. It ends with the answer.
    fn asked(&self, path: &str) -> io::Result<TcpStream> {
        self.asked_with(path, "Connection: close\r\n")
    }

    fn asked_with(&self, path: &str, fields: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: upheaval\r\n{fields}\r\n"
        )?;
        Ok(stream)
    }

    fn status(&self) -> io::Result<Value> {
        self.control.ask("status")
    }

    /// Waits for a status that is as it has to be. Nobody may answer for a while: a process dies.
    fn wait_status(&self, what: &str, is_good: impl Fn(&Value) -> bool) -> io::Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if let Ok(status) = &status
                && is_good(status)
            {
                return Ok(status.clone());
            }
            if Instant::now() >= until {
                let status =
                    status.map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(io::Error::other(format!("{what}: not in time: {status}")));
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// The process that serves, once it is the only one.
    fn alone(&self) -> io::Result<u64> {
        let is_alone = |status: &Value| {
            status["phase"] == "running"
                && status["generations"]
                    .as_array()
                    .is_some_and(|list| list.len() == 1)
        };
        let status = self.wait_status("one generation", is_alone)?;
        Ok(status["pid"].as_u64().unwrap_or_default())
    }

    fn upgrade(&self, seen: &mut Seen) -> io::Result<()> {
        let before = self.alone()?;
        let answer = self.control.ask("upgrade")?;
        if answer["ok"] != true {
            return Err(io::Error::other(answer.to_string()));
        }
        self.wait_status("the new process", |status| status["pid"] != before)?;
        seen.upgrades += 1;
        Ok(())
    }

    fn kill(&self, victim: Victim, step: Step, seen: &mut Seen) -> io::Result<()> {
        let nth = seen.deaths.len();
        let before = self.alone()?;
        let report = self.control.folder().join(format!("death-{nth}.json"));
        forget(&report)?;
        let script = self.between(victim, step, &report)?;
        self.calm.begin_trouble();
        // It keeps an old process there that has nothing else to do.
        let held = self.asked(&format!("/sleep?ms={HELD_MS}"))?;
        // The one that would answer may be the one that dies.
        let answer = self.control.ask(&format!("upgrade {}", script.display()));
        let death = self.wait_report(&report, &answer);
        self.calm.end_trouble();
        seen.deaths.push(death?);
        let serves = |status: &Value| {
            let is_same = status["pid"] == before;
            let is_up = status["phase"] == "running" && status["pool"]["running"] != 0;
            is_up && is_same == (victim == Victim::New)
        };
        self.wait_status("the process that is left", serves)?;
        drop(held);
        Ok(())
    }

    fn wait_report(&self, report: &Path, answer: &io::Result<Value>) -> io::Result<Death> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Ok(text) = std::fs::read(report) {
                return Ok(serde_json::from_slice(&text)?);
            }
            std::thread::sleep(GLANCE);
        }
        Err(io::Error::other(format!("nobody died there: {answer:?}")))
    }

    /// A program to upgrade to that kills one of the two.
    fn between(&self, victim: Victim, step: Step, report: &Path) -> io::Result<PathBuf> {
        let victim = match victim {
            Victim::New => "new",
            Victim::Old => "old",
        };
        let path = report.with_extension("sh");
        let text = format!(
            "#!/bin/sh\nexec '{}' go-between --victim {victim} --step {} --report '{}' --program '{}' -- \"$@\"\n",
            std::env::current_exe()?.display(),
            step.name(),
            report.display(),
            self.binary.display(),
        );
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        Ok(path)
    }

    fn panic(&self, seen: &mut Seen) -> io::Result<()> {
        // Of one process alone, whose count is read before and after.
        self.alone()?;
        let held = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        self.control.ask(&format!("resize {CORES} wait"))?;
        let aborted = |status: &Value| {
            status["totals"]["connections"]["aborted"]
                .as_u64()
                .unwrap_or_default()
        };
        let before = self.wait_status("cores", |status| status["pool"]["running"] == CORES)?;
        self.calm.begin_trouble();
        let from_ms = now_ms();
        let over = self.panic_and_wait(aborted(&before), aborted);
        self.calm.end_trouble();
        let (to_ms, after) = over?;
        seen.panics.push(Panic {
            from_ms,
            to_ms,
            // One of them is the connection on which the panic was asked for.
            aborted: after - aborted(&before) - 1,
        });
        drop(held);
        Ok(())
    }

    /// Has a core panic, and waits until another has taken its place and the losses are counted: when its thread was
    /// over, which had closed its connections, and the count.
    fn panic_and_wait(
        &self,
        before: u64,
        aborted: impl Fn(&Value) -> u64,
    ) -> io::Result<(u64, u64)> {
        let mut events = self.control.events()?;
        // Kept: a core that had no connection but this one would otherwise have nothing to lose, and nobody would
        // see that it had panicked.
        let stream = self.asked_with("/panic?core=1", "")?;
        let is_end = |event: &Value| event["event"] == "reap" && event["failed"] == true;
        while !is_end(&events.next().ok_or(io::ErrorKind::UnexpectedEof)??) {}
        let to_ms = now_ms();
        let after = self.wait_status("another core", |status| {
            status["pool"]["running"] == CORES && aborted(status) > before
        })?;
        drop(stream);
        Ok((to_ms, aborted(&after)))
    }

    /// Changes the number of cores at random until `over` is set.
    pub(super) fn resize(&self, seed: u64, over: &AtomicBool) {
        let mut random = seed.max(1);
        while !over.load(Ordering::Relaxed) {
            // xorshift64: any sequence will do, the same for the same seed.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let cores = 1 + random % u64::from(self.most);
            {
                let _held = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
                // Whoever is asked may be about to die.
                if let Ok(answer) = self.control.ask(&format!("resize {cores}"))
                    && answer["ok"] == true
                {
                    self.resizes.fetch_add(1, Ordering::Relaxed);
                }
            }
            std::thread::sleep(RESIZE_PAUSE);
        }
    }
}

/// Removes what an earlier spell on the same server has left under this name, so that nobody takes it for news.
fn forget(report: &Path) -> io::Result<()> {
    match std::fs::remove_file(report) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The whole answer of a request that kept its core.
fn answered(mut stream: TcpStream) -> io::Result<()> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 200") {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "a stuck core answered {answer:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_an_earlier_spell_is_forgotten() {
        let folder = std::env::temp_dir().join(format!("ringgate-reports-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let report = folder.join("death-0.json");
        forget(&report).expect("there is none");
        std::fs::write(&report, "{}").expect("written");
        forget(&report).expect("it is ours");
        assert!(!report.exists());
        assert!(forget(&folder).is_err(), "a folder is no report");
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }

    #[test]
    fn the_parts_of_a_turn_are_all_troubles_together_and_none_is_in_two() {
        let mut together: Vec<Trouble> = (7..12)
            .flat_map(|nth| Trouble::part(true, (nth, 5)))
            .collect();
        for trouble in Trouble::all(true) {
            let at = together.iter().position(|other| *other == trouble);
            together.swap_remove(at.unwrap_or_else(|| panic!("{trouble:?} is in no part")));
        }
        assert!(together.is_empty(), "{together:?}");
        assert!(Trouble::part(false, (3, 1)).eq(Trouble::all(false)));
    }
}
