//! Row H18: the two presets of docs/admission.md, one of them with a real HAProxy in front.

use super::common::stage::{Stage, hold, limits};
use super::common::{TestServer, config, wait_for};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The backend that docs/admission.md gives, without its servers.
fn sample() -> String {
    let document = include_str!("../../../docs/admission.md");
    let (_, rest) = document.split_once("```haproxy\n").expect("a sample");
    let (sample, _) = rest.split_once("```").expect("its end");
    let lines = sample.lines();
    let others: Vec<_> = lines
        .filter(|line| !line.trim_start().starts_with("server "))
        .collect();
    assert!(
        others.len() + 1 < sample.lines().count(),
        "servers in {sample}"
    );
    others.join("\n")
}

/// A HAProxy before some servers; ended when dropped.
struct Balancer {
    child: Child,
    directory: PathBuf,
}

impl Balancer {
    fn start(name: &str, servers: &[&TestServer]) -> Balancer {
        let addresses = servers.iter().map(|server| server.address().to_string());
        Balancer::before(name, addresses.collect())
    }

    fn before(name: &str, addresses: Vec<String>) -> Balancer {
        let directory =
            std::env::temp_dir().join(format!("ringgate-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("a directory for the test");
        let socket = directory.join("in.sock");
        let servers: String = (1..)
            .zip(addresses)
            .map(|(number, address)| format!("    server s{number} {address} check\n"))
            .collect();
        let text = format!(
            "defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    \
             timeout server 30s\n\nfrontend in\n    bind unix@{socket}\n    \
             default_backend app\n\n{sample}\n{servers}",
            sample = sample(),
            socket = socket.display(),
        );
        let file = directory.join("haproxy.cfg");
        std::fs::write(&file, text).expect("written");
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("haproxy is installed");
        let balancer = Balancer { child, directory };
        wait_for("haproxy listens", || UnixStream::connect(&socket).is_ok());
        balancer
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.directory.join("in.sock")).expect("it listens");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a time limit");
        stream
    }

    fn send(&self, path: &str) -> UnixStream {
        let mut stream = self.connect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        stream
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn answer(mut stream: UnixStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
#[ignore = "needs haproxy: apt-get install haproxy"]
fn h18_behind_a_balancer_a_503_moves_on_and_no_client_sees_one() {
    let stage = Stage::default();
    let start = |slots| {
        let mut config = config();
        config.admission = limits(slots, 0);
        stage.start(config)
    };
    let (small, large) = (start(1), start(20));
    let balancer = Balancer::start("failfast", &[&small, &large]);
    let mut taken = hold(&small, 1000);
    // Every other one goes to the full server first.
    let streams: Vec<_> = (0..12)
        .map(|id| {
            let stream = balancer.send(&format!("/hold/{id}"));
            wait_for("it runs somewhere", || stage.began().contains(&id));
            stream
        })
        .collect();
    stage.release_all();
    for (id, stream) in streams.into_iter().enumerate() {
        let answer = answer(stream);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with(&format!("held {id}")), "{answer}");
    }
    assert_eq!(taken.answer().status, 200);
    let refused = small.total("requests/rejected");
    assert!(refused >= 6, "{refused} were refused and moved on");
    assert_eq!(large.total("requests/rejected"), 0);
    drop(balancer);
}

#[test]
#[ignore = "needs haproxy: apt-get install haproxy"]
fn h18_when_every_server_is_full_the_client_is_told_so() {
    let stage = Stage::default();
    let start = || {
        let mut config = config();
        config.admission = limits(1, 0);
        stage.start(config)
    };
    let servers = [start(), start()];
    let balancer = Balancer::start("full", &[&servers[0], &servers[1]]);
    let mut held = [hold(&servers[0], 1), hold(&servers[1], 2)];
    let text = answer(balancer.send("/hold/3"));
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    stage.release_all();
    for client in &mut held {
        assert_eq!(client.answer().status, 200);
    }
    drop(balancer);
}

#[test]
#[ignore = "needs haproxy: apt-get install haproxy"]
fn h18_a_post_moves_on_too_also_if_its_body_follows_its_head() {
    let stage = Stage::default();
    let start = |slots| {
        let mut config = config();
        config.admission = limits(slots, 0);
        stage.start(config)
    };
    let (small, large) = (start(1), start(20));
    let balancer = Balancer::start("posts", &[&small, &large]);
    let mut taken = hold(&small, 1000);
    for length in [100, 10_000] {
        for _ in 0..60 {
            let mut stream = balancer.connect();
            let head = format!(
                "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("sent");
            stream.write_all(&vec![b'x'; length]).expect("sent");
            let answer = answer(stream);
            assert!(answer.starts_with("HTTP/1.1 200"), "{length}: {answer}");
        }
    }
    let refused = small.total("requests/rejected");
    assert!(refused > 0, "some were refused and moved on");
    stage.release_all();
    assert_eq!(taken.answer().status, 200);
    drop(balancer);
}

#[test]
#[ignore = "needs haproxy: apt-get install haproxy"]
fn h18_a_post_that_a_server_has_read_is_not_repeated_when_the_server_dies() {
    let read = Arc::new(AtomicU32::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it listens").to_string();
    let count = read.clone();
    // Ends with the process: a server that reads a request and dies of it.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut bytes = [0; 4096];
            if stream
                .and_then(|mut stream| stream.read(&mut bytes))
                .is_ok_and(|count| count > 0)
            {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let balancer = Balancer::before("deaths", vec![address.clone(), address]);
    let mut stream = balancer.connect();
    let post =
        "POST /order HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    stream.write_all(post.as_bytes()).expect("sent");
    let answer = answer(stream);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(read.load(Ordering::SeqCst), 1);
    drop(balancer);
}

#[test]
fn h18_standing_alone_a_burst_is_queued_and_only_what_is_beyond_it_is_refused() {
    let stage = Stage::default();
    let mut config = config();
    config.admission = limits(2, 6);
    config.queue.timeout = Duration::from_secs(10);
    let server = stage.start(config);
    let mut burst: Vec<_> = (0..7).map(|id| hold(&server, id)).collect();
    assert_eq!(burst[2].answer().status, 503, "the oldest that waited");
    assert_eq!(server.total("requests/pending"), 4);
    stage.release_all();
    for (id, client) in burst.iter_mut().enumerate() {
        if id != 2 {
            assert_eq!(client.answer().status, 200);
        }
    }
    assert_eq!(stage.began(), [0, 1, 3, 4, 5, 6]);
}
