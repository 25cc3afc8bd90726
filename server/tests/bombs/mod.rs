//! Values of an application that panic as they are dropped, and answers that hold one.

use ringgate::handler::websocket::{Message, OnMessage, Socket};
use ringgate::{Body, Response};

/// Panics as it is dropped, as a value of an application may.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("provoked by a drop");
    }
}

impl OnMessage for Bomb {
    fn message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}
}

/// An answer whose body holds one.
pub(crate) fn bombed(status: u16) -> Response {
    let bomb = Bomb;
    let body = Body::writer(move |_out| async move {
        let _bomb = bomb;
        std::future::pending().await
    });
    let status = status.try_into().expect("a status");
    Response::text("").with_body(body).with_status(status)
}
