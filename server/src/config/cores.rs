//! How many cores serve: one number, a range, or as many as the machine has CPU time for.
//!
//! Decides how the wish is written and what it comes to on a machine, whose CPUs and quota of the
//! control group are an argument.

use ringgate_runtime::sys::cgroup::CpuQuota;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::error::Malformed;

/// Most cores of one process; a bound for tables, far above the machines we know.
pub const CORES_MAX: u32 = 1024;

/// The wished number of cores, written `auto`, `N` or `MIN..MAX` (both ends included).
///
/// More cores than CPUs are allowed: threads then share CPUs.
///
/// ```
/// use ringgate::config::CoreSpec;
/// use std::num::NonZeroU32;
///
/// let two = NonZeroU32::new(2).unwrap();
/// let spec: CoreSpec = "1..4".parse()?;
/// assert_eq!((spec.min(two).get(), spec.max(two).get()), (1, 4));
/// assert_eq!(CoreSpec::Auto.min(two), two);
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CoreSpec {
    /// As many as the process's CPU mask has CPUs (sched_getaffinity(2)), and no more than the CPU quota
    /// of its control group is worth.
    #[default]
    Auto,
    /// Exactly this many.
    Exactly(NonZeroU32),
    /// Between these two; the pool starts with `min` and may be resized up to `max`.
    Between {
        /// Fewest cores.
        min: NonZeroU32,
        /// Most cores, not below `min`.
        max: NonZeroU32,
    },
}

impl CoreSpec {
    /// Fewest cores, which is also the number at start. `cpus` is what `auto` comes to.
    pub fn min(self, cpus: NonZeroU32) -> NonZeroU32 {
        match self {
            CoreSpec::Auto => cpus,
            CoreSpec::Exactly(number) => number,
            CoreSpec::Between { min, .. } => min,
        }
    }

    /// Most cores. `cpus` is what `auto` comes to.
    pub fn max(self, cpus: NonZeroU32) -> NonZeroU32 {
        match self {
            CoreSpec::Auto => cpus,
            CoreSpec::Exactly(number) => number,
            CoreSpec::Between { max, .. } => max,
        }
    }

    /// Most cores as far as it is known without the machine.
    pub fn known_max(self) -> Option<NonZeroU32> {
        match self {
            CoreSpec::Auto => None,
            CoreSpec::Exactly(number) => Some(number),
            CoreSpec::Between { max, .. } => Some(max),
        }
    }
}

/// The CPUs that a process has.
///
/// ```
/// use ringgate::config::{CorePlan, CoreSpec, Cpus};
/// use std::num::NonZeroU32;
///
/// let machine = Cpus { mask: NonZeroU32::new(8).unwrap(), quota: None };
/// assert_eq!(machine.usable().get(), 8);
/// assert_eq!(CorePlan::new(CoreSpec::Auto, None, &machine).min.get(), 8);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpus {
    /// The number of CPUs in the process's affinity mask.
    pub mask: NonZeroU32,
    /// The time on them that its control group has, if that is bounded.
    pub quota: Option<CpuQuota>,
}

impl Cpus {
    /// As many as threads can be at work at the same time on average.
    pub fn usable(&self) -> NonZeroU32 {
        match &self.quota {
            Some(quota) => self.mask.min(quota.cpus()),
            None => self.mask,
        }
    }

    /// Returns a line for the log that says what `plan` was computed from.
    pub(crate) fn explain(&self, spec: CoreSpec, plan: &CorePlan) -> String {
        let mask = self.mask;
        let plural = if plan.max.get() == 1 { "" } else { "s" };
        let cores = match plan.min == plan.max {
            true => format!("{} core{plural}", plan.min),
            false => format!("{} to {} core{plural}", plan.min, plan.max),
        };
        match (&self.quota, spec) {
            (Some(quota), CoreSpec::Auto) if quota.cpus() < mask => {
                format!("{cores}: of {mask} CPUs the quota of the control group leaves {quota}")
            }
            (Some(quota), _) if quota.cpus() < plan.max => format!(
                "{cores} as configured, though the quota of the control group leaves no more than \
                 {quota} CPUs: the kernel will hold them up"
            ),
            (_, CoreSpec::Auto) => format!("{cores}: this process may use {mask} CPUs"),
            (_, CoreSpec::Exactly(_) | CoreSpec::Between { .. }) => {
                format!("{cores} as configured; this process may use {mask} CPUs")
            }
        }
    }
}

/// The numbers of cores that a specification gives on one machine.
///
/// ```
/// use ringgate::config::{CorePlan, Cpus};
/// use std::num::NonZeroU32;
///
/// let machine = Cpus { mask: NonZeroU32::new(8).unwrap(), quota: None };
/// let plan = CorePlan::new("1..4".parse()?, None, &machine);
/// assert_eq!((plan.min.get(), plan.max.get(), plan.slots.get()), (1, 4, 8));
/// # Ok::<(), ringgate::config::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorePlan {
    /// Cores at start and fewest cores.
    pub min: NonZeroU32,
    /// Most cores, not below `min`.
    pub max: NonZeroU32,
    /// Listener slots, not below `max`.
    pub slots: NonZeroU32,
}

impl CorePlan {
    /// `slots` is the wished number of slots, `None` for the larger of the most cores and the CPUs of
    /// the mask: a quota may be lifted while the server runs. Cores beyond the slots have no listener, so the slots
    /// bound them; that only happens to `auto`, since [`Config::check`](super::Config::check)
    /// refuses to wish for both.
    pub fn new(spec: CoreSpec, slots: Option<NonZeroU32>, machine: &Cpus) -> Self {
        let cpus = machine.usable();
        let slots = slots.unwrap_or_else(|| spec.max(cpus).max(machine.mask));
        CorePlan {
            min: spec.min(cpus).min(slots),
            max: spec.max(cpus).min(slots),
            slots,
        }
    }
}

impl fmt::Display for CoreSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoreSpec::Auto => f.write_str("auto"),
            CoreSpec::Exactly(number) => write!(f, "{number}"),
            CoreSpec::Between { min, max } => write!(f, "{min}..{max}"),
        }
    }
}

impl FromStr for CoreSpec {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text == "auto" {
            return Ok(CoreSpec::Auto);
        }
        let Some((min, max)) = text.split_once("..") else {
            return number(text).map(CoreSpec::Exactly);
        };
        let (min, max) = (number(min)?, number(max)?);
        if min > max {
            return Err(Malformed::new(format!(
                "the smaller number comes first: {max}..{min}"
            )));
        }
        Ok(CoreSpec::Between { min, max })
    }
}

/// How many cores an operator wants: so many, or as many as the automatic rules find right.
///
/// ```
/// use ringgate::config::PoolSize;
///
/// assert_eq!("auto".parse(), Ok(PoolSize::Auto));
/// assert_eq!("0".parse(), Ok(PoolSize::Cores(0)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolSize {
    /// Within the bounds of [`CoreSpec`], by load.
    Auto,
    /// The given number of cores, from 0 to the number of slots; the automatic rules rest.
    Cores(u32),
}

impl fmt::Display for PoolSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolSize::Auto => f.write_str("auto"),
            PoolSize::Cores(number) => write!(f, "{number}"),
        }
    }
}

impl FromStr for PoolSize {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "auto" => Ok(PoolSize::Auto),
            "0" => Ok(PoolSize::Cores(0)),
            number_of => Ok(PoolSize::Cores(number(number_of)?.get())),
        }
    }
}

/// An operator's order to one core.
///
/// ```
/// use ringgate::ServerHandle;
/// use ringgate::config::CoreOrder;
///
/// async fn replace_first(server: &ServerHandle) -> Result<String, String> {
///     server.order_core(0, CoreOrder::Stop).await
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoreOrder {
    /// Replaces the core: another starts, then this one hands its connections over, finishes what runs, ends.
    Stop,
    /// Ends it at once: its connections are closed. Another starts in its stead.
    Kill,
    /// Shows where its thread is.
    Dump,
}

impl CoreOrder {
    /// Every order.
    pub const ALL: [CoreOrder; 3] = [CoreOrder::Stop, CoreOrder::Kill, CoreOrder::Dump];

    /// The order's word.
    pub const fn word(self) -> &'static str {
        match self {
            CoreOrder::Stop => "stop",
            CoreOrder::Kill => "kill",
            CoreOrder::Dump => "dump",
        }
    }
}

impl FromStr for CoreOrder {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let order = CoreOrder::ALL
            .into_iter()
            .find(|order| order.word() == text);
        order.ok_or_else(Malformed::plain)
    }
}

fn number(text: &str) -> Result<NonZeroU32, Malformed> {
    super::size::whole_number(text)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number <= CORES_MAX)
        .and_then(NonZeroU32::new)
        .ok_or_else(Malformed::plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec() -> impl Strategy<Value = CoreSpec> {
        let number = || (1..=CORES_MAX).prop_map(|n| NonZeroU32::new(n).expect("from 1"));
        prop_oneof![
            Just(CoreSpec::Auto),
            number().prop_map(CoreSpec::Exactly),
            (number(), number()).prop_map(|(a, b)| CoreSpec::Between {
                min: a.min(b),
                max: a.max(b)
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_number_of_cores_written_is_read_back_the_same(spec in spec()) {
            prop_assert_eq!(spec.to_string().parse::<CoreSpec>(), Ok(spec));
        }

        #[test]
        fn reading_a_number_of_cores_never_panics(text in any::<String>()) {
            let _ = text.parse::<CoreSpec>();
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "", "0", "0..4", "4..2", "1..", "..4", "1..2..3", "1...3", "-1", "1025",
        ] {
            assert!(text.parse::<CoreSpec>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn slots_are_the_larger_of_most_cores_and_cpus_and_bound_auto() {
        let plan = |spec: &str, slots: u32, cpus: u32| {
            let cpus = cpus_with(cpus, None);
            let plan = CorePlan::new(spec.parse().expect(spec), NonZeroU32::new(slots), &cpus);
            (plan.min.get(), plan.max.get(), plan.slots.get())
        };
        const AUTO: u32 = 0;
        assert_eq!(plan("auto", AUTO, 6), (6, 6, 6));
        assert_eq!(plan("2", AUTO, 6), (2, 2, 6));
        assert_eq!(plan("2..12", AUTO, 6), (2, 12, 12));
        assert_eq!(plan("2", 4, 6), (2, 2, 4));
        assert_eq!(plan("auto", 4, 6), (4, 4, 4));
    }

    /// So many CPUs, and a quota in hundredths of one.
    fn cpus_with(mask: u32, quota: Option<u64>) -> Cpus {
        Cpus {
            mask: NonZeroU32::new(mask).expect("not zero"),
            quota: quota.map(|hundredths| CpuQuota {
                quota: hundredths * 1000,
                period: 100_000,
                file: "/sys/fs/cgroup/cpu.max".into(),
            }),
        }
    }

    #[test]
    fn auto_is_the_smaller_of_mask_and_quota_rounded_up_and_the_slots_are_those_of_the_mask() {
        let plan = |mask, quota| {
            let plan = CorePlan::new(CoreSpec::Auto, None, &cpus_with(mask, quota));
            (plan.min.get(), plan.max.get(), plan.slots.get())
        };
        assert_eq!(plan(4, None), (4, 4, 4));
        assert_eq!(plan(4, Some(150)), (2, 2, 4));
        assert_eq!(plan(4, Some(50)), (1, 1, 4));
        assert_eq!(plan(2, Some(300)), (2, 2, 2));
        assert_eq!(plan(4, Some(0)), (1, 1, 4));
    }

    #[test]
    fn the_start_line_says_what_bounds_the_cores() {
        let line = |spec: &str, quota| {
            let (spec, cpus) = (spec.parse().expect(spec), cpus_with(4, quota));
            cpus.explain(spec, &CorePlan::new(spec, None, &cpus))
        };
        assert_eq!(line("auto", None), "4 cores: this process may use 4 CPUs");
        assert_eq!(
            line("auto", Some(150)),
            "2 cores: of 4 CPUs the quota of the control group leaves 1.5 (/sys/fs/cgroup/cpu.max)"
        );
        assert_eq!(
            line("1..2", Some(150)),
            "1 to 2 cores as configured; this process may use 4 CPUs"
        );
        assert!(line("auto", Some(50)).starts_with("1 core: of 4 CPUs"));
        assert!(line("3", Some(150)).contains("leaves no more than 1.5"));
    }

    #[test]
    fn auto_follows_the_cpu_mask_and_a_number_does_not() {
        let cpus = NonZeroU32::new(6).expect("not zero");
        let ends = |text: &str| {
            let spec: CoreSpec = text.parse().expect(text);
            (spec.min(cpus).get(), spec.max(cpus).get())
        };
        assert_eq!(ends("auto"), (6, 6));
        assert_eq!(ends("8"), (8, 8));
        assert_eq!(ends("2..12"), (2, 12));
    }
}
