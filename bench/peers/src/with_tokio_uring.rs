//! A tokio-uring loop with httparse, with the ring flags its builder allows.

use std::io;
use std::net::SocketAddr;

use tokio_uring::net::{TcpListener, TcpStream};

use crate::plaintext::{Next, READ_BYTES, answer};

async fn connection(stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    let (mut input, mut output) = (Vec::new(), Vec::new());
    loop {
        buffer.clear();
        let (n, filled) = stream.read(buffer).await;
        buffer = filled;
        if n? == 0 {
            return Ok(());
        }
        // Whole batches, the usual case, are parsed in the buffer they were read into.
        let next = if input.is_empty() {
            let next = answer(&mut buffer, &mut output);
            input.extend_from_slice(&buffer);
            next
        } else {
            input.extend_from_slice(&buffer);
            answer(&mut input, &mut output)
        };
        if !output.is_empty() {
            let (written, emptied) = stream.write_all(output).await;
            written?;
            output = emptied;
            output.clear();
        }
        if next == Next::Close {
            return Ok(());
        }
    }
}

pub fn serve(address: SocketAddr) -> io::Result<()> {
    let mut ring = tokio_uring::uring_builder();
    ring.setup_single_issuer().setup_coop_taskrun();
    tokio_uring::builder()
        .entries(1024)
        .uring_builder(&ring)
        .start(async {
            let listener = TcpListener::from_std(crate::listen(address)?);
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio_uring::spawn(async move {
                    // A client that goes away is not this server's error.
                    let _ = connection(stream).await;
                });
            }
        })
}
