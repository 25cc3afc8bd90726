//! A go-between of an upgrade: started by the old process in the place of its new program, it starts that program, passes
//! every word on, and kills one of the two at a step that it was told.
//!
//! The program under it is the one that serves anywhere else, with nothing in it for this. The words that either side said
//! before its death reach the other, as they do over the socket that both have otherwise: the last words of the dead are passed
//! on first, and its descriptors are closed with it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use clap::Args;
use ringgate_runtime::sys::child::{inherited_message_socket, message_pair, spawn_with};
use ringgate_runtime::sys::scm::{recv_with_fds, send_with_fds};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::upheaval::deaths::{self, Death, Step, Victim};

/// How the old process names its end of the socket to the new one.
const VARIABLE: &str = "RINGGATE_INHERIT";
/// More than the longest message.
const MESSAGE_BYTES: usize = 256 << 10;
/// Without a word for so long after it serves, a new process has what it will get for now.
const QUIET: Duration = Duration::from_millis(200);
/// The same where connections were to come at which one of the two is killed: the new process has all that there are.
const NO_MORE: Duration = Duration::from_secs(2);
/// The connection at which [`Step::MoreTaken`] is reached.
const MORE_TAKEN: usize = 16;
/// How long a full socket may stay full.
const PATIENCE: Duration = Duration::from_secs(20);
/// The exit code of a process that was killed, as a shell has it.
const KILLED: i32 = 137;

/// The wishes for a go-between.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Which of the two is killed
    #[arg(long, value_enum)]
    pub victim: Victim,
    /// Where in the hand-over
    #[arg(long, value_enum)]
    pub step: Step,
    /// Where the death is told of, in JSON
    #[arg(long, value_name = "FILE")]
    pub report: PathBuf,
    /// The new program
    #[arg(long, value_name = "FILE")]
    pub program: PathBuf,
    /// The arguments of that program
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    pub arguments: Vec<OsString>,
}

/// A message on its way.
struct Message {
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
    word: Value,
}

impl Message {
    fn name(&self) -> &str {
        self.word["word"].as_str().unwrap_or_default()
    }

    fn number(&self, field: &str) -> u64 {
        self.word[field].as_u64().unwrap_or_default()
    }

    /// The inode of the connection that goes along.
    fn inode(&self) -> Option<u64> {
        let fd = self.fds.first()?.as_raw_fd();
        deaths::inode(Path::new(&format!("/proc/self/fd/{fd}")))
    }
}

/// The words that both sides have said so far.
#[derive(Default)]
struct Said {
    old: u32,
    control: Option<PathBuf>,
    units: u64,
    listeners: u64,
    wanted: usize,
    armed: usize,
    is_owner: bool,
    /// Connections that went to the new process, by number: the inode.
    sent: BTreeMap<u64, u64>,
    /// Connections that the new process has said to have.
    taken: BTreeSet<u64>,
}

impl Said {
    /// Notes a word. Returns the steps that it reaches.
    fn note(&mut self, message: &Message) -> Vec<Step> {
        match message.name() {
            "hello" => {
                self.old = message.number("pid") as u32;
                self.control = message.word["control"].as_str().map(PathBuf::from);
                self.units = message.number("units");
                return vec![Step::Start];
            }
            "listener" => {
                self.listeners += 1;
                if self.listeners == self.units {
                    return vec![Step::Listeners];
                }
            }
            "ready" => {
                self.wanted = message.word["wanted"].as_array().map_or(0, Vec::len);
                return vec![Step::Ready];
            }
            "baton" | "stuck" if self.armed == 0 => return vec![Step::Baton],
            "armed" => {
                self.armed += 1;
                let mut steps = Vec::new();
                if self.armed == 1 {
                    steps.push(Step::Armed);
                }
                if self.armed == self.wanted {
                    steps.push(Step::LastArmed);
                }
                return steps;
            }
            "all_batons" => return vec![Step::AllBatons],
            "owner" => {
                self.is_owner = true;
                return vec![Step::Owner];
            }
            "parcel" | "fresh" => {
                let id = message.number("id");
                self.sent.extend(message.inode().map(|inode| (id, inode)));
                if self.sent.len() == 1 {
                    return vec![Step::Connection];
                }
            }
            "taken" => {
                self.taken.insert(message.number("id"));
                match self.taken.len() {
                    1 => return vec![Step::Taken],
                    MORE_TAKEN => return vec![Step::MoreTaken],
                    _ => {}
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

/// The two ends, and what is between them.
struct Between {
    old: OwnedFd,
    new: OwnedFd,
    child: Child,
    said: Said,
    victim: Victim,
    step: Step,
    report: PathBuf,
}

/// Runs to the end of the new process, or to the death that was asked for. Returns the exit code.
///
/// # Errors
/// This process was not started by an upgrade, the program cannot be started, or one of the two does not die.
pub fn run(options: &Options) -> io::Result<i32> {
    let number = std::env::var(VARIABLE)
        .ok()
        .and_then(|number| number.parse().ok());
    let old = match number {
        Some(number) => inherited_message_socket(number)?,
        None => None,
    };
    let old =
        old.ok_or_else(|| io::Error::other("this is started by an upgrade: ctl upgrade --binary"))?;
    let (ours, theirs) = message_pair()?;
    let number = OsString::from(theirs.as_raw_fd().to_string());
    let (path, words) = ends_with_us(options);
    let child = spawn_with(&path, &words, (VARIABLE, &number), &[theirs.as_fd()])?;
    drop(theirs);
    let mut between = Between {
        old,
        new: ours,
        child,
        said: Said::default(),
        victim: options.victim,
        step: options.step,
        report: options.report.clone(),
    };
    match between.pass_on()? {
        Some(code) => Ok(code),
        None => {
            // Nothing is passed on any more: each sees the end of the other.
            let Between {
                old,
                new,
                mut child,
                ..
            } = between;
            drop((old, new));
            Ok(child.wait()?.code().unwrap_or(KILLED))
        }
    }
}

/// The program and its arguments, so that the kernel ends it if this process is ended (setpriv(1)).
fn ends_with_us(options: &Options) -> (PathBuf, Vec<OsString>) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|at| at.join("setpriv"));
    match files.find(|file| file.is_file()) {
        None => (options.program.clone(), options.arguments.clone()),
        Some(setpriv) => {
            let words = ["--pdeathsig", "KILL", "--"].map(OsString::from);
            let program = options.program.clone().into_os_string();
            let words = words.into_iter().chain([program]);
            (setpriv, words.chain(options.arguments.clone()).collect())
        }
    }
}

impl Between {
    /// Passes words on until one side has ended; the exit code if the death that was asked for has come.
    fn pass_on(&mut self) -> io::Result<Option<i32>> {
        let mut last = Instant::now();
        loop {
            let (is_waiting, quiet) = match self.step {
                Step::Served => (self.said.is_owner, QUIET),
                Step::Connection | Step::Taken | Step::MoreTaken => (self.said.is_owner, NO_MORE),
                _ => (false, QUIET),
            };
            let quiet = quiet.saturating_sub(last.elapsed());
            if is_waiting && quiet.is_zero() {
                // With fewer connections than the step asks for, this is the step that is reached.
                self.step = Step::Served;
                return self.end();
            }
            let timeout = Timespec::try_from(quiet).map_err(io::Error::other)?;
            let mut fds = [
                PollFd::new(&self.old, PollFlags::IN),
                PollFd::new(&self.new, PollFlags::IN),
            ];
            match poll(&mut fds, is_waiting.then_some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for from_old in [true, false] {
                loop {
                    match self.hear(from_old)? {
                        Heard::Nothing => break,
                        Heard::End => return Ok(None),
                        Heard::Word(message) => {
                            last = match message.name() {
                                // What is said all the time anyway.
                                "generations" => last,
                                _ => Instant::now(),
                            };
                            if self.take(&message, from_old)? {
                                return self.end();
                            }
                        }
                    }
                }
            }
        }
    }

    /// Passes one word on, unless it is the one that the new process dies before. Returns whether the step is
    /// reached.
    fn take(&mut self, message: &Message, from_old: bool) -> io::Result<bool> {
        let is_reached = self.said.note(message).contains(&self.step);
        let dies_first = self.victim == Victim::New && from_old && self.step != Step::Listeners;
        if is_reached && dies_first {
            return Ok(true);
        }
        self.say(message, from_old)?;
        Ok(is_reached)
    }

    fn hear(&self, from_old: bool) -> io::Result<Heard> {
        let socket = if from_old { &self.old } else { &self.new };
        let mut bytes = vec![0; MESSAGE_BYTES];
        loop {
            match recv_with_fds(socket.as_fd(), &mut bytes, 1) {
                Ok(received) if received.bytes == 0 => return Ok(Heard::End),
                Ok(received) => {
                    bytes.truncate(received.bytes);
                    let line = bytes.split(|byte| *byte == b'\n').next();
                    let word = serde_json::from_slice(line.unwrap_or_default());
                    return Ok(Heard::Word(Message {
                        word: word.unwrap_or_default(),
                        fds: received.fds,
                        bytes,
                    }));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Heard::Nothing),
                // It ended with words unread. The kernel says so once, before its last words.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn say(&self, message: &Message, from_old: bool) -> io::Result<()> {
        let socket = if from_old { &self.new } else { &self.old };
        let fds: Vec<_> = message.fds.iter().map(AsFd::as_fd).collect();
        let until = Instant::now() + PATIENCE;
        loop {
            match send_with_fds(socket.as_fd(), &message.bytes, &fds) {
                Ok(_) => return Ok(()),
                // Its end is heard.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
                    ) =>
                {
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The step is reached: stops the victim, passes on what it has said, tells what it has, and kills it.
    fn end(&mut self) -> io::Result<Option<i32>> {
        let pid = match self.victim {
            Victim::New => self.child.id(),
            Victim::Old => self.said.old,
        };
        let at_ms = deaths::stop(pid)?;
        let from_old = self.victim == Victim::Old;
        while let Heard::Word(message) = self.hear(from_old)? {
            self.said.note(&message);
            self.say(&message, from_old)?;
        }
        let mut sockets = deaths::sockets(pid)?;
        for (id, inode) in &self.said.sent {
            // A connection is the old process's until the new one has said that it is there. What the old one has
            // sent, the new one will take.
            if self.victim == Victim::Old || !self.said.taken.contains(id) {
                sockets.remove(inode);
            }
        }
        let death = Death {
            victim: self.victim,
            step: self.step,
            pid,
            at_ms,
            connections: deaths::clients(pid, &sockets)?,
        };
        let aside = self.report.with_extension("part");
        std::fs::write(&aside, serde_json::to_vec(&death)?)?;
        std::fs::rename(&aside, &self.report)?;
        deaths::kill(pid)?;
        if self.victim == Victim::Old {
            return Ok(None);
        }
        self.child.wait()?;
        // The old process looks for this under the number of the process that it has started.
        if let Some(control) = &self.said.control {
            let _ = std::fs::remove_file(control.with_file_name(format!(".{pid}.sock")));
        }
        Ok(Some(KILLED))
    }
}

/// A word of one side.
enum Heard {
    Nothing,
    End,
    Word(Message),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn tell(socket: &OwnedFd, word: &str) {
        send_with_fds(socket.as_fd(), word.as_bytes(), &[]).expect("the go-between hears it");
    }

    #[test]
    fn a_process_that_gets_fewer_connections_than_the_step_asks_for_is_killed_when_it_has_them() {
        let name = format!("ringgate-fewer-taken-{}.json", std::process::id());
        let report = std::env::temp_dir().join(name);
        let (old, theirs) = message_pair().expect("two ends");
        let (new, ours) = message_pair().expect("two ends");
        let mut command = std::process::Command::new("sleep");
        command.arg("60").stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("sleep(1)");
        let pid = child.id();
        let mut between = Between {
            old: theirs,
            new: ours,
            child,
            said: Said::default(),
            victim: Victim::New,
            step: Step::MoreTaken,
            report: report.clone(),
        };
        let passing = std::thread::spawn(move || between.pass_on().expect("both are there"));
        tell(&new, r#"{"word":"owner","room":null}"#);
        tell(&new, r#"{"word":"taken","id":0}"#);
        let until = Instant::now() + DEADLINE;
        while !report.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The go-between ends with the old process, if it has not ended by then.
        drop(old);
        assert_eq!(
            passing.join().expect("it ends"),
            Some(KILLED),
            "nobody died"
        );
        let death: Death = serde_json::from_slice(&std::fs::read(&report).expect("a report"))
            .expect("the report is JSON");
        assert_eq!((death.pid, death.step), (pid, Step::Served));
        std::fs::remove_file(report).expect("it is ours");
    }

    fn steps(said: &mut Said, word: &str) -> Vec<Step> {
        said.note(&Message {
            bytes: Vec::new(),
            fds: Vec::new(),
            word: serde_json::from_str(word).expect("JSON"),
        })
    }

    #[test]
    fn each_step_is_reached_by_its_word_and_once() {
        let mut said = Said::default();
        let talk: [(&str, &[Step]); 14] = [
            (
                r#"{"word":"hello","pid":7,"units":2,"control":"/run/c.sock"}"#,
                &[Step::Start],
            ),
            (r#"{"word":"metrics"}"#, &[]),
            (r#"{"word":"listener","unit":0}"#, &[]),
            (r#"{"word":"listener","unit":1}"#, &[Step::Listeners]),
            (r#"{"word":"ready","wanted":[0,1]}"#, &[Step::Ready]),
            (r#"{"word":"baton","unit":0}"#, &[Step::Baton]),
            (r#"{"word":"armed","unit":0}"#, &[Step::Armed]),
            (r#"{"word":"baton","unit":1}"#, &[]),
            (r#"{"word":"armed","unit":1}"#, &[Step::LastArmed]),
            (r#"{"word":"generations","list":[]}"#, &[]),
            (r#"{"word":"all_batons"}"#, &[Step::AllBatons]),
            (r#"{"word":"owner","room":null}"#, &[Step::Owner]),
            (r#"{"word":"taken","id":0}"#, &[Step::Taken]),
            (r#"{"word":"taken","id":1}"#, &[]),
        ];
        for (word, expected) in talk {
            assert_eq!(steps(&mut said, word), expected, "{word}");
        }
        assert_eq!((said.old, said.is_owner, said.taken.len()), (7, true, 2));
        for id in 2..MORE_TAKEN {
            let word = format!(r#"{{"word":"taken","id":{id}}}"#);
            let expected: &[Step] = if id + 1 == MORE_TAKEN {
                &[Step::MoreTaken]
            } else {
                &[]
            };
            assert_eq!(steps(&mut said, &word), expected);
        }
    }
}
