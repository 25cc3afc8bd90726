//! What is read of files for which words of the configuration, and what is said of bad ones.

use super::*;
use crate::config::{Endpoint, ListenAddr};
use rcgen::{CertificateParams, KeyPair};
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
    let loaded = load(&config(certificates, keys), NOW).unwrap_or_else(|error| panic!("{error}"));
    let loaded = loaded.expect("a listener speaks TLS");
    let all = loaded.identities.all().iter();
    all.map(|identity| identity.names()[0].to_string())
        .collect()
}

#[track_caller]
fn refused(certificates: &[&Path], keys: &[&Path], parts: &[&str]) {
    let error = load(&config(certificates, keys), NOW).expect_err("refused");
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
    assert!(load(&config, NOW).is_ok());
    config.tls.client_certificates = ClientCertificates::Ask;
    assert_eq!(is(&config), "asked");
    config.tls.client_certificates = ClientCertificates::Off;
    assert_eq!(is(&config), "not asked");
    config.tls.client_certificates = ClientCertificates::Auto;
    config.tls.client_ca = Some(folder.write("none.pem", "nothing"));
    let error = load(&config, NOW).expect_err("no roots").to_string();
    assert!(
        error.contains("none.pem") && error.contains("no certificate"),
        "{error}"
    );
}

#[test]
fn a_certificate_that_nobody_would_be_shown_is_refused() {
    let mut config = config(&[Path::new("self")], &[]);
    config.listen = vec![Endpoint::from(ListenAddr::Fd(3))];
    let error = load(&config, NOW).expect_err("no listener speaks TLS");
    assert!(error.to_string().contains("https://"), "{error}");
    config.tls.certificates.clear();
    assert!(load(&config, NOW).expect("nothing to load").is_none());
}
