//! A container as `scripts/Containerfile` describes it, run by runc without an engine: the seccomp profile in `scripts/`
//! is enough for all that the server does, and io_uring is named where a profile forbids it.

use crate::common::{BINARY, Directory, Program, connect, read_greetings};
use ringgate::runtime::sys::signals::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

const CONTAINERFILE: &str = include_str!("../../../scripts/Containerfile");
const PROFILE: &str = include_str!("../../../scripts/seccomp-ringgate.json");

/// What follows each instruction of this name.
fn instructions(name: &str) -> Vec<&'static str> {
    let lines = CONTAINERFILE.lines();
    let found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.collect()
}

/// The words of an instruction that is a list of them, perhaps behind flags.
fn words(name: &str) -> Vec<String> {
    let [text] = instructions(name)[..] else {
        panic!("{name} is there once")
    };
    let from = text.find('[').expect("a list of words");
    serde_json::from_str(&text[from..]).expect("a list of words in JSON")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A bundle of runc(8): the programs and libraries of this machine, the user and the environment of the
/// Containerfile, no capability, and a profile.
struct Container {
    state: PathBuf,
    bundle: PathBuf,
}

impl Container {
    fn new(directory: &Directory, profile: &Value, args: &[String]) -> Container {
        let bundle = directory.path("bundle");
        let root = bundle.join("root");
        for folder in ["proc", "run/ringgate", "program"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let [user] = instructions("USER")[..] else {
            panic!("one user")
        };
        let (uid, gid) = user.split_once(':').expect("a user and a group");
        let (uid, gid): (u32, u32) = (uid.parse().unwrap(), gid.parse().unwrap());
        let mut environment = instructions("ENV");
        environment.retain(|setting| !setting.starts_with("RINGGATE_LISTEN="));
        environment.extend(["RINGGATE_LISTEN=127.0.0.1:0", "RINGGATE_CORE_SLOTS=4"]);
        let mut mounts = vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc"}),
            json!({"destination": "/run/ringgate", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "nodev", "mode=0750", format!("uid={uid}"), format!("gid={gid}")]}),
        ];
        let program = path(Path::new(BINARY).parent().unwrap());
        for (source, place) in [
            ("/usr", "/usr"),
            ("/lib", "/lib"),
            ("/lib64", "/lib64"),
            (program, "/program"),
        ] {
            if Path::new(source).exists() {
                fs::create_dir_all(root.join(&place[1..])).unwrap();
                mounts.push(
                    json!({"destination": place, "type": "bind", "source": source,
                    "options": ["rbind", "ro"]}),
                );
            }
        }
        let none: [&str; 0] = [];
        let namespaces = ["pid", "ipc", "uts", "mount"].map(|kind| json!({"type": kind}));
        let config = json!({
            "ociVersion": "1.0.0",
            "process": {
                "user": {"uid": uid, "gid": gid},
                "args": args,
                "env": environment,
                "cwd": "/",
                "capabilities": {"bounding": none, "effective": none, "permitted": none},
                "noNewPrivileges": true,
            },
            "root": {"path": "root", "readonly": true},
            "mounts": mounts,
            "linux": {"namespaces": namespaces, "seccomp": profile},
        });
        fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        let state = directory.path("state");
        Container { state, bundle }
    }

    fn runc(&self, args: &[&str]) -> Command {
        let mut command = Command::new("runc");
        command.args(["--root", path(&self.state)]).args(args);
        command
    }

    /// The container's name is that of its folder, since control groups are named by it.
    fn name(&self) -> String {
        let folder = self.bundle.parent().and_then(Path::file_name);
        folder.and_then(|name| name.to_str()).unwrap().to_owned()
    }

    fn run(&self) -> Command {
        self.runc(&["run", "--bundle", path(&self.bundle), &self.name()])
    }

    /// Runs a program in the container that runs.
    fn exec(&self, words: &[String]) -> Output {
        let mut command = self.runc(&["exec", &self.name()]);
        command.args(words).output().expect("runc runs")
    }
}

/// A program of the Containerfile, from where the test has it.
fn here(words: Vec<String>) -> Vec<String> {
    let mut words = words;
    assert_eq!(words[0], "/usr/bin/ringgate");
    "/program/ringgate".clone_into(&mut words[0]);
    words
}

fn served() -> Vec<String> {
    here([words("ENTRYPOINT"), words("CMD")].concat())
}

#[test]
#[ignore = "needs runc: apt-get install runc"]
fn under_the_seccomp_profile_a_container_serves_resizes_upgrades_and_drains() {
    let directory = Directory::new();
    let profile: Value = serde_json::from_str(PROFILE).unwrap();
    let container = Container::new(&directory, &profile, &served());
    let mut program = Program::spawn_as_is(container.run(), directory, true);
    program.wait_listening();
    let address = program.address.clone();
    let ends = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        // A client on one connection all the while.
        let client = scope.spawn(|| {
            let mut stream = connect(&address);
            let mut asked = 0;
            while !ends.load(Ordering::Relaxed) {
                let request = b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";
                stream.write_all(request).unwrap();
                read_greetings(&mut stream, 1);
                asked += 1;
            }
            asked
        });
        let ctl = |args: &[&str]| {
            let words = [&["/program/ringgate", "ctl"], args].concat();
            let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
            let output = container.exec(&words);
            assert!(output.status.success(), "{args:?}: {output:?}");
        };
        ctl(&["resize", "4", "--wait"]);
        ctl(&["resize", "1", "--wait"]);
        ctl(&["core", "0", "dump"]);
        ctl(&["reload"]);
        ctl(&["upgrade"]);
        let health = container.exec(&here(words("HEALTHCHECK")));
        assert!(health.status.success(), "{health:?}");
        ends.store(true, Ordering::Relaxed);
        client.join().expect("each request was answered")
    });
    assert!(asked > 0);
    assert_eq!(instructions("STOPSIGNAL"), ["SIGQUIT"]);
    program.signal(Signal::Quit);
    program.wait_line("stopped");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
#[ignore = "needs runc: apt-get install runc"]
fn a_profile_without_io_uring_is_named_with_its_cure_at_the_start_and_by_doctor() {
    let mut profile: Value = serde_json::from_str(PROFILE).unwrap();
    let calls = profile["syscalls"].as_array_mut().unwrap();
    let before = calls.len();
    calls.retain(|rule| rule["names"][0] != "io_uring_enter");
    assert_eq!(
        calls.len(),
        before - 1,
        "the rings have a rule of their own"
    );
    for words in [
        served(),
        here(vec!["/usr/bin/ringgate".into(), "doctor".into()]),
    ] {
        let directory = Directory::new();
        let container = Container::new(&directory, &profile, &words);
        let output = container.run().output().expect("runc runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        for named in [
            "a seccomp profile forbids it to this process",
            "allow io_uring_setup, io_uring_enter and io_uring_register",
            "scripts/seccomp-ringgate.json",
        ] {
            assert!(said.contains(named), "{named}: {said}");
        }
    }
}
