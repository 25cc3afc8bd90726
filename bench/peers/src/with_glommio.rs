//! A glommio loop with httparse, on one executor.

use std::io;
use std::net::SocketAddr;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{GlommioError, LocalExecutorBuilder, Placement};

use crate::plaintext::{Next, READ_BYTES, answer};

async fn connection(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    let (mut input, mut output) = (Vec::new(), Vec::new());
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        input.extend_from_slice(&buffer[..n]);
        let next = answer(&mut input, &mut output);
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
        if next == Next::Close {
            return Ok(());
        }
    }
}

/// Errors of glommio may hold values that cannot be shared between threads.
fn plain(error: GlommioError<()>) -> io::Error {
    io::Error::other(error.to_string())
}

pub fn serve(address: SocketAddr) -> io::Result<()> {
    let executor = LocalExecutorBuilder::new(Placement::Unbound)
        .make()
        .map_err(plain)?;
    executor.run(async move {
        // Its listener makes its own socket, with a backlog of 1024.
        let listener = TcpListener::bind(address).map_err(plain)?;
        loop {
            let stream = listener.accept().await.map_err(plain)?;
            stream.set_nodelay(true).map_err(plain)?;
            let task = glommio::spawn_local(async move {
                // A client that goes away is not this server's error.
                let _ = connection(stream).await;
            });
            task.detach();
        }
    })
}
