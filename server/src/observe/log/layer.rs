//! The `tracing` layer: formats an event on the thread that made it and offers the line.
//!
//! The layer runs on the cores, so it never waits and takes no lock. The layer decides nothing but the
//! name of the thread in the line; level filtering stands before it.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::line::{self, Form};
use super::writer::Front;

pub(super) struct LineLayer {
    pub(super) front: Arc<Front>,
    pub(super) form: Form,
}

impl<S: Subscriber> Layer<S> for LineLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = self.front.buffer();
        let thread = thread::current();
        let name = thread.name().unwrap_or("unnamed");
        line::event(&mut line, self.form, SystemTime::now(), name, event);
        self.front.offer(line);
    }
}
