//! Answers compressed on their way out, for clients that accept it: gzip (RFC 1952).
//!
//! Decides which answers are compressed and what their fields say then. How bytes are compressed, and how many bodies at
//! once, is in `gzip.rs`; a body that goes out piece by piece is in `stream.rs`.

mod gzip;
mod stream;

use super::{Ready, has, vary_by};
use crate::handler::{Body, Next, Request, Response, Router};
use gzip::Encoder;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG,
};
use http::{HeaderValue, Method, StatusCode};
use std::sync::Arc;
use stream::Compressed;

/// The coding that is offered.
const GZIP: &str = "gzip";
/// Bodies shorter than this are sent as they are, unless another size is given: they fit into one packet either way.
const SIZE_MIN_BYTES: u64 = 1024;
/// Bodies up to this size are compressed at once, and have a length; larger ones go out as they are compressed. A core
/// is held up for less than a millisecond either way.
const AT_ONCE_BYTES: usize = 16 << 10;
/// How hard the compressor looks for likeness, unless another level is given.
const LEVEL: u32 = 4;
/// Bodies that a core compresses at a time, unless another number is given. Each has a compressor of about 300 KiB.
const BODIES_MAX: u32 = 64;
/// The type of server-sent events, whose every event is to go out at once.
const EVENTS: &str = "text/event-stream";
/// The type of several parts of an answer.
const PARTS: &str = "multipart/byteranges";
/// Types that are text, beside `text/*` and those that end in `+json`, `+xml` or `+text`.
const TEXTS: [&str; 12] = [
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/rtf",
    "application/wasm",
    "application/x-ndjson",
    "application/x-sh",
    "application/xml",
    "application/yaml",
    "font/ttf",
    "image/bmp",
];

/// Compresses the text among the answers with gzip, for clients that accept it.
///
/// An answer is compressed if its Content-Type is text (`text/*`, JSON, XML, JavaScript, SVG, WebAssembly and their like),
/// it is not shorter than 1 KiB, and nothing speaks against it: it has a Content-Encoding, a Content-Range or
/// `Cache-Control: no-transform`, is a part (206) or has no body, is a stream of events, or changes the protocol. Such an
/// answer says `Vary: accept-encoding` whether its client accepts gzip or not, and so does a part of one. A strong entity tag
/// becomes a weak one, for the bytes are others, and ranges are no longer offered.
///
/// Bodies up to 16 KiB are compressed at once; larger ones, and those that stream, as they go out, a few kilobytes at a
/// time, so that no body holds up a core. (A larger one of an answer that the server gives by itself, such as a 413, stays as
/// it is.) A stream that pauses is flushed: what was written so far reaches the client. A core
/// compresses a bounded number of bodies at a time ([`Compression::bodies`]), and sends the others as they are.
///
/// A page that holds a secret beside text that somebody else chooses tells its secret by its length, compressed (BREACH):
/// leave such routes out by a router of their own.
///
/// ```
/// use ringgate::{Router, around::Compression, testing};
///
/// let router = Router::new().get("/", |_| async { "hello ".repeat(1000) }).with(Compression::new());
/// let client = testing::client(router, ());
/// let answer = client.get("/").header("Accept-Encoding", "gzip, br").send();
/// assert_eq!(answer.header("content-encoding"), Some("gzip"));
/// assert!(answer.bytes().len() < 100);
/// assert_eq!(client.get("/").send().text().len(), 6000);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Compression {
    level: u32,
    size_min: u64,
    bodies: u32,
}

impl Default for Compression {
    fn default() -> Compression {
        Compression::new()
    }
}

impl Compression {
    /// Level 4, from 1 KiB on, 64 bodies a core.
    pub fn new() -> Compression {
        Compression {
            level: LEVEL,
            size_min: SIZE_MIN_BYTES,
            bodies: BODIES_MAX,
        }
    }

    /// With another level, from 1 (fast) to 9 (small).
    ///
    /// # Panics
    /// If there is no such level.
    #[must_use]
    pub fn level(mut self, level: u32) -> Compression {
        assert!((1..=9).contains(&level), "{level} is no level from 1 to 9");
        self.level = level;
        self
    }

    /// With another size (bytes) from which on bodies are compressed.
    #[must_use]
    pub fn size_min(mut self, bytes: u64) -> Compression {
        self.size_min = bytes;
        self
    }

    /// With another number of bodies that a core compresses at a time; each takes about 300 KiB. The bodies of one core
    /// count together, whatever router they are of.
    #[must_use]
    pub fn bodies(mut self, most: u32) -> Compression {
        self.bodies = most;
        self
    }

    /// Whether an answer would be compressed for a client that accepts it.
    fn is_for(&self, answer: &Response) -> bool {
        let status = answer.status();
        let has_content = !matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
        let is_worth_it = match answer.body() {
            Body::Empty | Body::Switch(_) => false,
            body => body.len().is_none_or(|len| len >= self.size_min.max(1)),
        };
        let may_not = [CONTENT_ENCODING, CONTENT_RANGE];
        has_content
            && !status.is_informational()
            && is_worth_it
            && is_text(answer)
            && !may_not.iter().any(|name| has(answer, name))
            && !is_fixed(answer)
    }

    /// The answer, compressed. Nothing is sent of the body of one that `is_unsent`.
    fn compress(&self, answer: Response, is_unsent: bool) -> Response {
        let mut answer = answer;
        let body = std::mem::replace(&mut answer.body, Body::Empty);
        let at_once = is_compressed_at_once(&body);
        let (body, compressed) = match body {
            // The length of what is compressed is not known without compressing it.
            _ if is_unsent => (Compressed::nothing(), true),
            Body::Chunk(bytes) if at_once => match Encoder::open(self.level, self.bodies) {
                Some(encoder) => (Body::from(encoder.whole(bytes.as_slice())), true),
                None => (Body::Chunk(bytes), false),
            },
            body => match Encoder::open(self.level, self.bodies) {
                Some(encoder) => (Compressed::body(body, encoder), true),
                None => (body, false),
            },
        };
        answer.body = body;
        match compressed {
            true => described(answer),
            false => answer,
        }
    }
}

/// A short body as it was before an answer was compressed here.
pub(super) fn uncompressed(compressed: &[u8]) -> Option<Vec<u8>> {
    gzip::original(compressed, AT_ONCE_BYTES)
}

/// Whether a body stays one that is there, compressed.
fn is_compressed_at_once(body: &Body) -> bool {
    matches!(body, Body::Chunk(bytes) if bytes.len() <= AT_ONCE_BYTES)
}

/// The media type of an answer, without its parameters.
fn media_type(answer: &Response) -> Option<&str> {
    let value = std::str::from_utf8(answer.header("content-type")?).ok()?;
    value.split(';').next().map(str::trim)
}

/// Whether the answer is text that may wait for more of it.
fn is_text(answer: &Response) -> bool {
    let Some(media_type) = media_type(answer).map(str::to_ascii_lowercase) else {
        return false;
    };
    let suffixes = ["+json", "+xml", "+text"];
    media_type != EVENTS
        && (media_type.starts_with("text/")
            || TEXTS.contains(&&*media_type)
            || suffixes.iter().any(|suffix| media_type.ends_with(suffix)))
}

/// Whether the answer says that nobody may change it (RFC 9111 section 5.2.2.6), or how it reads as it is
/// (RFC 9530).
fn is_fixed(answer: &Response) -> bool {
    let says = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        let mut directives = text.split(',').map(str::trim);
        directives.any(|directive| directive.eq_ignore_ascii_case("no-transform"))
    };
    let digests = ["content-digest", "content-md5", "digest", "repr-digest"];
    let mut fields = answer.headers().iter();
    fields.any(|(name, value)| {
        (*name == CACHE_CONTROL && says(value)) || digests.contains(&name.as_str())
    })
}

/// Whether the answer is a part of one that may be compressed: it has the Vary that this has (RFC 9110 section 15.3.7).
/// How long that is, and of which type the parts of several are, it does not say.
fn is_part_of_text(answer: &Response) -> bool {
    let has_several = || {
        let media_type = media_type(answer);
        media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(PARTS))
    };
    answer.status() == StatusCode::PARTIAL_CONTENT
        && (is_text(answer) || has_several())
        && !has(answer, &CONTENT_ENCODING)
        && !is_fixed(answer)
}

/// Makes a strong entity tag a weak one, if `may_be` says so of that.
fn weaken(answer: &mut Response, may_be: impl Fn(&[u8]) -> bool) {
    for (name, value) in &mut answer.fields {
        if *name == ETAG && !value.as_bytes().starts_with(b"W/") {
            let weak = [b"W/", value.as_bytes()].concat();
            if may_be(&weak)
                && let Ok(weak) = HeaderValue::from_bytes(&weak)
            {
                *value = weak;
            }
        }
    }
}

/// Whether one of these lines of If-None-Match names a tag. No tag has a quotation mark within, so that it is found by its
/// bytes.
fn names(lines: &[Vec<u8>], tag: &[u8]) -> bool {
    let mut lines = lines.iter();
    lines.any(|line| line.windows(tag.len()).any(|bytes| bytes == tag))
}

/// The fields of an answer that is compressed.
fn described(mut answer: Response) -> Response {
    let gone = [ACCEPT_RANGES, CONTENT_LENGTH];
    answer.fields.retain(|(name, _)| !gone.contains(name));
    weaken(&mut answer, |_| true);
    answer.with_header(CONTENT_ENCODING, HeaderValue::from_static(GZIP))
}

impl Ready for Compression {
    fn put_around<S: 'static>(self, router: Router<S>) -> Router<S> {
        let compression = Arc::new(self);
        router.around(move |request, next| answer(compression.clone(), request, next))
    }
}

async fn answer<S: 'static>(
    compression: Arc<Compression>,
    request: Request<S>,
    next: Next<S>,
) -> Response {
    let accepts = !request.ranked_codings(&[GZIP]).is_empty();
    let method = request.method().clone();
    // The tag of what was compressed is held by those alone who got it so.
    let held = request
        .headers()
        .filter(|(name, _)| accepts && name.eq_ignore_ascii_case("if-none-match"));
    let held: Vec<_> = held.map(|(_, value)| value.to_vec()).collect();
    let must_be_whole = next.is_given();
    let answer = next.run(request).await;
    // A 304 is for an answer that may have been compressed, and has the entity tag of that (RFC 9110 section 15.4.5).
    if answer.status() == StatusCode::NOT_MODIFIED {
        let mut answer = vary_by(answer, "accept-encoding");
        weaken(&mut answer, |weak| names(&held, weak));
        return answer;
    }
    if is_part_of_text(&answer) {
        return vary_by(answer, "accept-encoding");
    }
    if !compression.is_for(&answer) {
        return answer;
    }
    let answer = vary_by(answer, "accept-encoding");
    let stays = must_be_whole && !is_compressed_at_once(&answer.body);
    match accepts && !stays {
        true => compression.compress(answer, method == Method::HEAD && !must_be_whole),
        false => answer,
    }
}
