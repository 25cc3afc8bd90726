//! The files under one directory, read through the ring: at `/files` in the built-in application, and wherever a
//! program nests them.
//!
//! Decides what a site of files offers ([`Files`]) and which of its files answers a request. How a file is found and
//! opened, and that nothing outside of the directory ever is, is in [`disk`]; in which of its forms a file goes out in
//! [`answer`]; which small files a core keeps in memory in [`cache`], and how often that helped in [`tally`](mod@tally); which version of a file it is in [`version`], what a request makes of that in [`conditions`], which
//! parts are sent in [`range`] and [`parts`], the type in [`media_type`], fields by pattern in [`rules`], and the page
//! of a directory in [`listing`].

mod answer;
mod cache;
mod conditions;
mod disk;
mod listing;
mod media_type;
mod parts;
mod range;
mod rules;
mod tally;
mod version;

use crate::config::FileHeader;
use crate::handler::{Request, Response, Router};
pub(crate) use tally::tally;

use answer::Form;
use cache::Cache;
use disk::{Disk, Looked};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use listing::Lister;
use rules::Rules;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of the file that a request for a directory is answered with, unless another is named.
const INDEX: &str = "index.html";
/// Content codings of the files beside a file, and how the names of these end: the densest first.
const CODINGS: [(&str, &str); 3] = [("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")];

/// The files under `root`, for any state, as [`Files`] serves them by itself: at the path that the router is
/// [nested](Router::nest) at, or at `/`.
///
/// ```no_run
/// use ringgate::{Router, app};
///
/// let router = Router::<()>::new().nest("/static", app::files("/srv/www"));
/// ```
pub fn files<S: 'static>(root: impl Into<PathBuf>) -> Router<S> {
    Files::of(root).into_router()
}

/// The files under a directory, and how they are offered.
///
/// A directory is answered with its `index.html`. Entity tags, dates and ranges are honoured (RFC 9110 sections 13 and
/// 14), several ranges at once among them; nothing outside of the root is ever opened, and what has a name that begins
/// with a dot is not there, but for `.well-known` at the top. All else is off until it is asked for.
///
/// ```no_run
/// use ringgate::{Router, app::Files};
///
/// let site = Files::of("/srv/www")
///     .precompressed()
///     .fallback("index.html")
///     .header("*", "cache-control", "no-cache")
///     .header("/assets/*", "cache-control", "public, max-age=31536000, immutable");
/// let router = Router::<()>::new().merge(site.into_router());
/// ```
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
    index: String,
    precompressed: bool,
    listing: bool,
    fallback: Option<PathBuf>,
    dotfiles: bool,
    headers: Vec<FileHeader>,
    cached: Option<(usize, Duration)>,
}

impl Files {
    /// The files under this directory.
    pub fn of(root: impl Into<PathBuf>) -> Files {
        Files {
            root: root.into(),
            index: INDEX.to_owned(),
            precompressed: false,
            listing: false,
            fallback: None,
            dotfiles: false,
            headers: Vec::new(),
            cached: None,
        }
    }

    /// With another name for the file that a directory is answered with.
    #[must_use]
    pub fn index(mut self, name: impl Into<String>) -> Files {
        self.index = name.into();
        self
    }

    /// With compressed files beside the files: for `app.js` a client that accepts it gets `app.js.br`, `app.js.zst` or
    /// `app.js.gz`, with the type of `app.js` and an entity tag of its own. The file itself must be there as well, and
    /// one that was modified in a later second than the compressed one is sent as it is, for the other is out of date.
    #[must_use]
    pub fn precompressed(mut self) -> Files {
        self.precompressed = true;
        self
    }

    /// With a page for each directory that has no index: the names in it, as links. Every client learns these names.
    #[must_use]
    pub fn listing(mut self) -> Files {
        self.listing = true;
        self
    }

    /// With a file, named from the root, that answers with 200 where nothing is found: the page of an application that
    /// makes its paths in the browser. A path whose last name has a dot in it is a file that is missing, and stays 404.
    #[must_use]
    pub fn fallback(mut self, file: impl Into<PathBuf>) -> Files {
        let file = file.into();
        self.fallback = Some(file.strip_prefix("/").map(Path::to_owned).unwrap_or(file));
        self
    }

    /// With files and directories whose names begin with a dot. `.well-known` at the top is there without it
    /// (RFC 8615).
    #[must_use]
    pub fn dotfiles(mut self) -> Files {
        self.dotfiles = true;
        self
    }

    /// With a field for the files that a pattern fits; see [`FileHeader`] for patterns. Of two that fit and are of one
    /// name the later holds. Fields go with answers of 200, 206 and 304.
    ///
    /// # Panics
    /// If the pattern, the name or the value is none, or the field is one that is made from the file.
    #[must_use]
    pub fn header(self, pattern: &str, name: &str, value: &str) -> Files {
        let header = FileHeader::new(pattern, name, value);
        self.headers([header.unwrap_or_else(|error| panic!("{pattern} {name}: {value}: {error}"))])
    }

    /// With these fields, as [`Files::header`].
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = FileHeader>) -> Files {
        self.headers.extend(headers);
        self
    }

    /// With files in the memory of each core, `bytes` of them at most: small ones (up to 128 KiB, and up to an eighth of
    /// `bytes`) from their first request on, and others of up to 1 MiB if they are asked for again.
    /// A look at the disk holds for `valid`: an answer is made of the version that was on the disk when its request came, or
    /// at most so long before. With a time of zero the disk is looked at for each request, and only the read is spared.
    ///
    /// ```no_run
    /// use ringgate::app::Files;
    /// use std::time::Duration;
    ///
    /// let site = Files::of("/srv/www").cached(8 << 20, Duration::from_secs(1));
    /// # let router = site.into_router::<()>();
    /// ```
    #[must_use]
    pub fn cached(mut self, bytes: usize, valid: Duration) -> Files {
        self.cached = Some((bytes, valid));
        self
    }

    /// The router that serves them, for any state.
    pub fn into_router<S: 'static>(self) -> Router<S> {
        let site = Arc::new(Site {
            disk: Disk::new(
                self.root.clone(),
                self.cached.map(|(bytes, valid)| Cache::new(bytes, valid)),
            ),
            rules: Rules::of(&self.headers),
            lister: self.listing.then(|| Lister::new(self.root, self.dotfiles)),
            index: self.index,
            precompressed: self.precompressed,
            fallback: self.fallback,
            dotfiles: self.dotfiles,
        });
        let top = site.clone();
        Router::new()
            .get("/", move |request| serve(top.clone(), request))
            .get("/{*path}", move |request| serve(site.clone(), request))
    }
}

/// A site while it is served, shared by all cores.
struct Site {
    disk: Disk,
    rules: Rules,
    lister: Option<Lister>,
    index: String,
    precompressed: bool,
    fallback: Option<PathBuf>,
    dotfiles: bool,
}

async fn serve<S>(site: Arc<Site>, request: Request<S>) -> Result<Response, Response> {
    let encoded = request.param("path").unwrap_or("");
    let path: Vec<u8> = percent_encoding::percent_decode_str(encoded).collect();
    let path = Path::new(OsStr::from_bytes(&path));
    if !disk::is_inside(path) || (!site.dotfiles && is_hidden(path)) {
        return Err(not_found());
    }
    // Relative links in an index are relative to the directory: its path must end in a slash.
    if request.path().ends_with('/') {
        let index = path.join(&site.index);
        return match site.disk.look(&index).await? {
            Looked::File(file) => site.send(&request, &index, file).await,
            Looked::Directory | Looked::Nothing => site.list(&request, path).await,
        };
    }
    match site.disk.look(path).await? {
        Looked::File(file) => site.send(&request, path, file).await,
        Looked::Directory => moved(&request),
        Looked::Nothing => site.fall_back(&request, path).await,
    }
}

impl Site {
    /// Sends a file in the form that the client likes best.
    async fn send<S>(
        &self,
        request: &Request<S>,
        path: &Path,
        file: disk::Found,
    ) -> Result<Response, Response> {
        let mut form = Form { file, coding: None };
        if self.precompressed {
            for coding in request.accepted_codings(&CODINGS.map(|(coding, _)| coding)) {
                if let Some(file) = self.compressed(path, coding, &form.file).await? {
                    let coding = Some(coding);
                    form = Form { file, coding };
                    break;
                }
            }
        }
        let answer = answer::answer(request, form, media_type::of(path), |answer| {
            let answer = self.rules.apply(path, answer);
            match self.precompressed {
                true => answer.with_header("vary", "accept-encoding"),
                false => answer,
            }
        });
        Ok(answer)
    }

    /// The file beside `path` that holds it in this coding, if that is there and not out of date. Tools that compress
    /// give it the time of the file; some of them leave out the parts of a second.
    async fn compressed(
        &self,
        path: &Path,
        coding: &str,
        plain: &disk::Found,
    ) -> Result<Option<disk::Found>, Response> {
        let mut codings = CODINGS.iter();
        let Some((_, ending)) = codings.find(|(name, _)| *name == coding) else {
            return Ok(None);
        };
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        Ok(match self.disk.look_beside(Path::new(&beside)).await? {
            Looked::File(file) => Some(file).filter(|file| !file.is_older_than(plain)),
            Looked::Directory | Looked::Nothing => None,
        })
    }

    /// The page of a directory without an index.
    async fn list<S>(&self, request: &Request<S>, path: &Path) -> Result<Response, Response> {
        let listed = match &self.lister {
            Some(lister) => lister.page(request.path(), path).await?,
            None => None,
        };
        match listed {
            Some(page) => Ok(page),
            None => self.fall_back(request, path).await,
        }
    }

    /// The answer where nothing is found.
    async fn fall_back<S>(&self, request: &Request<S>, path: &Path) -> Result<Response, Response> {
        let is_page = |name: &OsStr| !name.as_bytes().contains(&b'.');
        let fallback = self.fallback.as_deref();
        let Some(fallback) = fallback.filter(|_| path.file_name().is_none_or(is_page)) else {
            return Err(not_found());
        };
        match self.disk.look(fallback).await? {
            Looked::File(file) => self.send(request, fallback, file).await,
            Looked::Directory | Looked::Nothing => Err(not_found()),
        }
    }
}

/// Whether a name in the path begins with a dot, but for `.well-known` at the top.
fn is_hidden(path: &Path) -> bool {
    let mut names = path.components().map(|part| part.as_os_str());
    let is_dotted = |name: &OsStr| name.as_bytes().starts_with(b".");
    let first = names.next();
    let first = first.filter(|name| *name != ".well-known" && *name != ".");
    first.is_some_and(is_dotted) || names.any(is_dotted)
}

fn not_found() -> Response {
    Response::error(StatusCode::NOT_FOUND, "there is no such file")
}

/// To the same path with a slash at its end, and the same query.
fn moved<S>(request: &Request<S>) -> Result<Response, Response> {
    let (mark, query) = request.query().map_or(("", ""), |query| ("?", query));
    let to = format!("{}/{mark}{query}", request.path());
    let to = HeaderValue::from_str(&to).map_err(|_| not_found())?;
    Ok(Response::new(StatusCode::MOVED_PERMANENTLY).with_header(LOCATION, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_hides_a_file_and_all_below_a_directory_but_what_is_well_known() {
        for hidden in [
            ".env",
            ".git/HEAD",
            "a/.b",
            "a/.b/c",
            ".well-known/.x",
            "x/.well-known",
        ] {
            assert!(is_hidden(Path::new(hidden)), "{hidden}");
        }
        for shown in [
            "",
            "a",
            "a.b",
            "a/b.c",
            ".well-known/acme-challenge/x",
            "./a",
            "a./b",
        ] {
            assert!(!is_hidden(Path::new(shown)), "{shown}");
        }
    }
}
