//! curl, as people use it.

use crate::common::{config, curl, curl_path, output, start, start_app};
use std::io::Write;
use std::process::Stdio;

#[test]
fn get_head_and_post_work() {
    let server = start();
    assert_eq!(curl(&[&server.url("/plaintext")]), "Hello, World!");
    let head = curl(&["-I", &server.url("/plaintext")]);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(
        curl(&["-d", "some text", &server.url("/echo")]),
        "some text"
    );
}

#[test]
fn one_connection_carries_many_requests() {
    let server = start();
    let url = server.url("/plaintext");
    let text = curl(&["-w", " %{http_code} %{num_connects}\n", &url, &url, &url]);
    let expected = "Hello, World! 200 1\nHello, World! 200 0\nHello, World! 200 0\n";
    assert_eq!(text, expected);
    assert_eq!(server.total("connections/accepted"), 1);
}

#[test]
fn an_upload_of_unknown_length_goes_in_chunks() {
    let server = start();
    let sent = vec![b'x'; 3_000_000];
    let mut curl = curl_path()
        .args(["-X", "POST", "-T", "-", &server.url("/echo")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl runs");
    let mut stdin = curl.stdin.take().expect("piped");
    let writer = std::thread::spawn({
        let sent = sent.clone();
        move || stdin.write_all(&sent)
    });
    let output = curl.wait_with_output().expect("curl ends");
    writer.join().expect("no panic").expect("curl reads it all");
    assert!(output.status.success() && output.stdout == sent);
}

#[test]
fn a_client_that_expects_100_continue_is_told_to_go_on() {
    let server = start();
    let path = std::env::temp_dir().join(format!("ringgate-expect-{}", std::process::id()));
    std::fs::write(&path, vec![b'y'; 2 << 20]).expect("written");
    let body = format!("@{}", path.display());
    for route in ["/echo", "/upload"] {
        // Longer than curl may take in all: it goes on because it is told to.
        let arguments = [
            "-v",
            "--expect100-timeout",
            "60",
            "-H",
            "Expect: 100-continue",
        ];
        let ended = curl_path()
            .args(arguments)
            .args(["--data-binary", &body, &server.url(route)])
            .output()
            .expect("curl runs");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{told}");
        let go_on = told.find("< HTTP/1.1 100 Continue").expect("a 100");
        let answer = told.find("< HTTP/1.1 200 OK").expect("a 200");
        assert!(go_on < answer, "{told}");
    }
    std::fs::remove_file(path).expect("removed");
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = start();
    let arguments = ["--http1.0", "-i", "-w", "%{num_connects}"];
    let url = server.url("/plaintext");
    let text = curl(&[&arguments[..], &[&url, &url]].concat());
    assert_eq!(text.matches("Hello, World!1").count(), 2, "{text}");
    // Nothing says how long an answer in pieces is: it ends with its connection.
    let text = curl(&["--http1.0", "-i", &server.url("/stream?n=2&ms=0")]);
    assert!(text.ends_with("\r\n\r\n1 of 2\n2 of 2\n"), "{text}");
    assert!(!text.to_lowercase().contains("transfer-encoding"), "{text}");
}

#[test]
fn a_body_above_the_limit_is_refused_where_the_route_has_one() {
    let mut config = config();
    config.limits.body_size = Some(1 << 20);
    let router = ringgate::Router::new().post("/all", async |request: ringgate::Request| {
        match request.into_body().bytes().await {
            Ok(body) => ringgate::Response::text(body.len().to_string()),
            Err(error) => ringgate::Response::text(error.to_string()),
        }
    });
    let server = crate::common::start_with(config, router, |_| ());
    for (size, status) in [(1 << 20, "200"), ((1 << 20) + 1, "413")] {
        for chunked in [false, true] {
            let path = format!("ringgate-413-{}-{size}", std::process::id());
            let path = std::env::temp_dir().join(path);
            std::fs::write(&path, vec![b'z'; size]).expect("written");
            let body = format!("@{}", path.display());
            let mut command = curl_path();
            command.args([
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "--data-binary",
                &body,
            ]);
            if chunked {
                command.args(["-H", "Transfer-Encoding: chunked"]);
            }
            let code = output(command.arg(server.url("/all")));
            assert_eq!(code, status, "{size} bytes, chunked: {chunked}");
            std::fs::remove_file(path).expect("removed");
        }
    }
}

#[test]
fn a_range_of_a_file_is_fetched() {
    let root = std::env::temp_dir().join(format!("ringgate-range-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("a directory");
    std::fs::write(root.join("digits"), "0123456789").expect("written");
    let mut config = config();
    config.root = Some(root.clone());
    let server = start_app(config, false);
    let url = server.url("/files/digits");
    assert_eq!(curl(&["-r", "3-5", "-w", " %{http_code}", &url]), "345 206");
    std::fs::remove_dir_all(root).expect("removed");
}
