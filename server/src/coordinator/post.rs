//! Mailboxes. Each belongs to a core slot, not to a thread: what was sent to a thread that ended is
//! heard by the one that takes its place.

use super::event::Event;
use crate::admission::gate::{self, Verdict};
use crate::connection::{self, Message, Report};
use crossbeam_queue::SegQueue;
use ringgate_runtime::Remote;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

/// In place of a core: the process that has taken over from this one.
pub(crate) const SUCCESSOR: u32 = u32::MAX - 1;

struct Mailbox<M> {
    queue: SegQueue<M>,
    bell: Mutex<Option<Remote>>,
}

impl<M> Default for Mailbox<M> {
    fn default() -> Mailbox<M> {
        Mailbox {
            queue: SegQueue::new(),
            bell: Mutex::new(None),
        }
    }
}

impl<M> Mailbox<M> {
    /// Posts a message. Returns whether a thread is there to hear it.
    fn send(&self, message: M) -> bool {
        self.queue.push(message);
        let bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = &*bell {
            bell.notify();
        }
        bell.is_some()
    }

    fn attach(&self, bell: Option<Remote>) {
        let mut place = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        *place = bell;
        // What came before there was a bell.
        if let Some(bell) = &*place {
            bell.notify();
        }
    }
}

/// The mailboxes of all core slots and of the coordinator.
pub(crate) struct PostOffice {
    cores: Vec<Mailbox<Message>>,
    coordinator: Mailbox<Event>,
    /// The coordinator has ended: nobody will ever hear what is told to it.
    closed: AtomicBool,
}

impl PostOffice {
    pub(crate) fn new(slots: u32) -> Arc<PostOffice> {
        let cores = (0..slots).map(|_| Mailbox::default()).collect();
        Arc::new(PostOffice {
            cores,
            coordinator: Mailbox::default(),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn attach_core(&self, core: u32, bell: Option<Remote>) {
        self.cores[core as usize].attach(bell);
    }

    pub(crate) fn attach_coordinator(&self, bell: Option<Remote>) {
        self.coordinator.attach(bell);
    }

    /// Posts a message to a core. If no thread is there to hear it, the coordinator forwards it.
    pub(crate) fn to_core(&self, core: u32, message: Message) {
        if core == SUCCESSOR {
            if let Message::Parcel(parcel) = message {
                self.tell(Event::HandOver(parcel));
            }
            return;
        }
        if !self.cores[core as usize].send(message) {
            self.tell(Event::Undelivered(core));
        }
    }

    /// Puts a word back that a core has to hear itself, whenever it does. The coordinator is not told of it: it has just
    /// looked, and would look again and again.
    pub(crate) fn put_back(&self, core: u32, word: Message) {
        self.cores[core as usize].send(word);
    }

    pub(crate) fn tell(&self, event: Event) {
        self.coordinator.send(event);
        // Pairs with the fence in `close`: either that sees the event, or this sees that it is closed.
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Relaxed) {
            while self.next_event().is_some() {}
        }
    }

    /// The coordinator ends. A question that is asked now or later is answered by the dropped reply. Returns what was told
    /// and not heard: connections may be in it.
    pub(crate) fn close(&self) -> Vec<Event> {
        self.attach_coordinator(None);
        self.closed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        std::iter::from_fn(|| self.next_event()).collect()
    }

    pub(crate) fn next_event(&self) -> Option<Event> {
        self.coordinator.queue.pop()
    }

    /// How many messages this core has yet to hear.
    pub(crate) fn unheard(&self, core: u32) -> u64 {
        self.cores[core as usize].queue.len() as u64
    }

    pub(crate) fn next_message(&self, core: u32) -> Option<Message> {
        self.cores[core as usize].queue.pop()
    }
}

/// A face of the post office for cores and gate.
pub(crate) struct Postman(pub(crate) Arc<PostOffice>);

impl connection::Post for Postman {
    fn to_core(&self, core: u32, message: Message) {
        self.0.to_core(core, message);
    }

    fn to_coordinator(&self, report: Report) {
        self.0.tell(report.into());
    }

    fn next(&self, core: u32) -> Option<Message> {
        self.0.next_message(core)
    }
}

impl gate::Post for Postman {
    fn post(&self, core: u32, verdict: Verdict) {
        self.0.to_core(core, Message::Verdict(verdict));
    }
}
