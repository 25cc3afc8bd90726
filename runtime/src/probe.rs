//! Which io_uring features this kernel has, found by trying them and never by its version.
//!
//! Distribution kernels carry backports and sandboxes take features away, so `uname` decides nothing
//! here; it is only named in messages. Called by `doctor`, and by the ring set-up for the text of a
//! refusal. Deliberately keeps no ring: every trial runs on a throwaway one, and deliberately decides
//! no fallback: what to do without a feature is the business of the file that uses it.

mod feature;
mod trial;
mod trials;
mod unavailable;

pub use feature::{Facts, Feature, Need};
pub use trial::Failure;
pub use unavailable::{Cause, Unavailable, explain_setup_error};

use trial::Trial;

/// What [`probe`] found out about one feature.
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

/// What [`probe`] found out about this kernel, for this process.
#[derive(Clone, Debug)]
pub struct Report {
    /// The kernel's release as `uname -r` prints it; empty if `/proc` is not mounted.
    pub kernel: String,
    /// One finding for each of [`Feature::ALL`], in that order. If io_uring is forbidden altogether,
    /// none was tried and none is present.
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

    /// What Ringgate does without here.
    pub fn missing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.present())
    }
}

/// Tries every feature, on the calling thread (a seccomp filter can be a thread's own), within some
/// milliseconds: each trial ends by itself, or after ten seconds.
///
/// It needs a few descriptors and a thread, and leaves nothing behind.
pub fn probe() -> Report {
    let kernel = unavailable::kernel();
    if let Err(refusal) = trial::works_at_all() {
        let not_tried = Failure {
            call: "not tried",
            errno: refusal.errno,
        };
        let findings = Feature::ALL
            .map(|feature| Finding {
                feature,
                failure: Some(not_tried.clone()),
            })
            .to_vec();
        return Report {
            kernel,
            findings,
            unavailable: Some(explain_setup_error(refusal.errno)),
        };
    }
    let mut findings: Vec<Finding> = Vec::with_capacity(Feature::ALL.len());
    for feature in Feature::ALL {
        let has = |wanted| {
            findings
                .iter()
                .any(|finding: &Finding| finding.feature == wanted && finding.present())
        };
        // The flags come first in the table, so that all the rest is tried on a ring like those
        // Ringgate works with.
        let failure = trials::run(feature, || Trial::new(has(Feature::DeferTaskrun))).err();
        findings.push(Finding { feature, failure });
    }
    let unavailable = unavailable::judge(&kernel, &findings);
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
    fn the_table_has_every_feature_once_and_flags_first() {
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
