//! tokio-tungstenite on tokio's current-thread runtime: an echo of each message, forwarded as in its own
//! example, so that the answers of a batch are flushed together; over TLS with tokio-rustls.

use std::future::ready;
use std::io;
use std::net::SocketAddr;

use futures_util::{StreamExt, TryStreamExt};

use crate::{Service, on_tokio};

async fn connection(stream: on_tokio::Stream) {
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let (sink, stream) = socket.split();
    let messages = stream.try_filter(|message| ready(message.is_text() || message.is_binary()));
    // A client that goes away is not this server's error.
    let _ = messages.forward(sink).await;
}

pub fn serve(address: SocketAddr, service: Service) -> io::Result<()> {
    on_tokio::serve(address, &service, connection)
}
