//! The program's other doors: races, memory and their errors, against the floors alone.

mod common;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use ringgate_bench::floor::{self, After};
use ringgate_bench::race::Scenario;
use ringgate_bench::server::{Binaries, Job, Peer, Server};
use ringgate_bench::target::Endpoint;
use ringgate_bench::{idle_memory, load};

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringgate-bench"))
        .args(args)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_missing_ringgate_binary_is_an_error_that_names_the_cure() {
    let output = bench(&[
        "race",
        "--peers",
        "ringgate",
        "--ringgate-binary",
        "/nonexistent/ringgate",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cargo build --release"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_floor_refuses_to_listen_beyond_loopback_and_names_a_taken_port() {
    let output = bench(&["floor", "epoll", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("not a loopback address"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = bench(&["floor", "uring", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

#[test]
fn unknown_peers_and_scenarios_are_usage_errors_that_list_the_known() {
    let output = bench(&["race", "--peers", "nobody"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("tokio-uring"));
    let output = bench(&["race", "--scenarios", "uphill"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("plain-cN"));
}

#[test]
fn a_race_of_the_floors_measures_both() {
    if core_affinity::get_core_ids().is_none_or(|cpus| cpus.len() < 2) {
        eprintln!("a race needs two CPUs; nothing was tested");
        return;
    }
    let output = bench(&[
        "race",
        "--json",
        "--peers",
        "uring,epoll",
        "--rounds",
        "1",
        "--seconds",
        "1",
        "--scenarios",
        "plain-c8,close-c8",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["invalid"], serde_json::json!([]));
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert!(
            row["cpu_us_per_request"]["median"].as_f64().unwrap() > 0.0,
            "{row}"
        );
    }
    assert_eq!(rows[0]["ratio"]["median"], 1.0, "the floor against itself");
}

#[test]
fn a_race_on_the_cpu_of_the_server_says_so_in_its_cells() {
    let cpu = core_affinity::get_core_ids().unwrap()[0].id.to_string();
    let race = |scenario: &str| {
        let at = ["--server-cpu", &cpu, "--load-cpu", &cpu];
        let what = ["--peers", "uring", "--rounds", "1", "--seconds", "1"];
        let asked = ["race", "--json", "--scenarios", scenario];
        bench(&[&asked[..], &at, &what].concat())
    };
    let output = race("plain-c8@1");
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cell = &report["cells"][0];
    assert_eq!(cell["scenario"], "plain-c8@1");
    assert_eq!(cell["shares_cpus"], true);
    let output = race("plain-c8");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("--load-cpu"),
        "{}",
        stderr(&output)
    );
}

/// A floor in a process of its own, since other tests decide what the memory of this one does. Ended when dropped.
struct Floor {
    process: Child,
    address: SocketAddr,
}

impl Floor {
    fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-bench"));
        command.args(["floor", "epoll", "--listen", &address.to_string()]);
        let process = command.spawn().unwrap();
        let floor = Self { process, address };
        eventually(|| TcpStream::connect(address).ok());
        floor
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.process.kill().expect("it runs until now");
        self.process.wait().expect("it ended");
    }
}

#[test]
fn an_idle_connection_of_a_floor_costs_next_to_nothing() {
    let floor = Floor::start();
    let address = floor.address;
    let options = idle_memory::Options {
        target: format!("http://{address}/").parse().unwrap(),
        http2: false,
        pid: floor.process.id(),
        steps: vec![100, 600],
        source_addresses: 2,
    };
    let report = idle_memory::run(&options).unwrap();
    assert_eq!(
        report
            .steps
            .iter()
            .map(|step| step.connections)
            .collect::<Vec<_>>(),
        [100, 600]
    );
    // A read buffer a connection would be 4 KiB and more. Other tests run the same program: when one of them ends, pages of
    // its file become private here, but all the same they were resident.
    assert!(report.rss_bytes_per_connection < 4096.0, "{report}");
    let falling = idle_memory::Options {
        steps: vec![600, 100],
        ..options
    };
    assert!(
        idle_memory::run(&falling)
            .unwrap_err()
            .to_string()
            .contains("rise")
    );
}

/// A program that is started as `ringgate serve --listen ADDRESS --cores 1` and runs `line`.
fn stand_in(name: &str, line: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("ringgate-stand-in-{name}-{}", std::process::id()));
    std::fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Starts the stand-in; where it runs does not matter, so the first allowed CPU is taken.
fn start(path: &Path) -> std::io::Result<Server> {
    let cpu = core_affinity::get_core_ids().unwrap()[0].id;
    let started = Binaries::prepare(&[Peer::Ringgate], &[Job::PLAIN], Some(path), None)
        .and_then(|binaries| Server::start(&binaries, Peer::Ringgate, cpu, Job::PLAIN));
    std::fs::remove_file(path).unwrap();
    started
}

#[test]
fn a_server_is_ended_when_its_guard_is_dropped_even_by_a_panic() {
    let line = format!(
        "exec {} floor epoll --listen \"$3\"",
        env!("CARGO_BIN_EXE_ringgate-bench")
    );
    let pid = std::sync::OnceLock::new();
    let panicked = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let server = start(&stand_in("good", &line)).unwrap();
            assert!(Path::new(&format!("/proc/{}", server.pid())).exists());
            pid.set(server.pid()).unwrap();
            panic!("something goes wrong while the server runs");
        });
        run.join().is_err()
    });
    assert!(panicked);
    assert!(!Path::new(&format!("/proc/{}", pid.get().unwrap())).exists());
}

#[test]
fn a_server_that_ends_at_once_is_an_error_with_its_last_words() {
    let error = start(&stand_in("bad", "echo 'no ring for you' >&2; exit 3"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no ring for you") && error.contains("ringgate"),
        "{error}"
    );
}

#[test]
fn a_cell_with_a_bad_answer_takes_part_in_no_figure_and_is_named() {
    // A floor told to close announces it in each answer of a batch: all but the first are too many.
    let line = format!(
        "exec {} floor epoll --close --listen \"$3\"",
        env!("CARGO_BIN_EXE_ringgate-bench")
    );
    let path = stand_in("wrong", &line);
    let output = bench(&[
        "race",
        "--json",
        "--peers",
        "ringgate",
        "--rounds",
        "1",
        "--seconds",
        "1",
        "--scenarios",
        "pipeline16-c2",
        "--ringgate-binary",
        path.to_str().unwrap(),
    ]);
    std::fs::remove_file(path).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["rows"], &report["cells"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    assert_eq!(report["invalid"][0]["peer"], "ringgate");
    assert!(
        report["invalid"][0]["failures"]
            .as_str()
            .unwrap()
            .contains("doubled"),
        "{report}"
    );
}

#[test]
fn a_race_goes_on_with_the_cells_that_are_left_and_measures_none_twice() {
    if core_affinity::get_core_ids().is_none_or(|cpus| cpus.len() < 2) {
        eprintln!("a race needs two CPUs; nothing was tested");
        return;
    }
    let name = format!("ringgate-bench-kept-{}.json", std::process::id());
    let file = std::env::temp_dir().join(name);
    let race = |peers: &str, time: &str| {
        let file = file.to_str().unwrap();
        let fixed = [
            "race",
            "--json",
            "--rounds",
            "1",
            "--seconds",
            "1",
            "--keep",
            file,
        ];
        let asked = ["--scenarios", "plain-c4", "--peers", peers, "--for", time];
        let output = bench(&[&fixed[..], &asked].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let none = race("uring", "1us");
    assert_eq!(
        (&none["left"], &none["cells"]),
        (&1.into(), &serde_json::json!([]))
    );
    let first = race("uring", "1m");
    let again = race("uring", "1m");
    assert_eq!(first["cells"], again["cells"], "kept, not measured again");
    // Ratios want both measured one after the other.
    let both = race("uring,epoll", "1m");
    std::fs::remove_file(&file).unwrap();
    assert_ne!(first["cells"][0], both["cells"][0]);
    let cells = both["cells"].as_array().unwrap();
    let peers: Vec<_> = cells.iter().map(|cell| &cell["peer"]).collect();
    assert_eq!(peers, ["uring", "epoll"]);
    assert_eq!(both["left"], 0);
}

/// Overloads a floor in this process for a moment.
fn overload(url: &str, pid: u32, file: &Path) -> Output {
    let (pid, file) = (pid.to_string(), file.to_str().unwrap());
    bench(&[
        "overload",
        "--url",
        url,
        "--pid",
        &pid,
        "--slots",
        "2",
        "--connections",
        "8",
        "--factors",
        "2",
        "--duration",
        "100ms",
        "--keep",
        file,
    ])
}

#[test]
fn runs_of_an_overload_are_kept_one_after_the_other() {
    let listener = floor::listen(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || floor::epoll::serve(&listener, After::Keep));
    let name = format!("ringgate-bench-overload-{}.json", std::process::id());
    let file = std::env::temp_dir().join(name);
    for _ in 0..2 {
        let output = overload(&url, std::process::id(), &file);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    let cells = kept["cells"].as_array().unwrap();
    let rounds: Vec<_> = cells.iter().map(|cell| &cell["round"]).collect();
    assert_eq!(rounds, [0, 1]);
    let runs = kept["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "the same command stands there once");
    for cell in cells {
        let server = cell["peer"].as_str().unwrap();
        assert!(server.starts_with("programs-"), "{server}");
        assert_eq!(cell["report"]["overloads"][0]["factor"], 2);
        assert_eq!(cell["report"]["overloads"][0]["broken"], 0);
    }
}

#[test]
fn an_overload_that_cannot_be_kept_or_has_no_server_is_told_before_anything_is_asked() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let nowhere = Path::new("/nonexistent/runs.json");
    let somewhere = std::env::temp_dir().join("ringgate-bench-overload-of-nobody.json");
    for (pid, file, word) in [
        (std::process::id(), nowhere, "/nonexistent/runs.json"),
        // Beyond the highest number of a process (PID_MAX_LIMIT, 2^22).
        (u32::MAX, &somewhere, "--pid"),
    ] {
        let output = overload(&url, pid, file);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
    }
    let asked = server.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock));
    assert!(!somewhere.exists());
}

#[test]
fn the_page_of_results_is_what_the_records_say() {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = ringgate_bench::results::page(&bench.join("results")).unwrap();
    let cure = "run `ringgate-bench results` again";
    let written = std::fs::read_to_string(bench.join("RESULTS.md")).unwrap();
    assert!(page.text == written, "bench/RESULTS.md: {cure}");
    for (name, svg) in page.charts {
        let written = std::fs::read_to_string(bench.join("results").join(name)).unwrap();
        assert!(svg == written, "bench/results/{name}: {cure}");
    }
}

/// The median of a ratio on the page of results: of a server in a scenario, to the floor or to Ringgate.
fn on_the_page<'a>(page: &'a str, scenario: &str, server: &str, column: usize) -> &'a str {
    let part = page.split_once(&format!("### {scenario}\n")).unwrap().1;
    let row = part.lines().find(|line| {
        let name = line.split('|').nth(1).unwrap_or_default();
        name.trim().trim_matches('*') == server
    });
    let cell = row.unwrap().split('|').nth(column).unwrap();
    cell.split_whitespace().next().unwrap()
}

#[test]
fn the_figures_of_the_readme_are_those_of_the_page() {
    let page = include_str!("../RESULTS.md");
    let floor = |server, scenario| on_the_page(page, scenario, server, 4);
    let own = |server, scenario| on_the_page(page, scenario, server, 5);
    let three = |scenario| ["ringgate", "hyper", "nginx"].map(|server| floor(server, scenario));
    let [[few, hyper_few, nginx_few], [many, hyper_many, nginx_many]] =
        ["plain-c32", "plain-c256"].map(three);
    let [
        [piped, hyper_piped, nginx_piped],
        [close, hyper_close, nginx_close],
    ] = ["pipeline16-c32", "close-c32"].map(three);
    let [hyper_tls, nginx_tls] = ["hyper", "nginx"].map(|server| own(server, "tls-c32"));
    let [h2o_http2, hyper_http2] = ["h2o", "hyper"].map(|server| own(server, "h2-c32s32"));
    let told = format!(
        "a plain keep-alive request costs {few} times the CPU of a raw io_uring loop that parses nothing at 32 connections \
         and {many} times at 256 (hyper: {hyper_few} and {hyper_many}, nginx: {nginx_few} and {nginx_many}), {piped} times \
         in a pipeline of 16 (hyper: {hyper_piped}, nginx: {nginx_piped}), and {close} times with a connection for each \
         request (hyper: {hyper_close}, nginx: {nginx_close}). Over TLS hyper takes {hyper_tls} times and nginx {nginx_tls} \
         times the CPU of Ringgate, over HTTP/2 with 32 streams on each connection h2o {h2o_http2} times and hyper \
         {hyper_http2} times."
    );
    let readme = include_str!("../../README.md");
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&told), "README.md: {told}");
}

#[test]
fn a_race_that_is_killed_leaves_no_server_behind() {
    let pid_file = std::env::temp_dir().join(format!("ringgate-bench-pid-{}", std::process::id()));
    let line = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec {1} floor epoll --listen \"$3\"",
        pid_file.display(),
        env!("CARGO_BIN_EXE_ringgate-bench")
    );
    let path = stand_in("orphan", &line);
    let mut race = Command::new(env!("CARGO_BIN_EXE_ringgate-bench"))
        .args([
            "race",
            "--peers",
            "ringgate",
            "--seconds",
            "600",
            "--scenarios",
            "plain-c1",
        ])
        .arg("--ringgate-binary")
        .arg(&path)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = eventually(|| std::fs::read_to_string(&pid_file).ok());
    race.kill().unwrap();
    race.wait().unwrap();
    eventually(|| (!Path::new(&format!("/proc/{}", pid.trim())).exists()).then_some(()));
    std::fs::remove_file(path).unwrap();
    std::fs::remove_file(pid_file).unwrap();
}

#[test]
fn the_servers_of_this_machine_answer_what_a_race_asks_for() {
    let is_installed = |peer: Peer| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into()])
            .any(|folder| folder.join(peer.name()).is_file())
    };
    let cpus = core_affinity::get_core_ids().unwrap();
    let cpu = cpus[0].id;
    for peer in [Peer::Nginx, Peer::Haproxy, Peer::H2o] {
        if !is_installed(peer) {
            eprintln!("{peer} is not installed; it was not tested");
            continue;
        }
        for name in [
            "plain-c2",
            "plain-c2@2",
            "64k-c2",
            "file-1m-c2",
            "tls-c2",
            "tls-64k-c2",
            "tls-handshake-c2",
            "h2-c2s4",
            "h2-64k-c2s2",
            "h2s-c2s4",
            "h2s-64k-c2s2",
        ] {
            let scenario: Scenario = name.parse().unwrap();
            let has_cpus = cpus.len() >= scenario.job().cores;
            if !has_cpus || !peer.can(scenario.job()) {
                continue;
            }
            let binaries = Binaries::prepare(&[peer], &[scenario.job()], None, None).unwrap();
            let server = Server::start(&binaries, peer, cpu, scenario.job()).unwrap();
            let mut load = scenario.options(peer, Endpoint::Tcp(server.address));
            load.requests = Some(20);
            let report = load::run(&load).unwrap();
            let bodies = 20 * scenario.job().answer.bytes() as u64;
            assert_eq!(report.ok, 20, "{peer} {name}: {report}");
            assert!(report.bytes_received > bodies, "{peer} {name}: {report}");
        }
    }
    assert!(!Peer::Haproxy.can("file-1m".parse::<Scenario>().unwrap().job()));
    assert!(!Peer::Uring.can("tls-c1".parse::<Scenario>().unwrap().job()));
}

#[test]
fn an_idle_connection_over_tls_has_had_its_handshake_and_its_answer() {
    for (name, http2) in [("tls-c1", false), ("h2s-c1", true)] {
        let scenario: Scenario = name.parse().unwrap();
        let cpu = core_affinity::get_core_ids().unwrap()[0].id;
        let Ok(binaries) = Binaries::prepare(&[Peer::Nginx], &[scenario.job()], None, None) else {
            return;
        };
        let Ok(server) = Server::start(&binaries, Peer::Nginx, cpu, scenario.job()) else {
            eprintln!("nginx does not start here; nothing was tested");
            return;
        };
        let report = idle_memory::run(&idle_memory::Options {
            target: format!("https://{}/plaintext", server.address)
                .parse()
                .unwrap(),
            http2,
            pid: server.pid(),
            steps: vec![50, 250],
            source_addresses: 2,
        })
        .unwrap();
        // OpenSSL keeps buffers and keys for each.
        assert!(
            report.private_bytes_per_connection > 4096.0,
            "{name}: {report}"
        );
    }
}

#[test]
fn an_idle_connection_of_http2_has_had_its_answer() {
    let address = common::server(|client| {
        let mut peer = common::http2::Peer::greet(client.stream, &[]).expect("a preface");
        while let Some(frame) = peer.frame() {
            match frame.kind {
                common::http2::HEADERS => peer.hello(frame.stream),
                common::http2::PING => {
                    peer.say(common::http2::PING, common::http2::ACK, 0, &frame.payload);
                }
                _ => {}
            }
        }
    });
    let measure = |address| {
        idle_memory::run(&idle_memory::Options {
            target: format!("http://{address}/").parse().unwrap(),
            http2: true,
            pid: std::process::id(),
            steps: vec![5, 25],
            source_addresses: 2,
        })
    };
    // The process is that of all tests here: what its memory does meanwhile says nothing about these connections.
    let report = measure(address).expect("each connection has its answer");
    assert_eq!(report.steps.last().map(|step| step.connections), Some(25));
    let refuses = common::answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let refuses = measure(refuses).unwrap_err().to_string();
    assert!(refuses.contains("HTTP/1"), "{refuses}");
}

/// Asks until there is an answer, for at most ten seconds.
fn eventually<T>(ask: impl Fn() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed().as_secs() < 10, "it did not happen");
        std::thread::sleep(std::time::Duration::from_millis(5)); // between two looks
    }
}

/// A server, in this process, that answers a handshake of WebSocket and sends each frame back unmasked.
fn websocket_echo() -> SocketAddr {
    common::server(|client| {
        let mut peer = common::websocket::Peer::new(client.stream);
        if peer.shake_hands().is_some() {
            while let Some(message) = peer.message() {
                peer.send(common::websocket::Opcode::Text, &message);
            }
        }
    })
}

#[test]
fn an_idle_websocket_has_had_its_message_back() {
    let target = format!("ws://{}/ws", websocket_echo());
    let report = idle_memory::run(&idle_memory::Options {
        target: target.parse().unwrap(),
        http2: false,
        pid: std::process::id(),
        steps: vec![5, 25],
        source_addresses: 2,
    });
    // The process is that of all tests here, as above.
    let report = report.expect("each connection has its message back");
    assert_eq!(report.steps.last().map(|step| step.connections), Some(25));
    let refuses = common::answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let error = idle_memory::run(&idle_memory::Options {
        target: format!("ws://{refuses}/ws").parse().unwrap(),
        http2: false,
        pid: std::process::id(),
        steps: vec![1, 2],
        source_addresses: 1,
    });
    assert!(error.unwrap_err().to_string().contains("404"));
}

#[test]
fn every_flag_is_documented() {
    let document = include_str!("../../docs/benchmarking.md");
    for command in [
        "load",
        "floor",
        "race",
        "results",
        "overload",
        "tails",
        "footprint",
        "syscalls",
        "idle-memory",
        "storm",
        "handshake-storm",
        "floods",
    ] {
        let help = String::from_utf8(bench(&[command, "--help"]).stdout).unwrap();
        let flags: Vec<_> = help
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .filter(|word| word.starts_with("--") && word.len() > 2 && *word != "--help")
            .collect();
        assert!(flags.len() > 2, "{command}: {help}");
        for flag in flags {
            assert!(
                document.contains(flag),
                "docs/benchmarking.md misses {command} {flag}"
            );
        }
    }
}
