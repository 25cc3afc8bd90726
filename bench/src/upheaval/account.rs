//! Which loss has which cause: every connection that broke is looked up among those that a killed process had, or
//! counted against the requests that a panicked core had. Losses that are left then have no explanation.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::Serialize;

use crate::load::Broken;
use crate::upheaval::deaths::{Death, Victim};
use crate::upheaval::ways::Sum;

/// How long after the death of its process a client may take to notice the end of its connection.
const NOTICED_WITHIN_MS: u64 = 10_000;
/// The same after the panic of a core, of which nobody knows which connections it had: what ends later has another cause.
const PANIC_NOTICED_WITHIN_MS: u64 = 1_000;
/// The ends that the death of the process at the other end has. That a client waits in vain is none of them.
const ENDS: [&str; 5] = ["reset", "cut", "tls_failed", "idle_closed", "error"];

/// A core that panicked, and how many connections the server counted as lost with it.
#[derive(Debug, Clone, Serialize)]
pub struct Panic {
    /// When it was asked to, in milliseconds since 1970.
    pub from_ms: u64,
    /// When its thread was over: all its connections are counted, and closed.
    pub to_ms: u64,
    /// By how much the server's count of aborted connections grew.
    pub aborted: u64,
}

/// A cause of losses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// How often it was there.
    pub times: u64,
    /// Connections that ended with it, by what the server, or /proc, says.
    pub connections: u64,
    /// Of these: those that were missed by their client, which did not end them first.
    pub missed: u64,
    /// Requests and messages that were lost on them.
    pub requests: u64,
}

/// The losses by their causes, and what has none.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Account {
    /// The causes: `new at STEP`, `old at STEP`, `panic`.
    pub causes: BTreeMap<String, Cause>,
    /// Losses without a cause: the way, and what is known.
    pub unexplained: Vec<(String, Broken)>,
    /// Counts that do not add up.
    pub faults: Vec<String>,
}

impl Account {
    /// Finds the cause of each loss.
    pub(super) fn of(sums: &[Sum], deaths: &[Death], panics: &[Panic]) -> Account {
        let mut account = Account::default();
        let mut died: BTreeMap<SocketAddr, Vec<&Death>> = BTreeMap::new();
        for death in deaths {
            let cause = account.cause(&name(death));
            cause.times += 1;
            cause.connections += death.connections.len() as u64;
            for client in &death.connections {
                died.entry(*client).or_default().push(death);
            }
        }
        for panic in panics {
            let cause = account.cause("panic");
            cause.times += 1;
            cause.connections += panic.aborted;
        }
        let mut missed: BTreeSet<(String, SocketAddr)> = BTreeSet::new();
        let mut panicked: BTreeMap<u64, BTreeMap<SocketAddr, String>> = BTreeMap::new();
        for sum in sums {
            for broken in &sum.broken {
                let Some(local) = broken.local.filter(|_| ENDS.contains(&broken.how.as_str()))
                else {
                    account
                        .unexplained
                        .push((sum.name.to_owned(), broken.clone()));
                    continue;
                };
                let of_one = |death: &&&Death| {
                    (death.at_ms..=death.at_ms + NOTICED_WITHIN_MS).contains(&broken.at_ms)
                };
                let found = died.get(&local).and_then(|list| list.iter().find(of_one));
                let of_core = |panic: &&Panic| {
                    (panic.from_ms..=panic.to_ms + PANIC_NOTICED_WITHIN_MS).contains(&broken.at_ms)
                };
                // Another core may have panicked since: the last one is the nearest.
                let panic = panics.iter().filter(of_core).max_by_key(|p| p.from_ms);
                let cause = match (found, panic) {
                    (Some(death), _) => name(death),
                    (None, Some(panic)) => {
                        let after = broken.at_ms - panic.from_ms;
                        let text = format!("{} {} after {after} ms", sum.name, broken.how);
                        panicked
                            .entry(panic.from_ms)
                            .or_default()
                            .insert(local, text);
                        "panic".to_owned()
                    }
                    (None, None) => {
                        account
                            .unexplained
                            .push((sum.name.to_owned(), broken.clone()));
                        continue;
                    }
                };
                let is_first = missed.insert((cause.clone(), local));
                let cause = account.cause(&cause);
                cause.missed += u64::from(is_first);
                cause.requests += broken.requests;
            }
            account.check(sum);
        }
        for panic in panics {
            let found = panicked.remove(&panic.from_ms).unwrap_or_default();
            if found.len() as u64 > panic.aborted {
                let each: Vec<String> = found.into_values().collect();
                let text = format!(
                    "{} connections broke in a panic; the server counts {}: {}",
                    each.len(),
                    panic.aborted,
                    each.join(", ")
                );
                account.faults.push(text);
            }
        }
        account
    }

    fn cause(&mut self, name: &str) -> &mut Cause {
        self.causes.entry(name.to_owned()).or_default()
    }

    /// Holds what is known of single connections to the counts.
    fn check(&mut self, sum: &Sum) {
        let lost: u64 = sum.lost.values().sum();
        let known: u64 = sum.broken.iter().map(|broken| broken.requests).sum();
        // An answer that was not what it had to be is no loss of a connection.
        let wrong = |(name, count): (&String, &u64)| {
            let is_wrong = name.starts_with("status") || name == "wrong" || name == "doubled";
            is_wrong.then_some(*count)
        };
        let wrong: u64 = sum.lost.iter().filter_map(wrong).sum();
        let mut say = |text: String| self.faults.push(format!("{}: {text}", sum.name));
        if sum.issued != sum.answered + lost {
            say(format!(
                "{} issued, {} answered and {lost} lost",
                sum.issued, sum.answered
            ));
        }
        if wrong > 0 {
            say(format!(
                "{wrong} answers were not what they had to be: {:?}",
                sum.lost
            ));
        }
        if lost - wrong != known {
            say(format!("{lost} were lost, and {known} are known of"));
        }
        let ends: BTreeSet<_> = sum
            .broken
            .iter()
            .map(|broken| (broken.local, broken.at_ms))
            .collect();
        if sum.reconnects > ends.len() as u64 {
            say(format!(
                "{} kept connections were made anew, {} broke",
                sum.reconnects,
                ends.len()
            ));
        }
    }
}

fn name(death: &Death) -> String {
    let victim = match death.victim {
        Victim::New => "new",
        Victim::Old => "old",
    };
    format!("{victim} at {}", death.step.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upheaval::deaths::Step;

    fn broken(port: u16, how: &str, at_ms: u64) -> Broken {
        Broken {
            local: Some(SocketAddr::from(([127, 0, 0, 2], port))),
            how: how.to_owned(),
            requests: 1,
            at_ms,
        }
    }

    fn sum(list: Vec<Broken>) -> Sum {
        let lost = list.len() as u64;
        Sum {
            name: "kept-get",
            issued: 10 + lost,
            answered: 10,
            lost: BTreeMap::from([("reset".to_owned(), lost)]),
            broken: list,
            ..Sum::default()
        }
    }

    fn death(port: u16) -> Death {
        Death {
            victim: Victim::New,
            step: Step::LastArmed,
            pid: 7,
            at_ms: 1000,
            connections: vec![SocketAddr::from(([127, 0, 0, 2], port))],
        }
    }

    #[test]
    fn a_loss_is_explained_by_the_death_of_the_process_that_had_the_connection_and_by_no_other() {
        let account = Account::of(&[sum(vec![broken(1, "reset", 1005)])], &[death(1)], &[]);
        let expected = Cause {
            times: 1,
            connections: 1,
            missed: 1,
            requests: 1,
        };
        assert_eq!(account.causes["new at last-armed"], expected);
        assert!(
            account.unexplained.is_empty() && account.faults.is_empty(),
            "{account:?}"
        );
        // Another connection, before the death, long after it, or a client that waited in vain.
        for other in [
            broken(2, "reset", 1005),
            broken(1, "reset", 990),
            broken(1, "reset", 90_000),
            broken(1, "timeout", 1005),
        ] {
            let account = Account::of(&[sum(vec![other])], &[death(1)], &[]);
            assert_eq!(account.unexplained.len(), 1, "{account:?}");
        }
    }

    #[test]
    fn a_panic_explains_as_many_connections_as_the_server_counts() {
        let panic = Panic {
            from_ms: 1000,
            to_ms: 2000,
            aborted: 1,
        };
        let list = vec![broken(1, "cut", 1500), broken(1, "cut", 1501)];
        let account = Account::of(&[sum(list)], &[], std::slice::from_ref(&panic));
        assert_eq!(account.causes["panic"].missed, 1);
        assert!(account.faults.is_empty(), "{account:?}");
        let list = vec![broken(1, "cut", 1500), broken(2, "cut", 1501)];
        let account = Account::of(&[sum(list)], &[], &[panic]);
        assert_eq!(account.faults.len(), 1, "{account:?}");
    }

    #[test]
    fn a_loss_soon_after_two_panics_belongs_to_the_second() {
        let panic = |from_ms| Panic {
            from_ms,
            to_ms: from_ms + 100,
            aborted: 1,
        };
        let list = vec![broken(1, "cut", 1001), broken(2, "idle_closed", 1501)];
        let account = Account::of(&[sum(list)], &[], &[panic(1000), panic(1500)]);
        assert_eq!(account.causes["panic"].missed, 2);
        assert!(account.faults.is_empty(), "{account:?}");
    }

    #[test]
    fn a_panic_explains_no_loss_before_it_and_none_a_second_after_its_core_was_gone() {
        let panic = Panic {
            from_ms: 1000,
            to_ms: 1300,
            aborted: 9,
        };
        for (at_ms, is_explained) in [(999, false), (1000, true), (2300, true), (2301, false)] {
            let list = vec![broken(1, "reset", at_ms)];
            let account = Account::of(&[sum(list)], &[], std::slice::from_ref(&panic));
            assert_eq!(account.unexplained.is_empty(), is_explained, "{at_ms}");
        }
    }

    #[test]
    fn counts_that_do_not_add_up_are_faults() {
        let mut counts = sum(Vec::new());
        counts.issued += 1;
        assert_eq!(Account::of(&[counts], &[], &[]).faults.len(), 1);
        let mut counts = sum(Vec::new());
        counts.reconnects = 1;
        assert_eq!(Account::of(&[counts], &[], &[]).faults.len(), 1);
        let mut counts = sum(Vec::new());
        counts.lost.insert("status 503".to_owned(), 1);
        counts.issued += 1;
        assert_eq!(Account::of(&[counts], &[], &[]).faults.len(), 1);
    }
}
