//! How the program starts, or says in one line why it does not.

use crate::common::{Directory, NOBODY, Program, ctl, eventually, ringgate, under};
use ringgate::runtime::sys::process::user_id;
use ringgate::runtime::sys::signals::Signal;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Output;

#[track_caller]
fn refused(output: &Output, code: i32, texts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "one line: {stderr}");
    for text in texts {
        assert!(stderr.contains(text), "{text:?} in {stderr}");
    }
    assert!(output.stdout.is_empty(), "results only on standard output");
}

#[test]
fn the_first_line_says_where_it_listens_and_what_to_try() {
    let program = Program::start(&[]);
    let first = &program.seen[0];
    assert!(!program.address.ends_with(":0"), "{first}");
    let curl = format!("curl http://{}/", program.address);
    assert!(first.contains(&curl), "{first}");
    let answer = program.get("/plaintext");
    assert!(answer.ends_with("\r\n\r\nHello, World!"), "{answer}");
}

#[test]
fn the_path_of_the_control_socket_is_printed_at_start() {
    let mut program = Program::start(&[]);
    let path = program.control();
    program.wait_line(&format!("control socket {}", path.display()));
}

#[test]
fn a_taken_port_is_an_error_that_says_so_also_between_two_of_the_same_user() {
    let first = Program::start(&[]);
    let second = ringgate()
        .args(["--control", "none", "--listen", &first.address])
        .output()
        .unwrap();
    let address = first.address.as_str();
    let stderr = String::from_utf8(second.stderr.clone()).unwrap();
    let (waits, error) = stderr.split_once('\n').unwrap();
    assert!(
        waits.contains("trying for 5 s") && waits.contains(address),
        "{waits}"
    );
    let stderr = error.as_bytes().to_vec();
    refused(
        &Output { stderr, ..second },
        1,
        &[address, "taken", "--listen"],
    );
    assert!(first.get("/plaintext").ends_with("Hello, World!"));
}

#[test]
fn a_wrong_configuration_is_exit_code_2() {
    let wrong = ringgate().args(["--max-thread", "3"]).output().unwrap();
    refused(&wrong, 2, &["--max-thread"]);
    let wrong = ringgate().args(["--cores", "many"]).output().unwrap();
    refused(&wrong, 2, &["--cores", "many"]);
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    std::fs::write(&file, "listn = [\"127.0.0.1:0\"]\n").unwrap();
    let wrong = ringgate().arg("check-config").arg(&file).output().unwrap();
    refused(&wrong, 2, &["listn", "`listen`", "ringgate.toml"]);
}

#[test]
fn results_go_to_standard_output() {
    for (args, text) in [
        (["--version"].as_slice(), "ringgate 0."),
        (&["--help"], "RINGGATE_MAX_THREADS"),
        (&["doctor", "--json"], "\"verdict\""),
    ] {
        let output = ringgate().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains(text), "{text:?} in {stdout}");
    }
}

#[test]
fn more_cores_than_cpus_are_one_warning_line() {
    let mut program = Program::start(&["--cores", "64"]);
    let warnings = || {
        program
            .seen
            .iter()
            .filter(|line| line.contains("share the"))
    };
    assert_eq!(warnings().count(), 1, "{:#?}", program.seen);
    program.signal(Signal::Int);
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn a_misspelt_variable_is_a_warning() {
    let mut command = ringgate();
    command.env("RINGGATE_MAX_THREDS", "3");
    let mut program = Program::spawn(command, Directory::new(), &[], true);
    program.wait_line("RINGGATE_MAX_THREADS");
}

#[test]
fn the_status_and_the_routes_that_make_trouble_are_two_switches() {
    let everywhere = ["--listen", "0.0.0.0:0"];
    let found = |args: &[&str]| {
        let program = Program::start(args);
        let port = program.address.rsplit_once(':').unwrap().1;
        let address = format!("127.0.0.1:{port}");
        ["/status.json", "/spin?ms=1", "/"].map(|path| {
            let answer = crate::common::get(&address, path);
            answer.starts_with("HTTP/1.1 200 OK")
        })
    };
    let and = |args: &[&'static str]| [everywhere.as_slice(), args].concat();
    assert_eq!(found(&[]), [true, true, true]);
    assert_eq!(found(&["--demo", "off"]), [true, false, true]);
    assert_eq!(found(&["--status-page", "off"]), [false, true, true]);
    assert_eq!(found(&everywhere), [false, false, true]);
    assert_eq!(found(&and(&["--status-page", "on"])), [true, false, true]);
    assert_eq!(found(&and(&["--demo", "on"])), [false, true, true]);
}

#[test]
fn nobody_is_advised_to_open_the_routes_that_make_trouble() {
    let program = Program::start(&["--demo", "off", "--status-page", "off"]);
    let page = program.get("/");
    assert!(page.contains("--status-page on"), "{page}");
    assert!(!page.contains("--demo on"), "{page}");
}

#[test]
fn the_routes_that_make_trouble_exist_only_for_this_machine_or_by_wish() {
    let status_line = |args: &[&str]| {
        let program = Program::start(args);
        let port = program.address.rsplit_once(':').unwrap().1;
        let answer = crate::common::get(&format!("127.0.0.1:{port}"), "/spin?ms=1");
        answer.lines().next().unwrap_or_default().to_owned()
    };
    let (found, missing) = ("HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found");
    let everywhere = ["--listen", "0.0.0.0:0"];
    assert_eq!(status_line(&[]), found);
    assert_eq!(status_line(&["--demo", "off"]), missing);
    assert_eq!(status_line(&everywhere), missing);
    let on = [everywhere.as_slice(), &["--demo", "on"]].concat();
    assert_eq!(status_line(&on), found);
}

#[test]
fn the_first_line_is_told_at_every_level_but_off() {
    for level in ["warn", "error"] {
        let program = Program::start(&["--log-level", level, "--max-threads", "3"]);
        assert!(program.seen[0].contains(&format!("curl http://{}/", program.address)));
        assert!(program.get("/plaintext").ends_with("Hello, World!"));
    }
    let mut program = Program::spawn(ringgate(), Directory::new(), &["--log-level", "off"], true);
    eventually("a server that runs", || {
        let output = program.ctl(&["status"]);
        output.stdout.starts_with(b"running").then_some(output)
    });
    program.signal(Signal::Int);
    assert_eq!(program.exit_code(), Some(0));
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[test]
fn a_root_that_cannot_be_read_is_exit_code_2() {
    let directory = Directory::new();
    let file = directory.path("file");
    std::fs::write(&file, "").unwrap();
    let missing = directory.path("missing");
    for (root, why) in [(&file, "Not a directory"), (&missing, "No such file")] {
        let root = root.to_str().unwrap();
        let wrong = ringgate().args(["--root", root]).output().unwrap();
        refused(&wrong, 2, &["--root", root, why, "must be a directory"]);
        let by_name = ringgate().env("RINGGATE_ROOT", root).output().unwrap();
        refused(&by_name, 2, &["RINGGATE_ROOT", root]);
    }
    let closed = directory.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let closed = closed.to_str().unwrap();
    // Root reads everything; somebody else does not.
    let wrapper: &[&str] = if user_id() == 0 { &NOBODY } else { &[] };
    let wrong = under(wrapper).args(["--root", closed]).output().unwrap();
    refused(&wrong, 2, &["--root", closed, "Permission denied"]);
}

#[test]
fn a_unix_socket_is_served_and_its_file_removed_at_the_end() {
    let directory = Directory::new();
    let path = directory.path("http.sock");
    let listen = format!("unix:{}", path.display());
    let mut program = Program::start(&["--listen", "127.0.0.1:0", "--listen", &listen]);
    program.wait_line(&listen);
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
    assert!(!path.exists());
}

/// Whether a ring is charged to RLIMIT_MEMLOCK depends on the kernel (6.16 and 6.18 charge; 6.1, 6.12
/// and 7.3 do not), and root is charged nothing (CAP_IPC_LOCK, capabilities(7)): so it is somebody
/// else who starts.
#[test]
fn without_any_locked_memory_it_serves_or_says_in_one_line_why_not() {
    let nothing = ["prlimit", "--memlock=0:0"];
    let wrapper: Vec<&str> = match user_id() {
        0 => [nothing.as_slice(), &NOBODY].concat(),
        _ => nothing.to_vec(),
    };
    let args = ["--control", "none"];
    let mut program = Program::spawn(under(&wrapper), Directory::new(), &args, true);
    let line = program.wait_line("");
    if line.contains("listening on") {
        return;
    }
    for text in ["RLIMIT_MEMLOCK is 0 ", "cure: raise LimitMEMLOCK= "] {
        assert!(line.contains(text), "{text:?} in {line}");
    }
    assert_eq!(program.exit_code(), Some(1));
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[test]
fn a_start_that_fails_says_so_on_standard_error_also_when_the_log_goes_to_a_file() {
    let first = Program::start(&[]);
    let file = first.directory.path("log");
    let second = ringgate()
        .args([
            "--control",
            "none",
            "--listen",
            &first.address,
            "--log-file",
        ])
        .arg(&file)
        .output()
        .unwrap();
    refused(&second, 1, &[&first.address, "taken"]);
    let logged = std::fs::read_to_string(&file).unwrap();
    assert!(logged.contains("taken"), "{logged}");
}

#[test]
fn a_descriptor_that_nobody_passes_is_refused_also_where_a_socket_of_the_server_has_its_number() {
    for number in 3..32 {
        let descriptor = format!("fd:{number}");
        for place in ["--listen", "--metrics"] {
            let output = ringgate()
                .args([
                    "--control",
                    "none",
                    "--cores",
                    "1",
                    "--listen",
                    "127.0.0.1:0",
                ])
                .args([place, &descriptor])
                .output()
                .unwrap();
            refused(&output, 1, &[&descriptor, "name a listening socket"]);
        }
    }
}

/// Listens on a free port of loopback and passes the socket on as descriptor 9.
const INHERIT: &str = r"
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 0))
os.dup2(listener.fileno(), 9, inheritable=True)
listener.close()
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
#[ignore = "needs python3"]
fn an_inherited_listener_is_served_and_known_to_be_local() {
    let wrapper = ["python3", "-c", INHERIT];
    let program = Program::start_under(&wrapper, &["--listen", "fd:9", "--cores", "2"]);
    assert!(program.get("/spin?ms=1").starts_with("HTTP/1.1 200 OK"));
}

// Numbers of system calls (syscalls(2)); io_uring's are the same on every architecture.
const IO_URING_SETUP: &str = "425";
const IO_URING_ENTER: &str = "426";
const IO_URING_REGISTER: &str = "427";
const SCHED_SETAFFINITY: &str = match cfg!(target_arch = "x86_64") {
    true => "203",
    false => "122",
};

/// Forbids the system call of this number with EPERM, then becomes the program that is named.
const FORBID: &str = r"
import ctypes, os, struct, sys
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('=HBBI', *rule) for rule in rules))
class Program(ctypes.Structure):
    _fields_ = [('len', ctypes.c_ushort), ('code', ctypes.c_void_p)]
program = Program(len(rules), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
";

#[test]
#[ignore = "needs python3"]
fn forbidden_io_uring_is_one_line_with_a_cure_and_exit_code_1() {
    for call in [IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER] {
        let wrapper = ["python3", "-c", FORBID, call];
        let output = under(&wrapper)
            .args(["--listen", "127.0.0.1:0", "--control", "none"])
            .output()
            .unwrap();
        refused(
            &output,
            1,
            &["io_uring", "seccomp", "cure: allow io_uring_"],
        );
        let doctor = under(&wrapper).arg("doctor").output().unwrap();
        assert_eq!(doctor.status.code(), Some(1), "{call}: {doctor:?}");
    }
}

#[test]
#[ignore = "needs python3"]
fn without_leave_to_pin_it_says_so_and_serves_and_doctor_says_the_same() {
    let wrapper = ["python3", "-c", FORBID, SCHED_SETAFFINITY];
    let cores = ["--cores", "2"];
    let mut program = Program::spawn(under(&wrapper), Directory::new(), &cores, true);
    let warning = program.wait_line("cores are not pinned");
    for says in ["WARN", "sched_setaffinity", "SystemCallFilter="] {
        assert!(warning.contains(says), "{warning}");
    }
    program.wait_listening();
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    for core in program.status()["cores"].as_array().unwrap() {
        assert!(core["cpu"].is_null(), "{core}");
    }
    let doctor = under(&wrapper).args(["doctor", "--json"]).output().unwrap();
    assert_eq!(doctor.status.code(), Some(0), "{doctor:?}");
    let found: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!(found["verdict"], "degraded");
    let features = found["features"].as_array().unwrap();
    let pin = features.iter().find(|feature| feature["name"] == "pin");
    assert_eq!(pin.unwrap()["present"], false, "{found}");
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
}

/// What the descriptors of a process lead to that a program it executes would inherit, but for the
/// standard ones.
fn inheritable(process: &str) -> Vec<std::path::PathBuf> {
    const CLOEXEC: u32 = 0o2_000_000;
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).expect("/proc");
    let numbers = descriptors.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let kept = numbers.filter(|number| {
        let info = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{number}"));
        let flags = info.unwrap_or_default().lines().find_map(|line| {
            let octal = line.strip_prefix("flags:")?.trim();
            u32::from_str_radix(octal, 8).ok()
        });
        !["0", "1", "2"].contains(&number.as_str()) && flags.is_some_and(|f| f & CLOEXEC == 0)
    });
    kept.filter_map(|number| std::fs::read_link(format!("/proc/{process}/fd/{number}")).ok())
        .collect()
}

#[test]
fn every_descriptor_of_a_server_is_close_on_exec() {
    let directory = Directory::new();
    let path = |name: &str| directory.path(name).to_str().expect("UTF-8").to_owned();
    let unix = format!("unix:{}", path("socket"));
    let pid = path("pid");
    let program = Program::start(&[
        "--listen",
        "127.0.0.1:0",
        "--listen",
        &unix,
        "--metrics",
        "127.0.0.1:0",
        "--pid-file",
        &pid,
        "--cores",
        "2",
    ]);
    let _client = program.connect();
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    let from_here = inheritable("self");
    let mut kept = inheritable(&program.pid().to_string());
    kept.retain(|link| !from_here.contains(link));
    assert_eq!(kept, Vec::<std::path::PathBuf>::new());
}

/// Starts a program with this option, whose value is taken.
fn comes_late(option: &[&str]) -> Program {
    let mut program = Program::spawn(under(&[]), Directory::new(), option, true);
    program.wait_line("the address is taken; trying for 5 s");
    program
}

#[test]
fn an_address_that_comes_free_within_some_seconds_is_waited_for() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let mut program = comes_late(&["--listen", &address]);
    drop(holder);
    program.wait_line("listening on ");
}

/// A program whose socket at `path` was made by a process that is dead: one that handed over to it.
fn heir_of_socket(path: &std::path::Path) -> Program {
    let listen = format!("unix:{}", path.display());
    let mut program = Program::spawn(under(&[]), Directory::new(), &["--listen", &listen], true);
    program.wait_line("listening on ");
    assert!(program.ctl(&["upgrade"]).status.success());
    let over = program.exit_code();
    assert_eq!(over, Some(0), "its successor answers at the path");
    program
}

#[test]
fn a_unix_socket_that_outlives_its_maker_is_waited_for() {
    let directory = Directory::new();
    let path = directory.path("s");
    let heir = heir_of_socket(&path);
    let mut program = comes_late(&["--listen", &format!("unix:{}", path.display())]);
    assert!(heir.ctl(&["stop"]).status.success());
    program.wait_line("listening on ");
}

#[test]
fn a_unix_socket_whose_maker_lives_is_refused_at_once() {
    let directory = Directory::new();
    let path = directory.path("s");
    let _live = UnixListener::bind(&path).unwrap();
    let listen = format!("unix:{}", path.display());
    let mut program = Program::spawn(under(&[]), Directory::new(), &["--listen", &listen], true);
    program.wait_line("a live server owns");
    assert_eq!(program.exit_code(), Some(1));
    let tried = |line: &String| line.contains("trying for");
    assert!(!program.seen.iter().any(tried), "{:?}", program.seen);
}

#[test]
fn a_control_socket_that_outlives_its_maker_is_waited_for() {
    let directory = Directory::new();
    let path = directory.path("shared");
    let heir = heir_of_socket(&path);
    let mut program = comes_late(&["--control", path.to_str().unwrap()]);
    assert!(heir.ctl(&["stop"]).status.success());
    program.wait_line("control socket");
    assert!(
        program
            .seen
            .iter()
            .all(|line| !line.contains("no control socket"))
    );
    let status = ctl(&path, &["status"]);
    assert!(status.status.success(), "{status:?}");
}

#[test]
fn the_start_says_how_many_connections_there_is_room_for() {
    let mut program = Program::start(&[]);
    let line = program.wait_line("room for ");
    assert!(
        line.contains("(RLIMIT_NOFILE)") || line.contains("no limit"),
        "{line}"
    );
}
