//! What the machine does to a server: a disk without room, and connections that somebody ends in the kernel.

use crate::common::{Directory, PATIENCE, Program, assert_balanced, eventually, under};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A disk of 64 KiB for a server, mounted where only the server sees it.
const SMALL_DISK: &str = "mount -t tmpfs -o size=64k none \"$0\" && exec \"$@\"";

/// Fills a disk to the last byte.
fn fill(disk: &Path) {
    let mut ballast = fs::File::create(disk.join("ballast")).expect("a file");
    while ballast.write(&[b'x'; 512]).is_ok_and(|count| count > 0) {}
}

/// Whether this is one line of the access log, or an empty one: both processes may end the one that was torn.
fn is_whole(line: &str) -> bool {
    line.is_empty() || line.rfind("127.0.0.1 ") == Some(0) && line.ends_with("\"-\" \"-\"")
}

#[test]
#[ignore = "needs root, to mount"]
fn on_a_full_disk_lines_are_dropped_and_counted_and_whole_again_when_there_is_room() {
    let directory = Directory::new();
    let disk = directory.path("disk");
    fs::create_dir(&disk).expect("a place to mount at");
    let at = |name: &str| disk.join(name).display().to_string();
    let (log, access, pid_file) = (at("log"), at("access.log"), at("pid"));
    let disk_text = disk.display().to_string();
    let wrapper = ["unshare", "--mount", "sh", "-c", SMALL_DISK, &disk_text];
    let args = [
        ["--access-log", &access],
        ["--log-file", &log],
        ["--pid-file", &pid_file],
    ];
    let mut program = Program::spawn(under(&wrapper), directory, args.as_flattened(), true);
    eventually("a server", || program.control().exists().then_some(()));
    let address = &program.status()["listeners"][0]["address"];
    program.address = address.as_str().expect("an address").to_owned();
    // As it is seen by the process that serves.
    let inside = disk.strip_prefix("/").expect("a whole path").to_owned();
    let disk = |program: &Program| {
        let root = format!("/proc/{}/root", program.status()["pid"]);
        PathBuf::from(root).join(&inside)
    };
    let figure = |program: &Program, name: &str| {
        let log = program.status()["access_log"].clone();
        log[name].as_u64().expect("a count")
    };

    let mut asked = 0;
    let mut ask = |program: &Program| {
        let answer = program.get("/plaintext");
        assert!(answer.ends_with("Hello, World!"), "{answer}");
        asked += 1;
        asked
    };
    // Its page has room for some lines more.
    ask(&program);
    eventually("a line", || {
        (figure(&program, "written") == 1).then_some(())
    });
    fill(&disk(&program));
    eventually("dropped lines", || {
        ask(&program);
        (figure(&program, "dropped") > 0).then_some(())
    });
    // A new process has no room for its number, says what would help, and the old one goes on.
    let refused = program.ctl(&["upgrade"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("make room there"), "{refused:?}");
    let asked = ask(&program);
    eventually("each line written or dropped", || {
        let told = figure(&program, "written") + figure(&program, "dropped");
        (told == asked).then_some(())
    });
    fs::remove_file(disk(&program).join("ballast")).expect("room");
    // It does not continue the line that the old one could not end.
    let upgraded = program.ctl(&["upgrade"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    let disk = disk(&program);
    let text = eventually("lines again", || {
        program.get("/plaintext?after");
        let text = fs::read_to_string(disk.join("access.log")).expect("the file");
        text.contains("?after").then_some(text)
    });
    let torn: Vec<&str> = text.lines().filter(|line| !is_whole(line)).collect();
    let is_front = |line: &&str| !line.ends_with("\"-\" \"-\"");
    assert!(
        torn.len() <= 1 && torn.iter().all(is_front),
        "two lines in one: {torn:?}"
    );
    assert_balanced(&program.status());
    program.ctl(&["stop"]);
}

/// Asks again and again, on a connection that is made anew when it ends.
fn ask(address: &str, over: &AtomicBool, answered: &AtomicU64, cut: &AtomicU64) {
    let mut answer = [0; 4096];
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address) else {
            continue;
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        while !over.load(Ordering::Relaxed) {
            let sent = stream.write_all(b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n");
            match sent.and_then(|()| stream.read(&mut answer)) {
                Ok(1..) => answered.fetch_add(1, Ordering::Relaxed),
                Ok(0) | Err(_) => {
                    cut.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            };
        }
    }
}

#[test]
#[ignore = "needs root, to end connections of others: apt-get install iproute2"]
fn connections_that_the_kernel_is_told_to_end_under_load_leave_nothing_behind() {
    let program = Program::start(&["--core-slots", "1"]);
    let (_, port) = program.address.rsplit_once(':').expect("a port");
    let (over, answered, cut) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let kill = |side: &str| {
        let filter = ["state", "established", side, "=", &format!(":{port}")];
        let killed = Command::new("ss")
            .args(["-K", "-H", "-t", "-n"])
            .args(filter)
            .output();
        let killed = killed.expect("ss");
        assert!(killed.status.success(), "{killed:?}");
        String::from_utf8_lossy(&killed.stdout).lines().count()
    };
    let ended: usize = std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| ask(&program.address, &over, &answered, &cut));
        }
        let ended = (0..40).map(|round| {
            let before = answered.load(Ordering::Relaxed);
            eventually("answers", || {
                (answered.load(Ordering::Relaxed) > before + 20).then_some(())
            });
            // The end of the server, and that of the clients.
            kill(if round % 2 == 0 { "sport" } else { "dport" })
        });
        let ended = ended.sum();
        over.store(true, Ordering::Relaxed);
        ended
    });
    assert!(ended > 40, "{ended} were ended");
    let cut = cut.load(Ordering::Relaxed);
    assert!(cut > 40, "{cut} clients saw it");
    let status = eventually("nothing is open", || {
        let status = program.status();
        (status["totals"]["connections"]["open"] == 0).then_some(status)
    });
    assert_balanced(&status);
    assert_eq!(status["totals"]["connections"]["in_transit"], 0);
    assert_eq!(status["totals"]["requests"]["running"], 0);
    assert_eq!(status["cores"][0]["operations_in_flight"], 1, "the accept");
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
}
