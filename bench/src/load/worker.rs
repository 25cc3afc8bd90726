//! The event loop of one load thread: when requests are issued, and to which slot.
//!
//! Closed loop: a slot that is free takes the next batch at once. Open loop: batches come from the
//! timetable and wait, with their scheduled instant, until a slot is free. The slot judges answers.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::load::http2;
use crate::load::options::{Options, Window};
use crate::load::place::{Effect, Place};
use crate::load::schedule::{Budget, Timetable};
use crate::load::shared::Shared;
use crate::load::slot::Slot;
use crate::load::tally::{Outcome, Tally};
use crate::load::tls::Terms;

/// Events taken in one turn.
pub(crate) const EVENTS_PER_TURN_MAX: usize = 1024;
/// How long a slot rests whose connection could not be made.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the servers' ends of stream are awaited after the last outcome.
const SETTLE_MAX: Duration = Duration::from_millis(500);
/// How much longer a warm-up may last until every connection has had an answer.
const WINDOW_WAIT_MAX: Duration = Duration::from_secs(10);
/// Below this the loop spins towards the next arrival: epoll_wait(2) counts in milliseconds, and a
/// late request would show as latency of the server.
pub(crate) const SPIN_BELOW: Duration = Duration::from_millis(2);

/// Pins the calling thread to a CPU.
pub(crate) fn pin(id: usize) -> io::Result<()> {
    match core_affinity::set_for_current(core_affinity::CoreId { id }) {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "could not pin a thread to CPU {id}"
        ))),
    }
}

/// One load thread, ready to run.
pub(crate) struct Worker<'a> {
    options: &'a Options,
    terms: Option<&'a Terms>,
    thread: usize,
    poll: Poll,
}

impl<'a> Worker<'a> {
    /// Prepares thread number `thread`; with `terms` it speaks TLS.
    pub(crate) fn new(
        options: &'a Options,
        terms: Option<&'a Terms>,
        thread: usize,
    ) -> io::Result<Self> {
        Ok(Self {
            options,
            terms,
            thread,
            poll: Poll::new()?,
        })
    }

    /// Runs to the last outcome and returns the counts.
    pub(crate) fn run(self, start: Instant) -> io::Result<Tally> {
        if let Some(cpu) = self.options.cpu {
            pin(cpu + self.thread)?;
        }
        match self.options.http2.wanted {
            false => self.run_with::<Slot>(start),
            true => self.run_with::<http2::Slot>(start),
        }
    }

    fn run_with<P: Place>(self, start: Instant) -> io::Result<Tally> {
        let (all, threads) = (self.options.connections, self.options.threads);
        let share = all / threads + usize::from(self.thread < all % threads);
        let registry = self.poll.registry().try_clone()?;
        let mut turn = Turn {
            budget: Budget::new(self.options, self.thread, start),
            timetable: Timetable::new(self.options, self.thread, start),
            shared: Shared::new(self.options, self.terms, self.thread, registry, start),
            slots: (0..share).map(|n| P::new(Token(n))).collect(),
            free: (0..share).collect(),
            paused: VecDeque::new(),
            unread: VecDeque::new(),
            next_tick: start,
            warms_up: true,
            due: start + self.options.warm_up,
            window: self.options.window.as_ref().filter(|_| self.thread == 0),
        };
        turn.shared.unproven = share;
        turn.run(self.poll)?;
        Ok(turn.shared.tally)
    }
}

/// The state of one thread's event loop.
struct Turn<'a, P> {
    budget: Budget,
    timetable: Option<Timetable>,
    shared: Shared<'a>,
    slots: Vec<P>,
    /// Slots that can take requests, longest free first.
    free: VecDeque<usize>,
    /// Slots that rest, and until when; the pause is constant, so the order is by time.
    paused: VecDeque<(Instant, usize)>,
    /// Slots with more to read and no event to come.
    unread: VecDeque<usize>,
    next_tick: Instant,
    /// The warm-up is not over.
    warms_up: bool,
    /// When the warm-up is to end.
    due: Instant,
    window: Option<&'a Window>,
}

impl<P: Place> Turn<'_, P> {
    fn run(&mut self, mut poll: Poll) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN_MAX);
        loop {
            let now = Instant::now();
            self.end_warm_up(now);
            self.issue(now);
            self.tick(now);
            let issuing = self.timetable.as_ref().map_or_else(
                || !self.budget.is_spent(now),
                |table| !table.is_finished(&self.budget),
            );
            if !issuing && self.shared.in_flight == 0 {
                break;
            }
            self.wait(&mut poll, &mut events, self.patience(now))?;
            self.take_events(&events);
            self.resume(Instant::now());
        }
        self.open_or_close_window();
        self.settle(&mut poll, &mut events)
    }

    /// Ends the warm-up when its time is over. A window opens only when every connection has had an
    /// answer, and stays open for as long as it was to be; it is not waited for without end.
    fn end_warm_up(&mut self, now: Instant) {
        if !self.warms_up || now < self.due {
            return;
        }
        let planned = self.shared.tally.measured_from;
        if self.window.is_some() && now < planned + WINDOW_WAIT_MAX {
            self.budget.extend(now - self.due);
            self.due = now;
            if self.shared.unproven > 0 {
                return;
            }
        }
        self.warms_up = false;
        if self.shared.unproven == 0 || self.window.is_none() {
            self.shared.tally.ok_before = self.shared.tally.ok;
            self.open_or_close_window();
            if self.window.is_some() {
                // The window is open from here, and not from the beginning of this turn.
                self.budget.extend(now.elapsed());
            }
        }
    }

    fn open_or_close_window(&self) {
        if let Some(Window(call)) = self.window {
            call();
        }
    }

    /// Hands requests to free slots: at most one batch for each slot that was free at the start.
    fn issue(&mut self, now: Instant) {
        if let Some(table) = &mut self.timetable {
            let scheduled = table.collect(&mut self.budget, now);
            self.shared.tally.issue(scheduled);
        }
        for _ in 0..self.free.len() {
            let is_nothing_due = match &self.timetable {
                None => self.budget.is_spent(now),
                Some(table) => table.due.is_empty(),
            };
            if is_nothing_due {
                return;
            }
            let Some(index) = self.free.pop_front() else {
                return;
            };
            let slot = &mut self.slots[index];
            let room = slot.take_up(&self.shared);
            match &mut self.timetable {
                None => {
                    let batch = self.budget.take(room as u64, now);
                    self.shared.tally.issue(batch);
                    for _ in 0..batch {
                        // The clock is read anew: a long turn must not count as latency.
                        slot.add(&mut self.shared, Instant::now());
                    }
                }
                Some(table) => {
                    let batch = table.due.len().min(room);
                    for since in table.due.drain(..batch) {
                        slot.add(&mut self.shared, since);
                    }
                }
            }
            let effect = slot.send(&mut self.shared);
            self.perform(index, effect);
        }
    }

    /// Once in a while: gives up what waited too long.
    fn tick(&mut self, now: Instant) {
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + self.tick_interval();
        for index in 0..self.slots.len() {
            let effect = self.slots[index].expire(&mut self.shared, now);
            self.perform(index, effect);
        }
        let timeout = self.shared.options.timeout;
        if let Some(table) = &mut self.timetable {
            while let Some(since) = table.due.pop_front_if(|since| *since + timeout <= now) {
                self.shared.tally.end(Outcome::Timeout, since, now);
                self.shared.tally.unsent += 1;
            }
        }
    }

    fn tick_interval(&self) -> Duration {
        (self.shared.options.timeout / 10)
            .clamp(Duration::from_millis(1), Duration::from_millis(100))
    }

    /// How long the next wait may be.
    fn patience(&self, now: Instant) -> Duration {
        if !self.unread.is_empty()
            || (self.timetable.is_none() && !self.free.is_empty() && !self.budget.is_spent(now))
        {
            return Duration::ZERO;
        }
        let mut until = self.next_tick;
        if let Some((at, _)) = self.paused.front() {
            until = until.min(*at);
        }
        let patience = until.saturating_duration_since(now);
        let upcoming = self
            .timetable
            .as_ref()
            .and_then(|table| table.upcoming(&self.budget));
        match upcoming {
            None => patience,
            Some(at) => match at.saturating_duration_since(now) {
                gap if gap < SPIN_BELOW => Duration::ZERO,
                gap => patience.min(gap - SPIN_BELOW / 2),
            },
        }
    }

    fn wait(&self, poll: &mut Poll, events: &mut Events, patience: Duration) -> io::Result<()> {
        match poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => other,
        }
    }

    fn take_events(&mut self, events: &Events) {
        for _ in 0..self.unread.len() {
            let Some(index) = self.unread.pop_front() else {
                break;
            };
            let effect = self.slots[index].receive(&mut self.shared, true);
            self.perform(index, effect);
        }
        for event in events {
            let index = event.token().0;
            let ended = event.is_read_closed() || event.is_error();
            let effect = self.slots[index].on_event(&mut self.shared, event.is_readable(), ended);
            self.perform(index, effect);
        }
    }

    /// Lets rested slots go on: with the connect that is due, or as free ones.
    fn resume(&mut self, now: Instant) {
        while let Some((_, index)) = self.paused.pop_front_if(|(at, _)| *at <= now) {
            if self.slots[index].is_busy() {
                let effect = self.slots[index].send(&mut self.shared);
                self.perform(index, effect);
            } else if self.slots[index].is_let_go() {
                self.free.push_back(index);
            }
        }
    }

    fn perform(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Wait => {}
            Effect::Free => self.free.push_back(index),
            Effect::Pause => self.paused.push_back((Instant::now() + PAUSE, index)),
            Effect::ReadMore => self.unread.push_back(index),
        }
    }

    /// Ends all connections in order and watches for bytes that nobody asked for.
    fn settle(&mut self, poll: &mut Poll, events: &mut Events) -> io::Result<()> {
        let deadline = Instant::now() + SETTLE_MAX;
        for slot in &mut self.slots {
            slot.settle(&mut self.shared);
        }
        loop {
            self.free.clear();
            self.paused.clear();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.slots.iter().any(P::has_stream) {
                return Ok(());
            }
            let patience = if self.unread.is_empty() {
                left
            } else {
                Duration::ZERO
            };
            self.wait(poll, events, patience)?;
            self.take_events(events);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::load::run;

    /// A server whose second connection gets its first answer only after `late`.
    fn late_server(late: Duration) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            for (nth, stream) in listener.incoming().enumerate() {
                std::thread::spawn(move || {
                    let mut stream = stream.expect("accept");
                    let mut piece = [0; 1024];
                    let mut is_late = nth == 1;
                    while stream.read(&mut piece).is_ok_and(|n| n > 0) {
                        if std::mem::take(&mut is_late) {
                            std::thread::sleep(late); // the lateness under test
                        }
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                        let _ = stream.write_all(answer);
                    }
                });
            }
        });
        format!("http://{address}/")
    }

    #[test]
    fn a_window_opens_when_every_connection_had_an_answer_and_stays_open_as_long_as_planned() {
        const LATE: Duration = Duration::from_millis(400);
        const WINDOW: Duration = Duration::from_secs(1);
        const LOOK: Duration = Duration::from_millis(50);
        let mut options = Options::to(late_server(LATE).parse().expect("loopback"));
        (options.requests, options.connections) = (None, 2);
        options.warm_up = Duration::from_millis(50);
        options.duration = Some(options.warm_up + WINDOW);
        let looks = Arc::new(Mutex::new(Vec::new()));
        let kept = looks.clone();
        let start = Instant::now();
        options.window = Some(Window(Arc::new(move || {
            kept.lock().expect("a lock").push(start.elapsed());
            std::thread::sleep(LOOK); // as long as a look at a process may take
        })));
        let report = run(&options).expect("the load generator works here");
        let looks = looks.lock().expect("a lock").clone();
        let [opened, closed] = looks[..] else {
            panic!("{looks:?}: {report}");
        };
        assert!(
            opened >= LATE && closed - opened >= LOOK + WINDOW,
            "{looks:?}"
        );
        assert!(report.ok_measured > 0 && report.ok_measured < report.ok);
        assert_eq!(report.not_ok(), 0, "{report}");
    }
}
