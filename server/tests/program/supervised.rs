//! The process as its supervisors see it: PID file (row M11), user and group (row M13), a service
//! manager with a socket to be told over and sockets to pass, pid 1 of a container.

use crate::common::{BINARY, Directory, Program, eventually, get, ringgate};
use crate::upgrade::{Lineage, ask};
use ringgate::runtime::sys::process::user_id;
use ringgate::runtime::sys::signals::Signal;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn m11_a_pid_file_is_made_made_again_and_removed_by_its_owner() {
    let directory = Directory::new();
    let path = directory.path("r.pid");
    // Left by a crash.
    fs::write(&path, "4194304\n").unwrap();
    let name = path.to_str().unwrap().to_owned();
    let mut program = Program::spawn(ringgate(), directory, &["--pid-file", &name], true);
    program.wait_line("listening on");
    let own = format!("{}\n", program.pid());
    assert_eq!(read(&path), own);
    let second = ringgate()
        .args([
            "--listen",
            "127.0.0.1:0",
            "--control",
            "none",
            "--pid-file",
            &name,
        ])
        .output()
        .unwrap();
    let refusal = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{refusal}");
    let alive = format!("process {}, which is alive", program.pid());
    assert!(refusal.contains(&alive), "{refusal}");
    assert_eq!(read(&path), own, "the other one's file stays");
    fs::remove_file(&path).unwrap();
    eventually("the file again", || (read(&path) == own).then_some(()));
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn m11_a_pid_file_that_cannot_be_written_ends_the_start() {
    let refused = ringgate()
        .args(["--listen", "127.0.0.1:0", "--control", "none"])
        .args(["--pid-file", "/nonexistent/r.pid"])
        .output()
        .unwrap();
    let refusal = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{refusal}");
    assert!(refusal.contains("/nonexistent/r.pid") && refusal.contains("--pid-file"));
}

#[test]
fn m11_after_an_upgrade_the_pid_file_names_the_new_process() {
    let directory = Directory::new();
    let path = directory.path("r.pid");
    let name = path.to_str().unwrap().to_owned();
    let mut server = Lineage::start(&["--pid-file", &name]);
    let pid = server.upgrade(&[]);
    assert_eq!(read(&path), format!("{pid}\n"));
    assert_eq!(
        server.exit_code(),
        Some(0),
        "the old one leaves the file alone"
    );
    assert_eq!(read(&path), format!("{pid}\n"));
    server.ctl(&["stop"]);
    eventually("no file", || (!path.exists()).then_some(()));
}

/// Root alone can become somebody else; elsewhere there is nothing to see but a refusal.
#[test]
fn m13_privileges_are_dropped_in_every_thread_after_binding() {
    if user_id() != 0 {
        let refused = ringgate()
            .args([
                "--listen",
                "127.0.0.1:0",
                "--control",
                "none",
                "--user",
                "root",
            ])
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1));
        return;
    }
    let directory = Directory::new();
    let own = directory.path("own");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, PermissionsExt::from_mode(0o777)).unwrap();
    let control = own.join("control.sock");
    let log = own.join("log");
    let files = [control.to_str().unwrap(), log.to_str().unwrap()];
    // A port that only root may have.
    let listen = "127.0.0.1:879";
    let args = [
        "--control",
        files[0],
        "--log-file",
        files[1],
        "--listen",
        listen,
        "--cores",
        "2",
        "--user",
        "4242",
        "--group",
        "4243",
    ];
    let mut program = Program::spawn(ringgate(), directory, &args, false);
    eventually("a server", || {
        read(&log).contains("listening on").then_some(())
    });
    let pids = |pid: u64| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let status = |task: fs::DirEntry| read(&task.path().join("status"));
        tasks.map(|task| status(task.unwrap())).collect::<Vec<_>>()
    };
    let threads = pids(program.pid().into());
    assert!(threads.len() >= 5, "{} threads", threads.len());
    for status in &threads {
        assert!(
            status.contains("\nUid:\t4242\t4242\t4242\t4242\n"),
            "{status}"
        );
        assert!(
            status.contains("\nGid:\t4243\t4243\t4243\t4243\n"),
            "{status}"
        );
        assert!(status.contains("\nCapEff:\t0000000000000000\n"), "{status}");
    }
    assert!(get(listen, "/plaintext").ends_with("Hello, World!"));
    let owner = fs::metadata(&control).unwrap();
    assert_eq!((owner.uid(), owner.gid()), (4242, 4243));
    // The log can be opened again, and the port goes over although nobody could bind it now.
    program.signal(Signal::Usr1);
    let upgraded = crate::common::ctl(&control, &["upgrade"]);
    assert!(upgraded.status.success(), "{upgraded:?} {}", read(&log));
    assert_eq!(program.exit_code(), Some(0), "{}", read(&log));
    assert!(get(listen, "/plaintext").ends_with("Hello, World!"));
    assert!(crate::common::ctl(&control, &["stop"]).status.success());
}

#[test]
fn m13_somebody_unknown_ends_the_start() {
    let refused = ringgate()
        .args([
            "--listen",
            "127.0.0.1:0",
            "--control",
            "none",
            "--user",
            "no-such-user",
        ])
        .output()
        .unwrap();
    let refusal = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{refusal}");
    assert!(refusal.contains("no-such-user"), "{refusal}");
}

/// A service manager that only listens.
struct Manager(UnixDatagram);

impl Manager {
    fn new(directory: &Directory) -> (Manager, String) {
        let path = directory.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        (Manager(socket), path.to_str().unwrap().to_owned())
    }

    /// The next message with this in it, as lines.
    #[track_caller]
    fn hears(&self, text: &str) -> Vec<String> {
        loop {
            let mut message = [0; 4096];
            let count = self
                .0
                .recv(&mut message)
                .unwrap_or_else(|_| panic!("no {text}"));
            let message = std::str::from_utf8(&message[..count]).unwrap();
            let lines: Vec<String> = message.lines().map(str::to_owned).collect();
            if lines.iter().any(|line| line.starts_with(text)) {
                return lines;
            }
            assert!(
                text.starts_with("STOPPING") || !message.contains("STOPPING"),
                "{message}"
            );
        }
    }
}

fn value<'a>(lines: &'a [String], name: &str) -> &'a str {
    let found = lines.iter().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {lines:?}"))
}

#[test]
fn a_service_manager_is_told_of_start_reload_upgrade_and_end() {
    let directory = Directory::new();
    let (manager, name) = Manager::new(&directory);
    let mut command = ringgate();
    command
        .env("NOTIFY_SOCKET", &name)
        .env("WATCHDOG_USEC", "200000");
    let mut program = Program::spawn(command, directory, &[], true);
    program.wait_line("listening on");
    let mut server = Lineage::of(program);
    let first = server.pid().to_string();
    assert_eq!(value(&manager.hears("READY=1"), "MAINPID="), first);
    manager.hears("WATCHDOG=1");
    manager.hears("WATCHDOG=1");
    server.signal(Signal::Hup);
    let reloading = manager.hears("RELOADING=1");
    let since: u64 = value(&reloading, "MONOTONIC_USEC=").parse().unwrap();
    let uptime = read(Path::new("/proc/uptime"));
    let uptime: f64 = uptime.split('.').next().unwrap().parse().unwrap();
    assert!(
        (since as f64 / 1e6 - uptime).abs() < 60.0,
        "{since} against {uptime} s"
    );
    manager.hears("READY=1");
    let second = server.upgrade(&[]).to_string();
    // Said by the first, whom alone the manager believes.
    loop {
        if value(&manager.hears("MAINPID="), "MAINPID=") == second {
            break;
        }
    }
    assert_eq!(
        server.exit_code(),
        Some(0),
        "and it does not say that the service stops"
    );
    manager.hears("WATCHDOG=1");
    server.ctl(&["stop"]);
    manager.hears("STOPPING=1");
}

#[test]
fn a_socket_that_is_passed_is_listened_on_and_follows_in_an_upgrade() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let copy = listener.try_clone().unwrap();
    let directory = Directory::new();
    let control = directory.path("control.sock");
    let script = format!(
        "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec {BINARY} \
         --cores 2 --control {}",
        control.display()
    );
    let mut command = Command::new("/bin/bash");
    command.args(["-c", &script]);
    command.stdin(std::process::Stdio::from(std::os::fd::OwnedFd::from(copy)));
    drop(listener);
    let mut program = Program::spawn_as_is(command, directory, true);
    let line = program.wait_line("listening on http://");
    assert!(line.contains(&address), "{line}");
    program.address = address;
    let mut server = Lineage::of(program);
    let mut kept = server.connect();
    ask(&mut kept);
    server.upgrade(&[]);
    assert_eq!(server.exit_code(), Some(0));
    ask(&mut kept);
    assert!(get(&server.address, "/plaintext").ends_with("Hello, World!"));
}

#[test]
fn pid_1_stays_as_the_reaper_and_passes_signals_on() {
    let unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let can = Command::new(unshare[0])
        .args(&unshare[1..])
        .arg("true")
        .status();
    if !can.is_ok_and(|status| status.success()) {
        // Not allowed here: nothing can be shown.
        return;
    }
    let mut program = Program::start_under(&unshare, &[]);
    assert_eq!(program.status()["pid"], 1);
    let upgraded = program.ctl(&["upgrade"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    let second = program.status()["pid"].as_u64().unwrap();
    assert_ne!(second, 1);
    program.wait_line("staying as the first process");
    assert!(program.ctl(&["upgrade"]).status.success());
    let third = program.status()["pid"].as_u64().unwrap();
    assert_ne!(third, second);
    // The second has ended; the third belongs to the first now.
    eventually("one generation", || {
        let status = program.status();
        (status["generations"].as_array().unwrap().len() == 1).then_some(())
    });
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    // The first process of the namespace, as seen from outside: unshare's only child.
    let unshare = program.pid();
    let children = format!("/proc/{unshare}/task/{unshare}/children");
    let first: u32 = read(Path::new(&children)).trim().parse().unwrap();
    ringgate::runtime::sys::signals::send_signal(first, Signal::Quit).unwrap();
    program.wait_line("draining");
    assert_eq!(program.exit_code(), Some(0));
}
