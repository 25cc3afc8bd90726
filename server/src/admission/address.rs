//! How many requests each client address has in, over all cores, so that one client cannot take
//! every slot and every place to wait. Asked only where `per_address` is set.
//!
//! IPv6 addresses count by their first 64 bits: a host has that many to choose from. Behind a proxy
//! every request has the proxy's address; the limit belongs there then.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// Locks, so that cores seldom meet at one.
const SHARDS: usize = 16;

/// The requests that each client address has in, over all cores.
pub(super) struct Addresses {
    most: NonZeroU32,
    shards: [Mutex<HashMap<IpAddr, u32>>; SHARDS],
}

impl Addresses {
    pub(super) fn new(most: NonZeroU32) -> Addresses {
        Addresses {
            most,
            shards: Default::default(),
        }
    }

    fn with<T>(&self, address: IpAddr, act: impl FnOnce(&mut HashMap<IpAddr, u32>) -> T) -> T {
        let last = match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[7],
        };
        let shard = &self.shards[usize::from(last) % SHARDS];
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One more, unless the address has as many as it may.
    #[must_use]
    pub(super) fn enter(&self, address: IpAddr) -> bool {
        let address = counted_as(address);
        self.with(address, |counts| {
            let count = counts.entry(address).or_insert(0);
            let fits = *count < self.most.get();
            *count += u32::from(fits);
            fits
        })
    }

    /// One less.
    pub(super) fn leave(&self, address: IpAddr) {
        let address = counted_as(address);
        self.with(address, |counts| {
            if let Some(count) = counts.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&address);
                }
            }
        });
    }
}

/// The address by which a client is counted.
pub(super) fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

#[cfg(all(test, not(model_checked)))]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_count_and_leaves_nothing_behind() {
        let addresses = Addresses::new(NonZeroU32::new(2).expect("not zero"));
        let [one, other]: [IpAddr; 2] = [[127, 0, 0, 1].into(), [127, 0, 1, 1].into()];
        assert!(addresses.enter(one) && addresses.enter(one) && !addresses.enter(one));
        assert!(addresses.enter(other));
        addresses.leave(one);
        assert!(addresses.enter(one));
        for address in [one, one, other] {
            addresses.leave(address);
        }
        for shard in &addresses.shards {
            assert!(shard.lock().expect("unpoisoned").is_empty());
        }
    }

    #[test]
    fn a_host_of_ipv6_counts_as_its_network_and_a_mapped_one_as_ipv4() {
        let same = |a: &str, b: &str| {
            let read = |text: &str| counted_as(text.parse().expect("an address"));
            read(a) == read(b)
        };
        assert!(same("2001:db8::1", "2001:db8::2:3:4:5"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:127.0.0.1", "127.0.0.1"));
    }
}
