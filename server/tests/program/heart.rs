//! Where the coordinator gives up on a server, and where it does not: too many stuck threads, too many
//! panics, and a machine that is merely busy.

use crate::common::{Program, eventually};
use ringgate::runtime::sys::cpu::{cpu_mask, pin_current_thread};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Tells the rivals to end, also if the test fails meanwhile.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn request(program: &Program, path: &str) -> TcpStream {
    let mut stream = program.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").expect("sent");
    stream
}

/// Gives a stuck core up after a fraction of a second.
const IMPATIENT: [&str; 8] = [
    "--stall",
    "40ms",
    "--heartbeat-interval",
    "60ms",
    "--heartbeat-timeout",
    "60ms",
    "--graceful-timeout",
    "60s",
];

#[test]
fn m5_eight_stuck_threads_end_the_process_with_1_for_its_supervisor() {
    let mut program = Program::start(&IMPATIENT);
    let mut clients = Vec::new();
    for stuck in 1..=8 {
        clients.push(request(&program, "/block?ms=600000"));
        let line = program.wait_line("a core is stuck; it is replaced");
        assert!(line.contains(&format!("quarantined={stuck}")), "{line}");
    }
    program.wait_line("8 threads are stuck in handlers; the process ends for its supervisor");
    // It waits for none of them: they would take ten minutes.
    assert_eq!(program.exit_code(), Some(1));
}

#[test]
fn m5_seven_stuck_threads_are_borne() {
    let mut program = Program::start(&IMPATIENT);
    let mut clients = Vec::new();
    for _ in 1..=7 {
        clients.push(request(&program, "/block?ms=600000"));
        program.wait_line("a core is stuck; it is replaced");
    }
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    let status = program.status();
    assert_eq!(status["pool"]["quarantined"], 7);
    assert_eq!(status["pool"]["running"], 1);
    assert!(program.ctl(&["stop"]).status.success());
    assert_eq!(program.exit_code(), Some(0), "a stop waits for nobody");
}

#[test]
fn m3_sixteen_panicked_cores_end_the_process_with_1_for_its_supervisor() {
    // Many cores, so that none has to wait for the pause before it starts again.
    let mut program = Program::start(&["--cores", "8", "--core-slots", "8"]);
    for _ in 0..15 {
        // The one that answers is on a core that runs; its own is the one that panics.
        let mut stream = eventually("a core that accepts", || {
            let mut stream = TcpStream::connect(&program.address).ok()?;
            write!(stream, "GET /panic?core=1 HTTP/1.1\r\nHost: test\r\n\r\n").ok()?;
            Some(stream)
        });
        let _ = stream.read_to_end(&mut Vec::new());
        program.wait_line("a core panicked; it is replaced");
    }
    assert!(program.get("/plaintext").ends_with("Hello, World!"));
    let _last = request(&program, "/panic?core=1");
    program.wait_line("16 cores ended badly; giving up");
    assert_eq!(program.exit_code(), Some(1));
}

#[test]
fn m4_a_core_that_a_busy_machine_holds_up_is_not_stuck() {
    const RIVALS: usize = 10;
    // A quarter of a second of silence would be a stall. It spins for six times that, of which the
    // rivals leave it about a tenth.
    let mut program = Program::start(&["--stall", "250ms", "--log-level", "info"]);
    let cpu = program.status()["cores"][0]["cpu"].as_u64();
    let Some(cpu) = cpu.map(|cpu| cpu as usize) else {
        return eprintln!("not pinned: this mask cannot be had in full");
    };
    assert!(cpu_mask().expect("a mask").contains(&cpu));
    let over = AtomicBool::new(false);
    let worst = thread::scope(|scope| {
        for _ in 0..RIVALS {
            scope.spawn(|| {
                pin_current_thread(cpu).expect("pinned");
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let _over = Over(&over);
        let mut stream = request(&program, "/spin?ms=1500");
        let mut answer = [0; 12];
        let mut worst = 0;
        stream.set_nonblocking(true).expect("non-blocking");
        eventually("an answer", || {
            let status = program.status();
            worst = worst.max(status["pool"]["stuck"].as_u64().expect("a number"));
            matches!(stream.read(&mut answer), Ok(1..)).then_some(())
        });
        worst
    });
    assert_eq!(worst, 0, "it was taken for stuck");
    assert!(program.ctl(&["stop"]).status.success());
    assert_eq!(program.exit_code(), Some(0));
    let lines = program.rest();
    assert!(
        lines.iter().all(|line| !line.contains("makes no turn")),
        "{lines:?}"
    );
}
