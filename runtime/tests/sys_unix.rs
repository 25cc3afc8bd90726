//! Unix sockets against the real kernel: stale files, modes, credentials, descriptors, inheritance.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use ringgate_runtime::sys::address::{Address, SocketAddrStorage, UNIX_PATH_BYTES_MAX};
use ringgate_runtime::sys::process::{group_id, user_id};
use ringgate_runtime::sys::scm::{FDS_PER_MESSAGE_MAX, recv_with_fds, send_with_fds};
use ringgate_runtime::sys::socket::{self, local_addr, peer_addr, peer_credentials};
use ringgate_runtime::sys::unix_listener::{
    bind_unix, hold_inherited, inherited_listener, unix_listener,
};

/// A directory of its own for one test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("ringgate-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn is_close_on_exec(fd: i32) -> bool {
    // SAFETY: fcntl(2) F_GETFD takes no pointer.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    flags == libc::FD_CLOEXEC
}

#[test]
fn a_look_at_a_unix_socket_tells_a_half_close_from_a_close() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let look = || socket::poll_now(ours.as_fd()).unwrap();
    assert_eq!(look(), 0);
    theirs.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(look(), libc::POLLRDHUP as u32);
    drop(theirs);
    assert_eq!(look(), (libc::POLLRDHUP | libc::POLLHUP) as u32);
}

#[test]
fn a_unix_listener_answers_with_the_mode_that_was_asked_for() {
    let scratch = Scratch::new("mode");
    let listener = unix_listener(&scratch.socket(), 0o640).unwrap();
    let mode = fs::metadata(scratch.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    let mut client = UnixStream::connect(scratch.socket()).unwrap();
    let (mut server, _) = UnixListener::from(listener).accept().unwrap();
    client.write_all(b"hello").unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    assert_eq!(
        local_addr(server.as_fd()).unwrap(),
        Address::UnixPath(scratch.socket())
    );
    assert_eq!(peer_addr(server.as_fd()).unwrap(), Address::UnixUnnamed);
}

/// Where the file has been replaced by a link, the link's target keeps its mode and its owner.
#[test]
fn what_takes_the_place_of_a_socket_file_is_neither_changed_nor_removed() {
    let scratch = Scratch::new("swapped");
    let target = scratch.0.join("target");
    fs::write(&target, "").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
    let bound = bind_unix(&scratch.socket(), 0o666).unwrap();
    fs::rename(scratch.socket(), scratch.0.join("aside")).unwrap();
    std::os::unix::fs::symlink(&target, scratch.socket()).unwrap();
    bound.give(Some(user_id()), Some(group_id())).unwrap();
    drop(bound);
    let mode = fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(scratch.socket().is_symlink());
}

#[test]
fn nobody_gets_in_before_a_bound_socket_listens_and_one_that_never_does_leaves_no_file() {
    let scratch = Scratch::new("bound");
    let bound = bind_unix(&scratch.socket(), 0o666).unwrap();
    let refused = UnixStream::connect(scratch.socket()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    drop(bound);
    assert!(!scratch.socket().exists());
    let _listener = bind_unix(&scratch.socket(), 0o666)
        .unwrap()
        .listen()
        .unwrap();
    UnixStream::connect(scratch.socket()).unwrap();
}

#[test]
fn a_stale_socket_file_is_replaced() {
    let scratch = Scratch::new("stale");
    drop(UnixListener::bind(scratch.socket()).unwrap());
    assert!(scratch.socket().exists(), "the file outlives its socket");
    let _listener = unix_listener(&scratch.socket(), 0o600).unwrap();
    UnixStream::connect(scratch.socket()).expect("the new one answers");
}

#[test]
fn a_live_server_keeps_its_socket_file() {
    let scratch = Scratch::new("live");
    let _live = UnixListener::bind(scratch.socket()).unwrap();
    let error = unix_listener(&scratch.socket(), 0o600).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains("a live server owns"), "{error}");
    UnixStream::connect(scratch.socket()).expect("the live one still answers");
}

#[test]
fn a_live_server_with_a_full_queue_keeps_its_socket_file() {
    let scratch = Scratch::new("full");
    let live = UnixListener::bind(scratch.socket()).unwrap();
    // SAFETY: listen(2) takes no pointer; a second call only changes the backlog.
    let result = unsafe { libc::listen(live.as_raw_fd(), 0) };
    assert_eq!(result, 0);
    let _queued = UnixStream::connect(scratch.socket()).unwrap();
    let error = unix_listener(&scratch.socket(), 0o600).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let scratch = Scratch::new("file");
    fs::write(scratch.socket(), "precious").unwrap();
    let error = unix_listener(&scratch.socket(), 0o600).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("is not a socket"), "{error}");
    assert_eq!(fs::read_to_string(scratch.socket()).unwrap(), "precious");
}

#[test]
fn a_missing_directory_is_named() {
    let error = unix_listener(Path::new("/nonexistent/ringgate/s"), 0o600).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("open /nonexistent/ringgate: "),
        "{error}"
    );
}

#[test]
fn of_servers_that_find_a_stale_file_at_once_one_gets_it() {
    const STARTERS: usize = 3;
    let scratch = Scratch::new("race");
    for _ in 0..50 {
        let path = scratch.socket();
        let _ = fs::remove_file(&path);
        drop(UnixListener::bind(&path).unwrap());
        let barrier = Barrier::new(STARTERS);
        let results: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                unix_listener(&path, 0o600)
            };
            let threads: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        UnixStream::connect(&path).expect("the winner answers");
    }
}

#[test]
fn a_path_too_long_for_the_kernel_is_refused_with_its_length() {
    let fits = "a".repeat(UNIX_PATH_BYTES_MAX);
    let storage = SocketAddrStorage::from_unix_path(Path::new(&fits)).unwrap();
    assert_eq!(
        storage.decode().unwrap(),
        Address::UnixPath(PathBuf::from(&fits))
    );
    let long = "a".repeat(UNIX_PATH_BYTES_MAX + 1);
    let error = SocketAddrStorage::from_unix_path(Path::new(&long)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("108 bytes, but the kernel takes 107"),
        "{error}"
    );
    assert!(SocketAddrStorage::from_unix_path(Path::new("")).is_err());
    assert!(SocketAddrStorage::from_unix_path(Path::new("a\0b")).is_err());
}

#[test]
fn addresses_survive_the_way_through_the_kernel_form() {
    for text in [
        "127.0.0.1:80",
        "255.1.2.3:65535",
        "[::1]:8080",
        "[fe80::1:2%7]:1",
    ] {
        let address: SocketAddr = text.parse().unwrap();
        let storage = SocketAddrStorage::from_inet(address);
        assert_eq!(storage.decode().unwrap(), Address::Inet(address));
        assert_eq!(storage.inet(), Some(address));
        assert_eq!(Address::Inet(address).to_string(), text);
    }
}

#[test]
fn an_abstract_name_is_taken_whole() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("ringgate-{}\0x", std::process::id());
    let abstract_address =
        std::os::unix::net::SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let listener = UnixListener::bind_addr(&abstract_address).unwrap();
    let address = local_addr(listener.as_fd()).unwrap();
    assert_eq!(address, Address::UnixAbstract(name.into_bytes()));
    assert_eq!(
        SocketAddrStorage::encode(&address)
            .unwrap()
            .decode()
            .unwrap(),
        address
    );
    let client = socket::unix_socket().unwrap();
    socket::connect(
        client.as_fd(),
        &SocketAddrStorage::encode(&address).unwrap(),
    )
    .unwrap();
}

#[test]
fn an_empty_storage_decodes_to_an_error() {
    assert!(SocketAddrStorage::empty().decode().is_err());
    assert_eq!(SocketAddrStorage::empty().inet(), None);
}

#[test]
fn the_peer_of_a_unix_socket_is_this_process() {
    let (one, _other) = UnixStream::pair().unwrap();
    let peer = peer_credentials(one.as_fd()).unwrap();
    assert_eq!(peer.pid as u32, std::process::id());
    assert_eq!((peer.uid, peer.gid), (user_id(), group_id()));
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(
        peer_credentials(tcp.as_fd()).is_err(),
        "TCP has no credentials"
    );
}

#[test]
fn a_plain_unix_socket_connects() {
    let scratch = Scratch::new("connect");
    let _listener = unix_listener(&scratch.socket(), 0o600).unwrap();
    let client = socket::unix_socket().unwrap();
    let address = SocketAddrStorage::from_unix_path(&scratch.socket()).unwrap();
    socket::connect(client.as_fd(), &address).unwrap();
    assert_eq!(
        peer_addr(client.as_fd()).unwrap(),
        Address::UnixPath(scratch.socket())
    );
}

#[test]
fn descriptors_cross_a_unix_socket() {
    let scratch = Scratch::new("scm");
    let paths: Vec<_> = (0..FDS_PER_MESSAGE_MAX)
        .map(|i| scratch.0.join(i.to_string()))
        .collect();
    let (sender, receiver) = UnixStream::pair().unwrap();
    for count in [0, 1, 2, 3, FDS_PER_MESSAGE_MAX] {
        let files: Vec<_> = paths[..count]
            .iter()
            .map(|path| {
                fs::write(path, path.display().to_string()).unwrap();
                File::open(path).unwrap()
            })
            .collect();
        let borrowed: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
        assert_eq!(
            send_with_fds(sender.as_fd(), b"state", &borrowed).unwrap(),
            5
        );
        drop(files);
        let mut bytes = [0; 16];
        let got = recv_with_fds(receiver.as_fd(), &mut bytes, FDS_PER_MESSAGE_MAX).unwrap();
        assert_eq!((&bytes[..got.bytes], got.fds.len()), (&b"state"[..], count));
        assert!(!got.lost);
        for (fd, path) in got.fds.into_iter().zip(&paths) {
            assert!(is_close_on_exec(fd.as_raw_fd()));
            let mut text = String::new();
            File::from(fd).read_to_string(&mut text).unwrap();
            assert_eq!(text, path.display().to_string());
        }
    }
    drop(sender);
    let got = recv_with_fds(receiver.as_fd(), &mut [0; 16], 1).unwrap();
    assert_eq!((got.bytes, got.fds.len()), (0, 0), "the end of the stream");
}

#[test]
fn descriptors_nobody_asked_for_are_closed_and_the_bytes_arrive() {
    for sent in [2, 3, 8] {
        let (sender, receiver) = UnixStream::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        send_with_fds(sender.as_fd(), b"x", &vec![writer.as_fd(); sent]).unwrap();
        drop(writer);
        let got = recv_with_fds(receiver.as_fd(), &mut [0; 1], 1).unwrap();
        assert_eq!((got.bytes, got.fds.len(), got.lost), (1, 0, true));
        assert_eq!(
            reader.read(&mut [0]).unwrap(),
            0,
            "a copy of the write end stayed open"
        );
    }
}

#[test]
fn a_message_that_could_not_carry_its_descriptors_is_refused() {
    let (sender, _receiver) = UnixStream::pair().unwrap();
    let fd = sender.as_fd();
    assert!(send_with_fds(fd, b"", &[fd]).is_err());
    assert!(send_with_fds(fd, b"x", &vec![fd; FDS_PER_MESSAGE_MAX + 1]).is_err());
}

#[test]
fn only_a_listening_socket_is_inherited() {
    let why = |number| inherited_listener(number).unwrap_err().to_string();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(why(udp.as_raw_fd()).contains("does not listen"));
    let file = File::open("/proc/self/status").unwrap();
    assert!(why(file.as_raw_fd()).contains("is not a socket"));
    assert!(why(0).contains("standard input"));
    assert!(why(-1).contains("negative"));
    assert!(why(i32::MAX).contains("is not open"));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let number = listener.into_raw_fd();
    // SAFETY: fcntl(2) F_SETFD takes no pointer. As a parent leaves it: open across exec.
    let result = unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    assert_eq!(result, 0);
    hold_inherited(number).expect("a listener");
    hold_inherited(number).expect("held already");
    let inherited = inherited_listener(number).expect("a listener");
    assert_eq!(
        local_addr(inherited.as_fd()).unwrap(),
        Address::Inet(address)
    );
    assert!(is_close_on_exec(number));
    assert!(why(number).contains("taken over already"));
    let again = hold_inherited(number).unwrap_err().to_string();
    assert!(again.contains("taken over already"), "{again}");
}
