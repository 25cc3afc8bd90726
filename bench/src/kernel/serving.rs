//! A server on the kernel that runs: loaded, resized, upgraded and drained, and every answer accounted for.
//!
//! Called by the examination, with every feature of the kernel and with none that can be given up. The
//! amounts are small: an emulated machine makes some hundred requests a second.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions, waitpid};
use serde_json::{Value, json};

use super::{Found, Report};
use crate::load::{self, Method, Mode, Verify};
use crate::server::{Control, ends_with_us, free_port};
use crate::target::{Endpoint, Target};

/// How long the server may take to start, to be upgraded, and to end.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// Pause between two looks.
const GLANCE: Duration = Duration::from_millis(20);
/// Requests of each way of the load.
const KEPT: u64 = 1500;
const FRESH: u64 = 300;
/// Upgrades under load.
const UPGRADES: usize = 2;

/// Everything that a ring can do without.
const OPTIONAL: [&str; 9] = [
    "single_issuer",
    "defer_taskrun",
    "coop_taskrun",
    "taskrun_flag",
    "submit_all",
    "no_sqarray",
    "multishot_accept",
    "multishot_recv",
    "no_iowait",
];

/// The whole of it on the features that the kernel has.
pub(super) fn every_feature(binary: &Path, upgrading: Duration, report: &mut Report) {
    let mut server = None;
    report.check("start", || {
        server = Some(Server::start(binary, &[])?);
        Ok(Value::Null)
    });
    let Some(server) = &mut server else { return };
    report.check("load", || server.load());
    report.check("resize", || server.resize());
    report.check("upgrade", || server.upgrade(upgrading));
    report.check("drain", || server.drain());
}

/// Load, resize and drain without any feature that can be given up.
pub(super) fn no_optional_feature(binary: &Path, report: &mut Report) {
    let without: Vec<&str> = OPTIONAL
        .iter()
        .flat_map(|flag| ["--without", flag])
        .collect();
    report.check("without optional features", || {
        let mut server = Server::start(binary, &without)?;
        let load = server.load()?;
        let resize = server.resize()?;
        let drain = server.drain()?;
        Ok(json!({ "load": load, "resize": resize, "drain": drain }))
    });
}

struct Server {
    child: Child,
    control: Control,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A newer process may be the one that serves.
        let _ = self.control.ask("stop");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told(error: io::Error) -> String {
    error.to_string()
}

/// Waits until `holds`, but not for ever.
fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !holds()? {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {PATIENCE:?}"));
        }
        thread::sleep(GLANCE);
    }
    Ok(())
}

impl Server {
    fn start(binary: &Path, arguments: &[&str]) -> Result<Server, String> {
        let control = Control::new("kernel").map_err(told)?;
        let address = free_port().map_err(told)?;
        let log = File::create(control.folder().join("log")).map_err(told)?;
        let child = ends_with_us(binary)
            .args(["--listen", &address.to_string()])
            .args(["--cores", "2", "--core-slots", "4", "--idle-timeout", "10m"])
            .args(control.arguments())
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(told)?;
        let mut server = Server {
            child,
            control,
            address,
        };
        eventually("it serves", || {
            if let Some(status) = server.child.try_wait().map_err(told)? {
                return Err(format!("ended with {status}: {}", server.last_words()));
            }
            let status = server.control.ask("status");
            Ok(status.is_ok_and(|status| status["pool"]["running"] == 2))
        })?;
        Ok(server)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.control.folder().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    fn order(&self, command: &str) -> Result<(), String> {
        match self.control.ask(command) {
            Ok(answer) if answer["ok"] == true => Ok(()),
            Ok(answer) => Err(format!("{command}: {answer}")),
            Err(error) => Err(format!("{command}: {error}; {}", self.last_words())),
        }
    }

    fn pid(&self) -> Result<u64, String> {
        let status = self.control.ask("status").map_err(told)?;
        status["pid"].as_u64().ok_or(format!("no pid: {status}"))
    }

    fn wish(&self, mode: Mode, method: Method) -> load::Options {
        let (path, body, verify) = match method {
            Method::Get => ("/plaintext", 0, Verify::Plaintext),
            Method::Post => ("/echo", 300, Verify::Echo),
        };
        let target = Target {
            endpoint: Endpoint::Tcp(self.address),
            tls: false,
            websocket: false,
            path: path.to_owned(),
        };
        load::Options {
            connections: 4,
            requests: Some(match mode {
                Mode::Keepalive => KEPT,
                Mode::Close => FRESH,
            }),
            mode,
            method,
            body,
            verify,
            timeout: ANSWER,
            ..load::Options::to(target)
        }
    }

    fn loads(&self) -> [load::Options; 4] {
        [
            self.wish(Mode::Keepalive, Method::Get),
            self.wish(Mode::Close, Method::Get),
            self.wish(Mode::Keepalive, Method::Post),
            self.wish(Mode::Close, Method::Post),
        ]
    }

    fn load(&self) -> Found {
        run_all(&self.loads(), || Ok(()))
    }

    /// Up, down to none, and back, under load; the kernel's own queue keeps who comes meanwhile.
    fn resize(&self) -> Found {
        let sizes = [4, 1, 0, 3, 2];
        let mut found = run_all(&self.loads(), || {
            (sizes.iter()).try_for_each(|size| self.order(&format!("resize {size} wait")))
        })?;
        found["resizes"] = json!(sizes.len());
        Ok(found)
    }

    fn upgrade(&self, upgrading: Duration) -> Found {
        let mut loads = self.loads();
        for load in &mut loads {
            (load.requests, load.duration) = (None, Some(upgrading));
        }
        let mut pids = vec![self.pid()?];
        let mut found = run_all(&loads, || {
            for _ in 0..UPGRADES {
                self.order("upgrade")?;
                pids.push(self.pid()?);
            }
            Ok(())
        })?;
        pids.dedup();
        if pids.len() != UPGRADES + 1 {
            return Err(format!("the processes that served: {pids:?}"));
        }
        found["upgrades"] = json!(UPGRADES);
        Ok(found)
    }

    /// The process that was started ends with 0, and after an upgrade the one that serves as well: as the first
    /// process of a machine this one inherits it.
    fn drain(&mut self) -> Found {
        let serving = self.pid()?;
        self.order("drain")?;
        let mut codes = Vec::new();
        eventually("the first process ends", || {
            let status = self.child.try_wait().map_err(told)?;
            codes.extend(status.map(|status| status.code()));
            Ok(status.is_some())
        })?;
        if serving != u64::from(self.child.id()) {
            let pid = i32::try_from(serving).ok().and_then(Pid::from_raw);
            eventually("the newest process ends", || {
                match waitpid(pid, WaitOptions::NOHANG) {
                    Ok(None) => Ok(false),
                    Ok(Some((_, status))) => {
                        codes.push(status.exit_status());
                        Ok(true)
                    }
                    // Somebody else's child: only that it is gone can be seen.
                    Err(_) => Ok(!Path::new(&format!("/proc/{serving}/exe")).exists()),
                }
            })?;
        }
        match codes.iter().all(|code| *code == Some(0)) {
            true => Ok(json!({ "exit_codes": codes })),
            false => Err(format!("ended with {codes:?}: {}", self.last_words())),
        }
    }
}

/// Runs the loads, does `meanwhile`, and sees that every request was answered, on kept connections on the one
/// it began with.
fn run_all(
    loads: &[load::Options],
    meanwhile: impl FnOnce() -> Result<(), String>,
) -> Result<Value, String> {
    let over = thread::scope(|scope| {
        let runs: Vec<_> = (loads.iter())
            .map(|wish| scope.spawn(|| load::run(wish)))
            .collect();
        let done = meanwhile();
        let reports: Vec<_> = runs.into_iter().map(|run| run.join()).collect();
        done.map(|()| reports)
    })?;
    let mut answered = 0;
    for outcome in over {
        let report = outcome.map_err(|_| "the load generator panicked".to_owned())?;
        let report = report.map_err(|error| error.to_string())?;
        if report.ok != report.issued || report.ok == 0 || report.reconnects > 0 {
            return Err(format!(
                "{:?} {:?}: {} of {} answered, {} connections made anew: {}",
                report.mode,
                report.method,
                report.ok,
                report.issued,
                report.reconnects,
                report.failures()
            ));
        }
        answered += report.ok;
    }
    Ok(json!({ "answered": answered }))
}
