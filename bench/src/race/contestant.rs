//! Contestants of a race: peers, and variants of Ringgate, which have a name and further arguments.

use std::io;
use std::str::FromStr;

use crate::server::{Job, Peer};

/// A variant of the product, written `NAME=ARGUMENTS`: `without-defer=--without defer_taskrun`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    name: String,
    arguments: Vec<String>,
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, arguments) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty() && !name.starts_with('-'))
            .ok_or_else(|| {
                format!("`{text}` is no variant; write NAME=ARGUMENTS, such as `one=--cores 1`")
            })?;
        Ok(Self {
            name: name.to_owned(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// One who runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contestant {
    pub(super) name: String,
    pub(super) peer: Peer,
    /// Arguments beside those that each server of its kind has.
    pub(super) arguments: Vec<String>,
}

impl Contestant {
    /// The peers, then the variants.
    ///
    /// # Errors
    /// A name that two of them have, or a reference that none has.
    pub(super) fn all(
        peers: &[Peer],
        variants: &[Variant],
        reference: &str,
    ) -> io::Result<Vec<Self>> {
        let peers = peers.iter().map(|peer| Self {
            name: peer.name().to_owned(),
            peer: *peer,
            arguments: Vec::new(),
        });
        let variants = variants.iter().cloned().map(|variant| Self {
            name: variant.name,
            peer: Peer::Ringgate,
            arguments: variant.arguments,
        });
        let all: Vec<_> = peers.chain(variants).collect();
        let mut names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let text = format!(
                "two contestants are called `{}`; rename the variant",
                pair[0]
            );
            return Err(io::Error::other(text));
        }
        if !names.contains(&reference) && reference.parse::<Peer>().is_err() {
            let text = format!(
                "--reference {reference}: nobody here is called so; there are {}",
                names.join(", ")
            );
            return Err(io::Error::other(text));
        }
        Ok(all)
    }

    pub(super) fn can(&self, job: Job) -> bool {
        self.peer.can(job)
    }
}

/// The order of a round: rotated by one every second round, and backwards in between, so that
/// nobody always follows the same neighbour.
pub(crate) fn order<One: Clone>(all: &[One], round: u32) -> Vec<One> {
    let mut order = all.to_vec();
    if !order.is_empty() {
        order.rotate_left(round as usize / 2 % all.len());
    }
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_runs_once_a_round_and_begins_some_round() {
        let mut first = Vec::new();
        for round in 0..2 * Peer::ALL.len() as u32 {
            let mut order = order(&Peer::ALL, round);
            first.push(order[0]);
            order.sort();
            assert_eq!(order, Peer::ALL);
        }
        assert!(
            Peer::ALL.iter().all(|peer| first.contains(peer)),
            "{first:?}"
        );
    }

    #[test]
    fn a_variant_has_a_name_and_arguments() {
        let variant: Variant = "bare=--without defer_taskrun --cores 2".parse().unwrap();
        let all = Contestant::all(&[Peer::Uring], &[variant], "uring").unwrap();
        assert_eq!(
            (all[1].name.as_str(), all[1].peer),
            ("bare", Peer::Ringgate)
        );
        let arguments = ["--without", "defer_taskrun", "--cores", "2"];
        assert_eq!(all[1].arguments, arguments);
        for wrong in ["", "=--cores 1", "--cores 1", "--cores=1"] {
            assert!(wrong.parse::<Variant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_told_apart_and_the_reference_is_somebody() {
        let variants = ["uring=--cores 2".parse().unwrap()];
        assert!(Contestant::all(&[Peer::Uring], &variants, "uring").is_err());
        assert!(Contestant::all(&[Peer::Uring], &[], "nobody").is_err());
        assert!(Contestant::all(&[Peer::Epoll], &[], "uring").is_ok());
    }
}
