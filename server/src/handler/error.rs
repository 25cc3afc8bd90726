//! The error of a handler: whatever went wrong, as the answer that a client gets for it.
//!
//! Made by `?` in handlers that return [`Result`]. The answer holds what a client may know; one
//! line in the log holds the rest.

use super::body::BodyError;
use super::response::{IntoResponse, Response};
use http::StatusCode;
use ringgate_runtime::lane::LaneError;
use std::any::Any;
use std::fmt;

/// The result of a handler that may fail: `Err` is an answer, too.
///
/// ```
/// use ringgate::{Error, Request, Router, http::StatusCode};
///
/// async fn show(request: Request) -> ringgate::Result<String> {
///     // A 400 if it is no number.
///     let id: u32 = request.param_as("id")?;
///     if id == 0 {
///         return Err(Error::new(StatusCode::NOT_FOUND, "there is no such note"));
///     }
///     // A 500, and a line in the log, if the file cannot be read.
///     Ok(std::fs::read_to_string(format!("/srv/notes/{id}"))?)
/// }
///
/// let router = Router::<()>::new().get("/notes/{id}", show);
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that is an answer.
///
/// Every [`std::error::Error`] becomes one by `?`. [`BodyError`] and [`LaneError`] are the answers that they are
/// as [`IntoResponse`]; any other is a 500 that says nothing, and a line in the log that says all.
/// [`Error::new`] and [`Error::from`] a [`Response`] make those that clients are to read.
///
/// Not an [`std::error::Error`] itself, so that all of those can become one.
pub struct Error(Box<Response>);

impl Error {
    /// An error that clients are told: a status, and a line of text.
    ///
    /// ```
    /// use ringgate::{Error, Result, Router, http::StatusCode, testing};
    ///
    /// let gone = async |_| -> Result<&str> { Err(Error::new(StatusCode::GONE, "sold out")) };
    /// let answer = testing::client(Router::new().get("/", gone), ()).get("/").send();
    /// assert_eq!((answer.status(), answer.text()), (StatusCode::GONE, "410 Gone: sold out\n"));
    /// ```
    pub fn new(status: StatusCode, reason: &str) -> Error {
        Response::error(status, reason).into()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }
}

impl From<Response> for Error {
    fn from(response: Response) -> Error {
        Error(Box::new(response))
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Error {
        let mut error = Some(error);
        let known: &mut dyn Any = &mut error;
        let response = if let Some(error) = known.downcast_mut::<Option<BodyError>>() {
            error.take().map(IntoResponse::into_response)
        } else if let Some(error) = known.downcast_mut::<Option<LaneError>>() {
            error.take().map(IntoResponse::into_response)
        } else {
            error.map(|error| unexpected(&error))
        };
        response.unwrap_or_else(Response::failed).into()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer {}", self.status())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The answer to an error that clients need not know: what it is stands in the log.
#[cold]
fn unexpected(error: &(dyn std::error::Error + 'static)) -> Response {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    tracing::error!(error = %text, "a handler failed; its request is answered with 500");
    Response::failed()
}

impl IntoResponse for Box<dyn std::error::Error> {
    /// A 500, and a line in the log.
    fn into_response(self) -> Response {
        unexpected(&*self)
    }
}

impl IntoResponse for Box<dyn std::error::Error + Send + Sync> {
    /// A 500, and a line in the log.
    fn into_response(self) -> Response {
        unexpected(&*self)
    }
}

impl IntoResponse for BodyError {
    /// The status of the refusal, or a 400 that nobody will read; the connection ends with it.
    fn into_response(self) -> Response {
        match self {
            BodyError::Refused(status, reason) => Response::error(status, reason).closing(),
            BodyError::Cut => {
                Response::error(StatusCode::BAD_REQUEST, "the body was cut off").closing()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(error: impl Into<Error>) -> StatusCode {
        error.into().into_response().status()
    }

    #[test]
    fn an_error_of_a_body_or_a_lane_keeps_its_status_and_any_other_is_a_500() {
        let large = BodyError::Refused(StatusCode::PAYLOAD_TOO_LARGE, "too large");
        assert_eq!(status(large), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(status(BodyError::Cut), StatusCode::BAD_REQUEST);
        assert_eq!(status(LaneError::Full), StatusCode::SERVICE_UNAVAILABLE);
        let other = std::io::Error::other("the disk");
        assert_eq!(status(other), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(status(Response::new(StatusCode::GONE)), StatusCode::GONE);
        let boxed: Box<dyn std::error::Error> = "some text".into();
        let status = boxed.into_response().status();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
