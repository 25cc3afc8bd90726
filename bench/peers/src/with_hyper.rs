//! hyper 1 on tokio's current-thread runtime, one a core; HTTP/1.1 with `pipeline_flush` or HTTP/2; over TLS with
//! tokio-rustls.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_util::io::ReaderStream;

use crate::{Service, contest};

/// Bytes read from a file at once.
const FILE_PIECE_BYTES: usize = 64 * 1024;

/// A file of known length, read on tokio's threads for blocking work.
struct FileBody {
    pieces: ReaderStream<tokio::fs::File>,
    length: u64,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let pieces = Pin::new(&mut self.pieces);
        let piece = std::task::ready!(futures_core::Stream::poll_next(pieces, context));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

type Answer = Response<Either<Full<Bytes>, FileBody>>;

async fn handle(request: Request<Incoming>, service: Arc<Service>) -> io::Result<Answer> {
    let whole = |bytes: Bytes| Response::new(Either::Left(Full::new(bytes)));
    let path = request.uri().path();
    if request.method() == Method::GET && path == "/plaintext" {
        let mut response = whole(Bytes::from_static(b"Hello, World!"));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        return Ok(response);
    }
    if request.method() == Method::GET && path == "/64k" {
        return Ok(whole(service.large.clone()));
    }
    if request.method() == Method::POST && path == "/echo" {
        let body = request.collect().await.map_err(io::Error::other)?;
        return Ok(whole(body.to_bytes()));
    }
    if request.method() == Method::GET
        && path == "/1m"
        && let Some(file) = service.folder.as_ref().map(|folder| folder.join("1m"))
    {
        let file = tokio::fs::File::open(file).await?;
        let length = file.metadata().await?.len();
        let pieces = ReaderStream::with_capacity(file, FILE_PIECE_BYTES);
        return Ok(Response::new(Either::Right(FileBody { pieces, length })));
    }
    if request.method() == Method::GET
        && let Some(answer) = of_contest(&request, &service).await?
    {
        return Ok(answer.map(Either::Left));
    }
    let mut response = whole(Bytes::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

/// The answer to a profile of the contest, if the path is one of them.
async fn of_contest(
    request: &Request<Incoming>,
    service: &Service,
) -> io::Result<Option<Response<Full<Bytes>>>> {
    let uri = request.uri();
    let (path, query) = (uri.path(), uri.query().unwrap_or(""));
    let text = |text: String| Response::new(Full::new(Bytes::from(text)));
    if path == "/baseline11" {
        let sum = contest::operand(query, "a").zip(contest::operand(query, "b"));
        return Ok(sum.map(|(a, b)| text(a.wrapping_add(b).to_string())));
    }
    if let Some(ms) = path.strip_prefix("/delay/") {
        let Ok(ms) = ms.parse() else { return Ok(None) };
        tokio::time::sleep(Duration::from_millis(ms)).await;
        return Ok(Some(text(ms.to_string())));
    }
    let Some(count) = path
        .strip_prefix("/json/")
        .and_then(|text| text.parse().ok())
    else {
        return Ok(None);
    };
    let json = (service.items).priced(count, contest::operand(query, "m").unwrap_or(1))?;
    let accepted = request.headers().get(ACCEPT_ENCODING);
    let is_compressed = contest::takes_gzip(accepted.map(HeaderValue::as_bytes));
    let bytes = match is_compressed {
        true => contest::gzip(&json)?,
        false => json,
    };
    let mut response = Response::new(Full::new(Bytes::from(bytes)));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if is_compressed {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(Some(response))
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Arc<Service>,
) {
    let is_http2 = service.http2;
    let handler = service_fn(move |request| handle(request, service.clone()));
    // A client that goes away is not this server's error.
    if is_http2 {
        let server = http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), handler).await;
        return;
    }
    let mut server = http1::Builder::new();
    server.pipeline_flush(true);
    let _ = server.serve_connection(TokioIo::new(stream), handler).await;
}

pub fn serve(address: SocketAddr, service: Service) -> io::Result<()> {
    let acceptor = match &service.tls {
        None => None,
        Some(tls) => {
            let mut config = tls.config()?;
            if service.http2 {
                config.alpn_protocols = vec![b"h2".to_vec()];
            }
            Some(TlsAcceptor::from(Arc::new(config)))
        }
    };
    let service = Arc::new(service);
    // Each thread has a runtime, a listener and connections of its own, so that threads share nothing.
    std::thread::scope(|scope| {
        for _ in 1..service.cores {
            let (acceptor, service) = (acceptor.clone(), service.clone());
            scope.spawn(move || serve_on_this_thread(address, acceptor, service));
        }
        serve_on_this_thread(address, acceptor, service.clone())
    })
}

fn serve_on_this_thread(
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    service: Arc<Service>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = crate::listen_beside_others(address, service.cores > 1)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (acceptor, service) = (acceptor.clone(), service.clone());
            tokio::spawn(async move {
                match acceptor {
                    None => connection(stream, service).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            connection(stream, service).await;
                        }
                    }
                }
            });
        }
    })
}
