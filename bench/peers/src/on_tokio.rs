//! The accept loop of the peers that only echo messages: tokio's current-thread runtime, TLS with tokio-rustls.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use crate::Service;

/// A connection, with TLS on the right.
pub type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Serves each connection with `connection`, in a task of its own.
pub fn serve<Connection>(
    address: SocketAddr,
    service: &Service,
    connection: fn(Stream) -> Connection,
) -> io::Result<()>
where
    Connection: Future<Output = ()> + Send + 'static,
{
    let acceptor = match &service.tls {
        None => None,
        Some(tls) => Some(TlsAcceptor::from(Arc::new(tls.config()?))),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = crate::listen(address)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    None => connection(Either::Left(stream)).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            connection(Either::Right(stream)).await;
                        }
                    }
                }
            });
        }
    })
}
