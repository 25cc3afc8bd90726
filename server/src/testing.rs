//! Requests to an application in the process of its test: the same server as in production, from the first byte
//! of a head to the last of an answer, over a simulated ring without sockets.
//!
//! [`client`] takes a router and the state of its handlers; [`Client::of`] a whole [`Server`], with its lanes and
//! hubs. Time is virtual: a handler that sleeps for an hour is answered at once, and every run is the same. A
//! [`Simulation`], which is below, tests what a connection does beside requests and answers (pieces, resets,
//! several cores).
//!
//! ```
//! use ringgate::{Json, Request, Result, Router, http::StatusCode, testing};
//! use serde_json::{Value, json};
//!
//! async fn double(mut request: Request<i64>) -> Result<Json<i64>> {
//!     let number: i64 = request.json().await?;
//!     Ok(Json(number * **request.state()))
//! }
//!
//! let client = testing::client(Router::new().post("/double", double), 2);
//! let answer = client.post("/double").json(&21).send();
//! assert_eq!(answer.status(), 200);
//! assert_eq!(answer.json::<i64>(), 42);
//! assert_eq!(client.get("/double").send().status(), StatusCode::METHOD_NOT_ALLOWED);
//! ```

use crate::config::Config;
use crate::handler::Router;
use crate::http1::body::BodyDecoder;
use crate::http1::fields::BodyFraming;
use crate::simulation::Simulation;
use crate::{CoreInfo, Server};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ringgate_runtime::driver::simulated;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{RefCell, RefMut};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// Most fields that the head of an answer may have.
const FIELDS_MAX: usize = 128;
/// Steps in which time passes while nothing happens.
const STEP: Duration = Duration::from_secs(1);
/// The seed of every run.
const SEED: u64 = 1;

/// A client of a server with this router, whose handlers have this state.
///
/// ```
/// use ringgate::{Request, Router, testing};
///
/// async fn who(request: Request<String>) -> String {
///     format!("I am {}", request.state())
/// }
///
/// let client = testing::client(Router::new().get("/", who), "Ada".to_owned());
/// assert_eq!(client.get("/").send().text(), "I am Ada");
/// ```
///
/// # Panics
/// As [`Client::of`].
pub fn client<S: 'static>(router: Router<S>, state: S) -> Client {
    let mut state = Some(state);
    let mut init = |_: &CoreInfo| state.take().expect("there is one core");
    Client::in_world(Simulation::of_router(
        Config::default(),
        router,
        &mut init,
        SEED,
    ))
}

/// A client of a server in the same process. Clones are clients of the same server.
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::testing::Client;
/// use ringgate::{Request, Router, Server, runtime};
/// use std::time::Duration;
///
/// async fn slow(_: Request) -> &'static str {
///     runtime::sleep(Duration::from_secs(5)).await;
///     "done"
/// }
///
/// let client = Client::of(Server::new(Config::default(), Router::new().put("/", slow)));
/// assert_eq!(client.put("/").body("a").send().text(), "done"); // at once: time is virtual
/// client.advance(Duration::from_secs(3600)); // what happens in an hour without requests
/// assert_eq!(client.delete("/").send().status(), 405);
/// ```
#[derive(Clone)]
pub struct Client(Rc<RefCell<Simulation>>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a client in process")
    }
}

impl Client {
    /// A client of this server: with its configuration, its state, its lanes and its hubs, on one core.
    ///
    /// # Panics
    /// If the configuration contradicts itself, or a lane cannot be as it is described.
    pub fn of<S: 'static>(server: Server<S>) -> Client {
        Client::in_world(Simulation::of(server, SEED))
    }

    fn in_world(simulation: Simulation) -> Client {
        Client(Rc::new(RefCell::new(simulation)))
    }

    /// A request of any method. The target is a path, with or without a query.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        RequestBuilder {
            client: self.clone(),
            head: format!("{method} {target} HTTP/1.1\r\nHost: test\r\n"),
            to_head: method == Method::HEAD,
            body: None,
        }
    }

    /// A GET.
    pub fn get(&self, target: &str) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// A POST.
    pub fn post(&self, target: &str) -> RequestBuilder {
        self.request(Method::POST, target)
    }

    /// A PUT.
    pub fn put(&self, target: &str) -> RequestBuilder {
        self.request(Method::PUT, target)
    }

    /// A PATCH.
    pub fn patch(&self, target: &str) -> RequestBuilder {
        self.request(Method::PATCH, target)
    }

    /// A DELETE.
    pub fn delete(&self, target: &str) -> RequestBuilder {
        self.request(Method::DELETE, target)
    }

    /// Lets so much virtual time pass, and everything happen that happens in it.
    pub fn advance(&self, span: Duration) {
        let until = self.simulation().world().now() + span;
        let is_over = |simulation: &Simulation| simulation.world().now() >= until;
        self.simulation().run_in_steps(span.min(STEP), is_over);
    }

    /// The simulation below: its clock, its faults, a drain of its core.
    pub fn simulation(&self) -> RefMut<'_, Simulation> {
        self.0.borrow_mut()
    }
}

/// A request on its way. Made by [`Client`].
#[must_use = "nothing is sent before `send` or `open`"]
pub struct RequestBuilder {
    client: Client,
    head: String,
    to_head: bool,
    body: Option<Vec<u8>>,
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.head.lines().next().unwrap_or_default())
    }
}

impl RequestBuilder {
    /// Adds a field. Content-Length is written for the body by itself.
    ///
    /// # Panics
    /// If the name is no token or the value holds a control byte: a client that breaks such rules is written with a
    /// [`Simulation`].
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> RequestBuilder {
        let value = value.to_string();
        let is_good = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(&value).is_ok();
        assert!(is_good, "{name:?}: {value:?} is no field");
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.body = Some(body.into());
        self
    }

    /// Sets the body to this value as JSON, and its Content-Type.
    ///
    /// # Panics
    /// If the value is no JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> RequestBuilder {
        let json = serde_json::to_vec(value).expect("a value that is JSON");
        self.header("content-type", "application/json").body(json)
    }

    /// Sets the body to this value as a form, and its Content-Type.
    ///
    /// # Panics
    /// If the value is no form, such as one with nested fields.
    pub fn form<T: Serialize + ?Sized>(self, value: &T) -> RequestBuilder {
        let form = serde_html_form::to_string(value).expect("a value that is a form");
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(form)
    }

    /// Sends the request, and waits for the whole answer.
    ///
    /// # Panics
    /// If none comes, or none that is HTTP.
    pub fn send(self) -> Answer {
        let mut answer = self.open();
        answer.wait_until(|answer| answer.is_whole());
        answer
    }

    /// Sends the request, and waits for the head of the answer alone: for bodies that stream.
    ///
    /// ```
    /// use ringgate::{Body, Router, runtime, testing};
    /// use std::time::Duration;
    ///
    /// let ticks = |_| async {
    ///     Body::writer(async |mut out| {
    ///         for tick in 0..3 {
    ///             out.write(format!("tick {tick}\n")).await;
    ///             runtime::sleep(Duration::from_secs(60)).await;
    ///         }
    ///         Ok(())
    ///     })
    /// };
    /// let client = testing::client(Router::new().get("/", ticks), ());
    /// let mut answer = client.get("/").open();
    /// answer.wait_for("tick 1");
    /// assert!(!answer.is_whole());
    /// answer.wait_for_end();
    /// assert!(answer.text().ends_with("tick 2\n"));
    /// ```
    ///
    /// # Panics
    /// As [`RequestBuilder::send`].
    pub fn open(self) -> Answer {
        let mut bytes = self.head.into_bytes();
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend(self.body.into_iter().flatten());
        let connection = self.client.simulation().connect();
        connection.send(&bytes);
        let mut answer = Answer {
            client: self.client,
            connection,
            to_head: self.to_head,
            status: StatusCode::CONTINUE,
            headers: HeaderMap::new(),
            unread: Vec::new(),
            body: Vec::new(),
            decoder: None,
            is_whole: false,
        };
        answer.wait_until(|answer| answer.status != StatusCode::CONTINUE);
        answer
    }
}

/// An answer: its head, and as much of its body as has come. Dropped, its connection is closed.
///
/// ```
/// use ringgate::{Json, Router, testing};
///
/// let router = Router::new().get("/", |_| async { Json([1, 2]) });
/// let answer = testing::client(router, ()).get("/").send();
/// assert_eq!(answer.status(), 200);
/// assert_eq!(answer.header("content-type"), Some("application/json"));
/// assert_eq!((answer.text(), answer.json::<Vec<u32>>()), ("[1,2]", vec![1, 2]));
/// assert!(answer.is_whole());
/// ```
pub struct Answer {
    client: Client,
    connection: simulated::Client,
    to_head: bool,
    status: StatusCode,
    headers: HeaderMap,
    /// Bytes that are not decoded.
    unread: Vec<u8>,
    body: Vec<u8>,
    /// None for a body that ends with its connection.
    decoder: Option<BodyDecoder>,
    is_whole: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:?}",
            self.status,
            String::from_utf8_lossy(&self.body)
        )
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.connection.close();
        if !std::thread::panicking() {
            self.client.simulation().turn();
        }
    }
}

impl Answer {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The first field of a name, without regard to case; None also if its value is not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All fields.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, as far as it has come.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body, as far as it has come, as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body that is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is no JSON of this value.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        let value = serde_json::from_slice(&self.body);
        value.unwrap_or_else(|error| panic!("no such JSON: {error}: {self:?}"))
    }

    /// Whether the body has ended.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Waits until the body has ended.
    ///
    /// # Panics
    /// If it never does.
    pub fn wait_for_end(&mut self) {
        self.wait_until(Answer::is_whole);
    }

    /// Waits until the body has come so far that it holds this text.
    ///
    /// # Panics
    /// If it ends before, or never comes so far.
    pub fn wait_for(&mut self, text: &str) {
        let holds = |answer: &Answer| String::from_utf8_lossy(&answer.body).contains(text);
        self.wait_until(|answer| answer.is_whole || holds(answer));
        assert!(holds(self), "{text:?} does not come: {self:?}");
    }

    fn wait_until(&mut self, mut done: impl FnMut(&Answer) -> bool) {
        let client = self.client.clone();
        client.simulation().run_in_steps(STEP, |_| {
            self.take_in();
            done(self)
        });
    }

    /// Takes what has come since the last look.
    fn take_in(&mut self) {
        self.unread.extend(self.connection.take_received());
        while self.status.is_informational() && self.read_head() {}
        if self.status.is_informational() {
            let is_over = self.connection.is_closed();
            assert!(!is_over, "the connection ended without an answer");
            return;
        }
        if !self.is_whole {
            self.read_body();
        }
    }

    /// Reads a head, if it is there.
    fn read_head(&mut self) -> bool {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        let parsed = head.parse(&self.unread).expect("the head of an answer");
        let httparse::Status::Complete(len) = parsed else {
            return false;
        };
        let status = head.code.and_then(|code| StatusCode::from_u16(code).ok());
        self.status = status.expect("a status");
        for field in head.headers.iter() {
            let name = HeaderName::try_from(field.name).expect("a name");
            let value = HeaderValue::from_bytes(field.value).expect("a value");
            self.headers.append(name, value);
        }
        self.unread.drain(..len);
        if self.status.is_informational() {
            self.headers.clear();
            return true;
        }
        let length = self
            .header("content-length")
            .and_then(|len| len.parse().ok());
        let is_chunked = self.header("transfer-encoding") == Some("chunked");
        let framing = match (is_chunked, length) {
            (true, _) => Some(BodyFraming::Chunked),
            (false, Some(0)) => Some(BodyFraming::None),
            (false, Some(length)) => Some(BodyFraming::Length(length)),
            (false, None) => None,
        };
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        self.is_whole =
            self.to_head || bodiless.contains(&self.status) || framing == Some(BodyFraming::None);
        self.decoder = framing
            .filter(|_| !self.is_whole)
            .map(|framing| BodyDecoder::new(framing, None).expect("there is no limit to a body"));
        true
    }

    fn read_body(&mut self) {
        let Some(decoder) = &mut self.decoder else {
            self.body.append(&mut self.unread);
            self.is_whole = self.connection.is_closed();
            return;
        };
        while !self.unread.is_empty() && !self.is_whole {
            let decoded = decoder.next(&self.unread).expect("a body in chunks");
            self.body.extend_from_slice(&self.unread[decoded.payload]);
            self.unread.drain(..decoded.consumed);
            self.is_whole = decoded.finished;
        }
        let is_cut = !self.is_whole && self.connection.is_closed();
        assert!(!is_cut, "the connection ended before the body: {self:?}");
    }
}
