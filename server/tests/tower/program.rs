//! The example `axum` as its users start it.

use crate::common::{Client, PATIENCE};
use ringgate::runtime::sys::signals::{Signal, send_signal};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// The example, built.
fn example() -> PathBuf {
    // target/debug/deps/tower-HASH: Cargo builds no examples for a single test target.
    let own = std::env::current_exe().expect("a path");
    let built = own.ancestors().nth(2).expect("a directory of the profile");
    let profile = built.file_name().and_then(|name| name.to_str());
    let profile = match profile.expect("the name of a profile") {
        "debug" => "dev",
        other => other,
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--example", "axum"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(built.parent().expect("a target directory"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .status()
        .expect("Cargo");
    assert!(status.success());
    built.join("examples/axum")
}

struct Program {
    child: Child,
    address: SocketAddr,
    /// The lines of its standard error; kept so that it can write them.
    _lines: Receiver<String>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(path: &Path) -> Program {
    let mut child = Command::new(path)
        .args([
            "--listen",
            "127.0.0.1:0",
            "--control",
            "off",
            "--cores",
            "2",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let errors = BufReader::new(child.stderr.take().expect("piped"));
    let (said, lines) = channel();
    std::thread::spawn(move || {
        for line in errors.lines().map_while(Result::ok) {
            let _ = said.send(line);
        }
    });
    let address = loop {
        let line = lines.recv_timeout(PATIENCE).expect("it says where it is");
        if let Some((_, rest)) = line.split_once("listening on http://") {
            let address = rest.split_whitespace().next();
            break address.and_then(|text| text.parse().ok()).expect("TCP");
        }
    };
    Program {
        child,
        address,
        _lines: lines,
    }
}

#[test]
fn the_example_serves_its_routes_and_drains_when_told_to() {
    let mut program = start(&example());
    let mut client = Client::connect(program.address);
    assert_eq!(client.get("/plaintext").text(), "Hello, World!");
    let json = client.get("/json");
    assert_eq!(json.text(), r#"{"message":"Hello, World!"}"#);
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(client.get("/hello/you").text(), "Hello, you!\n");
    let echo = client.request("POST", "/echo", "", b"said");
    assert_eq!(echo.text(), "said");
    let other = client.request("PUT", "/echo", "", b"");
    assert_eq!((other.status, other.header("allow")), (405, Some("POST")));
    drop(client);
    send_signal(program.child.id(), Signal::Quit).expect("it runs");
    let status = program.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_example_has_help_and_commands_under_its_own_name() {
    let example = example();
    let run = |arguments: &[&str]| {
        let output = Command::new(&example).args(arguments).output();
        let output = output.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(help.contains("axum") && help.contains("--listen"), "{help}");
    let (code, _, error) = run(&["--listen", "nowhere"]);
    assert_eq!(code, Some(2));
    assert!(error.starts_with("axum: "), "{error}");
}
