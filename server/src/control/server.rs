//! The server's end of the control socket.
//!
//! A task on the coordinator's core, started by it. Who may speak: the user of this process and
//! root, by the kernel's word (SO_PEERCRED, unix(7)), whatever the permissions of the file say.

use super::events;
use super::protocol::{COMMAND_BYTES_MAX, Outcome, Request};
use super::serving::{receive, send, serve};
use crate::ServerHandle;
use ringgate_runtime::net::{Unix, UnixStream};
use ringgate_runtime::sys::process::user_id;
use std::os::fd::OwnedFd;

const ROOT: u32 = 0;

/// Answers on the control socket until the core ends.
pub(crate) async fn run(listener: OwnedFd, server: ServerHandle) {
    let talk = move |stream: UnixStream| talk(stream, server.clone());
    serve::<Unix, _>(listener, "control", talk).await;
}

/// One connection: command after command until the peer has no more.
async fn talk(mut stream: UnixStream, server: ServerHandle) {
    match stream.peer_credentials() {
        Ok(peer) if peer.uid == user_id() || peer.uid == ROOT => {}
        Ok(peer) => {
            let text = format!("user {} may not control this server", peer.uid);
            tracing::warn!(
                uid = peer.uid,
                pid = peer.pid,
                "refused on the control socket"
            );
            send(&mut stream, line(&Outcome::from(Err(text)))).await;
            return;
        }
        Err(_) => return,
    }
    let mut unread = Vec::new();
    while let Some(received) = receive(&mut stream).await {
        unread.extend_from_slice(&received);
        drop(received);
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let command: Vec<u8> = unread.drain(..=end).collect();
            let command = String::from_utf8_lossy(&command);
            if !answer(&mut stream, command.trim_ascii(), &server).await {
                return;
            }
        }
        if unread.len() >= COMMAND_BYTES_MAX {
            let text = format!("a command has at most {COMMAND_BYTES_MAX} bytes");
            send(&mut stream, line(&Outcome::from(Err(text)))).await;
            return;
        }
    }
}

/// Does what is asked and answers; whether the connection is still good.
async fn answer(stream: &mut UnixStream, command: &str, server: &ServerHandle) -> bool {
    let request = match command.parse() {
        Ok(request) => request,
        Err(refusal) => return send(stream, line(&Outcome::from(Err(refusal)))).await,
    };
    if request != Request::Status {
        tracing::info!(%request, "control");
    }
    let owed = server.owe_answer();
    match request {
        Request::Status => match server.status().await {
            Some(status) => send(stream, line(&status)).await,
            None => false,
        },
        Request::Events => match server.events().await {
            Ok(subscription) => {
                drop(owed);
                if send(stream, line(&Outcome::from(Ok(())))).await {
                    events::stream(stream, subscription).await;
                }
                false
            }
            Err(refusal) => send(stream, line(&Outcome::from(Err(refusal)))).await,
        },
        Request::Resize { size, wait } => {
            let done = server.set_size(size, wait).await;
            send(stream, line(&Outcome::from(done))).await
        }
        Request::Core { core, order } => {
            let done = server.order_core(core, order).await;
            send(stream, line(&Outcome::telling(done))).await
        }
        Request::Limits(change) => {
            let done = server.set_limits(change).await;
            send(stream, line(&Outcome::from(done))).await
        }
        Request::Reload => {
            let done = server.reload().await;
            send(stream, line(&Outcome::from(done))).await
        }
        Request::Upgrade(binary) => {
            let done = server.upgrade(binary).await;
            send(stream, line(&Outcome::of_upgrade(done))).await
        }
        // Answered first: the end of the server is the end of this task as well.
        Request::Drain => {
            let sent = send(stream, line(&Outcome::from(Ok(())))).await;
            server.drain();
            sent
        }
        Request::Stop => {
            let sent = send(stream, line(&Outcome::from(Ok(())))).await;
            server.stop();
            sent
        }
    }
}

fn line(answer: &impl serde::Serialize) -> Vec<u8> {
    let text = match serde_json::to_vec(answer) {
        Ok(text) => text,
        // No type that is sent here has a part that JSON cannot say.
        Err(error) => format!(r#"{{"ok":false,"error":"{error}"}}"#).into_bytes(),
    };
    [text, b"\n".to_vec()].concat()
}
