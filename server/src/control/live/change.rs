//! The change between two statuses: rates a second, and quantiles of the times that requests took.
//!
//! Pure: two statuses as JSON in, figures out. Takes what it finds: a figure that a server of another version does
//! not tell is None. After an upgrade another process answers, whose counts begin anew: then the change is that
//! since its start.

use serde_json::Value;
use std::collections::BTreeMap;

/// Two statuses of one server.
pub(super) struct Change<'a> {
    before: &'a Value,
    pub(super) now: &'a Value,
    seconds: f64,
}

impl<'a> Change<'a> {
    pub(super) fn new(before: &'a Value, now: &'a Value) -> Change<'a> {
        const NONE: &Value = &Value::Null;
        let same = before.pointer("/pid") == now.pointer("/pid");
        let before = if same { before } else { NONE };
        let since = |status: &Value| {
            let uptime = status.pointer("/uptime_seconds");
            uptime.and_then(Value::as_f64).unwrap_or(0.0)
        };
        let seconds = since(now) - since(before);
        Change {
            before,
            now,
            seconds,
        }
    }

    /// A number of the later status; that of an object is the sum of its own.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        count(self.now, path)
    }

    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        self.now.pointer(path).and_then(Value::as_str)
    }

    pub(super) fn list(&self, path: &str) -> &'a [Value] {
        let list = self.now.pointer(path).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// How often something was counted a second.
    pub(super) fn rate(&self, path: &str) -> Option<f64> {
        let now = count(self.now, path)?;
        self.a_second(count(self.before, path), now)
    }

    /// The rates of an object's counts that are not 0, the highest first.
    pub(super) fn rates(&self, path: &str) -> Vec<(&'a str, f64)> {
        let now = self.now.pointer(path).and_then(Value::as_object);
        let rates = now.into_iter().flatten().filter_map(|(name, count)| {
            let before = self
                .before
                .pointer(path)
                .and_then(|counts| counts.get(name));
            let rate = self.a_second(before.and_then(Value::as_u64), count.as_u64()?)?;
            (rate > 0.0).then_some((name.as_str(), rate))
        });
        let mut rates: Vec<_> = rates.collect();
        rates.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        rates
    }

    /// The rate of one item of a list, which is the same item as that of the earlier status whose field `id` has
    /// the same value.
    pub(super) fn rate_of(&self, list: &str, item: &Value, id: &str, path: &str) -> Option<f64> {
        let earlier = self.before.pointer(list).and_then(Value::as_array);
        let earlier =
            earlier.and_then(|all| all.iter().find(|other| other.get(id) == item.get(id)));
        self.a_second(
            earlier.and_then(|item| count(item, path)),
            count(item, path)?,
        )
    }

    /// The time that the part `q` of requests took at most, in nanoseconds; None if there was none.
    pub(super) fn quantile(&self, path: &str, q: f64) -> Option<u64> {
        let before = buckets(self.before, path);
        let mut counts = buckets(self.now, path);
        for (bound, count) in before {
            if let Some(now) = counts.get_mut(&bound) {
                *now = now.saturating_sub(count);
            }
        }
        let all: u64 = counts.values().sum();
        let rank = ((q * all as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let found = counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        })?;
        Some(*found.0)
    }

    /// A count that is lower than before began anew meanwhile.
    fn a_second(&self, before: Option<u64>, now: u64) -> Option<f64> {
        let before = before.filter(|before| *before <= now).unwrap_or(0);
        (self.seconds > 0.0).then(|| (now - before) as f64 / self.seconds)
    }
}

/// A count, or the sum of those in an object.
fn count(of: &Value, path: &str) -> Option<u64> {
    match of.pointer(path)? {
        Value::Object(counts) => Some(counts.values().filter_map(Value::as_u64).sum()),
        number => number.as_u64(),
    }
}

fn buckets(of: &Value, path: &str) -> BTreeMap<u64, u64> {
    let pairs = of.pointer(path).and_then(Value::as_array);
    let pair = |pair: &Value| Some((pair.get(0)?.as_u64()?, pair.get(1)?.as_u64()?));
    pairs.into_iter().flatten().filter_map(pair).collect()
}
