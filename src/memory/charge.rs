//! What one request, job or reply holds of a share.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::share::{Client, Holding, Share};

/// What a request may hold however little it sends, in bytes: a small body unpacks to a large one.
pub const FOR_ANY: u64 = 160 << 20;
/// What it may hold beyond that for each byte that it sends: ten of packed text, and what is made of each of these.
pub const FOR_A_BYTE: u64 = 64;

/// Memory that is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There will never be so much for one.
    Never {
        /// The most that one may hold, in bytes.
        limit: u64,
    },
    /// Others hold it at the moment.
    Now,
}

impl From<Refused> for io::Error {
    /// For writers, which have no other error; [`super::scope()`] tells of what was refused.
    fn from(_: Refused) -> Self {
        io::ErrorKind::OutOfMemory.into()
    }
}

/// Memory of a share that is held; given back when the last clone is dropped. Threads may grow it together.
#[derive(Clone, Debug)]
pub struct Charge(Arc<Held>);

#[derive(Debug)]
struct Held {
    share: Share,
    /// What the client holds in all; `None` for the service's own work.
    client: Option<Arc<Holding>>,
    bytes: AtomicU64,
    /// The most that this one may hold.
    most: AtomicU64,
}

impl Share {
    /// A charge that holds nothing yet, of `client` or of the service itself.
    pub fn charge(&self, client: Option<Client>) -> Charge {
        let most = if client.is_some() { self.limit_of_one() } else { self.limit() };
        Charge(Arc::new(Held {
            share: self.clone(),
            client: client.map(|client| self.holding(client)),
            bytes: AtomicU64::new(0),
            most: AtomicU64::new(most),
        }))
    }
}

impl Charge {
    /// The client that it is of.
    pub fn client(&self) -> Option<Client> {
        self.0.client.as_ref().map(|holding| holding.client())
    }

    /// Takes `bytes` more.
    ///
    /// # Errors
    /// `Never` if it may not hold so much, `Now` if it is not free.
    pub fn grow(&self, bytes: u64) -> Result<(), Refused> {
        let held = &self.0;
        let before = self.within_bound(bytes)?;
        if !held.share.take(bytes, before, held.client.as_deref()) {
            return Err(Refused::Now);
        }
        held.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// What it holds, if it may hold `bytes` more.
    fn within_bound(&self, bytes: u64) -> Result<u64, Refused> {
        let (before, limit) = (self.held(), self.0.most.load(Ordering::Relaxed));
        if before.saturating_add(bytes) <= limit { Ok(before) } else { Err(Refused::Never { limit }) }
    }

    /// Whether it could take so much at the moment that it holds `bytes`. Takes nothing.
    ///
    /// # Errors
    /// As [`Charge::grow`].
    pub fn could_cover(&self, bytes: u64) -> Result<(), Refused> {
        let more = bytes.saturating_sub(self.held());
        let before = self.within_bound(more)?;
        let is_free = self.0.share.has_room(more, before, self.0.client.as_deref());
        if is_free { Ok(()) } else { Err(Refused::Now) }
    }

    /// Takes so much that it holds `bytes` at least.
    ///
    /// # Errors
    /// As [`Charge::grow`].
    pub fn cover(&self, bytes: u64) -> Result<(), Refused> {
        match bytes.checked_sub(self.held()) {
            None | Some(0) => Ok(()),
            Some(more) => self.grow(more),
        }
    }

    /// Gives `bytes` back.
    pub fn shrink(&self, bytes: u64) {
        let held = &self.0;
        let less = |now: u64| Some(now.saturating_sub(bytes));
        let before = held.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or(0);
        held.share.give_back(bytes.min(before), held.client.as_deref());
    }

    /// Makes it hold `bytes`: what is really there, where an estimate was charged before.
    pub fn settle(&self, bytes: u64) {
        let held = self.held();
        if bytes < held {
            self.shrink(held - bytes);
        } else {
            self.0.bytes.fetch_add(bytes - held, Ordering::Relaxed);
            self.0.share.note(bytes - held, self.0.client.as_deref());
        }
    }

    /// Bounds what it may hold to `most` bytes.
    pub fn bound(&self, most: u64) {
        self.0.most.fetch_min(most, Ordering::Relaxed);
    }

    /// Lets it hold `bytes` more than it was bounded to, within what the share allows.
    pub fn widen(&self, bytes: u64) {
        let (of_one, all) = (self.0.share.limit_of_one(), self.0.share.limit());
        let limit = if self.0.client.is_some() { of_one } else { all };
        let wider = |most: u64| Some(most.saturating_add(bytes).min(limit));
        let _ = self.0.most.fetch_update(Ordering::Relaxed, Ordering::Relaxed, wider);
    }

    /// Hands all that it holds on to a charge of the holder of `share`, which is another handle of the same share: what was
    /// the memory of a request is the memory of its reply.
    pub fn hand_on(&self, share: &Share) -> Charge {
        let held = &self.0;
        let bytes = held.bytes.swap(0, Ordering::Relaxed);
        held.share.hold(-(bytes as i64));
        share.hold(bytes as i64);
        let most = AtomicU64::new(held.most.load(Ordering::Relaxed));
        Charge(Arc::new(Held { share: share.clone(), client: held.client.clone(), bytes: bytes.into(), most }))
    }

    /// What it holds, in bytes.
    pub fn held(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.share.give_back(*self.bytes.get_mut(), self.client.as_deref());
        if let Some(client) = self.client.take() {
            self.share.leave(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    #[test]
    fn what_is_held_follows_what_is_there_and_goes_with_the_last_handle() {
        let share = Share::new("requests", ByteSize::mib(100));
        let charge = share.charge(None);
        assert!(charge.cover(10 << 20).is_ok() && charge.cover(4 << 20).is_ok());
        assert_eq!((charge.held(), share.used()), (10 << 20, 10 << 20));
        charge.settle(3 << 20);
        assert_eq!(share.used(), 3 << 20);
        charge.settle(200 << 20);
        assert_eq!(share.used(), 200 << 20, "what is there counts even if it is too much");
        charge.shrink(u64::MAX);
        assert_eq!((charge.held(), share.used()), (0, 0));
        let other = charge.clone();
        assert!(other.grow(5).is_ok());
        drop(charge);
        assert_eq!(share.used(), 5);
        drop(other);
        assert_eq!(share.used(), 0);
    }

    #[test]
    fn a_bound_of_its_own_holds_until_it_is_widened() {
        let share = Share::new("requests", ByteSize::mib(100));
        let charge = share.charge(None);
        charge.bound(10);
        assert_eq!(charge.grow(11), Err(Refused::Never { limit: 10 }));
        charge.widen(1);
        assert_eq!(charge.grow(11), Ok(()));
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let share = Share::new("requests", ByteSize::b(1000));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let charge = share.charge(None);
                    for _ in 0..1000 {
                        if charge.grow(7).is_ok() {
                            assert!(share.used() <= 1000);
                        } else {
                            charge.settle(0);
                        }
                    }
                });
            }
        });
        assert_eq!(share.used(), 0);
    }
}
