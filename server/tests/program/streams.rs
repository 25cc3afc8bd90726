//! Long bodies go through; they are not kept.

use crate::common::{Directory, Program, assert_balanced, eventually, read_greetings};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Bytes each way: `RINGGATE_TEST_SIZE` times 128 MiB, so 8 is 1 GiB.
fn size() -> usize {
    let size = std::env::var("RINGGATE_TEST_SIZE");
    let times: usize = size.map_or(1, |size| size.parse().expect("a number"));
    times << 27
}

/// The most memory the process has ever had resident, in bytes (proc_pid_status(5), VmHWM).
fn peak(program: &Program) -> u64 {
    in_status(program, "VmHWM:")
}

fn in_status(program: &Program, name: &str) -> u64 {
    let pid = program.status()["pid"].to_string();
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
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

/// The memory of the process that is resident now, in bytes (proc_pid_status(5), VmRSS).
fn resident(program: &Program) -> u64 {
    in_status(program, "VmRSS:")
}

/// What the server has sent on all connections, by its metrics.
fn bytes_sent(metrics: &Path) -> u64 {
    let mut stream = UnixStream::connect(metrics).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let name = "ringgate_sent_bytes_total{core=\"0\"} ";
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.expect(name).parse().unwrap()
}

/// A client whose kernel takes a few kilobytes and no more.
fn connect_narrowly(program: &Program) -> TcpStream {
    use rustix::net;
    let address: SocketAddr = program.address.parse().unwrap();
    let socket = net::socket(net::AddressFamily::INET, net::SocketType::STREAM, None).unwrap();
    net::sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    net::connect(&socket, &address).unwrap();
    socket.into()
}

#[test]
fn readers_of_a_file_that_take_nothing_cost_little_and_leave_nothing_behind() {
    const READERS: u64 = 200;
    /// The large blocks for files, of which a core lends so many bytes, and keeps them.
    const BLOCKS_BYTES_MAX: u64 = 8 << 20;
    /// Bytes each beside those: a read of a file, and what a connection needs.
    const READER_BYTES_MAX: u64 = 80 << 10;
    /// What all of them may leave beside those: caches of fixed size.
    const LEFT_BYTES_MAX: u64 = 3 << 20;
    let directory = Directory::new();
    let root = directory.path("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("large"), vec![b'x'; 32 << 20]).unwrap();
    let metrics = directory.path("metrics");
    let listen = format!("unix:{}", metrics.display());
    let root = root.to_str().unwrap();
    let program = Program::start(&["--cores", "1", "--root", root, "--metrics", &listen]);
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    // What any request and a quick reader touch for the first time is touched here.
    let mut readers: Vec<_> = (0..READERS)
        .map(|_| {
            let mut stream = connect_narrowly(&program);
            stream.write_all(get("/plaintext").as_bytes()).unwrap();
            read_greetings(&mut stream, 1);
            stream
        })
        .collect();
    let mut quick = program.connect();
    let close = get("/files/large").replace("test", "test\r\nConnection: close");
    quick.write_all(close.as_bytes()).unwrap();
    assert_eq!(drained(&mut quick), 32 << 20);
    let before = resident(&program);

    for stream in &mut readers {
        stream.write_all(get("/files/large").as_bytes()).unwrap();
    }
    let (mut sent, mut looks) = (0, 0);
    eventually("nobody takes any more", || {
        let before = std::mem::replace(&mut sent, bytes_sent(&metrics));
        let running = &program.status()["totals"]["requests"]["running"];
        looks = if before == sent && *running == READERS {
            looks + 1
        } else {
            0
        };
        (looks == 20).then_some(())
    });
    let each = (resident(&program) - before).saturating_sub(BLOCKS_BYTES_MAX) / READERS;
    assert!(each < READER_BYTES_MAX, "{each} bytes a reader");

    drop(readers);
    eventually("all have gone", || {
        (program.status()["totals"]["connections"]["open"] == 0).then_some(())
    });
    let left = resident(&program).saturating_sub(before);
    let most = LEFT_BYTES_MAX + BLOCKS_BYTES_MAX;
    assert!(left < most, "{left} bytes stay");
    assert_balanced(&program.status());
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
