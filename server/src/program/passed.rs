//! Sockets that a service manager passes and the configuration does not use, and those that it names and nobody passes.
//!
//! Called by the program before it opens sockets of its own, and when the server starts.

use crate::PassedSocket;
use crate::config::{Config, ListenAddr};
use ringgate_runtime::sys::unix_listener::hold_inherited;

/// Numbers of the descriptors that the configuration names.
fn named(config: &Config) -> impl Iterator<Item = i32> {
    let listen = config.listen.iter().map(|endpoint| &endpoint.address);
    let all = listen.chain(&config.metrics);
    all.filter_map(|address| match address {
        ListenAddr::Fd(number) => Some(*number),
        ListenAddr::Tcp(_) | ListenAddr::Unix(_) => None,
    })
}

/// Takes the sockets over that the configuration names, before others can get their numbers.
pub(super) fn hold(config: &Config) {
    for number in named(config) {
        // The start refuses one that is not there, unless an older process leaves it to this one in another way.
        let _ = hold_inherited(number);
    }
}

/// Warns of each socket that is passed and that nothing listens on.
pub(super) fn warn_of_unused(config: &Config, passed: &[PassedSocket]) {
    for PassedSocket { number, name } in unused(config, passed) {
        tracing::warn!(
            "the service manager passes fd:{number} ({name}), and neither listen nor metrics names it: nobody answers \
             its clients; name it there, or take it out of the .socket unit"
        );
    }
}

fn unused<'a>(
    config: &Config,
    passed: &'a [PassedSocket],
) -> impl Iterator<Item = &'a PassedSocket> {
    let named: Vec<i32> = named(config).collect();
    let is_named = move |socket: &&PassedSocket| named.contains(&socket.number);
    passed.iter().filter(move |socket| !is_named(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_socket_that_neither_listen_nor_metrics_names_is_unused() {
        let socket = |number, name: &str| PassedSocket {
            number,
            name: name.to_owned(),
        };
        let passed = [socket(3, "web"), socket(4, "old"), socket(5, "metrics")];
        let config = Config {
            listen: vec!["127.0.0.1:0".parse().unwrap(), "fd:3".parse().unwrap()],
            metrics: Some(ListenAddr::Fd(5)),
            ..Config::default()
        };
        let unused: Vec<_> = unused(&config, &passed).collect();
        assert_eq!(unused, [&passed[1]]);
    }
}
