//! Long bodies go through; they are not kept.

use crate::common::{Program, assert_balanced};
use std::io::{Read, Write};

/// Bytes each way: `RINGGATE_TEST_SIZE` times 128 MiB, so 8 is 1 GiB.
fn size() -> usize {
    let size = std::env::var("RINGGATE_TEST_SIZE");
    let times: usize = size.map_or(1, |size| size.parse().expect("a number"));
    times << 27
}

/// The most memory the process has ever had resident, in bytes (proc_pid_status(5), VmHWM).
fn peak(program: &Program) -> u64 {
    let pid = program.status()["pid"].to_string();
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kibibytes.parse::<u64>().unwrap() << 10
}

/// Reads to the end and answers how many bytes of body that was.
fn drained(mut stream: impl Read) -> usize {
    let mut buffer = vec![0; 1 << 20];
    let mut head = Vec::new();
    let mut count = 0;
    loop {
        let bytes = stream.read(&mut buffer).expect("bytes in time");
        if bytes == 0 {
            let end = head
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .unwrap();
            assert!(
                head.starts_with(b"HTTP/1.1 200 OK"),
                "{}",
                head.escape_ascii()
            );
            return count - (end + 4);
        }
        if head.len() < 4096 {
            head.extend_from_slice(&buffer[..bytes.min(4096)]);
        }
        count += bytes;
    }
}

#[test]
fn long_streams_up_and_down_take_no_more_memory_than_short_ones() {
    /// What a stream may have under way: queues of both directions, each below 1 MiB, and what the
    /// allocator keeps.
    const GROWTH_BYTES_MAX: u64 = 24 << 20;
    let size = size();
    let program = Program::start(&[]);
    let before = peak(&program);
    let head = |method, path: &str, length| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
    };

    let mut stream = program.connect();
    let get = head("GET", &format!("/bytes/{size}"), 0);
    stream.write_all(get.as_bytes()).unwrap();
    assert_eq!(drained(&mut stream), size);

    let mut stream = program.connect();
    stream
        .write_all(head("POST", "/echo", size).as_bytes())
        .unwrap();
    let mut writer = stream.try_clone().unwrap();
    let echoed = std::thread::scope(|scope| {
        scope.spawn(move || {
            let piece = vec![b'x'; 1 << 20];
            for _ in 0..size >> 20 {
                writer.write_all(&piece).unwrap();
            }
        });
        drained(&mut stream)
    });
    // Its length was not told to the client if the answer went in chunks.
    assert!(echoed >= size, "{echoed}");

    let growth = peak(&program) - before;
    assert!(
        growth < GROWTH_BYTES_MAX,
        "{growth} bytes for {size} each way"
    );
    assert_balanced(&program.status());
}
