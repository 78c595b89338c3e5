//! A share of the memory: how much there is of it, how much is taken, and by whom.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytesize::ByteSize;

/// A client may hold as many times what it leaves free to others: 4 is 80 % for one alone, 44 % each for two, and so on.
/// However many clients take all they can get, one that comes new finds something (Choudhury and Hahne, "Dynamic queue
/// length thresholds for shared-memory packet switches", 1998).
const TIMES_FREE: u64 = 4;
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

/// A share of the memory. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct Share(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    name: &'static str,
    limit: u64,
    used: AtomicU64,
    /// What each client that holds anything holds.
    clients: Mutex<HashMap<Client, Weak<Holding>>>,
}

/// What a client holds of a share, in all its charges.
#[derive(Debug)]
pub(super) struct Holding {
    client: Client,
    bytes: AtomicU64,
}

impl Share {
    /// A share of `limit` bytes that is called `name` in metrics and messages.
    pub fn new(name: &'static str, limit: ByteSize) -> Self {
        Share(Arc::new(Pool { name, limit: limit.as_u64(), used: AtomicU64::new(0), clients: Mutex::default() }))
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// All of it, in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// What is taken at the moment, in bytes.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// The most that one client may ever hold, in bytes.
    pub fn limit_of_one(&self) -> u64 {
        self.large_limit() / (TIMES_FREE + 1) * TIMES_FREE
    }

    fn large_limit(&self) -> u64 {
        self.0.limit - self.0.limit / FOR_SMALL
    }

    /// Takes `bytes` more for `holding`, whose charge has `before` bytes already; false if they are not free.
    pub(super) fn take(&self, bytes: u64, before: u64, holding: Option<&Holding>) -> bool {
        let small = before.saturating_add(bytes) <= SMALL;
        let limit = if small || holding.is_none() { self.0.limit } else { self.large_limit() };
        let own = holding.map_or(0, |holding| holding.bytes.load(Ordering::Relaxed));
        let fits = |used: u64| {
            let after = used.checked_add(bytes).filter(|after| *after <= limit)?;
            let fair = small || holding.is_none() || own + bytes <= (limit - after).saturating_mul(TIMES_FREE);
            fair.then_some(after)
        };
        let taken = self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken && let Some(holding) = holding {
            holding.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        taken
    }

    /// Takes `bytes` that are there already, whether they are free or not.
    pub(super) fn note(&self, bytes: u64, holding: Option<&Holding>) {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        holding.map(|holding| holding.bytes.fetch_add(bytes, Ordering::Relaxed));
    }

    /// Gives `bytes` back.
    pub(super) fn give_back(&self, bytes: u64, holding: Option<&Holding>) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
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
        self.0.clients.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(one.grow(share.limit_of_one()).is_ok());
        assert_eq!(share.charge(client(1)).grow(1 << 20), Err(Refused::Now));
        assert!(share.charge(client(2)).grow(8 << 20).is_ok(), "a newcomer finds something");
        assert!(share.charge(client(1)).grow(SMALL).is_ok(), "small requests get through");
        assert!(share.charge(None).grow(16 << 20).is_ok(), "the service's own work has no fair part");
        drop(one);
        assert_eq!((share.used(), share.clients().len()), (0, 0));
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
