//! Handshakes with the program: which certificate a client is shown, what a reload and an upgrade change for
//! clients, and who is let in.

use crate::common::{BINARY, Directory, Program, connect, eventually, get, ringgate};
use crate::tls_client::Client;
use crate::upgrade::{Lineage, begin};
use rcgen::{CertificateParams, KeyPair};
use ringgate::runtime::sys::signals::Signal;
use rustls::ProtocolVersion;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

const LISTEN: [&str; 2] = ["--listen", "https://127.0.0.1:0"];

/// Writes a certificate for this name and its key into one file, and answers the certificate.
fn write_pair(file: &Path, name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
    let pair = KeyPair::generate_for(algorithm).expect("a key");
    let params = CertificateParams::new([name.to_owned()]).expect("a name");
    let certificate = params.self_signed(&pair).expect("signed");
    let text = certificate.pem() + &pair.serialize_pem();
    fs::write(file, text).expect("a file");
    certificate.der().to_vec()
}

const ECDSA: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

/// A server with TLS, and what else it is told.
fn start(directory: Directory, args: &[&str]) -> Program {
    let args: Vec<&str> = LISTEN.iter().chain(args).copied().collect();
    let mut program = Program::spawn(ringgate(), directory, &args, true);
    let line = program.wait_line("listening on https://");
    let (_, rest) = line.split_once("https://").expect("an address");
    program.address = rest
        .split_whitespace()
        .next()
        .expect("an address")
        .to_owned();
    program
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn each_client_is_shown_the_certificate_of_the_name_that_it_asks_for() {
    let directory = Directory::new();
    let folder = directory.path("pairs");
    fs::create_dir(&folder).expect("a folder");
    let own = write_pair(&folder.join("1.pem"), "first.example", ECDSA);
    let wild = write_pair(&folder.join("2.pem"), "*.wild.example", ECDSA);
    let exact = write_pair(&folder.join("3.pem"), "exact.wild.example", ECDSA);
    let program = start(directory, &["--certificate", utf8(&folder)]);
    for (name, expected) in [
        ("first.example", &own),
        ("any.wild.example", &wild),
        ("exact.wild.example", &exact),
        ("EXACT.wild.example", &exact),
        ("two.labels.wild.example", &own),
        ("unknown.example", &own),
    ] {
        let shown = Client::new().connect(&program.address, name);
        assert_eq!(&shown.expect("served").certificate(), expected, "{name}");
    }
}

#[test]
fn a_reload_shows_new_clients_the_new_certificate_and_drops_nobody() {
    let directory = Directory::new();
    let file = directory.path("a.pem");
    let before = write_pair(&file, "a.example", ECDSA);
    let program = start(directory, &["--cores", "2", "--certificate", utf8(&file)]);
    let mut kept = Client::new()
        .connect(&program.address, "a.example")
        .expect("served");
    assert_eq!(kept.certificate(), before);
    let after = write_pair(&file, "a.example", &rcgen::PKCS_ED25519);
    assert!(program.ctl(&["reload"]).status.success());
    for _ in 0..8 {
        let new = Client::new()
            .connect(&program.address, "a.example")
            .expect("served");
        assert_eq!(new.certificate(), after);
    }
    fs::write(&file, "nothing").expect("a file");
    assert!(!program.ctl(&["reload"]).status.success());
    let new = Client::new()
        .connect(&program.address, "a.example")
        .expect("served");
    assert_eq!(new.certificate(), after);
    kept.ask().expect("nobody was dropped");
}

/// The version of HTTP in which curl is answered, which offers both unless told otherwise.
fn version_that_curl_speaks(program: &Program, offer: &str) -> String {
    let output = Command::new("curl")
        .args(["-q", "-sS", "--noproxy", "*", "--max-time", "20"])
        .args(["--insecure", offer, "-w", " %{http_version}"])
        .arg(format!("https://{}/plaintext", program.address))
        .output()
        .expect("curl runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn curl_is_told_to_speak_http2_and_a_reload_changes_what_it_is_told() {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    fs::write(&file, "certificate = \"self\"\n").expect("a file");
    let program = start(directory, &["--config", utf8(&file)]);
    let spoken = |offer| version_that_curl_speaks(&program, offer);
    assert_eq!(spoken("--http2"), "Hello, World! 2");
    assert_eq!(spoken("--http1.1"), "Hello, World! 1.1");
    for (is_on, expected) in [("off", "1.1"), ("on", "2")] {
        let text = format!("certificate = \"self\"\nhttp2 = \"{is_on}\"\n");
        fs::write(&file, text).expect("a file");
        assert!(program.ctl(&["reload"]).status.success());
        assert_eq!(spoken("--http2"), format!("Hello, World! {expected}"));
    }
}

#[test]
fn status_and_live_page_tell_how_handshakes_ended_and_which_certificates_are_shown() {
    let program = start(Directory::new(), &["--cores", "2", "--certificate", "self"]);
    let client = Client::new();
    for is_resumed in [false, true] {
        let connection = client.connect(&program.address, "localhost");
        assert_eq!(connection.expect("served").is_resumed(), is_resumed);
    }
    assert!(get(&program.address, "/").starts_with("HTTP/1.1 400 "));
    let status = eventually("the handshakes are counted", || {
        let status = program.status();
        (status["tls"]["failed_handshakes"]["plain-http"] == 1).then_some(status)
    });
    let tls = &status["tls"];
    assert_eq!(
        tls["handshakes"],
        serde_json::json!({"full": 1, "resumed": 1})
    );
    assert_eq!(tls["handshakes_in_progress"], 0);
    let failed = tls["failed_handshakes"].as_object().expect("by reason");
    assert!(
        failed
            .iter()
            .all(|(why, count)| *count == u64::from(why == "plain-http"))
    );
    let shown = program.ctl(&["status"]).stdout;
    let shown = String::from_utf8_lossy(&shown);
    assert!(
        shown.contains("handshakes 2 (full 1, resumed 1)"),
        "{shown}"
    );
    // The page has all of its figures from the status, by the names of their fields.
    let page = include_str!("../../src/app/page.html");
    let read = tls.as_object().expect("fields").keys();
    for field in
        read.map(String::as_str)
            .chain(["names", "key", "file", "not_after", "expires_in_seconds"])
    {
        assert!(page.contains(field), "the page does not read {field}");
        let of_certificate = status["certificates"][0].get(field);
        assert!(of_certificate.or(tls.get(field)).is_some(), "{field}");
    }
    assert!(
        Program::start(&[]).status()["tls"].is_null(),
        "nobody speaks TLS"
    );
}

#[test]
fn a_session_is_resumed_on_every_core_behind_a_reload_and_by_the_next_process() {
    let server = start(Directory::new(), &["--cores", "2", "--certificate", "self"]);
    let server = Lineage::of(server);
    for versions in [[&rustls::version::TLS13], [&rustls::version::TLS12]] {
        let client = Client::of(&versions, None);
        let connect = || {
            client
                .connect(&server.address, "localhost")
                .expect("served")
        };
        assert!(!connect().is_resumed());
        for _ in 0..8 {
            assert!(connect().is_resumed());
        }
        assert!(server.ctl(&["reload"]).status.success());
        assert!(connect().is_resumed());
        server.upgrade(&[]);
        assert!(connect().is_resumed());
    }
}

#[test]
fn without_handover_the_next_process_resumes_nothing() {
    let args = ["--certificate", "self", "--tls-handover", "off"];
    let server = Lineage::of(start(Directory::new(), &args));
    let client = Client::new();
    let connect = || {
        client
            .connect(&server.address, "localhost")
            .expect("served")
    };
    assert!(!connect().is_resumed());
    assert!(connect().is_resumed());
    server.upgrade(&[]);
    assert!(!connect().is_resumed());
}

#[test]
fn a_connection_that_waits_for_a_core_and_may_not_leave_is_served_behind_an_upgrade() {
    let args = ["--certificate", "self", "--tls-handover", "off"];
    let grace = ["--keepalive-grace", "60s", "--graceful-timeout", "120s"];
    let args = [&args[..], &grace].concat();
    let server = Lineage::of(start(Directory::new(), &args));
    let connected = Client::new().connect(&server.address, "localhost");
    let mut connection = connected.expect("served");
    assert!(server.ctl(&["resize", "0", "--wait"]).status.success());
    eventually("it is parked", || {
        (server.status()["pool"]["parked"] == 1).then_some(())
    });
    connection.send().expect("sent");
    server.upgrade(&[]);
    connection.answer().expect("the old process has it");
}

#[test]
fn hosts_with_the_same_secret_take_the_sessions_of_each_other() {
    let directory = Directory::new();
    let secret = directory.path("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("a file");
    let mode = |mode| fs::set_permissions(&secret, fs::Permissions::from_mode(mode));
    mode(0o600).expect("permissions");
    let args = [
        "--certificate",
        "self",
        "--tls-ticket-secret",
        utf8(&secret),
    ];
    let (one, other) = (
        start(Directory::new(), &args),
        start(Directory::new(), &args),
    );
    let stranger = start(Directory::new(), &["--certificate", "self"]);
    let client = Client::new();
    let connect = |to: &Program| client.connect(&to.address, "localhost").expect("served");
    assert!(!connect(&one).is_resumed());
    assert!(connect(&other).is_resumed());
    assert!(!connect(&stranger).is_resumed());
    // A secret that everybody can read is none: the one of before stays in use.
    mode(0o644).expect("permissions");
    let refused = one.ctl(&["reload"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("chmod o-rwx"), "{said}");
    drop(connect(&one));
    assert!(connect(&other).is_resumed());
}

#[test]
fn client_certificates_are_required_or_asked_for_as_the_configuration_says() {
    let directory = Directory::new();
    let ca = directory.path("ca.pem");
    let make = || {
        let pair = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["client".to_owned()]).expect("a name");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.self_signed(&pair).expect("signed");
        (certificate, pair)
    };
    let shown = |(certificate, pair): &(rcgen::Certificate, KeyPair)| {
        let key = PrivateKeyDer::try_from(pair.serialize_der()).expect("a key");
        let certificate: CertificateDer<'static> = certificate.der().clone();
        Client::of(rustls::DEFAULT_VERSIONS, Some((certificate, key)))
    };
    let (known, stranger) = (make(), make());
    fs::write(&ca, known.0.pem()).expect("a file");
    let args = ["--certificate", "self", "--client-ca", utf8(&ca)];
    let served =
        |program: &Program, client: &Client| client.connect(&program.address, "localhost").is_ok();
    let required = start(Directory::new(), &args);
    assert!(served(&required, &shown(&known)));
    assert!(!served(&required, &shown(&stranger)));
    assert!(!served(&required, &Client::new()));
    let ask = [&args[..], &["--client-certificates", "ask"]].concat();
    let asked = start(directory, &ask);
    assert!(served(&asked, &shown(&known)));
    assert!(!served(&asked, &shown(&stranger)));
    assert!(served(&asked, &Client::new()));
}

#[test]
fn an_older_version_than_the_least_is_not_spoken() {
    let old = Client::of(&[&rustls::version::TLS12], None);
    let both = start(Directory::new(), &["--certificate", "self"]);
    let spoken = old.connect(&both.address, "localhost").expect("served");
    assert_eq!(spoken.version(), Some(ProtocolVersion::TLSv1_2));
    let new = start(
        Directory::new(),
        &["--certificate", "self", "--tls-version-min", "1.3"],
    );
    assert!(old.connect(&new.address, "localhost").is_err());
    let spoken = Client::new()
        .connect(&new.address, "localhost")
        .expect("served");
    assert_eq!(spoken.version(), Some(ProtocolVersion::TLSv1_3));
}

#[test]
fn a_reload_changes_what_is_spoken_at_a_place_for_those_who_come_then() {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    let write = |scheme: &str| {
        let text = format!("listen = \"{scheme}127.0.0.1:0\"\n");
        let certificate = match scheme {
            "" => "",
            _ => "certificate = \"self\"\n",
        };
        fs::write(&file, text + certificate).expect("a file");
    };
    write("");
    let control = directory.path("control.sock");
    let mut command = ringgate();
    command
        .arg("--config")
        .arg(&file)
        .args(["--cores", "2", "--control"])
        .arg(&control);
    let mut program = Program::spawn_as_is(command, directory, true);
    program.wait_listening();
    assert!(get(&program.address, "/plaintext").starts_with("HTTP/1.1 200 "));
    write("https://");
    assert!(program.ctl(&["reload"]).status.success());
    let mut secure = Client::new()
        .connect(&program.address, "localhost")
        .expect("served");
    let plain = get(&program.address, "/plaintext");
    assert!(plain.starts_with("HTTP/1.1 400 "), "{plain}");
    write("");
    assert!(program.ctl(&["reload"]).status.success());
    assert!(get(&program.address, "/plaintext").starts_with("HTTP/1.1 200 "));
    secure.ask().expect("a connection speaks on as it began");
}

#[test]
fn a_passed_socket_with_the_name_https_speaks_tls_and_so_it_does_behind_an_upgrade() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address").to_string();
    let directory = Directory::new();
    let script = format!(
        "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=https exec {BINARY} \
         --cores 2 --certificate self --control {}",
        directory.path("control.sock").display()
    );
    let mut command = Command::new("/bin/bash");
    command.args(["-c", &script]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let mut program = Program::spawn_as_is(command, directory, true);
    let line = program.wait_line("listening on https://");
    assert!(line.contains(&address), "{line}");
    let server = Lineage::of(program);
    let client = Client::new();
    let mut kept = client.connect(&address, "localhost").expect("served");
    server.upgrade(&[]);
    kept.ask().expect("it went along");
    assert!(
        client
            .connect(&address, "localhost")
            .expect("served")
            .is_resumed()
    );
}

#[test]
fn the_old_process_of_an_upgrade_shakes_hands_where_the_new_one_has_no_https_address() {
    let directory = Directory::new();
    let file = directory.path("ringgate.toml");
    let control = directory.path("control.sock");
    let before = "listen = [\"127.0.0.1:0\", \"https://127.0.0.2:0\"]\ncertificate = \"self\"\n";
    fs::write(&file, before).expect("a file");
    let mut command = ringgate();
    let times = ["--keepalive-grace", "50s", "--graceful-timeout", "60s"];
    command.arg("--config").arg(&file).args(["--cores", "2"]);
    command.args(times).arg("--control").arg(&control);
    let mut program = Program::spawn_as_is(command, directory, true);
    program.wait_listening();
    let server = Lineage::of(program);
    let status = server.status();
    let listeners = status["listeners"].as_array().expect("a list").iter();
    let mut addresses = listeners.filter_map(|one| one["address"].as_str());
    let https = addresses.find_map(|address| address.strip_prefix("https://"));
    let https = https.expect("an address");
    let mut busy = server.connect();
    begin(&mut busy);
    // Nothing is said on this one before the new process serves.
    let early = connect(https);
    eventually("both are accepted", || {
        (server.status()["totals"]["connections"]["open"] == 2).then_some(())
    });
    fs::write(&file, "listen = \"127.0.0.1:0\"\n").expect("a file");
    server.upgrade(&[]);
    let client = Client::new();
    let mut early = client.over(early, "localhost").expect("served");
    let mut late = client.connect(https, "localhost").expect("served");
    early.ask().expect("it is kept");
    late.ask().expect("it is kept");
    busy.write_all(b"lf").expect("sent");
}

#[test]
#[ignore = "needs root, to become somebody else"]
fn a_server_that_cannot_read_its_key_again_as_its_user_says_so_when_it_starts() {
    let start_as_user = |mode| {
        let directory = Directory::new();
        let own = directory.path("own");
        fs::create_dir(&own).expect("a folder");
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).expect("permissions");
        let file = directory.path("a.pem");
        write_pair(&file, "a.example", ECDSA);
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("permissions");
        let control = own.join("control.sock");
        let args = [
            "--control",
            utf8(&control),
            "--certificate",
            utf8(&file),
            "--user",
            "4242",
        ];
        let mut program = start(directory, &args);
        let client = Client::new().connect(&program.address, "a.example");
        client.expect("the key was read before");
        program.signal(Signal::Term);
        assert_eq!(program.exit_code(), Some(0));
        program.rest();
        program.seen.join("\n")
    };
    let said = start_as_user(0o600);
    for part in ["WARN", "a.pem", "Permission denied", "refuses to reload"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    let said = start_as_user(0o644);
    assert!(!said.contains("refuses to reload"), "{said}");
}
