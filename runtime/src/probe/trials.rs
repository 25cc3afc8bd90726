//! How each feature is tried: the smallest thing that works with it and fails without.
//!
//! Called by the probe, once for each feature. Sockets are Unix ones where possible, since a sandbox
//! may lack loopback. Deliberately trusts no feature bit where an effect can be seen.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use io_uring::types::{Fd, OpenHow};
use io_uring::{IoUring, Parameters, opcode, squeue};

use super::trial::{GROUP, Outcome, PATIENCE, Trial, build, failed, no_effect, works_at_all};
use super::{Failure, Feature};
use crate::sys::address::SocketAddrStorage;
use crate::sys::{cpu, event::EventFd, socket, thread};

/// Tries `feature`: set-up flags on rings of their own, all else on the one that `ring` gives.
pub(super) fn run<'a>(
    feature: Feature,
    ring: impl FnOnce() -> Result<&'a mut Trial, Failure>,
) -> Outcome {
    let on = |test: fn(&mut Trial) -> Outcome| test(ring()?);
    let mut flags = IoUring::builder();
    match feature {
        Feature::Enter => works_at_all(),
        Feature::Pin => pin(),
        // 2^20 entries are more than any kernel allows: EINVAL unless they are clamped.
        Feature::Clamp => build(flags.setup_clamp(), 1 << 20).map(drop),
        Feature::SubmitAll => build(flags.setup_submit_all(), 1).map(drop),
        Feature::CoopTaskrun => build(flags.setup_coop_taskrun(), 1).map(drop),
        Feature::TaskrunFlag => build(flags.setup_coop_taskrun().setup_taskrun_flag(), 1).map(drop),
        Feature::SingleIssuer => build(flags.setup_single_issuer(), 1).map(drop),
        Feature::DeferTaskrun => {
            build(flags.setup_single_issuer().setup_defer_taskrun(), 1).map(drop)
        }
        Feature::NoSqarray => build(flags.setup_no_sqarray(), 1).map(drop),
        Feature::NoDrop => on(|trial| bit(trial, Parameters::is_feature_nodrop)),
        Feature::ExtArg => on(|trial| bit(trial, Parameters::is_feature_ext_arg)),
        Feature::NoIowait => on(|trial| bit(trial, Parameters::is_feature_no_iowait)),
        Feature::MultishotAccept => on(multishot_accept),
        Feature::BufferRing => on(buffer_ring),
        Feature::MultishotRecv => on(multishot_recv),
        Feature::MultishotPoll => on(multishot_poll),
        Feature::AsyncCancel => on(async_cancel),
        Feature::SendWaitall => on(send_waitall),
        Feature::Openat => on(openat),
        Feature::Openat2 => on(openat2),
        Feature::Statx => on(statx),
        Feature::Read => on(read),
        Feature::Write => on(write),
        Feature::Splice => on(splice),
        Feature::Connect => on(connect),
        Feature::Shutdown => on(shutdown),
        Feature::Close => on(close),
    }
}

fn bit(trial: &Trial, has: fn(&Parameters) -> bool) -> Outcome {
    expect(has(trial.parameters()), "feature bit")
}

/// Gives the calling thread the mask that it has.
fn pin() -> Outcome {
    cpu::keep_mask().map_err(failed("sched_setaffinity"))
}

fn multishot_accept(trial: &mut Trial) -> Outcome {
    let (listener, address) = unix_listener()?;
    trial.push(
        opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).build(),
        1,
    );
    for _ in 0..2 {
        let _client = UnixStream::connect_addr(&address).map_err(failed("connect"))?;
        let accepted = trial.next()?;
        close_at_end(accepted.value("accept")?);
        if !accepted.more() {
            return Err(no_effect("multishot accept"));
        }
    }
    Ok(())
}

fn buffer_ring(trial: &mut Trial) -> Outcome {
    let (server, mut client) = stream_pair()?;
    trial.provide_buffers()?;
    client.write_all(b"hello").map_err(failed("write"))?;
    let recv = opcode::Recv::new(Fd(server.as_raw_fd()), std::ptr::null_mut(), 0)
        .buf_group(GROUP)
        .build()
        .flags(squeue::Flags::BUFFER_SELECT);
    let received = trial.one(recv)?;
    let selected = io_uring::cqueue::buffer_select(received.flags).is_some();
    expect(
        received.value("recv")? == 5 && selected,
        "recv into a provided buffer",
    )
}

fn multishot_recv(trial: &mut Trial) -> Outcome {
    let (server, mut client) = stream_pair()?;
    trial.provide_buffers()?;
    trial.push(
        opcode::RecvMulti::new(Fd(server.as_raw_fd()), GROUP).build(),
        1,
    );
    for _ in 0..2 {
        client.write_all(b"hello").map_err(failed("write"))?;
        let received = trial.next()?;
        let n = received.value("recv")?;
        expect(n == 5 && received.more(), "multishot recv")?;
    }
    Ok(())
}

fn multishot_poll(trial: &mut Trial) -> Outcome {
    let event = EventFd::new().map_err(failed("eventfd"))?;
    let poll = opcode::PollAdd::new(Fd(event.as_raw_fd()), libc::POLLIN as u32).multi(true);
    trial.push(poll.build(), 1);
    for _ in 0..2 {
        event.notify().map_err(failed("write"))?;
        let ready = trial.next()?;
        ready.value("poll")?;
        expect(ready.more(), "multishot poll")?;
        event.drain().map_err(failed("read"))?;
    }
    Ok(())
}

fn async_cancel(trial: &mut Trial) -> Outcome {
    let (server, _client) = stream_pair()?;
    trial.arm_recv(&server);
    trial.push(opcode::AsyncCancel::new(1).build(), 2);
    for _ in 0..2 {
        let completion = trial.next()?;
        if completion.user_data == 1 {
            if completion.result != -libc::ECANCELED {
                completion.value("recv")?;
                return Err(no_effect("cancelled recv"));
            }
        } else if completion.result != -libc::EALREADY {
            completion.value("cancel")?;
        }
    }
    Ok(())
}

/// read(2) with a time limit ends with EINTR when the process is stopped and continued, whatever its handlers say
/// (signal(7)): job control, a debugger or `docker pause` at this moment is no word on the kernel.
fn read_some(client: &mut UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match client.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn send_waitall(trial: &mut Trial) -> Outcome {
    // More than a socket buffers, so that a send that does not wait falls short.
    const BYTES: usize = 4 << 20;
    let (server, mut client) = stream_pair()?;
    client
        .set_read_timeout(Some(PATIENCE))
        .map_err(failed("setsockopt"))?;
    let data = trial.large_room(BYTES)?;
    let send = opcode::Send::new(Fd(server.as_raw_fd()), data, BYTES as u32)
        .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL);
    std::thread::scope(|scope| {
        // Ends when everything came, at its timeout, or when `server` is shut down.
        scope.spawn(|| {
            let mut buffer = vec![0; 64 << 10];
            while read_some(&mut client, &mut buffer).is_ok_and(|n| n > 0) {}
        });
        let sent = trial.one(send.build()).and_then(|sent| sent.value("send"));
        // The peer may have gone first.
        let _ = server.shutdown(std::net::Shutdown::Both);
        expect(sent? as usize == BYTES, "send with MSG_WAITALL")
    })
}

fn openat(trial: &mut Trial) -> Outcome {
    open_root(trial).map(drop)
}

fn openat2(trial: &mut Trial) -> Outcome {
    let root = open_root(trial)?;
    let how = trial
        .room(size_of::<OpenHow>(), align_of::<OpenHow>())
        .cast::<OpenHow>();
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    let beneath = OpenHow::new()
        .flags(u64::from(flags.cast_unsigned()))
        .resolve(libc::RESOLVE_BENEATH);
    // SAFETY: the room is as large as the structure and aligned for it, and nobody else writes
    // there. Guarded by `every_feature_of_this_kernel_is_found`.
    unsafe { how.write(beneath) };
    let open = opcode::OpenAt2::new(Fd(root.as_raw_fd()), c".".as_ptr(), how);
    let opened = trial.one(open.build())?.value("openat2")?;
    drop(close_at_end(opened));
    Ok(())
}

fn statx(trial: &mut Trial) -> Outcome {
    let result = trial.room(size_of::<libc::statx>(), align_of::<libc::statx>());
    let statx = opcode::Statx::new(Fd(libc::AT_FDCWD), c"/".as_ptr(), result.cast())
        .mask(libc::STATX_BASIC_STATS);
    trial.one(statx.build())?.value("statx").map(drop)
}

fn read(trial: &mut Trial) -> Outcome {
    let (reader, mut writer) = std::io::pipe().map_err(failed("pipe"))?;
    writer.write_all(b"hello").map_err(failed("write"))?;
    let memory = trial.room(16, 1);
    let n = trial.one(opcode::Read::new(Fd(reader.as_raw_fd()), memory, 16).build())?;
    expect(n.value("read")? == 5, "read")
}

fn write(trial: &mut Trial) -> Outcome {
    let (_reader, writer) = std::io::pipe().map_err(failed("pipe"))?;
    let memory = trial.room(5, 1);
    let n = trial.one(opcode::Write::new(Fd(writer.as_raw_fd()), memory, 5).build())?;
    expect(n.value("write")? == 5, "write")
}

fn splice(trial: &mut Trial) -> Outcome {
    let (reader, mut writer) = std::io::pipe().map_err(failed("pipe"))?;
    let (server, mut client) = stream_pair()?;
    writer.write_all(b"hello").map_err(failed("write"))?;
    let (from, to) = (Fd(reader.as_raw_fd()), Fd(server.as_raw_fd()));
    let n = trial.one(opcode::Splice::new(from, -1, to, -1, 5).build())?;
    expect(n.value("splice")? == 5, "splice")?;
    client.read_exact(&mut [0; 5]).map_err(failed("read"))
}

fn connect(trial: &mut Trial) -> Outcome {
    let (listener, _) = unix_listener()?;
    let address = socket::local_addr(listener.as_fd()).map_err(failed("getsockname"))?;
    let address = SocketAddrStorage::encode(&address).map_err(failed("getsockname"))?;
    let address: *const SocketAddrStorage = trial.place(address);
    let client = socket::unix_socket().map_err(failed("socket"))?;
    // SAFETY: just placed, and alive as long as the trial.
    let (name, len) = unsafe { ((*address).as_ptr(), (*address).byte_len()) };
    let connect = opcode::Connect::new(Fd(client.as_raw_fd()), name, len);
    trial.one(connect.build())?.value("connect").map(drop)
}

fn shutdown(trial: &mut Trial) -> Outcome {
    let (server, mut client) = stream_pair()?;
    client
        .set_read_timeout(Some(PATIENCE))
        .map_err(failed("setsockopt"))?;
    let shutdown = opcode::Shutdown::new(Fd(server.as_raw_fd()), libc::SHUT_WR);
    trial.one(shutdown.build())?.value("shutdown")?;
    expect(
        read_some(&mut client, &mut [0]).map_err(failed("read"))? == 0,
        "shutdown",
    )
}

fn close(trial: &mut Trial) -> Outcome {
    let root = open_root(trial)?;
    // From here on the number belongs to the ring's close.
    let number = std::os::fd::IntoRawFd::into_raw_fd(root);
    trial
        .one(opcode::Close::new(Fd(number)).build())?
        .value("close")
        .map(drop)
}

fn expect(kept: bool, promise: &'static str) -> Outcome {
    if kept {
        Ok(())
    } else {
        Err(no_effect(promise))
    }
}

fn stream_pair() -> Result<(UnixStream, UnixStream), Failure> {
    UnixStream::pair().map_err(failed("socketpair"))
}

/// A listener without a file: an abstract name that no other probe has.
fn unix_listener() -> Result<(UnixListener, SocketAddr), Failure> {
    let name = format!(
        "ringgate-probe-{}-{}",
        std::process::id(),
        thread::monotonic_nanos()
    );
    let address = SocketAddr::from_abstract_name(name).map_err(failed("bind"))?;
    let listener = UnixListener::bind_addr(&address).map_err(failed("bind"))?;
    Ok((listener, address))
}

fn open_root(trial: &mut Trial) -> Result<OwnedFd, Failure> {
    let open = opcode::OpenAt::new(Fd(libc::AT_FDCWD), c"/".as_ptr())
        .flags(libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC);
    Ok(close_at_end(trial.one(open.build())?.value("openat")?))
}

/// Owns a descriptor that the ring has just opened.
fn close_at_end(fd: RawFd) -> OwnedFd {
    // SAFETY: the completion gave this new descriptor to us and to nobody else. Guarded by
    // `the_probe_leaves_no_descriptor_behind`.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn an_operation_that_the_kernel_refuses_is_never_found() {
        let operations = Feature::ALL
            .into_iter()
            .skip_while(|f| *f != Feature::MultishotAccept);
        for feature in operations {
            let mut trial = Trial::that_may_do_nothing().expect("this machine has io_uring");
            let failure = run(feature, || Ok(&mut trial)).expect_err(feature.facts().name);
            assert_eq!(failure.errno, libc::EACCES, "{failure}");
        }
    }
}
