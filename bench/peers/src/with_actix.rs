//! actix-web 4 with one worker; over TLS with rustls.

use std::io;
use std::net::SocketAddr;

use actix_files::NamedFile;
use actix_web::web::Data;
use actix_web::{App, HttpResponse, HttpServer, Responder, get};

use crate::Service;

#[get("/plaintext")]
async fn plaintext() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/plain")
        .body("Hello, World!")
}

#[get("/64k")]
async fn large(service: Data<Service>) -> impl Responder {
    HttpResponse::Ok().body(service.large.clone())
}

#[get("/1m")]
async fn file(service: Data<Service>) -> io::Result<NamedFile> {
    let folder = service.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
    NamedFile::open_async(folder.join("1m")).await
}

pub fn serve(address: SocketAddr, service: Service) -> io::Result<()> {
    let tls = match &service.tls {
        None => None,
        Some(tls) => Some(tls.config()?),
    };
    let service = Data::new(service);
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(service.clone())
                .service(plaintext)
                .service(large)
                .service(file)
        })
        .workers(1)
        .keep_alive(std::time::Duration::from_secs(600))
        .client_request_timeout(std::time::Duration::from_secs(600));
        let listener = crate::listen(address)?;
        match tls {
            None => server.listen(listener)?,
            Some(config) => server.listen_rustls_0_23(listener, config)?,
        }
        .run()
        .await
    })
}
