//! A compio loop with httparse, on its io_uring driver with the ring flags its builder allows.

use std::io;
use std::net::SocketAddr;

use compio::BufResult;
use compio::driver::ProactorBuilder;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::RuntimeBuilder;

use crate::plaintext::{Next, READ_BYTES, answer};

async fn connection(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    let (mut input, mut output) = (Vec::new(), Vec::new());
    loop {
        buffer.clear();
        let BufResult(n, filled) = stream.read(buffer).await;
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
            let BufResult(written, emptied) = stream.write_all(output).await;
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
    let mut driver = ProactorBuilder::new();
    driver
        .capacity(1024)
        .single_issuer(true)
        .defer_taskrun(true);
    let runtime = RuntimeBuilder::new().with_proactor(driver).build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(crate::listen(address)?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let task = compio::runtime::spawn(async move {
                // A client that goes away is not this server's error.
                let _ = connection(stream).await;
            });
            task.detach();
        }
    })
}
