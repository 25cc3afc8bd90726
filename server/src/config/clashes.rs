//! Places that two options name and only one can have: an address of TCP within another one, one file for two purposes.
//!
//! Called by [`Config::check`]. Pure: two names of one file are not found out here.

use super::access::AccessTarget;
use super::address::ListenAddr;
use super::control::ControlPath;
use super::error::Error;
use super::settings::Config;
use std::net::SocketAddr;
use std::path::Path;

impl Config {
    /// Refuses an address of TCP that another one holds already: the kernel gives a port of all addresses to one listener,
    /// and says of the second that it is taken. IPv6 is a world of its own, for its listeners take no IPv4.
    pub(super) fn check_wildcards(&self) -> Result<(), Error> {
        let listen = self.listen.iter().map(|endpoint| &endpoint.address);
        let all = listen.map(|address| ("listen", address));
        let all = all.chain(self.metrics.iter().map(|address| ("metrics", address)));
        let tcp: Vec<_> = all
            .filter_map(|(key, address)| match address {
                ListenAddr::Tcp(inet) => Some((key, *inet)),
                ListenAddr::Unix(_) | ListenAddr::Fd(_) => None,
            })
            .collect();
        for (at, (key, one)) in tcp.iter().enumerate() {
            let mut later = tcp[at + 1..].iter();
            if let Some((other_key, other)) = later.find(|(_, other)| is_within(*one, *other)) {
                let (whole, part) = match one.ip().is_unspecified() {
                    true => (one, other),
                    false => (other, one),
                };
                let message = format!(
                    "{whole} is every address of this machine, {part} among them, and the kernel gives \
                     the port to one of them alone; leave {part} out, or name each address by itself \
                     in place of {whole}"
                );
                return Err(Error::conflict(&keys(key, other_key), message));
            }
        }
        Ok(())
    }

    /// Refuses one file that is to be two things, of which the one would destroy the other.
    pub(super) fn check_files(&self) -> Result<(), Error> {
        let mut all: Vec<(&'static str, &Path)> = Vec::new();
        let listen = self.listen.iter().map(|endpoint| &endpoint.address);
        all.extend(listen.filter_map(unix).map(|path| ("listen", path)));
        all.extend(
            self.metrics
                .iter()
                .filter_map(unix)
                .map(|path| ("metrics", path)),
        );
        if let ControlPath::At(path) = &self.control {
            all.push(("control", path));
        }
        // Two sockets of one path are refused with the addresses.
        let sockets = all.len();
        all.extend(
            self.pid_file
                .iter()
                .map(|path| ("pid_file", path.as_path())),
        );
        all.extend(
            self.log
                .file
                .iter()
                .map(|path| ("log_file", path.as_path())),
        );
        if let AccessTarget::File(path) | AccessTarget::Syslog(path) = &self.access_log.target {
            all.push(("access_log", path));
        }
        for (at, (key, path)) in all.iter().enumerate().skip(sockets) {
            if let Some((other, _)) = all[..at].iter().find(|(_, other)| other == path) {
                let path = path.display();
                let message = format!("{other} and {key} both name {path}; give one another");
                return Err(Error::conflict(&keys(other, key), message));
            }
        }
        Ok(())
    }
}

fn unix(address: &ListenAddr) -> Option<&Path> {
    match address {
        ListenAddr::Unix(unix) => Some(&unix.path),
        ListenAddr::Tcp(_) | ListenAddr::Fd(_) => None,
    }
}

/// Whether one of two addresses is that of all and holds the other.
fn is_within(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && one.is_ipv4() == other.is_ipv4()
        && one.ip() != other.ip()
        && (one.ip().is_unspecified() || other.ip().is_unspecified())
}

fn keys(one: &'static str, other: &'static str) -> Vec<&'static str> {
    match one == other {
        true => vec![one],
        false => vec![one, other],
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{CommandLine, Invocation};

    /// The refusal of these flags, if they are refused.
    fn refusal(flags: &str) -> Option<String> {
        let words = format!("ringgate {flags}");
        let words = words.split(' ').map(Into::into);
        match CommandLine::ringgate().parse(words, [], |_| unreachable!("no file")) {
            Ok(Invocation::Serve(..)) => None,
            Ok(other) => panic!("{other:?}"),
            Err(error) => Some(error.to_string()),
        }
    }

    #[test]
    fn an_address_within_one_of_all_is_refused_with_the_cure_in_either_order() {
        for flags in [
            "--listen 0.0.0.0:80 --listen 127.0.0.1:80",
            "--listen 127.0.0.1:80 --listen https://0.0.0.0:80 --certificate self",
            "--listen [::]:80 --listen [::1]:80",
            "--listen 0.0.0.0:80 --metrics 127.0.0.1:80",
        ] {
            let refused = refusal(flags).expect(flags);
            for text in ["every address", "alone; leave", "name each address"] {
                assert!(refused.contains(text), "{flags}: {refused}");
            }
        }
        for flags in [
            "--listen 0.0.0.0:80 --listen [::]:80",
            "--listen 0.0.0.0:80 --listen 127.0.0.1:81",
            "--listen 0.0.0.0:0 --listen 127.0.0.1:0",
            "--listen 127.0.0.2:80 --listen 127.0.0.1:80",
        ] {
            assert_eq!(refusal(flags), None, "{flags}");
        }
    }

    #[test]
    fn one_file_for_two_purposes_is_refused() {
        let flags = [
            "--pid-file /run/x",
            "--log-file /run/x",
            "--access-log /run/./x",
            "--access-log syslog:/run/x",
            "--control /run/x",
            "--listen unix:/run/x?mode=0666",
            "--metrics unix:/run/x",
        ];
        for (at, one) in flags.iter().enumerate() {
            for other in &flags[at + 1..] {
                if one.starts_with("--access-log") && other.starts_with("--access-log") {
                    continue;
                }
                let refused = refusal(&format!("{one} {other}")).expect(other);
                for text in ["both name", "/run/", "x; give one another"] {
                    assert!(refused.contains(text), "{one} {other}: {refused}");
                }
            }
        }
        let apart = "--pid-file /run/x --log-file /run/y --access-log /run/z --control /run/c";
        assert_eq!(refusal(apart), None);
    }
}
