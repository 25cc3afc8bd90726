//! The puppies in a PostgreSQL of the test's own: made, started and stopped by it, under a user who
//! is not root, on a Unix socket alone.

use crate::common::{Directory, Server, start, wait_for, workers};
use puppies::database::Source;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// `nobody` and `nogroup` of Debian: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A program of PostgreSQL: on the path, or where Debian puts it.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let mut found: Vec<PathBuf> = versions
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

struct Postgres {
    directory: Directory,
    running: Option<Child>,
}

impl Postgres {
    fn new() -> Postgres {
        let directory = Directory::new();
        if rustix::process::geteuid().is_root() {
            let own = |path: &Path| std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY));
            own(directory.path()).expect("given to nobody");
        }
        let mut initdb = command("initdb");
        initdb.arg("-D").arg(directory.path().join("data"));
        initdb.args([
            "-U",
            "puppy",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]);
        let made = initdb.status().expect("initdb runs");
        assert!(made.success(), "initdb: {made}");
        let mut postgres = Postgres {
            directory,
            running: None,
        };
        postgres.start();
        postgres
    }

    fn start(&mut self) {
        let mut server = command("postgres");
        server.arg("-D").arg(self.directory.path().join("data"));
        server.arg("-k").arg(self.directory.path());
        server.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        server.stderr(Stdio::null());
        self.running = Some(server.spawn().expect("postgres runs"));
        // Before it listens its own ways to end are not in force: a signal that this process ignores would be lost on it.
        let socket = self.directory.path().join(".s.PGSQL.5432");
        wait_for("postgres listens", || UnixStream::connect(&socket).is_ok());
    }

    /// Immediate shutdown (postgres(1), SIGQUIT): its clients are cut off.
    fn stop(&mut self) {
        if let Some(mut server) = self.running.take() {
            let id = rustix::process::Pid::from_child(&server);
            let _ = rustix::process::kill_process(id, rustix::process::Signal::QUIT);
            let _ = server.wait();
        }
    }

    fn source(&self) -> Source {
        let host = self.directory.path().to_str().expect("UTF-8");
        let host = host.replace('/', "%2F");
        let uri = format!("postgres://puppy@{host}/postgres");
        uri.parse().expect("a source")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn wait_available(server: &Server, available: bool) {
    wait_for("the lane knows", || {
        server.status().lanes[0].unavailable.is_none() == available
    });
}

#[test]
#[ignore = "needs postgresql: apt-get install postgresql"]
fn the_puppies_live_in_postgresql_and_survive_that_it_is_stopped_and_started() {
    let mut postgres = Postgres::new();
    let server = start(1, Some(postgres.source()), workers(1, 2));
    wait_available(&server, true);
    let (status, _, body) = server.get("/puppies/Bouncer?ms=20");
    assert_eq!((status, body.as_str()), (200, "Bouncer likes bones."));
    assert_eq!(server.get("/puppies/Nobody?ms=60000").0, 404, "and at once");
    postgres.stop();
    // The first to ask learns that the connection is gone; then the lane does.
    let (status, head, _) = server.get("/puppies/Bouncer");
    assert_eq!(status, 503, "{head}");
    wait_available(&server, false);
    let (status, head, body) = server.get("/puppies/Bouncer");
    assert_eq!(status, 503);
    assert!(
        head.contains("x-ringgate-reason: lane-unavailable"),
        "{head}"
    );
    assert!(
        !body.contains("puppy@") && !body.contains(".s.PGSQL"),
        "{body}"
    );
    // Its own routes only.
    assert_eq!(server.get("/plaintext").2, "Hello, World!");
    assert_eq!(server.publish("still here"), r#"{"id":1}"#);
    postgres.start();
    wait_available(&server, true);
    wait_for("it answers again", || {
        server.get("/puppies/Bouncer").0 == 200
    });
    let lane = server.status().lanes.remove(0);
    assert!(lane.failed_starts > 0 && lane.replaced > 0, "{lane:?}");
}

#[test]
#[ignore = "needs postgresql: apt-get install postgresql"]
fn a_server_starts_without_its_database_and_finds_it_when_it_is_there() {
    let mut postgres = Postgres::new();
    postgres.stop();
    let server = start(1, Some(postgres.source()), workers(2, 2));
    assert_eq!(server.get("/puppies/Bouncer").0, 503);
    assert_eq!(server.get("/plaintext").0, 200);
    postgres.start();
    wait_for("it answers", || {
        server.get("/puppies/Luna").2 == "Luna likes walks."
    });
}
