//! Row H18: the two presets of docs/admission.md, one of them with a real HAProxy in front.

use super::common::stage::{Stage, hold, limits};
use super::common::{TestServer, config, wait_for};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A HAProxy before some servers; ended when dropped.
struct Balancer {
    child: Child,
    directory: PathBuf,
}

impl Balancer {
    /// The backend is that of docs/admission.md.
    fn start(name: &str, servers: &[&TestServer]) -> Balancer {
        let directory =
            std::env::temp_dir().join(format!("ringgate-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("a directory for the test");
        let socket = directory.join("in.sock");
        let servers: String = (1..)
            .zip(servers)
            .map(|(number, server)| format!("    server s{number} {} check\n", server.address()))
            .collect();
        let text = format!(
            "defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    \
             timeout server 30s\n\nfrontend in\n    bind unix@{socket}\n    \
             default_backend app\n\nbackend app\n    balance roundrobin\n    \
             option redispatch 1\n    retries 3\n    \
             retry-on 503 conn-failure empty-response\n{servers}",
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

    fn send(&self, path: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.directory.join("in.sock")).expect("it listens");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a time limit");
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
