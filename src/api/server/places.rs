//! Places for connections: so many in all, and so many of one address where that is bounded. When all are taken, those make
//! room whose request is answered and whose client is only heard out; then those whose clients the service waits for: for a
//! request, for more of it, or for taking the reply. Of these first go clients that never sent a request, the latest first, so
//! that those of before a flood stay; then those that are waited for longest. Where none is silent, those make room that wait
//! for what becomes of a job, or follow it, which they may do again: of the client with the most places, the latest first.
//!
//! What counts is whatever holds a [`Place`]: a connection, or a further stream of one.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::AbortHandle as StreamHandle;
use tokio::task::AbortHandle;

use super::watched::{Phase, Watched};
use crate::api::layers::peer::Peer;
use crate::memory::Client;
use crate::telemetry::Meters;

/// A client that has been silent for less keeps its place: it may be about to send its request.
const MAKES_ROOM_AFTER: Duration = Duration::from_secs(1);
/// The same within a body or a reply, where the network makes pauses.
const WITHIN_A_REQUEST: Duration = Duration::from_secs(5);
/// The part of all places that is cleared at once, so that not every newcomer has all of them searched.
const CLEARED: usize = 32;

/// Less than this part of all places are too few to choose among.
const FEW: usize = 16;

/// All places. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Places(Arc<All>);

struct All {
    most: usize,
    of_address: Option<usize>,
    taken: Mutex<Taken>,
    meters: Arc<Meters>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    places: HashMap<u64, Guest>,
    by_client: HashMap<Client, usize>,
}

/// Who has a place.
struct Guest {
    client: Client,
    seen: Option<Seen>,
}

/// Where a connection or a stream stands, and what ends it.
pub struct Seen {
    /// Its stream.
    pub watched: Arc<Watched>,
    /// The client, and its request.
    pub peer: Peer,
    /// What ends it.
    pub ends: Ends,
}

/// What ends whoever has a place.
pub enum Ends {
    /// The task of a connection.
    Connection(AbortHandle),
    /// The task of a stream.
    Stream(StreamHandle),
}

impl Ends {
    fn end(&self) {
        match self {
            Ends::Connection(task) => task.abort(),
            Ends::Stream(task) => task.abort(),
        }
    }
}

/// A place, given back when this is dropped.
pub struct Place {
    number: u64,
    places: Places,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// All are taken.
    All,
    /// The address has as many as one may have.
    Address,
}

impl Places {
    /// `most` places, of which one address may have `of_address`.
    pub fn new(most: usize, of_address: Option<usize>, meters: Arc<Meters>) -> Self {
        Places(Arc::new(All { most, of_address, taken: Mutex::default(), meters }))
    }

    /// A place for a client at `address`.
    ///
    /// # Errors
    /// There is none.
    pub fn take(&self, address: IpAddr) -> Result<Place, NoPlace> {
        let (client, mut taken) = (Client::from(address), self.lock());
        let held = taken.by_client.get(&client).copied().unwrap_or(0);
        if self.0.of_address.is_some_and(|most| held >= most) {
            return Err(NoPlace::Address);
        }
        if taken.places.len() >= self.0.most {
            let is_cleared = self.clear(&mut taken);
            if !is_cleared {
                return Err(NoPlace::All);
            }
        }
        *taken.by_client.entry(client).or_default() += 1;
        let number = taken.next;
        taken.next += 1;
        taken.places.insert(number, Guest { client, seen: None });
        self.0.meters.connections.set(taken.places.len() as i64);
        Ok(Place { number, places: self.clone() })
    }

    /// Ends some of the connections whose clients are silent: there is no descriptor for another one.
    pub fn make_room(&self) {
        self.clear(&mut self.lock());
    }

    fn clear(&self, taken: &mut Taken) -> bool {
        let cleared = taken.clear((self.0.most / CLEARED).max(1)) as u64;
        self.0.meters.connections_cut.with_label_values(&["made_room"]).inc_by(cleared);
        cleared > 0
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.lock().places.len()
    }

    /// Says who has the place of that number, so that it can make room.
    pub fn note(&self, number: u64, seen: Seen) {
        if let Some(guest) = self.lock().places.get_mut(&number) {
            guest.seen = Some(seen);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Ends at most so many of the connections that are done with or whose clients are silent; says how many.
    fn clear(&mut self, most: usize) -> usize {
        let mut cleared = self.ranked(Seen::lingers);
        if cleared.is_empty() {
            // While only the first connections of a flood have been silent for long, none goes; then never the oldest half.
            cleared = self.unless_few(self.ranked(Seen::rank));
            cleared.truncate(cleared.len().div_ceil(2));
        }
        if cleared.is_empty() {
            cleared = self.unless_few(self.following());
        }
        cleared.truncate(most);
        for number in &cleared {
            self.places.get(number).and_then(|guest| guest.seen.as_ref()).inspect(|seen| seen.ends.end());
            self.leave(*number);
        }
        cleared.len()
    }

    /// None of them where they are too few to choose among.
    fn unless_few(&self, numbers: Vec<u64>) -> Vec<u64> {
        if numbers.len() * FEW < self.places.len() { Vec::new() } else { numbers }
    }

    /// The numbers of those that wait for what becomes of a job, or follow it: of the client with the most places first.
    fn following(&self) -> Vec<u64> {
        let held = |number| self.places.get(&number).and_then(|guest| self.by_client.get(&guest.client));
        self.ranked(|seen, number| seen.follows().then(|| Reverse((held(number), number))))
    }

    /// The numbers of those that have a rank, in its order.
    fn ranked<R: Ord>(&self, rank: impl Fn(&Seen, u64) -> Option<R>) -> Vec<u64> {
        let ranked = |(number, guest): (&u64, &Guest)| Some((rank(guest.seen.as_ref()?, *number)?, *number));
        let mut ranked: Vec<_> = self.places.iter().filter_map(ranked).collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, number)| number).collect()
    }

    fn leave(&mut self, number: u64) {
        let Some(guest) = self.places.remove(&number) else { return };
        if let Some(held) = self.by_client.get_mut(&guest.client) {
            *held -= 1;
            if *held == 0 {
                self.by_client.remove(&guest.client);
            }
        }
    }
}

impl Seen {
    /// Where a connection that only hears its client out stands among those that do: the longest first.
    fn lingers(&self, _number: u64) -> Option<Reverse<Duration>> {
        self.watched.lingers_for().map(Reverse)
    }

    /// Whether all that it is there for waits for what becomes of a job, or follows it.
    fn follows(&self) -> bool {
        self.peer.follows() && self.watched.phase() == Phase::Answering && !self.watched.is_shared()
    }

    /// Where a silent connection stands in the order of those that make room; nothing of one that does not.
    fn rank(&self, number: u64) -> Option<(bool, Reverse<u64>)> {
        let (silence, has_asked) = (self.silence()?, self.watched.has_asked());
        Some((has_asked, Reverse(if has_asked { silence.as_millis() as u64 } else { number })))
    }

    /// For how long the client has been silent where it is the one to do something; nothing if that is not long.
    fn silence(&self) -> Option<Duration> {
        let between = self.watched.silent_for().filter(|time| *time >= MAKES_ROOM_AFTER);
        let within = || self.peer.received.awaited_for().max(self.watched.stalled_for());
        between.or_else(|| within().filter(|time| *time >= WITHIN_A_REQUEST))
    }
}

impl Place {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.leave(self.number);
        self.places.0.meters.connections.set(taken.places.len() as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::layers::peer::Caller;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn places_are_counted_in_all_and_by_address() {
        let places = Places::new(3, Some(2), Meters::new());
        let one = places.take(address("192.0.2.1")).expect("free");
        let _two = places.take(address("::ffff:192.0.2.1")).expect("free");
        assert_eq!(places.take(address("192.0.2.1")).err(), Some(NoPlace::Address));
        let _three = places.take(address("2001:db8::1")).expect("free");
        assert_eq!(places.take(address("192.0.2.2")).err(), Some(NoPlace::All));
        assert_eq!(places.taken(), 3);
        drop(one);
        let _four = places.take(address("2001:db8::2:3:4:5")).expect("free");
        assert_eq!(places.take(address("2001:db8::7")).err(), Some(NoPlace::Address), "one network");
    }

    /// A connection that has a place, silent or busy.
    fn guest(places: &Places, silent: bool) -> tokio::task::JoinHandle<()> {
        let watched = Watched::new(Duration::from_secs(1), 1024);
        if !silent {
            watched.answering();
        }
        guest_from(places, "192.0.2.1", watched, false)
    }

    /// A connection of a client that follows a job.
    fn follower(places: &Places, from: &str, streams: usize) -> tokio::task::JoinHandle<()> {
        let watched = Watched::new(Duration::from_secs(1), 1024);
        watched.answering();
        watched.carries(streams);
        guest_from(places, from, watched, true)
    }

    fn guest_from(places: &Places, from: &str, watched: Arc<Watched>, follows: bool) -> tokio::task::JoinHandle<()> {
        let place = places.take(address(from)).expect("free");
        let number = place.number();
        let task = tokio::spawn(async move {
            let _place = place;
            std::future::pending::<()>().await;
        });
        let peer = Arc::new(Caller::new(format!("{from}:49152").into()));
        peer.set_follows(follows);
        places.note(number, Seen { watched, peer, ends: Ends::Connection(task.abort_handle()) });
        task
    }

    #[tokio::test]
    async fn those_of_before_a_flood_stay() {
        let places = Places::new(2 * FEW, None, Meters::new());
        let first = guest(&places, true);
        tokio::time::sleep(MAKES_ROOM_AFTER).await;
        let flood: Vec<_> = (1..2 * FEW).map(|_| guest(&places, true)).collect();
        assert_eq!(places.take(address("192.0.2.2")).err(), Some(NoPlace::All), "one is no choice");
        tokio::time::sleep(MAKES_ROOM_AFTER).await;
        let _place = places.take(address("192.0.2.2")).expect("room was made");
        tokio::task::yield_now().await;
        assert!(!first.is_finished() && flood.last().is_some_and(|last| last.is_finished()));
    }

    #[tokio::test]
    async fn those_that_follow_make_room_of_the_client_with_the_most_places() {
        let places = Places::new(4, None, Meters::new());
        let mut many: Vec<_> = (0..3).map(|_| follower(&places, "192.0.2.1", 0)).collect();
        let one = follower(&places, "192.0.2.9", 0);
        let _place = places.take(address("192.0.2.2")).expect("room was made");
        assert!(many.remove(2).await.is_err_and(|error| error.is_cancelled()), "the latest goes");
        assert!(!one.is_finished() && many.iter().all(|other| !other.is_finished()));
    }

    #[tokio::test]
    async fn a_connection_makes_no_room_that_does_more_than_follow() {
        let places = Places::new(2, None, Meters::new());
        let (shared, _busy) = (follower(&places, "192.0.2.1", 2), guest(&places, false));
        assert_eq!(places.take(address("192.0.2.2")).err(), Some(NoPlace::All));
        assert!(!shared.is_finished());
    }

    #[tokio::test]
    async fn the_silent_make_room_and_the_busy_do_not() {
        let places = Places::new(2, None, Meters::new());
        let guest = |silent| guest(&places, silent);
        let (silent, busy) = (guest(true), guest(false));
        assert_eq!(places.take(address("192.0.2.2")).err(), Some(NoPlace::All), "it came a moment ago");
        tokio::time::sleep(MAKES_ROOM_AFTER).await;
        let _place = places.take(address("192.0.2.2")).expect("room was made");
        assert!(silent.await.is_err_and(|error| error.is_cancelled()) && !busy.is_finished());
        assert_eq!(places.taken(), 2);
        assert_eq!(places.take(address("192.0.2.2")).err(), Some(NoPlace::All));
    }
}
