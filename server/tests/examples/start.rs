//! Finding and starting an example, and one request to it.

use crate::common::{Directory, Program, connect};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// The programs beside this one, built if they are not: Cargo builds no examples for a single test target.
fn built() -> PathBuf {
    static BUILD: Once = Once::new();
    let test = std::env::current_exe().expect("this program");
    // target/PROFILE/deps/examples-HASH
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("a target folder");
    BUILD.call_once(|| {
        let target = profile.parent().expect("a target folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--package", "ringgate"]);
        cargo.args([
            "--example",
            "chat",
            "--example",
            "hello",
            "--example",
            "notes",
            "--example",
            "upload",
        ]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.env("CARGO_TARGET_DIR", target).status();
        assert!(status.expect("cargo runs").success(), "the examples build");
    });
    profile.join("examples")
}

/// An example, without what this process's environment would tell it.
pub(crate) fn example(name: &str) -> Command {
    let mut command = Command::new(built().join(name));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RINGGATE_") {
            command.env_remove(name);
        }
    }
    command
}

/// An example that says where it listens.
pub(crate) fn start(name: &str, args: &[&str]) -> Program {
    let mut program = Program::spawn(example(name), Directory::new(), args, true);
    program.wait_listening();
    program
}

/// One request on a connection of its own: the whole answer. `fields` are whole lines.
pub(crate) fn ask(program: &Program, method: &str, path: &str, fields: &str, body: &str) -> String {
    let mut stream = connect(&program.address);
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(body.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
