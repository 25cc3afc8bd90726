//! The log as its users see it: events in, lines and counts out.
//!
//! `lines` holds what a line looks like, `output` what becomes of lines when the output stalls,
//! fails, is rotated or let go.

mod lines;
mod output;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Long enough for any machine; a test that waits this long has failed.
const LONG: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
