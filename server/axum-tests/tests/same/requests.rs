//! The requests, as the bytes that go over the wire.

/// One request.
pub(crate) struct Ask {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// The status that `axum::serve` answers with, where a test would be empty without it.
    pub(crate) status: Option<u16>,
}

/// A request without a body.
fn ask(name: &'static str, status: u16, line: &str, fields: &str) -> Ask {
    let text = format!("{line} HTTP/1.1\r\nHost: t\r\n{fields}\r\n");
    Ask {
        name,
        bytes: text.into_bytes(),
        status: Some(status),
    }
}

/// A request with a body of known length.
fn send(name: &'static str, status: u16, line: &str, kind: &str, body: &[u8]) -> Ask {
    let len = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: t\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\r\n"
    );
    Ask {
        name,
        bytes: [head.as_bytes(), body].concat(),
        status: Some(status),
    }
}

/// A request with a body in chunks of this size.
fn chunked(name: &'static str, status: u16, line: &str, size: usize, body: &[u8]) -> Ask {
    let mut bytes =
        format!("{line} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    Ask {
        name,
        bytes,
        status: Some(status),
    }
}

fn raw(name: &'static str, status: Option<u16>, text: &str) -> Ask {
    Ask {
        name,
        bytes: text.as_bytes().to_vec(),
        status,
    }
}

fn large() -> Vec<u8> {
    (0..3_000_000u32).map(|at| (at % 247) as u8).collect()
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain";

pub(crate) fn requests() -> Vec<Ask> {
    let groups = [inputs(), bodies(), outputs(), layers(), files(), shapes()];
    groups.into_iter().flatten().collect()
}

fn inputs() -> Vec<Ask> {
    let parts = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nsome text\r\n\
                 --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n\x00\x01\x02\r\n--b--\r\n";
    let of_parts = "multipart/form-data; boundary=b";
    vec![
        ask(
            "seen",
            200,
            "GET /seen?a=1&b=%20",
            "X-One: 1\r\nx-two: a\r\nX-Two: b\r\n",
        ),
        ask(
            "seen, odd fields",
            200,
            "GET /seen",
            "Empty:\r\nSpaced:   a  b \t\r\nCookie: a=b; c\r\n",
        ),
        ask("seen, another method", 200, "BREW /seen", ""),
        ask("seen, options", 200, "OPTIONS /seen", ""),
        ask("path", 200, "GET /path/42", ""),
        ask("path, bad", 400, "GET /path/many", ""),
        ask("path, too large", 400, "GET /path/99999999999", ""),
        ask("path, two", 200, "GET /two/x%2Fy/and/z%20z", ""),
        ask("path, not UTF-8", 400, "GET /two/%ff/and/b", ""),
        ask("path, rest", 200, "GET /rest/a/b/c", ""),
        ask("query", 200, "GET /query?page=7&tag=a+b%26c", ""),
        ask("query, missing", 400, "GET /query?tag=x", ""),
        ask("query, bad", 400, "GET /query?page=-1", ""),
        send(
            "json",
            200,
            "POST /json",
            JSON,
            b"{\"name\":\"a\",\"count\":3}",
        ),
        send("json, syntax", 400, "POST /json", JSON, b"{\"name\":\"a\","),
        send(
            "json, other shape",
            422,
            "POST /json",
            JSON,
            b"{\"name\":\"a\"}",
        ),
        send("json, other kind", 415, "POST /json", TEXT, b"{}"),
        send("form", 200, "POST /form", FORM, b"name=a+b&count=5"),
        send("form, other shape", 422, "POST /form", FORM, b"name=a"),
        send(
            "form, other kind",
            415,
            "POST /form",
            TEXT,
            b"name=a&count=1",
        ),
        send(
            "multipart",
            200,
            "POST /multipart",
            of_parts,
            parts.as_bytes(),
        ),
        send(
            "multipart, cut",
            400,
            "POST /multipart",
            of_parts,
            &parts.as_bytes()[..60],
        ),
        send(
            "multipart, no boundary",
            400,
            "POST /multipart",
            "multipart/form-data",
            b"",
        ),
        ask(
            "cookies",
            200,
            "GET /cookies",
            "Cookie: had=it; other=1\r\n",
        ),
        ask("client", 200, "GET /client", ""),
        ask("matched", 200, "GET /matched/x", ""),
        ask("state", 200, "GET /nest/state", ""),
        ask("nested fallback", 404, "GET /nest/nothing?x", ""),
        ask("unknown", 404, "GET /nothing", ""),
        ask("other method", 405, "POST /html", "Content-Length: 0\r\n"),
        ask("put", 200, "PUT /verbs", "Content-Length: 0\r\n"),
        ask("patch", 200, "PATCH /verbs", "Content-Length: 0\r\n"),
        ask("delete", 200, "DELETE /verbs", ""),
        ask("verbs, other", 405, "GET /verbs", ""),
    ]
}

fn bodies() -> Vec<Ask> {
    let large = large();
    let trailers = "POST /trailers HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\
                    Trailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n";
    vec![
        send("text", 200, "POST /text", TEXT, "gr\u{fc}n".as_bytes()),
        send("text, not UTF-8", 400, "POST /text", TEXT, b"\xff\xfe"),
        send("text, empty", 200, "POST /text", TEXT, b""),
        send(
            "text, beyond the default limit",
            413,
            "POST /text",
            TEXT,
            &large,
        ),
        chunked(
            "text in chunks, beyond the default limit",
            413,
            "POST /text",
            60_000,
            &large,
        ),
        send(
            "beyond an own limit",
            413,
            "POST /small",
            TEXT,
            b"eleven byte",
        ),
        send("large", 200, "POST /summed", TEXT, &large),
        chunked("large in chunks", 200, "POST /summed", 10_007, &large),
        chunked(
            "small in small chunks",
            200,
            "POST /summed",
            3,
            b"some more bytes",
        ),
        send("echo", 200, "POST /echo", TEXT, &large),
        chunked(
            "echo in chunks",
            200,
            "PUT /echo",
            50_000,
            &large[..400_000],
        ),
        ask("echo of nothing", 200, "GET /echo", ""),
        send("not read", 200, "POST /ignored", TEXT, b"what nobody reads"),
        raw("trailers in", Some(200), trailers),
        ask("trailers out", 200, "GET /trailers", "TE: trailers\r\n"),
        ask("trailers out, not asked for", 200, "GET /trailers", ""),
        raw(
            "expect, read",
            Some(200),
            "POST /text HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
        ),
        raw(
            "expect, not read",
            Some(200),
            "POST /ignored HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        ),
    ]
}

fn outputs() -> Vec<Ask> {
    vec![
        ask("index", 200, "GET /", ""),
        ask("index, head", 200, "HEAD /", ""),
        ask("html", 200, "GET /html", ""),
        ask("created", 201, "GET /made", ""),
        ask("no content", 204, "GET /empty", ""),
        ask("not modified", 304, "GET /unmodified", ""),
        ask("reset content", 205, "GET /reset", ""),
        ask("teapot", 418, "GET /teapot", ""),
        ask("no bytes", 200, "GET /bytes/0", ""),
        ask("large", 200, "GET /bytes/5000000", ""),
        ask("large, head", 200, "HEAD /bytes/5000000", ""),
        ask("streamed", 200, "GET /streamed/5", ""),
        ask("streamed, nothing", 200, "GET /streamed/0", ""),
        ask("streamed, head", 200, "HEAD /streamed/5", ""),
        ask(
            "events",
            200,
            "GET /events",
            "Accept: text/event-stream\r\n",
        ),
        ask("broken", 200, "GET /broken", ""),
        ask("see other", 303, "GET /see-other", ""),
        ask("temporary", 307, "GET /temporary", ""),
        ask("permanent", 308, "GET /permanent", ""),
        ask("several values", 200, "GET /several", ""),
        ask("closing", 200, "GET /closing", ""),
        ask("error", 404, "GET /item/9", ""),
        raw("panic", None, "GET /panic HTTP/1.1\r\nHost: t\r\n\r\n"),
    ]
}

fn layers() -> Vec<Ask> {
    let origin = "Origin: http://friend.example\r\n";
    let preflight = format!(
        "{origin}Access-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: content-type\r\n"
    );
    let gzip = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x4b, 0x4c, 0x4a, 6, 0, 0xc2, 0x41, 0x24, 0x35, 3, 0,
        0, 0,
    ];
    let mut packed = b"POST /decompressed HTTP/1.1\r\nHost: t\r\nContent-Encoding: gzip\r\n\
                       Content-Length: 23\r\n\r\n"
        .to_vec();
    packed.extend(gzip);
    let mut all = vec![
        ask(
            "gzip",
            200,
            "GET /compressed/4000",
            "Accept-Encoding: gzip\r\n",
        ),
        ask(
            "brotli",
            200,
            "GET /compressed/4000",
            "Accept-Encoding: br, gzip;q=0.5\r\n",
        ),
        ask(
            "zstd",
            200,
            "GET /compressed/200000",
            "Accept-Encoding: zstd\r\n",
        ),
        ask(
            "deflate",
            200,
            "GET /compressed/4000",
            "Accept-Encoding: deflate\r\n",
        ),
        ask("not compressed", 200, "GET /compressed/4000", ""),
        ask(
            "too small to compress",
            200,
            "GET /compressed/21",
            "Accept-Encoding: gzip\r\n",
        ),
        ask(
            "gzip, head",
            200,
            "HEAD /compressed/4000",
            "Accept-Encoding: gzip\r\n",
        ),
        ask(
            "gzip of a stream",
            200,
            "GET /compressed-stream/4",
            "Accept-Encoding: gzip\r\n",
        ),
        ask("cors", 200, "GET /cors", origin),
        ask("cors, preflight", 200, "OPTIONS /cors", &preflight),
        ask(
            "cors, stranger",
            200,
            "GET /cors",
            "Origin: http://stranger.example\r\n",
        ),
        ask("timeout", 408, "GET /timeout", ""),
        ask("timeout of tower", 408, "GET /tower-timeout", ""),
        send("limited", 413, "POST /limited", TEXT, b"eleven byte"),
        send(
            "within the limit",
            200,
            "POST /limited",
            TEXT,
            b"ten bytes.",
        ),
        chunked(
            "limited, in chunks",
            413,
            "POST /limited",
            6,
            b"more than ten",
        ),
        ask("caught panic", 500, "GET /caught", ""),
        ask("request id, made", 200, "GET /identified", ""),
        ask(
            "request id, given",
            200,
            "GET /identified",
            "X-Request-Id: given\r\n",
        ),
        ask(
            "dressed",
            200,
            "GET /dressed",
            "X-Pass: 1\r\nAuthorization: Basic eA==\r\n",
        ),
        ask("restated", 202, "GET /status", ""),
        ask("guarded", 406, "GET /guarded", "Accept: text/html\r\n"),
        ask(
            "guard passed",
            200,
            "GET /guarded",
            "Accept: application/json\r\n",
        ),
        ask("in flight", 200, "GET /in-flight", ""),
        ask("extended", 200, "GET /extended", ""),
        ask("without a key", 401, "GET /authorized", ""),
        ask(
            "with a key",
            200,
            "GET /authorized",
            "Authorization: Bearer key\r\n",
        ),
        send("mapped", 200, "POST /mapped", TEXT, b"desserts"),
        ask("whole body, watched", 200, "GET /dropped-early", ""),
        ask("streamed body, watched", 200, "GET /dropped-early/3", ""),
        ask("bodies dropped early", 200, "GET /dropped-early", ""),
        ask("moved", 308, "GET /moved", ""),
        ask("one at a time", 200, "GET /one-at-a-time", ""),
        send("body in time", 200, "POST /body-in-time", TEXT, b"in time"),
        ask("trailing slash", 200, "GET /normal/norm/here/", ""),
    ];
    all.push(Ask {
        name: "decompressed",
        bytes: packed,
        status: Some(200),
    });
    all
}

fn files() -> Vec<Ask> {
    let since = "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n";
    vec![
        ask("file", 200, "GET /files/page.html", ""),
        ask("file, head", 200, "HEAD /files/page.html", ""),
        ask("file, large", 200, "GET /files/large.bin", ""),
        ask(
            "file, range",
            206,
            "GET /files/large.bin",
            "Range: bytes=1000-199999\r\n",
        ),
        ask(
            "file, suffix",
            206,
            "GET /files/large.bin",
            "Range: bytes=-10\r\n",
        ),
        ask(
            "file, no such range",
            416,
            "GET /files/large.bin",
            "Range: bytes=400000-\r\n",
        ),
        ask("file, not modified", 304, "GET /files/page.html", since),
        ask(
            "file, precondition",
            412,
            "GET /files/page.html",
            "If-Unmodified-Since: Tue, 14 Nov 2000 22:13:20 GMT\r\n",
        ),
        ask("file, index", 200, "GET /files/sub/", ""),
        ask("file, to the index", 307, "GET /files/sub", ""),
        ask("file, missing", 404, "GET /files/nothing", ""),
        ask("file, above", 404, "GET /files/../Cargo.toml", ""),
        ask(
            "file, other method",
            405,
            "POST /files/page.html",
            "Content-Length: 0\r\n",
        ),
        ask("one file", 200, "GET /file", ""),
    ]
}

fn shapes() -> Vec<Ask> {
    vec![
        raw(
            "absolute form",
            Some(200),
            "GET http://t/seen?x HTTP/1.1\r\nHost: t\r\n\r\n",
        ),
        raw(
            "absolute form, other host",
            Some(200),
            "GET http://other/seen HTTP/1.1\r\nHost: t\r\n\r\n",
        ),
        raw(
            "authority form",
            None,
            "CONNECT t:443 HTTP/1.1\r\nHost: t:443\r\n\r\n",
        ),
        raw("HTTP/1.0", Some(200), "GET /seen HTTP/1.0\r\n\r\n"),
        raw(
            "HTTP/1.0, kept",
            Some(200),
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        ),
        raw(
            "HTTP/1.0, streamed",
            Some(200),
            "GET /streamed/3 HTTP/1.0\r\n\r\n",
        ),
        raw(
            "last of its connection",
            Some(200),
            "GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
        ),
        raw(
            "asterisk form",
            None,
            "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n",
        ),
        raw("no host", None, "GET / HTTP/1.1\r\n\r\n"),
        raw(
            "lines of one byte",
            Some(200),
            "GET / HTTP/1.1\nHost: t\n\n",
        ),
        raw(
            "empty line first",
            Some(200),
            "\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n",
        ),
    ]
}
