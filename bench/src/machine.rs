//! The circumstances of a measurement: the machine, the commit, the command line.
//!
//! Called where figures are kept, so that nobody compares those of two machines.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// Flags whose value names a file or a process of one machine, or a part of a longer run.
const LEFT_OUT: [&str; 5] = [
    "--keep",
    "--for",
    "--pid",
    "--ringgate-binary",
    "--peers-binary",
];

/// The machine that measures and is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// As `/proc/cpuinfo` calls it.
    pub processor: String,
    /// Processors that this program may use.
    pub processors: usize,
    /// Whether they are those of a virtual machine.
    pub is_virtual: bool,
    /// Release of the kernel.
    pub kernel: String,
    /// Congestion control of TCP.
    pub congestion_control: String,
}

impl Machine {
    /// Describes this one.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn here() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/cpuinfo")?;
        let field = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map_or(String::new(), |(_, value)| value.trim().to_owned())
        };
        let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned());
        Ok(Self {
            processor: field("model name"),
            processors: core_affinity::get_core_ids().map_or(0, |cpus| cpus.len()),
            is_virtual: field("flags").split(' ').any(|flag| flag == "hypervisor"),
            kernel: read("/proc/sys/kernel/osrelease")?,
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control")?,
        })
    }
}

/// The commit of the sources that this program was built from, with the server that it is raced with; `unknown` without
/// git. The folder of the sources may be at another commit by now.
pub(crate) fn commit() -> String {
    commit_in(ringgate::config::VERSION).to_owned()
}

/// The commit in what a server of this project says of its version.
fn commit_in(version: &str) -> &str {
    let found = version.split_once("(commit ");
    let commit = found.and_then(|(_, rest)| rest.split_once(','));
    commit.map_or("unknown", |(commit, _)| commit)
}

/// The command line as another machine could repeat it.
pub(crate) fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut line = "ringgate-bench".to_owned();
    let mut skips = false;
    for argument in arguments {
        if skips {
            skips = false;
        } else if LEFT_OUT.contains(&argument.as_str()) {
            skips = true;
        } else if argument.contains(' ') {
            line += &format!(" '{argument}'");
        } else {
            line += &format!(" {argument}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_files_of_one_machine_is_not_kept() {
        let words = [
            "race",
            "--keep",
            "/tmp/x",
            "--rounds",
            "2",
            "--variant",
            "a=--b c",
        ];
        let line = command_line(words.into_iter().map(str::to_owned));
        assert_eq!(line, "ringgate-bench race --rounds 2 --variant 'a=--b c'");
    }

    #[test]
    fn the_commit_is_the_one_that_the_program_was_built_from() {
        let told = "0.1.0 (commit 0123456789ab, x86_64-unknown-linux-gnu)";
        assert_eq!(commit_in(told), "0123456789ab");
        assert_eq!(commit_in("0.1.0"), "unknown");
        let of_server = format!("(commit {},", commit());
        assert!(
            ringgate::config::VERSION.contains(&of_server),
            "{of_server}"
        );
    }

    #[test]
    fn this_machine_has_a_kernel_and_a_processor() {
        let machine = Machine::here().unwrap();
        assert!(
            machine.processors > 0 && !machine.kernel.is_empty(),
            "{machine:?}"
        );
    }
}
