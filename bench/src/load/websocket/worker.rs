//! The event loop of one thread: opens its connections, then decides when what is sent on which.
//!
//! Closed loop: a connection that has had its answers sends the next batch at once; in a fan-out the first
//! one does when every other has had the last. Open loop: messages come from the timetable, on one connection
//! after the other. How a message is counted is the connection's affair.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::load::broken;
use crate::load::options::{Options, Window};
use crate::load::schedule::{Budget, Timetable};
use crate::load::tls::Terms;
use crate::load::websocket::connection::{Connection, End, PUBLISHER, Run};
use crate::load::websocket::options::Pattern;
use crate::load::websocket::tally::Tally;
use crate::load::worker::{EVENTS_PER_TURN_MAX, SPIN_BELOW, pin};

/// Connections that are opened at a time: fewer than a backlog holds.
const OPENING_MAX: usize = 128;
/// Pause before a full backlog of a Unix socket is tried again.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the servers' Closes and ends of stream are awaited.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// One thread of a run.
pub(super) struct Worker<'a> {
    run: Run<'a>,
    terms: Option<&'a Terms>,
    thread: usize,
    poll: Poll,
    events: Events,
    /// Number of the first connection; the others follow.
    first: u32,
    /// The connections that live, by their place.
    connections: Vec<Option<Connection>>,
    living: usize,
    /// Places of connections with nothing due, which take the next batch.
    ready: VecDeque<usize>,
    /// Places with more to read and no event to come.
    unread: VecDeque<usize>,
    /// Place of the connection that takes the next message of the timetable.
    turn: usize,
    next_tick: Instant,
    warms_up: bool,
}

impl<'a> Worker<'a> {
    /// Opens the connections of thread number `thread`, all with their handshakes.
    ///
    /// # Errors
    /// The first one that did not become a WebSocket, and why.
    pub(super) fn open(
        options: &'a Options,
        pattern: Pattern,
        terms: Option<&'a Terms>,
        thread: usize,
    ) -> Result<Self, String> {
        let (all, threads) = (options.connections, options.threads);
        let share = |thread: usize| all / threads + usize::from(thread < all % threads);
        let poll = Poll::new().map_err(|error| format!("epoll: {error}"))?;
        let mut worker = Self {
            run: Run::new(options, pattern, thread),
            terms,
            thread,
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN_MAX),
            first: (0..thread).map(share).sum::<usize>() as u32,
            connections: (0..share(thread)).map(|_| None).collect(),
            living: 0,
            ready: VecDeque::new(),
            unread: VecDeque::new(),
            turn: 0,
            next_tick: Instant::now(),
            warms_up: true,
        };
        let failed = |error: &dyn std::fmt::Display| {
            format!("no WebSocket with {}: {error}", options.target)
        };
        let (mut begun, mut open) = (0, 0);
        let mut until = Instant::now() + options.timeout;
        while open < worker.connections.len() {
            while begun < worker.connections.len() && begun - open < OPENING_MAX {
                match worker.begin(begun) {
                    Ok(()) => begun += 1,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        std::thread::sleep(PAUSE);
                        break;
                    }
                    Err(error) => return Err(failed(&error)),
                }
            }
            if Instant::now() >= until {
                return Err(failed(&"no answer within --timeout"));
            }
            worker.wait(PAUSE).map_err(|error| failed(&error))?;
            if let Some(end) = worker.take_events().into_iter().next() {
                return Err(failed(&match end.detail.as_str() {
                    "" => end.reason,
                    detail => detail.to_owned(),
                }));
            }
            let connections = worker.connections[..begun].iter().flatten();
            let now_open = connections.filter(|one| one.is_open()).count();
            if now_open > open {
                (open, until) = (now_open, Instant::now() + options.timeout);
            }
        }
        worker.ready = match pattern {
            Pattern::Echo => (0..worker.connections.len()).collect(),
            Pattern::FanOut => VecDeque::new(),
        };
        Ok(worker)
    }

    fn begin(&mut self, place: usize) -> io::Result<()> {
        let number = self.first + place as u32;
        let at = (self.poll.registry(), Token(place));
        let connection = Connection::begin(&mut self.run, self.terms, number, at)?;
        self.connections[place] = Some(connection);
        self.living += 1;
        Ok(())
    }

    /// Runs to the last delivery, closes all connections, and returns the counts.
    pub(super) fn run(mut self, start: Instant) -> io::Result<Tally> {
        let options = self.run.options;
        if let Some(cpu) = options.cpu {
            pin(cpu + self.thread)?;
        }
        self.run.start = start;
        self.run.tally.last = start;
        self.next_tick = start;
        let window = options.window.as_ref().filter(|_| self.thread == 0);
        let mut budget = Budget::new(options, self.thread, start);
        let mut timetable = Timetable::new(options, self.thread, start);
        loop {
            let now = Instant::now();
            self.end_warm_up(now, window);
            self.issue(now, &mut budget, timetable.as_mut());
            self.tick(now);
            let is_issuing = match &timetable {
                None => !budget.is_spent(now),
                Some(table) => !table.is_finished(&budget),
            } && self.can_send();
            if !is_issuing && self.run.outstanding == 0 {
                break;
            }
            let upcoming = timetable.as_ref().and_then(|table| table.upcoming(&budget));
            let patience = self.patience(now, upcoming);
            self.wait(patience)?;
            self.take_events();
        }
        self.end_warm_up(start + options.warm_up, window);
        if let Some(Window(call)) = window {
            call();
        }
        self.settle()?;
        Ok(self.run.tally)
    }

    /// Whether a connection is left that sends, and one that hears.
    fn can_send(&self) -> bool {
        match self.run.pattern {
            Pattern::Echo => self.living > 0,
            Pattern::FanOut => self.connections[PUBLISHER as usize].is_some() && self.living > 1,
        }
    }

    fn end_warm_up(&mut self, now: Instant, window: Option<&Window>) {
        if !self.warms_up || now < self.run.start + self.run.options.warm_up {
            return;
        }
        self.warms_up = false;
        self.run.tally.received_before = self.run.tally.received;
        if let Some(Window(call)) = window {
            call();
        }
    }

    fn issue(&mut self, now: Instant, budget: &mut Budget, timetable: Option<&mut Timetable>) {
        let batch = self.run.options.pipeline as u64;
        if let Some(table) = timetable {
            table.collect(budget, now);
            while let Some(at) = table.due.pop_front() {
                match (self.can_send(), self.run.pattern) {
                    (false, _) => {}
                    (true, Pattern::FanOut) => self.publish(1, at),
                    (true, Pattern::Echo) => {
                        let place = self.next_in_turn();
                        self.send(place, 1, at);
                    }
                }
            }
            return;
        }
        if self.run.pattern == Pattern::FanOut {
            if self.run.outstanding == 0 && self.can_send() {
                let batch = budget.take(batch, now);
                self.publish(batch, now);
            }
            return;
        }
        for _ in 0..self.ready.len() {
            let Some(place) = self.ready.pop_front() else {
                return;
            };
            if self.connections[place].is_none() {
                continue;
            }
            // The clock is read anew: a long turn must not count as latency.
            let now = Instant::now();
            match budget.take(batch, now) {
                0 => return self.ready.push_front(place),
                batch => self.send(place, batch, now),
            }
        }
    }

    /// The next place of the round whose connection lives; there is one.
    fn next_in_turn(&mut self) -> usize {
        loop {
            let place = self.turn;
            self.turn = (self.turn + 1) % self.connections.len();
            if self.connections[place].is_some() {
                return place;
            }
        }
    }

    /// Sends `count` messages whose echo is due.
    fn send(&mut self, place: usize, count: u64, at: Instant) {
        let Some(connection) = &mut self.connections[place] else {
            return;
        };
        connection.expect(&self.run, at);
        for _ in 0..count {
            connection.queue(&mut self.run, at);
        }
        self.run.tally.expected += count;
        self.run.outstanding += count;
        connection.flush(&mut self.run);
    }

    /// Sends `count` messages that are due everywhere else.
    fn publish(&mut self, count: u64, at: Instant) {
        let mut subscribers = 0;
        for connection in self.connections.iter_mut().skip(1).flatten() {
            connection.expect(&self.run, at);
            subscribers += 1;
        }
        // Whoever is gone has lost what it does not hear.
        self.run.tally.expected += count * (self.connections.len() as u64 - 1);
        self.run.outstanding += count * subscribers;
        self.run.published += count as u32;
        if let Some(publisher) = &mut self.connections[PUBLISHER as usize] {
            for _ in 0..count {
                publisher.queue(&mut self.run, at);
            }
            publisher.flush(&mut self.run);
        }
    }

    /// Once in a while: gives up connections on which nothing comes.
    fn tick(&mut self, now: Instant) {
        if now < self.next_tick {
            return;
        }
        let timeout = self.run.options.timeout;
        self.next_tick =
            now + (timeout / 10).clamp(Duration::from_millis(1), Duration::from_millis(100));
        for place in 0..self.connections.len() {
            let connection = self.connections[place].as_ref();
            if connection.is_some_and(|one| one.is_late(&self.run, now, timeout)) {
                self.end(place, Some(&End::timeout()), now);
            }
        }
    }

    /// The connection at `place` is over, for a reason that counts if there is one.
    fn end(&mut self, place: usize, end: Option<&End>, now: Instant) {
        let Some(connection) = self.connections[place].take() else {
            return;
        };
        self.living -= 1;
        self.run.outstanding -= u64::from(connection.due(&self.run));
        self.run.tally.last = self.run.tally.last.max(now);
        if let Some(end) = end {
            let due = u64::from(connection.due(&self.run));
            let list = &mut self.run.tally.broken;
            broken::note(list, connection.local_address(), end.reason.as_str(), due);
            self.run.tally.end(end);
        }
    }

    /// How long the next wait may be.
    fn patience(&self, now: Instant, upcoming: Option<Instant>) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        let patience = self.next_tick.saturating_duration_since(now);
        match upcoming.map(|at| at.saturating_duration_since(now)) {
            None => patience,
            Some(gap) if gap < SPIN_BELOW => Duration::ZERO,
            Some(gap) => patience.min(gap - SPIN_BELOW / 2),
        }
    }

    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            other => other,
        }
    }

    /// Lets connections take what came. Returns how those ended that did so for a reason that counts.
    fn take_events(&mut self) -> Vec<End> {
        let mut ends = Vec::new();
        for _ in 0..self.unread.len() {
            if let Some(place) = self.unread.pop_front() {
                ends.extend(self.on_event(place, true, false));
            }
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let ended = event.is_read_closed() || event.is_error();
            ends.extend(self.on_event(event.token().0, event.is_readable(), ended));
        }
        self.events = events;
        ends
    }

    fn on_event(&mut self, place: usize, readable: bool, ended: bool) -> Option<End> {
        let connection = self.connections[place].as_mut()?;
        let before = connection.received();
        match connection.on_event(&mut self.run, readable, ended) {
            Ok(more) => {
                if more {
                    self.unread.push_back(place);
                }
                let is_answered = connection.received() > before && connection.due(&self.run) == 0;
                if is_answered && self.run.pattern == Pattern::Echo {
                    self.ready.push_back(place);
                }
                None
            }
            Err(end) => {
                self.end(place, end.as_ref(), Instant::now());
                end
            }
        }
    }

    /// Closes all connections in order and watches for messages that come once more.
    fn settle(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + SETTLE_MAX;
        for connection in self.connections.iter_mut().flatten() {
            connection.close(&mut self.run);
        }
        while self.living > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let patience = match self.unread.is_empty() {
                true => left,
                false => Duration::ZERO,
            };
            self.wait(patience)?;
            self.take_events();
        }
        self.run.tally.unclosed += self.living as u64;
        Ok(())
    }
}
