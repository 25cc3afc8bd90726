//! Certificates of the program: which are in force, what a reload does to them, and when somebody is told
//! that one expires.

use crate::common::{Directory, Program, ringgate};
use ringgate::runtime::sys::signals::Signal;
use std::fs;
use std::path::{Path, PathBuf};

const HTTPS: &str = "https://127.0.0.1:0";

/// Writes a certificate for this name, valid for so many days and an hour from now, and its key.
pub(crate) fn write_pair(chain: &Path, key: &Path, name: &str, days: u32) {
    let pair = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).expect("a name");
    let now = std::time::SystemTime::now();
    let hour = std::time::Duration::from_secs(60 * 60);
    let end = now + hour * (24 * days + 1);
    params.not_before = (now - hour).into();
    params.not_after = end.into();
    let certificate = params.self_signed(&pair).expect("signed");
    fs::write(chain, certificate.pem()).expect("a file");
    fs::write(key, pair.serialize_pem()).expect("a file");
}

/// A server with TLS whose file is this, and the names of the files.
fn with_pair(name: &str, days: u32) -> (Program, PathBuf, PathBuf) {
    let directory = Directory::new();
    let (chain, key) = (directory.path("a.pem"), directory.path("a.key"));
    write_pair(&chain, &key, name, days);
    let certificate = chain.to_str().expect("UTF-8").to_owned();
    let args = ["--listen", HTTPS, "--certificate", &certificate];
    let program = Program::spawn(ringgate(), directory, &args, true);
    (program, chain, key)
}

fn names(program: &Program) -> Vec<String> {
    let status = program.status();
    let all = status["certificates"].as_array().expect("a list");
    let first = |one: &serde_json::Value| one["names"][0].as_str().expect("a name").to_owned();
    all.iter().map(first).collect()
}

#[test]
fn a_server_with_a_certificate_of_its_own_says_how_it_is_reached() {
    let args = ["--listen", HTTPS, "--certificate", "self"];
    let mut program = Program::spawn(ringgate(), Directory::new(), &args, true);
    program.wait_line("certificate self for localhost (ecdsa), good until 20");
    let line = program.wait_line("listening on https://127.0.0.1:");
    assert!(
        line.contains("try: curl --insecure https://127.0.0.1:"),
        "{line}"
    );
    let status = program.status();
    let address = status["listeners"][0]["address"].as_str().expect("text");
    assert!(address.starts_with("https://127.0.0.1:"), "{address}");
    let certificate = &status["certificates"][0];
    assert_eq!(certificate["file"], "self");
    assert_eq!(certificate["key"], "ecdsa");
    let seconds = certificate["expires_in_seconds"]
        .as_i64()
        .expect("a number");
    assert!((390 * 86_400..397 * 86_400).contains(&seconds), "{seconds}");
}

#[test]
fn a_server_without_the_certificate_that_it_needs_ends_with_2_and_names_the_cure() {
    let directory = Directory::new();
    let (chain, key) = (directory.path("a.pem"), directory.path("b.key"));
    write_pair(&chain, &key, "a.example", 90);
    let chain = chain.to_str().expect("UTF-8");
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &["--listen", HTTPS],
            &["needs a certificate", "certificate = self"],
        ),
        (
            &["--listen", HTTPS, "--certificate", "/none.pem"],
            &["/none.pem", "No such file"],
        ),
        (
            &["--listen", HTTPS, "--certificate", chain],
            &["a.pem", "no private key", "certificate_key"],
        ),
        (
            &["--listen", "127.0.0.1:0", "--certificate", "self"],
            &["no listener speaks TLS", "https://"],
        ),
    ];
    for (args, parts) in cases {
        let mut program = Program::spawn(ringgate(), Directory::new(), args, true);
        assert_eq!(program.exit_code(), Some(2), "{args:?}");
        let said = program.rest().join("\n");
        for part in parts {
            assert!(said.contains(part), "{part:?} is not in {said}");
        }
    }
}

#[test]
fn a_reload_puts_another_pair_into_force_and_a_bad_one_leaves_the_old_one() {
    let (mut program, chain, key) = with_pair("a.example", 90);
    program.wait_line("listening on https://");
    assert_eq!(names(&program), ["a.example"]);
    write_pair(&chain, &key, "b.example", 90);
    assert!(program.ctl(&["reload"]).status.success());
    program.wait_line("a.pem for b.example");
    assert_eq!(names(&program), ["b.example"]);
    // The key of another certificate, as in the middle of a renewal.
    write_pair(&chain, &program.directory.path("other"), "c.example", 90);
    let refused = program.ctl(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("a.key") && said.contains("does not belong"),
        "{said}"
    );
    assert_eq!(names(&program), ["b.example"]);
    program.signal(Signal::Hup);
    let line = program.wait_line("stays as it was");
    assert!(line.contains("ERROR") && line.contains("a.key"), "{line}");
    fs::remove_file(&chain).expect("removed");
    assert!(!program.ctl(&["reload"]).status.success());
    assert_eq!(names(&program), ["b.example"]);
    write_pair(&chain, &key, "d.example", 90);
    assert!(program.ctl(&["reload"]).status.success());
    assert_eq!(names(&program), ["d.example"]);
}

#[test]
fn a_certificate_that_expires_soon_is_told_of_at_start_and_at_a_reload() {
    let (mut program, chain, key) = with_pair("a.example", 5);
    let line = program.wait_line("expires in");
    let parts = [
        "WARN",
        "a.pem for a.example",
        "expires in 5 days",
        "renew it",
    ];
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    program.wait_line("listening on https://");
    assert!(program.ctl(&["reload"]).status.success());
    program.wait_line("expires in 5 days");
    write_pair(&chain, &key, "a.example", 90);
    assert!(program.ctl(&["reload"]).status.success());
    program.signal(Signal::Term);
    assert_eq!(program.exit_code(), Some(0));
    let after = program.rest();
    assert!(
        !after.iter().any(|line| line.contains("expires in")),
        "{after:#?}"
    );
}

#[test]
fn a_reload_gives_a_place_another_scheme() {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    fs::write(&file, "listen = \"127.0.0.1:0\"\n").expect("a file");
    let control = directory.path("control.sock");
    let mut command = ringgate();
    command
        .arg("--config")
        .arg(&file)
        .args(["--cores", "2", "--control"])
        .arg(&control);
    let mut program = Program::spawn_as_is(command, directory, true);
    program.wait_line("listening on http://");
    let addresses = |program: &Program| -> Vec<String> {
        let status = program.status();
        let all = status["listeners"].as_array().expect("a list").iter();
        all.map(|one| one["address"].as_str().expect("text").to_owned())
            .collect()
    };
    let plain = addresses(&program);
    let https = "listen = \"https://127.0.0.1:0\"\ncertificate = \"self\"\n";
    fs::write(&file, https).expect("a file");
    assert!(program.ctl(&["reload"]).status.success());
    let secure: Vec<String> = plain.iter().map(|one| format!("https://{one}")).collect();
    assert_eq!(addresses(&program), secure);
    assert_eq!(names(&program), ["localhost"]);
    fs::write(&file, "listen = \"127.0.0.1:0\"\n").expect("a file");
    assert!(program.ctl(&["reload"]).status.success());
    assert_eq!(addresses(&program), plain);
    assert!(names(&program).is_empty());
}

#[test]
fn doctor_looks_at_the_certificates_of_a_configuration() {
    let directory = Directory::new();
    let (chain, key) = (directory.path("a.pem"), directory.path("a.key"));
    write_pair(&chain, &key, "a.example", 90);
    let file = directory.path("ringgate.toml");
    let text = format!("listen = \"{HTTPS}\"\ncertificate = {chain:?}\n");
    fs::write(&file, text).expect("a file");
    let doctor = |args: &[&str]| {
        let mut command = ringgate();
        command.arg("doctor").arg(&file).args(args);
        command.output().expect("the binary runs")
    };
    let output = doctor(&["--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        found["certificates"][0]["names"][0], "a.example",
        "{found:#}"
    );
    write_pair(&chain, &directory.path("other"), "b.example", 90);
    let output = doctor(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("does not belong") && said.contains("cannot run here"),
        "{said}"
    );
    fs::write(&file, format!("listen = \"{HTTPS}\"\n")).expect("a file");
    assert_eq!(doctor(&[]).status.code(), Some(2), "wrong in itself");
}
