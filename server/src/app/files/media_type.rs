//! The media type of a file by the end of its name. A table of what web sites consist of; what is
//! not in it is sent as bytes.

use std::path::Path;

const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("wasm", "application/wasm"),
    ("xml", "application/xml"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("ico", "image/vnd.microsoft.icon"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("ttf", "font/ttf"),
    ("otf", "font/otf"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
];

/// The type of `path`, without regard to case.
pub(super) fn of(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending
        .and_then(|ending| {
            TYPES
                .iter()
                .find(|(known, _)| ending.eq_ignore_ascii_case(known))
        })
        .map_or("application/octet-stream", |(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_the_last_ending_in_any_case() {
        assert_eq!(of(Path::new("a/INDEX.HTML")), "text/html; charset=utf-8");
        assert_eq!(
            of(Path::new("site.min.js")),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(of(Path::new("backup.tar.gz")), "application/gzip");
    }

    #[test]
    fn an_unknown_or_missing_ending_is_sent_as_bytes() {
        for name in ["Makefile", ".html", "a.html/b", "x.unknown"] {
            assert_eq!(of(Path::new(name)), "application/octet-stream", "{name}");
        }
    }
}
