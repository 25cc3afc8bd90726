//! Pages of other origins as clients (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>): who may ask, how, and
//! who may read the answer.
//!
//! Browsers keep to it; other clients need not. The guard of the routes decides what a client may do at all.

use super::{Ready, vary_by};
use crate::handler::{Next, Request, Response, Router};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderValue, Method, StatusCode};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The methods that pages may use unless others are named.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// The field in which a browser asks in advance how it will ask.
const ASKED_METHOD: &str = "access-control-request-method";
const ASKED_FIELDS: &str = "access-control-request-headers";

type Fits = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Pages of which origins may use this server from a browser, and how.
///
/// Preflights (OPTIONS with `Origin` and `Access-Control-Request-Method`) are answered here with 204, before they reach
/// a route. Every other answer gets the fields that let the page read it, also one that the server gives itself: a 404, a
/// 503 of the gate. An origin that may not is answered without them, and the browser keeps the answer from the page.
///
/// ```
/// use ringgate::around::Cors;
/// use ringgate::http::Method;
/// use ringgate::{Router, testing};
/// use std::time::Duration;
///
/// let cors = Cors::of(["https://app.example", "http://localhost:3000"])
///     .credentials()
///     .exposed(["x-request-id"])
///     .max_age(Duration::from_secs(3600));
/// let client = testing::client(Router::new().get("/", |_| async { "hello\n" }).with(cors), ());
/// let from = |origin| client.get("/").header("Origin", origin).send();
/// let allowed = from("https://app.example");
/// assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example"));
/// assert_eq!(from("https://other.example").header("access-control-allow-origin"), None);
/// let preflight = client.request(Method::OPTIONS, "/").header("Origin", "https://app.example");
/// let preflight = preflight.header("Access-Control-Request-Method", "DELETE").send();
/// assert_eq!(preflight.status(), 204);
/// ```
#[derive(Clone)]
pub struct Cors {
    origins: Origins,
    methods: HeaderValue,
    /// The fields that pages may send; those that they ask for if there are none.
    fields: Option<HeaderValue>,
    exposed: Option<HeaderValue>,
    credentials: bool,
    max_age: Option<HeaderValue>,
}

#[derive(Clone)]
enum Origins {
    Any,
    Of(Vec<HeaderValue>),
    Fitting(Fits),
}

impl Cors {
    /// Pages of any origin, without credentials: for what everybody may read.
    pub fn any() -> Cors {
        Cors::with(Origins::Any)
    }

    /// Pages of these origins, each a scheme, a host in lower case and a port if it is not the usual one, as a browser
    /// sends it.
    ///
    /// # Panics
    /// If one of them is no origin: has no scheme, a path or a capital letter.
    pub fn of<I>(origins: I) -> Cors
    where
        I: IntoIterator<Item: Into<String>>,
    {
        let origin = |origin: String| {
            let value = HeaderValue::from_str(&origin).ok();
            let value = value.filter(|_| is_origin(&origin));
            value.unwrap_or_else(|| panic!("{origin:?} is no origin such as \"https://a.example\""))
        };
        let origins = origins.into_iter().map(|text| origin(text.into()));
        Cors::with(Origins::Of(origins.collect()))
    }

    /// Pages of the origins for which `fits` says so: of all hosts below a domain, for one. `fits` gets whatever a
    /// client sends as its origin.
    ///
    /// ```
    /// use ringgate::around::Cors;
    ///
    /// let cors = Cors::fitting(|origin| origin.starts_with("https://") && origin.ends_with(".app.example"));
    /// # let router = ringgate::Router::<()>::new().with(cors);
    /// ```
    pub fn fitting(fits: impl Fn(&str) -> bool + Send + Sync + 'static) -> Cors {
        Cors::with(Origins::Fitting(Arc::new(fits)))
    }

    fn with(origins: Origins) -> Cors {
        Cors {
            origins,
            methods: HeaderValue::from_static(METHODS),
            fields: None,
            exposed: None,
            credentials: false,
            max_age: None,
        }
    }

    /// With these methods, in place of GET, HEAD, POST, PUT, PATCH and DELETE.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Cors {
        let names = methods.into_iter().map(|method| method.to_string());
        self.methods = list(names);
        self
    }

    /// With these fields, in place of all that a page asks to send.
    ///
    /// # Panics
    /// If one is no field name.
    #[must_use]
    pub fn fields<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Cors {
        self.fields = Some(list(names.into_iter().map(field_name)));
        self
    }

    /// With these fields of answers for pages to read, beside those that they always may.
    ///
    /// # Panics
    /// If one is no field name.
    #[must_use]
    pub fn exposed<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Cors {
        self.exposed = Some(list(names.into_iter().map(field_name)));
        self
    }

    /// With the user's cookies and certificates.
    ///
    /// # Panics
    /// After [`Cors::any`]: every page of the web could read whatever the user may.
    #[must_use]
    pub fn credentials(mut self) -> Cors {
        let is_any = matches!(self.origins, Origins::Any);
        assert!(!is_any, "name the origins that credentials are for");
        self.credentials = true;
        self
    }

    /// With preflights that a browser need not repeat for so long (whole seconds).
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Cors {
        self.max_age = Some(HeaderValue::from(age.as_secs()));
        self
    }

    /// The value of Access-Control-Allow-Origin for a request.
    fn origin_for<S>(&self, request: &Request<S>) -> Option<HeaderValue> {
        if let Origins::Any = self.origins {
            return Some(HeaderValue::from_static("*"));
        }
        let origin = request.header("origin")?;
        let fits = match &self.origins {
            Origins::Any => true,
            Origins::Of(origins) => origins.iter().any(|have| have.as_bytes() == origin),
            Origins::Fitting(fits) => std::str::from_utf8(origin).is_ok_and(|origin| fits(origin)),
        };
        fits.then(|| HeaderValue::from_bytes(origin).ok())?
    }

    /// The answer to a preflight; without fields if the origin may not ask.
    fn preflight<S>(&self, request: &Request<S>, may_ask: bool) -> Response {
        let answer = Response::new(StatusCode::NO_CONTENT);
        if !may_ask {
            return answer;
        }
        let asked = || {
            let lines = request.headers();
            let lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case(ASKED_FIELDS));
            let lines: Vec<_> = lines.map(|(_, value)| value).collect();
            let fields = lines.join(&b", "[..]);
            HeaderValue::from_bytes(&fields)
                .ok()
                .filter(|_| !fields.is_empty())
        };
        let fields = self.fields.clone().or_else(asked);
        let answer = answer.with_header(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        let answer = match fields {
            Some(fields) => answer.with_header(ACCESS_CONTROL_ALLOW_HEADERS, fields),
            None => answer,
        };
        match &self.max_age {
            Some(age) => answer.with_header(ACCESS_CONTROL_MAX_AGE, age.clone()),
            None => answer,
        }
    }

    /// The answer with the fields for this origin, in place of any that are there: two of them are none to a browser.
    fn finish(
        &self,
        mut answer: Response,
        origin: Option<HeaderValue>,
        preflight: bool,
    ) -> Response {
        let own = [
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ];
        answer.fields.retain(|(name, _)| !own.contains(name));
        if !matches!(self.origins, Origins::Any) {
            answer = vary_by(answer, "origin");
        }
        let Some(origin) = origin else {
            return answer;
        };
        answer = answer.with_header(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            answer = answer.with_header(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        match &self.exposed {
            Some(exposed) if !preflight => {
                answer.with_header(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone())
            }
            _ => answer,
        }
    }
}

/// Whether this is an origin as a browser sends it.
pub(crate) fn is_origin(text: &str) -> bool {
    let rest = text.split_once("://").map(|(_, rest)| rest);
    let is_one = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '*']));
    is_one
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
}

fn field_name(name: &str) -> String {
    let parsed = http::HeaderName::from_bytes(name.as_bytes());
    parsed.expect("a field name is a token").to_string()
}

fn list(names: impl Iterator<Item = String>) -> HeaderValue {
    let names: Vec<_> = names.collect();
    HeaderValue::try_from(names.join(", ")).expect("tokens are a value")
}

impl Ready for Cors {
    fn put_around<S: 'static>(self, router: Router<S>) -> Router<S> {
        let cors = Arc::new(self);
        router.around(move |request, next| answer(cors.clone(), request, next))
    }
}

async fn answer<S: 'static>(cors: Arc<Cors>, request: Request<S>, next: Next<S>) -> Response {
    let origin = cors.origin_for(&request);
    let to_options = *request.method() == Method::OPTIONS;
    let asks =
        to_options && request.header("origin").is_some() && request.header(ASKED_METHOD).is_some();
    let answer = match asks {
        true => cors.preflight(&request, origin.is_some()),
        false => next.run(request).await,
    };
    let answer = match to_options {
        // Whether an OPTIONS is a preflight depends on both; its answer may depend on what it asks for.
        true => {
            let answer = vary_by(vary_by(answer, "origin"), ASKED_METHOD);
            match cors.fields {
                None => vary_by(answer, ASKED_FIELDS),
                Some(_) => answer,
            }
        }
        false => answer,
    };
    cors.finish(answer, origin, asks)
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origins {
            Origins::Any => f.write_str("CORS for any origin"),
            Origins::Of(origins) => write!(f, "CORS for {origins:?}"),
            Origins::Fitting(_) => f.write_str("CORS for the origins that fit"),
        }
    }
}
