//! `/chat`: a page on which everybody reads what anybody writes. `/chat/ws` passes each text on to all WebSockets
//! there, on whatever core, by way of one hub.
//!
//! The meaning of the texts is the page's affair: the server passes them on as they are, and keeps the newest in
//! memory.

use super::AppState;
use super::page;
use crate::events::Hub;
use crate::handler::websocket::{CloseCode, Message, OnMessage, Socket};
use crate::handler::{Request, Router, WebSocket};

const PAGE: &str = include_str!("chat.html");
/// The name under which the next process takes the sockets of `/chat/ws` up.
const NAME: &str = "ringgate-chat";
/// Texts that are kept, for guests that come, come back, or are slow.
const KEPT: usize = 1000;
/// Longest text.
const TEXT_BYTES_MAX: usize = 4096;

/// A guest of the chat.
struct Guest {
    chat: Hub,
    /// How many of the newest texts it reads first.
    recent: u64,
}

impl OnMessage for Guest {
    fn arrived(&mut self, socket: &mut Socket<'_>) {
        let after = self.chat.last_id().saturating_sub(self.recent);
        socket.follow(&self.chat, Some(after));
    }

    fn message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        match message {
            Message::Text(text) => drop(self.chat.publish(text.as_bytes().to_vec())),
            Message::Binary(_) => socket.close(CloseCode::UNSUPPORTED, "texts are passed on here"),
        }
    }

    fn hand_over(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

pub(super) fn routes(router: Router<AppState>) -> Router<AppState> {
    let chat = Hub::new(KEPT);
    let goes_on = chat.clone();
    let sockets = WebSocket::new()
        .compressed()
        .message_size(TEXT_BYTES_MAX)
        .named(NAME);
    router
        .restore_websocket(&sockets, move |_, _| {
            let (chat, recent) = (goes_on.clone(), 0);
            Some(Guest { chat, recent })
        })
        .get("/chat", |_: Request<AppState>| async { page::serve(PAGE) })
        .get("/chat/ws", move |request: Request<AppState>| {
            let (chat, recent) = (chat.clone(), recent(request.query()));
            let answer = sockets.accept(&request, Guest { chat, recent });
            async { answer }
        })
}

/// How many texts a guest wants to read first: `recent=20`.
fn recent(query: Option<&str>) -> u64 {
    let pairs = query.unwrap_or_default().split('&');
    let mut wanted = pairs.filter_map(|pair| pair.strip_prefix("recent="));
    wanted.next().map_or(0, |many| many.parse().unwrap_or(0))
}
