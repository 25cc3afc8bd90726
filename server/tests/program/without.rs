//! A server without each feature of the rings that can be given up, one at a time and all together: it serves, is
//! resized and drains as any other. What each kernel makes of it is in docs/kernels.md.

use crate::common::{Program, assert_balanced, read_greetings};
use ringgate::config::RingFlag;
use std::io::Write;

const GET: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";
const POST: &[u8] = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 13\r\n\r\nHello, World!";

/// Asks on a connection that is kept and on fresh ones while the pool grows, goes and comes back.
fn serves_is_resized_and_drains(without: &[RingFlag]) {
    let mut arguments = vec!["--core-slots", "3"];
    let flags: Vec<&str> = without.iter().map(|flag| flag.word()).collect();
    arguments.extend(flags.iter().flat_map(|flag| ["--without", flag]));
    let mut program = Program::start(&arguments);
    let mut kept = program.connect();
    for cores in ["3", "0", "1", "2"] {
        let resized = program.ctl(&["resize", cores, "--wait"]);
        assert!(resized.status.success(), "without {flags:?}: {resized:?}");
        if cores == "0" {
            continue;
        }
        let mut fresh = program.connect();
        for stream in [&mut kept, &mut fresh] {
            // A pipeline, a single request, and a body in two pieces.
            stream.write_all(&GET.repeat(5)).unwrap();
            read_greetings(stream, 5);
            let (head, body) = POST.split_at(POST.len() - 6);
            stream.write_all(head).unwrap();
            stream.write_all(body).unwrap();
            read_greetings(stream, 1);
        }
    }
    let status = program.status();
    assert_balanced(&status);
    assert_eq!(status["totals"]["requests"]["answered"], 3 * 2 * 6);
    drop(kept);
    assert!(program.ctl(&["drain"]).status.success());
    assert_eq!(program.exit_code(), Some(0), "without {flags:?}");
}

#[test]
fn without_any_one_feature_of_the_rings_a_server_serves_is_resized_and_drains() {
    for flag in RingFlag::ALL {
        serves_is_resized_and_drains(&[*flag]);
    }
}

#[test]
fn without_all_of_them_it_does_so_as_well() {
    serves_is_resized_and_drains(RingFlag::ALL);
}
