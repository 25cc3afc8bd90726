//! The first process of a virtual machine: file systems, the loopback interface, modules; and its end.
//!
//! Called once at each end of an examination. Only system calls with safe faces are needed: the interface
//! is raised by a message to the kernel's routing socket (rtnetlink(7)) instead of an ioctl.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::mount::{MountFlags, mount};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::system::{RebootCommand, init_module, reboot};
use socket2::{Domain, Protocol, Socket, Type};

/// Modules that may be missing, in no order: each is tried until none can be loaded any more.
const MODULES: &str = "/modules";

/// Descriptors that everything may open.
const FILES: u64 = 65_536;

/// Makes the bare machine one that programs can run on.
pub(super) fn begin() -> io::Result<()> {
    let kinds: [(&CStr, &str); 5] = [
        (c"proc", "/proc"),
        (c"sysfs", "/sys"),
        (c"devtmpfs", "/dev"),
        (c"tmpfs", "/tmp"),
        (c"tmpfs", "/run"),
    ];
    for (kind, place) in kinds {
        fs::create_dir_all(place)?;
        mount(kind, place, kind, MountFlags::empty(), None::<&CStr>)
            .map_err(|error| io::Error::other(format!("mount {place}: {error}")))?;
    }
    std::env::set_current_dir("/tmp")?;
    raise_loopback().map_err(|error| io::Error::other(format!("raise lo: {error}")))?;
    let files = Some(FILES);
    let limit = Rlimit {
        current: files,
        maximum: files,
    };
    setrlimit(Resource::Nofile, limit)?;
    load_modules()
}

/// RTM_NEWLINK for interface 1, which is lo in every network namespace, with the flag IFF_UP.
fn raise_loopback() -> io::Result<()> {
    const LENGTH: u32 = 32;
    const NLM_F_REQUEST_ACK: u16 = 1 | 4;
    let mut message = Vec::with_capacity(LENGTH as usize);
    message.extend(LENGTH.to_ne_bytes());
    message.extend(libc::RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend([0; 8]); // sequence, port
    message.extend([0; 4]); // family, padding, type
    message.extend(1u32.to_ne_bytes());
    let up = (libc::IFF_UP as u32).to_ne_bytes();
    message.extend(up); // flags
    message.extend(up); // which flags change
    let routing = Protocol::from(libc::NETLINK_ROUTE);
    let mut socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(routing))?;
    socket.send(&message)?;
    // NLMSG_ERROR: 16 bytes of head, then the error number, 0 for done.
    let mut answer = [0; 64];
    let read = socket.read(&mut answer)?;
    match answer.get(16..20).filter(|_| read >= 20) {
        Some(&[a, b, c, d]) => match i32::from_ne_bytes([a, b, c, d]) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(-error)),
        },
        _ => Err(io::Error::other("no answer of the kernel")),
    }
}

fn load_modules() -> io::Result<()> {
    let Ok(folder) = fs::read_dir(MODULES) else {
        return Ok(());
    };
    let mut left = Vec::new();
    for entry in folder {
        left.push(fs::read(entry?.path())?);
    }
    loop {
        let before = left.len();
        left.retain(|module| init_module(module, c"").is_err());
        if left.is_empty() || left.len() == before {
            return Ok(());
        }
    }
}

/// Says `line` on `device` and ends the machine.
pub(super) fn end(device: &Path, line: &str) -> ! {
    let said = File::options().write(true).open(device).and_then(|mut to| {
        writeln!(to, "\n{line}")?;
        rustix::termios::tcdrain(&to).map_err(io::Error::from)
    });
    if let Err(error) = said {
        eprintln!("{}: {error}", device.display());
    }
    // The virtual machine is told not to begin anew (-no-reboot), so that this is its end.
    let refused = reboot(RebootCommand::Restart);
    panic!("reboot: {refused:?}");
}
