//! Maps of fields that are used again: a request is given the map of an answer before it, so that neither a
//! request nor its answer costs an allocation of its own for one. Called where requests and answers change
//! between this server's types and those of the `http` crate.

use http::{HeaderMap, HeaderValue};
use std::cell::Cell;

/// Fields that a map has room for and is kept, at most.
const FIELDS_MAX: usize = 64;

type Map = HeaderMap<HeaderValue>;

thread_local! {
    /// One map, since one request at a time begins on a core.
    static SPARE: Cell<Option<Map>> = const { Cell::new(None) };
}

/// Puts a map with room in the place of one that was just made.
pub(super) fn swap(made: &mut Map) {
    if let Some(spare) = SPARE.take() {
        debug_assert_eq!(made.capacity(), 0, "what is forgotten holds no memory");
        std::mem::forget(std::mem::replace(made, spare));
    }
}

/// Keeps an empty map for the next request.
pub(super) fn put(map: Map) {
    debug_assert!(map.is_empty(), "fields of one client are for no other");
    if map.is_empty() && (1..=FIELDS_MAX).contains(&map.capacity()) {
        SPARE.set(Some(map));
    }
}
