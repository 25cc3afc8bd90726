//! Which features this kernel has, above all of io_uring, found by trying them and never by its version.
//!
//! Distribution kernels carry backports and sandboxes take features away, so `uname` decides nothing
//! here; it is only named in messages. Called by `doctor` and by the start, which have one list of
//! trials, and by the ring set-up for the text of a refusal. Deliberately keeps no ring: all trials run on a throwaway one, and deliberately decides
//! no fallback: what to do without a feature is the business of the file that uses it.

mod feature;
mod trial;
mod trials;
mod unavailable;

pub use feature::{Facts, Feature, Need};
pub use trial::Failure;
pub use unavailable::{Cause, Unavailable, explain_setup_error};

use trial::Trial;

/// The result of [`probe`] for one feature.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which one.
    pub feature: Feature,
    /// Why it is missing; `None` if it works.
    pub failure: Option<Failure>,
}

impl Finding {
    /// Whether the feature works.
    pub fn present(&self) -> bool {
        self.failure.is_none()
    }
}

/// The result of [`probe`] or [`probe_for_start`] for this kernel and this process.
///
/// ```
/// use ringgate_runtime::probe::{Feature, probe_for_start};
///
/// let report = probe_for_start(&[Feature::SubmitAll]); // as if the kernel had it not
/// assert!(!report.has(Feature::SubmitAll));
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    /// The kernel's release as `uname -r` prints it; empty if `/proc` is not mounted.
    pub kernel: String,
    /// One finding for each feature that was asked for, in the order of [`Feature::ALL`]. If io_uring
    /// is forbidden altogether, none was tried and none is present.
    pub findings: Vec<Finding>,
    /// Why Ringgate cannot run here, if it cannot.
    pub unavailable: Option<Unavailable>,
}

impl Report {
    /// Whether `feature` works.
    pub fn has(&self, feature: Feature) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.feature == feature && finding.present())
    }

    /// Returns the features that Ringgate does without here.
    pub fn missing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.present())
    }
}

/// Tries every feature, within some milliseconds: each trial ends by itself, or after ten seconds. The
/// trials are made on a thread of their own, which has the seccomp filter and the mask of the calling one.
///
/// A few descriptors and a thread are needed, and nothing is left behind.
///
/// ```
/// use ringgate_runtime::probe::probe;
///
/// for finding in probe().missing() {
///     println!("{:?} is missing", finding.feature);
/// }
/// ```
pub fn probe() -> Report {
    examine(|_| true)
}

/// As [`probe`], but only what decides a start: every feature that is required and not among
/// `without`, and [`Feature::Pin`]. Whether a ring has the other optional ones, its set-up finds out.
pub fn probe_for_start(without: &[Feature]) -> Report {
    examine(|feature| {
        let decides = feature.facts().need == Need::Required || feature == Feature::Pin;
        decides && !without.contains(&feature)
    })
}

/// The kernel lets the thread that used a ring do what is left of it after it was closed, and interrupts
/// its system calls for that: a receive with a time limit would fail with EINTR in the caller.
fn examine(wanted: impl Fn(Feature) -> bool + Sync) -> Report {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("rg-probe".to_owned());
        match thread.spawn_scoped(scope, || examine_here(&wanted)) {
            Ok(trials) => trials
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // Without a thread the start will fail, too; it says so more clearly.
            Err(_) => examine_here(&wanted),
        }
    })
}

fn examine_here(wanted: &impl Fn(Feature) -> bool) -> Report {
    let kernel = unavailable::kernel();
    let mut findings: Vec<Finding> = Vec::with_capacity(Feature::ALL.len());
    let mut forbidden = None;
    // All operations are tried on one ring: the kernel frees a ring only after it was closed, and may
    // charge the memory of all of them to this user meanwhile.
    let mut ring = None;
    for feature in Feature::ALL.into_iter().filter(|feature| wanted(*feature)) {
        let failure = match &forbidden {
            None => trials::run(feature, || Trial::again(&mut ring)).err(),
            Some(refusal) => Some(Failure::clone(refusal)),
        };
        // Nothing else can work then.
        if let (Feature::Enter, Some(failure)) = (feature, &failure) {
            let call = "not tried";
            let errno = failure.errno;
            forbidden = Some(Failure { call, errno });
        }
        findings.push(Finding { feature, failure });
    }
    let unavailable = match forbidden {
        Some(refusal) => Some(explain_setup_error(refusal.errno)),
        None => unavailable::judge(&kernel, &findings),
    };
    Report {
        kernel,
        findings,
        unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_feature_once_and_the_ring_itself_first() {
        for (at, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(feature as usize, at, "{feature:?}");
        }
        let names: std::collections::BTreeSet<_> = Feature::ALL
            .iter()
            .map(|feature| feature.facts().name)
            .collect();
        assert_eq!(names.len(), Feature::ALL.len(), "two features share a name");
    }
}
