//! ntex 3 with one worker, on its io_uring runtime.

use std::io;
use std::net::SocketAddr;

use ntex::SharedCfg;
use ntex::http::{HttpServiceConfig, KeepAlive};
use ntex::time::Seconds;
use ntex::web::{self, App, HttpResponse, HttpServer};

use crate::Service;

async fn plaintext() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain")
        .body("Hello, World!")
}

async fn echo(body: ntex::util::Bytes) -> HttpResponse {
    HttpResponse::Ok().body(body)
}

pub fn serve(address: SocketAddr, service: Service) -> io::Result<()> {
    let large: &'static [u8] = Vec::from(service.large).leak();
    ntex::rt::System::new("race", ntex::rt::DefaultRuntime).block_on(async move {
        let config = HttpServiceConfig::new()
            .set_keepalive(KeepAlive::Os)
            .set_client_timeout(Seconds(600));
        HttpServer::new(async move || {
            App::new()
                .service(web::resource("/plaintext").route(web::get().to(plaintext)))
                .service(web::resource("/echo").route(web::post().to(echo)))
                .service(
                    web::resource("/64k")
                        .route(web::get().to(async move || HttpResponse::Ok().body(large))),
                )
        })
        .workers(1)
        .config(SharedCfg::new("race").add(config))
        .listen(crate::listen(address)?)?
        .run()
        .await
    })
}
