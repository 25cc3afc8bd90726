//! Files as tasks use them. Each must pass from Linux 6.1.

mod common;

use common::{core, finish, pair, run};
use ringgate_runtime::fs::{File, OpenOptions, metadata, splice};
use ringgate_runtime::net::TcpStream;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ringgate-fs-{}-{name}", std::process::id()))
}

#[test]
fn a_file_is_written_read_and_described() {
    let path = scratch("plain");
    let at = path.clone();
    let core = core();
    run(&core, async move {
        let new = OpenOptions::new().read(true).write(true).create_new(true);
        let file = new.mode(0o600).open(&at).await.expect("open");
        let (written, memory) = file.write_at(b"hello file".to_vec(), 0).await;
        assert_eq!((written.expect("written"), memory.len()), (10, 10));
        let (read, memory) = file.read_at(vec![0; 64], 6).await;
        assert_eq!(&memory[..read.expect("read")], b"file");
        let (read, _) = file.read_at(vec![0; 64], 10).await;
        assert_eq!(read.expect("read"), 0, "the end");
        let about = file.metadata().await.expect("metadata");
        assert_eq!(about, metadata(&at).await.expect("metadata"));
        assert_eq!((about.len(), about.mode() & 0o777), (10, 0o600));
        assert!(about.is_file() && !about.is_dir() && !about.is_empty());
        let standard = std::fs::metadata(&at).expect("metadata").modified();
        assert_eq!(about.modified(), standard.expect("a time"));
        let age = SystemTime::now().duration_since(about.modified());
        assert!(age.is_ok_and(|age| age < Duration::from_secs(600)));
        let again = new.open(&at).await.map(drop).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let cut = OpenOptions::new().write(true).truncate(true);
        drop(cut.open(&at).await.expect("open"));
        assert_eq!(metadata(&at).await.expect("metadata").len(), 0);
        let directory = at.parent().expect("a directory");
        assert!(metadata(directory).await.expect("metadata").is_dir());
    });
    finish(core);
    std::fs::remove_file(path).expect("the file is ours");
}

#[test]
fn what_is_opened_beneath_a_directory_is_there_and_nowhere_else() {
    let top = scratch("beneath");
    std::fs::create_dir_all(top.join("in/side")).expect("a directory");
    std::fs::write(top.join("in/side/file"), b"inside").expect("a file");
    std::fs::write(top.join("secret"), b"outside").expect("a file");
    std::os::unix::fs::symlink("side/file", top.join("in/link")).expect("a link");
    std::os::unix::fs::symlink("../secret", top.join("in/leak")).expect("a link");
    let root = top.join("in");
    let core = core();
    run(&core, async move {
        let path_only = OpenOptions::new().read(true).custom_flags(libc::O_PATH);
        let root = path_only.open(root).await.expect("a directory");
        let read = OpenOptions::new().read(true);
        for path in ["side/file", "link", "side/../link"] {
            let file = read.open_beneath(&root, path).await.expect(path);
            let (count, memory) = file.read_at(vec![0; 64], 0).await;
            assert_eq!(&memory[..count.expect("read")], b"inside", "{path}");
        }
        let itself = read.open_beneath(&root, "").await.expect("the directory");
        assert!(itself.metadata().await.expect("metadata").is_dir());
        for path in ["leak", "../secret", "/etc/passwd", "side/../../secret"] {
            let refused = read.open_beneath(&root, path).await.map(drop).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EXDEV), "{path}");
        }
        let new = OpenOptions::new().write(true).create_new(true).mode(0o600);
        let made = new.open_beneath(&root, "side/new").await.expect("made");
        let mode = made.metadata().await.expect("metadata").mode();
        assert_eq!(mode & 0o777, 0o600);
    });
    finish(core);
    std::fs::remove_dir_all(top).expect("the directory is ours");
}

#[test]
fn what_cannot_be_opened_says_why() {
    let core = core();
    run(&core, async {
        let missing = File::open(scratch("missing")).await.map(drop).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let neither = OpenOptions::new().open("/dev/null").await;
        let neither = neither.map(drop).unwrap_err();
        assert_eq!(neither.kind(), io::ErrorKind::InvalidInput);
        let zero = File::open("a\0b").await.map(drop).unwrap_err();
        assert_eq!(zero.kind(), io::ErrorKind::InvalidInput);
        let standard = std::fs::File::open("/dev/null").expect("open");
        let (written, _) = File::from(standard).write_at(b"x".to_vec(), 0).await;
        let refused = written.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBADF));
    });
    finish(core);
}

#[test]
fn a_file_is_spliced_through_a_pipe_into_a_socket() {
    let path = scratch("spliced");
    let body: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    std::fs::write(&path, &body).expect("write");
    let (ours, mut theirs) = pair();
    let peer = std::thread::spawn(move || {
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).map(|_| got)
    });
    let core = core();
    let (at, inside) = (path.clone(), core.clone());
    run(&core, async move {
        let stream: TcpStream = TcpStream::from_descriptor(&inside, ours);
        let both_ways = OpenOptions::new().read(true).write(true);
        let file = both_ways.open(at).await.expect("open");
        let (out, into) = std::io::pipe().expect("pipe");
        let (out, into) = (
            File::from_fd(OwnedFd::from(out)),
            File::from_fd(OwnedFd::from(into)),
        );
        let mut offset = 0;
        loop {
            let filled = splice(&file, Some(offset), &into, None, 1 << 16);
            let filled = filled.await.expect("splice in");
            if filled == 0 {
                break;
            }
            offset += u64::from(filled);
            let mut left = filled;
            while left > 0 {
                let moved = splice(&out, None, &stream, None, left);
                left -= moved.await.expect("splice out");
            }
        }
        let neither = splice(&file, Some(0), &file, Some(0), 1).await.unwrap_err();
        assert_eq!(neither.kind(), io::ErrorKind::InvalidInput);
    });
    finish(core);
    assert_eq!(peer.join().expect("peer").expect("read"), body);
    std::fs::remove_file(path).expect("the file is ours");
}
