//! The same application on two servers, each on a port of its own and with an end.

use axum::Router;
use ringgate::config::{Config, ControlPath, CoreSpec, LogLevel};
use ringgate::{Running, Server, tower};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use tokio::sync::oneshot;

/// A server that ends when it is dropped.
pub struct Served {
    address: SocketAddr,
    running: Option<Running>,
    end: Option<oneshot::Sender<()>>,
}

impl Served {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The server of Ringgate.
    ///
    /// # Panics
    /// If it is axum's.
    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("served by Ringgate")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(running) = self.running.take() {
            running.handle().stop();
            let ended = running.join();
            if !std::thread::panicking() {
                assert!(ended.requests.balances(), "{:?}", ended.requests);
            }
        }
    }
}

/// Serves `app` with `axum::serve`, on a runtime with two threads.
pub fn over_axum(app: Router) -> Served {
    let (end, ended) = oneshot::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("a port");
            tell.send(listener.local_addr().expect("bound"))
                .expect("heard");
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            tokio::select! {
                served = axum::serve(listener, app) => served.expect("served"),
                _ = ended => {}
            }
        });
        runtime.shutdown_background();
    });
    Served {
        address: told.recv().expect("it listens"),
        running: None,
        end: Some(end),
    }
}

/// Serves `app` with Ringgate, on two cores.
pub fn over_ringgate(app: Router) -> Served {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    serve(tower::router(app))
}

/// Serves a router of Ringgate, on two cores.
pub fn serve(router: ringgate::Router<()>) -> Served {
    let mut config = Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        cores: CoreSpec::Exactly(NonZeroU32::new(2).expect("some")),
        control: ControlPath::Off,
        ..Config::default()
    };
    config.log.level = LogLevel::Error;
    let running = Server::new(config, router).start().expect("it starts");
    let address = running.handle().addresses()[0].parse().expect("TCP");
    Served {
        address,
        running: Some(running),
        end: None,
    }
}
