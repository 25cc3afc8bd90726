//! The files under one directory, read through the ring: at `/files` in the built-in application, and wherever a
//! program nests them.
//!
//! A path is resolved by the kernel, and held under the directory by it: openat2(2) with
//! `RESOLVE_BENEATH`. No `..`, no absolute path and no symbolic link leads out, also if the tree is
//! changed at that very moment; to look first (canonicalize, compare the prefix) and then open would
//! leave a gap between the two. Links that stay inside are followed. Nothing of it blocks the core:
//! the ring opens, describes, reads and closes.
//!
//! Decided elsewhere: which version of a file it is ([`version`]), what a request makes of that
//! ([`conditions`]), which part is sent ([`range`]) and the type ([`media_type`]).
//! Deliberately absent: listings of directories, compression, several ranges at once.

mod conditions;
mod media_type;
mod range;
mod version;

use crate::handler::{Body, Request, Response, Router, Writer};
use crate::runtime::fs::{File, Metadata, OpenOptions, Pages};
use bytes::Bytes;
use conditions::{Condition, Conditions};
use http::header::{
    ACCEPT_RANGES, CONTENT_RANGE, ETAG, LAST_MODIFIED, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use range::Part;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::error::Error;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use version::{Traits, Version};

/// The file that a request for a directory is answered with.
const INDEX: &str = "index.html";
/// Times that an open is tried while the tree is being changed (openat2(2), EAGAIN).
const OPEN_TRIES: u32 = 8;

/// The files under `root`, for any state: at the path that the router is [nested](Router::nest) at, or at `/`. A
/// directory is answered with its `index.html`. Entity tags, dates and ranges are honoured (RFC 9110 sections 13
/// and 14), and nothing outside of `root` is ever opened.
///
/// ```no_run
/// use ringgate::{Router, app};
///
/// let router = Router::<()>::new().nest("/static", app::files("/srv/www"));
/// ```
pub fn files<S: 'static>(root: impl Into<PathBuf>) -> Router<S> {
    let root: Arc<Path> = root.into().into();
    let top = root.clone();
    Router::new()
        .get("/", move |request| serve(top.clone(), request))
        .get("/{*path}", move |request| serve(root.clone(), request))
}

async fn serve<S>(root: Arc<Path>, request: Request<S>) -> Result<Response, Response> {
    let encoded = request.param("path").unwrap_or("");
    let path: Vec<u8> = percent_encoding::percent_decode_str(encoded).collect();
    let path = Path::new(OsStr::from_bytes(&path));
    let (mut file, mut about) = find(&root, path).await?;
    let mut media_type = media_type::of(path);
    if about.is_dir() {
        // Relative links in an index are relative to the directory: its path must end in a slash.
        if !request.path().ends_with('/') {
            return moved(&request);
        }
        (file, about) = find(&root, &path.join(INDEX)).await?;
        media_type = media_type::of(Path::new(INDEX));
    }
    if !about.is_file() {
        return Err(not_found());
    }
    Ok(answer(&request, file, &about, media_type))
}

/// Opens what lies at `path` under `root`.
async fn find(root: &Path, path: &Path) -> Result<(File, Metadata), Response> {
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside {
        return Err(not_found());
    }
    let file = open_beneath(root, path).await.map_err(refused)?;
    let about = file
        .metadata()
        .await
        .map_err(|error| Response::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))?;
    Ok((file, about))
}

/// The root is opened anew each time: a deployment that renames a new tree into its place is seen.
async fn open_beneath(root: &Path, path: &Path) -> io::Result<File> {
    let directory = (OFlags::PATH | OFlags::DIRECTORY).bits().cast_signed();
    let directory = OpenOptions::new().read(true).custom_flags(directory);
    let root = directory.open(root).await?;
    // NONBLOCK: to open a pipe without a writer would wait for one.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let options = OpenOptions::new().read(true).custom_flags(flags);
    let mut tries = 1;
    loop {
        match options.open_beneath(&root, path).await {
            Err(error) if is_passing(&error) && tries < OPEN_TRIES => tries += 1,
            opened => return opened,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AGAIN | Errno::INTR)
    )
}

/// The answer for a file that cannot be opened: the same as for a file that is not there, whatever the
/// reason, which clients need not know. Only a lack of the server itself is told apart.
fn refused(error: io::Error) -> Response {
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => Response::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "the file cannot be opened just now; try again",
        ),
        Some(Errno::IO | Errno::NOSYS | Errno::PERM) => {
            Response::error(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read")
        }
        _ => not_found(),
    }
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

fn answer<S>(
    request: &Request<S>,
    file: File,
    about: &Metadata,
    media_type: &'static str,
) -> Response {
    let traits = Traits {
        inode: about.inode(),
        size: about.len(),
        modified: about.modified(),
        changed: about.changed(),
    };
    let version = Version::new(&traits, SystemTime::now());
    let conditions = Conditions::of(request.headers());
    let response = |status| {
        let unit = HeaderValue::from_static("bytes");
        let response = Response::new(status).with_header(ACCEPT_RANGES, unit);
        let response = with(response, ETAG, version.tag());
        with(response, LAST_MODIFIED, version.date())
    };
    match conditions.judge(&version) {
        Condition::Met => {}
        Condition::Unchanged => return response(StatusCode::NOT_MODIFIED),
        Condition::Failed => {
            return Response::error(
                StatusCode::PRECONDITION_FAILED,
                "the file is not the version that the request is for",
            );
        }
    }
    // RFC 9110 section 14.2: a range is defined for GET alone; HEAD tells of the whole.
    let asked = conditions.range(&version);
    let asked = asked.filter(|_| request.method() == Method::GET);
    let wanted = asked.map_or(Part::Whole, |asked| range::wanted(asked, about.len()));
    let (status, from, to) = match wanted {
        Part::Whole => (StatusCode::OK, 0, about.len()),
        Part::Of { from, to } => (StatusCode::PARTIAL_CONTENT, from, to),
        Part::Beyond => {
            let range = format!("bytes */{}", about.len());
            let response = Response::error(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "the file ends before this range begins",
            );
            return with(response, CONTENT_RANGE, HeaderValue::from_str(&range).ok());
        }
    };
    let response = response(status)
        .with_content_type(media_type)
        .with_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .with_body(Body::sized_writer(to - from, move |out| {
            copy(file, from, to, out)
        }));
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let range = format!("bytes {from}-{}/{}", to - 1, about.len());
            with(response, CONTENT_RANGE, HeaderValue::from_str(&range).ok())
        }
        _ => response,
    }
}

fn with(response: Response, name: HeaderName, value: Option<HeaderValue>) -> Response {
    match value {
        Some(value) => response.with_header(name, value),
        None => response,
    }
}

/// Writes the bytes from `from` up to `to`. A reader costs one block of pages, however slow it is, and
/// none once it has gone: a block is read when the one before is with the kernel. A file that shrank meanwhile is an error: the promised
/// length cannot be kept, so the connection ends short of it and the client knows.
async fn copy(file: File, from: u64, to: u64, mut out: Writer) -> Result<(), Box<dyn Error>> {
    let mut at = from;
    while at < to {
        out.room().await;
        let wanted = usize::try_from(to - at).unwrap_or(Pages::BYTES_MAX);
        let (count, mut pages) = file.read_pages_at(Pages::new(wanted)?, at).await;
        let count = count?;
        if count == 0 {
            return Err("the file became shorter while it was sent".into());
        }
        pages.truncate(count);
        at += count as u64;
        out.write(Bytes::from_owner(pages)).await;
    }
    Ok(())
}
