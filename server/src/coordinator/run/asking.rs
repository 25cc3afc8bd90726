//! The hands of inquiries: performs what [`Inquiries`](super::inquiry::Inquiries) decides, and looks at
//! the cores that do not answer.
//!
//! Called by the loop of [`super`]. Decides nothing about who is asked or awaited; what is made of the
//! figures is in `shown.rs`.

use super::inquiry::{Act, Asked, Event, PATIENCE, View};
use super::key::Key;
use super::{Coordinator, Slot};
use crate::admission::ledger::Ledgers;
use crate::connection::Message;
use crate::coordinator::events::ServerEvent;
use crate::coordinator::plan::CoreState;
use crate::coordinator::rules::heart::is_blocked;
use ringgate_runtime::Core;
use std::rc::Rc;

impl Coordinator {
    /// Asks each core that is alive.
    pub(super) fn inquire(&mut self, core: &Rc<Core>, asked: Asked) {
        let alive = |state: CoreState| state.has_thread() && state != CoreState::Starting;
        let cores = (0..).zip(&self.pool.cores);
        // One that is known to be stuck would only cost the patience.
        let cores: Vec<u32> = cores
            .filter(|(core, state)| alive(**state) && !self.pool.is_stuck(*core))
            .map(|(index, _)| index)
            .collect();
        self.events.emit(&ServerEvent::Wait {
            cores: cores.len() as u32,
        });
        for index in &cores {
            self.feel(core.now(), *index);
        }
        let own = self.own_ledgers();
        self.slots.iter_mut().for_each(Slot::look_at_ledgers);
        self.inquiry(core, Event::Asked { asked, cores, own });
    }

    /// A core has told what it counts.
    pub(super) fn published(&mut self, core: &Rc<Core>, index: u32, number: u64, ledgers: Ledgers) {
        let slot = &mut self.slots[index as usize];
        slot.heart.is_heard();
        slot.is_known(ledgers);
        self.events.emit(&ServerEvent::Heartbeat { core: index });
        let told = Event::Told {
            core: index,
            number,
            ledgers,
        };
        self.inquiry(core, told);
    }

    /// The time of an inquiry is over.
    pub(super) fn look_at_inquiries(&mut self, core: &Rc<Core>) {
        let now = core.now();
        let mut lifeless = self.inquiries.overdue(now);
        // One that has ended meanwhile has said all.
        lifeless.retain(|index| {
            let silent = self.feel(now, *index);
            silent.is_none_or(|silent| is_blocked(silent, PATIENCE))
        });
        self.inquiry(core, Event::TimeUp { lifeless });
    }

    /// Lets the inquiries hear what happened, and does what they say: all of it before anything else
    /// happens to them, so that an inquiry is posted to every core before the next one to any.
    fn inquiry(&mut self, core: &Rc<Core>, event: Event) {
        let counted: Vec<Ledgers> = self.slots.iter().map(|slot| slot.stats.ledgers()).collect();
        // What is shown now is not to be more than what the next answer knows.
        let slots = self.slots.iter_mut().zip(&counted);
        slots.for_each(|(slot, counted)| slot.is_known(*counted));
        let known: Vec<Ledgers> = self.slots.iter().map(|slot| slot.told).collect();
        let view = View {
            now: core.now(),
            counted: &counted,
            known: &known,
        };
        for act in self.inquiries.on(&view, event) {
            match act {
                Act::Ask {
                    core: place,
                    number,
                } => self.post.to_core(place, Message::Publish(number)),
                Act::Answer(Asked::Status(reply), told) => reply.send(self.status(core, &told)),
                Act::Answer(Asked::Metrics(reply), told) => reply.send(self.metrics(core, &told)),
            }
        }
        self.set_look_timer(core);
    }

    /// One timer stands for the next look at an open inquiry.
    fn set_look_timer(&mut self, core: &Rc<Core>) {
        let next = self.inquiries.next_look();
        if self.next_look.map(|(_, at)| at) == next {
            return;
        }
        if let Some((timer, _)) = self.next_look.take() {
            core.cancel_timer(timer);
        }
        self.next_look = next.map(|at| (core.set_timer(at, Key::Figures.to_key()), at));
    }
}

impl Slot {
    /// Reads what is counted here, without asking: a core that starts or ends may be counting just now,
    /// and then what was known before holds.
    fn look_at_ledgers(&mut self) {
        self.is_known(self.stats.ledgers());
    }

    /// Keeps what is known of its core, unless that was caught in the middle of an event, or more is known already: what
    /// a core has told may be heard late.
    fn is_known(&mut self, ledgers: Ledgers) {
        if ledgers.balance() && counted(&ledgers) >= counted(&self.told) {
            self.told = ledgers;
        }
    }
}

/// All that was counted together. No count of a core goes down, so the later ledgers are those with more.
fn counted(ledgers: &Ledgers) -> u64 {
    let Ledgers {
        connections,
        requests,
    } = ledgers;
    let came = connections.accepted + connections.handed_in + requests.begun;
    let gone = connections.finished + connections.aborted + connections.handed_out;
    let ended = requests.answered + requests.aborted;
    came + gone + connections.rejected.sum() + ended + requests.rejected.sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::alone;
    use super::*;
    use crate::coordinator::reply::reply;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    const DEADLINE: Duration = Duration::from_secs(30);

    /// The connections that a scrape shows as accepted by core 0, to which something happens meanwhile.
    fn scrape(core: &Rc<Core>, coordinator: &mut Coordinator, meanwhile: impl FnOnce()) -> u64 {
        let (reply, answer) = reply();
        coordinator.inquire(core, Asked::Metrics(reply));
        meanwhile();
        let mut answer = Box::pin(answer);
        let until = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < until, "no answer");
            core.turn(coordinator, Some(Duration::from_millis(5)));
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(snapshot) = answer.as_mut().poll(&mut cx) {
                return snapshot.expect("figures").cores[0].connections.accepted;
            }
        }
    }

    #[test]
    fn no_count_of_a_core_that_is_blocked_goes_down_from_one_scrape_to_the_next() {
        let (core, mut coordinator) = alone(None);
        // Its thread never tells.
        coordinator.pool.cores[0] = CoreState::Running;
        coordinator.slots[0].epoch = 1;
        let stats = coordinator.slots[0].stats.clone();
        let before = stats.ledgers();
        // It is blocked between two events, where its counts can be read.
        let first = scrape(&core, &mut coordinator, || {
            stats.accepted.add(1);
            stats.open.rise();
        });
        assert_eq!(first, 1);
        // What it told before that is heard only now, and then it is blocked in the middle of an event.
        coordinator.published(&core, 0, 0, before);
        stats.accepted.add(1);
        let second = scrape(&core, &mut coordinator, || {});
        assert!(second >= first, "{second} after {first}");
    }
}
