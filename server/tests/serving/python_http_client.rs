//! Python's http.client, which reads answers by its own understanding of the protocol.

use crate::common::{output, start};
use std::process::Command;

const SCRIPT: &str = r#"
import http.client, json, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
connection.connect()
port = connection.sock.getsockname()
def ask(method, path, body=None, **more):
    connection.request(method, path, body, **more)
    answer = connection.getresponse()
    content = answer.read()
    assert connection.sock is not None and connection.sock.getsockname() == port, (path, "connection")
    return answer.status, content
for _ in range(100):
    assert ask("GET", "/plaintext") == (200, b"Hello, World!")
assert json.loads(ask("GET", "/json")[1]) == {"message": "Hello, World!"}
assert ask("HEAD", "/bytes/1000000") == (200, b"")
assert ask("GET", "/bytes/1000000")[1] == bytes(i % 251 for i in range(1000000))
assert ask("POST", "/echo", b"x" * 100000) == (200, b"x" * 100000)
pieces = [b"one", b"two" * 10000, b"three"]
assert ask("POST", "/echo", iter(pieces), encode_chunked=True) == (200, b"".join(pieces))
assert ask("GET", "/stream?n=3&ms=1") == (200, b"1 of 3\n2 of 3\n3 of 3\n")
assert ask("GET", "/nothing")[0] == 404
assert ask("GET", "/panic")[0] == 500
assert ask("GET", "/plaintext") == (200, b"Hello, World!")
connection.close()
print("done")
"#;

#[test]
fn one_connection_serves_all_that_http_client_asks() {
    let server = start();
    let address = server.address().to_string();
    let mut python = Command::new("python3");
    let printed = output(python.args(["-c", SCRIPT, &address]));
    assert_eq!(printed, "done\n");
    assert_eq!(server.total("connections/accepted"), 1);
}
