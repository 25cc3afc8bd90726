//! The routes for what is under none of the paths, by the prefixes of the routers that have them.
//!
//! Filled by [`Router`](super::Router), and asked for requests that no path is for.

use super::parts::RequestParts;
use super::routes::place;
use super::segments::Segments;
use std::sync::Arc;

struct Fallback {
    /// As the application wrote it.
    prefix: String,
    segments: Segments,
    /// The parameters of the prefix.
    names: Arc<[String]>,
    route: u32,
}

/// All of them, the one whose prefix says most before the others.
#[derive(Default)]
pub(super) struct Fallbacks(Vec<Fallback>);

impl Fallbacks {
    /// # Panics
    /// If there is one for the same prefix.
    pub(super) fn add(&mut self, prefix: &str, route: u32) {
        let segments = Segments::of(prefix);
        let mut others = self.0.iter();
        let is_there = others.any(|other| other.segments.is_as(&segments));
        assert!(!is_there, "there is a fallback already");
        self.0.push(Fallback {
            prefix: prefix.to_owned(),
            names: segments.names(),
            segments,
            route,
        });
        self.0.sort_by_key(|fallback| fallback.segments.rank());
    }

    /// The prefixes and their routes.
    pub(super) fn all(self) -> impl Iterator<Item = (String, u32)> {
        let all = self.0.into_iter();
        all.map(|fallback| (fallback.prefix, fallback.route))
    }

    /// Whether there is one for every path.
    pub(super) fn are_for_all(&self) -> bool {
        self.0.iter().any(|fallback| fallback.prefix.is_empty())
    }

    /// The route of the prefix that says most of the path of a request; the prefix's parameters are put down.
    #[inline]
    pub(super) fn find(&self, parts: &mut RequestParts) -> Option<u32> {
        let first = self.0.first()?;
        match first.prefix.is_empty() {
            // The only one, as where all is an application of another crate.
            true => Some(first.route),
            false => self.find_below(parts),
        }
    }

    fn find_below(&self, parts: &mut RequestParts) -> Option<u32> {
        let bytes: &[u8] = &parts.bytes;
        let path = parts.head.path(bytes);
        let mut below = self.0.iter();
        let (fallback, values) = below.find_map(|fallback| {
            let values = fallback.segments.values(path)?;
            Some((fallback, values))
        })?;
        if !values.is_empty() {
            parts.params = values
                .into_iter()
                .map(|value| place(bytes, value))
                .collect();
            parts.has_more = true;
            parts.names = Some(fallback.names.clone());
        }
        Some(fallback.route)
    }
}
