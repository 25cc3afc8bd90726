//! HTTP/2 through everything that a server goes through: another implementation's client keeps its one connection, its
//! tables and its windows, and misses no answer.

use crate::upgrade::Lineage;
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use std::time::Duration;

const KIND: &str = "application/x-thing-that-only-tables-know; a=b";

/// Gets a body back with its type, both of which went through the tables of the connection.
async fn echo(client: &SendRequest<Bytes>, body: String) {
    let mut client = client.clone().ready().await.expect("room for a stream");
    let request = Request::post("http://example.org/echo")
        .header("content-type", KIND)
        .header("x-known-to-the-table", "the same each time")
        .body(())
        .expect("a request");
    let (answer, mut stream) = client.send_request(request, false).expect("sent");
    let sent = Bytes::from(body);
    stream.send_data(sent.clone(), true).expect("sent");
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], KIND);
    let mut payload = answer.into_body();
    let mut back = Vec::new();
    while let Some(part) = payload.data().await {
        let part = part.expect("payload");
        payload
            .flow_control()
            .release_capacity(part.len())
            .expect("room");
        back.extend(part);
    }
    assert!(back == sent);
}

#[test]
fn a_connection_of_http2_goes_through_resizes_a_parking_and_upgrades_with_its_tables_and_windows() {
    let server = Lineage::start(&["--cores", "2", "--graceful-timeout", "60s"]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let address = server.address.clone();
    let (client, connection) = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(&address)
            .await
            .expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("a handshake");
        (client, tokio::spawn(connection))
    });
    let round = |name: &str| {
        runtime.block_on(async {
            let all = async {
                for n in 0..10 {
                    echo(&client, format!("{name} {n} ").repeat(3000)).await;
                }
            };
            let done = tokio::time::timeout(Duration::from_secs(20), all).await;
            done.expect("answers in time");
        });
    };
    round("first");
    for cores in ["1", "2"] {
        assert!(server.ctl(&["resize", cores]).status.success());
        round(cores);
    }
    server.upgrade(&[]);
    round("after an upgrade");
    assert!(server.ctl(&["resize", "0"]).status.success());
    let while_parked = {
        let client = client.clone();
        runtime.spawn(async move { echo(&client, "while parked".to_owned()).await })
    };
    server.upgrade(&[]);
    assert!(server.ctl(&["resize", "2"]).status.success());
    runtime.block_on(async {
        let done = tokio::time::timeout(Duration::from_secs(20), while_parked).await;
        done.expect("an answer in time").expect("an answer");
    });
    round("after two upgrades");
    assert!(!connection.is_finished(), "it is one connection throughout");
}
