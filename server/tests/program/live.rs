//! `ringgate ctl top` and `ctl status --watch`: in a terminal, and where there is none.

use crate::common::{BINARY, Directory, PATIENCE, Program, ringgate};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

#[test]
fn top_prints_one_frame_and_ends_where_it_is_asked_to() {
    let program = Program::start(&["--cores", "2"]);
    program.get("/plaintext");
    let output = program.ctl(&["top", "--once", "--interval", "100ms"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("running      pid "), "{text}");
    assert_eq!(text.matches("\nrequests ").count(), 1, "{text}");
    assert!(!text.contains('\x1b'), "{text:?}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    for core in ["\n    0 ", "\n    1 "] {
        assert!(text.contains(core), "{text}");
    }
}

/// The lines of a view that goes on, while `act` has the server.
fn watched(args: &[&str], mut act: impl FnMut(&Program, usize, &str) -> bool) {
    let program = Program::start(&[]);
    let control = program.control();
    let mut view = ringgate()
        .args(["ctl", "--control"])
        .arg(&control)
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(view.stdout.take().unwrap()).lines();
    for (at, line) in lines.enumerate() {
        if act(&program, at, &line.unwrap()) {
            break;
        }
    }
    // Nobody reads any more: the next frame ends the view, and that is no failure.
    let ended = view.wait().unwrap();
    assert!(ended.success(), "{ended:?}");
}

#[test]
fn a_watched_status_is_a_line_of_json_each_time() {
    let mut seen = 0;
    watched(
        &["status", "--watch", "--json", "--interval", "100ms"],
        |_, at, line| {
            let status: Value = serde_json::from_str(line).expect("a status");
            assert_eq!(status["phase"], "running");
            seen = at;
            at == 2
        },
    );
    assert_eq!(seen, 2);
}

#[test]
fn frames_follow_each_other_where_there_is_no_terminal() {
    let mut frames = 0;
    watched(&["top", "--interval", "100ms"], |_, _, line| {
        frames += usize::from(line.starts_with("running "));
        frames == 3
    });
}

#[test]
fn a_watched_server_that_drains_ends_the_view_in_order() {
    let mut drained = false;
    watched(
        &["status", "--watch", "--interval", "100ms"],
        |program, _, _| {
            if !drained {
                drained = true;
                assert!(program.ctl(&["drain"]).status.success());
            }
            false
        },
    );
    assert!(drained);
}

#[test]
fn a_view_of_no_server_says_so() {
    let directory = Directory::new();
    let nothing = directory.path("nothing.sock");
    for words in [&["top", "--once"][..], &["status", "--watch"]] {
        let output = ringgate()
            .args(["ctl", "--control"])
            .arg(&nothing)
            .args(words)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("no server at "), "{said}");
    }
}

/// Runs `top` in a pseudo terminal of 80 columns and 24 rows, presses keys when their text is on the screen, and
/// prints what became of the terminal.
const TERMINAL: &str = r#"
import fcntl, os, pty, select, struct, sys, termios, time
deadline = time.monotonic() + float(sys.argv[1])
ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
before = termios.tcgetattr(theirs)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    for fd in 0, 1, 2:
        os.dup2(theirs, fd)
    os.execv(sys.argv[2], sys.argv[2:])
seen = b""
def until(text):
    global seen
    while text not in seen:
        left = deadline - time.monotonic()
        ready = select.select([ours], [], [], max(left, 0))[0]
        if not ready:
            sys.exit("not in time: %r in %r" % (text, seen))
        seen += os.read(ours, 65536)
    seen = seen.split(text, 1)[1]
until(b"\x1b[?1049h")
until(b"running      pid ")
until(b"sort (core)")
raw = termios.tcgetattr(theirs)
assert not raw[3] & (termios.ICANON | termios.ECHO), "keys come one by one and without echo"
os.write(ours, b"s")
until(b"sort (busy)")
os.write(ours, b"p")
until(b"Paused.")
# An arrow in between means nothing.
os.write(ours, b"p\x1b[Ad")
until(b"Drain the server")
os.write(ours, b"n")
until(b"sort (busy)")
os.write(ours, b"+")
until(b"resize 2: done")
until(b"cores 2 of 2")
end = sys.stdin.readline().strip()
os.write(ours, b"q") if end == "q" else os.kill(pid, int(end))
until(b"\x1b[?1049l")
status = os.waitpid(pid, 0)[1]
assert termios.tcgetattr(theirs) == before, "the terminal is as it was"
print("code", os.waitstatus_to_exitcode(status))
"#;

#[test]
#[ignore = "needs python3"]
fn top_obeys_keys_in_a_terminal_and_leaves_it_as_it_was() {
    // The key, SIGTERM and SIGHUP.
    for end in ["q", "15", "1"] {
        let program = Program::start(&["--core-slots", "2"]);
        let control = program.control();
        let mut terminal = Command::new("python3")
            .args(["-c", TERMINAL, &PATIENCE.as_secs().to_string(), BINARY])
            .args([
                "ctl",
                "--control",
                control.to_str().unwrap(),
                "top",
                "--interval",
                "100ms",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = terminal.stdin.take().unwrap();
        writeln!(stdin, "{end}").unwrap();
        let output = terminal.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.trim(), "code 0", "{output:?}");
        assert_eq!(program.status()["pool"]["target"], 2);
    }
}
