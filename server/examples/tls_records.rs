//! What the record layer of TLS costs, in memory, without handshake and sockets: a request of 78 bytes
//! opened and an answer of 130 sealed, with expanded keys kept and made anew each time, and 16 KiB sealed
//! as one record.
//!
//!     cargo run --release -p ringgate --example tls_records
//!
//! The variants take turns in each round. Shown are the least and the median of the rounds, in
//! nanoseconds: on a machine that others use too, the least is the one to compare.

use ringgate::tls::record::{Aead, KeyCache, Opened, Records, Session};
use std::hint::black_box;
use std::time::Instant;

const REQUEST: [u8; 78] = [b'r'; 78];
const ANSWER: [u8; 130] = [b'a'; 130];
const LONG: [u8; 16 << 10] = [b'b'; 16 << 10];
const ROUNDS: usize = 401;
/// Records of one measurement.
const RECORDS: usize = 64;

/// A server's session and its client's.
struct Ends {
    server: Session,
    client: Session,
    client_keys: KeyCache,
}

impl Ends {
    fn new(aead: Aead) -> Ends {
        let (up, down) = ([1; 48], [2; 48]);
        let (up, down) = (&up[..aead.secret_len()], &down[..aead.secret_len()]);
        let session = |receiving, sending| Session::from_secrets(aead, receiving, sending);
        Ends {
            server: session(up, down).expect("secrets of the right length"),
            client: session(down, up).expect("secrets of the right length"),
            client_keys: KeyCache::default(),
        }
    }

    fn requests(&mut self) -> Vec<Vec<u8>> {
        let request = |_| {
            let mut record = Records::default();
            let sealed = self
                .client
                .seal(&mut self.client_keys, &[&REQUEST], &mut record);
            sealed.expect("sealed");
            record.into_vec()
        };
        (0..RECORDS).map(request).collect()
    }
}

/// Opens each request and seals its answer; nanoseconds for one.
fn serve(ends: &mut Ends, keys: &mut KeyCache, out: &mut Records, is_kept: bool) -> f64 {
    let mut requests = ends.requests();
    let begin = Instant::now();
    for request in &mut requests {
        let opened = ends.server.open(keys, request);
        let Ok(Opened::Data { plain, .. }) = opened else {
            panic!("a request that does not open: {opened:?}");
        };
        black_box(&request[plain]);
        *out = Records::over(std::mem::take(out).into_vec());
        ends.server.seal(keys, &[&ANSWER], out).expect("sealed");
        black_box(&out);
        if !is_kept {
            keys.forget(&ends.server);
        }
    }
    begin.elapsed().as_nanos() as f64 / RECORDS as f64
}

/// Seals 16 KiB as one record each time; nanoseconds for one.
fn seal_long(session: &mut Session, keys: &mut KeyCache, out: &mut Records) -> f64 {
    let begin = Instant::now();
    for _ in 0..RECORDS {
        *out = Records::over(std::mem::take(out).into_vec());
        session.seal(keys, &[&LONG], out).expect("sealed");
        black_box(&out);
    }
    begin.elapsed().as_nanos() as f64 / RECORDS as f64
}

fn print(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!("  {what:<42}{:>8.0} least{median:>8.0} median", times[0]);
}

fn main() {
    println!("rounds {ROUNDS} of {RECORDS} records; nanoseconds");
    for aead in [Aead::Aes128Gcm, Aead::Aes256Gcm, Aead::ChaCha20Poly1305] {
        println!("{aead:?}, TLS 1.3");
        let (mut kept, mut expanded, mut long) =
            (Ends::new(aead), Ends::new(aead), Ends::new(aead));
        let mut keys = KeyCache::default();
        let mut out = Records::default();
        // Past the small records that a burst begins with.
        for _ in 0..8 {
            seal_long(&mut long.server, &mut keys, &mut out);
        }
        let (mut of_kept, mut of_expanded, mut of_long) = (vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            of_kept.push(serve(&mut kept, &mut keys, &mut out, true));
            of_expanded.push(serve(&mut expanded, &mut keys, &mut out, false));
            of_long.push(seal_long(&mut long.server, &mut keys, &mut out));
        }
        print("78 B opened, 130 B sealed, keys kept", of_kept);
        print("78 B opened, 130 B sealed, keys expanded", of_expanded);
        print("16 KiB sealed, keys kept", of_long);
    }
}
