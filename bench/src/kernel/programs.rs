//! Programs that run to their end: the doctor, a server that is refused, and the tests of features.
//!
//! Called by the examination, one after the other. Each has a deadline, and what it says is kept apart from
//! what this program says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::Found;

/// The most that the doctor, or a refusal to start, may take; emulated machines are slow.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines of a failed test program that are told.
const LAST_LINES: usize = 40;

/// Prefixes of the lines in which tests tell of the kernel although they pass either way (runtime/tests/kernel_meetings.rs).
const ANSWERS: [&str; 3] = ["bundles: ", "resets: ", "kTLS: "];

/// Runs `command` to its end, or for `longest` and kills it.
fn output(command: &mut Command, longest: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let (ended, end) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if end.recv_timeout(longest) == Err(mpsc::RecvTimeoutError::Timeout) {
                // It is reaped only behind this scope's end, so that the number is still its own.
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let output = child.wait_with_output();
        drop(ended);
        output
    })
}

/// Whether Ringgate says that it runs here, and all that it says.
pub(super) fn doctor(binary: &Path) -> io::Result<(bool, Value)> {
    let output = output(Command::new(binary).args(["doctor", "--json"]), PATIENCE)?;
    let said = serde_json::from_slice(&output.stdout).map_err(|error| {
        let text = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("doctor: {error}: {} {text}", output.status))
    })?;
    Ok((output.status.success(), said))
}

/// A server that may not start ends with code 1 and one line that names the cure.
pub(super) fn refusal(binary: &Path) -> Found {
    let mut command = Command::new(binary);
    command.args(["--listen", "127.0.0.1:0", "--control", "none"]);
    let output = output(&mut command, PATIENCE).map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    match (output.status.code(), said.lines().count()) {
        (Some(1), 1) if said.contains("io_uring cannot be used") && said.contains("cure:") => {
            Ok(json!({ "exit_code": 1, "said": said }))
        }
        _ => Err(format!("{}: {said}", output.status)),
    }
}

/// The test programs of a folder, by name.
pub(super) fn tests(folder: Option<&Path>) -> io::Result<Vec<PathBuf>> {
    let mut tests = Vec::new();
    if let Some(folder) = folder {
        for entry in fs::read_dir(folder)? {
            tests.push(entry?.path());
        }
    }
    tests.sort();
    Ok(tests)
}

/// Runs one test program; every test that it does not ignore must pass.
pub(super) fn test(program: &Path, longest: Duration) -> Found {
    let output = output(Command::new(program).arg("--show-output"), longest)
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let ending = |end: &str| {
        let tests = said.lines().filter_map(|line| line.strip_prefix("test "));
        let tests = tests.filter_map(|test| test.strip_suffix(end));
        tests.map(str::to_owned).collect::<Vec<_>>()
    };
    let passed = ending(" ... ok");
    if output.status.success() && !passed.is_empty() {
        let is_answer = |line: &&str| ANSWERS.iter().any(|answer| line.starts_with(answer));
        let answers: Vec<&str> = said.lines().filter(is_answer).collect();
        return Ok(json!({ "passed": passed, "answers": answers }));
    }
    let failed = ending(" ... FAILED");
    let errors = String::from_utf8_lossy(&output.stderr);
    let all: Vec<&str> = said.lines().chain(errors.lines()).collect();
    let last = all[all.len().saturating_sub(LAST_LINES)..].join("\n");
    Err(format!("{}: {}: {last}", output.status, failed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended_at_its_deadline() {
        let mut endless = Command::new("sleep");
        endless.arg("1000");
        let ended = output(&mut endless, Duration::from_millis(50)).expect("it was started");
        assert_eq!(ended.status.code(), None);
    }

    #[test]
    fn a_program_without_a_passed_test_proves_nothing() {
        let fault = test(Path::new("true"), PATIENCE).expect_err("nothing passed");
        assert!(fault.starts_with("exit status: 0"), "{fault}");
    }
}
