//! The server's end of the control socket.
//!
//! A task on the coordinator's core, started by it. The user of this process and root may speak, by
//! the kernel's word (SO_PEERCRED, unix(7)), whatever the permissions of the file say.

use super::events;
use super::protocol::{COMMAND_BYTES_MAX, Outcome, Request};
use super::serving::{CONNECTIONS_MAX, Peer, deadline, serve};
use crate::ServerHandle;
use ringgate_runtime::net::Unix;
use ringgate_runtime::sys::process::user_id;
use std::os::fd::OwnedFd;

const ROOT: u32 = 0;

/// Answers on the control socket until the core ends.
pub(crate) async fn run(listener: OwnedFd, server: ServerHandle) {
    let talk = move |peer: Peer<Unix>| talk(peer, server.clone());
    let full = || {
        let text = format!(
            "{CONNECTIONS_MAX} commands are being answered on this socket already; end one, or ask again later"
        );
        line(&Outcome::from(Err(text)))
    };
    serve::<Unix, _>(listener, "control", full, talk).await;
}

/// One connection: command after command until the peer has no more.
async fn talk(mut peer: Peer<Unix>, server: ServerHandle) {
    match peer.stream.peer_credentials() {
        Ok(who) if who.uid == user_id() || who.uid == ROOT => {}
        Ok(who) => {
            let text = format!("user {} may not control this server", who.uid);
            tracing::warn!(
                uid = who.uid,
                pid = who.pid,
                "refused on the control socket"
            );
            peer.send(line(&Outcome::from(Err(text)))).await;
            return;
        }
        Err(_) => return,
    }
    let mut unread = Vec::new();
    let mut until = deadline();
    while let Some(received) = peer.receive(until).await {
        unread.extend_from_slice(&received);
        drop(received);
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let command: Vec<u8> = unread.drain(..=end).collect();
            let command = String::from_utf8_lossy(&command);
            peer.is_heard();
            if !answer(&mut peer, command.trim_ascii(), &mut unread, &server).await {
                return;
            }
            until = deadline();
        }
        if unread.len() >= COMMAND_BYTES_MAX {
            let text = format!("a command has at most {COMMAND_BYTES_MAX} bytes");
            peer.send(line(&Outcome::from(Err(text)))).await;
            return;
        }
    }
}

/// Does what is asked and answers; whether the connection is still good. `unread` is what the peer has said beyond that.
async fn answer(
    peer: &mut Peer<Unix>,
    command: &str,
    unread: &mut Vec<u8>,
    server: &ServerHandle,
) -> bool {
    let request = match command.parse() {
        Ok(request) => request,
        Err(refusal) => return peer.send(line(&Outcome::from(Err(refusal)))).await,
    };
    if request != Request::Status {
        tracing::info!(%request, "control");
    }
    let owed = server.owe_answer();
    match request {
        Request::Status => match server.status().await {
            Some(status) => peer.send(line(&status)).await,
            None => false,
        },
        Request::Events => match server.events().await {
            Ok(subscription) => {
                drop(owed);
                if peer.send(line(&Outcome::from(Ok(())))).await {
                    events::stream(&mut peer.stream, subscription).await;
                }
                false
            }
            Err(refusal) => peer.send(line(&Outcome::from(Err(refusal)))).await,
        },
        Request::Resize { size, wait } => {
            let done = server.set_size(size, wait);
            match peer.answered(unread, COMMAND_BYTES_MAX, done).await {
                Some(done) => peer.send(line(&Outcome::from(done))).await,
                None => false,
            }
        }
        Request::Core { core, order } => {
            let done = server.order_core(core, order).await;
            peer.send(line(&Outcome::telling(done))).await
        }
        Request::Limits(change) => {
            let done = server.set_limits(change).await;
            peer.send(line(&Outcome::from(done))).await
        }
        Request::Reload => {
            let done = server.reload().await;
            peer.send(line(&Outcome::from(done))).await
        }
        Request::Upgrade(binary) => {
            let done = server.upgrade(binary);
            match peer.answered(unread, COMMAND_BYTES_MAX, done).await {
                Some(done) => peer.send(line(&Outcome::of_upgrade(done))).await,
                None => false,
            }
        }
        // Answered first: the end of the server is the end of this task as well.
        Request::Drain => {
            let sent = peer.send(line(&Outcome::from(Ok(())))).await;
            server.drain();
            sent
        }
        Request::Stop => {
            let sent = peer.send(line(&Outcome::from(Ok(())))).await;
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
