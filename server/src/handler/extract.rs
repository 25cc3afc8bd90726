//! Values that a handler takes out of its request: JSON, forms, queries, and what an application adds.
//!
//! Called by handlers with [`Request::extract`] and its short forms. A request that does not hold such a value
//! is answered for them ([`Error`]).

use super::error::Error;
use super::request::Request;
use super::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;

/// A value that can be taken out of a request.
///
/// ```
/// use ringgate::{Error, FromRequest, Request, Result, Router, http::StatusCode};
///
/// struct User(String);
///
/// impl<S> FromRequest<S> for User {
///     async fn from_request(request: &mut Request<S>) -> Result<User> {
///         let token = request.header("authorization").and_then(|token| token.strip_prefix(b"Bearer "));
///         match token {
///             Some(b"secret") => Ok(User("Ada".to_owned())),
///             _ => Err(Error::new(StatusCode::UNAUTHORIZED, "no token, or a wrong one")),
///         }
///     }
/// }
///
/// async fn hello(mut request: Request) -> Result<String> {
///     let User(name) = request.extract().await?;
///     Ok(format!("hello, {name}\n"))
/// }
///
/// let router = Router::new().get("/", hello);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken out of a `Request<{S}>`",
    note = "`Json<T>`, `Form<T>` and `Query<T>` can, where `T` implements `serde::Deserialize`"
)]
pub trait FromRequest<S>: Sized {
    /// Takes the value, or says how the request is answered instead.
    fn from_request(request: &mut Request<S>) -> impl Future<Output = Result<Self, Error>>;
}

impl<S> Request<S> {
    /// Takes a value out of the request, as its type says: `let Json(note): Json<Note> = request.extract().await?`.
    ///
    /// # Errors
    /// The answer to a request that holds no such value.
    pub async fn extract<T: FromRequest<S>>(&mut self) -> Result<T, Error> {
        T::from_request(self).await
    }

    /// Reads the body as JSON; [`Json`] says which errors there are.
    ///
    /// ```
    /// use ringgate::{Request, Result, Router};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Note {
    ///     text: String,
    /// }
    ///
    /// async fn create(mut request: Request) -> Result<String> {
    ///     let note: Note = request.json().await?;
    ///     Ok(note.text)
    /// }
    ///
    /// let router = Router::<()>::new().post("/notes", create);
    /// ```
    ///
    /// # Errors
    /// The errors of [`Json`].
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        Ok(self.extract::<Json<T>>().await?.0)
    }

    /// Reads the body as a form; [`Form`] says which errors there are.
    ///
    /// ```
    /// use ringgate::{Request, Result, Router, testing};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Login {
    ///     name: String,
    /// }
    ///
    /// async fn login(mut request: Request) -> Result<String> {
    ///     let Login { name } = request.form().await?;
    ///     Ok(format!("hello, {name}"))
    /// }
    ///
    /// let client = testing::client(Router::new().post("/login", login), ());
    /// let login = Login { name: "Ada L.".to_owned() };
    /// assert_eq!(client.post("/login").form(&login).send().text(), "hello, Ada L.");
    /// ```
    ///
    /// # Errors
    /// The errors of [`Form`].
    pub async fn form<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        Ok(self.extract::<Form<T>>().await?.0)
    }

    /// Reads the query into a value: `?page=2&tag=a&tag=b` into a `struct` with a `page` and a `Vec` of `tag`.
    ///
    /// ```
    /// use ringgate::{Request, Result};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Page {
    ///     page: Option<u32>,
    /// }
    ///
    /// async fn list(request: Request) -> Result<String> {
    ///     let Page { page } = request.query_as()?;
    ///     Ok(format!("page {}\n", page.unwrap_or(1)))
    /// }
    /// # ringgate::Router::<()>::new().get("/", list);
    /// ```
    ///
    /// # Errors
    /// 400 if the query is no such value.
    pub fn query_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let query = self.query().unwrap_or_default();
        serde_html_form::from_str(query)
            .map_err(|error| refused(StatusCode::BAD_REQUEST, "the query", &error))
    }

    /// The path parameter of a name, decoded, as a value: `let id: u64 = request.param_as("id")?`.
    ///
    /// ```
    /// use ringgate::{Request, Result, Router, testing};
    ///
    /// async fn twice(request: Request) -> Result<String> {
    ///     let number: u64 = request.param_as("number")?;
    ///     Ok((2 * number).to_string())
    /// }
    ///
    /// let client = testing::client(Router::new().get("/{number}", twice), ());
    /// assert_eq!(client.get("/21").send().text(), "42");
    /// assert_eq!(client.get("/many").send().status(), 400);
    /// ```
    ///
    /// # Errors
    /// 400 if it is no such value, or the route has no such parameter.
    pub fn param_as<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Error> {
        let Some(text) = self.param_decoded(name) else {
            let reason = format!("the path has no {name}, or one that is not UTF-8");
            return Err(Error::new(StatusCode::BAD_REQUEST, &reason));
        };
        text.parse()
            .map_err(|error| refused(StatusCode::BAD_REQUEST, name, &error))
    }
}

fn refused(status: StatusCode, what: &str, error: &dyn Display) -> Error {
    Error::new(status, &format!("{what}: {error}"))
}

/// JSON (RFC 8259), in and out: a value of a request's body, and as an answer 200 with `application/json`.
///
/// ```
/// use ringgate::{Json, Request, Result, Router, http::StatusCode};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize, Serialize)]
/// struct Note {
///     text: String,
/// }
///
/// async fn create(mut request: Request) -> Result<(StatusCode, Json<Note>)> {
///     let Json(note): Json<Note> = request.extract().await?;
///     Ok((StatusCode::CREATED, Json(note)))
/// }
///
/// let router = Router::<()>::new().post("/notes", create);
/// ```
///
/// A request is refused with 415 if its Content-Type is no JSON, with 400 if its body is none, with 422 if that is
/// JSON and no such value, and with the status of the [`BodyError`](super::BodyError) if the body does not come whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// Whether a Content-Type is that of JSON: `application/json`, or `application/NAME+json` (RFC 6839).
fn is_json(content_type: &str) -> bool {
    let Some(mime) = media_type(content_type) else {
        return false;
    };
    let is_json = mime.subtype() == mime::JSON || mime.suffix() == Some(mime::JSON);
    mime.type_() == mime::APPLICATION && is_json
}

/// The type of a Content-Type without its parameters, which change nothing here. Before their semicolon there may be
/// blanks (RFC 9110 section 8.3.1), which `mime` 0.3.18 does not take.
fn media_type(content_type: &str) -> Option<mime::Mime> {
    let end = content_type.find(';').unwrap_or(content_type.len());
    content_type[..end].trim_matches([' ', '\t']).parse().ok()
}

/// The whole body, if it is announced to be of this type.
async fn body_of<S>(
    request: &mut Request<S>,
    name: &str,
    is_type: impl Fn(&str) -> bool,
) -> Result<Bytes, Error> {
    let content_type = request.header("content-type");
    let content_type = content_type.and_then(|value| std::str::from_utf8(value).ok());
    if !content_type.is_some_and(is_type) {
        let reason = format!("the Content-Type is not {name}");
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, &reason));
    }
    Ok(request.take_body().bytes().await?)
}

impl<S, T: DeserializeOwned> FromRequest<S> for Json<T> {
    async fn from_request(request: &mut Request<S>) -> Result<Json<T>, Error> {
        let body = body_of(request, "application/json", is_json).await?;
        serde_json::from_slice(&body).map(Json).map_err(|error| {
            let status = match error.is_data() {
                true => StatusCode::UNPROCESSABLE_ENTITY,
                false => StatusCode::BAD_REQUEST,
            };
            refused(status, "the JSON", &error)
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    /// 200 and the value; 500, and a line in the log, if it is no JSON, such as a map whose keys are no text.
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => Response::json(json),
            Err(error) => Error::from(error).into_response(),
        }
    }
}

/// A form in a request's body (`application/x-www-form-urlencoded`). Names that come more than once fill a `Vec`.
///
/// A request is refused with 415 if its Content-Type is no form, with 422 if its body is no such value, and with the
/// status of the [`BodyError`](super::BodyError) if the body does not come whole.
///
/// ```
/// use ringgate::{Form, Redirect, Request, Result, Router};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Login {
///     name: String,
/// }
///
/// async fn login(mut request: Request) -> Result<Redirect> {
///     let Form(login): Form<Login> = request.extract().await?;
///     Ok(Redirect::to(format!("/users/{}", login.name)))
/// }
///
/// let router = Router::<()>::new().post("/login", login);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form<T>(pub T);

impl<S, T: DeserializeOwned> FromRequest<S> for Form<T> {
    async fn from_request(request: &mut Request<S>) -> Result<Form<T>, Error> {
        let name = mime::APPLICATION_WWW_FORM_URLENCODED;
        let is_form =
            |content_type: &str| media_type(content_type).is_some_and(|mime| mime == name);
        let body = body_of(request, name.as_ref(), is_form).await?;
        serde_html_form::from_bytes(&body)
            .map(Form)
            .map_err(|error| refused(StatusCode::UNPROCESSABLE_ENTITY, "the form", &error))
    }
}

/// The query of a request; [`Request::query_as`] is its short form.
///
/// ```
/// use ringgate::{Query, Request, Result, Router, testing};
///
/// #[derive(serde::Deserialize)]
/// struct Page {
///     page: u32,
/// }
///
/// async fn show(mut request: Request) -> Result<String> {
///     let Query(Page { page }) = request.extract().await?;
///     Ok(format!("page {page}"))
/// }
///
/// let client = testing::client(Router::new().get("/", show), ());
/// assert_eq!(client.get("/?page=2").send().text(), "page 2");
/// assert_eq!(client.get("/?page=two").send().status(), 400);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<S, T: DeserializeOwned> FromRequest<S> for Query<T> {
    async fn from_request(request: &mut Request<S>) -> Result<Query<T>, Error> {
        request.query_as().map(Query)
    }
}
