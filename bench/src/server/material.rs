//! A folder with what raced servers have in common: one certificate, and the bodies that are served
//! from files.
//!
//! Made once for a race and removed with it, so that every peer shows the same certificate.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::contest;
use crate::server::peer::Answer;

/// The folder; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Material {
    folder: PathBuf,
}

impl Material {
    /// Makes a self-signed certificate for `localhost` (ECDSA, P-256) and the files.
    ///
    /// # Errors
    /// Errors of the file system.
    pub(crate) fn new() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringgate-bench-{}-{nth}", std::process::id());
        let material = Self {
            folder: std::env::temp_dir().join(name),
        };
        fs::create_dir(&material.folder)?;
        fs::set_permissions(&material.folder, fs::Permissions::from_mode(0o700))?;
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
        let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
        // HAProxy takes both from one file.
        for (name, text) in [
            ("certificate.pem", certificate.clone()),
            ("key.pem", key.clone()),
            ("both.pem", certificate + &key),
        ] {
            let path = material.path(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        }
        fs::write(material.path("plaintext"), "Hello, World!")?;
        fs::write(material.path("items.json"), contest::data_set())?;
        for (name, answer) in [("64k", Answer::Large), ("1m", Answer::File)] {
            fs::write(material.path(name), vec![b'x'; answer.bytes()])?;
        }
        Ok(material)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How Ringgate and the peers of bench/peers are told of the certificate.
    pub(crate) fn certificate_arguments(&self) -> [std::ffi::OsString; 4] {
        [
            "--certificate".into(),
            self.path("certificate.pem").into(),
            "--certificate-key".into(),
            self.path("key.pem").into(),
        ]
    }
}

impl Drop for Material {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
