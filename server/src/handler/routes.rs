//! Which route a request goes to: by its path, found in one comparison if it has no parameters, and by its
//! method.
//!
//! Called by [`Router`](super::Router), which fills it, and for each request.

use super::around::Arounds;
use super::endpoint::Endpoint;
use super::parts::RequestParts;
use super::segments::{self, Segments};
use http::{HeaderValue, Method};
use std::collections::HashMap;
use std::sync::Arc;

/// Paths without parameters, by their length: found by comparing bytes, which most requests need
/// no more than. The tree prefers them too, so the order of looking changes nothing.
#[derive(Default)]
struct Fixed(Vec<Vec<(Box<[u8]>, u32)>>);

impl Fixed {
    fn insert(&mut self, path: &str, index: u32) {
        if self.0.len() <= path.len() {
            self.0.resize_with(path.len() + 1, Vec::new);
        }
        self.0[path.len()].push((path.as_bytes().into(), index));
    }

    #[inline]
    fn find(&self, path: &[u8]) -> Option<u32> {
        let same_length = self.0.get(path.len())?;
        same_length
            .iter()
            .find(|(have, _)| is_same(have, path))
            .map(|(_, index)| *index)
    }
}

/// Whether two paths of one length are the same. Most have eight to sixteen bytes, and their first and last eight tell.
#[inline]
fn is_same(have: &[u8], path: &[u8]) -> bool {
    match (have.first_chunk::<8>(), path.first_chunk::<8>()) {
        (Some(first), Some(same)) if path.len() <= 16 => {
            first == same && have.last_chunk::<8>() == path.last_chunk::<8>()
        }
        _ => have == path,
    }
}

/// A path, and the routes of its methods.
pub(super) struct Path<S> {
    /// As the application wrote it, behind the prefixes of the routers that it was nested in.
    pub(super) text: Box<str>,
    names: Arc<[String]>,
    /// The route of GET, which is asked for most.
    get: Option<u32>,
    pub(super) methods: Vec<(Method, u32)>,
    /// The route of the methods that have none of their own.
    pub(super) any: Option<u32>,
    /// The handler of the methods that are refused, and its route, once the router is sealed. Without one
    /// the answer is just known.
    pub(super) refusing: Option<Arc<dyn Endpoint<S>>>,
    pub(super) refused: Option<u32>,
    pub(super) allow: HeaderValue,
    /// The closures around a refusal.
    pub(super) around: Arounds<S>,
}

impl<S> Path<S> {
    fn new(path: &str) -> Path<S> {
        Path {
            text: path.into(),
            names: Segments::of(path).names(),
            get: None,
            methods: Vec::new(),
            any: None,
            refusing: None,
            refused: None,
            allow: HeaderValue::from_static(""),
            around: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, method: Method, route: u32) {
        assert!(
            !self.methods.iter().any(|(have, _)| *have == method),
            "route {:?} has {method} already",
            self.text
        );
        if method == Method::GET {
            self.get = Some(route);
        }
        self.methods.push((method, route));
        self.allow = allow(self.methods.iter().map(|(method, _)| method));
    }

    #[inline]
    pub(super) fn find(&self, method: &Method) -> Option<u32> {
        match *method == Method::GET {
            true => self.get.or(self.any),
            false => self.find_other(method),
        }
    }

    fn find_other(&self, method: &Method) -> Option<u32> {
        let own = self.methods.iter().find(|(have, _)| have == method);
        let route = own.map(|(_, route)| *route);
        // A CONNECT has a path if it asks for a protocol, and none otherwise: what a GET with Upgrade asks for in
        // HTTP/1.1 (RFC 8441 section 5).
        let is_as_get = matches!(*method, Method::HEAD | Method::CONNECT);
        route.or(self.get.filter(|_| is_as_get)).or(self.any)
    }
}

/// All paths.
pub(super) struct Paths<S> {
    tree: matchit::Router<u32>,
    fixed: Fixed,
    /// Where the path of a text is.
    by_text: HashMap<Box<str>, u32>,
    pub(super) all: Vec<Path<S>>,
}

impl<S> Paths<S> {
    pub(super) fn new() -> Paths<S> {
        Paths {
            tree: matchit::Router::new(),
            fixed: Fixed::default(),
            by_text: HashMap::new(),
            all: Vec::new(),
        }
    }

    /// The path of this text, which is there from now on.
    ///
    /// # Panics
    /// If it is malformed, can be the path of no request, or conflicts with another.
    pub(super) fn entry(&mut self, path: &str) -> &mut Path<S> {
        let index = match self.by_text.get(path) {
            Some(index) => *index,
            None => self.insert(path),
        };
        &mut self.all[index as usize]
    }

    fn insert(&mut self, path: &str) -> u32 {
        segments::check(path);
        let index = self.all.len() as u32;
        if let Err(error) = self.tree.insert(path, index) {
            let segments = Segments::of(path);
            let mut others = self.all.iter();
            let other = others.find(|other| Segments::of(&other.text).is_as(&segments));
            match other {
                Some(other) => panic!(
                    "route {path:?}: {:?} differs in nothing but the names of its parameters; use the same names",
                    other.text
                ),
                None => panic!("route {path:?}: {error}"),
            }
        }
        if !path.contains(['{', '}']) {
            self.fixed.insert(path, index);
        }
        self.by_text.insert(path.into(), index);
        self.all.push(Path::new(path));
        index
    }

    /// The path of a request that has no parameters.
    #[inline]
    pub(super) fn find_fixed(&self, path: &[u8]) -> Option<&Path<S>> {
        let index = self.fixed.find(path)?;
        Some(&self.all[index as usize])
    }

    /// The path of a request, whose parameters are put down.
    pub(super) fn find(&self, parts: &mut RequestParts) -> Option<&Path<S>> {
        // A router of nothing but an application of another crate.
        if self.all.is_empty() {
            return None;
        }
        let bytes: &[u8] = &parts.bytes;
        let found = self.tree.at(parts.head.path(bytes)).ok()?;
        let entry = &self.all[*found.value as usize];
        let params = found.params.iter().map(|(_, value)| value);
        parts.params = params.map(|value| place(bytes, value)).collect();
        parts.has_more = true;
        parts.names = (!entry.names.is_empty()).then(|| entry.names.clone());
        Some(entry)
    }

    /// The methods that any route answers to (RFC 9110 section 9.3.7).
    pub(super) fn all_methods(&self) -> HeaderValue {
        let methods = self.all.iter().flat_map(|path| &path.methods);
        let methods = methods.map(|(method, _)| method);
        allow(methods.chain([&Method::OPTIONS]))
    }
}

/// Where the value of a parameter lies in the bytes of a head.
///
/// Wraps if the path is not in the bytes at all (an authority alone stands for `/`): such a path has no parameters.
pub(super) fn place(bytes: &[u8], value: &str) -> (u16, u16) {
    let at = (value.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
    (at as u16, value.len() as u16)
}

/// The value of an Allow field; HEAD is allowed where GET is.
fn allow<'m>(methods: impl IntoIterator<Item = &'m Method>) -> HeaderValue {
    let mut names: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.dedup();
    HeaderValue::from_str(&names.join(", ")).expect("methods are tokens")
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn paths_that_differ_in_one_byte_are_not_the_same() {
        for length in 1..40 {
            let path = vec![b'a'; length];
            assert!(is_same(&path, &path.clone()), "{length}");
            for at in 0..length {
                let mut other = path.clone();
                other[at] = b'b';
                assert!(!is_same(&path, &other), "{at} of {length}");
            }
        }
    }
}
