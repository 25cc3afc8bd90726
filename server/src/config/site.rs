//! The options of the site that the built-in application is: where its files are, in which forms they go out, and what
//! goes with them and with every other answer.
//!
//! Plain data, part of [`Config`](super::Config). Called by the option table and by programs that build a
//! configuration in code. `app/files/` and `around/` act on it.

use std::path::PathBuf;
use std::time::Duration;

use super::answers::{CorsOrigin, ServerHeader};
use super::choice::{FilesAt, Switch};
use super::file_header::FileHeader;

/// How the built-in application serves the files of its root, and what is around all of its answers.
///
/// ```
/// use ringgate::config::{Config, FilesAt, Site, Switch};
///
/// let config = Config {
///     root: Some("/srv/www".into()),
///     site: Site { at: FilesAt::Top, precompressed: Switch::On, ..Site::default() },
///     ..Config::default()
/// };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Where the files are.
    pub at: FilesAt,
    /// Whether compressed files beside the files are sent to who accepts them.
    pub precompressed: Switch,
    /// The name of the file that a directory is answered with.
    pub index: String,
    /// Whether a directory without an index is answered with a page of its names.
    pub listing: Switch,
    /// The file, named from the root, that answers where nothing is found.
    pub fallback: Option<PathBuf>,
    /// Whether names that begin with a dot are served.
    pub dotfiles: Switch,
    /// Fields that go with files.
    pub headers: Vec<FileHeader>,
    /// Bytes of small files that each core keeps in memory; `None` keeps none.
    pub cache: Option<u64>,
    /// How long a look at the disk holds for a file that is kept.
    pub cache_valid: Duration,
    /// Whether text is compressed on its way out.
    pub compression: Switch,
    /// The directory of the pages that answers to errors have.
    pub error_pages: Option<PathBuf>,
    /// The origins whose pages may read the answers.
    pub cors_origins: Vec<CorsOrigin>,
    /// The value of the field Server; none is sent without it.
    pub server_header: Option<ServerHeader>,
    /// Whether answers tell browsers to be careful with them.
    pub security_headers: Switch,
}

impl Default for Site {
    fn default() -> Site {
        Site {
            at: FilesAt::Below,
            precompressed: Switch::Off,
            index: "index.html".to_owned(),
            listing: Switch::Off,
            fallback: None,
            dotfiles: Switch::Off,
            headers: Vec::new(),
            cache: Some(8 << 20),
            cache_valid: Duration::from_secs(1),
            compression: Switch::Off,
            error_pages: None,
            cors_origins: Vec::new(),
            server_header: None,
            security_headers: Switch::Off,
        }
    }
}
