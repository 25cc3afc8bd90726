//! The process as its supervisors see it: PID file (row M11), user and group (row M13), pid 1 of a
//! container.

use crate::common::{BINARY, Directory, Program, eventually, get, ringgate, under};
use crate::upgrade::{Lineage, begin, script};
use ringgate::runtime::sys::signals::{Signal, send_signal};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
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
    let alive = format!(
        "process {}, which is alive and holds its lock",
        program.pid()
    );
    assert!(refusal.contains(&alive), "{refusal}");
    assert_eq!(read(&path), own, "the other one's file stays");
    fs::remove_file(&path).unwrap();
    eventually("the file again", || (read(&path) == own).then_some(()));
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn m11_a_pid_file_that_cannot_be_made_again_is_complained_of_once() {
    let directory = Directory::new();
    let own = directory.path("own");
    let path = own.join("r.pid");
    let name = path.to_str().unwrap().to_owned();
    fs::create_dir(&own).unwrap();
    let mut program = Program::spawn(ringgate(), directory, &["--pid-file", &name], true);
    program.wait_line("listening on");
    let uptime = |program: &Program| program.status()["uptime_seconds"].as_f64().unwrap();
    for _ in 0..2 {
        fs::remove_dir_all(&own).unwrap();
        program.wait_line("the PID file is missing");
        // It is looked for every second.
        let noticed = uptime(&program);
        eventually("more looks", || {
            (uptime(&program) > noticed + 2.5).then_some(())
        });
        fs::create_dir(&own).unwrap();
        program.wait_line("the PID file was missing and is made again");
    }
    let complaints = program.seen.iter();
    let complaints = complaints.filter(|line| line.contains("the PID file is missing"));
    assert_eq!(complaints.count(), 2, "{:#?}", program.seen);
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

#[test]
#[ignore = "needs root, to become somebody else"]
fn m13_privileges_are_dropped_in_every_thread_after_binding() {
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
    // The kernel's own workers run no code of the program.
    let own = |status: &&String| !status.starts_with("Name:\tiou-wrk");
    for status in threads.iter().filter(own) {
        assert!(
            status.contains("\nUid:\t4242\t4242\t4242\t4242\n"),
            "{status}"
        );
        assert!(
            status.contains("\nGid:\t4243\t4243\t4243\t4243\n"),
            "{status}"
        );
        for set in ["Inh", "Prm", "Eff", "Bnd", "Amb"] {
            let empty = format!("\nCap{set}:\t0000000000000000\n");
            assert!(status.contains(&empty), "{status}");
        }
        assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
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

/// A directory that belongs to the user whom the server becomes, and a file that only root may read.
fn of_nobody() -> (Directory, PathBuf, PathBuf) {
    let directory = Directory::new();
    let (own, precious) = (directory.path("own"), directory.path("precious"));
    fs::create_dir(&own).unwrap();
    chown(&own, Some(4242), Some(4243)).unwrap();
    fs::write(&precious, "root's\n").unwrap();
    fs::set_permissions(&precious, PermissionsExt::from_mode(0o600)).unwrap();
    (directory, own, precious)
}

#[track_caller]
fn assert_untouched(precious: &Path) {
    let found = fs::metadata(precious).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o777),
        (0, 0, 0o600)
    );
    assert_eq!(read(precious), "root's\n");
}

fn as_nobody(args: &[&str]) -> Output {
    let mut command = ringgate();
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--user",
        "4242",
        "--group",
        "4243",
    ]);
    if !args.contains(&"--control") {
        command.args(["--control", "none"]);
    }
    // One that starts all the same ends by itself.
    let mut command = {
        let mut timed = Command::new("timeout");
        timed.arg("5").arg(command.get_program());
        timed.args(command.get_args());
        timed
    };
    command.args(args).output().unwrap()
}

#[test]
#[ignore = "needs root, to become somebody else"]
fn m13_links_of_the_user_lead_root_nowhere() {
    let (_directory, own, precious) = of_nobody();
    let link = own.join("link");
    symlink(&precious, &link).unwrap();
    let linked_directory = own.join("up");
    symlink("..", &linked_directory).unwrap();
    let behind_link = linked_directory.join("new");
    let hard = own.join("hard");
    fs::hard_link(&precious, &hard).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let belongs = format!("{} belongs to user 4242", own.display());
    for (flag, path, says) in [
        ("--log-file", &link, "links are not followed"),
        ("--log-file", &hard, "let this user write it"),
        ("--log-file", &behind_link, &belongs),
        ("--pid-file", &link, "a symbolic link"),
        ("--pid-file", &hard, "let this user write there"),
        ("--pid-file", &behind_link, &belongs),
        ("--control", &link, "is not a socket"),
        ("--control", &behind_link, &belongs),
    ] {
        let ended = as_nobody(&[flag, &text(path)]);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{flag} {path:?}: {said}");
        assert!(said.contains(says), "{flag} {path:?}: {said}");
        assert_untouched(&precious);
        assert!(!behind_link.exists());
    }
}

#[test]
#[ignore = "needs root, to become somebody else"]
fn m13_where_only_root_writes_files_are_made_by_root_and_given_away() {
    let directory = Directory::new();
    // What is above it has to be root's alone, which the folder of tests is not.
    let rooted = Path::new("/run").join(format!("ringgate-test-{}", std::process::id()));
    fs::create_dir(&rooted).unwrap();
    let path = |name: &str| rooted.join(name).to_str().unwrap().to_owned();
    let (log, pid, control, web) = (path("log"), path("pid"), path("c"), path("w"));
    let listen = format!("unix:{web}?mode=0600&group=4244");
    let args = [
        "--log-file",
        &log,
        "--pid-file",
        &pid,
        "--control",
        &control,
        "--listen",
        &listen,
        "--user",
        "4242",
        "--group",
        "4243",
    ];
    let mut program = Program::spawn(ringgate(), directory, &args, false);
    eventually("a server", || {
        read(Path::new(&log)).contains("listening on").then_some(())
    });
    let owners = [&log, &pid, &control, &web].map(|path| {
        let found = fs::metadata(path).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o777)
    });
    program.signal(Signal::Term);
    let code = program.exit_code();
    let logged = read(Path::new(&log));
    fs::remove_dir_all(&rooted).unwrap();
    assert_eq!(
        owners,
        [
            (4242, 4243, 0o640),
            (4242, 4243, 0o644),
            (4242, 4243, 0o600),
            (4242, 4244, 0o600)
        ]
    );
    assert_eq!(code, Some(0), "{logged}");
}

#[test]
fn a_unix_socket_is_for_its_owner_and_its_group_whatever_the_umask() {
    for (settings, mode) in [("", 0o660), ("?mode=0666", 0o666), ("?mode=600", 0o600)] {
        for umask in ["0", "077"] {
            let directory = Directory::new();
            let path = directory.path("web.sock");
            let listen = format!("unix:{}{settings}", path.display());
            let script = format!("umask {umask}; exec \"$@\"");
            let wrapper = ["sh", "-c", &script, "sh"];
            let mut program =
                Program::spawn(under(&wrapper), directory, &["--listen", &listen], true);
            let line = program.wait_line("listening on unix:");
            assert!(!line.contains('?'), "{line}");
            assert_eq!(
                fs::metadata(&path).unwrap().mode() & 0o777,
                mode,
                "{listen} {umask}"
            );
        }
    }
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
    assert_eq!(refused.status.code(), Some(2), "{refusal}");
    assert!(refusal.contains("no-such-user"), "{refusal}");
}

/// Makes the program the first process of a pid namespace (pid_namespaces(7)).
const CONTAINER: [&str; 5] = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// The first process of the namespace, as seen from outside: unshare's only child.
fn first_process(program: &Program) -> u32 {
    let unshare = program.pid();
    let children = format!("/proc/{unshare}/task/{unshare}/children");
    read(Path::new(&children)).trim().parse().unwrap()
}

/// The children of a process that have ended and were not collected, and all of them.
fn children(pid: u32) -> (Vec<String>, Vec<String>) {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.map(|task| read(&task.unwrap().path().join("children")));
    let all: Vec<String> = lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let is_zombie = |pid: &&String| read(Path::new(&format!("/proc/{pid}/stat"))).contains(") Z ");
    (all.iter().filter(is_zombie).cloned().collect(), all)
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn pid_1_collects_orphans_before_an_upgrade_and_hears_how_a_new_process_ended() {
    let program = Program::start_under(&CONTAINER, &[]);
    let first = first_process(&program).to_string();
    // A process whose parent ends at once; when its number is told it has been given to pid 1.
    let orphan = "(sleep 0.2 & echo $!) | cat; sleep 0.1";
    let told = Command::new("nsenter")
        .args(["--target", &first, "--pid", "--mount", "sh", "-c", orphan])
        .output()
        .unwrap();
    let number = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.status.success() && number.trim().parse::<u32>().is_ok(),
        "{number:?}"
    );
    let first = first.parse().unwrap();
    eventually("no children", || children(first).1.is_empty().then_some(()));
    // It is no orphan: the server itself hears how it ended.
    let failed = program.ctl(&["upgrade", "--binary", "/bin/false"]);
    let why = String::from_utf8_lossy(&failed.stderr);
    assert!(why.contains("exit status: 1"), "{why}");
    eventually("nobody", || children(first).1.is_empty().then_some(()));
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn m11_a_lock_is_seen_from_another_container_and_ends_with_its_process() {
    let directory = Directory::new();
    let path = directory.path("r.pid");
    let name = path.to_str().unwrap();
    let mut first = Program::start_under(&CONTAINER, &["--pid-file", name]);
    assert_eq!(read(&path), "1\n");
    // One that starts all the same ends by itself.
    let second = under(&[["timeout", "10"].as_slice(), &CONTAINER].concat())
        .args([
            "--listen",
            "127.0.0.1:0",
            "--control",
            "none",
            "--pid-file",
            name,
        ])
        .output()
        .unwrap();
    let refusal = String::from_utf8_lossy(&second.stderr);
    assert!(
        refusal.contains("holds its lock"),
        "the same number, and another process: {refusal}"
    );
    let victim = first_process(&first).to_string();
    assert!(
        Command::new("kill")
            .args(["-KILL", &victim])
            .status()
            .unwrap()
            .success()
    );
    first.exit_code();
    assert_eq!(read(&path), "1\n", "left by the crash");
    let third = Program::start_under(&CONTAINER, &["--pid-file", name]);
    assert_eq!(third.status()["pid"], 1);
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn pid_1_stays_as_the_reaper_and_passes_signals_on() {
    let mut program = Program::start_under(&CONTAINER, &[]);
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
    send_signal(first_process(&program), Signal::Quit).unwrap();
    program.wait_line("draining");
    assert_eq!(program.exit_code(), Some(0));
}

/// A generation with a request under way hands over; then all are told to end by pid 1.
fn upgraded_and_told_to_end_it_finishes_what_it_has(mut program: Program, told: Signal) {
    let mut busy = program.connect();
    begin(&mut busy);
    eventually("a running request", || {
        (program.status()["totals"]["requests"]["running"] == 1).then_some(())
    });
    let upgraded = program.ctl(&["upgrade"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    send_signal(first_process(&program), told).unwrap();
    eventually("the end of the one that serves", || {
        TcpStream::connect(&program.address).is_err().then_some(())
    });
    busy.write_all(b"lf").unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("half"), "{answer}");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn pid_1_passes_signals_on_while_it_still_finishes_what_it_has() {
    let args = ["--graceful-timeout", "60s"];
    let program = Program::start_under(&CONTAINER, &args);
    upgraded_and_told_to_end_it_finishes_what_it_has(program, Signal::Quit);
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn pid_1_takes_no_program_that_a_server_has_started_for_a_server() {
    let mut program = Program::start_under(&CONTAINER, &[]);
    // The new process has another child from its beginning.
    let text = format!("sleep 600 & exec {BINARY} \"$@\"");
    let with_child = script(&program, &text);
    let upgraded = program.ctl(&["upgrade", "--binary", with_child.to_str().unwrap()]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    program.wait_line("staying as the first process");
    send_signal(first_process(&program), Signal::Quit).unwrap();
    program.wait_line("draining");
    assert_eq!(program.exit_code(), Some(0), "it waits for no such program");
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn pid_1_ends_all_by_one_signal_while_a_newer_process_starts() {
    let mut program = Program::start_under(&CONTAINER, &[]);
    assert!(program.ctl(&["upgrade"]).status.success());
    program.wait_line("staying as the first process");
    // One that is known for a server, and never serves.
    let (coming, never) = (
        program.directory.path("coming"),
        "exec 3<>never; read x <&3",
    );
    let text = format!(
        "trap 'exit 0' TERM; printf rg-coord >/proc/$$/comm; cd {}; mkfifo never; : >coming; {never}",
        program.directory.path("").display()
    );
    let starts = script(&program, &text);
    let control = program.control();
    let upgrade = std::thread::spawn(move || {
        crate::common::ctl(&control, &["upgrade", "--binary", starts.to_str().unwrap()])
    });
    eventually("a new process", || coming.exists().then_some(()));
    send_signal(first_process(&program), Signal::Term).unwrap();
    assert_eq!(program.exit_code(), Some(0));
    assert!(!upgrade.join().unwrap().status.success());
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn pid_1_has_all_drain_by_one_signal_and_cuts_nobody() {
    let args = ["--graceful-timeout", "60s", "--on-term", "drain"];
    let mut program = Program::start_under(&CONTAINER, &args);
    assert!(program.ctl(&["upgrade"]).status.success());
    program.wait_line("staying as the first process");
    // The second generation finishes it while the third serves.
    upgraded_and_told_to_end_it_finishes_what_it_has(program, Signal::Term);
}

#[test]
#[ignore = "needs root, to make a pid namespace"]
fn pid_1_stays_for_a_server_under_a_wrapper_and_passes_signals_on_to_it() {
    let mut program = Program::start_under(&CONTAINER, &[]);
    assert!(program.ctl(&["upgrade"]).status.success());
    program.wait_line("staying as the first process");
    let wrapper = script(&program, &format!("{BINARY} \"$@\"\nexit $?"));
    let upgraded = program.ctl(&["upgrade", "--binary", wrapper.to_str().unwrap()]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    eventually("one generation", || {
        let status = program.status();
        (status["generations"].as_array().unwrap().len() == 1).then_some(())
    });
    // Longer than pid 1 looks for a server when one has ended, which nothing tells.
    std::thread::sleep(Duration::from_secs(5));
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    send_signal(first_process(&program), Signal::Quit).unwrap();
    program.wait_line("draining");
    assert_eq!(program.exit_code(), Some(0));
}
