//! xitca-web with one worker, on io_uring.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use xitca_web::App;
use xitca_web::handler::handler_service;
use xitca_web::handler::state::StateRef;
use xitca_web::route::{get, post};

use crate::Service;

async fn plaintext() -> &'static str {
    "Hello, World!"
}

async fn large(StateRef(body): StateRef<'_, Bytes>) -> Bytes {
    body.clone()
}

async fn echo(body: Bytes) -> Bytes {
    body
}

pub fn serve(address: SocketAddr, service: Service) -> io::Result<()> {
    App::new()
        .with_state(service.large)
        .at("/plaintext", get(handler_service(plaintext)))
        .at("/64k", get(handler_service(large)))
        .at("/echo", post(handler_service(echo)))
        .serve()
        .enable_io_uring()
        .worker_threads(1)
        .keep_alive_timeout(Duration::from_secs(600))
        .request_head_timeout(Duration::from_secs(600))
        .listen(crate::listen(address)?)?
        .run()
        .wait()
}
