//! Where a request goes among the routes of a [`Router`], and the answers that are known without one.
//!
//! Called for each request by [`super::application`], once the router is sealed. How a path is found is in `routes.rs`,
//! what is under none of the paths in `fallbacks.rs`.

use super::application::Routed;
use super::parts::RequestParts;
use super::response::Response;
use super::router::Router;
use super::routes::Path;
use http::header::ALLOW;
use http::{Method, StatusCode};

impl<S> Router<S> {
    /// Where a request goes; finds the path's parameters.
    #[inline(always)] // For nearly every request the first arm is all of it.
    pub(super) fn find(&self, parts: &mut RequestParts) -> Routed {
        match self.paths.find_fixed(parts.head.path_bytes(&parts.bytes)) {
            Some(path) => self.routed(path, &parts.head.method),
            None => self.look_up(parts),
        }
    }

    #[inline(never)]
    fn look_up(&self, parts: &mut RequestParts) -> Routed {
        match parts.head.method {
            Method::CONNECT if parts.protocol.is_none() => {
                return self.found_or(self.connect, no_tunnel);
            }
            Method::OPTIONS if parts.head.path(&parts.bytes) == "*" => {
                return self.found_or(self.options, || {
                    let methods = self.paths.all_methods();
                    Response::new(StatusCode::NO_CONTENT).with_header(ALLOW, methods)
                });
            }
            _ => {}
        }
        match self.paths.find(parts) {
            Some(path) => self.routed(path, &parts.head.method),
            None => self.found_or(self.fallbacks.find(parts), not_found),
        }
    }

    #[inline(always)]
    fn routed(&self, path: &Path<S>, method: &Method) -> Routed {
        match path.find(method) {
            Some(route) => self.found(route),
            None => self.refuse(path),
        }
    }

    #[cold]
    fn refuse(&self, path: &Path<S>) -> Routed {
        let answer = || not_allowed().with_header(ALLOW, path.allow.clone());
        self.found_or(path.refused, answer)
    }

    fn found_or(&self, route: Option<u32>, answer: impl FnOnce() -> Response) -> Routed {
        match route {
            Some(route) => self.found(route),
            None => Routed::Answer(Box::new(answer())),
        }
    }

    #[inline]
    fn found(&self, route: u32) -> Routed {
        let gated = self.routes[route as usize].options.gated;
        Routed::Found { route, gated }
    }

    /// The name of a route in logs and metrics.
    pub(super) fn route_name(&self, route: u32) -> String {
        let name = self.route_names().into_iter().nth(route as usize);
        name.unwrap_or(FALLBACK.to_owned())
    }

    /// The names of all routes, by number.
    pub(super) fn route_names(&self) -> Vec<String> {
        let mut names = vec![FALLBACK.to_owned(); self.routes.len()];
        if let Some(route) = self.connect {
            names[route as usize] = Method::CONNECT.to_string();
        }
        // A route with several paths has the name of the first.
        for path in self.paths.all.iter().rev() {
            let any = path.any.map(|route| ("*", route));
            let methods = path.methods.iter();
            let methods = methods.map(|(method, route)| (method.as_str(), *route));
            for (method, route) in any.into_iter().chain(methods) {
                names[route as usize] = format!("{method} {}", path.text);
            }
        }
        names
    }
}

/// The name of the routes for what has no other one.
const FALLBACK: &str = "(fallback)";

#[cold]
pub(super) fn not_found() -> Response {
    Response::error(StatusCode::NOT_FOUND, "nothing is served under this path")
}

#[cold]
pub(super) fn not_allowed() -> Response {
    let reason = "this path does not answer to this method";
    Response::error(StatusCode::METHOD_NOT_ALLOWED, reason)
}

#[cold]
pub(super) fn no_tunnel() -> Response {
    let reason = "this server carries no tunnel";
    Response::error(StatusCode::NOT_IMPLEMENTED, reason)
}

#[cfg(test)]
mod tests {
    use super::super::application::application;
    use super::super::options::RouteOptions;
    use super::super::parts::{HeadBytes, PlacedParts};
    use super::super::request::Request;
    use super::*;
    use crate::ServerHandle;
    use crate::http1::head::{HeadLimits, Progress, read_head_after};
    use std::sync::Arc;

    fn find(router: Router<()>, method: Method, path: &str) -> Routed {
        let app = application(&Arc::new(router.sealed()), (), &ServerHandle::alone());
        let text = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        let mut parts = PlacedParts::open();
        let limits = HeadLimits::default();
        let progress = read_head_after(text.as_bytes(), 0, &limits, &mut parts.head);
        assert_eq!(progress, Ok(Progress::Complete));
        parts.bytes = HeadBytes::Gathered(text.into());
        app.route(&mut parts)
    }

    fn status(routed: Routed) -> Option<StatusCode> {
        match routed {
            Routed::Answer(response) => Some(response.status()),
            Routed::Found { .. } | Routed::TooSoon { .. } => None,
        }
    }

    async fn handler(_: Request) -> StatusCode {
        StatusCode::OK
    }

    const UNGATED: RouteOptions = RouteOptions::new().ungated();

    #[test]
    fn a_fallback_takes_every_method_of_every_path_without_a_route() {
        for path in ["/", "/a", "/a/b/c"] {
            for method in [
                Method::GET,
                Method::DELETE,
                Method::from_bytes(b"BREW").unwrap(),
            ] {
                let router = Router::new()
                    .get("/other", handler)
                    .fallback(UNGATED, handler);
                match find(router, method, path) {
                    Routed::Found { route, gated } => {
                        assert_eq!((route, gated), (1, UNGATED.gated), "{path}");
                    }
                    Routed::Answer(_) | Routed::TooSoon { .. } => panic!("{path} has no route"),
                }
            }
        }
    }

    #[test]
    fn a_path_with_a_route_is_not_the_fallbacks() {
        let router = || Router::new().get("/a", handler).fallback(UNGATED, handler);
        assert!(matches!(
            find(router(), Method::GET, "/a"),
            Routed::Found { route: 0, .. }
        ));
        let other = status(find(router(), Method::POST, "/a"));
        assert_eq!(other, Some(StatusCode::METHOD_NOT_ALLOWED));
    }

    #[test]
    fn without_a_fallback_an_unknown_path_is_not_found() {
        let routed = find(Router::new().get("/a", handler), Method::GET, "/b");
        assert_eq!(status(routed), Some(StatusCode::NOT_FOUND));
    }
}
