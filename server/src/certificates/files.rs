//! Which files are a certificate and its key. Used by [`super::load`].
//!
//! | named | chain | key |
//! |---|---|---|
//! | a file | the file | the next of `certificate_key`; else in the same file; else beside it |
//! | a directory with `fullchain.pem`, as certbot makes it | that file | beside it |
//! | another directory | each file that ends in `.pem`, `.crt` or `.cer`, by name; each directory in it with `fullchain.pem` | in the same file; else beside it |
//!
//! Beside `NAME.pem` the key is `NAME.key`, `NAME.pem.key` or `NAME-key.pem`; beside `fullchain.pem` it is
//! `privkey.pem`.

use super::error::TlsError;
use crate::tls::identity::Pem;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most bytes of one file: a chain of ten certificates has some 20 KiB.
const FILE_SIZE_BYTES_MAX: u64 = 1 << 20;
/// Endings of files in a directory that may hold a certificate.
const CHAIN_ENDINGS: [&str; 3] = ["pem", "crt", "cer"];
/// The chain in a directory that certbot makes, and its key.
const FULL_CHAIN: &str = "fullchain.pem";
const PRIVATE_KEY: &str = "privkey.pem";
/// Certificates of issuers, as lego puts them beside those of servers.
const ISSUER: &str = ".issuer.crt";

/// A file and its content, which is zeroed when it is dropped.
#[derive(Debug)]
pub(super) struct Content {
    file: PathBuf,
    text: Zeroizing<Vec<u8>>,
}

impl Content {
    fn read(file: &Path, option: &'static str) -> Result<Content, TlsError> {
        let (file, text) = (file.to_owned(), read(file, option)?);
        Ok(Content { file, text })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn pem(&self) -> Pem<'_> {
        let (file, text) = (&self.file, &self.text);
        Pem { file, text }
    }

    fn holds(&self, mark: &str) -> bool {
        let mut windows = self.text.windows(mark.len());
        windows.any(|window| window == mark.as_bytes())
    }

    fn holds_key(&self) -> bool {
        self.holds("PRIVATE KEY-----")
    }
}

/// A chain, and the file of its key if that is another one.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) chain: Content,
    pub(super) key: Option<Content>,
}

/// Reads a whole file that an option leads to.
pub(super) fn read(file: &Path, option: &'static str) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    read_regular(file).map_err(|error| TlsError::Unreadable {
        file: file.to_owned(),
        option,
        error,
    })
}

/// A pipe could keep whoever opens or reads it waiting for ever.
fn read_regular(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(file)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return refuse("it is no regular file");
    }
    let length = metadata.len();
    if length > FILE_SIZE_BYTES_MAX {
        return refuse("it has more than 1 MiB");
    }
    // With room for all of it: a vector that grows would leave parts of a key behind.
    let mut text = Zeroizing::new(Vec::with_capacity(length as usize + 1));
    file.take(length + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// The pairs that a path means. A file takes the next of the named keys, if one is left.
pub(super) fn pairs<'k>(
    path: &Path,
    keys: &mut impl Iterator<Item = &'k PathBuf>,
) -> Result<Vec<Pair>, TlsError> {
    if path.is_dir() {
        return directory(path);
    }
    let chain = Content::read(path, "certificate")?;
    match keys.next() {
        Some(key) => {
            let key = Content::read(key, "certificate_key")?;
            let key = Some(key);
            Ok(vec![Pair { chain, key }])
        }
        None => Ok(vec![with_own_key(chain)?]),
    }
}

fn directory(path: &Path) -> Result<Vec<Pair>, TlsError> {
    let of_certbot = path.join(FULL_CHAIN);
    if of_certbot.is_file() {
        let chain = Content::read(&of_certbot, "certificate")?;
        return Ok(vec![with_own_key(chain)?]);
    }
    let mut found = Vec::new();
    for entry in entries(path)? {
        let chain = match entry.is_dir() {
            true => entry.join(FULL_CHAIN),
            false => entry,
        };
        if !is_chain(&chain) || !chain.is_file() {
            continue;
        }
        let chain = Content::read(&chain, "certificate")?;
        // A key beside its certificate may end in .pem too.
        if chain.holds_key() && !chain.holds("BEGIN CERTIFICATE") {
            continue;
        }
        found.push(with_own_key(chain)?);
    }
    match found.is_empty() {
        true => Err(TlsError::EmptyDirectory(path.to_owned())),
        false => Ok(found),
    }
}

/// Everything in a directory that is not hidden, by name: which certificate is the default does not depend
/// on the file system.
fn entries(path: &Path) -> Result<Vec<PathBuf>, TlsError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                entries.push(entry.path());
            }
        }
        entries.sort_unstable();
        Ok(entries)
    };
    read().map_err(|error| TlsError::Unreadable {
        file: path.to_owned(),
        option: "certificate",
        error,
    })
}

fn is_chain(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| CHAIN_ENDINGS.contains(&ending))
        && !name.ends_with(ISSUER.as_bytes())
}

/// The chain with the key in its file, or with the one beside it.
fn with_own_key(chain: Content) -> Result<Pair, TlsError> {
    if chain.holds_key() {
        return Ok(Pair { chain, key: None });
    }
    let beside = beside(&chain.file).into_iter().find(|key| key.is_file());
    match beside {
        Some(key) => {
            let key = Some(Content::read(&key, "certificate_key")?);
            Ok(Pair { chain, key })
        }
        None => Err(TlsError::NoKeyBeside(chain.file)),
    }
}

/// Where the key of a chain may be, the likeliest first.
fn beside(chain: &Path) -> Vec<PathBuf> {
    if chain.ends_with(FULL_CHAIN) {
        return vec![chain.with_file_name(PRIVATE_KEY)];
    }
    let named = |base: Option<&std::ffi::OsStr>, ending: &str| {
        let mut name = base.unwrap_or_default().to_owned();
        name.push(ending);
        chain.with_file_name(name)
    };
    vec![
        named(chain.file_stem(), ".key"),
        named(chain.file_name(), ".key"),
        named(chain.file_stem(), "-key.pem"),
    ]
}
