//! Clients of TLS with long certificates, whose agreement is too long to go to another process, over the simulated
//! ring and in virtual time.

#[path = "program/any_server.rs"]
mod any_server;
#[path = "tls/simulated.rs"]
#[allow(dead_code, reason = "no test uses all of it")]
mod simulated;

use ringgate::config::{CertificateSource, Config, Endpoint, ListenAddr};
use ringgate::runtime::sleep;
use ringgate::simulation::Simulation;
use ringgate::{Request, Router};
use rustls::pki_types::PrivateKeyDer;
use simulated::{TlsClient, anybody};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A server that asks clients for a certificate, and a client that shows one for so many names.
fn simulate(names: usize) -> (Simulation, TlsClient) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = (0..names).map(|nth| format!("one-of-many-names-{nth}.example"));
    let params = rcgen::CertificateParams::new(names.collect::<Vec<_>>()).expect("names");
    let certificate = params.self_signed(&key).expect("signed");
    let path = std::env::temp_dir().join(format!(
        "ringgate-roots-{}-{:x}",
        std::process::id(),
        certificate.der().as_ptr() as usize
    ));
    std::fs::write(&path, certificate.pem()).expect("a file");
    let mut config = Config::default();
    let address: ListenAddr = "127.0.0.1:0".parse().expect("an address");
    config.listen = vec![Endpoint::https(address)];
    config.tls.certificates = vec![CertificateSource::SelfSigned];
    config.tls.client_ca = Some(path.clone());
    config.drain.keepalive_grace = SECOND;
    let router = Router::new()
        .get("/chain", |request: Request| async move {
            let tls = request.tls().expect("it is TLS");
            let chain = tls.client_chain().map(<[u8]>::len);
            format!("{} bytes", chain.sum::<usize>())
        })
        .get("/later", |_: Request| async {
            sleep(SECOND).await;
            "later"
        });
    let simulation = Simulation::new(&config, router, 1);
    std::fs::remove_file(&path).expect("it is there");
    let chain = vec![certificate.der().clone()];
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let terms = anybody()
        .with_client_auth_cert(chain, private)
        .expect("a pair");
    let client = TlsClient::of(simulation.connect(), 0, terms);
    (simulation, client)
}

#[test]
fn a_client_whose_certificate_is_too_long_to_go_along_is_told_the_end_at_a_hand_over() {
    for (names, goes) in [(1, true), (600, false)] {
        // Between two requests, and with one that runs.
        for asks in [false, true] {
            let (mut simulation, mut client) = simulate(names);
            client.get("/chain");
            client.until(&mut simulation, |client| client.heard.ends_with(b" bytes"));
            client.heard.clear();
            if asks {
                client.get("/later");
                simulation.run_until(|simulation| simulation.ledgers(0).1.running == 1);
            }
            simulation.hand_over(0);
            let began = simulation.world().now();
            while simulation.ledgers(0).0.open > 0 {
                simulation.turn();
                client.hear();
                let took = simulation.world().now() - began;
                assert!(took < 5 * SECOND, "{names} names: it stays");
            }
            let connections = simulation.ledgers(0).0;
            let ends = (connections.handed_out, connections.finished);
            assert_eq!(ends, if goes { (1, 0) } else { (0, 1) });
            assert_eq!(client.told_end, !goes);
            if asks {
                let heard = String::from_utf8(client.heard).expect("text");
                assert!(heard.ends_with("later"), "{heard}");
                assert_eq!(heard.contains("Connection: close"), !goes, "{heard}");
            }
        }
    }
}
