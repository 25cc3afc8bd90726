//! fastwebsockets on hyper and tokio's current-thread runtime: an echo of each message; over TLS with
//! tokio-rustls. Without its `FragmentCollector` it would send frames back masked, which no client takes.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, is_upgrade_request, upgrade};
use fastwebsockets::{FragmentCollector, OpCode, WebSocketError};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::{Service, on_tokio};

async fn echo(upgraded: UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(upgraded.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn handle(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    if !is_upgrade_request(&request) {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let (response, upgraded) = upgrade(&mut request)?;
    tokio::spawn(async move {
        // A client that goes away is not this server's error.
        let _ = echo(upgraded).await;
    });
    Ok(response)
}

async fn connection(stream: on_tokio::Stream) {
    let server = http1::Builder::new();
    let served = server
        .serve_connection(TokioIo::new(stream), service_fn(handle))
        .with_upgrades();
    let _ = served.await;
}

pub fn serve(address: SocketAddr, service: Service) -> io::Result<()> {
    on_tokio::serve(address, &service, connection)
}
