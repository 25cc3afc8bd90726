//! `/files/`: what is under the root and nothing else, whole and in part.

use crate::common::{Client, TestServer, config, start_app};
use ringgate::config::Site;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A directory with a secret beside its root.
pub(crate) struct Tree {
    directory: PathBuf,
}

impl Tree {
    pub(crate) fn new(name: &str) -> Tree {
        let directory =
            std::env::temp_dir().join(format!("ringgate-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("root/sub")).expect("a directory");
        fs::write(directory.join("secret"), "secret").expect("written");
        let tree = Tree { directory };
        tree.write("hello.txt", b"0123456789");
        tree.write("sub/index.html", b"<p>sub");
        tree.write("with space+é.txt", b"odd");
        tree
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    pub(crate) fn write(&self, name: impl AsRef<[u8]>, content: &[u8]) {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(name.as_ref());
        fs::write(self.root().join(name), content).expect("written");
    }

    fn serve(&self) -> TestServer {
        self.serve_as(Site::default())
    }

    pub(crate) fn serve_as(&self, site: Site) -> TestServer {
        let mut config = config();
        config.root = Some(self.root());
        config.site = site;
        start_app(config, false)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_file_is_sent_with_its_type_and_time() {
    let tree = Tree::new("whole");
    let server = tree.serve();
    let answer = server.get("/files/hello.txt");
    assert_eq!((answer.status, answer.text()), (200, "0123456789"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.header("content-length"), Some("10"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert!(answer.header("last-modified").is_some());
    let tag = answer.header("etag").expect("a tag");
    assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
    assert_eq!(server.get("/files/hello.txt").header("etag"), Some(tag));
}

#[test]
fn a_large_file_comes_whole_and_in_order() {
    let tree = Tree::new("large");
    let content: Vec<u8> = (0..3_000_017u32).map(|at| (at % 253) as u8).collect();
    tree.write("large", &content);
    let server = tree.serve();
    let mut client = server.connect();
    assert!(client.get("/files/large").body == content);
    let fields = "Range: bytes=65530-1065541\r\n";
    let part = client.request("GET", "/files/large", fields, b"");
    assert!(part.status == 206 && part.body == content[65530..=1065541]);
}

#[test]
fn names_are_percent_decoded_once() {
    let tree = Tree::new("names");
    tree.write("100%41", b"percent");
    tree.write(b"\xff\xfe", b"not UTF-8");
    let server = tree.serve();
    let mut client = server.connect();
    assert_eq!(client.get("/files/with%20space+%C3%A9.txt").body, b"odd");
    assert_eq!(client.get("/files/100%2541").body, b"percent");
    assert_eq!(client.get("/files/%ff%fe").body, b"not UTF-8");
    assert_eq!(client.get("/files/100%41").status, 404);
}

#[test]
fn no_path_leads_out_of_the_root() {
    let tree = Tree::new("out");
    symlink("../secret", tree.root().join("relative")).expect("a link");
    symlink(tree.directory.join("secret"), tree.root().join("absolute")).expect("a link");
    symlink("..", tree.root().join("up")).expect("a link");
    symlink("/proc/self/root", tree.root().join("magic")).expect("a link");
    symlink("loop", tree.root().join("loop")).expect("a link");
    let server = tree.serve();
    let mut client = server.connect();
    let absolute = format!("/files/{}/secret", tree.directory.display());
    for path in [
        "/files/../secret",
        "/files/sub/../../secret",
        "/files/sub/../hello.txt",
        "/files/%2e%2e/secret",
        "/files/..%2fsecret",
        "/files/sub/%2E%2E/%2e%2e/secret",
        "/files/relative",
        "/files/absolute",
        "/files/up/secret",
        "/files/magic/etc/passwd",
        "/files/loop",
        "/files/hello.txt%00.html",
        "/files//etc/passwd",
        "/files/%2fetc/passwd",
        absolute.as_str(),
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
}

#[test]
fn a_link_that_stays_inside_is_followed() {
    let tree = Tree::new("inside");
    symlink("../hello.txt", tree.root().join("sub/link")).expect("a link");
    let server = tree.serve();
    assert_eq!(server.get("/files/sub/link").text(), "0123456789");
}

#[test]
fn a_directory_answers_with_its_index_under_a_path_with_a_slash() {
    let tree = Tree::new("index");
    let server = tree.serve();
    let mut client = server.connect();
    let answer = client.get("/files/sub/");
    assert_eq!((answer.status, answer.text()), (200, "<p>sub"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let moved = client.get("/files/sub");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some("/files/sub/"))
    );
    let moved = client.get("/files/sub?page=2&x=%2F");
    assert_eq!(moved.header("location"), Some("/files/sub/?page=2&x=%2F"));
    let moved = client.get("/files");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some("/files/"))
    );
    assert_eq!(client.get("/files/").status, 404);
    tree.write("index.html", b"<p>top");
    assert_eq!(client.get("/files/").text(), "<p>top");
    assert_eq!(client.get("/files/hello.txt/").status, 404);
}

#[test]
fn what_is_neither_file_nor_directory_is_not_there() {
    let tree = Tree::new("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.root().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("a pipe");
    let server = tree.serve();
    assert_eq!(server.get("/files/pipe").status, 404);
}

#[test]
fn a_range_is_answered_in_part() {
    let tree = Tree::new("range");
    let server = tree.serve();
    let mut client = server.connect();
    for (range, body, told) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-1", "9", "bytes 9-9/10"),
        ("bytes=0-99", "0123456789", "bytes 0-9/10"),
    ] {
        let fields = format!("Range: {range}\r\n");
        let answer = client.request("GET", "/files/hello.txt", &fields, b"");
        assert_eq!((answer.status, answer.text()), (206, body), "{range}");
        assert_eq!(answer.header("content-range"), Some(told), "{range}");
    }
    let answer = client.request("GET", "/files/hello.txt", "Range: bytes=10-\r\n", b"");
    assert_eq!(answer.status, 416);
    assert_eq!(answer.header("content-range"), Some("bytes */10"));
}

#[test]
fn a_client_that_has_the_file_is_told_so() {
    let tree = Tree::new("unchanged");
    let server = tree.serve();
    let mut client = server.connect();
    let modified = client.get("/files/hello.txt");
    let modified = modified.header("last-modified").expect("a date");
    let fields = format!("If-Modified-Since: {modified}\r\n");
    let answer = client.request("GET", "/files/hello.txt", &fields, b"");
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    let file = fs::File::options()
        .write(true)
        .open(tree.root().join("hello.txt"))
        .expect("a file");
    file.set_modified(SystemTime::now() + Duration::from_secs(5))
        .expect("a time");
    assert_eq!(
        client
            .request("GET", "/files/hello.txt", &fields, b"")
            .status,
        200
    );
    let fields = format!("If-Unmodified-Since: {modified}\r\n");
    let answer = client.request("GET", "/files/hello.txt", &fields, b"");
    assert_eq!(answer.status, 412, "it is another version now");
}

/// Fields by which a client asks for `/files/hello.txt` unless it has it.
fn unless_unchanged(client: &mut Client) -> String {
    let answer = client.get("/files/hello.txt");
    let tag = answer.header("etag").expect("a tag");
    let date = answer.header("last-modified").expect("a date");
    format!("If-None-Match: {tag}\r\nIf-Modified-Since: {date}\r\n")
}

fn set_modified(tree: &Tree, to: SystemTime) {
    let at = tree.root().join("hello.txt");
    let file = fs::File::options().write(true).open(at).expect("a file");
    file.set_modified(to).expect("a time");
}

#[test]
fn a_version_that_a_client_does_not_have_is_sent_whatever_its_time_says() {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let change = |name: &str, before: SystemTime, replace: fn(&Tree), after: SystemTime| {
        let tree = Tree::new(name);
        let server = tree.serve();
        let mut client = server.connect();
        set_modified(&tree, before);
        let fields = unless_unchanged(&mut client);
        let same = client.request("GET", "/files/hello.txt", &fields, b"");
        assert_eq!(same.status, 304, "{name}: nothing has changed yet");
        assert!(same.header("etag").is_some());
        replace(&tree);
        set_modified(&tree, after);
        let answer = client.request("GET", "/files/hello.txt", &fields, b"");
        assert_eq!(
            (answer.status, answer.text()),
            (200, "abcdefghij"),
            "{name}"
        );
        let tag = fields
            .split_once(": ")
            .and_then(|(_, rest)| rest.split_once('\r'));
        let tag = tag.expect("a line").0;
        let resumed = format!("Range: bytes=5-\r\nIf-Range: {tag}\r\n");
        let answer = client.request("GET", "/files/hello.txt", &resumed, b"");
        assert_eq!(
            (answer.status, answer.text()),
            (200, "abcdefghij"),
            "{name}"
        );
        let stale = client.request(
            "GET",
            "/files/hello.txt",
            &format!("If-Match: {tag}\r\n"),
            b"",
        );
        assert_eq!(stale.status, 412, "{name}");
    };
    let in_place: fn(&Tree) = |tree| tree.write("hello.txt", b"abcdefghij");
    let renamed: fn(&Tree) = |tree| {
        tree.write("new", b"abcdefghij");
        let root = tree.root();
        fs::rename(root.join("new"), root.join("hello.txt")).expect("renamed");
    };
    let made_anew: fn(&Tree) = |tree| {
        fs::remove_file(tree.root().join("hello.txt")).expect("removed");
        tree.write("hello.txt", b"abcdefghij");
    };
    for (how, replace) in [
        ("place", in_place),
        ("renamed", renamed),
        ("anew", made_anew),
    ] {
        change(&format!("old-{how}"), long_ago, replace, long_ago);
        let later = second + Duration::from_millis(600);
        change(&format!("second-{how}"), second, replace, later);
        let rolled_back = second - Duration::from_secs(86_400);
        change(&format!("back-{how}"), second, replace, rolled_back);
    }
}

#[test]
fn a_file_that_was_put_back_is_another_one_by_date_alone() {
    let tree = Tree::new("back");
    let server = tree.serve();
    let mut client = server.connect();
    let date = client.get("/files/hello.txt");
    let date = date.header("last-modified").expect("a date").to_owned();
    set_modified(&tree, SystemTime::now() - Duration::from_secs(86_400));
    let fields = format!("If-Modified-Since: {date}\r\n");
    let answer = client.request("GET", "/files/hello.txt", &fields, b"");
    assert_eq!(answer.status, 200);
}

#[test]
fn a_download_is_resumed_by_tag_and_by_a_date_whose_second_is_over() {
    let tree = Tree::new("resumed");
    let server = tree.serve();
    let mut client = server.connect();
    let mut resume = |by: &str, modified: SystemTime| {
        set_modified(&tree, modified);
        let answer = client.get("/files/hello.txt");
        let version = answer.header(by).expect("a validator");
        let fields = format!("Range: bytes=4-\r\nIf-Range: {version}\r\n");
        let answer = client.request("GET", "/files/hello.txt", &fields, b"");
        (answer.status, answer.body.len())
    };
    let now = SystemTime::now();
    assert_eq!(resume("etag", now), (206, 6));
    assert_eq!(
        resume("last-modified", now - Duration::from_secs(2)),
        (206, 6)
    );
    // Modified in the second of every answer, as it were.
    let future = now + Duration::from_secs(3600);
    assert_eq!(resume("etag", future), (206, 6));
    assert_eq!(resume("last-modified", future), (200, 10));
    let answer = client.get("/files/hello.txt");
    let date = |name| httpdate::parse_http_date(answer.header(name).expect(name)).expect(name);
    assert!(
        date("last-modified") <= date("date"),
        "RFC 9110 section 8.8.2.1"
    );
}

#[test]
fn head_of_a_file_tells_what_get_would_whatever_range_it_asks_for() {
    let tree = Tree::new("head");
    let server = tree.serve();
    let mut client = server.connect();
    let whole = client.get("/files/hello.txt");
    for fields in ["", "Range: bytes=0-1\r\n", "Range: bytes=99-\r\n"] {
        let answer = client.request("HEAD", "/files/hello.txt", fields, b"");
        assert_eq!(answer.status, 200, "{fields}");
        for name in ["content-length", "etag", "last-modified", "content-type"] {
            assert_eq!(answer.header(name), whole.header(name), "{name}");
        }
        assert_eq!(answer.header("content-range"), None);
    }
    let tag = whole.header("etag").expect("a tag");
    let fields = format!("If-None-Match: {tag}\r\n");
    let answer = client.request("HEAD", "/files/hello.txt", &fields, b"");
    assert_eq!(answer.status, 304);
}

#[test]
fn a_root_that_does_not_exist_is_not_found() {
    let mut config = config();
    config.root = Some("/nonexistent/ringgate".into());
    let server = start_app(config, false);
    assert_eq!(server.get("/files/x").status, 404);
}

#[test]
fn a_client_that_ends_its_side_right_behind_its_request_gets_its_file() {
    let tree = Tree::new("ended");
    let server = tree.serve();
    // A machine that stalls for longer than such a client is waited for costs one its file.
    let served = (0..20).filter(|_| {
        let mut client = server.connect();
        client.send("GET /files/hello.txt HTTP/1.1\r\nHost: t\r\n\r\n");
        client.finish_sending();
        client.rest().ends_with(b"\r\n\r\n0123456789")
    });
    let served = served.count();
    assert!(served >= 15, "{served} of 20");
}
