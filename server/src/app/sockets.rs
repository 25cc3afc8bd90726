//! `/ws`: a WebSocket that sends each message back, for trying clients and for measuring what the server itself
//! costs.

use super::AppState;
use crate::handler::websocket::{Message, OnMessage, Socket};
use crate::handler::{Request, Response, Router, WebSocket};

/// The name under which the next process takes the sockets of `/ws` up.
const NAME: &str = "ringgate-echo";

/// Sends each message back.
struct Echo;

impl OnMessage for Echo {
    #[inline]
    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        // A client that has been told Close gets no answer.
        let _ = socket.send(message);
    }

    fn hand_over(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

pub(super) fn routes(router: Router<AppState>) -> Router<AppState> {
    let sockets = WebSocket::new().compressed().named(NAME);
    let router = router.restore_websocket(&sockets, |_, _| Some(Echo));
    router.get("/ws", move |request| {
        let answer = accept(&sockets, &request);
        async { answer }
    })
}

fn accept(sockets: &WebSocket, request: &Request<AppState>) -> Response {
    sockets.accept(request, Echo)
}
