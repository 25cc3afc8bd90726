//! A monoio loop with httparse, on its io_uring driver with the ring flags its builder allows.

use std::io;
use std::net::SocketAddr;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};

use crate::plaintext::{Next, READ_BYTES, answer};

async fn connection(mut stream: TcpStream) -> io::Result<()> {
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
    let mut ring = io_uring::IoUring::builder();
    ring.setup_single_issuer().setup_coop_taskrun();
    let mut runtime = RuntimeBuilder::<IoUringDriver>::new()
        .with_entries(1024)
        .uring_builder(ring)
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(crate::listen(address)?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            monoio::spawn(async move {
                // A client that goes away is not this server's error.
                let _ = connection(stream).await;
            });
        }
    })
}
