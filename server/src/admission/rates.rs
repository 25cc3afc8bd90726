//! How often each client asks, over all cores, so that none asks more often than `request_rate` says. Asked only
//! where that is set.
//!
//! Of each client one number is kept: when its next request would be due if it kept to the rate evenly (the generic
//! cell rate algorithm, ITU-T I.371, as a virtual schedule). A request may come before by as much as the burst
//! allows. All cores share the table, so that the rate is exact whichever of them a client is on; they meet at a lock
//! only where their clients share a set of it. A client whose schedule has passed is as good as one that never came,
//! and gives its place to whoever comes. The table does not grow: where all clients of a set are ahead of their
//! schedule, the one that is least ahead is forgotten, and the loss is counted.

use super::address::counted_as;
use crate::config::RequestRates;
use ringgate_runtime::Moment;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Sets of the table: a power of two.
const SETS: usize = 1 << 14;
/// Clients of a set: with the lock they fill two cache lines.
const CLIENTS_PER_SET: usize = 7;
const _: () = assert!(size_of::<Mutex<Set>>() == 120);

/// A client: its address, or what stands for the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client(u64);

/// Of one client, when its next request is due, in nanoseconds of the clock.
#[derive(Debug, Clone, Copy, Default)]
struct Schedule {
    client: u64,
    due: u64,
}

#[derive(Debug, Default)]
struct Set([Schedule; CLIENTS_PER_SET]);

/// The rate as times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    /// Nanoseconds between two requests.
    interval: u64,
    /// How many nanoseconds a request may come before it is due.
    ahead: u64,
}

impl Pace {
    /// Whether a request may come now, and the next schedule; else how long its client has to wait.
    fn take(self, due: u64, now: u64) -> Result<u64, u64> {
        let due = due.max(now);
        match due - now > self.ahead {
            true => Err(due - now - self.ahead),
            false => Ok(due + self.interval),
        }
    }
}

/// How often the clients of a server ask.
pub(crate) struct Rates {
    pace: Pace,
    field: Option<String>,
    sets: Box<[Mutex<Set>]>,
    places: RandomState,
    values: RandomState,
    forgotten: AtomicU64,
}

impl Rates {
    /// None where there is no rate to keep.
    pub(super) fn new(rates: &RequestRates) -> Option<Rates> {
        let rate = rates.rate?;
        let interval = rate.interval().as_nanos() as u64;
        let burst = rates.burst.unwrap_or(rate.requests());
        Some(Rates {
            pace: Pace {
                interval,
                ahead: interval.saturating_mul(u64::from(burst.get() - 1)),
            },
            field: rates.field.clone(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
            places: RandomState::new(),
            values: RandomState::new(),
            forgotten: AtomicU64::new(0),
        })
    }

    /// The field whose value counts as the client.
    pub(crate) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The client of this address. IPv6 addresses count by their first 64 bits, as for `per_address`.
    pub(crate) fn of_address(address: IpAddr) -> Client {
        /// The network of IPv6 addresses in which IPv4 ones are written, where no client is (RFC 4291).
        const IPV4: u64 = 0xffff << 32;
        Client(match counted_as(address) {
            IpAddr::V4(address) => IPV4 | u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        })
    }

    /// The client that a field names. Nobody can choose two values of the same number, since the hash has a key.
    pub(crate) fn of_value(&self, value: &[u8]) -> Client {
        Client(self.values.hash_one(value))
    }

    /// Counts a request of this client, or says how long until one may come. A request that comes too soon does not
    /// lengthen the wait.
    pub(crate) fn take(&self, client: Client, now: Moment) -> Result<(), Duration> {
        let now = now.as_nanos();
        let Client(client) = client;
        let set = self.places.hash_one(client) as usize % SETS;
        let mut set = self.sets[set]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let schedule = match set.0.iter().position(|known| known.client == client) {
            Some(known) => &mut set.0[known],
            None => {
                let least = set.0.iter_mut().min_by_key(|schedule| schedule.due);
                let place = least.expect("a set has places");
                if place.due > now {
                    self.forgotten.fetch_add(1, Ordering::Relaxed);
                }
                *place = Schedule { client, due: 0 };
                place
            }
        };
        schedule.due = self
            .pace
            .take(schedule.due, now)
            .map_err(Duration::from_nanos)?;
        Ok(())
    }

    /// Clients that were forgotten while they were ahead of their schedule.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(model_checked)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    const SECOND: u64 = 1_000_000_000;

    fn rates(rate: &str, burst: u32) -> Rates {
        let rates = RequestRates {
            rate: Some(rate.parse().expect("a rate")),
            burst: NonZeroU32::new(burst),
            field: None,
        };
        Rates::new(&rates).expect("there is a rate")
    }

    fn at(nanos: u64) -> Moment {
        Moment::from_nanos(nanos)
    }

    #[test]
    fn a_burst_goes_at_once_and_then_one_request_each_interval() {
        let rates = rates("10/s", 3);
        let client = Client(1);
        let now = 5 * SECOND;
        for _ in 0..3 {
            assert_eq!(rates.take(client, at(now)), Ok(()));
        }
        let wait = Duration::from_millis(100);
        assert_eq!(rates.take(client, at(now)), Err(wait));
        // Having tried costs nothing.
        assert_eq!(rates.take(client, at(now)), Err(wait));
        let next = now + wait.as_nanos() as u64;
        assert_eq!(
            rates.take(client, at(next - 1)),
            Err(Duration::from_nanos(1))
        );
        assert_eq!(rates.take(client, at(next)), Ok(()));
        assert_eq!(rates.take(client, at(next)), Err(wait));
    }

    #[test]
    fn a_burst_that_is_not_named_is_what_the_rate_has_in_its_unit_of_time() {
        let rates = rates("60/m", 0);
        let taken = (0..100).filter(|_| rates.take(Client(1), at(0)).is_ok());
        assert_eq!(taken.count(), 60);
    }

    #[test]
    fn the_field_that_names_clients_is_the_one_that_was_configured_and_there_is_none_without_a_rate()
     {
        for field in [None, Some("X-Api-Key"), Some("X-Customer")] {
            let mut config = RequestRates {
                rate: Some("10/s".parse().expect("a rate")),
                burst: None,
                field: field.map(str::to_owned),
            };
            let rates = Rates::new(&config).expect("there is a rate");
            assert_eq!(rates.field(), field);
            let clients = ["one", "one", "another"].map(|value| rates.of_value(value.as_bytes()));
            assert!(clients[0] == clients[1] && clients[1] != clients[2]);
            config.rate = None;
            assert!(Rates::new(&config).is_none());
        }
    }

    #[test]
    fn each_client_has_a_schedule_of_its_own() {
        let rates = rates("1/s", 1);
        for client in 0..1_000 {
            assert_eq!(rates.take(Client(client), at(SECOND)), Ok(()), "{client}");
        }
        for client in 0..1_000 {
            assert!(rates.take(Client(client), at(SECOND)).is_err(), "{client}");
        }
        assert_eq!(rates.forgotten(), 0);
    }

    #[test]
    fn addresses_count_by_host_or_by_network_and_never_the_one_for_the_other() {
        let of = |text: &str| Rates::of_address(text.parse().expect("an address"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8::1"));
        assert_ne!(of("::1"), of("127.0.0.1"));
    }

    #[test]
    fn more_clients_than_there_is_room_for_cost_the_least_eager_their_schedule_and_are_counted() {
        let rates = rates("1/h", 1);
        let clients = (SETS * CLIENTS_PER_SET * 2) as u64;
        let taken = (0..clients).filter(|client| rates.take(Client(*client), at(0)).is_ok());
        assert_eq!(taken.count() as u64, clients);
        let room = (SETS * CLIENTS_PER_SET) as u64;
        assert!(rates.forgotten() >= clients - room);
        // An hour later all of them have passed, and nobody is forgotten for another.
        let before = rates.forgotten();
        let later = at(3600 * SECOND);
        for client in 0..1_000 {
            assert_eq!(rates.take(Client(client + clients), later), Ok(()));
        }
        assert_eq!(rates.forgotten(), before);
    }

    #[test]
    fn cores_together_let_no_more_through_than_the_burst() {
        let rates = rates("1/h", 500);
        let taken = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let ok = (0..500).filter(|_| rates.take(Client(1), at(0)).is_ok());
                    taken.fetch_add(ok.count() as u64, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(taken.into_inner(), 500);
    }

    proptest! {
        /// In no span of time come more than the burst and what the rate has in it, and whoever waits as long as he
        /// is told to is let through.
        #[test]
        fn no_span_of_time_has_more_than_rate_and_burst(
            burst in 1..20_u32,
            pauses in prop::collection::vec(0..300_000_000_u64, 1..200),
        ) {
            let rates = rates("20/s", burst);
            let interval = 50_000_000;
            let mut now = 0;
            let mut taken: Vec<u64> = Vec::new();
            for pause in pauses {
                now += pause;
                match rates.take(Client(1), at(now)) {
                    Ok(()) => taken.push(now),
                    Err(wait) => {
                        now += wait.as_nanos() as u64;
                        prop_assert_eq!(rates.take(Client(1), at(now)), Ok(()));
                        taken.push(now);
                    }
                }
            }
            for (from, since) in taken.iter().enumerate() {
                for (to, until) in taken.iter().enumerate().skip(from) {
                    let most = u64::from(burst) + (until - since) / interval;
                    prop_assert!((to - from + 1) as u64 <= most);
                }
            }
        }
    }
}
