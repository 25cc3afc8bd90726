//! A ringline handler with httparse, on one worker: multishot receives into provided buffers. Its acceptor
//! is a thread of its own, as its builder has it.

use std::io;
use std::net::SocketAddr;

use ringline::{AsyncEventHandler, ConfigBuilder, ConnCtx, ParseResult, RinglineBuilder};

use crate::plaintext::{Next, answer};

struct Handler;

impl AsyncEventHandler for Handler {
    fn on_accept(&self, connection: ConnCtx) -> impl Future<Output = ()> + 'static {
        async move {
            let mut output = Vec::new();
            loop {
                let mut next = Next::Keep;
                let consumed = connection
                    .with_data(|data| {
                        // The parser takes what it has used from the front.
                        let mut input = data.to_vec();
                        next = answer(&mut input, &mut output);
                        match data.len() - input.len() {
                            0 => ParseResult::NeedMore,
                            used => ParseResult::Consumed(used),
                        }
                    })
                    .await;
                if consumed == 0 {
                    return;
                }
                if next == Next::Close {
                    // Closed once the answer is out.
                    if let Ok(sent) = connection.send(&output) {
                        let _ = sent.await;
                    }
                    return connection.close();
                }
                if connection.send_nowait(&output).is_err() {
                    return connection.close();
                }
                output.clear();
            }
        }
    }

    fn create_for_worker(_: usize) -> Self {
        Self
    }
}

pub fn serve(address: SocketAddr) -> io::Result<()> {
    let config = ConfigBuilder::new()
        .workers(1)
        .pin_to_core(false)
        .backlog(4096)
        .recv_buffer(512, 2048)
        .no_fs()
        .resolver_threads(0)
        .spawner_threads(0)
        .blocking_threads(0)
        .build()
        .map_err(io::Error::other)?;
    let (_shutdown, workers) = RinglineBuilder::new(config)
        .bind(address)
        .launch::<Handler>()
        .map_err(io::Error::other)?;
    for worker in workers {
        let ended = worker
            .join()
            .map_err(|_| io::Error::other("a worker panicked"))?;
        ended.map_err(io::Error::other)?;
    }
    Ok(())
}
