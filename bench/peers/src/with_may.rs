//! may_minihttp on one worker. Its loop keeps every connection, whatever a request says.

use std::io;
use std::net::SocketAddr;

use may_minihttp::{HttpServer, HttpService, Request, Response};

#[derive(Clone)]
struct Service;

impl HttpService for Service {
    fn call(&mut self, request: Request, response: &mut Response) -> io::Result<()> {
        match request.path() {
            "/plaintext" => response
                .header("Content-Type: text/plain")
                .body("Hello, World!"),
            _ => {
                response.status_code(404, "Not Found");
            }
        }
        Ok(())
    }
}

pub fn serve(address: SocketAddr) -> io::Result<()> {
    may::config().set_workers(1).set_worker_pin(false);
    let server = HttpServer(Service).start(address)?;
    server
        .join()
        .map_err(|_| io::Error::other("the accepting coroutine panicked"))
}
