//! actix-web 4 with a worker a core, and actix-ws; over TLS with rustls.

use std::io;
use std::net::SocketAddr;

use actix_files::NamedFile;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, get, post, web};
use actix_ws::Message;

use crate::{Service, contest};

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

#[post("/echo")]
async fn echo(body: Bytes) -> impl Responder {
    HttpResponse::Ok().body(body)
}

#[get("/1m")]
async fn file(service: Data<Service>) -> io::Result<NamedFile> {
    let folder = service.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
    NamedFile::open_async(folder.join("1m")).await
}

#[derive(serde::Deserialize)]
struct Operands {
    a: i64,
    b: i64,
}

#[get("/baseline11")]
async fn sum(operands: web::Query<Operands>) -> impl Responder {
    operands.a.wrapping_add(operands.b).to_string()
}

#[get("/delay/{ms}")]
async fn delay(ms: web::Path<u64>) -> impl Responder {
    actix_web::rt::time::sleep(std::time::Duration::from_millis(*ms)).await;
    ms.to_string()
}

#[derive(serde::Deserialize)]
struct Factor {
    m: Option<i64>,
}

#[get("/json/{count}")]
async fn items(
    request: HttpRequest,
    service: Data<Service>,
    count: web::Path<usize>,
    factor: web::Query<Factor>,
) -> io::Result<HttpResponse> {
    let json = service.items.priced(*count, factor.m.unwrap_or(1))?;
    let accepted = request.headers().get(ACCEPT_ENCODING);
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    match contest::takes_gzip(accepted.map(|value| value.as_bytes())) {
        false => Ok(response.body(json)),
        true => {
            response.insert_header((CONTENT_ENCODING, "gzip"));
            Ok(response.body(contest::gzip(&json)?))
        }
    }
}

#[get("/ws")]
async fn messages(request: HttpRequest, body: web::Payload) -> actix_web::Result<impl Responder> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(async move {
        while let Some(Ok(message)) = messages.recv().await {
            let sent = match message {
                Message::Text(text) => session.text(text).await,
                Message::Binary(bytes) => session.binary(bytes).await,
                Message::Ping(bytes) => session.pong(&bytes).await,
                Message::Close(reason) => return session.close(reason).await,
                _ => Ok(()),
            };
            sent?;
        }
        Ok(())
    });
    Ok(response)
}

pub fn serve(address: SocketAddr, service: Service) -> io::Result<()> {
    let tls = match &service.tls {
        None => None,
        Some(tls) => Some(tls.config()?),
    };
    let cores = usize::from(service.cores);
    let service = Data::new(service);
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(service.clone())
                .service(plaintext)
                .service(large)
                .service(file)
                .service(echo)
                .service(messages)
                .service(sum)
                .service(delay)
                .service(items)
        })
        .workers(cores)
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
