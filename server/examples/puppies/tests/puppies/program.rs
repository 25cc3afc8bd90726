//! The program: its flags, its log and its exit codes.

use crate::common::{Directory, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::process::{Child, Command, Stdio};

/// A program that does not outlive its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn puppies(directory: &Directory) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_puppies"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RINGGATE_") {
            command.env_remove(name);
        }
    }
    let control = directory.path().join("control.sock");
    command.args(["--listen", "127.0.0.1:0", "--cores", "1", "--control"]);
    command.arg(control).stdin(Stdio::null());
    command
}

#[test]
fn options_of_the_log_are_obeyed_and_a_stop_is_exit_code_0() {
    let directory = Directory::new();
    let file = directory.path().join("log");
    let mut command = puppies(&directory);
    command.args(["--log-format", "json", "--log-file"]);
    command
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut program = Program(command.spawn().expect("it starts"));
    let log = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_for("it listens", || log().contains("listening on"));
    assert!(log().starts_with('{'), "{}", log());
    let pid = Pid::from_raw(program.0.id() as i32).expect("a number");
    kill_process(pid, Signal::INT).expect("our child");
    assert_eq!(program.0.wait().expect("our child").code(), Some(0));
    let mut said = String::new();
    let stderr = program.0.stderr.as_mut().expect("piped");
    stderr.read_to_string(&mut said).expect("text");
    assert_eq!(said, "");
}

#[test]
fn help_and_control_are_those_of_this_program() {
    let directory = Directory::new();
    let output = puppies(&directory).arg("--help").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Usage: puppies [OPTIONS]"), "{text}");
    for flag in ["--root", "--demo"] {
        assert!(!text.contains(flag), "{flag} in {text}");
    }
    let mut program = Program(puppies(&directory).spawn().expect("it starts"));
    let socket = directory.path().join("control.sock");
    wait_for("it can be asked", || socket.exists());
    let mut stop = Command::new(env!("CARGO_BIN_EXE_puppies"));
    stop.args(["ctl", "stop", "--control"]).arg(&socket);
    assert_eq!(stop.status().expect("it runs").code(), Some(0));
    assert_eq!(program.0.wait().expect("our child").code(), Some(0));
}

#[test]
fn help_goes_to_standard_output_and_mistakes_are_exit_code_2() {
    let directory = Directory::new();
    let output = puppies(&directory).arg("--help").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout);
    for flag in ["--database", "--workers", "--max-threads"] {
        assert!(text.contains(flag), "{flag} in {text}");
    }
    for wrong in [["--database", "garbage"], ["--max-threads", "few"]] {
        let output = puppies(&directory).args(wrong).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn an_option_of_the_program_is_a_flag_a_variable_and_a_key() {
    let directory = Directory::new();
    let file = directory.path().join("puppies.toml");
    std::fs::write(&file, "workers = \"2..3\"\n").expect("written");
    let check = |variable: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_puppies"));
        command.arg("check-config").arg(&file).arg("--print");
        command.envs(variable.map(|value| ("PUPPIES_WORKERS", value)));
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.starts_with("workers = "));
        line.expect("a line").to_owned()
    };
    let in_file = format!("workers = \"2..3\"  # {}:1:1", file.display());
    assert_eq!(check(None), in_file);
    let in_environment = "workers = \"7\"  # environment PUPPIES_WORKERS";
    assert_eq!(check(Some("7")), in_environment);
    std::fs::write(&file, "workers = \"some\"\n").expect("written");
    let mut command = puppies(&directory);
    let output = command.arg("--config").arg(&file).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let at = format!("puppies: {}:1:1: workers = \"some\": ", file.display());
    assert!(text.starts_with(&at), "{text}");
    assert!(text.ends_with("must be MIN..MAX\n"), "{text}");
}

#[test]
fn the_machine_is_examined_and_the_version_told_under_the_programs_name() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_puppies"))
            .args(args)
            .output();
        String::from_utf8(output.expect("it runs").stdout).expect("text")
    };
    assert!(run(&["doctor", "--json"]).contains("\"verdict\""));
    let version = format!("puppies {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), version);
}

#[test]
fn an_address_that_cannot_be_had_is_exit_code_1() {
    let directory = Directory::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut command = puppies(&directory);
    let output = command
        .args(["--listen", &address])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("taken"), "{text}");
}
