//! What a site of files offers when it is asked to: compressed files beside the files, several ranges at once, fields by
//! pattern, pages of directories, one page for many paths; and what it keeps to itself.

use crate::common::{Answer, Client};
use crate::files::Tree;
use ringgate::config::{FilesAt, Site, Switch};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant, SystemTime};

fn precompressed() -> Site {
    Site {
        precompressed: Switch::On,
        ..Site::default()
    }
}

fn accepting(client: &mut Client, path: &str, accepts: &str) -> Answer {
    client.request("GET", path, &format!("Accept-Encoding: {accepts}\r\n"), b"")
}

fn set_modified(tree: &Tree, name: &str, to: SystemTime) {
    let at = tree.root().join(name);
    let file = fs::File::options().write(true).open(at).expect("a file");
    file.set_modified(to).expect("a time");
}

#[test]
fn a_compressed_file_beside_a_file_goes_to_who_accepts_it_with_the_type_of_the_file() {
    let tree = Tree::new("beside");
    for (ending, content) in [
        ("", "plain"),
        (".br", "BR"),
        (".gz", "GZIP"),
        (".zst", "ZSTD"),
    ] {
        tree.write(format!("app.js{ending}"), content.as_bytes());
    }
    tree.write("only.js", b"plain");
    let server = tree.serve_as(precompressed());
    let mut client = server.connect();
    for (accepts, coding, body) in [
        ("gzip, deflate, br, zstd", Some("br"), "BR"),
        ("gzip, zstd", Some("zstd"), "ZSTD"),
        ("gzip;q=1.0, br;q=0.5", Some("gzip"), "GZIP"),
        ("br;q=0, *", Some("zstd"), "ZSTD"),
        ("deflate", None, "plain"),
        ("identity, gzip;q=0.5", None, "plain"),
    ] {
        let answer = accepting(&mut client, "/files/app.js", accepts);
        assert_eq!((answer.status, answer.text()), (200, body), "{accepts}");
        assert_eq!(answer.header("content-encoding"), coding, "{accepts}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"), "{accepts}");
        let media_type = answer.header("content-type");
        assert_eq!(media_type, Some("text/javascript; charset=utf-8"));
    }
    assert_eq!(client.get("/files/app.js").text(), "plain");
    let only = accepting(&mut client, "/files/only.js", "br");
    assert_eq!(
        (only.text(), only.header("content-encoding")),
        ("plain", None)
    );
    assert_eq!(only.header("vary"), Some("accept-encoding"));
    let head = client.request("HEAD", "/files/app.js", "Accept-Encoding: gzip\r\n", b"");
    assert_eq!(head.header("content-length"), Some("4"));
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    // Without the file there is none beside it either.
    fs::remove_file(tree.root().join("app.js")).expect("removed");
    assert_eq!(accepting(&mut client, "/files/app.js", "br").status, 404);
}

#[test]
fn compressed_files_are_left_alone_where_nobody_asked_for_them() {
    let tree = Tree::new("unasked");
    tree.write("app.js", b"plain");
    tree.write("app.js.br", b"BR");
    let server = tree.serve_as(Site::default());
    let answer = accepting(&mut server.connect(), "/files/app.js", "br");
    assert_eq!((answer.text(), answer.header("vary")), ("plain", None));
}

#[test]
fn a_compressed_file_that_is_older_than_its_file_is_out_of_date() {
    let tree = Tree::new("outdated");
    tree.write("app.js", b"plain");
    tree.write("app.js.br", b"BR");
    let server = tree.serve_as(precompressed());
    let mut client = server.connect();
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    set_modified(&tree, "app.js", second + Duration::from_millis(900));
    for (modified, body) in [
        (second - Duration::from_millis(1), "plain"),
        // Some tools leave out the parts of a second.
        (second, "BR"),
        (second + Duration::from_secs(9), "BR"),
    ] {
        set_modified(&tree, "app.js.br", modified);
        assert_eq!(accepting(&mut client, "/files/app.js", "br").text(), body);
    }
}

#[test]
fn each_form_of_a_file_is_a_version_of_its_own_to_conditions_and_ranges() {
    let tree = Tree::new("forms");
    tree.write("app.js", b"0123456789");
    tree.write("app.js.gz", b"abcdefgh");
    let server = tree.serve_as(precompressed());
    let mut client = server.connect();
    let mut ask = |accepts: &str, fields: &str| {
        let fields = format!("Accept-Encoding: {accepts}\r\n{fields}");
        client.request("GET", "/files/app.js", &fields, b"")
    };
    let (plain, gzip) = (ask("br", ""), ask("gzip", ""));
    let tag = |answer: &Answer| answer.header("etag").expect("a tag").to_owned();
    let (plain, gzip) = (tag(&plain), tag(&gzip));
    assert_ne!(plain, gzip);
    assert!(gzip.starts_with('"') && gzip.ends_with("-gzip\""), "{gzip}");
    let unless = |tag: &str| format!("If-None-Match: {tag}\r\n");
    let unchanged = ask("gzip", &unless(&gzip));
    assert_eq!(
        (unchanged.status, unchanged.header("etag")),
        (304, Some(&*gzip))
    );
    assert_eq!(unchanged.header("vary"), Some("accept-encoding"));
    assert_eq!(ask("gzip", &unless(&plain)).status, 200);
    assert_eq!(ask("br", &unless(&gzip)).status, 200);
    assert_eq!(ask("br", &unless(&plain)).status, 304);
    let part = ask("gzip", "Range: bytes=2-3\r\n");
    assert_eq!((part.status, part.text()), (206, "cd"));
    assert_eq!(part.header("content-range"), Some("bytes 2-3/8"));
    assert_eq!(part.header("content-encoding"), Some("gzip"));
    let resume = |tag: &str| format!("Range: bytes=2-3\r\nIf-Range: {tag}\r\n");
    assert_eq!(ask("gzip", &resume(&gzip)).text(), "cd");
    assert_eq!(ask("gzip", &resume(&plain)).text(), "abcdefgh");
    assert_eq!(ask("br", &resume(&gzip)).text(), "0123456789");
}

#[test]
fn several_ranges_come_in_one_body_of_known_length() {
    let tree = Tree::new("several");
    let server = tree.serve_as(Site::default());
    let mut client = server.connect();
    let mut ask = |range: &str| {
        let fields = format!("Range: {range}\r\n");
        client.request("GET", "/files/hello.txt", &fields, b"")
    };
    let answer = ask("bytes=0-1, 4-5,-1");
    assert_eq!(answer.status, 206);
    assert_eq!(answer.header("content-range"), None);
    let media_type = answer.header("content-type").expect("a type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.expect("a boundary");
    let part = |range: &str, bytes: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Range: bytes {range}/10\r\n\r\n{bytes}"
        )
    };
    let (first, second, third) = (part("0-1", "01"), part("4-5", "45"), part("9-9", "9"));
    let expected = format!("{first}{second}{third}\r\n--{boundary}--\r\n");
    assert_eq!(answer.text(), expected);
    let len = expected.len().to_string();
    assert_eq!(answer.header("content-length"), Some(&*len));
    let other = ask("bytes=0-1,4-5");
    assert_ne!(other.header("content-type"), Some(media_type));
    assert_eq!(ask("bytes=0-1,50-").text(), "01");
    assert_eq!(ask("bytes=50-,60-").status, 416);
}

#[test]
fn ranges_that_would_cost_more_than_the_file_get_the_file() {
    let tree = Tree::new("flood");
    let server = tree.serve_as(Site::default());
    let mut client = server.connect();
    let flood = format!("bytes=0-{}", ",0-".repeat(500));
    for range in ["bytes=0-5,3-9", "bytes=0-,0-,0-", &flood] {
        let fields = format!("Range: {range}\r\n");
        let answer = client.request("GET", "/files/hello.txt", &fields, b"");
        assert_eq!((answer.status, answer.text()), (200, "0123456789"));
    }
}

#[test]
fn fields_go_with_the_files_that_their_pattern_fits_and_not_with_errors() {
    let tree = Tree::new("fields");
    let rule = |text: &str| text.parse().expect("a rule");
    let server = tree.serve_as(Site {
        headers: vec![
            rule("* Cache-Control: no-cache"),
            rule("/sub/* Cache-Control: max-age=9"),
            rule("*.txt Content-Type: text/x-own"),
        ],
        ..Site::default()
    });
    let mut client = server.connect();
    let text = client.get("/files/hello.txt");
    assert_eq!(text.header("cache-control"), Some("no-cache"));
    assert_eq!(text.header("content-type"), Some("text/x-own"));
    let tag = text.header("etag").expect("a tag");
    let unless = format!("If-None-Match: {tag}\r\n");
    let unchanged = client.request("GET", "/files/hello.txt", &unless, b"");
    assert_eq!(unchanged.header("cache-control"), Some("no-cache"));
    let part = client.request("GET", "/files/hello.txt", "Range: bytes=0-0\r\n", b"");
    assert_eq!(part.header("cache-control"), Some("no-cache"));
    // The rules are for the file that answers, whatever the path.
    let index = client.get("/files/sub/");
    assert_eq!(index.header("cache-control"), Some("max-age=9"));
    let missing = client.get("/files/sub/missing");
    assert_eq!(
        (missing.status, missing.header("cache-control")),
        (404, None)
    );
}

#[test]
fn what_begins_with_a_dot_is_not_there_but_for_what_is_well_known() {
    let tree = Tree::new("dots");
    for directory in [".git", ".well-known", "sub/.hidden"] {
        fs::create_dir_all(tree.root().join(directory)).expect("a directory");
    }
    for name in [
        ".env",
        ".git/HEAD",
        "sub/.hidden/x",
        ".well-known/security.txt",
    ] {
        tree.write(name, b"there");
    }
    let status = |site: Site| {
        let server = tree.serve_as(site);
        let mut client = server.connect();
        [
            "/files/.env",
            "/files/%2eenv",
            "/files/.git",
            "/files/.git/HEAD",
            "/files/./.git/HEAD",
            "/files/sub/.hidden/x",
            "/files/.well-known/security.txt",
        ]
        .map(|path| client.get(path).status)
    };
    assert_eq!(status(Site::default()), [404, 404, 404, 404, 404, 404, 200]);
    let shown = Site {
        dotfiles: Switch::On,
        ..Site::default()
    };
    assert_eq!(status(shown), [200, 200, 301, 200, 200, 200, 200]);
}

#[test]
fn a_directory_without_an_index_is_listed_where_that_is_asked_for() {
    let tree = Tree::new("listed");
    let top = tree.root().join("top");
    fs::create_dir_all(top.join("b<i>")).expect("a directory");
    for name in ["top/a&b", "top/.dot", "top/c.txt"] {
        tree.write(name, b"1234567");
    }
    symlink("c.txt", top.join("link")).expect("a link");
    symlink("../../secret", top.join("outward")).expect("a link");
    let plain = tree.serve_as(Site::default());
    assert_eq!(plain.get("/files/top/").status, 404);
    let server = tree.serve_as(Site {
        listing: Switch::On,
        ..Site::default()
    });
    let mut client = server.connect();
    assert_eq!(client.get("/files/top").status, 301);
    let page = client.get("/files/top/");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = page.text();
    let links: Vec<_> = text.split("<a href=\"").skip(1).collect();
    let links: Vec<_> = links
        .iter()
        .map(|rest| rest.split("</a>").next().unwrap())
        .collect();
    let expected = [
        "../\">../",
        "b%3Ci%3E/\">b&lt;i&gt;/",
        "a%26b\">a&amp;b",
        "c.txt\">c.txt",
        "link\">link",
    ];
    assert_eq!(
        links, expected,
        "sorted, escaped, and nothing that is not served"
    );
    assert!(text.contains("<td>7<td>"), "{text}");
    // An index goes before it, and nothing else changes.
    assert_eq!(client.get("/files/sub/").text(), "<p>sub");
    assert_eq!(client.get("/files/missing/").status, 404);
    assert_eq!(client.get("/files/hello.txt/").status, 404);
    assert_eq!(client.get("/files/../").status, 404);
    let head = client.request("HEAD", "/files/top/", "", b"");
    let len = page.body.len().to_string();
    assert_eq!(head.header("content-length"), Some(&*len));
}

#[test]
fn one_page_answers_where_nothing_is_found_but_not_for_a_file_that_is_missing() {
    let tree = Tree::new("fallback");
    tree.write("app.html", b"<p>app");
    let server = tree.serve_as(Site {
        fallback: Some("/app.html".into()),
        ..Site::default()
    });
    let mut client = server.connect();
    for path in ["/files/", "/files/notes/7", "/files/notes/", "/files/a%20b"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.text()), (200, "<p>app"), "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    for path in [
        "/files/app.js",
        "/files/notes/x.css",
        "/files/../secret",
        "/files/.git/HEAD",
    ] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(client.get("/files/hello.txt").text(), "0123456789");
    assert_eq!(
        client.request("POST", "/files/notes/7", "", b"").status,
        405
    );
    fs::remove_file(tree.root().join("app.html")).expect("removed");
    assert_eq!(client.get("/files/notes/7").status, 404);
}

#[test]
fn a_site_at_the_top_has_nothing_beside_its_files_but_its_health() {
    let tree = Tree::new("top");
    tree.write("index.html", b"<p>top");
    tree.write("plaintext", b"a file");
    let server = tree.serve_as(Site {
        at: FilesAt::Top,
        ..Site::default()
    });
    let mut client = server.connect();
    for (path, text) in [
        ("/", "<p>top"),
        ("/hello.txt", "0123456789"),
        ("/sub/", "<p>sub"),
        ("/plaintext", "a file"),
        ("/healthz", "ok\n"),
        ("/readyz", "ok\n"),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.text()), (200, text), "{path}");
    }
    assert_eq!(client.get("/sub").header("location"), Some("/sub/"));
    for path in ["/json", "/files/hello.txt", "/status.json", "/../secret"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
}

#[test]
fn files_of_text_are_compressed_on_their_way_out_and_parts_of_them_are_not() {
    let tree = Tree::new("on-the-way");
    let text = "one line like another\n".repeat(1000);
    tree.write("text.txt", text.as_bytes());
    tree.write("text.txt.br", b"BR");
    tree.write("image.png", text.as_bytes());
    let server = tree.serve_as(Site {
        compression: Switch::On,
        ..precompressed()
    });
    let mut client = server.connect();
    let answer = accepting(&mut client, "/files/text.txt", "gzip");
    assert_eq!(
        (answer.status, answer.header("content-encoding")),
        (200, Some("gzip"))
    );
    assert!(answer.body.starts_with(&[0x1f, 0x8b]) && answer.body.len() < 1000);
    assert_eq!(answer.header("accept-ranges"), None);
    assert_eq!(answer.header("vary"), Some("accept-encoding"), "once");
    let tag = answer.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let fields = format!("Accept-Encoding: gzip\r\nIf-None-Match: {tag}\r\n");
    let unchanged = client.request("GET", "/files/text.txt", &fields, b"");
    assert_eq!(
        (unchanged.status, unchanged.header("etag")),
        (304, Some(&*tag)),
        "as the 200 would have it"
    );
    let strong = tag.strip_prefix("W/").expect("it is weak");
    for (coding, held) in [
        // The plain form is held, and was asked for.
        ("identity", strong.to_owned()),
        ("gzip", strong.to_owned()),
    ] {
        let fields = format!("Accept-Encoding: {coding}\r\nIf-None-Match: {held}\r\n");
        let unchanged = client.request("GET", "/files/text.txt", &fields, b"");
        assert_eq!(
            (unchanged.status, unchanged.header("etag")),
            (304, Some(strong)),
            "{coding}, {held}"
        );
    }
    let fields = format!("Accept-Encoding: gzip\r\nRange: bytes=0-2\r\nIf-Range: {tag}\r\n");
    let whole = client.request("GET", "/files/text.txt", &fields, b"");
    assert_eq!(whole.status, 200, "a part is never joined to other bytes");
    let part = client.request(
        "GET",
        "/files/text.txt",
        "Accept-Encoding: gzip\r\nRange: bytes=0-2\r\n",
        b"",
    );
    assert_eq!(
        (part.status, part.text(), part.header("content-encoding")),
        (206, "one", None)
    );
    assert_eq!(part.header("vary"), Some("accept-encoding"), "as the 200");
    // What is compressed already, and what is no text, stays.
    assert_eq!(
        accepting(&mut client, "/files/text.txt", "gzip, br").text(),
        "BR"
    );
    let image = accepting(&mut client, "/files/image.png", "gzip");
    assert_eq!(image.header("content-encoding"), None);
    assert_eq!(client.get("/files/text.txt").text(), text);
}

#[test]
fn every_answer_of_the_application_may_tell_browsers_to_be_careful() {
    let tree = Tree::new("careful");
    let server = tree.serve_as(Site {
        security_headers: Switch::On,
        ..Site::default()
    });
    let mut client = server.connect();
    for path in ["/files/hello.txt", "/files/missing", "/plaintext", "/"] {
        let answer = client.get(path);
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

/// Waits until the last change of a file is so long past that a core may keep it.
fn settle(tree: &Tree, name: &str) {
    use std::os::unix::fs::MetadataExt;
    let about = fs::metadata(tree.root().join(name)).expect("a file");
    let changed = Duration::new(about.ctime().unsigned_abs(), about.ctime_nsec() as u32);
    let settled = SystemTime::UNIX_EPOCH + changed + Duration::from_millis(3100);
    while let Ok(left) = settled.duration_since(SystemTime::now()) {
        // The clock of the file system has to move on.
        std::thread::sleep(left.max(Duration::from_millis(1)));
    }
}

fn replace(tree: &Tree, name: &str, content: &[u8]) {
    tree.write("new", content);
    fs::rename(tree.root().join("new"), tree.root().join(name)).expect("renamed");
}

#[test]
fn a_file_that_is_kept_is_taken_as_it_was_seen_for_its_time_and_follows_the_disk_then() {
    let tree = Tree::new("kept");
    tree.write("app.js", b"before");
    tree.write("app.js.br", b"BEFORE");
    let kept = |valid| Site {
        cache_valid: valid,
        ..precompressed()
    };
    let long = tree.serve_as(kept(Duration::from_secs(3600)));
    let short = tree.serve_as(kept(Duration::from_millis(300)));
    let never = tree.serve_as(kept(Duration::ZERO));
    let none = tree.serve_as(Site {
        cache: None,
        ..precompressed()
    });
    settle(&tree, "app.js.br");
    let all = [&long, &short, &never, &none];
    let mut clients = all.map(|server| server.connect());
    let ask =
        |client: &mut Client, fields: &str| client.request("GET", "/files/app.js", fields, b"");
    for client in &mut clients {
        // What a core sees first and what it kept are the same answer, in each form and part of it.
        let first = ask(client, "");
        let again = ask(client, "");
        for name in [
            "etag",
            "last-modified",
            "content-type",
            "content-length",
            "vary",
        ] {
            assert_eq!(first.header(name), again.header(name), "{name}");
        }
        assert_eq!((first.text(), again.text()), ("before", "before"));
        assert_eq!(ask(client, "Range: bytes=2-3\r\n").text(), "fo");
        let parts = ask(client, "Range: bytes=0-0,5-5\r\n");
        assert_eq!(parts.status, 206);
        assert!(
            parts.text().contains("0-0/6\r\n\r\nb\r\n"),
            "{}",
            parts.text()
        );
        assert_eq!(accepting(client, "/files/app.js", "br").text(), "BEFORE");
        let unless = format!(
            "If-None-Match: {}\r\n",
            first.header("etag").expect("a tag")
        );
        assert_eq!(ask(client, &unless).status, 304);
        let head = client.request("HEAD", "/files/app.js", "", b"");
        assert_eq!(head.header("content-length"), Some("6"));
    }
    replace(&tree, "app.js", b"behind");
    fs::remove_file(tree.root().join("app.js.br")).expect("removed");
    let [long, short, never, none] = &mut clients;
    assert_eq!(ask(long, "").text(), "before", "it is not looked at");
    assert_eq!(accepting(long, "/files/app.js", "br").text(), "BEFORE");
    for client in [&mut *never, none] {
        assert_eq!(ask(client, "").text(), "behind");
        assert_eq!(accepting(client, "/files/app.js", "br").text(), "behind");
    }
    let began = Instant::now();
    while ask(short, "").text() != "behind" {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it follows the disk"
        );
    }
    // In place, of the same size, and once more before the first change is long past.
    tree.write("app.js", b"inside");
    assert_eq!(ask(never, "").text(), "inside");
    tree.write("app.js", b"outside");
    assert_eq!(ask(never, "").text(), "outside");
    fs::remove_file(tree.root().join("app.js")).expect("removed");
    assert_eq!(ask(never, "").status, 404);
    assert_eq!(ask(long, "").text(), "before");
}

#[test]
fn a_large_file_is_kept_once_it_is_asked_for_again() {
    const SIZE: usize = 600_000;
    let tree = Tree::new("large");
    for name in ["once", "twice"] {
        tree.write(name, &[b'a'; SIZE]);
    }
    let server = tree.serve_as(Site {
        cache_valid: Duration::from_secs(3600),
        ..Site::default()
    });
    settle(&tree, "twice");
    let mut client = server.connect();
    let is_old = |client: &mut Client, name: &str| {
        let answer = client.get(&format!("/files/{name}"));
        let body = answer.text();
        assert_eq!(body.len(), SIZE);
        let first = &body[..1];
        assert!(body.bytes().all(|byte| byte == first.as_bytes()[0]));
        first == "a"
    };
    for name in ["once", "twice", "twice"] {
        assert!(is_old(&mut client, name));
    }
    for name in ["once", "twice"] {
        replace(&tree, name, &[b'b'; SIZE]);
    }
    assert!(!is_old(&mut client, "once"), "one request keeps nothing");
    assert!(is_old(&mut client, "twice"), "it was read in the second");
}

#[test]
fn a_slow_client_gets_a_kept_file_as_it_was_though_others_are_in_its_place() {
    const SIZE: usize = 100_000;
    let tree = Tree::new("slow");
    tree.write("file", &[b'a'; SIZE]);
    let server = tree.serve_as(Site {
        cache_valid: Duration::ZERO,
        ..Site::default()
    });
    settle(&tree, "file");
    let body = |client: &mut Client| {
        let body = client.answer().body;
        assert_eq!(body.len(), SIZE);
        assert!(body.iter().all(|byte| *byte == body[0]), "of one version");
        body[0]
    };
    let ask = "GET /files/file HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut others = server.connect();
    others.send(ask);
    assert_eq!(body(&mut others), b'a', "it is kept now");
    let mut slow = server.connect_with_buffer(8 << 10);
    slow.send(ask.repeat(40));
    // (Its first answers are with the kernel when its own first bytes are there.)
    slow.stream().peek(&mut [0; 1]).expect("a byte");
    replace(&tree, "file", &[b'b'; SIZE]);
    settle(&tree, "file");
    for _ in 0..3 {
        others.send(ask);
        assert_eq!(body(&mut others), b'b');
    }
    let versions: Vec<u8> = (0..40).map(|_| body(&mut slow)).collect();
    assert_eq!(versions[0], b'a');
    assert!(versions.is_sorted(), "none comes back");
}
