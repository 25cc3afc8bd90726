//! Hubs that WebSockets of a core follow: what is published goes out to all of them, so many a turn.
//!
//! One task a hub waits on each core, and rings; the connections are looked after here. A WebSocket keeps its place
//! in the hub itself ([`Feed`]), so it hears each event once wherever it moves. One that takes too little is passed
//! over until it has taken what was queued, and told Close when the hub has dropped what it would hear next.

use super::socket::Talking;
use super::{Lent, Upgrades};
use crate::connection::OUTPUT_HIGH_BYTES;
use crate::connection::engine::Engine;
use crate::connection::key::Speaker;
use crate::events::{Hub, Published};
use crate::handler::Chunk;
use crate::websocket::{CloseCode, life};
use ringgate_runtime::Core;
use ringgate_runtime::task::{Panic, TaskId};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// WebSockets that are given events in one turn of a core.
const DELIVERIES_PER_TURN_MAX: usize = 512;
/// Fewer entries are not tidied.
const ENTRIES_MIN: usize = 64;
/// Why a WebSocket is closed that takes too little.
const TOO_SLOW: &str = "too slow: events were dropped";

/// The place of a WebSocket in a hub.
pub(crate) struct Feed {
    hub: Hub,
    /// The id of the last event that was sent.
    after: u64,
    /// Whether more waits than had room.
    owes: bool,
    /// The number under which its core knows of it; 0 for none.
    listed: u64,
}

impl Feed {
    pub(crate) fn new(hub: &Hub, after: Option<u64>) -> Feed {
        Feed {
            hub: hub.clone(),
            after: hub.begin(after),
            owes: false,
            listed: 0,
        }
    }

    pub(crate) fn is_of(&self, hub: &Hub) -> bool {
        self.hub.is(hub)
    }

    /// Whether its core does not know of it yet.
    #[inline]
    pub(super) fn is_new(&self) -> bool {
        self.listed == 0
    }

    /// Whether more is to be sent as soon as the client has taken what was sent.
    #[inline]
    pub(super) fn owes(&self) -> bool {
        self.owes
    }

    /// The WebSocket leaves its core.
    pub(super) fn unlist(&mut self) {
        self.listed = 0;
    }
}

/// The hubs that are followed on a core.
#[derive(Default)]
pub(super) struct Feeds {
    followed: Vec<Followed>,
    /// The number of the latest that began to follow.
    listed: u64,
    /// How many entries there are, those of WebSockets that are gone among them, and at how many these are looked
    /// for.
    entries: usize,
    tidied_at: usize,
    /// Whether an event came, or not all have had it.
    rung: Rc<Cell<bool>>,
}

/// A hub that is followed on this core.
struct Followed {
    hub: Hub,
    /// WebSockets that follow it, or did.
    members: Vec<Member>,
    /// The events that the hub keeps, as far as this core has heard.
    recent: VecDeque<Arc<Published>>,
    /// Whether events came since the last round began.
    rung: Rc<Cell<bool>>,
    /// The member whose turn it is; None between two rounds.
    next: Option<usize>,
    task: TaskId,
}

/// A WebSocket, and the number that its place in the hub has as long as it follows.
type Member = (Speaker, u64);

/// The next event for a WebSocket.
enum Next<'r> {
    Event(&'r Published),
    /// All that is there has been heard.
    None,
    /// The hub has dropped it.
    Dropped,
}

fn next_after(recent: &VecDeque<Arc<Published>>, after: u64) -> Next<'_> {
    match recent.front() {
        None => Next::None,
        Some(first) if first.id() > after + 1 => Next::Dropped,
        Some(first) => match recent.get((after + 1 - first.id()) as usize) {
            None => Next::None,
            Some(event) => Next::Event(event),
        },
    }
}

impl Feeds {
    pub(super) fn are_due(&self) -> bool {
        self.rung.get()
    }

    fn at(&self, hub: &Hub) -> Option<usize> {
        self.followed.iter().position(|one| one.hub.is(hub))
    }
}

impl Followed {
    /// `bells` are set when an event comes.
    fn new(core: &Rc<Core>, hub: Hub, bells: [Rc<Cell<bool>>; 2]) -> Followed {
        let rung = Rc::new(Cell::new(false));
        let mut events = hub.subscribe(None);
        let ring = rung.clone();
        let task = core.start(async move {
            while events.next().await.is_some() {
                while events.take().is_some() {}
                ring.set(true);
                bells.iter().for_each(|bell| bell.set(true));
            }
        });
        Followed {
            hub,
            members: Vec::new(),
            recent: VecDeque::new(),
            rung,
            next: None,
            task,
        }
    }

    /// Whether members wait for their turn.
    fn is_due(&self) -> bool {
        self.next.is_some() || self.rung.get()
    }
}

impl Talking {
    /// Queues the events that are there, as far as there is room.
    fn feed(
        &mut self,
        recent: &VecDeque<Arc<Published>>,
        lent: &mut Lent<'_>,
    ) -> Result<(), Panic> {
        while lent.output.queued < OUTPUT_HIGH_BYTES
            && let Some(feed) = &mut self.feed
        {
            match next_after(recent, feed.after) {
                Next::None => break,
                Next::Dropped => {
                    self.feed = None;
                    let code = CloseCode::new(1013).unwrap_or(CloseCode::POLICY);
                    return self.tell(life::Event::CloseWanted(code), TOO_SLOW, lent);
                }
                Next::Event(event) => {
                    feed.after = event.id();
                    let frames = event.frames(&mut lent.tools.deflater);
                    let Ok(frame) = self.conversation.send_broadcast(frames) else {
                        // It has been told Close.
                        self.feed = None;
                        break;
                    };
                    let chunk = Chunk::Bytes(frame.clone());
                    lent.output.add(lent.buffers, chunk);
                    lent.sent += 1;
                }
            }
        }
        if let Some(feed) = &mut self.feed {
            feed.owes = !matches!(next_after(recent, feed.after), Next::None);
        }
        Ok(())
    }
}

impl Engine {
    /// The hub that a WebSocket follows.
    #[inline]
    fn follows(&mut self, of: Speaker) -> Option<&Feed> {
        self.talking(of)?.feed.as_deref()
    }

    /// A WebSocket of this core begins to follow a hub, and hears what it has missed.
    #[cold]
    pub(super) fn enlist(&mut self, core: &Rc<Core>, of: Speaker) {
        if self.upgrades.feeds.entries >= self.upgrades.feeds.tidied_at {
            self.tidy_feeds(core);
        }
        let feeds = &mut self.upgrades.feeds;
        feeds.listed += 1;
        feeds.entries += 1;
        let listed = feeds.listed;
        let talking = self.talking(of);
        let Some(feed) = talking.and_then(|talking| talking.feed.as_mut()) else {
            return;
        };
        feed.listed = listed;
        let hub = feed.hub.clone();
        let Upgrades { feeds, outside, .. } = &mut self.upgrades;
        let at = feeds.at(&hub).unwrap_or_else(|| {
            let bells = [feeds.rung.clone(), outside.clone()];
            feeds.followed.push(Followed::new(core, hub, bells));
            feeds.followed.len() - 1
        });
        let followed = &mut feeds.followed[at];
        followed.members.push((of, listed));
        followed.hub.refresh(&mut followed.recent);
        self.feed_further(core, of);
    }

    /// A WebSocket has room: there may be more for it. The caller sends what is queued.
    #[inline]
    pub(super) fn feed_further(&mut self, core: &Rc<Core>, of: Speaker) {
        let Some(feed) = self.follows(of) else {
            return;
        };
        let (member, hub) = ((of, feed.listed), feed.hub.clone());
        if let Some(at) = self.upgrades.feeds.at(&hub) {
            let mut followed = std::mem::take(&mut self.upgrades.feeds.followed);
            self.deliver(core, member, &followed[at]);
            followed.append(&mut self.upgrades.feeds.followed);
            self.upgrades.feeds.followed = followed;
        }
    }

    /// Gives events to those that follow, as many as fit into this turn.
    pub(in crate::connection) fn broadcast(&mut self, core: &Rc<Core>) {
        self.upgrades.feeds.rung.set(false);
        let mut followed = std::mem::take(&mut self.upgrades.feeds.followed);
        let mut left = DELIVERIES_PER_TURN_MAX;
        for one in &mut followed {
            self.go_round(core, one, &mut left);
        }
        let is_due = followed.iter().any(Followed::is_due);
        // Whoever began to follow meanwhile.
        followed.append(&mut self.upgrades.feeds.followed);
        self.upgrades.feeds.followed = followed;
        if is_due {
            self.upgrades.feeds.rung.set(true);
        }
    }

    /// Goes on with the round of a hub, or begins the next one if there is something to hear.
    fn go_round(&mut self, core: &Rc<Core>, followed: &mut Followed, left: &mut usize) {
        if followed.next.is_none() && followed.rung.take() {
            followed.next = Some(0);
        }
        if followed.next.is_some() {
            followed.hub.refresh(&mut followed.recent);
        }
        while *left > 0
            && let Some(at) = followed.next
        {
            let Some(&member) = followed.members.get(at) else {
                followed.next = None;
                break;
            };
            *left -= 1;
            if self.is_member(member) {
                followed.next = Some(at + 1);
                if self.deliver(core, member, followed) {
                    self.settle_speaker(core, member.0);
                }
            } else {
                followed.members.swap_remove(at);
            }
        }
    }

    /// Whether it follows still, here.
    fn is_member(&mut self, (of, listed): Member) -> bool {
        let is_here = self.is_here(of);
        let feed = self.follows(of).filter(|_| is_here);
        feed.is_some_and(|feed| feed.listed == listed)
    }

    /// Queues for a member what it has not had. Whether there was anything.
    fn deliver(&mut self, core: &Rc<Core>, (of, _): Member, followed: &Followed) -> bool {
        let Some(feed) = self.follows(of) else {
            return false;
        };
        let is_due = !matches!(next_after(&followed.recent, feed.after), Next::None);
        if is_due {
            self.with_talking(core, of, |talking, lent| {
                talking.feed(&followed.recent, lent)
            });
        }
        is_due
    }

    /// Forgets WebSockets that are gone, and hubs that nobody follows. The next time is when there are twice as many
    /// entries.
    fn tidy_feeds(&mut self, core: &Rc<Core>) {
        let mut followed = std::mem::take(&mut self.upgrades.feeds.followed);
        for one in &mut followed {
            one.members.retain(|member| self.is_member(*member));
            // The places are others now: whoever has had all is passed over.
            one.next = one.next.map(|_| 0);
        }
        followed.retain(|one| {
            let is_followed = !one.members.is_empty();
            if !is_followed {
                core.cancel_task(one.task);
            }
            is_followed
        });
        let feeds = &mut self.upgrades.feeds;
        feeds.entries = followed.iter().map(|one| one.members.len()).sum();
        feeds.tidied_at = 2 * feeds.entries + ENTRIES_MIN;
        feeds.followed = followed;
    }
}
