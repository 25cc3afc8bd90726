//! TCP listeners against the real kernel: who may share a port, who may not, and what is inherited.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ringgate_runtime::sys::address::{Address, SocketAddrStorage};
use ringgate_runtime::sys::listener::{
    ReusePort, accept_nonblocking, deafen, tcp_listener, tcp_listeners, undeafen,
};
use ringgate_runtime::sys::socket::{self, Direction, Family};
use ringgate_runtime::sys::tcp_info::{bytes_acked, listen_overflows, listen_queue};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const PATIENCE: Duration = Duration::from_secs(30);
/// Set in a child: the address that it shall try to take.
const CHILD_ADDRESS: &str = "RINGGATE_TEST_ADDRESS";

fn has_flag(fd: &impl AsRawFd, command: i32, flag: i32) -> bool {
    // SAFETY: fcntl(2) F_GETFD and F_GETFL take no pointer.
    unsafe { libc::fcntl(fd.as_raw_fd(), command) & flag != 0 }
}

fn accept(listener: &OwnedFd) -> TcpStream {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(fd) = accept_nonblocking(listener.as_fd()).expect("accept") {
            return TcpStream::from(fd);
        }
        assert!(Instant::now() < deadline, "no connection came");
        std::thread::yield_now();
    }
}

#[test]
fn siblings_share_a_port() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 4, 64).expect("four on one port");
    assert_eq!(listeners.len(), 4);
    for listener in &listeners {
        assert_eq!(
            socket::local_addr(listener.as_fd()).unwrap(),
            Address::Inet(address)
        );
        assert!(has_flag(listener, libc::F_GETFD, libc::FD_CLOEXEC));
        assert!(
            !has_flag(listener, libc::F_GETFL, libc::O_NONBLOCK),
            "the ring wants it blocking"
        );
    }
}

#[test]
fn the_siblings_of_port_0_share_the_chosen_port() {
    for address in [ANY_PORT, "[::1]:0".parse().unwrap()] {
        let (listeners, bound) = tcp_listeners(address, 3, 64).expect("three on a chosen port");
        assert_ne!(bound.port(), 0);
        for listener in &listeners {
            assert_eq!(
                socket::local_addr(listener.as_fd()).unwrap(),
                Address::Inet(bound)
            );
        }
    }
}

#[test]
fn a_taken_port_is_an_error_that_says_so() {
    let (_held, address) = tcp_listeners(ANY_PORT, 2, 64).unwrap();
    let error = tcp_listeners(address, 2, 64).expect_err("the port is taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert_eq!(ringgate_runtime::sys::errno(&error), Some(libc::EADDRINUSE));
    let text = error.to_string();
    assert!(text.starts_with(&format!("bind {address}: ")), "{text}");
    assert!(text.contains("another process listens there"), "{text}");
}

#[test]
fn a_second_process_of_the_same_user_cannot_take_the_port() {
    if let Ok(address) = std::env::var(CHILD_ADDRESS) {
        let error = tcp_listeners(address.parse().unwrap(), 2, 64).expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        println!("the child met a taken port");
        return;
    }
    let (_held, address) = tcp_listeners(ANY_PORT, 2, 64).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_second_process_of_the_same_user_cannot_take_the_port",
            "--nocapture",
        ])
        .env(CHILD_ADDRESS, address.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    assert!(said.contains("the child met a taken port"), "{said}");
}

#[test]
fn of_servers_that_start_at_once_at_most_one_gets_the_port() {
    const STARTERS: usize = 3;
    let mut rounds_won = 0;
    for _ in 0..300 {
        let address = TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap();
        let barrier = Barrier::new(STARTERS);
        let results: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                tcp_listeners(address, 2, 16)
            };
            let threads: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let winners = results.iter().filter(|result| result.is_ok()).count();
        assert!(winners <= 1, "{winners} sets of listeners share {address}");
        for error in results.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
        }
        rounds_won += winners;
    }
    assert!(rounds_won > 0, "nobody ever got the port");
}

#[test]
fn connections_are_spread_over_the_siblings() {
    const CONNECTIONS: u32 = 400;
    let (listeners, address) = tcp_listeners(ANY_PORT, 4, 1024).unwrap();
    let target = SocketAddrStorage::from_inet(address);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let client = socket::tcp_socket(Family::V4).unwrap();
            socket::connect(client.as_fd(), &target).unwrap();
            client
        })
        .collect();
    let queued = || -> Vec<u32> {
        listeners
            .iter()
            .map(|one| listen_queue(one.as_fd()).unwrap().queue)
            .collect()
    };
    // connect(2) returns at the SYN-ACK; the last ACK may still be on its way into the queue.
    let deadline = Instant::now() + PATIENCE;
    while queued().iter().sum::<u32>() < CONNECTIONS && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let spread = queued();
    assert_eq!(spread.iter().sum::<u32>(), CONNECTIONS, "{spread:?}");
    assert!(spread.iter().all(|queue| *queue > 0), "{spread:?}");
    drop(clients);
}

#[test]
fn a_port_with_connections_in_time_wait_is_taken_again() {
    // An address that nobody else uses: no client of another test gets the port meanwhile.
    let alone = "127.83.0.1:0".parse().unwrap();
    let (listeners, address) = tcp_listeners(alone, 1, 16).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    drop(accept(&listeners[0]));
    // The server closed first, so its side waits in TIME_WAIT once the client has closed too.
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    drop(listeners);
    let (_again, bound) = tcp_listeners(address, 2, 16).expect("TIME_WAIT holds nobody up");
    assert_eq!(bound, address);
}

#[test]
fn an_ipv6_wildcard_leaves_the_ipv4_port_alone() {
    let (_v6, bound) = tcp_listeners("[::]:0".parse().unwrap(), 1, 16).unwrap();
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, bound.port()));
    // Another test may hold the IPv4 port by chance; then there is nothing to see here.
    match tcp_listener(v4, ReusePort::First, 16) {
        Ok(_) => {}
        Err(error) => {
            let other = TcpListener::bind(v4).expect_err("only ours refuses");
            assert_eq!(other.kind(), io::ErrorKind::AddrInUse, "{error}");
            drop(_v6);
            assert!(
                TcpListener::bind(v4).is_err(),
                "our IPv6 listener held the IPv4 port"
            );
        }
    }
}

#[test]
fn an_address_this_machine_lacks_is_an_error_with_a_cure() {
    // 192.0.2.0/24 is for documentation (RFC 5737).
    let error = tcp_listener("192.0.2.1:0".parse().unwrap(), ReusePort::First, 16).unwrap_err();
    assert!(
        error.to_string().contains("no interface of this machine"),
        "{error}"
    );
}

#[test]
fn accepted_sockets_inherit_nodelay() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    let client = TcpStream::connect(address).unwrap();
    assert!(
        !socket::nodelay(client.as_fd()).unwrap(),
        "not the system's default"
    );
    let server = accept(&listeners[0]);
    assert!(socket::nodelay(server.as_fd()).unwrap());
    assert!(has_flag(&server, libc::F_GETFD, libc::FD_CLOEXEC));
    assert_eq!(
        server.read_timeout().unwrap(),
        None,
        "a helped listener's timeout leaked"
    );
}

#[test]
fn the_kernel_keeps_no_more_for_a_peer_that_takes_nothing_than_its_listener_allows() {
    const UNSENT: u32 = 64 << 10;
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    let taken = |listener: &OwnedFd| {
        let client = TcpStream::connect(address).unwrap();
        let mut server = accept(listener);
        server.set_nonblocking(false).unwrap();
        // Time enough for the peer's kernel to acknowledge what its window lets through.
        server
            .set_write_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let mut taken = 0;
        loop {
            match server.write(&[0; 64 << 10]) {
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        drop(client);
        taken
    };
    let without = taken(&listeners[0]);
    socket::set_unsent_max(listeners[0].as_fd(), UNSENT).unwrap();
    let with = taken(&listeners[0]);
    assert!(with < without / 2, "{with} of {without} bytes");
}

#[test]
fn helpers_of_one_listener_never_block_each_other() {
    const CONNECTIONS: usize = 200;
    const HELPERS: usize = 3;
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 64).unwrap();
    let taken = AtomicUsize::new(0);
    let left = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    // All of them look for each connection at once; one finds it.
    let together = Barrier::new(HELPERS + 1);
    let help = || {
        for number in 1.. {
            together.wait();
            if over.load(Ordering::SeqCst) {
                return;
            }
            while taken.load(Ordering::SeqCst) < number {
                if accept_nonblocking(listeners[0].as_fd()).unwrap().is_some() {
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            }
            left.fetch_add(1, Ordering::SeqCst);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..HELPERS {
            scope.spawn(help);
        }
        for number in 1..=CONNECTIONS {
            let _client = TcpStream::connect(address).unwrap();
            together.wait();
            let deadline = Instant::now() + PATIENCE;
            while left.load(Ordering::SeqCst) < number * HELPERS && Instant::now() < deadline {
                std::thread::yield_now();
            }
            let stuck = number * HELPERS - left.load(Ordering::SeqCst);
            if stuck > 0 {
                // What would wait for ever in accept is let go, so that the failure can be told.
                let _release: Vec<_> = (0..stuck).map(|_| TcpStream::connect(address)).collect();
                over.store(true, Ordering::SeqCst);
                together.wait();
                panic!("{stuck} wait in accept for a connection that another one took");
            }
        }
        over.store(true, Ordering::SeqCst);
        together.wait();
    });
    assert_eq!(taken.load(Ordering::SeqCst), CONNECTIONS);
}

#[test]
fn an_empty_queue_is_nothing_to_accept() {
    let (listeners, _) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    assert!(accept_nonblocking(listeners[0].as_fd()).unwrap().is_none());
}

#[test]
fn the_queue_of_a_listener_is_counted() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 7).unwrap();
    let queue = || listen_queue(listeners[0].as_fd()).unwrap();
    assert_eq!((queue().queue, queue().limit), (0, 7));
    let client = TcpStream::connect(address).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while queue().queue == 0 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(queue().queue, 1);
    let _server = accept(&listeners[0]);
    assert_eq!(queue().queue, 0);
    assert_eq!(
        listen_queue(client.as_fd()).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn a_full_queue_counts_as_an_overflow() {
    let (_listeners, address) = tcp_listeners(ANY_PORT, 1, 1).unwrap();
    let before = listen_overflows().unwrap();
    let mut clients = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while listen_overflows().unwrap() == before && Instant::now() < deadline {
        clients.extend(TcpStream::connect_timeout(
            &address,
            Duration::from_millis(50),
        ));
    }
    assert!(listen_overflows().unwrap() > before);
}

#[test]
fn acknowledged_bytes_are_counted() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let mut server = accept(&listeners[0]);
    let before = bytes_acked(server.as_fd())
        .unwrap()
        .expect("kernels since 4.2 say");
    server.write_all(&[7; 1000]).unwrap();
    client.read_exact(&mut [0; 1000]).unwrap();
    let acked = || bytes_acked(server.as_fd()).unwrap().unwrap() - before;
    let deadline = Instant::now() + PATIENCE;
    while acked() < 1000 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    // The first answer may fall before or after the SYN has been counted.
    assert!((1000..=1001).contains(&acked()), "{}", acked());
}

#[test]
fn a_connection_knows_both_of_its_addresses() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    let client = TcpStream::connect(address).unwrap();
    let server = accept(&listeners[0]);
    assert_eq!(
        socket::local_addr(server.as_fd()).unwrap(),
        Address::Inet(address)
    );
    assert_eq!(
        socket::local_addr_of(server.as_raw_fd()).unwrap(),
        Address::Inet(address)
    );
    let peer = Address::Inet(client.local_addr().unwrap());
    assert_eq!(socket::peer_addr(server.as_fd()).unwrap(), peer);
    let error = socket::peer_addr(listeners[0].as_fd()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
}

#[test]
fn a_shut_down_socket_reads_as_ended() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let mut server = accept(&listeners[0]);
    socket::shutdown(server.as_fd(), Direction::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    client.write_all(b"still open").unwrap();
    server.read_exact(&mut [0; 10]).unwrap();
}

#[test]
fn a_socket_with_linger_0_closes_with_a_reset() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let server = accept(&listeners[0]);
    socket::set_linger0(server.as_fd()).unwrap();
    drop(server);
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn keepalive_takes_sensible_times_and_refuses_zero() {
    let (listeners, address) = tcp_listeners(ANY_PORT, 1, 16).unwrap();
    let client = TcpStream::connect(address).unwrap();
    let second = Duration::from_secs(1);
    socket::set_keepalive(client.as_fd(), 60 * second, second / 2, 3).unwrap();
    let error = socket::set_keepalive(client.as_fd(), Duration::ZERO, second, 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "setsockopt TCP_KEEPIDLE: Invalid argument (os error 22)"
    );
    drop(listeners);
}

#[test]
fn udp_sockets_talk() {
    let one = std::net::UdpSocket::from(socket::udp_bind(ANY_PORT).unwrap());
    let two = std::net::UdpSocket::from(socket::udp_bind(ANY_PORT).unwrap());
    one.send_to(b"hello", two.local_addr().unwrap()).unwrap();
    let mut bytes = [0; 16];
    assert_eq!(
        two.recv_from(&mut bytes).unwrap(),
        (5, one.local_addr().unwrap())
    );
}

#[test]
fn a_deaf_listener_queues_nobody_and_gives_what_is_queued_until_it_hears_again() {
    let listener = tcp_listener(ANY_PORT, ReusePort::First, 16).expect("a listener");
    let address = match socket::local_addr(listener.as_fd()).expect("bound") {
        Address::Inet(address) => address,
        other => panic!("{other:?}"),
    };
    let mut early = TcpStream::connect(address).expect("it listens");
    early.write_all(b"x").expect("sent");
    deafen(listener.as_fd()).expect("deaf");
    let late = TcpStream::connect_timeout(&address, Duration::from_millis(50));
    let error = late.expect_err("nobody answers");
    assert_eq!(
        error.kind(),
        io::ErrorKind::TimedOut,
        "not refused, not reset: {error}"
    );
    let mut accepted = accept(&listener);
    let mut byte = [0];
    accepted
        .read_exact(&mut byte)
        .expect("what was queued is heard as before");
    assert_eq!(&byte, b"x");
    assert!(
        accept_nonblocking(listener.as_fd())
            .expect("accept")
            .is_none()
    );
    undeafen(listener.as_fd()).expect("it hears again");
    TcpStream::connect(address).expect("somebody answers");
    undeafen(listener.as_fd()).expect("it hears already");
}
