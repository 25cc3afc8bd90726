//! The coordinator's rules as pure functions: figures and moments come as arguments, a decision goes
//! out. Called by the files of the same names in [`run`](super::run), which gather the figures and
//! perform what is decided.
//!
//! - [`heart`]: whether a core is well, stalled, or stuck for good.
//! - [`elastic`]: when the pool grows and shrinks by itself.
//! - [`balance`]: which cores give idle connections to which.
//! - [`wear`]: when a core has served long enough.
//! - [`descriptors`]: how many connections there is room for among the descriptors.
//! - [`restart`]: how soon a core that ended badly starts again, and when that is given up.
//! - [`starts`]: when a core that could not be started is tried again.

pub(crate) mod balance;
pub(crate) mod descriptors;
pub(crate) mod elastic;
pub(crate) mod heart;
pub(crate) mod restart;
pub(crate) mod starts;
pub(crate) mod wear;
