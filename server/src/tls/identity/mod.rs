//! Which certificate a client is shown: the one of the name that it asks for. Filled from the
//! configuration at start and on each reload, asked by every handshake; immutable. Left to others:
//! reading files, and saying that a certificate expires soon.
//!
//! In reading order:
//!
//! | module | decides |
//! |---|---|
//! | [`error`] | what is wrong with a file, and what helps |
//! | [`certificate`] | which names and dates a certificate has |
//! | [`load`] | whether a chain and a key are an identity |
//! | `self_signed` | a certificate for trying things out |

pub mod certificate;
pub mod error;
pub mod load;
mod self_signed;

pub use error::{IdentityError, Trouble};
pub use load::{Identity, Pem, client_roots};

use crate::tls::handshake::credential::Credential;
use std::collections::HashMap;

/// The identities of a listener by name. The first of them is the default: it is shown to clients that
/// ask for no name, or for one that nobody has.
#[derive(Debug)]
pub struct Identities {
    all: Vec<Identity>,
    /// Places in `all`: of each name, the cheapest signature first.
    exact: HashMap<Box<str>, Vec<usize>>,
    /// The same of `*.example.com`, under `example.com`.
    wildcard: HashMap<Box<str>, Vec<usize>>,
}

impl Identities {
    /// A listener's identities, the default first. None without any.
    ///
    /// A name may belong to several, such as one with ECDSA and one with RSA: each client gets what it can
    /// check. Of two with the same name and kind of key, the one that stands first is shown.
    pub fn new(all: Vec<Identity>) -> Option<Identities> {
        if all.is_empty() {
            return None;
        }
        let mut exact = HashMap::<Box<str>, Vec<usize>>::new();
        let mut wildcard = exact.clone();
        for (place, identity) in all.iter().enumerate() {
            for name in identity.names() {
                let (table, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, &**name),
                };
                table.entry(name.into()).or_default().push(place);
            }
        }
        for places in exact.values_mut().chain(wildcard.values_mut()) {
            places.sort_by_key(|place| all[*place].credential().kind());
        }
        Some(Identities {
            all,
            exact,
            wildcard,
        })
    }

    /// All of them, the default first.
    pub fn all(&self) -> &[Identity] {
        &self.all
    }

    /// The credential of the first certificate.
    pub fn default_credential(&self) -> &Credential {
        self.all[0].credential()
    }

    /// The credential for a client that asks for `name` and can use what `usable` says. An exact name goes
    /// before a wildcard, which stands for one label (RFC 9525 section 6.3), and that before the default.
    /// None when the client can use none at all.
    pub fn resolve(
        &self,
        name: Option<&str>,
        usable: impl Fn(&Credential) -> bool,
    ) -> Option<&Credential> {
        let named = name.and_then(|name| {
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                self.named(&name.to_ascii_lowercase(), &usable)
            } else {
                self.named(name, &usable)
            }
        });
        named.or_else(|| {
            let mut all = self.all.iter().map(Identity::credential);
            all.find(|credential| usable(credential))
        })
    }

    fn named(&self, name: &str, usable: &impl Fn(&Credential) -> bool) -> Option<&Credential> {
        let first = |places: &Vec<usize>| {
            let mut credentials = places.iter().map(|place| self.all[*place].credential());
            credentials.find(|credential| usable(credential))
        };
        let exact = self.exact.get(name).and_then(first);
        exact.or_else(|| {
            let (label, parent) = name.split_once('.')?;
            let of_parent = self.wildcard.get(parent).filter(|_| !label.is_empty())?;
            first(of_parent)
        })
    }
}
