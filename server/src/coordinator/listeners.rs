//! The process's listeners: one per core slot for a TCP address, one shared by all cores for a Unix
//! socket or an inherited descriptor. Made before the first core, kept until the end.

use super::plan::Seat;
use super::taken::{when_free, when_left};
use super::upgrade::legacy::InheritedListener;
use crate::config::{Config, ListenAddr, Opening, UnixAddr};
use crate::connection::{Fresh, ListenerId, ListenerSeat, Socket};
use crate::control::socket::{self, SocketFile};
use crate::process::making::{self, Access};
use crate::process::privileges::Identity;
use ringgate_runtime::Descriptor;
use ringgate_runtime::sys::address::Address;
use ringgate_runtime::sys::fork::NotInChildren;
use ringgate_runtime::sys::identity;
use ringgate_runtime::sys::listener::{
    ReusePort, accept_nonblocking, deafen, tcp_listener, tcp_listeners, undeafen,
};
use ringgate_runtime::sys::socket::{keep_alive, local_addr, set_unsent_max};
use ringgate_runtime::sys::unix_listener::inherited_listener;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// Connections the kernel may queue a listener; it cuts the number to net.core.somaxconn.
const BACKLOG: u32 = 65_535;

/// One listener.
pub(crate) struct Listener {
    /// The address as bound, without its scheme.
    bound: String,
    opening: Opening,
    /// Place of its endpoint in the configuration.
    endpoint: usize,
    pub(crate) seat: Seat,
    pub(crate) socket: Arc<OwnedFd>,
    /// Place of the listener's socket among the units.
    pub(crate) unit: u32,
    /// The unit's number in the process that it came from.
    pub(crate) inherited: Option<u32>,
}

impl Listener {
    /// The address as bound, with its scheme.
    pub(crate) fn address(&self) -> String {
        format!("{}{}", self.opening.scheme.prefix(), self.bound)
    }
}

/// Slots that an inherited address lacks.
struct Late {
    configured: String,
    endpoint: usize,
    opening: Opening,
    inet: SocketAddr,
    slots: Range<u32>,
}

/// One socket, which the cores share or which belongs to one slot: what an upgrade passes on.
pub(crate) struct Unit {
    /// A child that is forked and executes no program would keep the queue open.
    _own: NotInChildren,
    pub(crate) configured: String,
    pub(crate) bound: String,
    pub(crate) slot: u32,
    pub(crate) shared: bool,
    pub(crate) socket: Arc<OwnedFd>,
    /// Number of the unit in the process that it came from.
    inherited: Option<u32>,
}

/// A place that cannot be listened on, and why.
#[derive(Debug)]
pub struct ListenError {
    address: String,
    /// The flag that names the address.
    flag: &'static str,
    source: io::Error,
}

impl ListenError {
    pub(crate) fn new(address: impl fmt::Display, source: io::Error) -> ListenError {
        ListenError {
            address: address.to_string(),
            flag: "--listen",
            source,
        }
    }

    /// The same for an address that another flag names.
    pub(crate) fn named_by(self, flag: &'static str) -> ListenError {
        ListenError { flag, ..self }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenError {
            address,
            flag,
            source,
        } = self;
        write!(f, "cannot listen on {address}: ")?;
        match ringgate_runtime::sys::errno(source) {
            Some(ADDRESS_IN_USE) => write!(
                f,
                "the address is taken by another process; stop that one or choose another with {flag}"
            ),
            // The error names the other cure itself.
            Some(ACCESS_DENIED | NO_SUCH_FILE) => {
                write!(f, "{source}, or choose another with {flag}")
            }
            _ => write!(f, "{source}"),
        }
    }
}

impl std::error::Error for ListenError {}

// errno(3), the same on every architecture of Linux that io_uring runs on.
const ADDRESS_IN_USE: i32 = 98;
const ACCESS_DENIED: i32 = 13;
const NO_SUCH_FILE: i32 = 2;

/// Bounds what the kernel keeps unsent for those who are accepted, on TCP. Without the bound all is served as well, with
/// more memory for those who take nothing.
fn bound_unsent(bound: &str, socket: &OwnedFd, bytes: u32) {
    if bound.parse::<SocketAddr>().is_ok()
        && let Err(error) = set_unsent_max(socket.as_fd(), bytes)
    {
        tracing::warn!(%error, "unsent_size has no effect on {bound}");
    }
}

/// Lets the kernel probe those who are accepted and silent, on TCP: a client whose machine is gone says no more, and a
/// request or stream that may wait for it as long as it likes would do so for ever.
fn keep_clients_alive(bound: &str, socket: &OwnedFd) {
    if matches!(local_addr(socket.as_fd()), Ok(Address::Inet(_)))
        && let Err(error) = keep_alive(socket.as_fd())
    {
        tracing::warn!(%error, "clients that vanish are not noticed on {bound}");
    }
}

/// All listeners of the process.
pub(crate) struct Listeners {
    /// Socket files; dropped before the sockets.
    files: Vec<SocketFile>,
    /// Where the files of Unix sockets are.
    paths: Vec<PathBuf>,
    pub(crate) all: Vec<Listener>,
    pub(crate) units: Vec<Unit>,
    /// Slots that an inherited address lacks: bound when it is certain that this process serves.
    late: Vec<Late>,
    /// The endpoint, and its opening, of what is added.
    endpoint: usize,
    opening: Opening,
    /// Whether every address is loopback or a Unix socket.
    pub(crate) local: bool,
    /// Bytes of an answer that the kernel keeps unsent for a connection that is accepted.
    unsent_size: u32,
}

impl Listeners {
    /// Binds every address, a TCP address for each slot, anything else once for all places; but for
    /// those that an older process left to this one.
    pub(crate) fn bind(
        config: &Config,
        slots: u32,
        places: u32,
        mut inherited: Vec<InheritedListener>,
        identity: Option<&Identity>,
    ) -> Result<Listeners, ListenError> {
        let mut listeners = Listeners {
            all: Vec::new(),
            units: Vec::new(),
            files: Vec::new(),
            paths: Vec::new(),
            late: Vec::new(),
            endpoint: 0,
            opening: Opening::default(),
            local: true,
            unsent_size: config.timeouts.unsent_size,
        };
        for (index, (address, opening)) in config.openings().enumerate() {
            (listeners.endpoint, listeners.opening) = (index, opening);
            let fail = |source| ListenError::new(address, source);
            let configured = address.place().to_string();
            if let ListenAddr::Unix(unix) = address {
                listeners.paths.push(unix.path.clone());
            }
            let left = take_same(&mut inherited, &configured);
            if !left.is_empty() {
                listeners.take_over(&configured, left, slots, places);
                continue;
            }
            match address {
                ListenAddr::Tcp(inet) => {
                    let listen = || tcp_listeners(*inet, slots as usize, BACKLOG);
                    let (sockets, bound) = when_free(address, listen).map_err(fail)?;
                    listeners.local &= bound.ip().is_loopback();
                    for (slot, socket) in (0..).zip(sockets) {
                        listeners.add(&configured, &bound.to_string(), slot..slot + 1, socket);
                    }
                }
                ListenAddr::Unix(unix) => {
                    let listen = || listen_on_unix(unix, identity);
                    let (socket, file) = when_left(address, &unix.path, listen).map_err(fail)?;
                    listeners.files.push(file);
                    listeners.share(&configured, &configured, places, socket, None);
                }
                ListenAddr::Fd(number) => {
                    let socket = inherited_listener(*number).map_err(fail)?;
                    let bound = local_addr(socket.as_fd()).map_err(fail)?;
                    let text = match &bound {
                        Address::Inet(inet) => {
                            listeners.local &= inet.ip().is_loopback();
                            inet.to_string()
                        }
                        Address::UnixPath(path) => format!("unix:{}", path.display()),
                        Address::UnixAbstract(_) | Address::UnixUnnamed => configured.clone(),
                    };
                    listeners.share(&configured, &text, places, socket, None);
                }
            }
        }
        Ok(listeners)
    }

    /// Adds what an older process left of one address.
    fn take_over(
        &mut self,
        configured: &str,
        left: Vec<InheritedListener>,
        slots: u32,
        places: u32,
    ) {
        let inet = left[0].bound.parse::<SocketAddr>().ok();
        self.local &= inet.is_none_or(|inet| inet.ip().is_loopback());
        let mut present = 0;
        let bound = left[0].bound.clone();
        for listener in left {
            let unit = Some(listener.unit);
            if listener.shared {
                self.share(configured, &listener.bound, places, listener.socket, unit);
                present = slots;
            } else {
                // One for a slot that is no more is lent to a core.
                let slot = listener.slot;
                present = present.max(slot + 1);
                let socket = Arc::new(listener.socket);
                self.push(
                    configured,
                    &listener.bound,
                    slot..slot + 1,
                    false,
                    socket,
                    unit,
                );
            }
        }
        if let Some(inet) = inet
            && present < slots
        {
            self.late.push(Late {
                configured: bound,
                endpoint: self.endpoint,
                opening: self.opening,
                inet,
                slots: present..slots,
            });
        }
        for listener in &mut self.all {
            listener.seat.away = true;
        }
    }

    fn add(&mut self, configured: &str, bound: &str, slot: Range<u32>, socket: OwnedFd) {
        self.push(configured, bound, slot, false, Arc::new(socket), None);
    }

    fn share(
        &mut self,
        configured: &str,
        bound: &str,
        places: u32,
        socket: OwnedFd,
        inherited: Option<u32>,
    ) {
        self.push(
            configured,
            bound,
            0..places,
            true,
            Arc::new(socket),
            inherited,
        );
    }

    fn push(
        &mut self,
        configured: &str,
        bound: &str,
        slots: Range<u32>,
        shared: bool,
        socket: Arc<OwnedFd>,
        inherited: Option<u32>,
    ) {
        let unit = self.units.len() as u32;
        bound_unsent(bound, &socket, self.unsent_size);
        keep_clients_alive(bound, &socket);
        self.units.push(Unit {
            _own: NotInChildren::new(socket.as_fd()),
            configured: configured.to_owned(),
            bound: bound.to_owned(),
            slot: slots.start,
            shared,
            socket: socket.clone(),
            inherited,
        });
        for slot in slots {
            let seat = Seat::new(slot, shared);
            self.all.push(Listener {
                bound: bound.to_owned(),
                opening: self.opening,
                endpoint: self.endpoint,
                seat,
                socket: socket.clone(),
                unit,
                inherited,
            });
        }
    }

    /// The units that this process wants of the one before it.
    pub(crate) fn wanted(&self) -> Vec<u32> {
        self.units
            .iter()
            .filter_map(|unit| unit.inherited)
            .collect()
    }

    /// Nothing is accepted before an older process has given everything up.
    pub(crate) fn all_away(&mut self) {
        for listener in &mut self.all {
            listener.seat.away = true;
        }
    }

    /// Binds what inherited addresses lack for the slots of this process, as far as that is possible, and answers the
    /// seats of what is bound. An address of which the rest cannot be bound has an error.
    pub(crate) fn bind_late(&mut self) -> (Vec<Seat>, Vec<ListenError>) {
        let before = self.all.len();
        let mut errors = Vec::new();
        for late in std::mem::take(&mut self.late) {
            (self.endpoint, self.opening) = (late.endpoint, late.opening);
            for slot in late.slots {
                match tcp_listener(late.inet, ReusePort::Sibling, BACKLOG) {
                    Ok(socket) => {
                        let bound = late.inet.to_string();
                        self.add(&late.configured, &bound, slot..slot + 1, socket);
                    }
                    Err(error) => {
                        errors.push(ListenError::new(late.inet, error));
                        break;
                    }
                }
            }
        }
        let added = self.all[before..].iter();
        (added.map(|listener| listener.seat).collect(), errors)
    }

    /// The files of Unix sockets are removed by this process from now on, and what it says of its sockets holds, which it may
    /// share with a process that said something else.
    pub(crate) fn own_files(&mut self) {
        self.set_unsent_size(self.unsent_size);
        socket::own_files(&mut self.files, &self.paths);
    }

    /// The files of Unix sockets belong to another process now, but for those of units that it does not serve.
    pub(crate) fn disown_files(&mut self, served: Option<&[u32]>) {
        let mut files = std::mem::take(&mut self.files);
        let goes_over = |file: &mut SocketFile| {
            let place = ListenAddr::unix(file.path()).to_string();
            let is_here = |served| {
                self.units_but(served)
                    .any(|(_, unit)| unit.configured == place)
            };
            !served.is_some_and(is_here)
        };
        files.extract_if(.., goes_over).for_each(SocketFile::disown);
        self.files = files;
    }

    /// The units but these, which another process serves, with their numbers.
    fn units_but(&self, served: &[u32]) -> impl Iterator<Item = (u32, &Unit)> {
        let units = (0..).zip(&self.units);
        units.filter(|(number, _)| !served.contains(number))
    }

    /// The connections that the kernel has queued on all units but these, which another process
    /// serves.
    pub(crate) fn take_queued_but(&self, served: &[u32]) -> Vec<Fresh> {
        let mut taken = Vec::new();
        for (number, unit) in self.units_but(served) {
            let listener = self.of_unit(number);
            while let Ok(Some(socket)) = accept_nonblocking(unit.socket.as_fd()) {
                taken.push(Fresh {
                    socket: Descriptor::from(socket),
                    listener,
                    opening: self.opening_of(listener),
                });
            }
        }
        taken
    }

    /// Lets the kernel queue nobody any more on all units but these.
    pub(crate) fn deafen_but(&self, served: &[u32]) {
        // Others may hold a shared one, and listen on.
        for (_, unit) in self.units_but(served).filter(|(_, unit)| !unit.shared) {
            // Where it is not allowed a few may come too late and be reset.
            let _ = deafen(unit.socket.as_fd());
        }
    }

    /// Takes back what [`Listeners::deafen_but`] has done.
    pub(crate) fn undeafen_but(&self, served: &[u32]) {
        for (_, unit) in self.units_but(served).filter(|(_, unit)| !unit.shared) {
            if let Err(error) = undeafen(unit.socket.as_fd()) {
                tracing::error!(%error, "nobody is heard any more on {}", unit.bound);
            }
        }
    }

    /// Whether any of them expects a header of the PROXY protocol.
    pub(crate) fn expect_headers(&self) -> bool {
        self.all.iter().any(|listener| listener.opening.proxied)
    }

    /// The opening of a listener; that of plain HTTP where it is none of this process.
    pub(crate) fn opening_of(&self, listener: ListenerId) -> Opening {
        let listener = self.all.get(listener.0 as usize);
        listener.map_or_else(Opening::default, |listener| listener.opening)
    }

    /// The first listener of a unit.
    fn of_unit(&self, unit: u32) -> ListenerId {
        let found = self.all.iter().position(|listener| listener.unit == unit);
        found.map_or(ListenerId::ELSEWHERE, |index| ListenerId(index as u32))
    }

    /// The unit of a listener; None for one of another process.
    pub(crate) fn unit_of(&self, listener: ListenerId) -> Option<u32> {
        Some(self.all.get(listener.0 as usize)?.unit)
    }

    pub(crate) fn seat(&self, index: usize) -> ListenerSeat {
        let listener = &self.all[index];
        ListenerSeat {
            id: ListenerId(index as u32),
            socket: Socket::Real(listener.socket.clone()),
            shared: listener.seat.shared,
            opening: listener.opening,
        }
    }

    /// From now on the kernel keeps so many bytes unsent for a connection that is accepted.
    pub(crate) fn set_unsent_size(&mut self, bytes: u32) {
        self.unsent_size = bytes;
        for unit in &self.units {
            bound_unsent(&unit.bound, &unit.socket, bytes);
        }
    }

    /// Gives each listener the opening that its place has now, and answers those that had another one. The
    /// places are those of the start.
    pub(crate) fn set_openings(&mut self, config: &Config) -> Vec<usize> {
        let openings: Vec<Opening> = config.openings().map(|(_, opening)| opening).collect();
        let mut changed = Vec::new();
        for (index, listener) in self.all.iter_mut().enumerate() {
            let opening = openings.get(listener.endpoint).copied();
            if let Some(opening) = opening.filter(|opening| *opening != listener.opening) {
                listener.opening = opening;
                changed.push(index);
            }
        }
        changed
    }

    /// The addresses as they are bound, with their schemes, each once, in the order of the configuration.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut addresses: Vec<String> = Vec::new();
        for listener in &self.all {
            let address = listener.address();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// Closes them: from here on the kernel refuses connections.
    pub(crate) fn close(&mut self) {
        // The files first: as long as the socket listens nobody takes its file for stale.
        self.files.clear();
        self.all.clear();
        self.units.clear();
    }
}

/// Takes out the listeners of one configured address; all of them are of one bound address.
fn take_same(inherited: &mut Vec<InheritedListener>, configured: &str) -> Vec<InheritedListener> {
    let same = |listener: &InheritedListener| {
        listener.configured == configured || listener.bound == configured
    };
    let Some(bound) = inherited
        .iter()
        .find(|one| same(one))
        .map(|one| one.bound.clone())
    else {
        return Vec::new();
    };
    inherited
        .extract_if(.., |listener| listener.bound == bound)
        .collect()
}

/// A listening Unix socket and its file.
fn listen_on_unix(
    unix: &UnixAddr,
    identity: Option<&Identity>,
) -> io::Result<(OwnedFd, SocketFile)> {
    let user = unix.user.as_deref().map(identity::user).transpose()?;
    let access = Access {
        mode: unix.mode,
        uid: user.map(|user| user.uid),
        gid: unix.group.as_deref().map(identity::group).transpose()?,
    };
    let socket = making::listen_on(identity, &unix.path, access, making::LOCK_WAIT)?;
    let file = SocketFile::at(&unix.path)?;
    Ok((socket, file))
}

/// One listener at `address` that only the coordinator accepts from, and the address as bound.
pub(crate) fn bind_one(
    address: &ListenAddr,
    identity: Option<&Identity>,
) -> Result<(OwnedFd, String, Option<SocketFile>), ListenError> {
    let fail = |source| ListenError::new(address, source);
    match address {
        ListenAddr::Tcp(inet) => {
            let listen = || tcp_listener(*inet, ReusePort::First, BACKLOG);
            let socket = when_free(address, listen).map_err(fail)?;
            let bound = local_addr(socket.as_fd()).map_err(fail)?.to_string();
            keep_clients_alive(&bound, &socket);
            Ok((socket, bound, None))
        }
        ListenAddr::Unix(unix) => {
            let listen = || listen_on_unix(unix, identity);
            let (socket, file) = when_left(address, &unix.path, listen).map_err(fail)?;
            Ok((socket, address.place().to_string(), Some(file)))
        }
        ListenAddr::Fd(number) => {
            let socket = inherited_listener(*number).map_err(fail)?;
            let bound = address.to_string();
            keep_clients_alive(&bound, &socket);
            Ok((socket, bound, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringgate_runtime::sys::socket::is_kept_alive;
    use std::net::TcpStream;
    use std::os::fd::IntoRawFd;

    /// A listener of an older process for the first slot of `address`.
    fn inherited(unit: u32, address: &str, socket: OwnedFd) -> InheritedListener {
        InheritedListener {
            unit,
            configured: address.to_owned(),
            bound: address.to_owned(),
            slot: 0,
            shared: false,
            socket,
        }
    }

    #[test]
    fn the_kernel_probes_idle_clients_of_every_tcp_listener_wherever_that_is_from() {
        let any = || "127.0.0.1:0".parse().unwrap();
        let of_older = tcp_listener(any(), ReusePort::First, 16).unwrap();
        let passed = tcp_listener(any(), ReusePort::First, 16).unwrap();
        let older = local_addr(of_older.as_fd()).unwrap().to_string();
        let passed = ListenAddr::Fd(passed.into_raw_fd());
        let config = Config {
            listen: vec![
                ListenAddr::Tcp(any()).into(),
                ListenAddr::Tcp(older.parse().unwrap()).into(),
                passed.into(),
            ],
            ..Config::default()
        };
        let left = vec![inherited(0, &older, of_older)];
        let mut listeners = Listeners::bind(&config, 2, 2, left, None).unwrap();
        // The second slot of what an older process left.
        assert_eq!(listeners.bind_late().0.len(), 1);
        assert_eq!(listeners.units.len(), 5);
        for unit in &listeners.units {
            assert!(
                is_kept_alive(unit.socket.as_fd()).unwrap(),
                "{}",
                unit.bound
            );
        }
        let passed = &listeners.units[3];
        let _client = TcpStream::connect(&passed.bound).unwrap();
        let accepted = accept_nonblocking(passed.socket.as_fd()).unwrap();
        assert!(is_kept_alive(accepted.unwrap().as_fd()).unwrap());
    }

    #[test]
    fn the_kernel_probes_idle_scrapers_of_metrics_too() {
        let passed = tcp_listener("127.0.0.1:0".parse().unwrap(), ReusePort::First, 16);
        let passed = ListenAddr::Fd(passed.unwrap().into_raw_fd());
        for address in ["127.0.0.1:0".parse().unwrap(), passed] {
            let (socket, bound, _) = bind_one(&address, None).unwrap();
            assert!(is_kept_alive(socket.as_fd()).unwrap(), "{bound}");
        }
    }

    #[test]
    fn each_listener_that_is_bound_late_has_a_seat_also_where_others_cannot_be_bound() {
        let mut listen = Vec::new();
        let mut left = Vec::new();
        // The one between the others is of no machine (RFC 5737).
        for (unit, elsewhere) in [(0, false), (1, true), (2, false)] {
            let any = "127.0.0.1:0".parse().unwrap();
            let (mut sockets, bound) = tcp_listeners(any, 1, 16).unwrap();
            let bound = match elsewhere {
                true => "192.0.2.1:9".parse().unwrap(),
                false => bound,
            };
            listen.push(ListenAddr::Tcp(bound).into());
            left.push(inherited(unit, &bound.to_string(), sockets.remove(0)));
        }
        let config = Config {
            listen,
            ..Config::default()
        };
        let mut listeners = Listeners::bind(&config, 3, 3, left, None).unwrap();
        assert_eq!(listeners.all.len(), 3);
        let (seats, errors) = listeners.bind_late();
        let slots: Vec<u32> = seats.iter().map(|seat| seat.slot).collect();
        assert_eq!(slots, [1, 2, 1, 2]);
        let added: Vec<Seat> = listeners.all.iter().skip(3).map(|one| one.seat).collect();
        assert_eq!(seats, added);
        let [error] = &errors[..] else {
            panic!("one for the address: {errors:?}")
        };
        assert!(error.to_string().contains("192.0.2.1:9"), "{error}");
    }
}
