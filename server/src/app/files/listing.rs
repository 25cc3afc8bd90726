//! The page of a directory: the names in it, as links.
//!
//! Called for a directory without an index, where listings are asked for. The standard library and the ring have no way
//! to read a directory without blocking, so a worker beside the cores does it, one directory at a time. The directory
//! is found as files are: nothing outside of the root is read (openat2(2), RESOLVE_BENEATH).

use crate::handler::{IntoResponse, Response};
use crate::lane::Lane;
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, statat};
use rustix::io::Errno;
use std::ffi::{CStr, OsStr};
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Entries of a page; what more a directory has is not shown.
const ENTRIES_MAX: usize = 10_000;
/// Requests that wait for the worker; more are refused.
const WAITING_MAX: u32 = 64;
/// The worker leaves after about this long without work.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Nothing is loaded, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";
/// Bytes of a name that stand in a link as they are (RFC 3986 section 2.3).
const IN_LINK: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Reads directories, and writes their pages.
pub(super) struct Lister {
    root: PathBuf,
    dotfiles: bool,
    lane: Lane,
}

/// A thing in a directory.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    is_file: bool,
    name: Vec<u8>,
    /// Bytes.
    size: u64,
    /// Seconds since 1970.
    modified: i64,
}

/// The first entries of a directory, in no order.
struct Read {
    entries: Vec<Entry>,
    has_more: bool,
}

impl Lister {
    pub(super) fn new(root: PathBuf, dotfiles: bool) -> Lister {
        let workers = Lane::workers(0..=1)
            .queue_limit(WAITING_MAX)
            .auto_trim(Some(IDLE_TIME));
        let lane = workers.stateless().open("listings");
        let lane = lane.expect("up to one worker is a lane");
        Lister {
            root,
            dotfiles,
            lane,
        }
    }

    /// The page of the directory at `path` under the root; None if there is none, or none that this process may read.
    pub(super) async fn page(&self, at: &str, path: &Path) -> Result<Option<Response>, Response> {
        let (root, path, dotfiles) = (self.root.clone(), path.to_owned(), self.dotfiles);
        let read = self.lane.run(move |()| read(&root, &path, dotfiles)).await;
        match read.map_err(IntoResponse::into_response)? {
            Ok(read) => Ok(Some(page(at, read))),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Err(Response::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "the directory cannot be read just now; try again",
            )),
            Err(_) => Ok(None),
        }
    }
}

/// Reads a directory; blocks.
fn read(root: &Path, path: &Path, dotfiles: bool) -> Result<Read, Errno> {
    let path = match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(root, flags, Mode::empty())?;
    let opened = open_beneath(&root, path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut read = Read {
        entries: Vec::new(),
        has_more: false,
    };
    for entry in Dir::read_from(&opened)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_dotted = name.to_bytes().starts_with(b".");
        if matches!(name.to_bytes(), b"." | b"..") || (is_dotted && !dotfiles) {
            continue;
        }
        if read.entries.len() == ENTRIES_MAX {
            read.has_more = true;
            break;
        }
        read.entries.extend(described(&root, path, &opened, name));
    }
    Ok(read)
}

/// A name in the directory at `path`. A link is described as what it leads to, if that is under the root; what is
/// neither a file nor a directory is left out, for it is not served.
fn described(root: &OwnedFd, path: &Path, directory: &OwnedFd, name: &CStr) -> Option<Entry> {
    let about = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let about = match FileType::from_raw_mode(about.st_mode) {
        FileType::Symlink => {
            let link = path.join(OsStr::from_bytes(name.to_bytes()));
            fstat(open_beneath(root, &link, OFlags::PATH).ok()?).ok()?
        }
        _ => about,
    };
    let is_file = match FileType::from_raw_mode(about.st_mode) {
        FileType::RegularFile => true,
        FileType::Directory => false,
        _ => return None,
    };
    Some(Entry {
        is_file,
        name: name.to_bytes().to_vec(),
        size: about.st_size.unsigned_abs(),
        modified: about.st_mtime,
    })
}

fn open_beneath(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// The page of what was read of the directory with this path, as the client wrote it.
fn page(at: &str, mut read: Read) -> Response {
    read.entries.sort();
    let at: Vec<u8> = percent_decode_str(at).collect();
    let title = escaped(&at);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body{{font-family:sans-serif;margin:2em}}td{{padding-right:2em}}\
         td+td{{text-align:right;font-variant-numeric:tabular-nums}}</style>\n\
         <h1>{title}</h1>\n<table>\n"
    );
    if at != b"/" {
        page.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for entry in &read.entries {
        page.push_str(&row(entry));
    }
    page.push_str("</table>\n");
    if read.has_more {
        let _ = writeln!(
            page,
            "<p>The first {ENTRIES_MAX} are shown; there are more."
        );
    }
    Response::html(page)
        .with_header(CONTENT_SECURITY_POLICY, POLICY)
        .with_header(X_CONTENT_TYPE_OPTIONS, "nosniff")
}

fn row(entry: &Entry) -> String {
    // A link such as `a:b` would name a protocol, so it never stands as it is.
    let link = percent_encode(&entry.name, IN_LINK);
    let (name, date) = (escaped(&entry.name), date(entry.modified));
    match entry.is_file {
        true => {
            let size = entry.size;
            format!("<tr><td><a href=\"{link}\">{name}</a><td>{size}<td>{date}\n")
        }
        false => format!("<tr><td><a href=\"{link}/\">{name}/</a><td><td>{date}\n"),
    }
}

/// A moment as Last-Modified would tell it; one before 1970 was then.
fn date(seconds: i64) -> String {
    let since = Duration::from_secs(seconds.try_into().unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

/// A name as text of HTML. Bytes that are not UTF-8 become U+FFFD.
fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in String::from_utf8_lossy(name).chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::{Body, Chunk};

    fn entry(is_file: bool, name: &[u8]) -> Entry {
        Entry {
            is_file,
            name: name.to_vec(),
            size: 7,
            modified: 0,
        }
    }

    fn text(at: &str, entries: Vec<Entry>, has_more: bool) -> String {
        let response = page(at, Read { entries, has_more });
        let Body::Chunk(bytes) = response.body() else {
            panic!("a page is whole");
        };
        String::from_utf8(Chunk::as_slice(bytes).to_vec()).expect("text")
    }

    #[test]
    fn directories_come_first_and_names_are_sorted() {
        let entries = [
            (true, "b"),
            (false, "z"),
            (true, "B"),
            (false, "a"),
            (true, "a"),
        ];
        let entries = entries.map(|(is_file, name)| entry(is_file, name.as_bytes()));
        let page = text("/d/", entries.into(), false);
        let links = page.split("href=\"").skip(1);
        let links: Vec<_> = links.map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(links, ["../", "a/", "z/", "B", "a", "b"]);
    }

    #[test]
    fn no_name_is_markup_or_another_link() {
        let names: [&[u8]; 3] = [b"<b>&\"'", b"javascript:alert(1)", b"\xff/"];
        let entries = names.map(|name| entry(true, name)).into();
        let page = text("/%3Ci%3E/", entries, true);
        for expected in [
            "<title>/&lt;i&gt;/</title>",
            "<a href=\"%3Cb%3E%26%22%27\">&lt;b&gt;&amp;&quot;&#39;</a><td>7<td>",
            "<a href=\"javascript%3Aalert%281%29\">",
            "<a href=\"%FF%2F\">\u{fffd}/</a>",
            "there are more",
        ] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
        assert!(!page.contains("<i>") && !page.contains("<b>"), "{page}");
        assert!(!text("/", Vec::new(), false).contains("../"));
    }
}
