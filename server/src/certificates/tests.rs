//! Tests: the files that are read for words of the configuration, and what is said of bad ones.

use super::*;
use crate::config::{Endpoint, ListenAddr};
use rcgen::{CertificateParams, KeyPair};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const NOW: u64 = 1_800_000_000;

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringgate-certificates-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate for this name and its key, as text.
fn made(name: &str) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([name.to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("signed");
    (certificate.pem(), key.serialize_pem())
}

fn config(certificates: &[&Path], keys: &[&Path]) -> Config {
    let mut config = Config {
        listen: vec![Endpoint::https(ListenAddr::Fd(3))],
        ..Config::default()
    };
    let source = |path: &&Path| match path.as_os_str() == "self" {
        true => CertificateSource::SelfSigned,
        false => CertificateSource::Path(path.to_path_buf()),
    };
    config.tls.certificates = certificates.iter().map(source).collect();
    config.tls.keys = keys.iter().map(|key| key.to_path_buf()).collect();
    config
}

/// The names of the certificates in their order, the first of each.
fn names(certificates: &[&Path], keys: &[&Path]) -> Vec<String> {
    let loaded = load(&config(certificates, keys), Kept::default(), NOW)
        .unwrap_or_else(|error| panic!("{error}"));
    let loaded = loaded.expect("a listener speaks TLS");
    let all = loaded.identities.all().iter();
    all.map(|identity| identity.names()[0].to_string())
        .collect()
}

#[track_caller]
fn refused(certificates: &[&Path], keys: &[&Path], parts: &[&str]) {
    let error = load(&config(certificates, keys), Kept::default(), NOW).expect_err("refused");
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn a_certificate_has_its_key_in_the_list_or_in_its_file_or_beside_it() {
    let folder = Folder::new();
    let (chain, key) = made("listed.example");
    let listed = folder.write("listed.pem", &chain);
    let its_key = folder.write("elsewhere/listed", &key);
    let (chain, key) = made("within.example");
    let within = folder.write("within.pem", &format!("{chain}{key}"));
    assert_eq!(
        names(&[&listed, &within], &[&its_key]),
        ["listed.example", "within.example"]
    );
    for (chain_name, key_name) in [
        ("beside.crt", "beside.key"),
        ("both.pem", "both.pem.key"),
        ("mkcert.pem", "mkcert-key.pem"),
        ("live/fullchain.pem", "live/privkey.pem"),
    ] {
        let (chain, key) = made(chain_name);
        let chain = folder.write(chain_name, &chain);
        refused(
            &[&chain],
            &[],
            &[chain_name, "no private key", "certificate_key"],
        );
        folder.write(key_name, &key);
        assert_eq!(names(&[&chain], &[]).len(), 1, "{key_name}");
    }
}

#[test]
fn a_directory_holds_pairs_by_name_and_folders_of_certbot() {
    let folder = Folder::new();
    let pair = |name: &str, chain_name: &str, key_name: &str| {
        let (chain, key) = made(name);
        folder.write(chain_name, &chain);
        folder.write(key_name, &key);
    };
    pair("b.example", "b.crt", "b.key");
    pair("a.example", "a.pem", "a-key.pem");
    pair("c.example", "c/fullchain.pem", "c/privkey.pem");
    folder.write("b.issuer.crt", &made("issuer.example").0);
    folder.write("README", "not a certificate");
    folder.write(".hidden.pem", "not a certificate");
    folder.write("empty/README", "not a certificate");
    let all = ["a.example", "b.example", "c.example"];
    assert_eq!(names(&[&folder.0], &[]), all);
    assert_eq!(names(&[&folder.0.join("c")], &[]), ["c.example"]);
    let (chain, key) = made("first.example");
    let first = folder.write("elsewhere/first", &chain);
    let its_key = folder.write("elsewhere/key", &key);
    let named = names(&[&first, &folder.0], &[&its_key]);
    assert_eq!(
        named,
        ["first.example", "a.example", "b.example", "c.example"]
    );
    refused(
        &[&folder.0.join("empty")],
        &[],
        &["empty", "no certificate in this directory", ".pem"],
    );
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_cause_and_the_cure() {
    let folder = Folder::new();
    let (chain, key) = made("a.example");
    let chain = folder.write("a.crt", &chain);
    let key = folder.write("a", &key);
    let other = folder.write("other", &made("b.example").1);
    let missing = folder.0.join("missing.pem");
    refused(
        &[&missing],
        &[],
        &["missing.pem", "No such file", "certificate"],
    );
    refused(
        &[&chain],
        &[&missing],
        &["missing.pem", "No such file", "certificate_key"],
    );
    refused(&[&chain], &[&other], &["other", "does not belong", "a.crt"]);
    refused(
        &[&chain],
        &[&folder.0],
        &["no regular file", "certificate_key"],
    );
    let own = Path::new("self");
    refused(
        &[&chain, own],
        &[&key, &other],
        &["other", "no certificate is left", "self"],
    );
    let pipe = folder.0.join("pipe.pem");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let made = rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0);
    made.expect("a pipe");
    refused(&[&pipe], &[], &["pipe.pem", "no regular file"]);
    let huge = folder.write("huge.pem", &"#".repeat(2 << 20));
    refused(&[&huge], &[], &["huge.pem", "more than 1 MiB"]);
}

#[test]
fn what_is_asked_of_clients_follows_the_roots_unless_told() {
    let folder = Folder::new();
    let roots = folder.write("ca.pem", &made("ca.example").0);
    let mut config = config(&[Path::new("self")], &[]);
    let is = |config: &Config| match demand(config).expect("good roots") {
        Demand::NotAsked => "not asked",
        Demand::Asked(_) => "asked",
        Demand::Required(_) => "required",
    };
    assert_eq!(is(&config), "not asked");
    config.tls.client_ca = Some(roots);
    assert_eq!(is(&config), "required");
    assert!(load(&config, Kept::default(), NOW).is_ok());
    config.tls.client_certificates = ClientCertificates::Ask;
    assert_eq!(is(&config), "asked");
    config.tls.client_certificates = ClientCertificates::Off;
    assert_eq!(is(&config), "not asked");
    config.tls.client_certificates = ClientCertificates::Auto;
    config.tls.client_ca = Some(folder.write("none.pem", "nothing"));
    let error = load(&config, Kept::default(), NOW)
        .expect_err("no roots")
        .to_string();
    assert!(
        error.contains("none.pem") && error.contains("no certificate"),
        "{error}"
    );
}

#[test]
fn a_certificate_that_nobody_would_be_shown_is_refused() {
    let mut config = config(&[Path::new("self")], &[]);
    config.listen = vec![Endpoint::from(ListenAddr::Fd(3))];
    let error = load(&config, Kept::default(), NOW).expect_err("no listener speaks TLS");
    assert!(error.to_string().contains("https://"), "{error}");
    config.tls.certificates.clear();
    assert!(
        load(&config, Kept::default(), NOW)
            .expect("nothing to load")
            .is_none()
    );
}

#[test]
fn a_reload_keeps_the_certificate_that_was_made_here_until_it_expires_soon() {
    let config = config(&[Path::new("self")], &[]);
    let load = |kept, now| load(&config, kept, now).expect("good").expect("TLS");
    let serial = |loaded: &Loaded| loaded.identities.all()[0].described().serial.clone();
    let first = load(Kept::default(), NOW);
    assert_ne!(serial(&load(Kept::default(), NOW)), serial(&first));
    assert_eq!(serial(&load(first.kept(), NOW + 1)), serial(&first));
    let end = first.identities.all()[0].described().not_after;
    let late = end - WARNED_BEFORE_SECS;
    assert_eq!(serial(&load(first.kept(), late - 1)), serial(&first));
    assert_ne!(serial(&load(first.kept(), late)), serial(&first));
}

#[test]
fn the_secret_of_tickets_outlives_a_reload_and_one_in_a_file_goes_before_it() {
    let folder = Folder::new();
    let mut config = config(&[Path::new("self")], &[]);
    let load = |config: &Config, kept| load(config, kept, NOW).expect("good").expect("TLS");
    let first = load(&config, Kept::default());
    let own = |loaded: &Loaded| loaded.own_secret().map(|secret| *secret.expose());
    assert!(own(&first).is_some());
    assert_eq!(own(&load(&config, first.kept())), own(&first));
    assert_ne!(own(&load(&config, Kept::default())), own(&first));
    config.tls.ticket_secret = Some(private(
        &folder,
        "secret",
        "0123456789abcdef0123456789abcdef",
    ));
    let shared = load(&config, first.kept());
    assert_eq!(own(&shared), None, "a new process reads the file itself");
    let again = load(&config, Kept::default());
    assert_eq!(shared.secret.get().expose(), again.secret.get().expose());
    config.tls.ticket_secret = None;
    let after = load(&config, shared.kept());
    assert_ne!(after.secret.get().expose(), shared.secret.get().expose());
}

#[test]
fn a_file_that_others_can_read_or_that_holds_no_secret_is_refused() {
    let folder = Folder::new();
    let refusal = |path: PathBuf| {
        Secret::of(Some(&path), None)
            .expect_err("refused")
            .to_string()
    };
    let text = "0123456789abcdef0123456789abcdef";
    let open = private(&folder, "open", text);
    for (mode, others) in [(0o604, "0604"), (0o602, "0602"), (0o647, "0647")] {
        set_mode(&open, mode);
        let told = refusal(open.clone());
        assert!(
            told.contains(others) && told.contains("chmod o-rwx"),
            "{told}"
        );
        assert!(!told.contains(text), "{told}");
    }
    for (name, text) in [
        ("short", "0123456789abcdef0123456789abcde".to_owned()),
        ("long", "x".repeat(1025)),
        ("key", made("a.example").1),
    ] {
        let told = refusal(private(&folder, name, &text));
        assert!(
            told.contains(name) && told.contains("openssl rand"),
            "{told}"
        );
    }
    set_mode(&open, 0o640);
    assert!(Secret::of(Some(&open), None).is_ok());
}

#[test]
fn ticket_keys_are_renewed_when_they_are_due_and_when_the_clock_was_set_back() {
    let config = config(&[Path::new("self")], &[]);
    let mut loaded = load(&config, Kept::default(), NOW)
        .expect("good")
        .expect("TLS");
    let due = loaded.acceptor.tickets_due_at().expect("with tickets");
    assert!(!loaded.renew_tickets(due - 1));
    assert!(loaded.renew_tickets(due));
    let next = loaded.acceptor.tickets_due_at().expect("with tickets");
    assert_eq!(next, due + EPOCH_SECS);
    assert!(!loaded.renew_tickets(due));
    assert!(loaded.renew_tickets(due - 1));
    assert_eq!(loaded.acceptor.tickets_due_at(), Some(due));
}

fn private(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let path = folder.write(name, text);
    set_mode(&path, 0o600);
    path
}

fn set_mode(path: &Path, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).expect("permissions");
}

/// A certificate authority with its name, and what it signs.
struct Authority(rcgen::CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params
    }

    fn root(name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = Authority::params(name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Authority(rcgen::CertifiedIssuer::self_signed(params, key).expect("signed"))
    }

    /// An intermediate.
    fn below(&self, name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = Authority::params(name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Authority(rcgen::CertifiedIssuer::signed_by(params, key, &self.0).expect("signed"))
    }

    /// A certificate for a server, and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let certificate = Authority::params(name)
            .signed_by(&key, &self.0)
            .expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// The findings of an examination of one chain with its key, on a machine that trusts this root.
fn examined_with(chain: &str, key: &str, key_mode: u32, root: &str) -> Vec<Fault> {
    let folder = Folder::new();
    let chain = folder.write("a.pem", chain);
    set_mode(&folder.write("a.key", key), key_mode);
    let store = folder.write("roots", root);
    let store = store.to_str().expect("UTF-8");
    examine::examine_with(&config(&[&chain], &[]), NOW, &["/none", store]).faults
}

fn examined(chain: &str, key: &str, key_mode: u32) -> Vec<Fault> {
    examined_with(chain, key, key_mode, "")
}

#[track_caller]
fn one_fault(faults: &[Fault], is_fatal: bool, finding: &str, cure: &str) {
    let [fault] = faults else {
        panic!("one fault, not {faults:#?}");
    };
    assert_eq!(fault.is_fatal, is_fatal, "{fault:?}");
    assert!(fault.finding.contains(finding), "{finding:?}: {fault:?}");
    assert!(fault.cure.contains(cure), "{cure:?}: {fault:?}");
}

#[test]
fn an_examination_tells_of_chains_in_disorder_or_without_their_end() {
    let root = Authority::root("Test Root");
    let middle = root.below("Test Intermediate");
    let (leaf, key) = middle.issue("a.example");
    let (middle, root) = (middle.pem(), root.pem());
    let with = |chain: &[&String]| {
        let chain: String = chain.iter().map(|text| text.as_str()).collect();
        examined(&chain, &key, 0o600)
    };
    one_fault(
        &with(&[&leaf]),
        false,
        "ends before CN=Test Intermediate",
        "append",
    );
    one_fault(
        &with(&[&leaf, &middle]),
        false,
        "ends before CN=Test Root",
        "append",
    );
    let whole = leaf.clone() + &middle;
    assert_eq!(examined_with(&whole, &key, 0o600, &root), []);
    one_fault(
        &with(&[&leaf, &root]),
        false,
        "certificate 1 was issued by CN=Test Intermediate",
        "order",
    );
    one_fault(
        &with(&[&leaf, &middle, &root]),
        false,
        "the root itself",
        "leave the last",
    );
    let (own, key) = made("a.example");
    assert_eq!(examined(&own, &key, 0o600), []);
}

#[test]
fn an_examination_tells_of_keys_that_everybody_reads_and_of_pairs_that_are_none() {
    let (chain, key) = made("a.example");
    one_fault(
        &examined(&chain, &key, 0o644),
        false,
        "every user",
        "chmod o-rwx",
    );
    assert_eq!(examined(&chain, &key, 0o640), []);
    let other = made("b.example").1;
    one_fault(
        &examined(&chain, &other, 0o600),
        true,
        "does not belong",
        "issued",
    );
    one_fault(
        &examined("nothing", &key, 0o600),
        true,
        "no certificate in it",
        "must hold",
    );
}

#[test]
fn an_examination_tells_of_expiry_and_of_missing_names_and_looks_at_everything() {
    let folder = Folder::new();
    let write = |name: &str, edit: &dyn Fn(&mut CertificateParams)| {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([format!("{name}.example")]).expect("a name");
        edit(&mut params);
        let chain = params.self_signed(&key).expect("signed").pem();
        private(
            &folder,
            &format!("{name}.pem"),
            &(chain + &key.serialize_pem()),
        )
    };
    // NOW is in January of 2027.
    let old = write("old", &|params| {
        params.not_after = rcgen::date_time_ymd(2027, 1, 1)
    });
    let soon = write("soon", &|params| {
        params.not_after = rcgen::date_time_ymd(2027, 1, 20)
    });
    let early = write("early", &|params| {
        params.not_before = rcgen::date_time_ymd(2027, 2, 1)
    });
    let nameless = write("nameless", &|params| params.subject_alt_names.clear());
    let mut config = config(&[&old, &soon, &early, &nameless], &[]);
    let found = examine(&config, NOW);
    let findings: Vec<&str> = found
        .faults
        .iter()
        .map(|fault| fault.finding.as_str())
        .collect();
    for (finding, part) in findings.iter().zip([
        "old.pem: has expired (2027-01-01",
        "soon.pem: expires soon (2027-01-20",
        "early.pem: valid only from 2027-02-01",
        "nameless.pem: no host name",
    ]) {
        assert!(finding.contains(part), "{part:?} is not in {findings:#?}");
    }
    assert_eq!(
        (findings.len(), found.usable.len()),
        (4, 4),
        "{findings:#?}"
    );
    config.tls.certificates = vec![CertificateSource::Path(folder.0.join("none.pem"))];
    config.tls.client_ca = Some(folder.0.join("ca.pem"));
    config.tls.ticket_secret = Some(folder.0.join("secret"));
    let found = examine(&config, NOW);
    assert_eq!(found.faults.len(), 3, "{:#?}", found.faults);
    assert!(found.faults.iter().all(|fault| fault.is_fatal));
}
