//! A share of the memory: how much there is of it, how much is taken, and by whom.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytesize::ByteSize;

/// A client may hold as many times what it leaves free to others: 4 is 80 % for one alone, 44 % each for two, and so on.
/// However many clients take all they can get, one that comes new finds something (Choudhury and Hahne, "Dynamic queue
/// length thresholds for shared-memory packet switches", 1998).
pub const TIMES_FREE: u64 = 4;
/// Part of the share that only small requests get, so that large ones never keep them out: one in so many bytes.
const FOR_SMALL: u64 = 16;
/// A charge up to so many bytes is small.
pub const SMALL: u64 = 64 << 10;

/// Who takes memory, as far as it can be told: an address, or a network of IPv6, where one client has many addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Client(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            address => address,
        })
    }
}

/// A share of the memory, in the hands of one of its holders. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct Share {
    pool: Arc<Pool>,
    holder: usize,
}

#[derive(Debug)]
struct Pool {
    name: &'static str,
    limit: u64,
    used: AtomicU64,
    /// What holds memory of it, and how many bytes: for those who look on. A moment's sum may lie beside `used`, and a part
    /// below zero.
    holders: Vec<(&'static str, AtomicI64)>,
    /// What each client that holds anything holds.
    clients: Mutex<HashMap<Client, Weak<Holding>>>,
}

/// What a client holds of a share, in all its charges.
#[derive(Debug)]
pub(super) struct Holding {
    client: Client,
    bytes: AtomicU64,
}

impl Holding {
    /// Whose it is.
    pub fn client(&self) -> Client {
        self.client
    }
}

impl Share {
    /// A share of `limit` bytes that is called `name` in metrics and messages.
    pub fn new(name: &'static str, limit: ByteSize) -> Self {
        let [share] = Share::of_holders(name, limit, [name]);
        share
    }

    /// One share for several holders: each charges by a handle of its own.
    pub fn of_holders<const N: usize>(name: &'static str, limit: ByteSize, holders: [&'static str; N]) -> [Self; N] {
        let pool = Pool {
            name,
            limit: limit.as_u64(),
            used: AtomicU64::new(0),
            holders: holders.map(|holder| (holder, AtomicI64::new(0))).into(),
            clients: Mutex::default(),
        };
        let pool = Arc::new(pool);
        std::array::from_fn(|holder| Share { pool: pool.clone(), holder })
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.pool.name
    }

    /// All of it, in bytes.
    pub fn limit(&self) -> u64 {
        self.pool.limit
    }

    /// What is taken at the moment, in bytes.
    pub fn used(&self) -> u64 {
        self.pool.used.load(Ordering::Relaxed)
    }

    /// What each holder has of it at the moment, in bytes.
    pub fn held(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let bytes = |held: &AtomicI64| u64::try_from(held.load(Ordering::Relaxed)).unwrap_or(0);
        self.pool.holders.iter().map(move |(holder, held)| (*holder, bytes(held)))
    }

    /// The most that one client may ever hold, in bytes.
    pub fn limit_of_one(&self) -> u64 {
        self.large_limit() / (TIMES_FREE + 1) * TIMES_FREE
    }

    fn large_limit(&self) -> u64 {
        self.pool.limit - self.pool.limit / FOR_SMALL
    }

    /// Takes `bytes` more for `holding`, whose charge has `before` bytes already; false if they are not free.
    pub(super) fn take(&self, bytes: u64, before: u64, holding: Option<&Holding>) -> bool {
        let fits = self.fits(bytes, before, holding);
        let taken = self.pool.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            self.hold(bytes as i64);
            holding.map(|holding| holding.bytes.fetch_add(bytes, Ordering::Relaxed));
        }
        taken
    }

    /// Whether [`Share::take`] would find `bytes` free.
    pub(super) fn has_room(&self, bytes: u64, before: u64, holding: Option<&Holding>) -> bool {
        self.fits(bytes, before, holding)(self.used()).is_some()
    }

    /// What is taken of the share after `bytes` more, given what was before; none if they are not free.
    fn fits(&self, bytes: u64, before: u64, holding: Option<&Holding>) -> impl Fn(u64) -> Option<u64> + use<> {
        let small = before.saturating_add(bytes) <= SMALL;
        let is_counted = !small && holding.is_some();
        let limit = if is_counted { self.large_limit() } else { self.pool.limit };
        let own = holding.map_or(0, |holding| holding.bytes.load(Ordering::Relaxed));
        move |used| {
            let after = used.checked_add(bytes).filter(|after| *after <= limit)?;
            let fair = !is_counted || own + bytes <= (limit - after).saturating_mul(TIMES_FREE);
            fair.then_some(after)
        }
    }

    /// Its holder has so many bytes more, or less, of what is taken.
    pub(super) fn hold(&self, bytes: i64) {
        self.pool.holders[self.holder].1.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes `bytes` that are there already, whether they are free or not.
    pub(super) fn note(&self, bytes: u64, holding: Option<&Holding>) {
        self.pool.used.fetch_add(bytes, Ordering::Relaxed);
        self.hold(bytes as i64);
        holding.map(|holding| holding.bytes.fetch_add(bytes, Ordering::Relaxed));
    }

    /// Gives `bytes` back.
    pub(super) fn give_back(&self, bytes: u64, holding: Option<&Holding>) {
        self.pool.used.fetch_sub(bytes, Ordering::Relaxed);
        self.hold(-(bytes as i64));
        holding.map(|holding| holding.bytes.fetch_sub(bytes, Ordering::Relaxed));
    }

    /// What `client` holds, shared by all its charges.
    pub(super) fn holding(&self, client: Client) -> Arc<Holding> {
        let mut clients = self.clients();
        if let Some(holding) = clients.get(&client).and_then(Weak::upgrade) {
            return holding;
        }
        let holding = Arc::new(Holding { client, bytes: AtomicU64::new(0) });
        clients.insert(client, Arc::downgrade(&holding));
        holding
    }

    /// Forgets a client whose last charge goes.
    pub(super) fn leave(&self, holding: Arc<Holding>) {
        let mut clients = self.clients();
        let client = holding.client;
        drop(holding);
        if clients.get(&client).is_some_and(|holding| holding.strong_count() == 0) {
            clients.remove(&client);
        }
    }

    /// Held for a lookup; a map that a panic left is as good as before.
    fn clients(&self) -> MutexGuard<'_, HashMap<Client, Weak<Holding>>> {
        self.pool.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Refused;

    fn client(last: u8) -> Option<Client> {
        Some(IpAddr::from([10, 0, 0, last]).into())
    }

    #[test]
    fn one_client_alone_gets_most_and_never_all() {
        let share = Share::new("requests", ByteSize::mib(160));
        let one = share.charge(client(1));
        assert_eq!((one.client(), share.charge(None).client()), (client(1), None));
        assert!(one.grow(share.limit_of_one()).is_ok());
        assert_eq!(share.charge(client(1)).grow(1 << 20), Err(Refused::Now));
        assert!(share.charge(client(2)).grow(8 << 20).is_ok(), "a newcomer finds something");
        assert!(share.charge(client(1)).grow(SMALL).is_ok(), "small requests get through");
        assert!(share.charge(None).grow(16 << 20).is_ok(), "the service's own work has no fair part");
        drop(one);
        assert_eq!((share.used(), share.clients().len()), (0, 0));
    }

    #[test]
    fn what_holds_a_share_is_told_and_may_hand_on_what_it_has() {
        let [requests, replies] = Share::of_holders("requests", ByteSize::mib(160), ["requests", "replies"]);
        let held = || requests.held().collect::<Vec<_>>();
        let request = requests.charge(client(1));
        assert!(request.grow(10 << 20).is_ok());
        assert_eq!(held(), [("requests", 10 << 20), ("replies", 0)]);
        let reply = request.hand_on(&replies);
        assert_eq!(held(), [("requests", 0), ("replies", 10 << 20)]);
        assert_eq!((request.held(), reply.held(), requests.used()), (0, 10 << 20, 10 << 20));
        reply.settle(1 << 20);
        drop(request);
        assert_eq!(requests.clients().len(), 1, "the client holds the reply");
        drop(reply);
        assert_eq!((replies.used(), held()), (0, vec![("requests", 0), ("replies", 0)]));
        assert_eq!(requests.clients().len(), 0);
    }

    #[test]
    fn what_will_never_fit_is_told_apart_from_what_does_not_fit_now() {
        let share = Share::new("requests", ByteSize::mib(16));
        let charge = share.charge(client(1));
        assert_eq!(charge.grow(17 << 20), Err(Refused::Never { limit: share.limit_of_one() }));
        assert!(charge.grow(8 << 20).is_ok());
        assert_eq!(charge.grow(6 << 20), Err(Refused::Never { limit: share.limit_of_one() }), "with what it has");
        assert_eq!(share.charge(client(1)).grow(6 << 20), Err(Refused::Now));
        assert_eq!(share.used(), 8 << 20, "what is refused takes nothing");
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let of = |text: &str| Client::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
