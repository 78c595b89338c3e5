//! Places for work of one kind, of which only so much is under way at once: work waits for one, and the clients that it is of take
//! turns. How many are taken and how many wait can be told, and whether more work comes than can be done.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::memory::{Client, TIMES_FREE};

/// How long a queue may stand until it counts as more work than can be done: a burst is worked off sooner.
const BURST: Duration = Duration::from_millis(100);
/// A queue that was empty for less stands all the same: under more work than can be done the next comes as soon as the thread that
/// reads requests has its turn, for which it waits some milliseconds at times.
const GAP: Duration = Duration::from_millis(50);
/// Of a queue that stands, so much work may wait for each place: who begins to wait then does so for about as long as work
/// takes. One client has no more under way and waiting than there are places, so that what is accepted of a single one that
/// sends too much does not wait at all.
const STANDING: usize = 1;
/// Of a burst, so much may.
const BURSTING: usize = 4;
/// The part of the places that one client may have, where they are more than two: another finds one.
const OF_ONE: (usize, usize) = (4, 5);

/// The places. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct Workplaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: usize,
    /// Those that one client may have.
    of_one: usize,
    queue: Mutex<Queue>,
}

/// Who has places, and who waits for one. Nobody waits who may have one that is free.
#[derive(Debug, Default)]
struct Queue {
    /// The client of each place that is taken, where it is one's.
    taken: Vec<Option<Client>>,
    /// The clients who wait, in the order of their turns.
    turns: VecDeque<Turn>,
    /// Of all clients.
    waiting: usize,
    /// Counts those who ever waited.
    next: u64,
    /// Since when somebody has waited all the while, but for gaps.
    since: Option<Instant>,
    /// When nobody waited any more.
    emptied: Option<Instant>,
}

/// What waits of one client, in its order.
#[derive(Debug)]
struct Turn {
    client: Option<Client>,
    waiting: VecDeque<(u64, oneshot::Sender<Workplace>)>,
}

/// A place, given back when this is dropped.
#[derive(Debug)]
pub struct Workplace {
    places: Workplaces,
    client: Option<Client>,
}

/// How much work that takes long may wait, where clients rather wait than come again.
#[derive(Clone, Copy, Debug)]
pub struct MostWaiting {
    /// What has its turn before who comes next.
    pub before: usize,
    /// What waits of one client.
    pub of_one: usize,
    /// A burst may be longer: a queue that has not stood for so long.
    pub burst: Duration,
}

/// How many places there are, and how they are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// All of them.
    pub places: usize,
    /// Those that are taken.
    pub taken: usize,
    /// What waits for one, where that is counted.
    pub waiting: Option<usize>,
}

impl Workplaces {
    /// So many.
    pub fn new(places: usize) -> Self {
        Workplaces(Arc::new(Inner { places, of_one: (places * OF_ONE.0 / OF_ONE.1).max(2), queue: Mutex::default() }))
    }

    /// The same for work that may take minutes, and all cores in a single place: where there are two, one client has one of them.
    pub fn leaving_one(places: usize) -> Self {
        let of_one = (places * OF_ONE.0 / OF_ONE.1).min(places.saturating_sub(1)).max(1);
        Workplaces(Arc::new(Inner { places, of_one, queue: Mutex::default() }))
    }

    /// Waits for a place for work of `client`, or of the service itself, whose work goes first. Clients who wait take turns, and what
    /// waits of one gets its places in order.
    pub async fn take(&self, client: Option<Client>) -> Workplace {
        let (place, number) = {
            let mut queue = self.0.queue();
            if self.0.may_give(&queue, client) {
                return self.given(&mut queue, client);
            }
            queue.enter(client)
        };
        let _waiting = Waiting { places: &self.0, number };
        place.await.expect("places are there as long as somebody waits for one")
    }

    /// Whether too much waits for more work of `client`: more than of a burst has its turn before, or somebody has waited at any
    /// time of a while, so that more work comes than can be done; or what waits is the client's own for the most part.
    pub fn are_crowded(&self, client: Option<Client>) -> bool {
        let (mut queue, places) = (self.0.queue(), self.0.places);
        let stands = queue.stands();
        let most = places * if stands { STANDING } else { BURSTING };
        let own = if client.is_some() { queue.waiting_of(client) } else { 0 };
        let free = most.saturating_sub(queue.waiting + 1);
        let crowded = queue.before(client, own) >= most
            || own > 0 && own + 1 > TIMES_FREE as usize * free
            || stands && client.is_some() && own + queue.taken_by(client) >= places;
        if crowded && queue.waiting == 0 {
            // Who is told so would have waited: the queue stands as long as such come.
            queue.emptied = Some(Instant::now());
        }
        crowded
    }

    /// Whether more than `most` waits for more work of `client`, and has for longer than a burst: who comes now would wait so long
    /// that it had better come again.
    pub fn are_full(&self, client: Option<Client>, most: MostWaiting) -> bool {
        let queue = self.0.queue();
        let own = if client.is_some() { queue.waiting_of(client) } else { 0 };
        queue.has_stood_for(most.burst) && (own >= most.of_one || queue.before(client, own) >= most.before)
    }

    /// How they are used at the moment.
    pub fn occupancy(&self) -> Occupancy {
        let queue = self.0.queue();
        Occupancy { places: self.0.places, taken: queue.taken.len(), waiting: Some(queue.waiting) }
    }

    fn given(&self, queue: &mut Queue, client: Option<Client>) -> Workplace {
        queue.taken.push(client);
        Workplace { places: self.clone(), client }
    }
}

impl Inner {
    /// Whether a place is free for work of `client`.
    fn may_give(&self, queue: &Queue, client: Option<Client>) -> bool {
        queue.taken.len() < self.places && (client.is_none() || queue.taken_by(client) < self.of_one)
    }

    // Nothing that is done under the lock panics.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Whether somebody has waited for longer than a burst takes, but for gaps, and does so still.
    fn stands(&self) -> bool {
        self.has_stood_for(BURST)
    }

    fn has_stood_for(&self, time: Duration) -> bool {
        let is_still = self.waiting > 0 || self.emptied.is_some_and(|emptied| emptied.elapsed() < GAP);
        is_still && self.since.is_some_and(|since| since.elapsed() >= time)
    }

    fn taken_by(&self, client: Option<Client>) -> usize {
        self.taken.iter().filter(|taken| **taken == client).count()
    }

    /// How much of what waits would have its turn before more work of `client`, of which `own` waits: of each other client as
    /// much, and one more.
    fn before(&self, client: Option<Client>, own: usize) -> usize {
        if client.is_none() {
            return self.waiting;
        }
        let others = self.turns.iter().filter(|turn| turn.client != client);
        own + others.map(|turn| turn.waiting.len().min(own + 1)).sum::<usize>()
    }

    fn waiting_of(&self, client: Option<Client>) -> usize {
        self.turns.iter().find(|turn| turn.client == client).map_or(0, |turn| turn.waiting.len())
    }

    /// Begins to wait: what brings the place, and the number of the one who waits.
    fn enter(&mut self, client: Option<Client>) -> (oneshot::Receiver<Workplace>, u64) {
        if self.waiting == 0 && self.emptied.is_none_or(|emptied| emptied.elapsed() >= GAP) {
            self.since = Some(Instant::now());
        }
        self.waiting += 1;
        let ((bring, place), number) = (oneshot::channel(), self.next);
        self.next += 1;
        match self.turns.iter_mut().find(|turn| turn.client == client) {
            Some(turn) => turn.waiting.push_back((number, bring)),
            None => self.begin_turn(Turn { client, waiting: VecDeque::from([(number, bring)]) }),
        }
        (place, number)
    }

    /// Has the turn come when all others have had theirs; that of the service itself, for whose work all wait, before them.
    fn begin_turn(&mut self, turn: Turn) {
        match turn.client {
            Some(_) => self.turns.push_back(turn),
            None => self.turns.push_front(turn),
        }
    }

    /// Who is next to have a place, if one of `places` is free for anybody who waits: his client, and what brings it to him.
    fn next_turn(&mut self, places: &Inner) -> Option<(Option<Client>, oneshot::Sender<Workplace>)> {
        let at = self.turns.iter().position(|turn| places.may_give(self, turn.client))?;
        let mut turn = self.turns.remove(at)?;
        let (client, (_, bring)) = (turn.client, turn.waiting.pop_front()?);
        if !turn.waiting.is_empty() {
            self.begin_turn(turn);
        }
        self.left();
        Some((client, bring))
    }

    /// One fewer waits.
    fn left(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.emptied = Some(Instant::now());
        }
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let mut queue = self.places.0.queue();
        if let Some(at) = queue.taken.iter().position(|taken| *taken == self.client) {
            queue.taken.swap_remove(at);
        }
        let Some((client, bring)) = queue.next_turn(&self.places.0) else { return };
        let place = self.places.given(&mut queue, client);
        drop(queue);
        // Who has given up meanwhile gives it back by that.
        let _ = bring.send(place);
    }
}

/// Somebody who waits, until he has a place or gives up.
struct Waiting<'a> {
    places: &'a Inner,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut queue = self.places.queue();
        let is_his = |(number, _): &(u64, _)| *number == self.number;
        let found =
            queue.turns.iter().enumerate().find_map(|(at, turn)| Some((at, turn.waiting.iter().position(is_his)?)));
        let Some((at, of_turn)) = found else { return };
        queue.turns[at].waiting.remove(of_turn);
        if queue.turns[at].waiting.is_empty() {
            queue.turns.remove(at);
        }
        queue.left();
    }
}

#[cfg(test)]
mod tests;
