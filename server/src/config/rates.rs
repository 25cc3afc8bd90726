//! How often a client may ask: a rate, and the burst that it may come in.
//!
//! The gate decides which requests are of one client, and what becomes of one that comes too soon.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::error::{Error, Malformed};

/// A number of requests in a second, a minute or an hour, written `100/s`, `60/m` or `1000/h`.
///
/// ```
/// use ringgate::config::RequestRate;
/// use std::time::Duration;
///
/// let rate: RequestRate = "60/m".parse()?;
/// assert_eq!(rate.interval(), Duration::from_secs(1));
/// assert_eq!(rate.to_string(), "60/m");
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestRate {
    requests: NonZeroU32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    const ALL: [Unit; 3] = [Unit::Second, Unit::Minute, Unit::Hour];

    const fn name(self) -> &'static str {
        match self {
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
        }
    }

    const fn seconds(self) -> u64 {
        match self {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
        }
    }
}

impl RequestRate {
    /// The most requests of a rate, and of a burst.
    pub const REQUESTS_MAX: u32 = 1_000_000;

    /// The requests in one of its units of time.
    pub const fn requests(self) -> NonZeroU32 {
        self.requests
    }

    /// The time between two requests, rounded up to whole nanoseconds, so that no more come than the rate says.
    pub const fn interval(self) -> Duration {
        let nanos = self.unit.seconds() * 1_000_000_000;
        Duration::from_nanos(nanos.div_ceil(self.requests.get() as u64))
    }
}

impl fmt::Display for RequestRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, self.unit.name())
    }
}

impl FromStr for RequestRate {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<RequestRate, Malformed> {
        let (number, unit) = text.split_once('/').ok_or_else(|| {
            Malformed::new("a rate needs its unit: 100/s, 60/m or 1000/h".to_owned())
        })?;
        let number = super::size::whole_number(number).filter(|number| {
            let most = u64::from(RequestRate::REQUESTS_MAX);
            (1..=most).contains(number)
        });
        let requests = number.and_then(|number| NonZeroU32::new(number as u32));
        let unit = Unit::ALL.into_iter().find(|known| known.name() == unit);
        match (requests, unit) {
            (Some(requests), Some(unit)) => Ok(RequestRate { requests, unit }),
            _ => Err(Malformed::plain()),
        }
    }
}

/// How often each client may ask.
///
/// ```
/// use ringgate::config::{Config, RequestRates};
///
/// let rates = RequestRates { rate: Some("100/s".parse()?), ..RequestRates::default() };
/// assert!(Config { rates, ..Config::default() }.check().is_ok());
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestRates {
    /// The rate that no client is to exceed for good; `None` is no limit.
    pub rate: Option<RequestRate>,
    /// Requests that a client may make at once after a rest; `None`: as many as the rate has in its unit of time.
    pub burst: Option<NonZeroU32>,
    /// The field whose value counts as the client, where a request has it; `None`: the client is its address.
    pub field: Option<String>,
}

impl RequestRates {
    /// Refuses values that do not go together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let without_rate = [
            ("request_burst", self.burst.is_some()),
            ("request_rate_field", self.field.is_some()),
        ];
        let idle = without_rate.iter().find(|(_, is_set)| *is_set);
        if let (None, Some((key, _))) = (self.rate, idle) {
            return Err(Error::conflict(
                &[key, "request_rate"],
                format!(
                    "{key} without request_rate: it limits nothing; set request_rate, or leave {key} out"
                ),
            ));
        }
        match &self.field {
            Some(name) if http::HeaderName::from_bytes(name.as_bytes()).is_err() => {
                Err(Error::conflict(
                    &["request_rate_field"],
                    format!(
                        "request_rate_field = {name:?} is no name of a field; name one such as X-Api-Key"
                    ),
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_of_requests_in_a_unit_of_time() {
        let interval = |text: &str| text.parse::<RequestRate>().expect(text).interval();
        assert_eq!(interval("1/s"), Duration::from_secs(1));
        assert_eq!(interval("1000000/s"), Duration::from_micros(1));
        assert_eq!(interval("3/s"), Duration::from_nanos(333_333_334));
        assert_eq!(interval("30/m"), Duration::from_secs(2));
        assert_eq!(interval("1/h"), Duration::from_secs(3600));
        for text in [
            "",
            "100",
            "0/s",
            "1000001/s",
            "1.5/s",
            "-1/s",
            "1/d",
            "1 /s",
            "/s",
            "1/S",
        ] {
            assert!(text.parse::<RequestRate>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn what_says_more_about_a_rate_needs_one() {
        let rates = |rate: &str, burst, field: Option<&str>| {
            let rates = RequestRates {
                rate: rate.parse().ok(),
                burst: NonZeroU32::new(burst),
                field: field.map(str::to_owned),
            };
            rates.check().map_err(|error| error.to_string())
        };
        assert_eq!(rates("1/s", 5, Some("X-Api-Key")), Ok(()));
        assert_eq!(rates("", 0, None), Ok(()));
        for refused in [rates("", 5, None), rates("", 0, Some("X-Api-Key"))] {
            let message = refused.expect_err("no rate");
            assert!(message.contains("set request_rate"), "{message}");
        }
        let message = rates("1/s", 0, Some("X Api")).expect_err("no name");
        assert!(message.contains("X-Api-Key"), "{message}");
    }
}
