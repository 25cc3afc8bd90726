//! The package for Debian: what `scripts/package.sh` puts into it works from where it lies, lintian has nothing to say
//! of it, and its scripts do to a running server what they say.

use crate::common::{BINARY, Directory, Program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repository() -> PathBuf {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    server.parent().expect("a workspace around").to_owned()
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().expect("it is installed");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Builds the package in a folder, quickly, and says where it is.
fn package(folder: &Path) -> PathBuf {
    let made = run(Command::new(repository().join("scripts/package.sh"))
        .arg(folder)
        .env("RINGGATE_BIN", Path::new(BINARY).parent().unwrap())
        .env("PACKAGE_COMPRESSION", "gzip"));
    let said = String::from_utf8(made.stdout).unwrap();
    PathBuf::from(said.trim())
}

#[test]
#[ignore = "needs lintian: apt-get install lintian"]
fn the_debian_package_serves_from_where_it_lies_and_lintian_has_nothing_to_say() {
    let directory = Directory::new();
    let package = package(&directory.path("made"));
    let checked = run(Command::new("lintian")
        .args(["--allow-root", "--fail-on", "warning"])
        .arg(&package));
    assert_eq!(String::from_utf8_lossy(&checked.stdout), "");

    let root = directory.path("root");
    run(Command::new("dpkg-deb").args(["--raw-extract", path(&package), path(&root)]));
    let text = |name: &str| fs::read_to_string(root.join(name)).expect(name);
    for name in [
        "etc/logrotate.d/ringgate",
        "lib/systemd/system/ringgate.socket",
        "usr/share/bash-completion/completions/ringgate",
        "usr/share/doc/ringgate/NOTICES.gz",
        "usr/share/doc/ringgate/changelog.Debian.gz",
        "usr/share/doc/ringgate/changelog.gz",
        "usr/share/doc/ringgate/copyright",
        "usr/share/doc/ringgate/examples/99-ringgate.conf",
        "usr/share/doc/ringgate/examples/alerts.yml",
        "usr/share/doc/ringgate/examples/grafana-dashboard.json",
        "usr/share/doc/ringgate/examples/seccomp-ringgate.json",
        "usr/share/fish/vendor_completions.d/ringgate.fish",
        "usr/share/man/man1/ringgate.1.gz",
        "usr/share/man/man5/ringgate.toml.5.gz",
        "usr/share/zsh/vendor-completions/_ringgate",
    ] {
        assert!(root.join(name).is_file(), "{name}");
    }
    assert_eq!(
        text("DEBIAN/conffiles"),
        "/etc/logrotate.d/ringgate\n/etc/ringgate/ringgate.toml\n"
    );
    // The unit is that of scripts/ but for the place of the program, which the package has.
    let unit = text("lib/systemd/system/ringgate.service");
    assert!(!unit.contains("/usr/local"), "{unit}");
    let starts = "ExecStart=/usr/bin/ringgate serve --config /etc/ringgate/ringgate.toml\n";
    assert!(unit.contains(starts), "{unit}");
    let kept = include_str!("../../../scripts/ringgate.service");
    let settings = |unit: &str| -> Vec<String> {
        let unit = unit.replace("/usr/local/bin/", "/usr/bin/");
        let lines = unit.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(settings(&unit), settings(kept));

    let program = root.join("usr/bin/ringgate");
    let mut command = Command::new(&program);
    command
        .args(["--config", path(&root.join("etc/ringgate/ringgate.toml"))])
        .env_clear();
    let mut program = Program::spawn(command, directory, &[], true);
    program.wait_listening();
    assert!(program.get("/plaintext").starts_with("HTTP/1.1 200 OK\r\n"));
    // What a stranger behind a proxy must not reach, although the address is loopback.
    for path in ["/spin/1", "/panic", "/status.json"] {
        let answer = program.get(path);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
}

/// The scripts of the package in a mount namespace in which systemd seems to run, with programs that note their calls.
struct Scripts {
    directory: Directory,
}

impl Scripts {
    fn new() -> Scripts {
        let directory = Directory::new();
        let fakes = directory.path("fakes");
        fs::create_dir(&fakes).unwrap();
        let scripts = Scripts { directory };
        for name in ["deb-systemd-helper", "deb-systemd-invoke", "ringgate"] {
            scripts.fake(name, "");
        }
        scripts.fake("systemctl", "");
        scripts
    }

    /// Has a program that notes its call, and then does this.
    fn fake(&self, name: &str, does: &str) {
        use std::os::unix::fs::PermissionsExt;
        let file = self.directory.path("fakes").join(name);
        let calls = self.directory.path("calls");
        let text = format!("#!/bin/sh\necho {name} \"$@\" >>{}\n{does}\n", path(&calls));
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script, and gives the calls that it made and what it said.
    fn run(&self, script: &str, args: &[&str]) -> (Vec<String>, String) {
        let calls = self.directory.path("calls");
        let _ = fs::remove_file(&calls);
        let prepare = "mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec sh \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", prepare, "sh"])
            .arg(repository().join("scripts/debian").join(script))
            .args(args)
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", path(&self.directory.path("fakes"))),
            );
        let said = String::from_utf8(run(&mut command).stderr).unwrap();
        let calls = fs::read_to_string(&calls).unwrap_or_default();
        (calls.lines().map(str::to_owned).collect(), said)
    }
}

#[test]
#[ignore = "needs root, to make a mount namespace"]
fn the_scripts_of_the_package_hand_a_running_server_over_and_stop_it_at_a_removal() {
    let scripts = Scripts::new();
    let upgrade = "ringgate ctl --control /run/ringgate/control.sock upgrade".to_owned();
    let reload = "systemctl --system daemon-reload".to_owned();

    let (calls, _) = scripts.run("postinst", &["configure"]);
    assert!(calls.contains(&reload), "{calls:?}");
    assert!(!calls.contains(&upgrade), "a first installation: {calls:?}");

    let (calls, said) = scripts.run("postinst", &["configure", "0.0.9-1"]);
    let at = |call| calls.iter().position(|made| made == call);
    assert!(
        at(&reload).is_some() && at(&reload) < at(&upgrade),
        "{calls:?}"
    );
    assert!(said.contains("no connection was lost"), "{said}");

    scripts.fake("ringgate", "echo 'the new process refused' >&2; exit 1");
    let (_, said) = scripts.run("postinst", &["configure", "0.0.9-1"]);
    assert!(said.contains("the server that runs is still"), "{said}");

    scripts.fake(
        "systemctl",
        "[ \"$1\" = show ] && echo RINGGATE_CORES=2 RINGGATE_CONTROL=/run/other.sock; true",
    );
    let (calls, _) = scripts.run("postinst", &["configure", "0.0.9-1"]);
    let there = "ringgate ctl --control /run/other.sock upgrade";
    assert!(calls.iter().any(|call| call == there), "{calls:?}");

    scripts.fake("systemctl", "[ \"$2\" != is-active ]");
    let (calls, _) = scripts.run("postinst", &["configure", "0.0.9-1"]);
    assert!(!calls.contains(&upgrade), "no server runs: {calls:?}");

    let stop = "deb-systemd-invoke stop ringgate.socket ringgate.service".to_owned();
    assert_eq!(scripts.run("prerm", &["upgrade", "0.2.0-1"]).0, [""; 0]);
    assert_eq!(scripts.run("prerm", &["remove"]).0, [stop]);
    let (calls, _) = scripts.run("postrm", &["upgrade", "0.2.0-1"]);
    assert_eq!(calls, [""; 0]);
}
